"""What a training costs, learned: log-normal around a process over the logarithm of what was paid.

The price is the log of the expected cost, times the share of the variance that the model explains of what it had
not
seen: a cost that does not depend on the configuration, or that nobody can predict, changes no proposal.

Source: Snoek, Larochelle & Adams 2012, "Practical Bayesian optimization of machine learning algorithms", section
3.2 (expected improvement per second).
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from physai_inverse.forward import AbstractCostModel, AbstractMetricModel

if TYPE_CHECKING:
    import numpy as np

AROUND = 0.04
"""Seconds around a training: its proposal, its network, its row in the store; measured with a hundred results."""

PAYS, SAVES = 0.5, 0.8
"""Share of its price alone up to which a training joins others where its time counts, since what waits for their
results is chosen better; and where a batch was asked for and time does not count."""

USUAL_COMPANY = 8
"""Trainings that share what is shared, as long as nobody is there."""

FEW = 5
"""Held-out costs below which nothing can be said of the model."""
LEAST_SHARE = 0.1
"""Share of the variance below which a model of the cost is taken for chance."""


@dataclass(frozen=True)
class ForeseenCost(AbstractCostModel):
    """A price that is known before the first training, and less in company.

    Of trainings in one program each pays what it adds, `own`; what passes whatever is in it, `shared`, is paid by
    the longest. So beside the trainings that were chosen before it, a training costs

        around + min(alone, own + max(0, shared - the longest shared of those))

    with `around` for what every training costs besides: without it, what takes nearly nothing would be worth most.

    Args:
        alone: model of the log seconds of a training by itself.
        own: of what it adds to others.
        shared: of what lasts as long as it does, whatever is beside it.
        learned: the price of what was not foreseen, such as trainings that end before their time; None for none.
        saving: only what company saves counts, not what a training costs.
        longest: the largest shared part so far, in seconds; None without company.
    """

    foreseen: ClassVar[bool] = True

    alone: AbstractMetricModel
    own: AbstractMetricModel
    shared: AbstractMetricModel
    learned: AbstractCostModel | None = None
    saving: bool = False
    longest: float | None = None

    def log_price(self, units: "np.ndarray") -> "np.ndarray":
        """Give the log price ``[n]`` at points ``[n, d]``; 0 for a training alone where only savings count."""
        import numpy as np

        alone, price = self._prices(units)
        logs = np.log(AROUND + price) - (np.log(AROUND + alone) if self.saving else 0.0)
        return np.asarray(logs if self.learned is None else logs + self.learned.log_price(units))

    def pays(self, units: "np.ndarray") -> "np.ndarray":
        """Say which trainings at points ``[n, d]`` company makes so cheap that it is worth not to wait.

        Without company: which `USUAL_COMPANY` as long as they are would make so.
        """
        import numpy as np

        alone, price = self._prices(units)
        if self.longest is None:
            price = _seconds(self.own, units) + _seconds(self.shared, units) / USUAL_COMPANY
        return np.asarray(AROUND + price <= (SAVES if self.saving else PAYS) * (AROUND + alone))

    def _prices(self, units: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
        """Give the seconds ``[n]`` of trainings alone, and in the company that there is."""
        import numpy as np

        alone = _seconds(self.alone, units)
        if self.longest is None:
            return alone, alone
        price = _seconds(self.own, units) + np.maximum(_seconds(self.shared, units) - self.longest, 0.0)
        return alone, np.minimum(alone, price)

    def beside(self, units: "np.ndarray") -> "ForeseenCost":
        """Give the price beside trainings at points ``[k, d]``; those that gain nothing from company give none."""
        if not len(units):
            return self
        gaining = _seconds(self.own, units) < _seconds(self.alone, units)
        if not gaining.any():
            return self
        return replace(self, longest=float(_seconds(self.shared, units[gaining]).max()))


def _seconds(model: AbstractMetricModel, units: "np.ndarray") -> "np.ndarray":
    import numpy as np

    return np.asarray(np.exp(model.warp.inverse(model.latent(units)[0])))


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
