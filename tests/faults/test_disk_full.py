"""R7: when nothing more can be written, one line says so, nothing is lost, and it goes on afterwards."""

from pathlib import Path

import pytest

from physai_inverse.store import Proposal, Store
from tests.faults import history, workers


@pytest.mark.parametrize(
    "levels", [pytest.param(range(3), id="short"), pytest.param(range(40), id="full", marks=pytest.mark.slow)]
)
def test_a_full_disk_loses_nothing(url: str, tmp_path: Path, levels: range) -> None:
    size = (tmp_path / "study.db").stat().st_size
    for level in levels:
        log = str(tmp_path / f"{level}.log")
        assert workers.join([workers.start(workers.fill, url, log, size + 1_000 + 7_919 * level)]) == [3]
    with Store(url) as store:
        assert history.broken_rules(store, "s", history.read(tmp_path), 600) == []
        (trial,) = store.propose("s", [Proposal({"x": 1})], worker="w", lease_seconds=5)
        assert store.observe("s", trial.number, {"loss": 1.0}, token=trial.token).state == "done"
