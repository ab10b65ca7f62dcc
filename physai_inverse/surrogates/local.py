"""A process of the rows around each point: exact where it matters, in a time that hardly grows with the rows.

A point far away in units of the lengthscales says nothing that nearer ones do not say better, so that a process of
the `NEIGHBOURS` nearest rows predicts nearly what one of all rows would. A row is judged by its neighbours.

Rows of which only a bound is known take part with what the process expects beyond the bound.

Source: Vecchia, "Estimation and model identification for continuous spatial processes" (Journal of the Royal
Statistical Society B 50, 1988); Datta, Banerjee, Finley & Gelfand, "Hierarchical nearest-neighbor Gaussian process
models" (Journal of the American Statistical Association 111, 2016), section 2.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from physai_inverse.surrogates.kernel import MEAN_VARIANCE, Covariance, factor, solved
from physai_inverse.surrogates.member import AbstractFitted, AbstractMember, Task
from physai_inverse.surrogates.metric import CENTRE, MAX_ROWS
from physai_inverse.surrogates.pool import Pool
from physai_inverse.surrogates.threads import one_thread

NEIGHBOURS = 160
SEARCHED = 64
"""Points whose neighbours are sought at a time."""
LEAST_VARIANCE = 1e-8
"""Floor of a variance, as a share of that before any data."""


@dataclass(frozen=True)
class LocalProcess(AbstractMember):
    """The process around each point, where there are more rows than one process takes."""

    @property
    def name(self) -> str:
        """`local process`."""
        return "local process"

    @property
    def stretches(self) -> Mapping[float, float]:
        """Narrower, as it is, wider."""
        return {0.5: 0.5, 1.0: 3.0, 2.0: 0.5}

    def fit(self, task: Task, *, seed: int) -> "FittedLocalProcess | None":  # noqa: ARG002 - nothing is drawn
        """Take the hyper-parameters of the process; None where the process holds all rows itself."""
        return FittedLocalProcess(task, task.process.posterior.covariance) if len(task) > MAX_ROWS else None


@dataclass(frozen=True)
class FittedLocalProcess(AbstractFitted):
    """Hyper-parameters, and all rows.

    Args:
        task: what it predicts from.
        covariance: the hyper-parameters.
    """

    task: Task
    covariance: Covariance

    @cached_property
    def held_out(self) -> Pool:
        """What the neighbours of a judged row say of it."""
        judged = self.task.judged
        mean, variance = self._moments(self.task.columns[judged], judged)
        return Pool.normal(mean, np.sqrt(variance + self.covariance.noise + self.task.extra[judged]))

    def at(self, units: np.ndarray, *, noise: bool) -> Pool:
        """Say what the neighbours say."""
        mean, variance = self._moments(self.task.features.encode(units), None)
        return Pool.normal(mean, np.sqrt(variance + (self.covariance.noise if noise else 0.0)))

    @cached_property
    def _scaled(self) -> np.ndarray:
        """All rows, in units of the lengthscales ``[n, f]``."""
        return self._in_lengths(self.task.columns)

    def _in_lengths(self, columns: np.ndarray) -> np.ndarray:
        groups = np.array(self.task.features.groups, dtype=int)
        return np.asarray((columns - CENTRE) / self.covariance.lengthscales[groups])

    def _moments(self, columns: np.ndarray, left_out: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Give mean and variance ``[m]`` of the noise-free value at encoded points ``[m, f]``.

        Args:
            columns: the points.
            left_out: ``[m]`` for each the row that must not be asked; None where all may.
        """
        mean, variance = np.empty(len(columns)), np.empty(len(columns))
        points = self._in_lengths(columns)
        with one_thread():
            for first in range(0, len(columns), SEARCHED):
                part = slice(first, first + SEARCHED)
                near = self._nearest(points[part], None if left_out is None else left_out[part])
                for row, (point, rows) in enumerate(zip(points[part], near, strict=True), first):
                    mean[row], variance[row] = self._predicted(point, rows)
        return mean, variance

    def _nearest(self, points: np.ndarray, left_out: np.ndarray | None) -> np.ndarray:
        """Give the nearest rows ``[m, k]`` of points ``[m, f]``, by the Euclidean distance."""
        squares = -2.0 * points @ self._scaled.T
        squares += np.einsum("ij,ij->i", self._scaled, self._scaled)
        if left_out is not None:
            squares[np.arange(len(points)), left_out] = np.inf
        count = min(NEIGHBOURS, squares.shape[1] - 1)
        return np.asarray(np.argpartition(squares, count, axis=1)[:, :count])

    def _predicted(self, point: np.ndarray, rows: np.ndarray) -> tuple[float, float]:
        scaled, task, covariance = self._scaled[rows], self.task, self.covariance
        noisy = covariance.between(scaled, scaled)
        noisy[np.diag_indices_from(noisy)] += covariance.noise + task.extra[rows]
        cross = covariance.between(point[None], scaled)[0]
        lower = factor(noisy)
        halves = solved(lower, np.stack([cross, task.targets[rows]], axis=1))
        prior = covariance.scale + MEAN_VARIANCE
        variance = max(prior - float(halves[:, 0] @ halves[:, 0]), LEAST_VARIANCE * prior)
        return float(halves[:, 0] @ halves[:, 1]), variance
