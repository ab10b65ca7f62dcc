"""What a metric is expected to be before its own data: a weighted sum of the maps of earlier studies."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Mean = Callable[[np.ndarray], np.ndarray]
"""Points ``[n, d]`` to latent values ``[n]``."""


@dataclass(frozen=True)
class Trend:
    """A weighted sum of latent means.

    Args:
        names: of the earlier studies.
        means: one each.
        weights: one each, at least 0.
    """

    names: tuple[str, ...]
    means: tuple[Mean, ...]
    weights: tuple[float, ...]

    def __call__(self, units: np.ndarray) -> np.ndarray:
        """Give the sum ``[n]`` at points ``[n, d]``; a mean without weight is not asked."""
        total = np.zeros(len(units))
        for mean, weight in zip(self.means, self.weights, strict=True):
            if weight > 0:
                total += weight * mean(units)
        return total
