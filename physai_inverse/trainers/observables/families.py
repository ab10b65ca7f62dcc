"""Which family of curves a learning curve belongs to: sigmoid, exponential, power or log-power, by R2.

Each is a straight line in `f(t)` for one shape `f`, so that only the shape is searched. Cost 0.
"""

import math
from collections.abc import Callable, Iterator
from functools import partial

from physai_inverse.observations import Curve

FAMILIES = ("sigmoid", "exponential", "power", "log_power")
SHAPES = 40


def fits(curve: Curve) -> dict[str, float]:
    """Give R2 of the best member of each family; 0 where fewer than four points are usable.

    Args:
        curve: of a loss; points that are not finite are left out.
    """
    points = [(step, value) for step, value in zip(curve.steps, curve.values, strict=True) if math.isfinite(value)]
    if len(points) < 4:
        return dict.fromkeys(FAMILIES, 0.0)
    steps, values = [step for step, _ in points], [value for _, value in points]
    return {name: max(_r2([f(step) for step in steps], values) for f in _shapes(name, steps)) for name in FAMILIES}


def best_family(curve: Curve) -> tuple[str, float]:
    """Name the family that fits best, with its R2; of equals the first."""
    found = fits(curve)
    name = max(FAMILIES, key=lambda family: found[family])
    return name, found[name]


def _shapes(name: str, steps: list[float]) -> Iterator[Callable[[float], float]]:
    last = max(steps[-1], 1.0)
    first = max(next(step for step in steps if step > 0) / 2, last * 1e-6)
    scales = [first * (2 * last / first) ** (index / (SHAPES - 1)) for index in range(SHAPES)]
    exponents = [0.05 * 1.12**index for index in range(SHAPES)]
    if name == "exponential":
        yield from (partial(_exponential, scale) for scale in scales)
    elif name == "power":
        yield from (partial(_power, exponent) for exponent in exponents)
    elif name == "log_power":
        yield from (partial(_log_power, exponent) for exponent in exponents)
    else:
        yield from (partial(_sigmoid, scale, steep) for scale in scales for steep in (1, 2, 4, 8, 16))


def _exponential(scale: float, step: float) -> float:
    return math.exp(-step / scale)


def _power(exponent: float, step: float) -> float:
    return float((step + 1) ** -exponent)


def _log_power(exponent: float, step: float) -> float:
    return float(math.log(step + math.e) ** -exponent)


def _sigmoid(scale: float, steep: float, step: float) -> float:
    return 1 / (1 + math.exp(min(steep * math.log(step / scale), 700))) if step > 0 else 1.0


def _r2(shape: list[float], values: list[float]) -> float:
    n = len(values)
    x, y = math.fsum(shape) / n, math.fsum(values) / n
    xx = math.fsum((a - x) ** 2 for a in shape)
    yy = math.fsum((b - y) ** 2 for b in values)
    xy = math.fsum((a - x) * (b - y) for a, b in zip(shape, values, strict=True))
    return xy * xy / (xx * yy) if xx > 0 and yy > 0 else 0.0
