"""A metric that is either reached, and then smooth, or not reached at all: a label, and a process given the label.

Where trainings were stopped at one bound ("not within 100,000 steps: later, or never"), what lies beyond it need
not be the continuation of what lies before it. This member asks first whether a value stays on this side of the
bound, as the model of failing does, and has a process of the values that did. Where the metric does go on smoothly
across the bound, the process that takes bounds for what they say is the better one; the weights decide.

Labels have hyper-parameters of their own, at the maximum of their evidence (by expectation propagation, with the
priors of a process). The model of failing, asked while somebody waits, finds them by regression on the labels;
here a label decides over decades, and their evidence knows more: with 20 to 120 rows of two phase diagrams the log
loss of held-out labels fell from 0.35 to 0.11 and from 0.23 to 0.07, by regression from 0.36 to 0.13 and from 0.27
to 0.08.

Labels are held out in folds at fixed hyper-parameters, values one by one.

Source: a hurdle model: Cragg, "Some statistical models for limited dependent variables" (Econometrica 39, 1971).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from physai_inverse.seeds import child, generator
from physai_inverse.surrogates.failure import MAX_CLIMB_ROWS, Region
from physai_inverse.surrogates.failure import MAX_ROWS as MAX_LABELS
from physai_inverse.surrogates.fit import Priors, climb, starts
from physai_inverse.surrogates.kernel import Covariance
from physai_inverse.surrogates.likelihood import Posterior, Rows
from physai_inverse.surrogates.member import AbstractFitted, AbstractMember, Task
from physai_inverse.surrogates.metric import CENTRE, MAX_ROWS
from physai_inverse.surrogates.pool import Pool
from physai_inverse.surrogates.processes import conditioned_on
from physai_inverse.surrogates.stacking import folds
from physai_inverse.surrogates.threads import one_thread

LEAST_ROWS = 5
"""Rows on either side of the bound."""
NUM_FOLDS = 5
MAX_STEPS = 20
"""Of the climb of the labels' evidence, each with its own expectation propagation."""
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
        rows = _labels(task)
        drawn = generator(seed, "side").permutation(len(task))
        priors = Priors(rows.num_groups)
        with one_thread():
            found = climb(
                rows.take(drawn[:MAX_CLIMB_ROWS]), priors, starts(priors)[0], max_steps=MAX_STEPS
            ).covariance
            region = _region(rows, drawn[:MAX_LABELS], found)
            part = folds(len(task), NUM_FOLDS, seed=child(seed, "labels"))
            chance = np.empty(len(task))
            for number in range(NUM_FOLDS):
                inside, others = np.flatnonzero(part == number), drawn[part[drawn] != number]
                if len(inside):
                    chance[inside] = _region(rows, others[:MAX_LABELS], found).holds(rows.features[inside])
        return FittedThreshold(task, region, chance, conditioned_on(task, seen, rough=False, seed=seed), seen)


def _labels(task: Task) -> Rows:
    """The side of the bound of each row as the sign of a latent value."""
    nothing = np.zeros(len(task))
    groups = np.array(task.features.groups, dtype=int)
    return Rows(task.columns - CENTRE, groups, nothing, nothing, np.where(task.side != 0, -1, 1))


def _region(rows: Rows, given: np.ndarray, covariance: Covariance) -> Region:
    return Region(Posterior.given(rows.take(given), covariance))


@dataclass(frozen=True)
class FittedThreshold(AbstractFitted):
    """A label and a process.

    Args:
        task: what they were fitted to.
        labels: where values stay before the bound.
        chance: ``[n]`` the same for each row, by the rows of the other folds.
        posterior: the process of the rows that stayed.
        seen: those rows.
    """

    task: Task
    labels: Region
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
        with one_thread():
            chance = self.labels.holds(self.task.features.encode(units) - CENTRE)
        return self._both(chance, mean, variance)

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
