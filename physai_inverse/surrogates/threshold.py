"""A metric that is either reached, and then smooth, or not reached at all: a label, and a process given the label.

Where trainings were stopped at one bound ("not within 100,000 steps: later, or never"), what lies beyond it need
not be the continuation of what lies before it. This member asks first whether a value stays on this side of the
bound, as the model of failing does, and has a process of the values that did. Where the metric does go on smoothly
across the bound, the process that takes bounds for what they say is the better one; the weights decide.

Labels are held out in folds, values one by one.

Source: a hurdle model: Cragg, "Some statistical models for limited dependent variables" (Econometrica 39, 1971).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from physai_inverse.seeds import child
from physai_inverse.surrogates.failure import FailureProcess, fit_success
from physai_inverse.surrogates.likelihood import Posterior
from physai_inverse.surrogates.member import AbstractFitted, AbstractMember, Task
from physai_inverse.surrogates.metric import CENTRE, MAX_ROWS
from physai_inverse.surrogates.pool import Pool
from physai_inverse.surrogates.processes import conditioned_on
from physai_inverse.surrogates.stacking import folds
from physai_inverse.surrogates.threads import one_thread

LEAST_ROWS = 5
"""Rows on either side of the bound."""
NUM_FOLDS = 5
BEYOND = 0.3
"""Standard deviation, on the latent scale, of what is said of values beyond the bound: little is known of them."""
STEPS_BEYOND = 2.5
"""How many of them its centre lies beyond the bound, so that little of it lies before."""
SURE = 0.005
"""Least probability of either side: a label may be wrong."""


@dataclass(frozen=True)
class Threshold(AbstractMember):
    """A label and a process given the label, where values were cut off at one bound."""

    @property
    def name(self) -> str:
        """`threshold`."""
        return "threshold"

    @property
    def stretches(self) -> Mapping[float, float]:
        """Narrower, and as it is."""
        return {0.5: 0.5, 1.0: 2.0}

    def fit(self, task: Task, *, seed: int) -> "FittedThreshold | None":
        """Fit both; None unless enough rows lie beyond one and the same bound, and not too many in all."""
        hidden, seen = np.flatnonzero(task.side), np.flatnonzero(task.side == 0)
        if min(len(hidden), len(seen)) < LEAST_ROWS or len(task) > MAX_ROWS:
            return None
        side, bounds = task.side[hidden], task.values[hidden]
        if np.ptp(side) != 0 or np.ptp(bounds) > 1e-9 * max(1.0, float(np.max(np.abs(bounds)))):
            return None
        if np.ptp(task.values[seen]) == 0.0 or np.any(side[0] * task.values[seen] > side[0] * bounds[0]):
            return None
        labels = self._labels(task, np.arange(len(task)), seed=seed)
        part = folds(len(task), NUM_FOLDS, seed=child(seed, "labels"))
        chance = np.empty(len(task))
        for number in range(NUM_FOLDS):
            inside, others = np.flatnonzero(part == number), np.flatnonzero(part != number)
            if len(inside):
                chance[inside] = self._labels(task, others, seed=seed).probability(task.units[inside])
        return FittedThreshold(task, labels, chance, conditioned_on(task, seen, rough=False, seed=seed), seen)

    @staticmethod
    def _labels(task: Task, rows: np.ndarray, *, seed: int) -> FailureProcess:
        return fit_success(task.features, task.units[rows], task.side[rows] != 0, seed=child(seed, "side"))


@dataclass(frozen=True)
class FittedThreshold(AbstractFitted):
    """A label and a process.

    Args:
        task: what they were fitted to.
        labels: of staying before the bound.
        chance: ``[n]`` the same for each row, by the rows of the other folds.
        posterior: the process of the rows that stayed.
        seen: those rows.
    """

    task: Task
    labels: FailureProcess
    chance: np.ndarray
    posterior: Posterior
    seen: np.ndarray

    @cached_property
    def held_out(self) -> Pool:
        """Values by all the others, labels by the rows of other folds."""
        task = self.task
        mean, variance = self._moments(task.units[task.judged])
        variance += self.posterior.covariance.noise + task.extra[task.judged]
        with one_thread():
            error, own = self.posterior.leave_one_out()
        place = {int(row): number for number, row in enumerate(self.seen)}
        for row, judged in enumerate(task.judged):
            if int(judged) in place:
                mean[row] = task.values[judged] + error[place[int(judged)]]
                variance[row] = own[place[int(judged)]]
        return self._both(self.chance[task.judged], mean, variance)

    def at(self, units: np.ndarray, *, noise: bool) -> Pool:
        """Say both."""
        mean, variance = self._moments(units)
        if noise:
            variance = variance + self.posterior.covariance.noise
        return self._both(self.labels.probability(units), mean, variance)

    def _moments(self, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with one_thread():
            return self.posterior.moments(self.task.features.encode(units) - CENTRE)

    def _both(self, chance: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> Pool:
        hidden = np.flatnonzero(self.task.side)[0]
        beyond = self.task.values[hidden] + self.task.side[hidden] * STEPS_BEYOND * BEYOND
        chance = np.clip(chance, SURE, 1.0 - SURE)
        return Pool(
            np.stack([chance, 1.0 - chance], axis=1),
            np.stack([mean, np.full(len(mean), beyond)], axis=1),
            np.stack([np.sqrt(variance), np.full(len(mean), BEYOND)], axis=1),
        )
