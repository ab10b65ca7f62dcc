"""Power laws as a member of a mix: one voice among others inside of the data, the only one beyond it.

Trees and processes know nothing of what lies beyond the rows. Where a law predicted the largest rows from the
others better than the process alone, points beyond the rows in an input that is like a size are the law's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from physai_inverse.forward import normal_quantile
from physai_inverse.surrogates.laws.fitting import fit_law_model
from physai_inverse.surrogates.laws.model import LawModel
from physai_inverse.surrogates.member import AbstractFitted, AbstractMember, Task
from physai_inverse.surrogates.pool import Pool

MAX_ROWS = 1000
"""Rows above which no law is sought: it would take seconds."""
BEYOND = 0.25
"""Part of the rows' range, on the logarithmic scale, by which a point lies beyond them: a few random rows leave
much of a space just outside of theirs."""
PROVED = 0.08
"""Nats a value by which a law must have predicted the largest rows better than the process alone: on losses of
language models it is ahead by 0.1 to 1.3, on accuracies over learning rates and widths by 0.06 at most."""
MIDDLE_NINE_TENTHS = normal_quantile(0.95)
LEAST_DEVIATION = 1e-9


@dataclass(frozen=True)
class LawMember(AbstractMember):
    """A law with a process on what it leaves; see `LawProcess`."""

    @property
    def name(self) -> str:
        """`law`."""
        return "law"

    @property
    def stretches(self) -> Mapping[float, float]:
        """As it is, and wider."""
        return {1.0: 1.0, 2.0: 0.3}

    def fit(self, task: Task, *, seed: int) -> "FittedLaw | None":
        """Fit; None with bounds, very many rows, the trend of earlier studies, or where no law helps."""
        process = task.process
        if task.side.any() or len(task) > MAX_ROWS or len(process.places) < len(task) or process.trend is not None:
            return None
        model = fit_law_model(task.features, task.units, process.column, seed=seed)
        return None if model.declined else FittedLaw(task, model)


@dataclass(frozen=True)
class FittedLaw(AbstractFitted):
    """A metric's law on the latent scale of a mix.

    Args:
        task: the task.
        model: the law with its process, on a latent scale of its own.
    """

    task: Task
    model: LawModel

    @cached_property
    def held_out(self) -> Pool:
        """Leave-one-out predictions; the laws forget the row that is left out, too."""
        scores = self.model.held_out()
        ends = np.stack([scores.low, scores.predicted, scores.high], axis=1)
        return self._normal(ends[self.task.judged])

    def at(self, units: np.ndarray, *, noise: bool) -> Pool:
        """Say what the law and its process say."""
        return self._normal(self.model.quantiles(units, (0.05, 0.5, 0.95), noise=noise))

    def claims(self, units: np.ndarray) -> np.ndarray:
        """Say which points ``[n, d]`` lie beyond the rows, where the law proved better at that; ``[n]``."""
        trended, proved = self.model.trended, self.model.extrapolation
        if trended is None or proved is None or proved[0] < proved[1] + PROVED:
            return np.zeros(len(units), dtype=bool)
        rows, points = trended.sizes(self.task.units), trended.sizes(units)
        low, high = rows.min(axis=0), rows.max(axis=0)
        margin = BEYOND * (high - low)
        return np.asarray(((points < low - margin) | (points > high + margin)).any(axis=1))

    def _normal(self, ends: np.ndarray) -> Pool:
        """Bring ends of 90 % intervals and medians ``[n, 3]`` to the latent scale of the mix."""
        latent = self.task.process.latent_warp.forward(ends.ravel()).reshape(ends.shape)
        latent = np.nan_to_num(latent, nan=0.0, posinf=1e6, neginf=-1e6)
        deviation = (latent[:, 2] - latent[:, 0]) / (2 * MIDDLE_NINE_TENTHS)
        return Pool.normal(latent[:, 1], np.maximum(deviation, LEAST_DEVIATION))
