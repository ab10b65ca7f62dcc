"""A stack gives what an ordinary loop of `torch.optim` gives for each of its models."""

import pytest

from benchmarks.trainer import OPTIMIZERS, exactness


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(("precision", "steps", "limit"), [("float64", 60, 1e-10), ("float32", 20, 1e-5)])
def test_stacked_models_of_mixed_widths_have_the_losses_of_ordinary_loops(
    optimizer: str, precision: str, steps: int, limit: float
) -> None:
    found = exactness(optimizer, precision, steps, models=6)
    assert found["stacked"] == 6
    assert found["median"] < limit
