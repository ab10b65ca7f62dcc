"""Which family of curves a learning curve belongs to: sigmoid, exponential, power or log-power, by R2.

Each is a straight line in `f(t)` for one shape `f`, so that only the shape is searched. Cost 0.
"""

import math
from collections.abc import Callable, Mapping
from functools import lru_cache, partial

from physai_inverse.observations import Curve

FAMILIES = ("sigmoid", "exponential", "power", "log_power")
STEEP = (1, 2, 4, 8, 16)
COARSE, FINE = 24, 9
"""Shapes that are tried over the whole range, and then between the neighbours of the best."""


@lru_cache(maxsize=16)
def fits(curve: Curve) -> Mapping[str, float]:
    """Give R2 of the best member of each family; 0 where fewer than four points are usable.

    Args:
        curve: of a loss; points that are not finite are left out.
    """
    points = [(step, value) for step, value in zip(curve.steps, curve.values, strict=True) if math.isfinite(value)]
    if len(points) < 4:
        return dict.fromkeys(FAMILIES, 0.0)
    steps, values = [step for step, _ in points], [value for _, value in points]
    last = steps[-1]
    scales = (max(steps[1] / 2, last * 1e-6), 2 * last)

    def judged(shape: Callable[[float, float], float]) -> Callable[[float], float]:
        return lambda parameter: _r2([shape(parameter, step) for step in steps], values)

    return {
        "sigmoid": max(_best(judged(partial(_sigmoid, steep)), scales) for steep in STEEP),
        "exponential": _best(judged(lambda scale, step: math.exp(-step / scale)), scales),
        "power": _best(judged(lambda exponent, step: float((step + 1) ** -exponent)), (0.03, 5.0)),
        "log_power": _best(
            judged(lambda exponent, step: float(math.log(step + math.e) ** -exponent)), (0.1, 10.0)
        ),
    }


def best_family(curve: Curve) -> tuple[str, float]:
    """Name the family that fits best, with its R2; of equals the first."""
    found = fits(curve)
    name = max(FAMILIES, key=lambda family: found[family])
    return name, found[name]


def _best(judge: Callable[[float], float], ends: tuple[float, float]) -> float:
    """Search the best of a positive parameter: over its whole range, then between the neighbours of the best."""
    low, high = ends
    count = COARSE
    for _ in range(3):
        ratio = (high / low) ** (1 / (count - 1))
        found = [judge(low * ratio**place) for place in range(count)]
        best = max(range(count), key=lambda place: found[place])
        low, high = low * ratio ** max(best - 1, 0), low * ratio ** min(best + 1, count - 1)
        count = FINE
    return found[best]


def _sigmoid(steep: int, scale: float, step: float) -> float:
    return 1 / (1 + math.exp(min(steep * math.log(step / scale), 700))) if step > 0 else 1.0


def _r2(shape: list[float], values: list[float]) -> float:
    n = len(values)
    x, y = math.fsum(shape) / n, math.fsum(values) / n
    xx = math.fsum((a - x) ** 2 for a in shape)
    yy = math.fsum((b - y) ** 2 for b in values)
    xy = math.fsum((a - x) * (b - y) for a, b in zip(shape, values, strict=True))
    return xy * xy / (xx * yy) if xx > 0 and yy > 0 else 0.0
