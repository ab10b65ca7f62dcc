"""From one metric to another: a downstream error from a loss, an accuracy from a task's loss.

    exponential   y = e - k exp(-g x)                  errors that saturate where the loss is high
    logistic      y = a + b / (1 + exp(-g (x - x0)))   between two plateaus
    line          y = e + k x

All are linear but for one or two numbers, which a grid goes through (as in `grid`); forms are weighed by Schwarz's
criterion and by how the rows at the good end of x are predicted from the others.

Source: the exponential of Gadre et al. 2024, arXiv 2403.08540, equation 5; the logistic of Bhagia et al. 2024,
arXiv 2412.04403, equation 3.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from physai_inverse.errors import InvalidInput

LEAST_ROWS = 4
LEAST_ERROR = 0.02
"""Standard deviation, over that of the values, that a link is expected to leave beforehand."""
PRIOR_ROWS = 2.0
NUM_RATES = 41
NUM_CENTRES = 21
ZOOMS = 3
REACH = 3.5
"""Half the width of the next grid, in standard deviations of the posterior on this one."""
RATES = (0.05, 8.0)
CENTRES = (-4.0, 3.0)
"""Ranges of rate and centre, per standard deviation of x; bad values of x are the high ones."""
TESTED_SHARE = 0.25
MOST_MEMBERS = 400

RATE_SPREAD = 0.8
"""Spread, in nats, of the rate per standard deviation of x, around one."""
STRAIGHT, STEEPER = -3.0, -3.0
"""Nats that a line, and one that steepens towards bad values of x, cost beforehand: most downstream metrics have a
worst value, chance, that they near."""

Shape = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Scaled x ``[n]``, rates ``[g]`` and centres ``[g]`` to one column ``[g, n]``."""


def _exponential(x: np.ndarray, rate: np.ndarray, centre: np.ndarray) -> np.ndarray:
    del centre
    return np.asarray(np.exp(-rate[:, None] * x))


def _logistic(x: np.ndarray, rate: np.ndarray, centre: np.ndarray) -> np.ndarray:
    return np.asarray(1.0 / (1.0 + np.exp(np.clip(-rate[:, None] * (x - centre[:, None]), -500.0, 500.0))))


def _line(x: np.ndarray, rate: np.ndarray, centre: np.ndarray) -> np.ndarray:
    del centre
    return np.broadcast_to(x, (len(rate), len(x)))


SHAPES: dict[str, Shape] = {"line": _line, "exponential": _exponential, "logistic": _logistic}
NUM_NUMBERS = {"line": 2, "exponential": 3, "logistic": 4}


@dataclass(frozen=True)
class Link:
    """A fitted link; several forms with their weights, so that the spread holds what the rows leave open.

    Args:
        shares: form to its probability.
        forms: of each member.
        numbers: ``[s, 4]`` of each member: floor, slope, rate, centre; of x scaled as below.
        weights: ``[s]``, adding up to one.
        middle: of x.
        spread: of x.
        left: root mean square of what the links leave.
    """

    shares: dict[str, float]
    forms: tuple[str, ...]
    numbers: np.ndarray
    weights: np.ndarray
    middle: float
    spread: float
    left: float

    def __call__(self, first: Sequence[float] | np.ndarray) -> np.ndarray:
        """Give the expected second metric ``[n]`` for values ``[n]`` of the first."""
        return self.moments(first)[0]

    def moments(
        self, first: Sequence[float] | np.ndarray, errors: Sequence[float] | np.ndarray | float = 0.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Give mean and standard deviation ``[n]`` of the second metric.

        Args:
            first: ``[n]`` values of the first metric, known or predicted.
            errors: ``[n]`` their standard deviations.
        """
        x = (np.asarray(first, dtype=float) - self.middle) / self.spread
        step = np.broadcast_to(np.asarray(errors, dtype=float) / self.spread, x.shape)
        values = self._members(x)
        mean = self.weights @ values
        tilt = self.weights @ (self._members(x + step) - self._members(x - step)) / 2.0
        variance = self.weights @ (values - mean) ** 2 + tilt**2 + self.left**2
        return mean, np.sqrt(variance)

    def _members(self, x: np.ndarray) -> np.ndarray:
        values = np.empty((len(self.forms), len(x)))
        for name, shape in SHAPES.items():
            rows = np.array([form == name for form in self.forms], dtype=bool)
            floor, slope, rate, centre = self.numbers[rows].T
            values[rows] = floor[:, None] + slope[:, None] * shape(x, rate, centre)
        return values


def fit_link(first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray) -> Link:
    """Find how a second metric follows from a first.

    Args:
        first: ``[n]``, such as a validation loss.
        second: ``[n]``, such as a downstream error.

    Raises:
        InvalidInput: fewer than four rows, lengths that differ, a number that is not finite, or a first metric
            that does not vary.

    Example:
        >>> loss = np.linspace(2.4, 5.0, 8)
        >>> link = fit_link(loss, 0.85 - 2.0 * np.exp(-0.8 * loss))
        >>> float(abs(link([2.0])[0] - (0.85 - 2.0 * np.exp(-1.6)))) < 0.02
        True
    """
    x, y = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if x.shape != y.shape or x.ndim != 1 or len(x) < LEAST_ROWS:
        raise InvalidInput(
            f"`first` and `second` must be of one length, at least {LEAST_ROWS}; got {x.shape} and {y.shape}."
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()) or not np.ptp(x) > 0:
        raise InvalidInput("`first` must vary, and both metrics must be finite.")
    middle, spread = float(np.mean(x)), float(np.std(x))
    scaled = (x - middle) / spread
    found = {name: _weighed(name, scaled, y) for name in SHAPES}
    held = _held(x)
    if held is not None:
        for name, (numbers, weights, left) in found.items():
            fewer = _weighed(name, scaled[~held], y[~held])
            found[name] = (numbers, weights + _merit(name, fewer, scaled[held], y[held]), left)
    top = max(float(np.max(weights)) for _, weights, _ in found.values())
    forms: list[str] = []
    parts, masses = [], []
    for name, (numbers, weights, _) in found.items():
        forms += [name] * len(numbers)
        parts.append(numbers)
        masses.append(np.exp(weights - top))
    mass = np.concatenate(masses)
    mass /= mass.sum()
    kept = np.sort(np.argsort(-mass, kind="stable")[:MOST_MEMBERS])
    weights = mass[kept] / mass[kept].sum()
    names = tuple(forms[place] for place in kept)
    shares = {
        name: float(sum(w for w, form in zip(weights, names, strict=True) if form == name)) for name in SHAPES
    }
    left = float(sum(shares[name] * found[name][2] for name in SHAPES))
    return Link(shares, names, np.concatenate(parts)[kept], weights, middle, spread, left)


def _held(x: np.ndarray) -> np.ndarray | None:
    """The rows of lowest x, where there are enough others."""
    num = int(TESTED_SHARE * len(x))
    if num < 1 or len(x) - num < 2 * LEAST_ROWS:
        return None
    return np.asarray(np.argsort(np.argsort(x, kind="stable"), kind="stable") < num)


def _weighed(name: str, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Numbers ``[g, 4]`` over the grids of one form, their log weights ``[g]``, and what the best leaves."""
    signs = (1.0, -1.0) if name == "exponential" else (1.0,)
    found = [_zoomed(name, x, y, sign) for sign in signs]
    numbers, weights, variance = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return numbers, weights, float(np.sqrt(variance[int(np.argmax(weights))]))


def _zoomed(name: str, x: np.ndarray, y: np.ndarray, sign: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A grid over the logarithm of the rate and the centre, narrowed to its posterior."""
    box = [(np.log(low), np.log(high)) for low, high in (RATES,)] + [CENTRES]
    points = {"line": (1, 1), "exponential": (NUM_RATES, 1), "logistic": (NUM_CENTRES, NUM_CENTRES)}[name]
    for _ in range(ZOOMS):
        axes = [np.linspace(*ends, num) if num > 1 else np.zeros(1) for ends, num in zip(box, points, strict=True)]
        steps = [axis[1] - axis[0] if len(axis) > 1 else 1.0 for axis in axes]
        places = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
        rate, centre = sign * np.exp(places[:, 0]), places[:, 1]
        numbers, weights, variance = _solved(name, x, y, rate, centre)
        weights = weights + float(np.sum(np.log(steps)))
        share = np.exp(weights - np.max(weights))
        share /= share.sum()
        mean = share @ places
        wide = np.maximum(REACH * np.sqrt(share @ (places - mean) ** 2), steps)
        box = [
            (max(low, middle - half), min(high, middle + half))
            for (low, high), middle, half in zip(box, mean, wide, strict=True)
        ]
    return numbers, weights, variance


def _solved(
    name: str, x: np.ndarray, y: np.ndarray, rate: np.ndarray, centre: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Floor and slope in closed form for rates and centres ``[g]``: numbers, log weights, variances."""
    columns = SHAPES[name](x, rate, centre)
    least = LEAST_ERROR * max(float(np.std(y)), 1e-12)
    mean_column, mean_y = columns.mean(axis=1), float(np.mean(y))
    away = columns - mean_column[:, None]
    across = np.einsum("gn,gn->g", away, away)
    slope = (away @ (y - mean_y)) / np.maximum(across, 1e-12)
    left = np.sum((y - mean_y - slope[:, None] * away) ** 2, axis=1)
    variance = (PRIOR_ROWS * least**2 + left) / (PRIOR_ROWS + max(len(x) - NUM_NUMBERS[name], 1))
    weights = -0.5 * (PRIOR_ROWS + max(len(x) - 2, 1)) * np.log(variance)
    weights -= 0.5 * NUM_NUMBERS[name] * np.log(len(x))
    if name == "line":
        weights += STRAIGHT
    else:
        offset = np.log(np.abs(rate)) / RATE_SPREAD
        weights -= 0.5 * offset**2 + np.log(RATE_SPREAD * np.sqrt(2.0 * np.pi))
        weights += np.where(rate < 0, STEEPER, 0.0)
    if name == "logistic":
        weights -= np.log(CENTRES[1] - CENTRES[0])
    numbers = np.stack([mean_y - slope * mean_column, slope, rate, centre], axis=1)
    return numbers, weights, variance


def _merit(name: str, fewer: tuple[np.ndarray, np.ndarray, float], x: np.ndarray, y: np.ndarray) -> float:
    """Log density of held rows by one form fitted to the others."""
    numbers, weights, left = fewer
    share = np.exp(weights - np.max(weights))
    share /= share.sum()
    floor, slope, rate, centre = numbers.T
    values = floor[:, None] + slope[:, None] * SHAPES[name](x, rate, centre)
    mean = share @ values
    variance = share @ (values - mean) ** 2 + left**2
    return float(np.sum(-0.5 * np.log(variance) - 0.5 * (y - mean) ** 2 / variance))
