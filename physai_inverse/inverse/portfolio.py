"""Where to start when earlier studies are known: configurations that were good there, each for another of them.

The first is best over all of them, each next one adds most to what the best of those before gives, study by study:
a greedy portfolio, which is diverse where the studies disagree and only there.

Source: Feurer, Springenberg & Hutter 2015, "Initializing Bayesian hyperparameter optimization via meta-learning";
greedy choice as in Wistuba, Schilling & Schmidt-Thieme 2015, "Sequential model-free hyperparameter tuning".
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from physai_inverse.forward import Dataset, ForwardMap
from physai_inverse.inverse.derived import measured_values
from physai_inverse.inverse.order import finite_rows, places, rank_correlation
from physai_inverse.objective import Objective

LEAST_RESULTS = 3

if TYPE_CHECKING:
    import numpy as np


def portfolio(maps: Sequence[ForwardMap], objective: Objective, units: "np.ndarray", num: int) -> "np.ndarray":
    """Choose points to start from.

    Args:
        maps: of the earlier studies, each with a model of every quantity of the objective; at least one.
        objective: what is wanted.
        units: ``[c, d]`` snapped points to choose from.
        num: how many at most.

    Returns:
        ``[l, d]``, the best first.
    """
    import numpy as np

    if not len(units):
        return units
    merits = np.stack([_merits(forward, objective, units) for forward in maps])
    reached = np.full(len(maps), -np.inf)
    chosen: list[int] = []
    for _ in range(min(num, len(units))):
        gains = np.maximum(merits, reached[:, None]).sum(axis=0) + 1e-6 * merits.sum(axis=0)
        gains[chosen] = -np.inf
        chosen.append(int(np.argmax(gains)))
        reached = np.maximum(reached, merits[:, chosen[-1]])
    return np.asarray(units[chosen])


def agreement(maps: Sequence[ForwardMap], data: Dataset, objective: Objective) -> float | None:
    """Give the rank correlation between what earlier studies expect and what came; None where too little came.

    Args:
        maps: of the earlier studies, each with a model of every quantity of the objective; at least one.
        data: the observations of this study.
        objective: what is wanted.
    """
    import numpy as np

    rows = finite_rows(data, objective)
    if len(rows) < LEAST_RESULTS:
        return None
    expected = np.sum([_merits(forward, objective, data.units[rows]) for forward in maps], axis=0)
    came = places(objective, measured_values(data, objective, rows))
    return rank_correlation(expected, -came.astype(float))


def _merits(forward: ForwardMap, objective: Objective, units: "np.ndarray") -> "np.ndarray":
    """Give minus the logarithm of the place ``[c]`` in the order of one study; the best has zero."""
    import numpy as np

    values = {}
    for name in objective.quantities:
        model = forward.model(name)
        values[name] = model.warp.inverse(model.latent(units)[0])
    return np.asarray(-np.log(places(objective, values) + 1.0))
