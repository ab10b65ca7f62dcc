"""From runs to normalised regret, and its intervals.

Regret is normalised per task: 0 is the best noise-free value known, 1 what random search's pick has after ten
evaluations (median over its seeds). A recommendation that fails, or none, counts as `WORST`, and nothing counts
for more than that.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.regret.trials import READ_AT, Run

OURS = "physai-inverse"
DESIGNS = ("random", "Sobol")
"""Tuners that learn nothing: baselines, no peers."""
WORST = 3.0
"""Largest normalised regret that is counted: one lost task must not decide a mean."""
NUM_DRAWS = 2000
LEAST_UNIT = 1e-12
"""Of regret; a task on which random search's pick is the best known after ten evaluations has no other."""


@dataclass(frozen=True)
class Regret:
    """Normalised regret of one tuner on one task.

    Args:
        seeds: ``[s]`` in ascending order.
        picked: ``[s, times]`` of the recommendation, at `READ_AT`.
        lucky: ``[s, times]`` of the best measured.
    """

    seeds: tuple[int, ...]
    picked: np.ndarray
    lucky: np.ndarray

    def at(self, evaluations: int) -> np.ndarray:
        """Give ``[s]``, the regret of the recommendation after so many evaluations."""
        column: np.ndarray = self.picked[:, READ_AT.index(evaluations)]
        return column

    def only(self, seeds: Iterable[int]) -> "Regret":
        """Keep some seeds."""
        rows = [self.seeds.index(seed) for seed in sorted(seeds)]
        return Regret(tuple(self.seeds[row] for row in rows), self.picked[rows], self.lucky[rows])


Scores = dict[str, dict[str, Regret]]
"""Tuner to task to regret."""


def units(runs: Iterable[Run]) -> dict[str, float]:
    """Give the unit of regret of each task: what random search's pick has after ten evaluations."""
    at_ten = READ_AT.index(10)
    excess: dict[str, list[float]] = {}
    for run in runs:
        if run["tuner"] == "random":
            excess.setdefault(run["problem"], []).append(_number(run["excess"][at_ten]))
    return {name: max(float(np.median(values)), LEAST_UNIT) for name, values in excess.items()}


def normalise(runs: Iterable[Run]) -> Scores:
    """Give the normalised regret of every run of a full length on a task that random search was run on."""
    runs = [run for run in runs if len(run["excess"]) == len(READ_AT)]
    unit = units(runs)
    grouped: dict[tuple[str, str], list[Run]] = {}
    for run in sorted(runs, key=lambda run: run["seed"]):
        if run["problem"] in unit:
            grouped.setdefault((run["tuner"], run["problem"]), []).append(run)
    scores: Scores = {}
    for (tuner, name), own in grouped.items():
        picked, lucky = (
            np.minimum([[_number(value) / unit[name] for value in run[key]] for run in own], WORST)
            for key in ("excess", "best measured")
        )
        scores.setdefault(tuner, {})[name] = Regret(tuple(run["seed"] for run in own), picked, lucky)
    return scores


def _number(value: float | None) -> float:
    return np.inf if value is None else value


def resampled(rows: list[np.ndarray], *, seed: int = 0) -> np.ndarray:
    """Draw means over tasks of means over seeds, tasks and then seeds drawn anew: a hierarchical bootstrap.

    Args:
        rows: for each task ``[s, ...]``.
        seed: of the draws.

    Returns:
        ``[draws, ...]``.
    """
    random = np.random.default_rng(seed)
    means = []
    for _ in range(NUM_DRAWS):
        tasks = [rows[task] for task in random.integers(len(rows), size=len(rows))]
        means.append(
            np.mean([row[random.integers(len(row), size=len(row))].mean(axis=0) for row in tasks], axis=0)
        )
    return np.array(means)


def interval(rows: list[np.ndarray]) -> tuple[float, float, float]:
    """Give the mean over tasks of the mean over seeds ``[s]``, and the ends of its 90 % interval."""
    low, high = np.quantile(resampled(rows), (0.05, 0.95))
    return float(np.mean([row.mean() for row in rows])), float(low), float(high)


def shared(first: Mapping[str, Regret], second: Mapping[str, Regret]) -> dict[str, tuple[Regret, Regret]]:
    """Give what two tuners have in common: task to the regret of each on the same seeds."""
    common = {}
    for name in first.keys() & second.keys():
        seeds = set(first[name].seeds) & set(second[name].seeds)
        if seeds:
            common[name] = first[name].only(seeds), second[name].only(seeds)
    return dict(sorted(common.items()))


def deviation(regret: Regret, evaluations: int) -> float:
    """Give the standard error of the mean over seeds; 0 where one seed does not tell."""
    column = regret.at(evaluations)
    return float(column.std(ddof=1) / np.sqrt(len(column))) if len(column) > 1 else 0.0
