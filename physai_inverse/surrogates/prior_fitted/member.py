"""The network as a member of a mix, on the latent scale that the process found.

Rows that it is shown are judged in folds, all of them in one pass; of more rows than it reads, the others are
judged as new points are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from physai_inverse.seeds import generator
from physai_inverse.surrogates.member import AbstractFitted, AbstractMember, Task
from physai_inverse.surrogates.pool import Pool
from physai_inverse.surrogates.prior_fitted.context import LEAST_ROWS, MAX_ROWS, Context
from physai_inverse.surrogates.prior_fitted.hints import MAX_COLUMNS
from physai_inverse.surrogates.prior_fitted.network import shipped

FIELDS = ("shares", "means", "deviations")


@dataclass(frozen=True)
class Transformer(AbstractMember):
    """The prior-data fitted network with the weights that the package ships."""

    @property
    def name(self) -> str:
        """`transformer`."""
        return "transformer"

    @property
    def stretches(self) -> Mapping[float, float]:
        """Narrower, and as it is."""
        return {0.5: 0.5, 1.0: 3.0}

    def fit(self, task: Task, *, seed: int) -> "FittedTransformer | None":
        """Show the network the rows; None where it declines them (see `context`)."""
        groups = np.array(task.features.groups, dtype=int)
        if not len(task) >= LEAST_ROWS or not 0 < len(groups) <= MAX_COLUMNS or np.ptp(task.values) == 0.0:
            return None
        shown = np.sort(generator(seed, "rows").permutation(len(task))[:MAX_ROWS])
        context = Context(shipped(), task.columns[shown], groups, task.values[shown], task.side[shown])
        return FittedTransformer(task, context, shown)


@dataclass(frozen=True)
class FittedTransformer(AbstractFitted):
    """The network with its rows.

    Args:
        task: what it was fitted to.
        context: the rows that it is shown.
        shown: ``[s]`` which of the task's they are.
    """

    task: Task
    context: Context
    shown: np.ndarray

    @cached_property
    def held_out(self) -> Pool:
        """What it says of the judged rows ``[j]``."""
        where = np.full(len(self.task), -1)
        where[self.shown] = np.arange(len(self.shown))
        place = where[self.task.judged]
        folded = self.context.held_out()
        rest = np.flatnonzero(place < 0)
        if not len(rest):
            return folded.take(place)
        new = self.context.answer(self.task.columns[self.task.judged[rest]])
        place[rest] = len(folded) + np.arange(len(rest))
        both = (np.concatenate([getattr(part, name) for part in (folded, new)]) for name in FIELDS)
        return Pool(*both).take(place)

    def at(self, units: np.ndarray, *, noise: bool) -> Pool:
        """Say what it expects at points ``[n, d]``."""
        pool = self.context.answer(self.task.features.encode(units))
        return pool if noise else pool.without(self.context.noise)
