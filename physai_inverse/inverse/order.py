"""The order of configurations by an objective, and how far two orders agree."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from physai_inverse.forward import Dataset
from physai_inverse.objective import Objective

if TYPE_CHECKING:
    import numpy as np


def places(objective: Objective, values: "Mapping[str, np.ndarray]") -> "np.ndarray":
    """Give each its place: those that meet the limits first, then by the ranks in all wishes; 0 is the best.

    Args:
        objective: what is wanted.
        values: metric to finite values ``[n]``.

    Returns:
        ``[n]`` the numbers from 0 to n - 1.
    """
    import numpy as np

    slack = objective.slack(values)[:, : len(objective.limits)]
    scale = np.maximum(np.abs(slack).max(axis=0, initial=0.0), 1e-300)
    missed = np.maximum(-slack / scale, 0.0).sum(axis=1)
    ranks = missed
    if objective.wishes:
        ranks = np.argsort(np.argsort(-objective.utility(values), axis=0), axis=0).sum(axis=1)
    order = np.empty(len(missed), dtype=np.int64)
    order[np.lexsort((ranks, missed))] = np.arange(len(missed))
    return order


def finite_rows(data: Dataset, objective: Objective) -> "np.ndarray":
    """Give the rows that did not fail and have a finite value of every metric of the objective."""
    import numpy as np

    good = ~data.failed
    for name in objective.metrics:
        good &= np.isfinite(data.columns[name].values) if name in data.columns else False
    return np.flatnonzero(good)


def rank_correlation(first: "np.ndarray", second: "np.ndarray") -> float:
    """Give Spearman's correlation of values ``[n]``; 0 where one side is all equal."""
    import numpy as np

    one, two = _ranks(first), _ranks(second)
    spread = float(np.std(one) * np.std(two))
    return float(np.mean((one - one.mean()) * (two - two.mean()))) / spread if spread > 1e-9 else 0.0


def _ranks(values: "np.ndarray") -> "np.ndarray":
    """Give ranks ``[n]``; equal values share the mean of theirs."""
    import numpy as np

    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2.0)[place.ravel()])
