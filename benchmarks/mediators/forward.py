"""What the forward map may learn of a training that was stopped: a bound, or a predicted end with its error.

A study is replayed with the rule that looks at mediators and the map, and a process is fitted to what it has in
the end. It is judged on trainings that the study did not draw: all of them, and the better half, where it counts.

    finished    the finished trainings alone
    bound       stopped ones count as worse than the third best: what the package does
    predicted   stopped ones have the end that the rule predicted when it stopped them, with its standard error
    all         every training to its end, as if nothing had been stopped

Then the same in a loop: the next training is the one of a pool with the largest expected improvement by the map.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.mediators.policies import Ours
from benchmarks.mediators.recordings import Recording
from benchmarks.records import rounded
from physai_inverse.forward import AbstractMetricModel, Column, Dataset
from physai_inverse.inverse.stopping import KTH, StoppingRule, Verdict
from physai_inverse.normal import ndtr
from physai_inverse.observations import Curve
from physai_inverse.seeds import generator
from physai_inverse.surrogates import GaussianProcess

WAYS = ("finished", "bound", "predicted", "all")
FIRST = 10
"""Trainings of a loop that are drawn at random."""


@dataclass
class Noted(Ours):
    """The rule, which notes the end that it predicted for what it stopped: value and standard error."""

    noted: dict[int, tuple[float, float]] = field(default_factory=dict)

    def judged(self, row: int, rule: StoppingRule, curve: Curve, others: Mapping[str, Curve]) -> Verdict:
        """Judge, and note."""
        verdict = super().judged(row, rule, curve, others)
        if verdict and rule.expected is not None and rule.bar is not None:
            found, _ = rule.forecast(curve, others, rule.bar)
            spread = found.width * math.sqrt(found.freedom / (found.freedom - 2.0))
            places = np.array([found.expected - spread, found.expected, found.expected + spread])
            low, middle, high = rule.expected.warp.inverse(places).tolist()
            self.noted[row] = middle, 0.5 * (high - low)
        return verdict


def learned(task: Recording, drawn: Sequence[int], policy: Noted, stopped: Sequence[int], way: str) -> Dataset:
    """Give what the map is fitted to.

    Args:
        task: the trainings.
        drawn: rows that were trained, diverged ones left out.
        policy: what finished, and what was predicted.
        stopped: rows that were stopped.
        way: one of `WAYS`.
    """
    rows = [row for row in drawn if way != "finished" or row not in stopped]
    values, errors = task.finals[rows].copy(), np.zeros(len(rows))
    censored = np.zeros(len(rows), dtype=np.int8)
    ends = np.sort(task.finals[policy.finished])
    bar = float(ends[-KTH] if task.maximize else ends[KTH - 1])
    for place, row in enumerate(rows):
        if row not in stopped or way == "all":
            continue
        if way == "predicted" and row in policy.noted:
            values[place], errors[place] = policy.noted[row]
        else:
            values[place], censored[place] = bar, -1 if task.maximize else 1
    column = {task.metric: Column(values, errors, censored)}
    return Dataset(task.space, task.units[rows], column, np.zeros(len(rows), dtype=bool))


def fitted(data: Dataset, metric: str) -> AbstractMetricModel:
    """Fit the quick process."""
    return GaussianProcess().fit(data, seed=0, metrics=[metric]).model(metric)


def held_out(recording: Recording, *, trainings: int, seed: int) -> dict[str, dict[str, float]]:
    """Replay a study, fit in every way, and score on trainings that it did not draw."""
    order = generator(seed, "order", recording.name).permutation(len(recording))
    policy = Noted(recording, seed, mediators=True, expected=True)
    drawn, stopped = [], []
    for row in order[:trainings].tolist():
        if trained(recording, policy, row)[1]:
            stopped.append(row)
        if np.isfinite(recording.finals[row]):
            drawn.append(row)
    rest = order[trainings : trainings + 300]
    rest = rest[np.isfinite(recording.finals[rest])]
    truth, sign = recording.finals[rest], -1.0 if recording.maximize else 1.0
    better = sign * truth <= np.median(sign * truth)
    scores = {}
    for way in WAYS:
        model = fitted(learned(recording, drawn, policy, stopped, way), recording.metric)
        mean, _ = model.latent(recording.units[rest])
        density = model.log_density(recording.units[rest], truth)
        scores[way] = {
            "log density": float(np.median(density)),
            "log density of the better half": float(np.median(density[better])),
            "rank correlation": _rank_correlation(mean, truth),
            "rank correlation of the better half": _rank_correlation(mean[better], truth[better]),
        }
    return scores


def trained(task: Recording, policy: Ours, row: int) -> tuple[float, bool]:
    """Train one: give the share of the steps that it took, and whether it was stopped."""
    finite = np.flatnonzero(~np.isfinite(task.curves[task.metric][row]))
    last = int(finite[0]) if len(finite) else len(task.steps) - 1
    place = 0
    while place < last and not policy.stops(row, place):
        place += 1
    policy.ended(row, place, stopped=place < last)
    return float(task.steps[place] / task.steps[-1]), place < last


def loop(recording: Recording, way: str, *, budget: float, seed: int) -> float:
    """Search a pool by expected improvement, and give the regret of the best that finished.

    Args:
        recording: the pool.
        way: what the map learns of stopped trainings.
        budget: in full trainings.
        seed: of the first trainings and the order of ties.

    Returns:
        Over the spread of the better half of the pool; 0 where the best was found.
    """
    order = generator(seed, "loop", recording.name).permutation(len(recording)).tolist()
    sign = -1.0 if recording.maximize else 1.0
    policy = Noted(recording, seed, mediators=True, expected=True)
    drawn: list[int] = []
    stopped: list[int] = []
    spent, tried = 0.0, 0
    while spent < budget and order:
        row = order[0]
        if tried >= FIRST and len(policy.finished) >= KTH:
            model = fitted(learned(recording, drawn, policy, stopped, way), recording.metric)
            mean, deviation = model.latent(recording.units[order])
            best = float((sign * model.warp.forward(recording.finals[policy.finished])).min())
            row = order[int(np.argmax(improvement(best - sign * mean, deviation)))]
        order.remove(row)
        share, halted = trained(recording, policy, row)
        spent, tried = spent + share, tried + 1
        if halted:
            stopped.append(row)
        if np.isfinite(recording.finals[row]):
            drawn.append(row)
    known = np.sort(sign * recording.finals[np.isfinite(recording.finals)])
    found = float((sign * recording.finals[policy.finished]).min())
    return (found - float(known[0])) / float(known[len(known) // 2] - known[0])


def improvement(gain: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Give the expected improvement ``[n]`` (Mockus 1975)."""
    z = gain / deviation
    return np.asarray(deviation * (z * ndtr(z) + np.exp(-0.5 * z**2) / math.sqrt(2.0 * math.pi)))


def compared(
    recording: Recording, *, studies: int, trainings: int, loops: int, budget: float
) -> dict[str, object]:
    """Compare all ways."""
    scores = [held_out(recording, trainings=trainings, seed=seed) for seed in range(studies)]
    found: dict[str, object] = {
        way: {key: rounded(float(np.mean([each[way][key] for each in scores]))) for key in scores[0][way]}
        for way in WAYS
    }
    half = "log density of the better half"
    gains = [each["predicted"][half] - each["bound"][half] for each in scores]
    found["predicted over bound, better half"] = {
        "mean": rounded(float(np.mean(gains))),
        "error": rounded(float(np.std(gains, ddof=1) / math.sqrt(len(gains)))),
    }
    regrets = {way: [loop(recording, way, budget=budget, seed=seed) for seed in range(loops)] for way in WAYS[:3]}
    found["regret of a loop"] = {way: rounded(float(np.mean(values))) for way, values in regrets.items()}
    paired = np.array(regrets["predicted"]) - np.array(regrets["bound"])
    found["regret, predicted less bound"] = {
        "mean": rounded(float(paired.mean())),
        "error": rounded(float(paired.std(ddof=1) / math.sqrt(len(paired)))),
    }
    return found


def _rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(np.argsort(np.argsort(first)), np.argsort(np.argsort(second)))[0, 1])
