"""What a member of a mix is: a small recipe that speaks in mixtures of normals on one latent scale.

A `Task` is one metric with its rows on the latent scale that the evidence chose for the process. A member fits it
and gives two things: what it says of the rows that are *judged*, each without having seen it, and what it says of
new points. Weights come from the first (`stacking`), predictions from the second. A member joins the mix by one
entry in `mixture.members`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from physai_inverse.forward import Column
from physai_inverse.space.features import Features
from physai_inverse.surrogates.metric import MetricProcess
from physai_inverse.surrogates.pool import Pool
from physai_inverse.surrogates.selection import Table


@dataclass(frozen=True)
class Task:
    """One metric on its latent scale.

    Args:
        features: the encoding.
        units: ``[n, d]`` snapped points of all rows with a value.
        values: ``[n]`` latent values; bounds where censored.
        extra: ``[n]`` known variance of each value, on top of the noise.
        side: ``[n]`` 0 for a value, +1 where the truth lies above it, -1 below.
        judged: ``[j]`` rows of which held-out predictions are asked, in order.
        process: the process that was fitted first.
        places: ``[n]`` the row of the dataset that each stands in.
    """

    features: Features
    units: np.ndarray
    values: np.ndarray
    extra: np.ndarray
    side: np.ndarray
    judged: np.ndarray
    process: MetricProcess
    places: np.ndarray

    def __len__(self) -> int:
        return len(self.units)

    @classmethod
    def of(cls, process: MetricProcess, units: np.ndarray, column: Column, judged: np.ndarray) -> "Task":
        """Bring the rows of a column that have a value to the latent scale of a process.

        Args:
            process: of the metric.
            units: ``[n, d]`` points of those rows.
            column: the metric's values over all rows of the dataset.
            judged: see above.
        """
        rows = column.rows
        valued = Column(column.values[rows], column.errors[rows], column.censored[rows])
        groups = np.array(process.features.groups, dtype=int)
        warped = Table(units, process.features.encode(units), groups, valued).warped(process.latent_warp)
        return cls(process.features, units, warped.values, warped.extra, warped.side, judged, process, rows)

    @cached_property
    def columns(self) -> np.ndarray:
        """The encoded points ``[n, f]``."""
        return self.features.encode(self.units)

    @cached_property
    def targets(self) -> np.ndarray:
        """The values ``[n]``; where only a bound is known, what the process expects beyond it.

        For members that know nothing of bounds.
        """
        hidden = np.flatnonzero(self.side)
        targets = self.values.copy()
        if len(hidden):
            expected, _ = self.process.latent(self.units[hidden])
            side = self.side[hidden]
            targets[hidden] = side * np.maximum(side * expected, side * self.values[hidden])
        return targets


class AbstractFitted(ABC):
    """A member that was fitted."""

    @property
    @abstractmethod
    def held_out(self) -> Pool:
        """What it says of the judged rows ``[j]``, each without having seen it; noise included."""

    @abstractmethod
    def at(self, units: np.ndarray, *, noise: bool) -> Pool | None:
        """Say what it expects at points ``[n, d]``: of one more training (with its noise), or of many.

        None where it says nothing of many. Of one more training, with its noise, every member says something.
        """

    def claims(self, units: np.ndarray) -> np.ndarray:
        """Say of which points ``[n, d]`` it alone should speak, whatever its weight; ``[n]`` booleans."""
        return np.zeros(len(units), dtype=bool)


class AbstractMember(ABC):
    """A recipe for one member; frozen."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Its name in the result."""

    @property
    @abstractmethod
    def stretches(self) -> Mapping[float, float]:
        """Factors of its standard deviations that the stacking may choose from, with rows that each counts before.

        One normal in several widths is a scale mixture: how the mix finds the spread and the tails that the
        held-out values ask for.
        """

    @abstractmethod
    def fit(self, task: Task, *, seed: int) -> AbstractFitted | None:
        """Fit; None where the member has nothing to say of such a task.

        Raises:
            np.linalg.LinAlgError: the numbers defeat it.
        """
