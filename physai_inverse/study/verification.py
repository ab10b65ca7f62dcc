"""A promise put to the test: some of the configurations that an inverse query was answered with are trained.

They become trials of the study, with the origin `"verification"` and a note of what was promised, so that an
interrupted verification is finished by the next one of the same query, whatever has been learned since.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from physai_inverse.errors import Conflict, InvalidInput, PhysaiInverseError
from physai_inverse.objective import Maximize, Minimize, Objective
from physai_inverse.observations import MetricsLike, Scalar, Trainer
from physai_inverse.seeds import child
from physai_inverse.store import Proposal, Trial
from physai_inverse.study.proposing import training_seed
from physai_inverse.study.results import Answer
from physai_inverse.study.run import RUN_LEASE_SECONDS, Loop, OnProgress, run
from physai_inverse.study.workers import this_worker

if TYPE_CHECKING:
    from physai_inverse.store import Store

ORIGIN = "verification"
COVERED = 0.95
"""Of the interval of the share of trainings that meet the query."""

SURPRISE = 0.05
"""Probability of a count at least as far off, to either side, below which a promise counts as broken."""


@dataclass(frozen=True)
class Verified:
    """One training that was promised to meet the query.

    Args:
        number: its trial.
        config: the configuration.
        promised: the probability that it would.
        measured: what was measured of the metrics and expressions that the query speaks of.
        met: whether it did; a failed training does not.
    """

    number: int
    config: dict[str, Scalar]
    promised: float
    measured: dict[str, float]
    met: bool

    def as_plain(self) -> dict[str, object]:
        """Give the training as plain values."""
        return {
            "number": self.number,
            "config": self.config,
            "promised": self.promised,
            "measured": self.measured,
            "met": self.met,
        }


@dataclass(frozen=True)
class Verification:
    """How a promise held.

    Args:
        query: the query, in words.
        trainings: one a promise.
        interval: the share of such trainings that meet the query: exact 95 % interval (Clopper & Pearson 1934).
        surprise: probability of a count at least as far from the promised one, to either side, if the promises are
            right (Poisson's binomial distribution, twice the smaller tail).
    """

    query: str
    trainings: tuple[Verified, ...]
    interval: tuple[float, float]
    surprise: float

    @property
    def met(self) -> int:
        """How many trainings met the query."""
        return sum(training.met for training in self.trainings)

    @property
    def expected(self) -> float:
        """How many were promised to."""
        return sum(training.promised for training in self.trainings)

    @property
    def held(self) -> bool:
        """Whether the count does not speak against the promise."""
        return self.surprise >= SURPRISE

    @property
    def statement(self) -> str:
        """The verdict in words."""
        num, (low, high) = len(self.trainings), self.interval
        count = (
            f"{self.met} of {num} trainings met {self.query}, {self.expected:.1f} were promised to; "
            f"{100 * low:.0f} to {100 * high:.0f} % of such trainings do (95 % interval)."
        )
        if self.held:
            return f"The promise held: {count}"
        fault = "too bright" if self.met < self.expected else "too careful"
        return f"The promise was {fault}: {count} A count so far off has probability {self.surprise:.2g}."

    def as_plain(self) -> dict[str, object]:
        """Give the verification as plain values."""
        return {
            "query": self.query,
            "met": self.met,
            "expected": self.expected,
            "interval": list(self.interval),
            "surprise": self.surprise,
            "held": self.held,
            "statement": self.statement,
            "trainings": [training.as_plain() for training in self.trainings],
        }


def verify(
    study: Loop,
    answer: Answer,
    trainer: Trainer,
    k: int,
    *,
    workers: int = 1,
    timeout: float | None = None,
    on_progress: OnProgress | None = None,
) -> Verification:
    """Train some of the configurations of an answer, and say how the promise held.

    The trainings become trials of the study, with the origin `"verification"`; they do not count towards a budget.
    Where an earlier verification of the same query was interrupted, that one is finished, by the configurations
    and promises that it began with.

    Args:
        study: the study that gave the answer.
        answer: what `invert` gave.
        trainer: a callable `(config)` or `(config, seed)` that gives metrics.
        k: how many trainings: the likeliest configurations first, with fresh seeds.
        workers: see `run`.
        timeout: see `run`.
        on_progress: see `run`.

    Raises:
        InvalidInput: `k` is no whole number of at least 1, or the answer promises nothing.
        Conflict: somebody else is training one of the configurations for this verification.
        TrialFailed: see `run`.
    """
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise InvalidInput(f"`k` must be a whole number of at least 1, not {k!r}.")
    batch = _unfinished(study, answer.query)
    if not batch:
        if not answer.reachable:
            raise InvalidInput(f"There is nothing to verify: {answer.statement}")
        batch = _queued(study, answer, k)
    numbers = frozenset(trial.number for trial in batch)
    view = _View(study, numbers)
    try:
        run(view, trainer, len(numbers), workers=workers, timeout=timeout, on_progress=on_progress)
    except _NoneLeft:
        open_ = [trial.number for trial in view.trials if not trial.state.finished]
        if open_:
            raise Conflict(
                f"Trial {', '.join(map(str, open_))} of this verification is being trained by somebody else; "
                "verify again when its result is there."
            ) from None
    return judged(answer.query, answer.objective, view.trials)


def judged(query: str, objective: Objective, trials: Sequence[Trial]) -> Verification:
    """Judge finished trainings by the promises in their notes."""
    trainings = tuple(_judged(objective, trial) for trial in trials)
    met = sum(training.met for training in trainings)
    return Verification(
        query=query,
        trainings=trainings,
        interval=binomial_interval(met, len(trainings)),
        surprise=surprise(met, [training.promised for training in trainings]),
    )


def _judged(objective: Objective, trial: Trial) -> Verified:
    measured = objective.measured(trial.metrics, trial.config)
    bars = cast("Mapping[str, float]", trial.note.get("bars") or {})
    shown = {name: measured[name] for name in objective.shown if not math.isnan(measured[name])}
    met = not trial.state.bad and meets(objective, measured, bars)
    return Verified(trial.number, trial.config, float(cast("float", trial.note["promised"])), shown, met)


def meets(objective: Objective, measured: Mapping[str, float], bars: Mapping[str, float]) -> bool:
    """Say whether measurements meet a query: its limits, its targets, and the bars of its wishes.

    Args:
        objective: the query.
        measured: every metric and expression of it, as `Objective.measured` gives them.
        bars: what wishes have to reach.
    """
    import numpy as np

    values = {name: np.array([value]) for name, value in measured.items()}
    if any(math.isnan(measured.get(name, math.nan)) for name in objective.shown):
        return False
    for wish in objective.wishes:
        if isinstance(wish, Minimize | Maximize):
            sign = 1.0 if isinstance(wish, Maximize) else -1.0
            if not sign * measured[wish.metric] >= sign * bars[wish.metric]:
                return False
    return bool((objective.slack(values)[0] >= 0).all())


def binomial_interval(successes: int, trials: int) -> tuple[float, float]:
    """Give the exact 95 % interval of a share, by the quantiles of beta distributions."""
    from scipy.special import betaincinv

    tail = (1.0 - COVERED) / 2.0
    low = 0.0 if successes == 0 else float(betaincinv(successes, trials - successes + 1, tail))
    high = 1.0 if successes == trials else float(betaincinv(successes + 1, trials - successes, 1.0 - tail))
    return low, high


def surprise(successes: int, promised: Sequence[float]) -> float:
    """Give the probability of a count at least as far off, to either side, by the distribution of the count.

    The number of successes of independent trials of different probabilities, by convolution.
    """
    import numpy as np

    counts = np.ones(1)
    for probability in promised:
        counts = np.convolve(counts, [1.0 - probability, probability])
    lower, upper = float(counts[: successes + 1].sum()), float(counts[successes:].sum())
    return min(1.0, 2.0 * min(lower, upper))


def _queued(study: Loop, answer: Answer, num: int) -> list[Trial]:
    """Queue the likeliest configurations, each once before any a second time."""
    batch = f"{child(study.seed, ORIGIN, answer.query, len(study.trials)):x}"
    places = [place % len(answer) for place in range(num)]
    proposals = [
        Proposal(
            answer.configs[place],
            seed=training_seed(child(study.seed, ORIGIN, batch), count),
            origin=ORIGIN,
            fidelity=None if study.fidelity is None else study.fidelity.rungs[-1],
            note={
                "kind": ORIGIN,
                "query": answer.query,
                "batch": batch,
                "promised": answer.probabilities[place],
                "bars": dict(answer.bars),
            },
        )
        for count, place in enumerate(places)
    ]
    return study.store.enqueue(study.name, proposals)


def _unfinished(study: Loop, query: str) -> list[Trial]:
    """Give the trials of a verification of this query that has not ended; the latest where there are several."""
    own = [trial for trial in study.trials if trial.origin == ORIGIN and trial.note.get("query") == query]
    open_ = [trial.note.get("batch") for trial in own if not trial.state.finished]
    return [trial for trial in own if open_ and trial.note.get("batch") == open_[-1]]


class _NoneLeft(PhysaiInverseError):
    """No trial of the verification can be claimed."""


class _View:
    """A study of which only the trials of a verification are seen.

    Args:
        study: the study.
        numbers: of the trials.
    """

    def __init__(self, study: Loop, numbers: frozenset[int]) -> None:
        self.name = study.name
        self.objective = study.objective
        self.store: Store = study.store
        self.fidelity = study.fidelity
        self.seed = study.seed
        self.stopping = "none"  # what is to be verified is the end
        self.space, self.method, self.foreseen = study.space, study.method, study.foreseen
        self._study = study
        self._numbers = numbers

    @property
    def trials(self) -> list[Trial]:
        """The trials, as such that count towards a budget."""
        return [replace(trial, origin="queued") for trial in self._study.trials if trial.number in self._numbers]

    def suggest(
        self,
        num: int = 1,
        *,
        lease_seconds: float | None = None,
        resume: bool | None = None,  # noqa: ARG002 - these begin anew
        fewer: bool = False,  # noqa: ARG002 - all wait already
    ) -> list[Trial]:
        """Hand out those that wait."""
        waiting = [trial.number for trial in self.trials if not trial.state.finished]
        claimed: list[Trial] = []
        for number in waiting:  # one by one: the others stay free for whoever verifies beside us
            if len(claimed) < num:
                lease = lease_seconds or RUN_LEASE_SECONDS
                claimed += self.store.claim(self.name, [number], worker=this_worker(), lease_seconds=lease)
        if len(claimed) < num:
            raise _NoneLeft("No training of this verification waits.")
        return claimed

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
        return self._study.observe(trial, metrics, seconds=seconds, stopped_early=stopped_early, reason=reason)

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
        return self._study.fail(trial, reason, kind=kind, metrics=metrics, seconds=seconds)

    def heartbeat(self, trial: Trial, *, lease_seconds: float | None = None) -> float:
        """Extend the lease of a trial."""
        return self._study.heartbeat(trial, lease_seconds=lease_seconds)
