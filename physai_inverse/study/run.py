"""The loop: suggest, train, observe, until the budget is used up; survives being killed at any moment.

Every trial is leased for a short time and the lease is extended while this process lives. What a killed process
left open is found by the next one and trained again with the same configuration and seed; what was finished stays.
"""

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, TypeAlias

from physai_inverse.errors import Conflict, InvalidInput, PhysaiInverseError, TrialFailed
from physai_inverse.executors import InProcess, LocalProcesses, Outcome
from physai_inverse.forward import CURVE_SUFFIX
from physai_inverse.observations import MetricsLike, Scalar, Trainer, TrialState
from physai_inverse.store import Trial
from physai_inverse.study.costs import full_trainings
from physai_inverse.study.jobs import Executor, Jobs
from physai_inverse.study.prices import SECONDS, Foreseen, foreseen_at, points_to_foresee
from physai_inverse.study.workers import is_dead, this_worker
from physai_inverse.trainers import Trained, bound, foresee, foresees, taken, trains_together

if TYPE_CHECKING:
    from physai_inverse.fidelity import Fidelity
    from physai_inverse.objective import Objective
    from physai_inverse.space import Space
    from physai_inverse.store import Store

RUN_LEASE_SECONDS = 60.0
WAIT_SECONDS = 0.2
"""How often progress is told while nothing finishes."""

MAX_BUGS = 3
"""Trainings in a row that fail by a bug before the loop stops and shows it."""

FORESEEING = "what trainings will take"
"""Key of the job in which a trainer is asked."""

OWN_ORIGINS = ("suggested", "queued")
"""Trials that count towards a budget; imported observations do not."""


class Loop(Protocol):
    """What a run needs of a study."""

    name: str
    store: "Store"
    objective: "Objective"
    fidelity: "Fidelity | None"
    seed: int
    stopping: str
    space: "Space"
    method: str
    foreseen: Foreseen | None

    @property
    def trials(self) -> list[Trial]:
        """Every trial, in order of its number."""

    def suggest(
        self,
        num: int = 1,
        *,
        lease_seconds: float | None = None,
        resume: bool | None = None,
        fewer: bool = False,
    ) -> list[Trial]:
        """Propose trainings."""

    def observe(
        self,
        trial: Trial | int,
        metrics: MetricsLike,
        *,
        seconds: float | None = None,
        stopped_early: bool = False,
        reason: str | None = None,
    ) -> Trial:
        """Record what a training gave."""

    def fail(
        self,
        trial: Trial | int,
        reason: str = "failed",
        *,
        kind: str | None = None,
        metrics: MetricsLike | None = None,
        seconds: float | None = None,
    ) -> Trial:
        """Record that a training gave no result."""

    def heartbeat(self, trial: Trial, *, lease_seconds: float | None = None) -> float:
        """Extend the lease of a trial."""


@dataclass(frozen=True)
class Progress:
    """Where a run stands.

    Args:
        finished: trials of the budget that have ended; in a study with a fidelity, as many full trainings as they
            cost.
        budget: how many there shall be.
        failed: how many of them failed or diverged.
        running: number, configuration and seconds so far of what is being trained.
        best: the best value of the first wish among those that ended well; None where there is none.
        seconds: since this run began.
        seconds_left: a guess from the trainings of this run so far; None before the first.
        last: the trial that has just ended; None between two ends.
    """

    finished: int
    budget: int
    failed: int
    running: tuple[tuple[int, dict[str, Scalar], float], ...]
    best: float | None
    seconds: float
    seconds_left: float | None
    last: Trial | None = None


OnProgress: TypeAlias = Callable[[Progress], None]


def run(
    study: Loop,
    trainer: Trainer,
    budget: int,
    *,
    workers: int = 1,
    timeout: float | None = None,
    together: int = 1,
    lease_seconds: float = RUN_LEASE_SECONDS,
    on_progress: OnProgress | None = None,
    executor: Executor | None = None,
) -> Progress:
    """Train until `budget` trials of the study have ended, counting those of earlier runs.

    It goes on after any interruption.

    Args:
        study: the study.
        trainer: a callable `(config)` or `(config, seed)` that gives metrics; see `trainers.extras` for what else
            it may take.
        budget: how many trials the study shall have; imported observations do not count. In a study with a
            fidelity: how many full trainings' worth.
        workers: 1 trains in this process, more in as many processes; the trainer must be importable then.
        timeout: seconds after which a training is stopped and recorded as failed; it runs in a process of its own
            then, also where there is one worker. Trainings in one program have so much for each.
        together: how many configurations are proposed at a time and trained in one program, by a trainer that can
            (a `BatchedTrainer`, a built-in task); in a study with a fidelity those of one rung.
        lease_seconds: how long the work of a lost process waits before another takes it.
        on_progress: called after every end and a few times a second between.
        executor: where trainings run, with `workers` at a time; it stays open. Made and closed here where it is
            left out.

    Returns:
        Where the run stands at its end.

    Raises:
        InvalidInput: an argument cannot be meant, or `together` is asked of a trainer that cannot.
        TrialFailed: `MAX_BUGS` trainings in a row failed by a bug, or the first ones all gave no usable
            metrics; they are recorded, the message shows the last.
        KeyboardInterrupt: passed on, after what was running has been given back.
    """
    for argument, value in (("budget", budget), ("workers", workers), ("together", together)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InvalidInput(f"`{argument}` must be a whole number of at least 1, not {value!r}.")
    if executor is None:
        with make_executor(workers, timeout) as own:
            return run(
                study,
                trainer,
                budget,
                workers=workers,
                timeout=timeout,
                together=together,
                lease_seconds=lease_seconds,
                on_progress=on_progress,
                executor=own,
            )
    made = bound(trainer, None if study.fidelity is None else study.fidelity.name)
    taken(made)  # a function that cannot be found is told before any trial is handed out
    if together > 1 and not trains_together(made):
        raise InvalidInput(
            f"`together` is {together}, and the trainer trains one configuration at a time. Give a "
            "`BatchedTrainer` or a built-in task, or leave `together` at 1."
        )
    jobs = Jobs(study, made, executor, workers, timeout, together)
    return _Loop(study, jobs, budget, lease_seconds, on_progress).run()


def make_executor(workers: int, timeout: float | None = None) -> Executor:
    """Give an executor: this process for one training at a time without a limit, else processes of their own."""
    return InProcess() if workers == 1 and timeout is None else LocalProcesses(workers)


@dataclass
class _Loop:
    study: Loop
    jobs: Jobs
    budget: int
    lease_seconds: float
    on_progress: OnProgress | None
    began: float = field(default_factory=time.monotonic)
    ended: int = 0
    bugs: int = 0
    last_bug: Trial | None = None
    first: float | None = None  # what had been spent when this run began to tell

    def run(self) -> Progress:
        study, store, jobs = self.study, self.study.store, self.jobs
        dead = {worker for _, worker, _ in store.leases(study.name) if is_dead(worker)}
        if dead:
            store.release(study.name, dead)
        with self._heartbeats():
            try:
                self._foresee()
                while True:
                    while jobs.free and self._spent() < self.budget:
                        jobs.add(self._suggest())
                        self._tell(None)
                        jobs.start()
                    jobs.start()
                    if not jobs.held:
                        break
                    for trial, outcome in jobs.ended(WAIT_SECONDS):
                        self._end(trial, outcome)
                    self._stop_at_bugs()
                    self._tell(None)
            finally:
                held = jobs.cancel()
                if held:
                    store.release(study.name, {this_worker()}, only=held)
        return self._progress(None)

    def _foresee(self) -> None:
        """Let the study know what trainings will take, where that can change what it proposes.

        With the cost `seconds` each is worth what it gains for its time, from the first on; without a cost only
        what trainings in one program save by being alike counts. A fidelity has costs of its own.
        """
        study, jobs = self.study, self.jobs
        counts = study.objective.cost == SECONDS or (study.objective.cost is None and jobs.together > 1)
        if not counts or study.foreseen is not None or study.fidelity is not None or study.method != "model":
            return
        if not foresees(jobs.trainer) or self._spent() >= self.budget:
            return
        points = points_to_foresee(study.space, study.seed)
        jobs.executor.submit(FORESEEING, foresee, jobs.trainer, study.space.decode(points))
        while FORESEEING not in jobs.executor.poll(WAIT_SECONDS):
            continue
        outcome = jobs.executor.collect(FORESEEING)
        if isinstance(outcome.value, list):  # else the first training will say what is wrong
            study.foreseen = foreseen_at(study.space, points, outcome.value, study.seed)

    def _suggest(self) -> list[Trial]:
        """Lease what shares the next job: what the budget leaves, shared out among the free workers.

        What waits, as after a run that was killed, is not mixed with what is new: the new then knows of it, as it
        would have without the interruption. With a fidelity trials are asked for one by one, since each costs
        another part of the budget.
        """
        jobs, trials = self.jobs, []
        waiting = sum(trial.state is TrialState.PROPOSED for trial in self.study.trials)
        most = min(jobs.together, waiting or jobs.together)
        if self.study.fidelity is None:
            left = max(self.budget - self._spent(), 1.0)
            count = min(most, math.ceil(left / jobs.free))
            trials = self.study.suggest(count, lease_seconds=self.lease_seconds, fewer=True)
            jobs.hold(trials)
            return trials
        resume = "checkpoint" in taken(jobs.trainer)
        while len(trials) < most and self._spent() < self.budget:
            trials += self.study.suggest(1, lease_seconds=self.lease_seconds, resume=resume)
            jobs.hold(trials[-1:])
        return trials

    def _end(self, trial: Trial, outcome: Outcome) -> None:
        if outcome.kind == "preempted":  # says nothing about the configuration: it is offered again
            if trial.attempt < self.jobs.last_attempt:
                self.jobs.told.write([trial.number])
                self.study.store.release(self.study.name, {this_worker()}, only=[trial.number])
                return
            reason = f"given up after {trial.attempt} attempts: {outcome.error}"
            outcome = replace(outcome, error=reason, kind="unknown")
        try:
            last = self._record(trial, outcome)
        except Conflict:  # finished by somebody else after our lease was lost
            return
        finally:
            self.jobs.told.forget(trial.number)
        self.ended += 1
        self._tell(last)
        if self.bugs < min(MAX_BUGS, self.budget):
            self.bugs = self.bugs + 1 if last.kind == "bug" else 0
            self.last_bug = last

    def _stop_at_bugs(self) -> None:
        """Stop once too many in a row have failed by a bug, after all that ended with them has been recorded."""
        if self.bugs == min(MAX_BUGS, self.budget):
            assert self.last_bug is not None
            raise TrialFailed(
                f"{self.bugs} trainings in a row failed by a bug, so the run stops; "
                f"trial {self.last_bug.number} says: {self.last_bug.reason}"
            )

    def _record(self, trial: Trial, outcome: Outcome) -> Trial:
        if outcome.error is not None:
            curves = self.jobs.told.curves(trial.number)
            return self.study.fail(
                trial,
                outcome.error,
                kind=outcome.kind or "unknown",
                metrics={f"{name}{CURVE_SUFFIX}": curve for name, curve in curves.items()},
                seconds=outcome.seconds,
            )
        try:
            value = outcome.value  # `observe` checks it
            told = value if isinstance(value, Trained) else Trained(value)  # type: ignore[arg-type]
            return self.study.observe(
                trial,
                told.metrics,
                seconds=outcome.seconds,
                stopped_early=told.stopped is not None,
                reason=told.stopped,
            )
        except InvalidInput as error:
            return self.study.fail(
                trial, f"The trainer gave no usable metrics: {error}", kind="bug", seconds=outcome.seconds
            )

    def _spent(self) -> float:
        """How much of the budget is used up by what has ended and what runs."""
        trials = self.study.trials
        counted = [
            trial
            for trial in trials
            if trial.origin in OWN_ORIGINS and (trial.state.finished or trial.number in self.jobs.held)
        ]
        return full_trainings(self.study.fidelity, counted, trials)

    def _progress(self, last: Trial | None) -> Progress:
        own = [trial for trial in self.study.trials if trial.state.finished and trial.origin in OWN_ORIGINS]
        now = time.monotonic()
        spent = full_trainings(self.study.fidelity, own, self.study.trials)
        self.first = spent if self.first is None else self.first
        left = None
        if self.ended and spent > self.first:
            left = (now - self.began) / (spent - self.first) * max(self.budget - spent, 0.0)
        best = best_measured(self.study, own)
        return Progress(
            finished=int(spent + 1e-9),
            budget=self.budget,
            failed=sum(trial.state.bad for trial in own),
            running=tuple(
                (number, trial.config, now - start) for number, (trial, start) in list(self.jobs.held.items())
            ),
            best=None if best is None else best[1],
            seconds=now - self.began,
            seconds_left=left,
            last=last,
        )

    def _tell(self, last: Trial | None) -> None:
        if self.on_progress is not None:
            self.on_progress(self._progress(last))

    @contextlib.contextmanager
    def _heartbeats(self) -> Iterator[None]:
        """Extend every lease from a thread of its own, also while a training runs in this process."""
        stop = threading.Event()

        def beat() -> None:
            while not stop.wait(self.lease_seconds / 3):
                for trial, _ in list(self.jobs.held.values()):
                    # A lost lease is met again when the result comes, which is then kept as late.
                    with contextlib.suppress(PhysaiInverseError):
                        self.study.heartbeat(trial, lease_seconds=self.lease_seconds)

        thread = threading.Thread(target=beat, name="physai-inverse heartbeats", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def best_measured(study: Loop, trials: list[Trial]) -> tuple[Trial, float] | None:
    """Give the trial with the best measured value of the first wish, among those that meet the limits.

    This is what other tools call the best trial: it may owe its rank to luck; see `Study.recommend`.

    Returns:
        The trial and its value in the metric's units; None where no trial qualifies.
    """
    import numpy as np

    objective = study.objective
    if not objective.wishes:
        return None
    trials = [trial for trial in comparable(study.fidelity, trials) if trial.state is not TrialState.STOPPED_EARLY]
    found: tuple[Trial, float] | None = None
    best = -np.inf
    for trial in trials:
        measured = objective.measured(trial.metrics, trial.config)
        if trial.state.bad or not all(np.isfinite(value) for value in measured.values()):
            continue
        values = {name: np.array([value]) for name, value in measured.items()}
        if (objective.slack(values)[0, : len(objective.limits)] < 0).any():  # limits come before targets
            continue
        utility = float(objective.utility(values)[0, 0])
        if utility > best:
            best = utility
            found = (trial, float(values[objective.wishes[0].metric][0]))
    return found


def comparable(fidelity: "Fidelity | None", trials: list[Trial]) -> list[Trial]:
    """Keep the trials whose results may be compared: all, or those of the highest rung that was reached.

    Args:
        fidelity: of the study.
        trials: of the study, or some of them.
    """
    if fidelity is None:
        return trials
    reached = max(
        (fidelity.rung(trial.fidelity) for trial in trials if trial.state is TrialState.DONE), default=-1
    )
    return [trial for trial in trials if fidelity.rung(trial.fidelity) == reached]
