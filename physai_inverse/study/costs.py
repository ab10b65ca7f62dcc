"""What trainings of a study with a fidelity cost, as shares of a full training.

A cost is proportional to the fidelity until seconds were recorded; then it is `fixed + rate * fidelity`, where
`fixed` is what every training pays before it begins to learn. A training that continues another pays for the rest.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from physai_inverse.fidelity import Fidelity
from physai_inverse.store import Trial

LEAST_ROWS = 8
"""Trainings with seconds, of at least two lengths, from which costs are learned."""


@dataclass(frozen=True)
class Costs:
    """The cost of a training, in full trainings.

    Args:
        fidelity: of the study.
        resume: whether trainings go on from where the lower rung stopped.
        fixed: what each pays before, as a share of a full training.
    """

    fidelity: Fidelity
    resume: bool
    fixed: float = 0.0

    def step(self, below: int, rung: int) -> float:
        """Give what it costs to come from the end of one rung (-1 for none) to the end of another."""
        done = self.fidelity.rungs[below] if self.resume and below >= 0 else 0.0
        return self._cost(self.fidelity.rungs[rung] - done)

    def of(self, trial: Trial, trials: Mapping[int, Trial]) -> float:
        """Give what a trial costs.

        Args:
            trial: the trial.
            trials: by number, to find the one that it continues.
        """
        return self._cost(_units(self.fidelity, trial, trials))

    def _cost(self, units: float) -> float:
        return self.fixed + (1.0 - self.fixed) * units / self.fidelity.high


def learned_costs(fidelity: Fidelity, trials: Iterable[Trial], *, resume: bool) -> Costs:
    """Learn what trainings cost from the seconds that were recorded.

    By least squares of relative errors, since a long training is off by more seconds than a short one.
    """
    import numpy as np

    by_number = {trial.number: trial for trial in trials}
    ended = [
        trial for trial in by_number.values() if trial.state.finished and not trial.state.bad and trial.seconds
    ]
    units = np.array([_units(fidelity, trial, by_number) for trial in ended])
    if len(ended) < LEAST_ROWS or len(np.unique(units)) < 2:
        return Costs(fidelity, resume)
    seconds = np.array([trial.seconds for trial in ended], dtype=float)
    table = np.stack([np.ones(len(units)), units], axis=1) / seconds[:, None]
    fixed, rate = np.linalg.lstsq(table, np.ones(len(units)), rcond=None)[0]
    if fixed <= 0 or rate <= 0:
        return Costs(fidelity, resume, 0.0 if fixed <= 0 else 1.0)
    return Costs(fidelity, resume, float(fixed / (fixed + rate * fidelity.high)))


def full_trainings(fidelity: Fidelity | None, counted: Iterable[Trial], trials: Iterable[Trial]) -> float:
    """Give how many full trainings some trials are worth, by their fidelity; their number without one.

    Args:
        fidelity: of the study.
        counted: the trials.
        trials: all of them, to find those that were continued.
    """
    if fidelity is None:
        return float(len(list(counted)))
    by_number = {trial.number: trial for trial in trials}
    return sum(_units(fidelity, trial, by_number) for trial in counted) / fidelity.high


def _units(fidelity: Fidelity, trial: Trial, trials: Mapping[int, Trial]) -> float:
    value = fidelity.high if trial.fidelity is None else trial.fidelity
    earlier = None if trial.continues is None else trials.get(trial.continues)
    return max(value - (earlier.fidelity or 0.0), 0.0) if earlier is not None else value
