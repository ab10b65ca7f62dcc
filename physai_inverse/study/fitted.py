"""What was fitted to one state of the data; a metric is fitted when it is first asked for.

Two maps: the quick one, by which suggestions, recommendations and inverse queries are found (a process for each
metric, in milliseconds), and the mixed one, by which metrics are predicted and the map is judged (several
surrogates, weighed by how well they predicted what they had not seen).
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from physai_inverse.forward import (
    AbstractCostModel,
    AbstractMetricModel,
    AbstractSuccessModel,
    AbstractSurrogate,
    Dataset,
    ForwardMap,
)
from physai_inverse.objective import Objective
from physai_inverse.observations import Observation
from physai_inverse.seeds import child
from physai_inverse.space import Space
from physai_inverse.study.prices import SECONDS, Foreseen, paid, price_of


class Fitted:
    """The forward map of one set of observations.

    Args:
        space: the space.
        observations: finished trainings, in order of their numbers.
        surrogate: the recipe; a Gaussian process for each metric where it is None.
        seed: the stream of the fit.
        earlier: an earlier state of the same study, whose points are taken over.
    """

    def __init__(
        self,
        space: Space,
        observations: Sequence[Observation],
        *,
        surrogate: AbstractSurrogate | None,
        seed: int,
        earlier: "Fitted | None" = None,
    ) -> None:
        self.numbers = tuple(observation.number for observation in observations)
        self._space = space
        self._observations = observations
        self._surrogate = surrogate
        self._seed = seed
        self._models: dict[str, AbstractMetricModel] = {}
        self._mixed: dict[str, AbstractMetricModel] = {}
        self._asked: set[str] = set()
        self._success: AbstractSuccessModel | None = None
        self._fitted_success = False
        self._costs: dict[str, AbstractCostModel | None] = {}
        self._earlier = earlier.data if earlier is not None and "data" in earlier.__dict__ else None

    @cached_property
    def data(self) -> Dataset:
        """The observations as arrays."""
        return Dataset.from_observations(self._space, self._observations, earlier=self._earlier)

    def map(self, metrics: Sequence[str] | None = None) -> ForwardMap:
        """Give the quick forward map of some metrics, or of all that were recorded."""
        wanted = [
            name for name in (self.data.columns if metrics is None else metrics) if name in self.data.columns
        ]
        new = [name for name in wanted if name not in self._asked]
        if new or not self._fitted_success:
            fitted = self._recipe().fit(self.data, seed=self._seed, metrics=new)
            self._models.update(fitted.models)
            self._asked.update(new)
            self._success = fitted.success
            self._fitted_success = True
        return ForwardMap(
            self._space, {name: self._models[name] for name in wanted if name in self._models}, self._success
        )

    def mixed(self, metrics: Sequence[str] | None = None) -> ForwardMap:
        """Give the mixed forward map of some metrics, or of all that were recorded.

        The quick one where the user chose a recipe, or earlier studies lend it their shape.
        """
        from physai_inverse.surrogates import GaussianProcess, Mixture

        quick, recipe = self.map(metrics), self._recipe()
        if not isinstance(recipe, GaussianProcess):
            return quick
        missing = [name for name in quick.models if name not in self._mixed]
        if missing:
            self._mixed.update(Mixture(recipe).fit(self.data, seed=self._seed, metrics=missing).models)
        return replace(quick, models={name: self._mixed[name] for name in quick.models})

    def shown(self, objective: Objective) -> ForwardMap:
        """Give the forward map of an objective's metrics and expressions, as they are."""
        from physai_inverse.inverse import with_derived

        return with_derived(self.map(objective.metrics), objective, self.data)

    def judged(self, objective: Objective) -> ForwardMap:
        """Give the forward map by which an objective judges configurations: robust, and with what they cost."""
        from physai_inverse.inverse import judged

        forward = judged(self.map(objective.metrics), objective, self.data)
        return forward if objective.cost is None else replace(forward, cost=self._cost(objective.cost))

    def foreseen(self, objective: Objective, foreseen: Foreseen) -> AbstractCostModel | None:
        """Give the price of trainings where something of it was known before they began.

        Args:
            objective: whose cost are the seconds, or that has none: then only what company saves counts.
            foreseen: what was known.
        """
        if objective.cost is None:
            return replace(foreseen.cost, saving=True)
        if objective.cost != SECONDS:
            return self._cost(objective.cost)
        return replace(foreseen.cost, learned=self._cost(SECONDS, foreseen.cost))

    def _cost(self, name: str, beyond: AbstractCostModel | None = None) -> AbstractCostModel | None:
        """The price of trainings; None while no cost was recorded.

        Args:
            name: of the cost.
            beyond: what is known of it; the price is that of what comes on top.
        """
        import numpy as np

        if name not in self._costs:
            seconds = {observation.number: observation.seconds for observation in self._observations}
            costs = paid(name, self.data, seconds)
            if beyond is not None and len(costs):
                costs = costs / np.exp(beyond.log_price(self.data.units))
            self._costs[name] = price_of(name, self.data, costs, self._recipe(), seed=child(self._seed, "cost"))
        return self._costs[name]

    def _recipe(self) -> AbstractSurrogate:
        if self._surrogate is None:
            from physai_inverse.surrogates import GaussianProcess

            self._surrogate = GaussianProcess()
        return self._surrogate
