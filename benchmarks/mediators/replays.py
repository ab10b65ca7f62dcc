"""Studies replayed on recorded trainings: what each rule saves, and what it stops that it should not have.

A study takes recorded trainings in a random order, one after another. At every recorded step a rule may stop the
one that runs; it sees the curves so far and the trainings that have ended, as in a real study. Since every
training was recorded to its end, what a stopped one would have come to is known.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from benchmarks.mediators.recordings import Recording
from physai_inverse.seeds import generator

BEST = 3


class Policy(Protocol):
    """What decides; told of trainings by their row in the recording."""

    def stops(self, row: int, place: int) -> bool:
        """Say whether to stop a training after the point at this place of its curves."""

    def ended(self, row: int, place: int, *, stopped: bool) -> None:
        """Take in that a training ended at this place: stopped, or at its own end."""


@dataclass(frozen=True)
class Replay:
    """What came of one study.

    Args:
        saved: share of the training time that was saved.
        stops: trainings that were stopped.
        wrong: of those, how many would have been among the best `BEST` of the whole study.
        beaten: of those, how many would have beaten the third best finished at that moment.
        missed: share of the best `BEST` that were stopped.
        regret: best finished value behind the best of the study, over the spread of the better half; 0 where it
            was found.
    """

    saved: float
    stops: int
    wrong: int
    beaten: int
    missed: float
    regret: float


def drawn(recording: Recording, *, trainings: int, seed: int) -> Recording:
    """Draw the trainings of a study, in their order."""
    return recording.take(generator(seed, "order", recording.name).permutation(len(recording))[:trainings])


def replay(task: Recording, policy: Policy) -> Replay:
    """Run one study: its trainings in their order, with a rule that has seen none."""
    sign = -1.0 if task.maximize else 1.0
    finals, own = sign * task.finals, task.curves[task.metric]
    finished: list[float] = []
    spent = full = 0.0
    stopped: list[int] = []
    beaten = 0
    for row in range(len(task)):
        finite = np.flatnonzero(~np.isfinite(own[row]))
        last = int(finite[0]) if len(finite) else len(task.steps) - 1
        place = 0
        while place < last and not policy.stops(row, place):
            place += 1
        spent += task.steps[place]
        full += task.steps[last]
        halted = place < last
        policy.ended(row, place, stopped=halted)
        if halted:
            stopped.append(row)
            bar = sorted(finished)[BEST - 1] if len(finished) >= BEST else np.inf
            beaten += bool(finals[row] < bar)
        elif np.isfinite(finals[row]):
            finished.append(float(finals[row]))
    ranked = np.argsort(np.where(np.isfinite(finals), finals, np.inf))
    best = set(ranked[:BEST].tolist())
    wrong = len(best & set(stopped))
    known = np.sort(finals[np.isfinite(finals)])
    spread = float(known[len(known) // 2] - known[0])
    return Replay(
        saved=1.0 - spent / full,
        stops=len(stopped),
        wrong=wrong,
        beaten=beaten,
        missed=wrong / BEST,
        regret=(min(finished, default=float(known[-1])) - float(known[0])) / spread,
    )
