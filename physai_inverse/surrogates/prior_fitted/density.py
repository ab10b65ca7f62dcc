"""A mixture of normals at each of some rows: density, distribution, quantiles, moments.

Symbols: k normals with weights w, means m, deviations s; everything is ``[..., k]``, one mixture for each index
before the last.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from physai_inverse.forward import normal_quantile
from physai_inverse.normal import ndtr

MAX_STEPS = 120
TOLERANCE = 1e-6
"""Of a quantile, in deviations of the narrowest normal."""
HALVED = 4
"""Every which step halves the bracket, whatever Newton says: among narrow normals it may run to and fro."""
ROOT_TWO_PI = float(np.sqrt(2.0 * np.pi))
LEAST_SHARE = 0.1
"""Share of its deviation that a normal keeps when noise is taken out of it."""


@dataclass(frozen=True)
class Mixture:
    """Mixtures of normals.

    Args:
        log_weights: ``[..., k]``; their exponentials add up to one.
        means: ``[..., k]``.
        deviations: ``[..., k]`` above zero.
    """

    log_weights: np.ndarray
    means: np.ndarray
    deviations: np.ndarray

    def log_density(self, values: np.ndarray) -> np.ndarray:
        """Give the log density ``[...]`` of values ``[...]``; minus infinity at infinite ones."""
        with np.errstate(over="ignore"):
            offset = (values[..., None] - self.means) / self.deviations
            parts = self.log_weights - np.log(self.deviations) - 0.5 * (offset**2 + np.log(2.0 * np.pi))
        return np.asarray(np.logaddexp.reduce(parts, axis=-1))

    def below(self, values: np.ndarray) -> np.ndarray:
        """Give the probability ``[...]`` of lying below values ``[...]``."""
        offset = (values[..., None] - self.means) / self.deviations
        return np.asarray(np.clip((np.exp(self.log_weights) * ndtr(offset)).sum(axis=-1), 0.0, 1.0))

    def quantiles(self, levels: Sequence[float]) -> np.ndarray:
        """Give quantiles ``[..., levels]``."""
        shape, count = (*self.means.shape[:-1], len(levels)), self.means.shape[-1]
        offsets = np.array([normal_quantile(level) for level in levels])[:, None]
        weights, means, deviations = (
            np.broadcast_to(part[..., None, :], (*shape, count)).reshape(-1, count)
            for part in (np.exp(self.log_weights), self.means, self.deviations)
        )
        own = (self.means[..., None, :] + self.deviations[..., None, :] * offsets).reshape(-1, count)
        asked = np.broadcast_to(np.asarray(levels, dtype=float), shape).ravel()
        return _solved(weights, means, deviations, own, asked).reshape(shape)

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Give mean and standard deviation ``[...]``."""
        weights = np.exp(self.log_weights)
        mean = (weights * self.means).sum(axis=-1)
        variance = (weights * (self.deviations**2 + (self.means - mean[..., None]) ** 2)).sum(axis=-1)
        return mean, np.sqrt(variance)

    def without(self, noise: float) -> "Mixture":
        """Take normal noise of a deviation out of every normal, as far as it goes."""
        left = np.maximum(self.deviations**2 - noise**2, (LEAST_SHARE * self.deviations) ** 2)
        return Mixture(self.log_weights, self.means, np.sqrt(left))

    def moved(self, factor: np.ndarray | float, offset: np.ndarray | float) -> "Mixture":
        """Give the mixture of `factor` times what is drawn, plus `offset` (each ``[...]``)."""
        scale, shift = np.asarray(factor)[..., None], np.asarray(offset)[..., None]
        return Mixture(self.log_weights, self.means * scale + shift, self.deviations * scale)

    def held(self, low: np.ndarray, high: np.ndarray, widest: np.ndarray) -> "Mixture":
        """Hold means between `low` and `high`, and deviations below `widest` (each ``[...]``)."""
        means = np.clip(self.means, low[..., None], high[..., None])
        return Mixture(self.log_weights, means, np.minimum(self.deviations, widest[..., None]))

    def take(self, rows: np.ndarray | int) -> "Mixture":
        """Give some of the mixtures, by the first index."""
        return Mixture(self.log_weights[rows], self.means[rows], self.deviations[rows])


def _solved(
    weights: np.ndarray, means: np.ndarray, deviations: np.ndarray, own: np.ndarray, levels: np.ndarray
) -> np.ndarray:
    """Find the quantile of each of r mixtures: Newton's steps inside of a bracket, halved now and then.

    Args:
        weights: ``[r, k]``.
        means: ``[r, k]``.
        deviations: ``[r, k]``.
        own: ``[r, k]`` the normals' quantiles; the mixture's lies between the least and the largest of them.
        levels: ``[r]``.
    """
    found = (weights * own).sum(axis=1)
    low, high = own.min(axis=1), own.max(axis=1)
    width = TOLERANCE * deviations.min(axis=1)
    left = np.arange(len(found))
    for number in range(MAX_STEPS):
        place = found[left]
        offset = (place[:, None] - means[left]) / deviations[left]
        excess = (weights[left] * ndtr(offset)).sum(axis=1) - levels[left]
        low[left] = np.where(excess < 0, place, low[left])
        high[left] = np.where(excess < 0, high[left], place)
        slope = (weights[left] / deviations[left] * np.exp(-0.5 * offset**2)).sum(axis=1) / ROOT_TWO_PI
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            step = place - excess / slope
        inside = (step > low[left]) & (step < high[left]) & (number % HALVED != HALVED - 1)
        new = np.where(inside, step, 0.5 * (low[left] + high[left]))
        found[left] = new
        left = left[(np.abs(new - place) > width[left]) & (high[left] - low[left] > width[left])]
        if not len(left):
            break
    return np.asarray(found)
