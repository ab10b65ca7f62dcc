"""Increasing ways from a metric's units to a scale on which a Gaussian process is a fair model of it.

A `Warp` is a *shape* followed by centring and scaling. Shapes reach the whole real line wherever the metric can
lie there, so that nothing better than the best value becomes impossible by the choice of a shape:

    Linear   y
    Log      log(y + floor)                 for positive values, the floor being 0 unless some are zeros but for
                                            rounding; ratios count
    Logit    log(y / (1 - y))               for shares strictly between 0 and 1
    Tail     log(1 + u) for u > 0, else u   u = (y - anchor) / width; a long tail upwards, linear below the anchor
             (mirrored for a tail downwards)
    Tails    asinh(u)                       long tails on both sides

Symbols: y values ``[n]``, x shaped values, z latent values: z = x / scale - centre.

Source: Tail is the anchored logarithm of SMAC and of the project's measurements, continued by its tangent below
the anchor; density in the metric's units by Snelson, Rasmussen & Ghahramani, "Warped Gaussian processes" (2003),
equation 6.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from physai_inverse.forward import AbstractWarp

LARGEST = float(np.finfo(float).max)
SMALLEST = 1e-300
CONSTANT = 1e-12
"""Spread, as a share of the largest value, below which values count as equal: rounding of sums is near 1e-15."""
CONSTANT_SCALE = 0.1
"""Scale of a metric that never changed, as a share of its value."""
WIDTHS = (0.1, 0.5, 3.0)
"""Widths of the tail's linear part, in distances from the extreme value to the median."""


ROUNDING = 1e-12
"""Share of the upper quartile up to which a value of a metric that is never negative may be a rounded zero."""
GAP = 1e3
"""Ratio of the next value to the largest of such, by which they are told from values over many decades."""
LEAST_RATIO = 1.5
"""Ratio of largest to smallest value from which the logarithm differs enough from the identity to be tried."""


class AbstractShape(ABC):
    """An increasing function; infinite where the metric cannot go."""

    @abstractmethod
    def forward(self, values: np.ndarray) -> np.ndarray:
        """Map values ``[n]`` to shaped values."""

    @abstractmethod
    def inverse(self, shaped: np.ndarray) -> np.ndarray:
        """Map shaped values ``[n]`` back."""

    @abstractmethod
    def log_slope(self, values: np.ndarray) -> np.ndarray:
        """Give the logarithm of the derivative at values ``[n]``."""


@dataclass(frozen=True)
class Linear(AbstractShape):
    """The identity."""

    def forward(self, values: np.ndarray) -> np.ndarray:
        """Give the values."""
        return values

    def inverse(self, shaped: np.ndarray) -> np.ndarray:
        """Give the values."""
        return shaped

    def log_slope(self, values: np.ndarray) -> np.ndarray:
        """Give zeros."""
        return np.zeros_like(values)


@dataclass(frozen=True)
class Log(AbstractShape):
    """The logarithm.

    Args:
        floor: added to every value, at least zero; see `resolution`.
    """

    floor: float = 0.0

    def forward(self, values: np.ndarray) -> np.ndarray:
        """Give log(y + floor); minus infinity where there is none."""
        return np.asarray(np.log(np.maximum(values + self.floor, 0.0)))

    def inverse(self, shaped: np.ndarray) -> np.ndarray:
        """Give exp x - floor."""
        return np.asarray(np.exp(shaped) - self.floor)

    def log_slope(self, values: np.ndarray) -> np.ndarray:
        """Give -log(y + floor)."""
        above = values + self.floor
        return np.where(above > 0, -np.log(np.maximum(above, 0.0)), -np.inf)


@dataclass(frozen=True)
class Logit(AbstractShape):
    """The log-odds."""

    def forward(self, values: np.ndarray) -> np.ndarray:
        """Give log(y / (1 - y)); infinite outside of (0, 1)."""
        inside = np.clip(values, 0.0, 1.0)
        return np.asarray(np.log(inside) - np.log1p(-inside))

    def inverse(self, shaped: np.ndarray) -> np.ndarray:
        """Give 1 / (1 + exp(-x)), by the branch that keeps its digits."""
        decay = np.exp(-np.abs(shaped))
        return np.asarray(np.where(shaped >= 0, 1.0, decay) / (1.0 + decay))

    def log_slope(self, values: np.ndarray) -> np.ndarray:
        """Give -log(y (1 - y))."""
        inside = np.clip(values, 0.0, 1.0)
        return np.where((values > 0) & (values < 1), -np.log(inside) - np.log1p(-inside), -np.inf)


@dataclass(frozen=True)
class Tail(AbstractShape):
    """Linear up to an anchor and logarithmic beyond it; continuous with its slope.

    Args:
        anchor: where the logarithm begins.
        width: the distance over which it bends, above zero.
        side: +1 for a tail upwards, -1 for one downwards.
    """

    anchor: float
    width: float
    side: int = 1

    def forward(self, values: np.ndarray) -> np.ndarray:
        """Give log(1 + u) beyond the anchor, else u."""
        steps = self.side * (values / self.width - self.anchor / self.width)
        return self.side * np.where(steps > 0, np.log1p(np.maximum(steps, 0.0)), steps)

    def inverse(self, shaped: np.ndarray) -> np.ndarray:
        """Give the anchor plus the width times exp(x) - 1 beyond the anchor, or x before it."""
        ahead = self.side * shaped
        return self.anchor + self.side * self.width * np.where(ahead > 0, np.expm1(np.maximum(ahead, 0.0)), ahead)

    def log_slope(self, values: np.ndarray) -> np.ndarray:
        """Give -log(width (1 + u)) beyond the anchor, else -log(width)."""
        steps = self.side * (values / self.width - self.anchor / self.width)
        return np.asarray(-np.log(self.width) - np.log1p(np.maximum(steps, 0.0)))


@dataclass(frozen=True)
class Tails(AbstractShape):
    """The inverse hyperbolic sine: linear near the anchor, logarithmic far away on both sides.

    Args:
        anchor: the centre.
        width: the distance over which it bends, above zero.
    """

    anchor: float
    width: float

    def forward(self, values: np.ndarray) -> np.ndarray:
        """Give asinh u."""
        return np.arcsinh(values / self.width - self.anchor / self.width)

    def inverse(self, shaped: np.ndarray) -> np.ndarray:
        """Give the anchor plus the width times sinh x."""
        return np.asarray(self.anchor + self.width * np.sinh(shaped))

    def log_slope(self, values: np.ndarray) -> np.ndarray:
        """Give -log(width) - log(1 + u^2) / 2."""
        steps = values / self.width - self.anchor / self.width
        return np.asarray(-np.log(self.width) - np.log(np.hypot(1.0, steps)))


@dataclass(frozen=True)
class Warp(AbstractWarp):
    """A shape, centred and scaled.

    Args:
        shape: the shape.
        centre: in units of the scale.
        scale: of the shaped values, above zero.
    """

    shape: AbstractShape
    centre: float
    scale: float

    def forward(self, values: np.ndarray) -> np.ndarray:
        """Map values ``[n]`` to the latent scale; minus or plus infinity where the metric cannot go."""
        with np.errstate(all="ignore"):
            return np.asarray(self.shape.forward(np.asarray(values, dtype=float)) / self.scale - self.centre)

    def inverse(self, latent: np.ndarray) -> np.ndarray:
        """Map latent values ``[n]`` to the metric's units; the largest float where they would be infinite."""
        with np.errstate(all="ignore"):
            shaped = (np.asarray(latent, dtype=float) + self.centre) * self.scale
            return np.asarray(np.clip(self.shape.inverse(shaped), -LARGEST, LARGEST))

    def log_slope(self, values: np.ndarray) -> np.ndarray:
        """Give ``log(d latent / d value)`` at values ``[n]``."""
        with np.errstate(all="ignore"):
            return np.asarray(self.shape.log_slope(np.asarray(values, dtype=float)) - np.log(self.scale))

    @classmethod
    def fitted(cls, shape: AbstractShape, values: np.ndarray) -> "Warp | None":
        """Centre and scale a shape by values ``[n]``; None where the shape does not suit them."""
        with np.errstate(all="ignore"):
            shaped = shape.forward(values)
            if not np.isfinite(shaped).all():
                return None
            largest = float(np.max(np.abs(shaped)))
            if largest < SMALLEST:
                return cls(shape, 0.0, 1.0)
            part = shaped / largest  # squares of 1e300 or 1e-300 would leave the range of floats
            spread = float(np.std(part))
            if spread < CONSTANT:
                spread = CONSTANT_SCALE
            return cls(shape, float(np.mean(part)) / spread, max(largest * spread, SMALLEST))


def resolution(values: np.ndarray) -> float:
    """Give what counts as nothing beside values ``[n]`` where some are zeros, exact or rounded; else 0.

    A cosine of 90 degrees comes out as 6e-17, a share of nothing as 0. To the logarithm such values are the
    farthest of all, and by its slope there a handful of them would decide which warp has the highest evidence.
    They are told from values over many decades by the gap above them; what is added to all is the least value
    above the gap, at least a thousandth of the upper quartile.
    """
    ordered = np.sort(values)
    upper = float(np.quantile(ordered / 2.0, 0.75)) * 2.0
    zeros = int((ordered <= ROUNDING * upper).sum())
    if ordered[0] < 0 or not 0 < zeros < len(ordered) or ordered[zeros] / GAP < ordered[zeros - 1]:
        return 0.0
    return float(max(ordered[zeros], upper / GAP))


def shapes(values: np.ndarray) -> Iterator[AbstractShape]:
    """Give the shapes that may suit values ``[n]``, the identity first."""
    yield Linear()
    low, middle, high = (float(value) for value in np.quantile(values / 2.0, (0.0, 0.5, 1.0)) * 2.0)
    if not low < high:
        return
    floor = resolution(values)
    if low + floor > 0 and (high / 2 + floor / 2) / (low / 2 + floor / 2) > LEAST_RATIO:
        yield Log(floor)
    if low > 0 and high < 1:
        yield Logit()
    with np.errstate(all="ignore"):
        lower, upper = middle - low, high - middle
        side, anchor, reach = (1, low, lower) if upper > lower else (-1, high, upper)
        if not (np.isfinite(reach) and reach > SMALLEST):
            reach = (high / 2 - low / 2) / 4.0
        for width in WIDTHS:
            if reach * width > SMALLEST:
                yield Tail(anchor, reach * width, side)
        quarter = float(np.subtract(*np.quantile(values / 2.0, (0.75, 0.25)))) * 2.0
        if np.isfinite(quarter) and quarter > SMALLEST:
            yield Tails(middle, quarter)
