"""Loss spikes under Adam: they come back at even distances, which its memory of squared gradients sets."""

import math
from collections.abc import Sequence
from itertools import pairwise

from physai_inverse.observations import Metrics
from physai_inverse.reproduction.law import Check, Law, Line, Outcome, Picture
from physai_inverse.reproduction.trainings import curve_of, train_all

MEMORIES = (0.995, 0.998, 0.999, 0.9995)
"""Values of Adam's second beta."""
USUAL = 0.999
STEPS = 8000
LOW, HIGH = 200, 350
"""Steps between spikes at `USUAL`: what was published is roughly 250."""
EVEN = 0.25


def _measure(seed: int) -> Outcome:
    configs = [{"beta2": beta2} for beta2 in MEMORIES]
    return outcome(train_all("loss_spikes", configs, seed=seed, settings={"steps": STEPS}))


def outcome(results: Sequence[Metrics]) -> Outcome:
    """Hold the gaps between spikes against the law.

    Args:
        results: metrics of the task at each of `MEMORIES`.
    """
    gaps = [gaps_between(metrics) for metrics in results]
    medians = [middle(found) for found in gaps]
    usual = gaps[MEMORIES.index(USUAL)]
    checks = [
        Check(f"median steps between spikes at beta2 {USUAL:g}", middle(usual), LOW, HIGH),
        Check(f"middle half of these gaps over their median at beta2 {USUAL:g}", spread(usual), high=EVEN),
    ]
    for (before, shorter), (after, longer) in pairwise(zip(MEMORIES, medians, strict=True)):
        what = f"gap at beta2 {after:g} over the gap at {before:g}"
        checks.append(Check(what, longer / shorter, math.nextafter(1, 2)))
    lines = tuple(
        Line(f"beta2 {beta2:g}", curve.steps, curve.values, "line")
        for beta2, curve in ((beta2, curve_of(found, "train_loss_curve")) for beta2, found in _pairs(results))
    )
    counts = ", ".join(f"{len(found) + 1}" for found in gaps)
    medians_named = ", ".join(f"{value:g}" for value in medians)
    note = f"Median gaps {medians_named} steps, {counts} spikes, for beta2 " + ", ".join(
        f"{b:g}" for b in MEMORIES
    )
    return Outcome(tuple(checks), Picture("steps", "loss", lines, log_y=True), note + ".")


def _pairs(results: Sequence[Metrics]) -> list[tuple[float, Metrics]]:
    return list(zip(MEMORIES, results, strict=True))


def gaps_between(metrics: Metrics) -> tuple[float, ...]:
    """Give the steps between neighbouring spikes, in order of size."""
    counted = curve_of(metrics, "spikes_curve")
    spikes = [step for step, value in zip(counted.steps, counted.values, strict=True) if value > 0]
    return tuple(sorted(later - earlier for earlier, later in pairwise(spikes[: int(float(metrics["spikes"]))])))


def middle(gaps: Sequence[float]) -> float:
    """Give the median of ordered gaps; NaN where there is none."""
    return gaps[len(gaps) // 2] if gaps else math.nan


def spread(gaps: Sequence[float]) -> float:
    """Give the distance between the quartiles of ordered gaps over their median; NaN with fewer than four."""
    return (gaps[3 * len(gaps) // 4] - gaps[len(gaps) // 4]) / middle(gaps) if len(gaps) >= 4 else math.nan


LAWS = (
    Law(
        9,
        "loss spikes under Adam",
        "On the two-parameter spike model the loss spikes periodically under Adam, every 200 to 350 steps at "
        "beta2 0.999, and less often the larger beta2 is.",
        "Learning rate 0.1, beta1 0.9, 8000 steps, all points; a spike is an excursion above 10 times the "
        "median of the 50 steps before. At beta2 0.99 the gaps are uneven, at 0.98 there are no spikes.",
        'Ziming Liu 2026, "Optimization 4 -- Loss Spikes", '
        "https://kindxiaoming.github.io/blog/2026/optimization-4/; "
        "mechanism: Bai et al. 2025, https://arxiv.org/abs/2506.04805",
        "loss_spikes",
        13.0,
        _measure,
    ),
)
