"""Randomised trees of scikit-learn as a member: the values in a point's leaves, as a distribution.

Every tree says of a point: "like the training rows in this leaf". Over all trees each training row gets a weight,
and the weighted rows are the prediction: with several values in sight, with atoms where a metric plateaus, without
an assumption of smoothness. It is kept as a handful of equally likely normals around the quantiles of that
distribution. A row is judged by the trees that were grown without it.

Rows of which only a bound is known take part with what the process expects beyond the bound.

Source: Meinshausen, "Quantile regression forests" (Journal of Machine Learning Research 7, 2006), section 3; trees
of Geurts, Ernst & Wehenkel, "Extremely randomized trees" (Machine Learning 63, 2006), on bootstrapped rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from physai_inverse.surrogates.member import AbstractFitted, AbstractMember, Task
from physai_inverse.surrogates.pool import Pool

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix
    from sklearn.ensemble import ExtraTreesRegressor

LEAST_ROWS = 12
NUM_TREES = 100
MANY_ROWS = 5_000
NUM_TREES_OF_MANY = 40
MAX_SAMPLES = 20_000
"""Rows that one tree sees at most."""
LEAF_ROWS = 2
NUM_NORMALS = 12
LEAST_DEVIATION = 0.05
"""Of each normal, on a scale on which the values have about one."""
PLATEAU_DEVIATION = 2e-3
"""The same, at a value that many rows have exactly: an accuracy of guessing, a loss that was cut off."""
LEAST_EQUAL, LEAST_EQUAL_SHARE = 3, 0.02
"""How many rows are many."""
BLOCK = 2_000
"""Points that are asked at a time."""


@dataclass(frozen=True)
class Trees(AbstractMember):
    """Extremely randomised trees on bootstrapped rows."""

    @property
    def name(self) -> str:
        """`trees`."""
        return "trees"

    @property
    def stretches(self) -> Mapping[float, float]:
        """Far narrower to as they are."""
        return {0.1: 0.2, 0.25: 0.3, 0.5: 1.0, 1.0: 0.5}

    def fit(self, task: Task, *, seed: int) -> "FittedTrees | None":
        """Grow the trees; None below `LEAST_ROWS` rows, or where all values are equal."""
        from sklearn.ensemble import ExtraTreesRegressor

        num = len(task)
        if num < LEAST_ROWS or np.ptp(task.targets) == 0.0:
            return None
        order = np.argsort(task.targets, kind="stable")
        forest = ExtraTreesRegressor(
            NUM_TREES if num <= MANY_ROWS else NUM_TREES_OF_MANY,
            min_samples_leaf=LEAF_ROWS,
            bootstrap=True,
            max_samples=None if num <= MAX_SAMPLES else MAX_SAMPLES,
            random_state=seed % 2**32,
            n_jobs=1,
        )
        forest.fit(task.columns[order], task.targets[order])
        return FittedTrees(task, forest, order)


@dataclass(frozen=True)
class FittedTrees(AbstractFitted):
    """Trees that were grown.

    Args:
        task: what they were grown on.
        forest: the trees; they know the rows in the order of their values.
        order: ``[n]`` the row of the task that each of them is.
    """

    task: Task
    forest: "ExtraTreesRegressor"
    order: np.ndarray

    @cached_property
    def held_out(self) -> Pool:
        """What the trees say that were grown without a judged row; those with it where there is none without."""
        judged = self.task.judged
        outside = ~self._inside[np.argsort(self.order)[judged]]
        outside[~outside.any(axis=1)] = True
        return self._pool(self.task.columns[judged], outside).noisier(self.task.extra[judged])

    def at(self, units: np.ndarray, *, noise: bool) -> Pool:
        """Say what the leaves hold."""
        columns = self.task.features.encode(units)
        parts = [
            self._pool(columns[first : first + BLOCK], None) for first in range(0, max(1, len(columns)), BLOCK)
        ]
        pool = Pool(*(np.concatenate([getattr(part, name) for part in parts]) for name in Pool.__annotations__))
        return pool if noise else pool.without(self.task.process.noise)

    @cached_property
    def _inside(self) -> np.ndarray:
        """Whether each row ``[n, t]`` helped to grow each tree."""
        inside = np.zeros((len(self.order), len(self.forest.estimators_)), dtype=bool)
        for tree, drawn in enumerate(self.forest.estimators_samples_):
            inside[drawn, tree] = True
        return inside

    @cached_property
    def _plateau(self) -> np.ndarray:
        """Whether each row ``[n]`` has a value that many have, to the last digit."""
        _, place, count = np.unique(self.task.targets[self.order], return_inverse=True, return_counts=True)
        return np.asarray(count[place.ravel()] >= max(LEAST_EQUAL, LEAST_EQUAL_SHARE * len(self.order)))

    @cached_property
    def _first_leaf(self) -> np.ndarray:
        sizes = [tree.tree_.node_count for tree in self.forest.estimators_]
        return np.concatenate([[0], np.cumsum(sizes)])

    @cached_property
    def _contents(self) -> "csr_matrix":
        """What share each row has in each leaf of all trees, ``[leaves, n]``."""
        from scipy.sparse import csr_matrix

        columns = self.task.columns[self.order]
        leaves = self.forest.apply(columns) + self._first_leaf[:-1]
        drawn = np.concatenate([leaves[rows, tree] for tree, rows in enumerate(self.forest.estimators_samples_)])
        rows = np.concatenate(self.forest.estimators_samples_)
        size = np.bincount(drawn, minlength=int(self._first_leaf[-1]))
        return csr_matrix((1.0 / size[drawn], (drawn, rows)), shape=(int(self._first_leaf[-1]), len(self.order)))

    def _pool(self, columns: np.ndarray, counted: np.ndarray | None) -> Pool:
        """Ask the trees, all or those of `counted` ``[m, t]``, of encoded points ``[m, f]``."""
        from scipy.sparse import csr_matrix

        num = len(columns)
        if not num:
            return Pool(*(np.empty((0, NUM_NORMALS)) for _ in range(3)))
        leaves = self.forest.apply(columns) + self._first_leaf[:-1]
        counted = np.ones(leaves.shape, dtype=bool) if counted is None else counted
        point, tree = np.nonzero(counted)
        share = 1.0 / counted.sum(axis=1)
        asked = csr_matrix((share[point], (point, leaves[point, tree])), shape=(num, int(self._first_leaf[-1])))
        weights = asked @ self._contents
        weights.sort_indices()  # rows stand in the order of their values, so that these are sorted now
        starts = weights.indptr[:-1]
        total = np.cumsum(weights.data)
        before = np.concatenate([[0.0], total])[starts]
        size = total[weights.indptr[1:] - 1] - before
        owner = np.repeat(np.arange(num), np.diff(weights.indptr))
        height = owner + np.minimum((total - before[owner]) / size[owner], 1.0)
        levels = (np.arange(NUM_NORMALS) + 0.5) / NUM_NORMALS
        places = np.searchsorted(height, (np.arange(num)[:, None] + levels).ravel())
        rows = weights.indices[np.minimum(places, len(height) - 1)].reshape(num, NUM_NORMALS)
        centres = self.task.targets[self.order][rows]
        gaps = np.diff(centres, axis=1)
        left = np.concatenate([gaps[:, :1], gaps], axis=1)
        right = np.concatenate([gaps, gaps[:, -1:]], axis=1)
        spread = np.where(self._plateau[rows], PLATEAU_DEVIATION, np.hypot(0.5 * (left + right), LEAST_DEVIATION))
        return Pool(np.full_like(centres, 1.0 / NUM_NORMALS), centres, spread)
