"""What a learning curve says: when a threshold is reached, delays, phases, plateaus, exponents, spikes.

Cost 0 throughout. A time that was not reached within the budget is a censored `Measurement`, never the
budget as if it were seen. Every label depends on its thresholds, which are arguments.
"""

import math
from collections.abc import Sequence

from physai_inverse.observations import Curve, Measurement


def first_reaching(curve: Curve, threshold: float, *, budget: float | None = None) -> Measurement:
    """Give the first logged step at which the curve is at least `threshold`.

    Args:
        curve: for example of an accuracy.
        threshold: in the curve's unit.
        budget: where the censoring lies if it is never reached; the last step by default. The true time
            is known up to the logging interval.

    Source: time to 90 % as in Liu et al. 2022, https://arxiv.org/abs/2205.10343.
    """
    for step, value in zip(curve.steps, curve.values, strict=True):
        if value >= threshold:
            return Measurement(step)
    return Measurement(curve.steps[-1] if budget is None else budget, censored="above")


def settled_since(curve: Curve, threshold: float) -> float:
    """Give the first logged step from which on the curve is at least `threshold`; infinity if never."""
    since = math.inf
    for step, value in zip(reversed(curve.steps), reversed(curve.values), strict=True):
        if not value >= threshold:
            break
        since = step
    return since


def delay(early: Measurement, late: Measurement) -> Measurement | None:
    """Give the time between two events: the grokking delay for training and test accuracy.

    Returns:
        Censored above where only the late event was not reached; None where the early one was not, since then
        nothing is known of the delay.
    """
    if early.censored:
        return None
    return Measurement(late.value - early.value, censored=late.censored)


def phase(train: Measurement, test: Measurement, *, longest_delay: float) -> str:
    """Name the phase of learning from the times to a training and a test accuracy.

    `comprehension`: both reached within `longest_delay` of each other; `grokking`: the test later than that;
    `memorisation`: only the training; `confusion`: not even that.

    Source: Liu et al. 2022, https://arxiv.org/abs/2205.10343, table 1.
    """
    if train.censored:
        return "confusion"
    if test.censored:
        return "memorisation"
    return "comprehension" if test.value - train.value <= longest_delay else "grokking"


def plateau(curve: Curve, *, slope: float = 0.05) -> tuple[float, float]:
    """Find the longest stretch on which `|d log value / d log step|` stays below `slope`.

    Returns:
        Its mean value and its length in steps; NaN and 0 where there is none. Points at step 0 and
        values that are not positive are left out.
    """
    points = _logarithms(curve)
    best = (math.nan, 0.0)
    start = 0
    for index in range(1, len(points) + 1):
        flat = index < len(points) and abs(_slope(points[index - 1 : index + 1])) < slope
        if not flat:
            stretch = points[start:index]
            length = math.exp(stretch[-1][0]) - math.exp(stretch[0][0]) if stretch else 0.0
            if len(stretch) > 1 and length > best[1]:
                best = (math.fsum(math.exp(value) for _, value in stretch) / len(stretch), length)
            start = index
    return best


def local_exponent(curve: Curve, *, low: float, high: float, floor: float = 0.0) -> float:
    """Fit the slope of `log(value - floor)` against `log step` for steps between `low` and `high`.

    Least squares; NaN with fewer than two usable points. State the range with every exponent.
    """
    points = [
        point for point in _logarithms(curve, floor) if math.log(low) - 1e-9 <= point[0] <= math.log(high) + 1e-9
    ]
    return _slope(points)


def spikes(curve: Curve, *, factor: float = 20.0, window: int = 50, apart: float = 0) -> tuple[float, ...]:
    """Give the steps of loss spikes: local maxima above `factor` times the median of the `window` values before.

    Their number, and the median gap between them, are the usual numbers.

    Source: "Optimization 4 -- Loss Spikes" (kindxiaoming.github.io).

    Args:
        curve: of the loss, best at every step.
        factor: see above.
        window: see above.
        apart: maxima less than so many steps after the one before belong to one spike, whose step is that of the
            highest: an optimiser that was thrown out of a valley often swings across it more than once.
    """
    found: list[tuple[float, float]] = []
    last = -math.inf
    for index in range(1, len(curve) - 1):
        before = sorted(curve.values[max(0, index - window) : index])
        step, value = curve.steps[index], curve.values[index]
        peak = value >= curve.values[index - 1] and value > curve.values[index + 1]
        if peak and value > factor * before[len(before) // 2]:
            if step - last >= apart:
                found.append((value, step))
            elif value > found[-1][0]:
                found[-1] = (value, step)
            last = step
    return tuple(step for _, step in found)


def memorised_bits(loss: float, num_classes: int, num_samples: int) -> float:
    """Give the information that a network stores on random labels, in bits; `loss` in nats per sample.

    Source: "Memory 2" (kindxiaoming.github.io); the idea is in Morris et al. 2025,
    https://arxiv.org/abs/2505.24832.
    """
    return (math.log(num_classes) - loss) * num_samples / math.log(2)


def _logarithms(curve: Curve, floor: float = 0.0) -> list[tuple[float, float]]:
    return [
        (math.log(step), math.log(value - floor))
        for step, value in zip(curve.steps, curve.values, strict=True)
        if step > 0 and value > floor and math.isfinite(value)
    ]


def _slope(points: Sequence[tuple[float, float]]) -> float:
    if len(points) < 2:
        return math.nan
    x = math.fsum(point[0] for point in points) / len(points)
    y = math.fsum(point[1] for point in points) / len(points)
    return math.fsum((a - x) * (b - y) for a, b in points) / math.fsum((a - x) ** 2 for a, _ in points)
