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
from physai_inverse.surrogates.fit import Fitted, Priors, climb, replicate_variance, starts, widened
from physai_inverse.surrogates.likelihood import Posterior, Rows
from physai_inverse.surrogates.local import FittedLocalProcess
from physai_inverse.surrogates.member import AbstractFitted, AbstractMember, Task
from physai_inverse.surrogates.metric import CENTRE, MAX_ROWS
from physai_inverse.surrogates.pairs import Pairs
from physai_inverse.surrogates.pool import Pool
from physai_inverse.surrogates.selection import LEAST_NOISE
from physai_inverse.surrogates.settled import MAX_CLIMB_ROWS
from physai_inverse.surrogates.threads import one_thread

LEAST_LEFT = 1e-6
"""Least share of its prior variance that a row keeps when its pseudo-value is taken out."""


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
        own = np.searchsorted(task.places, process.places)  # both in order
        covariance = process.posterior.covariance
        noisy = covariance.prior_variance + covariance.noise + task.extra[own] + process.doubt
        side = task.side[own]
        with one_thread():
            mean, variance = left_out(process.posterior, noisy, task.values[own], side)
        if process.trend is not None:  # the process is of what the trend leaves
            mean += np.where(side != 0, process.trend(task.units[own]), 0.0)
        means, variances = np.full(len(task), np.nan), np.full(len(task), np.nan)
        means[own], variances[own] = mean, variance - process.doubt
        unseen = task.judged[np.isnan(means[task.judged])]
        if len(unseen):
            means[unseen], free = process.latent(task.units[unseen])
            variances[unseen] = free**2 + process.noise**2 + task.extra[unseen]
        return Pool.normal(means[task.judged], np.sqrt(variances[task.judged]))

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

    def fit(self, task: Task, *, seed: int) -> "FittedOwnProcess | FittedLocalProcess":
        """Climb to the hyper-parameters from a few hundred rows, and condition on all, or around each point."""
        if len(task) > MAX_ROWS:
            return FittedLocalProcess(
                task, _climbed(task, np.arange(len(task)), rough=True, seed=seed)[0].covariance
            )
        return FittedOwnProcess(task, conditioned_on(task, np.arange(len(task)), rough=True, seed=seed))


def conditioned_on(task: Task, rows: np.ndarray, *, rough: bool, seed: int) -> Posterior:
    """Fit a process to some rows of a task and condition it on them.

    Args:
        task: the metric on its latent scale.
        rows: which rows.
        rough: whether its kernel is.
        seed: of the rows that hyper-parameters are found from, where there are many.

    Raises:
        np.linalg.LinAlgError: no covariance could be factored.
    """
    fitted, drawn = _climbed(task, rows, rough=rough, seed=seed)
    with one_thread():
        start = fitted.sites if len(drawn) == len(rows) else None
        return Posterior.given(_rows_of(task, rows), fitted.covariance, start)


def _climbed(task: Task, rows: np.ndarray, *, rough: bool, seed: int) -> tuple[Fitted, np.ndarray]:
    drawn = rows[np.sort(generator(seed, "climb").permutation(len(rows))[:MAX_CLIMB_ROWS])]
    replicates = replicate_variance(task.units[drawn], task.targets[drawn])
    if replicates is not None:
        replicates = (max(replicates[0], LEAST_NOISE), replicates[1])
    judged = _rows_of(task, drawn)
    judged = replace(judged, pairs=Pairs.of(judged.features, judged.groups, rough=rough))
    priors = Priors(judged.num_groups, replicates, rough=rough)
    with one_thread():
        found = max((climb(judged, priors, place) for place in starts(priors)), key=lambda one: one.value)
    return widened(found, len(drawn)), drawn


def _rows_of(task: Task, rows: np.ndarray) -> Rows:
    groups = np.array(task.features.groups, dtype=int)
    return Rows(task.columns[rows] - CENTRE, groups, task.values[rows], task.extra[rows], task.side[rows])


def left_out(
    posterior: Posterior, noisy: np.ndarray, values: np.ndarray, side: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Give mean and variance ``[n]`` of each row's noisy latent value, predicted from all others.

    A row of which only a bound is known stands in the process as a pseudo-value with a pseudo-variance; both can
    be read off the factor, and are taken out again: its cavity (Rasmussen & Williams 2006, equation 3.56).

    Args:
        posterior: the process.
        noisy: ``[n]`` prior variance of each row, its noise included.
        values: ``[n]``.
        side: ``[n]``.
    """
    error, variance = posterior.leave_one_out()
    error, variance = error[: len(values)], variance[: len(values)]
    mean = values + error
    hidden = np.flatnonzero(side)
    if len(hidden):
        rows = posterior.lower[hidden]
        mean[hidden] = rows @ (posterior.lower.T @ posterior.weights) + error[hidden]
        site = np.einsum("ij,ij->i", rows, rows) - noisy[hidden]
        variance = variance.copy()
        variance[hidden] = np.maximum(variance[hidden] - site, LEAST_LEFT * noisy[hidden])
    return mean, variance


@dataclass(frozen=True)
class FittedOwnProcess(AbstractFitted):
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
        task, covariance = self.task, self.posterior.covariance
        noisy = covariance.prior_variance + covariance.noise + task.extra
        with one_thread():
            mean, variance = left_out(self.posterior, noisy, task.values, task.side)
        return Pool.normal(mean, np.sqrt(variance)).take(task.judged)

    def columns(self, units: np.ndarray) -> np.ndarray:
        """Give what the process sees of points, ``[n, f]``."""
        return self.task.features.encode(units)

    def at(self, units: np.ndarray, *, noise: bool) -> Pool:
        """Say mean and standard deviation of the process."""
        with one_thread():
            mean, variance = self.posterior.moments(self.columns(units) - CENTRE)
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
