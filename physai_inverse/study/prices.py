"""What trainings cost, as a model of the price that goes with a forward map.

Only ratios between configurations count: the acquisition is divided by the price.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from physai_inverse.errors import NotFound
from physai_inverse.forward import AbstractCostModel, AbstractSurrogate, Column, Dataset

if TYPE_CHECKING:
    import numpy as np

SECONDS = "seconds"
"""The cost that every training may have: how long it took."""


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
