"""The benchmark of forward maps: its distributions integrate to one, and its ranks are what they say."""

import numpy as np
import pytest

from benchmarks.forward.predictives import Normals, Steps
from benchmarks.forward.summary import by_size


def test_the_density_between_and_beyond_quantiles_integrates_to_one_and_gives_them_back() -> None:
    levels = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
    steps = Steps(levels, np.array([[0.0, 1.0, 0.9, 3.0, 7.0]]), 1e-3)  # two of them crossed
    grid = np.linspace(-60, 90, 300_001)
    many = Steps(levels, np.repeat(steps.given, len(grid), axis=0), 1e-3)
    density = np.exp(many.log_density(grid))
    below = np.cumsum(density) * (grid[1] - grid[0])
    assert below[-1] == pytest.approx(1.0, abs=3e-3)
    for level in (0.01, 0.05, 0.4, 0.99):
        assert np.interp(steps.quantiles([level])[0, 0], grid, below) == pytest.approx(level, abs=4e-3)


def test_quantiles_of_normals_are_theirs() -> None:
    found = Normals(np.array([1.0, 0.0]), np.array([2.0, 1.0])).quantiles([0.5, 0.975])
    assert found == pytest.approx(np.array([[1.0, 4.91993], [0.0, 1.95996]]), abs=1e-4)


def test_the_best_on_every_task_has_rank_one_and_is_not_behind() -> None:
    lines = [
        {
            "regressor": name, "task": task, "kind": task, "rows": 16, "seed": seed, "log density": density,
            "crps": crps, "r2": 0.5, "in 50 %": 0.5, "in 90 %": 0.9, "seconds": 1.0,
        }
        for task in ("a", "b")
        for seed in (0, 1)
        for name, density, crps in (("ours", 1.0, 0.1), ("SingleTaskGP", 0.5, 0.3))
    ]  # fmt: skip
    table = by_size(lines)["16"]["regressors"]
    assert table["ours"]["log density"]["mean rank"] == 1.0
    assert table["ours"]["crps"]["behind the best, at most"][1] == 0.0
    assert table["SingleTaskGP"]["log density"]["behind the best, at most"][1] == pytest.approx(0.5)
    # where a task has no category the mixed process is the plain one, and they share a rank
    assert table["MixedSingleTaskGP"]["crps"]["mean rank"] == 2.5


def test_coverage_is_averaged_over_seeds_that_the_others_lack() -> None:
    lines = [
        {
            "regressor": name, "task": "a", "kind": "a", "rows": 16, "seed": seed, "log density": 0.0,
            "crps": 0.1, "r2": 0.5, "in 50 %": 0.5, "in 90 %": 0.99 if seed == 0 else 0.87, "seconds": 1.0,
        }
        for name, seeds in (("ours", 4), ("SingleTaskGP", 1))
        for seed in range(seeds)
    ]  # fmt: skip
    table = by_size(lines)["16"]["regressors"]
    assert table["ours"]["in 90 %"] == pytest.approx(0.9)
    assert table["ours"]["tables with 85 to 95 % in 90 %"] == 1.0
    assert table["MixedSingleTaskGP"]["tables with 85 to 95 % in 90 %"] == 0.0
