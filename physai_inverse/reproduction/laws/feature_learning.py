"""Feature learning: units that bend vanish, the loss lingers at a straight line, and bending units come back."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from physai_inverse.observations import Curve, Metric
from physai_inverse.reproduction.law import Check, Law, Line, Outcome, Picture

TASK = "feature_learning"
REPEATS = 4
FIRST_ENDS, SECOND_ENDS, GROWN, THIRD_ENDS = 50, 500, 1000, 1500
"""Steps: the phases as the source has them, and the middle of the third."""


def _measure(seed: int) -> Outcome:
    from physai_inverse.seeds import child
    from physai_inverse.trainers import load_task

    seeds = [child(seed, "run", repeat) for repeat in range(REPEATS)]
    return outcome([found for found in load_task(TASK)([{}] * REPEATS, seeds) if isinstance(found, Mapping)])


def outcome(runs: Sequence[Mapping[str, Metric]]) -> Outcome:
    """Hold the means over several trainings against the law.

    Args:
        runs: metrics of each.
    """
    units, losses = mean_curve(runs, "bending_units_curve"), mean_curve(runs, "train_loss_curve", log=True)
    linear = math.fsum(float(run["linear_loss"]) for run in runs) / len(runs)
    fewest = min(value for step, value in units.items() if FIRST_ENDS <= step <= SECOND_ENDS)
    late = [value for step, value in units.items() if step >= THIRD_ENDS]
    checks = (
        Check(
            f"share of the bending units that is gone by step {FIRST_ENDS}", 1 - units[FIRST_ENDS] / units[0], 0.6
        ),
        Check(
            f"loss from step {FIRST_ENDS} to {SECOND_ENDS} over that of linear regression",
            mean_between(losses, FIRST_ENDS, SECOND_ENDS) / linear,
            0.7,
            1.3,
        ),
        Check(f"bending units at step {GROWN} over the fewest before", units[GROWN] / fewest, 2.0),
        Check(
            f"largest over smallest number of bending units from step {THIRD_ENDS}",
            max(late) / min(late),
            1.0,
            1.1,
        ),
        Check(
            f"straightness (R^2) of the logarithm of the loss over steps from {THIRD_ENDS}",
            straightness([(step, math.log(value)) for step, value in losses.items() if step >= THIRD_ENDS]),
            0.95,
        ),
    )
    most = max(units.values())
    picture = Picture(
        "step",
        "loss; share of bending units",
        (
            Line("training loss", tuple(losses), tuple(losses.values()), "line"),
            Line("linear regression", (0.0, max(losses)), (linear, linear), "dashed"),
            Line("bending units over the most", tuple(units), tuple(value / most for value in units.values())),
        ),
        log_y=True,
    )
    return Outcome(
        checks, picture, f"Means over {len(runs)} trainings; single ones scatter by a third in the counts."
    )


def mean_curve(runs: Sequence[Mapping[str, Metric]], name: str, *, log: bool = False) -> dict[float, float]:
    """Give step to the mean over trainings; of the logarithms with `log`."""
    curves = [run[name] for run in runs]
    found: dict[float, float] = {}
    for curve in curves:
        assert isinstance(curve, Curve)
        for step, value in zip(curve.steps, curve.values, strict=True):
            found[step] = found.get(step, 0.0) + (math.log(value) if log else value) / len(curves)
    return {step: math.exp(value) for step, value in found.items()} if log else found


def mean_between(curve: Mapping[float, float], first: float, last: float) -> float:
    """Give the mean over steps, by trapezoids."""
    steps = [step for step in curve if first <= step <= last]
    area = math.fsum((b - a) * (curve[a] + curve[b]) / 2 for a, b in pairwise(steps))
    return area / (steps[-1] - steps[0])


def straightness(points: Sequence[tuple[float, float]]) -> float:
    """Give the squared correlation."""
    x, y = (math.fsum(column) / len(points) for column in zip(*points, strict=True))
    across = math.fsum((a - x) * (b - y) for a, b in points)
    spread = math.fsum((a - x) ** 2 for a, _ in points) * math.fsum((b - y) ** 2 for _, b in points)
    return across**2 / spread if spread else math.nan


LAWS = (
    Law(
        23,
        "feature learning in four phases",
        "At least 60 % of the non-linear units of the second layer are gone by step 50; until step 500 the loss "
        "stays within 30 % of that of linear regression; by step 1000 the units have at least doubled; from step "
        "1500 their number is constant and the loss falls exponentially.",
        "Frequency 10 (no more can be learned of fresh inputs), network [10, 100, 100, 1], 500 samples, Adam at "
        "1e-3 on the full batch, first values of torch's linear layers; means over four trainings.",
        "Liu and Zheng 2026, Physics of Feature Learning 1, "
        "https://kindxiaoming.github.io/blog/2026/feature-learning-1/",
        TASK,
        15.0,
        _measure,
    ),
)
