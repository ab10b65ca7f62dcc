"""Trials on their way through an executor: a job each, or one for many where the trainer trains many together.

A job that dies whole (killed, out of time or memory, a bug outside of any one training) says nothing of each of
its trials. It is taken apart in halves, which train anew, until what killed it is alone; the others go on.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, TypeAlias

from physai_inverse.errors import TrialFailed
from physai_inverse.executors import InProcess, LocalProcesses, Outcome
from physai_inverse.observations import Trainer, value_of
from physai_inverse.store import Trial
from physai_inverse.study.checkpoints import checkpoint_folder
from physai_inverse.study.stopping import rules_for
from physai_inverse.study.streaming import Told
from physai_inverse.trainers import Extras, Trained, may_stop, taken, train, train_together

if TYPE_CHECKING:
    from physai_inverse.fidelity import Fidelity
    from physai_inverse.objective import Objective
    from physai_inverse.store import Store

Executor: TypeAlias = InProcess | LocalProcesses


class Submitting(Protocol):
    """What a study is to its jobs."""

    name: str
    store: "Store"
    objective: "Objective"
    fidelity: "Fidelity | None"
    seed: int
    stopping: str


@dataclass
class Jobs:
    """The trials that a run has leased, until each has ended.

    Args:
        study: whose trials they are.
        trainer: see `trainers.extras`.
        executor: where they train.
        workers: jobs at a time.
        timeout: seconds that a training may take; a job of many has so much for each.
        together: trials that share a job at most.
        held: number to trial and the moment since when it is held.
    """

    study: Submitting
    trainer: Trainer
    executor: Executor
    workers: int
    timeout: float | None
    together: int
    held: dict[int, tuple[Trial, float]] = field(default_factory=dict)
    _ready: list[list[Trial]] = field(default_factory=list)
    _running: dict[int, list[Trial]] = field(default_factory=dict)
    _alone: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.told = Told(self.study.store, self.study.name)
        self.executor.listen(lambda key, value: self.told.add(self._running[key], value))  # type: ignore[index]

    @cached_property
    def last_attempt(self) -> int:
        """How often a trial is handed out at most."""
        return self.study.store.study(self.study.name).max_attempts

    @property
    def free(self) -> int:
        """How many more jobs could run at once."""
        return max(self.workers - len(self._running) - len(self._ready), 0)

    def hold(self, trials: Sequence[Trial]) -> None:
        """Take over trials that were leased."""
        now = time.monotonic()
        self.held.update({trial.number: (trial, now) for trial in trials})

    def add(self, trials: Sequence[Trial]) -> None:
        """Queue trials that are held: those of one fidelity together, and alone what may have killed a job.

        A trial that died alone is never put together with others again, and one that has a last attempt left takes
        it alone: that the others were lost was perhaps its doing.
        """
        groups: dict[object, list[Trial]] = {}
        for trial in trials:
            alone = self.together == 1 or trial.number in self._alone or trial.attempt >= self.last_attempt
            groups.setdefault(("alone", trial.number) if alone else ("rung", trial.fidelity), []).append(trial)
        for group in groups.values():
            self._ready += [group[first : first + self.together] for first in range(0, len(group), self.together)]

    def start(self) -> None:
        """Submit what waits, as far as workers are free."""
        while self._ready and len(self._running) < self.workers:
            trials = self._ready.pop(0)
            self._running[trials[0].number] = trials
            self._submit(trials)

    def ended(self, wait_seconds: float) -> list[tuple[Trial, Outcome]]:
        """Give the trials that have ended, with how each did.

        Args:
            wait_seconds: how long to wait for the first.
        """
        found: list[tuple[Trial, Outcome]] = []
        for key in self.executor.poll(wait_seconds):
            assert isinstance(key, int)
            outcome, trials = self.executor.collect(key), self._running.pop(key)
            if len(trials) > 1 and outcome.error is not None:
                for trial in trials:
                    self.told.forget(trial.number)
                middle = len(trials) // 2
                self._ready[:0] = [trials[:middle], trials[middle:]]
                continue
            if outcome.error is not None:
                self._alone.add(key)
            found += zip(trials, outcomes_of(trials, outcome), strict=True)
        for trial, _ in found:
            del self.held[trial.number]
        return found

    def cancel(self) -> list[int]:
        """End everything, and give the numbers of the trials that are still held."""
        for key in self._running:
            self.executor.cancel(key)
        self.executor.listen(None)
        self.told.write()
        return list(self.held)

    def _submit(self, trials: list[Trial]) -> None:
        takes = taken(self.trainer)
        seeds = [trial.seed or 0 for trial in trials]
        key, first = trials[0].number, trials[0]
        if len(trials) == 1 and not takes:
            self.executor.submit(key, self.trainer, first.config, seeds[0], timeout=self.timeout)
            return
        extras = self._extras(trials, takes)
        if len(trials) == 1:
            self.executor.submit(key, train, self.trainer, first.config, seeds[0], extras[0], timeout=self.timeout)
            return
        limit = None if self.timeout is None else self.timeout * len(trials)
        configs = [trial.config for trial in trials]
        self.executor.submit(key, train_together, self.trainer, configs, seeds, extras, timeout=limit)

    def _extras(self, trials: Sequence[Trial], takes: frozenset[str]) -> list[Extras]:
        from physai_inverse.inverse.stopping import Reporter

        fidelity, numbers = self.study.fidelity, [trial.number for trial in trials]
        stopping = "report" in takes and may_stop(self.trainer)
        rules = rules_for(self.study, numbers) if stopping else dict.fromkeys(numbers)
        found = []
        for trial in trials:
            folder = checkpoint_folder(self.study.store, self.study.name, trial) if "checkpoint" in takes else None
            found.append(
                Extras(
                    fidelity=None if fidelity is None else fidelity.plain(trial.fidelity),
                    checkpoint=None if folder is None else str(folder),
                    resume_from=trial.continues,
                    report=Reporter(rules[trial.number]) if "report" in takes else None,
                )
            )
        return found


def outcomes_of(trials: Sequence[Trial], outcome: Outcome) -> list[Outcome]:
    """Take the outcome of a job apart into one for each of its trials.

    The seconds of a job of many are shared out as the trainings' own `seconds` say, where they measured them.
    """
    if len(trials) == 1:
        return [outcome]
    results = outcome.value
    assert isinstance(results, list)
    measured = [own_seconds(result) for result in results]
    known = [value for value in measured if value is not None]
    mean = sum(known) / len(known) if known else 1.0
    weights = [mean if value is None else value for value in measured]
    found = []
    for trial, result, weight in zip(trials, results, weights, strict=True):
        share = outcome.seconds * weight / max(sum(weights), 1e-300)
        part = replace(outcome, key=trial.number, value=result, seconds=share)
        if isinstance(result, TrialFailed):
            part = replace(part, value=None, error=result.reason, kind=result.kind)
        found.append(part)
    return found


def own_seconds(result: object) -> float | None:
    """Give the seconds that a training measured of itself; None where it did not."""
    if not isinstance(result, Trained):
        return None
    value = value_of(result.metrics, "seconds")  # type: ignore[arg-type]  # checked by `settled`
    return value if value is not None and 0 < value < float("inf") else None
