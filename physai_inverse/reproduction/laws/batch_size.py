"""Batch size against learning rate: what a larger batch saves, and which rate it asks for."""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

from physai_inverse.observations import Metrics
from physai_inverse.reproduction.law import Check, Law, Line, Outcome, Picture, slope
from physai_inverse.reproduction.trainings import seen, train_all

SIZES = (1, 4, 16, 64, 256, 1024, 4096)
BELOW = 64
"""The largest batch size at which noise limits the learning rate."""
BEYOND = 1024
RATES = tuple(0.004 * 1.25**index for index in range(28))
STEPS = 1500
EVEN, WASTED = 0.25, 4.0
SLOPE = (0.8, 1.1)
SATURATED = 0.3
NEAR = 1.05
"""Rates whose steps are within this factor of the fewest are taken as best alike: steps are whole numbers."""

Steps = Mapping[int, Mapping[float, float]]
"""Batch size to learning rate to steps to the target, infinite where it was not reached."""


@lru_cache(maxsize=4)
def _sweep(seed: int) -> Steps:
    """Train all batch sizes at all rates; both laws are read off the same trainings."""
    configs = [{"batch_size": size, "lr": rate} for size in SIZES for rate in RATES]
    settings = {"steps": STEPS, "stop_at_target": True}
    return steps_of(train_all("noisy_quadratic", configs, seed=seed, settings=settings))


def steps_of(results: Sequence[Metrics]) -> Steps:
    """Arrange the metrics of the task at all `SIZES` and, within them, all `RATES`."""
    reached = [seen(metrics["steps_to_target"]) for metrics in results]
    parts = [reached[start : start + len(RATES)] for start in range(0, len(reached), len(RATES))]
    return MappingProxyType(
        {size: dict(zip(RATES, part, strict=True)) for size, part in zip(SIZES, parts, strict=True)}
    )


def fewest(steps: Mapping[float, float]) -> float:
    """Give the fewest steps over the rates; infinite where no rate reached the target."""
    return min(steps.values())


def best_rate(steps: Mapping[float, float]) -> float:
    """Give the geometric mean of the rates that are best up to `NEAR`; NaN where no rate reached the target."""
    least = fewest(steps)
    if math.isinf(least):
        return math.nan
    logs = [math.log(rate) for rate, value in steps.items() if value <= NEAR * least]
    return math.exp(math.fsum(logs) / len(logs))


def critical(steps: Steps) -> Outcome:
    """Hold the samples that a target costs against the law of the critical batch size."""
    least = {size: fewest(steps[size]) for size in SIZES}
    samples = {size: size * least[size] for size in SIZES}
    below = [samples[size] for size in SIZES if size <= BELOW]
    mean = math.fsum(below) / len(below)
    checks = (
        Check(f"most samples up to batch size {BELOW} over their mean", max(below) / mean, high=1 + EVEN),
        Check(f"fewest samples up to batch size {BELOW} over their mean", min(below) / mean, low=1 - EVEN),
        Check(f"samples at batch size {BEYOND} over that mean", samples[BEYOND] / mean, low=WASTED),
    )
    sizes = tuple(map(float, SIZES))
    floor = least[SIZES[-1]]
    lines = (
        Line("fewest steps", sizes, tuple(least.values())),
        Line("proportional to 1 / batch size", sizes, tuple(mean / size for size in SIZES), "dashed"),
        Line("fewest at any size", sizes, (floor,) * len(sizes), "dashed"),
    )
    counts = ", ".join(f"{value:g}" for value in least.values())
    note = f"Fewest steps {counts} for batch sizes {', '.join(map(str, SIZES))}."
    return Outcome(checks, Picture("batch size", "steps to the target", lines, log_x=True, log_y=True), note)


def linear(steps: Steps) -> Outcome:
    """Hold the best learning rates against the linear rule."""
    best = {size: best_rate(steps[size]) for size in SIZES}
    below = tuple(float(size) for size in SIZES if size <= BELOW)
    beyond = tuple(float(size) for size in SIZES if size >= 4 * BELOW)
    rule = slope(below, tuple(best[int(size)] for size in below))
    checks = (
        Check(f"slope of log best learning rate over log batch size up to {BELOW}", rule, *SLOPE),
        Check(
            f"that slope from {4 * BELOW} on",
            slope(beyond, tuple(best[int(size)] for size in beyond)),
            high=SATURATED,
        ),
    )
    sizes = tuple(map(float, SIZES))
    straight = tuple(size * best[SIZES[0]] for size in below)
    lines = (
        Line("best learning rate", sizes, tuple(best.values())),
        Line("proportional to batch size", below, straight, "dashed"),
    )
    rates = ", ".join(f"{rate:.3g}" for rate in best.values())
    note = f"Best rates {rates} for batch sizes {', '.join(map(str, SIZES))}: beyond, curvature limits them."
    return Outcome(checks, Picture("batch size", "best learning rate", lines, log_x=True, log_y=True), note)


CONDITIONS = (
    "Gradient descent without momentum on a quadratic with curvatures of 0.1 to 1 and noise of variance 0.36 / "
    "batch size in each of 50 directions, from 1 to 0.005 of the loss, at the best of 28 constant rates a factor "
    "of 1.25 apart."
)
LAWS = (
    Law(
        16,
        "critical batch size",
        "The fewest steps to a target fall as 1 / batch size below a critical batch size, so that the samples "
        "stay the same (within 25 % up to 64), and hardly beyond: at 1024 the target costs at least 4 times the "
        "samples.",
        CONDITIONS + " Where the critical batch size lies depends on the noise and on the target.",
        "McCandlish et al. 2018, https://arxiv.org/abs/1812.06162, section 2.3",
        "noisy_quadratic",
        15.0,
        lambda seed: critical(_sweep(seed)),
    ),
    Law(
        17,
        "linear learning-rate rule",
        "The best learning rate of stochastic gradient descent is proportional to the batch size below the "
        "critical batch size (slope 0.8 to 1.1 in logarithms up to 64), then it saturates.",
        CONDITIONS + " For Adam a square root is discussed instead of the proportion.",
        "McCandlish et al. 2018, https://arxiv.org/abs/1812.06162, section 2.2; Goyal et al. 2017, "
        "https://arxiv.org/abs/1706.02677 (linear scaling rule)",
        "noisy_quadratic",
        15.0,
        lambda seed: linear(_sweep(seed)),
    ),
)
