"""What a training costs, learned: log-normal around a process over the logarithm of what was paid.

The price is the log of the expected cost, times the share of the variance that the model explains of what it had
not
seen: a cost that does not depend on the configuration, or that nobody can predict, changes no proposal.

Source: Snoek, Larochelle & Adams 2012, "Practical Bayesian optimization of machine learning algorithms", section
3.2 (expected improvement per second).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from physai_inverse.forward import AbstractCostModel, AbstractMetricModel

if TYPE_CHECKING:
    import numpy as np

FEW = 5
"""Held-out costs below which nothing can be said of the model."""
LEAST_SHARE = 0.1
"""Share of the variance below which a model of the cost is taken for chance."""


@dataclass(frozen=True)
class CostModel(AbstractCostModel):
    """A price from a model of the logarithm of the cost.

    Args:
        model: of the logarithm.
    """

    model: AbstractMetricModel

    @cached_property
    def trust(self) -> float:
        """Share of the variance of the log cost that the model explains, 0 to 1."""
        import numpy as np

        scores = self.model.held_out()
        if scores.rows < FEW or not np.isfinite(scores.r2):
            return 0.0
        return float(min(scores.r2, 1.0)) if scores.r2 > LEAST_SHARE else 0.0

    def log_price(self, units: "np.ndarray") -> "np.ndarray":
        """Give the log expected cost ``[n]`` at points ``[n, d]``, times `trust`."""
        import numpy as np

        if not self.trust:
            return np.zeros(len(units))
        mean, deviation = self.model.latent(units)
        middle, high = (self.model.warp.inverse(mean + step * deviation) for step in (0.0, 1.0))
        return np.asarray(self.trust * (middle + 0.5 * np.minimum(high - middle, 2.0) ** 2))
