"""Processes as members of a mix, and the plain distribution of the values as its guard.

`Process` is the Gaussian process whose warp gives the mix its latent scale; it leaves each row out in closed form.
`RoughProcess` is a second one, for metrics that go in steps. `Marginal` knows nothing of the configurations: it
keeps the density of a value that all others call impossible from vanishing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from physai_inverse.seeds import generator
from physai_inverse.surrogates.fit import Priors, climb, replicate_variance, starts, widened
from physai_inverse.surrogates.likelihood import Posterior, Rows
from physai_inverse.surrogates.local import FittedLocalProcess
from physai_inverse.surrogates.member import AbstractFitted, AbstractMember, Task
from physai_inverse.surrogates.metric import CENTRE, MAX_ROWS
from physai_inverse.surrogates.pairs import Pairs
from physai_inverse.surrogates.pool import Pool
from physai_inverse.surrogates.selection import LEAST_NOISE
from physai_inverse.surrogates.settled import MAX_CLIMB_ROWS
from physai_inverse.surrogates.threads import one_thread


@dataclass(frozen=True)
class Process(AbstractMember):
    """The process of `metric.fit_metric`."""

    @property
    def name(self) -> str:
        """`process`."""
        return "process"

    @property
    def stretches(self) -> Mapping[float, float]:
        """Narrower, as it is, wider, and far wider."""
        return {0.5: 0.5, 1.0: 3.0, 2.0: 1.0, 4.0: 0.3}

    def fit(self, task: Task, *, seed: int) -> "FittedProcess":  # noqa: ARG002 - it was fitted before
        """Take the process that gave the latent scale."""
        return FittedProcess(task)


@dataclass(frozen=True)
class FittedProcess(AbstractFitted):
    """The process, left out row by row in closed form.

    Args:
        task: the task that holds it.
    """

    task: Task

    @cached_property
    def held_out(self) -> Pool:
        """Leave-one-out predictions at fixed hyper-parameters and warp; of rows it never saw, its predictions."""
        process, task = self.task.process, self.task
        with one_thread():
            error, variance = process.posterior.leave_one_out()
        row = {int(place): number for number, place in enumerate(process.places)}
        where = np.array([row.get(int(place), -1) for place in task.places[task.judged]], dtype=int)
        mean, deviation = np.empty(len(where)), np.empty(len(where))
        seen, unseen = where >= 0, np.flatnonzero(where < 0)
        mean[seen] = task.values[task.judged[seen]] + error[where[seen]]
        deviation[seen] = np.sqrt((variance[: len(process.doubt)] - process.doubt)[where[seen]])
        if len(unseen):
            rows = task.judged[unseen]
            mean[unseen], free = process.latent(task.units[rows])
            deviation[unseen] = np.sqrt(free**2 + process.noise**2 + task.extra[rows])
        return Pool.normal(mean, deviation)

    def at(self, units: np.ndarray, *, noise: bool) -> Pool:
        """Say mean and standard deviation of the process."""
        mean, deviation = self.task.process.latent(units)
        return Pool.normal(mean, np.hypot(deviation, self.task.process.noise) if noise else deviation)


@dataclass(frozen=True)
class RoughProcess(AbstractMember):
    """A second process, with a rough kernel, on the same latent scale."""

    @property
    def name(self) -> str:
        """`rough process`."""
        return "rough process"

    @property
    def stretches(self) -> Mapping[float, float]:
        """Narrower, and as it is: the process already speaks for the tails."""
        return {0.5: 0.5, 1.0: 0.5}

    def fit(self, task: Task, *, seed: int) -> "FittedRoughProcess | FittedLocalProcess":
        """Climb to the hyper-parameters from a few hundred rows, and condition on all, or around each point."""
        drawn = np.sort(generator(seed, "climb").permutation(len(task))[:MAX_CLIMB_ROWS])
        groups = np.array(task.features.groups, dtype=int)
        rows = Rows(task.columns - CENTRE, groups, task.values, task.extra, task.side)
        replicates = replicate_variance(task.units[drawn], task.targets[drawn])
        if replicates is not None:
            replicates = (max(replicates[0], LEAST_NOISE), replicates[1])
        priors = Priors(rows.num_groups, replicates, rough=True)
        with one_thread():
            judged = rows.take(drawn)
            judged = replace(judged, pairs=Pairs.of(judged.features, groups, rough=True))
            found = max((climb(judged, priors, place) for place in starts(priors)), key=lambda one: one.value)
            fitted = widened(found, len(drawn))
            if len(task) > MAX_ROWS:
                return FittedLocalProcess(task, fitted.covariance)
            posterior = Posterior.given(rows, fitted.covariance, fitted.sites if len(drawn) == len(task) else None)
        return FittedRoughProcess(task, posterior)


@dataclass(frozen=True)
class FittedRoughProcess(AbstractFitted):
    """A process of its own.

    Args:
        task: what it was fitted to.
        posterior: the process given the data.
    """

    task: Task
    posterior: Posterior

    @cached_property
    def held_out(self) -> Pool:
        """Leave-one-out predictions at fixed hyper-parameters."""
        judged = self.task.judged
        with one_thread():
            error, variance = self.posterior.leave_one_out()
        return Pool.normal(self.task.values[judged] + error[judged], np.sqrt(variance[judged]))

    def at(self, units: np.ndarray, *, noise: bool) -> Pool:
        """Say mean and standard deviation of the process."""
        with one_thread():
            mean, variance = self.posterior.moments(self.task.features.encode(units) - CENTRE)
        return Pool.normal(mean, np.sqrt(variance + (self.posterior.covariance.noise if noise else 0.0)))


@dataclass(frozen=True)
class Marginal(AbstractMember):
    """The distribution of the values, whatever the configuration."""

    @property
    def name(self) -> str:
        """`marginal`."""
        return "marginal"

    @property
    def stretches(self) -> Mapping[float, float]:
        """As it is, and far wider."""
        return {1.0: 0.2, 3.0: 0.2}

    def fit(self, task: Task, *, seed: int) -> "FittedMarginal":  # noqa: ARG002 - nothing is drawn
        """Take the values."""
        return FittedMarginal(task)


@dataclass(frozen=True)
class FittedMarginal(AbstractFitted):
    """Mean and standard deviation of the values.

    Args:
        task: the task that holds them.
    """

    task: Task

    @cached_property
    def held_out(self) -> Pool:
        """Mean and standard deviation of the other values."""
        targets = self.task.targets
        num = len(targets)
        others = max(num - 1, 1)
        mean = (targets.sum() - targets) / others if num > 1 else np.zeros(num)
        square = (targets @ targets - targets**2) / others if num > 1 else np.ones(num)
        variance = np.maximum(square - mean**2, 0.0) + 1.0 / (1 + others)
        return Pool.normal(mean, np.sqrt(variance + self.task.extra)).take(self.task.judged)

    def at(self, units: np.ndarray, *, noise: bool) -> Pool | None:
        """Say the same everywhere; nothing of a noise-free value, since what it guards against are misses."""
        if not noise:
            return None
        targets = self.task.targets
        deviation = np.sqrt(np.var(targets) + 1.0 / (1 + len(targets)))
        return Pool.normal(np.full(len(units), np.mean(targets)), np.full(len(units), deviation))
