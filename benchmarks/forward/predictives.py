"""What a regressor says of values that it has not seen: a normal each, or some quantiles each.

Quantiles say nothing of what lies between and beyond them; the density that they are given here rises in a
straight line of the distribution function from one to the next and falls exponentially beyond the outermost, as
steeply as it arrives there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from physai_inverse.forward import AbstractMetricModel, normal_quantile

LEAST_WIDTH = 1e-3
"""Least width, over the standard deviation of the training values, of a normal or between two quantiles: without
it one certain and wrong prediction would decide a table."""


class Predictive(Protocol):
    """The predicted distribution of each of `n` values."""

    def quantiles(self, levels: Sequence[float]) -> np.ndarray:
        """Give quantiles ``[n, levels]``."""

    def log_density(self, values: np.ndarray) -> np.ndarray:
        """Give the log density ``[n]`` of values ``[n]``."""


@dataclass(frozen=True)
class Normals:
    """A normal each: mean ``[n]`` and standard deviation ``[n]``."""

    mean: np.ndarray
    deviation: np.ndarray

    def quantiles(self, levels: Sequence[float]) -> np.ndarray:
        """Give quantiles ``[n, levels]``."""
        offsets = np.array([normal_quantile(level) for level in levels])
        return np.asarray(self.mean[:, None] + self.deviation[:, None] * offsets)

    def log_density(self, values: np.ndarray) -> np.ndarray:
        """Give the log density ``[n]``."""
        offset = (values - self.mean) / self.deviation
        return np.asarray(-0.5 * offset**2 - np.log(self.deviation) - 0.5 * np.log(2 * np.pi))


@dataclass(frozen=True)
class Steps:
    """Quantiles ``[n, k]`` at ascending levels ``[k]``; crossed ones are sorted, equal ones moved apart."""

    levels: np.ndarray
    given: np.ndarray
    width: float

    @property
    def ends(self) -> np.ndarray:
        """The quantiles, ascending, no two nearer than the least width."""
        ordered = np.sort(self.given, axis=1)
        steps = np.arange(ordered.shape[1]) * self.width
        return np.asarray(np.maximum.accumulate(ordered - steps, axis=1) + steps)

    def quantiles(self, levels: Sequence[float]) -> np.ndarray:
        """Give quantiles ``[n, levels]``."""
        ends, (low, high) = self.ends, self._lengths()
        wanted = np.array(levels)
        inside = np.stack([np.interp(wanted, self.levels, row) for row in ends])
        first, last = self.levels[0], self.levels[-1]
        below = ends[:, :1] + low[:, None] * np.log(np.minimum(wanted / first, 1.0))
        above = ends[:, -1:] - high[:, None] * np.log(np.minimum((1.0 - wanted) / (1.0 - last), 1.0))
        return np.asarray(np.where(wanted < first, below, np.where(wanted > last, above, inside)))

    def log_density(self, values: np.ndarray) -> np.ndarray:
        """Give the log density ``[n]``."""
        ends, (low, high) = self.ends, self._lengths()
        slope = np.diff(self.levels) / np.diff(ends, axis=1)
        place = np.clip((values[:, None] >= ends).sum(axis=1) - 1, 0, slope.shape[1] - 1)
        density = np.log(slope[np.arange(len(values)), place])
        first, last = self.levels[0], self.levels[-1]
        below = np.log(first / low) - (ends[:, 0] - values) / low
        above = np.log((1.0 - last) / high) - (values - ends[:, -1]) / high
        return np.asarray(np.where(values < ends[:, 0], below, np.where(values > ends[:, -1], above, density)))

    def _lengths(self) -> tuple[np.ndarray, np.ndarray]:
        """Lengths of the exponential tails, by which the density is continuous."""
        ends = self.ends
        gaps, parts = np.diff(ends, axis=1), np.diff(self.levels)
        low = self.levels[0] * gaps[:, 0] / parts[0]
        high = (1.0 - self.levels[-1]) * gaps[:, -1] / parts[-1]
        return low, high


@dataclass(frozen=True)
class OfModel:
    """What a model of ours says at points ``[n, d]``."""

    model: AbstractMetricModel
    units: np.ndarray

    def quantiles(self, levels: Sequence[float]) -> np.ndarray:
        """Give quantiles ``[n, levels]``."""
        return self.model.quantiles(self.units, levels)

    def log_density(self, values: np.ndarray) -> np.ndarray:
        """Give the log density ``[n]``."""
        return self.model.log_density(self.units, values)
