"""What trainings cost, as a model of the price that goes with a forward map.

Only ratios between configurations count: the acquisition is divided by the price.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from physai_inverse.errors import NotFound
from physai_inverse.forward import AbstractCostModel, AbstractMetricModel, AbstractSurrogate, Column, Dataset
from physai_inverse.seeds import child
from physai_inverse.space import Space
from physai_inverse.trainers import Bill

if TYPE_CHECKING:
    import numpy as np

    from physai_inverse.inverse import ForeseenCost

SECONDS = "seconds"
"""The cost that every training may have: how long it took."""

LEAST_FORESEEN = 8
"""Bills from which a price is fitted."""

TINY_SECONDS = 1e-9


def paid(name: str, data: Dataset, seconds: Mapping[int, float | None]) -> "np.ndarray":
    """Give what each row of a dataset cost ``[n]``, failed ones too; NaN where that was not recorded.

    Args:
        name: a recorded metric, or `"seconds"`.
        data: the trainings.
        seconds: by the number of the trial.

    Raises:
        NotFound: metrics were recorded, and the cost is none of them.
    """
    import numpy as np

    if name in data.columns:
        return np.array(data.columns[name].values)
    if name == SECONDS:
        known = (seconds.get(number) for number in data.numbers)
        return np.array([np.nan if value is None else value for value in known], dtype=float)
    if data.columns:
        raise NotFound(f"The cost `{name}` was never recorded; there is {[SECONDS, *data.columns]}.")
    return np.full(len(data), np.nan)


NUM_FORESEEN = 64
"""Configurations that are asked about: what trainings take is smooth in few parameters."""


@dataclass(frozen=True)
class Foreseen:
    """What a trainer said of trainings before they began.

    Args:
        space: the space.
        units: ``[n, d]`` the configurations that were asked about.
        bills: one each.
        seed: the stream of the fit.
    """

    space: Space
    units: "np.ndarray"
    bills: tuple[Bill, ...]
    seed: int

    @cached_property
    def cost(self) -> "ForeseenCost":
        """The price of every training, alone and in company."""
        from physai_inverse.inverse import ForeseenCost
        from physai_inverse.surrogates import GaussianProcess

        def fitted(values: list[float], name: str) -> AbstractMetricModel:
            table = _logs(self.space, self.units, values, name)
            return GaussianProcess().fit(table, seed=child(self.seed, name), metrics=[name]).models[name]

        return ForeseenCost(
            fitted([bill.alone for bill in self.bills], "seconds alone"),
            fitted([bill.own for bill in self.bills], "seconds of its own"),
            fitted([bill.shared for bill in self.bills], "seconds that are shared"),
        )


def points_to_foresee(space: Space, seed: int) -> "np.ndarray":
    """Give the points ``[n, d]`` at which a trainer is asked what trainings will take."""
    from physai_inverse.space.sampling import sample_units

    return sample_units(space, NUM_FORESEEN, seed=child(seed, "foreseen"), method="additive")


def foreseen_at(space: Space, units: "np.ndarray", bills: Sequence[Bill | None], seed: int) -> Foreseen | None:
    """Keep what a trainer said; None where it could say too little."""
    known = [place for place, bill in enumerate(bills) if bill is not None]
    if len(known) < LEAST_FORESEEN:
        return None
    return Foreseen(
        space, units[known], tuple(bill for bill in bills if bill is not None), child(seed, "foreseen")
    )


def _logs(space: Space, units: "np.ndarray", values: Sequence[float], name: str) -> Dataset:
    import numpy as np

    logs = np.log(np.maximum(np.array(values), TINY_SECONDS))
    column = Column(logs, np.zeros(len(logs)), np.zeros(len(logs), dtype=np.int8))
    return Dataset(space, units, {name: column}, np.zeros(len(logs), dtype=bool))


def price_of(
    name: str, data: Dataset, costs: "np.ndarray", recipe: AbstractSurrogate, *, seed: int
) -> AbstractCostModel | None:
    """Fit the logarithm of what trainings cost; None while no cost was recorded.

    Args:
        name: of the cost.
        data: the trainings.
        costs: ``[n]``; those that are not above 0, or not finite, are left out.
        recipe: of the model.
        seed: of the fit.

    Raises:
        FitFailed: the numbers defeat the recipe.
    """
    import numpy as np

    from physai_inverse.inverse import CostModel

    logs = np.full(len(costs), np.nan)
    priced = np.isfinite(costs) & (costs > 0)
    logs[priced] = np.log(costs[priced])
    if not priced.any():
        return None
    own = f"log {name}"  # not the name of a metric of an earlier study, which is no logarithm
    column = Column(logs, np.zeros(len(logs)), np.zeros(len(logs), dtype=np.int8))
    table = replace(data, columns={own: column}, failed=np.zeros(len(logs), dtype=bool), kinds=())
    models = recipe.fit(table, seed=seed, metrics=[own]).models
    return CostModel(models[own]) if own in models else None
