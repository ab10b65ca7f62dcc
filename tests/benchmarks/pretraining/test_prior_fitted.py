from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.pretraining import prior_fitted
from benchmarks.pretraining.prior_fitted import rate, train


def options(folder: Path, steps: int, until: int | None = None) -> Namespace:
    return Namespace(
        steps=steps, until=until, seed=1, rate=3e-3, rows=120, largest=8, every=2, workers=0,
        width=8, layers=1, heads=4, hidden=4, checkpoint=folder / "checkpoint",
    )  # fmt: skip


@pytest.mark.slow  # the first step of an optimiser loads much of torch
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prior_fitted, "HELD_OUT", ((6, 1),))
    monkeypatch.setattr(prior_fitted, "HELD_OUT_ROWS", 60)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        (tmp_path / "whole").mkdir()
        whole = train(options(tmp_path / "whole", 4)).arrays()
        train(options(tmp_path, 4, until=2))
        again = train(options(tmp_path, 4)).arrays()
    finally:
        torch.set_num_threads(threads)
    assert all(np.array_equal(whole[name], again[name]) for name in whole)


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    given = options(tmp_path, 4)
    torch.save({"of": prior_fitted.run_of(given) | {"seed": 9}}, given.checkpoint)
    with pytest.raises(SystemExit, match="is of another run"):
        train(given)


def test_the_learning_rate_rises_stays_and_falls() -> None:
    given = options(Path(), 1000)
    rates = [rate(step, given) for step in range(1000)]
    assert rates[0] == 0.01
    assert rates[100:700] == [1.0] * 600
    assert rates[-1] < 0.03
    assert rates[:690] == [rate(step, options(Path(), 5000)) for step in range(690)]
