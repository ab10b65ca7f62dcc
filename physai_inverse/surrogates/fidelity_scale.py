"""The scale on which a metric is compared between rungs of a fidelity."""

from dataclasses import dataclass, replace

import numpy as np

from physai_inverse.forward import AbstractWarp

DECADE = 10.0
"""Ratio of largest to smallest of positive values from which their logarithms are taken above the lowest rung."""

MOST_LOG = 700.0
"""Logarithm of the largest number that is predicted, near the end of the range of floats."""


@dataclass(frozen=True)
class Level(AbstractWarp):
    """The scale of a rung above the lowest: the metric or its logarithm, times a factor, shifted.

    Args:
        log: whether ratios count.
        scale: latent units a unit of the metric (or of its logarithm).
        shift: in latent units.
    """

    log: bool
    scale: float
    shift: float = 0.0

    def forward(self, values: np.ndarray) -> np.ndarray:
        """Map values ``[n]`` to the latent scale."""
        with np.errstate(all="ignore"):
            shaped = np.log(np.maximum(values, 0.0)) if self.log else values
            return np.asarray(self.scale * shaped + self.shift)

    def inverse(self, latent: np.ndarray) -> np.ndarray:
        """Map latent values ``[n]`` to the metric's units."""
        shaped = (latent - self.shift) / self.scale
        return np.asarray(np.exp(np.minimum(shaped, MOST_LOG)) if self.log else shaped)

    def log_slope(self, values: np.ndarray) -> np.ndarray:
        """Give ``log(d latent / d value)`` at values ``[n]``."""
        with np.errstate(all="ignore"):
            inner = -np.log(np.maximum(values, 0.0)) if self.log else np.zeros(len(values))
            return np.asarray(np.log(self.scale) + inner)

    @classmethod
    def like(cls, latent: np.ndarray, values: np.ndarray) -> "Level":
        """Give the scale on which the middle half of the lowest rung is as wide as on its own latent scale.

        Args:
            latent: ``[k]`` of the lowest rung, NaN where not trained.
            values: ``[rungs, k]`` of all rungs, NaN where not trained.
        """
        seen = values[np.isfinite(values)]
        log = bool(seen.min() > 0 and seen.max() / DECADE > seen.min())
        lowest = np.log(values[0]) if log else values[0]
        widths = [float(np.subtract(*np.nanquantile(part, (0.75, 0.25)))) for part in (latent, lowest)]
        if not min(widths) > 0:
            widths = [float(np.nanstd(part)) for part in (latent, lowest)]
        if not min(widths) > 0:  # all are equal: then the rungs above decide
            widths = [1.0, float(np.std(np.log(seen) if log else seen)) or max(float(np.abs(seen).max()), 1e-300)]
        return cls(log, widths[0] / widths[1])

    def matched(self, values: np.ndarray, mean: np.ndarray) -> "Level":
        """Shift the scale so that values ``[n]`` have the same mean as those ``[n]`` of the rung below."""
        plain = replace(self, shift=0.0)
        return replace(self, shift=float(np.mean(mean) - np.mean(plain.forward(values)))) if len(values) else self
