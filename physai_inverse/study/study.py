"""A study: a space, an objective, a ledger of trials and a forward map, joined by a few verbs.

`suggest` and `observe` close the loop; `predict` uses the forward map, `invert` and `recommend` its inverse. All
state is in the store: two studies on one store are the same study, in one process or in many.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from physai_inverse.errors import Conflict, InvalidInput, NotFound
from physai_inverse.forward import AbstractSurrogate, ForwardMap
from physai_inverse.objective import Objective, ObjectiveLike, as_objective
from physai_inverse.observations import (
    FAILURES,
    Config,
    MetricsLike,
    Observation,
    Trainer,
    TrialState,
    as_metrics,
    diverging,
)
from physai_inverse.seeds import child
from physai_inverse.space import Space, misfits
from physai_inverse.space.beliefs import Belief
from physai_inverse.store import Proposal, Stale, Store, StudyRecord, Trial
from physai_inverse.study.earlier import EarlierLike
from physai_inverse.study.entries import as_observations, check_count, check_seed
from physai_inverse.study.fitted import Fitted
from physai_inverse.study.knowledge import prior_knowledge
from physai_inverse.study.proposing import new_proposals, training_seed
from physai_inverse.study.questions import answer_query, prediction_table, recommendation
from physai_inverse.study.results import Answer, PredictionTable, Recommendation
from physai_inverse.study.run import OnProgress, Progress, run
from physai_inverse.study.workers import this_worker

LEASE_SECONDS = 3600.0
"""How long a suggestion belongs to whoever asked, unless `heartbeat` extends it.

Long, since a person or a script may train for a while without a heartbeat; `run` asks for short leases and extends
them while it lives."""

MAX_RACES = 4
"""How often a proposal is computed anew because others suggested in the meantime."""

METHODS = ("model", "random")


class Study:
    """A study on a store.

    Args:
        space: what may be configured.
        objective: what is wanted: a goal, several, or a text such as `"minimize val_loss"`.
        store: `":memory:"`, a path to an SQLite file, any SQLAlchemy URL, or a `Store`.
        name: the study's name in the store.
        seed: makes proposals and training seeds repeatable; 0 for a new study where it is left out.
        surrogate: the recipe of the forward map; a Gaussian process for each metric where it is left out.
        start: configurations of one's own, to be trained before any other.
        beliefs: of good configurations; they count less with every result, and less where results contradict.
        earlier: studies that share parameters: each a `Study`, a store, or a pair (store, name); read now.
        method: `"model"`, or `"random"` for an honest baseline that never looks at the results.
        grow: whether a space that differs from the stored one becomes its next version.
        lease_seconds: how long a suggestion belongs to whoever asked.
        read_only: open the store for reading alone.

    Raises:
        InvalidInput: an argument cannot be meant.
        Conflict: the store holds a study of this name with another space or seed.
        StoreDamaged, StoreUnavailable: the store cannot be used.
    """

    def __init__(
        self,
        space: Space,
        objective: ObjectiveLike,
        *,
        store: str | Path | Store = ":memory:",
        name: str = "study",
        seed: int | None = None,
        surrogate: AbstractSurrogate | None = None,
        start: Sequence[Config] = (),
        beliefs: Sequence[Belief] = (),
        earlier: Sequence[EarlierLike] = (),
        method: str = "model",
        grow: bool = False,
        lease_seconds: float = LEASE_SECONDS,
        read_only: bool = False,
    ) -> None:
        if not isinstance(space, Space):
            raise InvalidInput(f"`space` must be a Space, not {type(space).__name__}.")
        check_seed(seed)
        if method not in METHODS:
            raise InvalidInput(f"`method` must be one of {list(METHODS)}, not {method!r}.")
        if not lease_seconds > 0:
            raise InvalidInput(f"`lease_seconds` must be above 0, not {lease_seconds!r}.")
        self.space = space
        self.objective = as_objective(objective)
        self.name = name
        self.method = method
        self.lease_seconds = lease_seconds
        self.store = store if isinstance(store, Store) else Store(store, read_only=read_only)
        self.knowledge = prior_knowledge(space, start, beliefs, earlier, surrogate, (self.store, name))
        self._surrogate = self.knowledge.transferred or surrogate
        self._trials: dict[int, Trial] = {}
        self._version = 0
        self._fits: Fitted | None = None
        record = self._open(seed, grow=grow, read_only=read_only)
        self.seed = record.seed
        self.space_version = len(record.spaces)

    def _open(self, seed: int | None, *, grow: bool, read_only: bool) -> StudyRecord:
        plain, goals = self.space.as_plain(), self.objective.as_plain()
        if read_only:
            record = self.store.study(self.name)
        else:
            record = self.store.create_study(self.name, space=plain, objective=goals, seed=seed or 0)
        if seed is not None and record.seed != seed:
            raise Conflict(
                f"The study `{self.name}` has the seed {record.seed}, not {seed}. Open it without a seed, or "
                "choose another name for a study with another seed."
            )
        stored = Space.from_plain(record.spaces[-1])
        if stored != self.space:
            problems = misfits(self.space, stored)
            difference = "; ".join(problems) or "it is wider or has more parameters"
            if problems or not grow or read_only:
                raise Conflict(
                    f"The space differs from the one that the study `{self.name}` was made with: {difference}. "
                    + ("Choose another name." if problems else "Open it with grow=True (--grow) to go on with it.")
                )
            self.store.add_space(self.name, plain)
            record = self.store.study(self.name)
        if record.objective != goals and not read_only:
            self.store.set_objective(self.name, goals)
        return record

    @classmethod
    def load(cls, store: str | Path | Store, name: str | None = None, **arguments: Any) -> "Study":
        """Open a study with the space and objective that the store holds.

        Args:
            store: see `Study`.
            name: may be left out where the store holds one study.
            arguments: further arguments of `Study`.

        Raises:
            NotFound: no such study; names those that there are.
        """
        store = store if isinstance(store, Store) else Store(store, read_only=bool(arguments.get("read_only")))
        names = store.studies()
        if name is None:
            if len(names) != 1:
                raise NotFound(f"The store holds the studies {list(names)}; say which one by `name`.")
            name = names[0]
        record = store.study(name)
        space = Space.from_plain(record.spaces[-1])
        return cls(space, Objective.from_plain(record.objective), store=store, name=name, **arguments)

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    # -- the loop -------------------------------------------------------------------------------------------

    def suggest(
        self, num: int = 1, *, lease_seconds: float | None = None, worker: str | None = None
    ) -> list[Trial]:
        """Propose trainings: first what waits (queued, or given back by a lost worker), then new ones.

        Args:
            num: how many, judged together.
            lease_seconds: how long they belong to the caller; see `Study`.
            worker: who asks, for the records.

        Returns:
            Trials, each with `id`, `config` (active parameters), `seed` for the training and `note` (why).

        Raises:
            InvalidInput: `num` is no whole number of at least 1.
        """
        check_count("num", num)
        worker = worker or this_worker()
        lease = lease_seconds or self.lease_seconds
        trials = self.store.claim(self.name, num, worker=worker, lease_seconds=lease)
        for race in range(MAX_RACES + 1):
            missing = num - len(trials)
            if not missing:
                break
            self._refresh()
            seen = len(self._trials)
            proposals = self._propose(range(seen, seen + missing))
            try:
                trials += self.store.propose(
                    self.name,
                    proposals,
                    worker=worker,
                    lease_seconds=lease,
                    seen=seen if race < MAX_RACES else None,
                )
                break
            except Stale:
                continue
        return trials

    def _propose(self, numbers: Sequence[int]) -> list[Proposal]:
        fitted = None if self.method == "random" else self._fitted()
        waiting = [trial.config for trial in self._trials.values() if not trial.state.finished]
        known = (self.space, self.objective, fitted, waiting)
        return new_proposals(*known, numbers=numbers, seed=self.seed, knowledge=self.knowledge)

    def observe(
        self,
        trial: Trial | int,
        metrics: MetricsLike,
        *,
        seconds: float | None = None,
        stopped_early: bool = False,
        reason: str | None = None,
    ) -> Trial:
        """Record what a training gave, and finish its trial.

        NaN and infinities are recorded as they are; where a metric of the objective is not finite, the trial
        counts as diverged. A result that comes after the trial was given to somebody else is kept as late.

        Args:
            trial: the trial, or its number.
            metrics: name to number, `Measurement`, `Curve`, or mapping of step to value.
            seconds: what the training cost.
            stopped_early: it was stopped before its end; metrics of the objective may be missing then.
            reason: why it stopped, for people.

        Raises:
            InvalidInput: a value that is no number, or a metric of the objective is missing.
            NotFound: no such trial.
            Conflict: the trial is finished already; it stays as it is.
        """
        checked = as_metrics(metrics)
        missing = [name for name in self.objective.metrics if name not in checked]
        if missing and not stopped_early:
            raise InvalidInput(
                f"`metrics` lacks {missing}, which the objective ({self.objective}) speaks of; "
                f"got {sorted(checked)}. Observe all of them, or call `fail` where the training gave none."
            )
        bad = diverging(checked, self.objective.metrics)
        state = TrialState.STOPPED_EARLY if stopped_early else TrialState.DONE
        return self._finish(
            trial,
            checked,
            state=TrialState.DIVERGED if bad else state,
            seconds=seconds,
            reason=bad or reason,
            kind="diverged" if bad else None,
        )

    def fail(
        self,
        trial: Trial | int,
        reason: str = "failed",
        *,
        kind: str | None = None,
        metrics: MetricsLike | None = None,
        seconds: float | None = None,
    ) -> Trial:
        """Record that a training gave no result.

        Args:
            trial: the trial, or its number.
            reason: what happened, for people.
            kind: the class of failure, one of `diverged`, `out_of_memory`, `timeout`, `bug`, `preempted`,
                `unknown`; taken from `reason` where that is one of these words, else `unknown`. Preempted says
                nothing about the configuration, the others do.
            metrics: what was measured all the same.
            seconds: what it cost.

        Raises:
            InvalidInput, NotFound, Conflict: see `observe`.
        """
        kind = kind or (reason if reason in FAILURES else "unknown")
        if kind not in FAILURES:
            raise InvalidInput(f"`kind` must be one of {list(FAILURES)}, not {kind!r}.")
        state = TrialState.DIVERGED if kind == "diverged" else TrialState.FAILED
        return self._finish(
            trial, as_metrics(metrics or {}), state=state, seconds=seconds, reason=reason, kind=kind
        )

    def _finish(self, trial: Trial | int, metrics: dict[str, Any], **arguments: Any) -> Trial:
        number, token = self._lease_of(trial)
        seconds = arguments["seconds"]
        if seconds is not None and (
            isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0
        ):
            raise InvalidInput(f"`seconds` must be a number of at least 0, not {seconds!r}.")
        return self.store.observe(self.name, number, metrics, token=token, **arguments)

    def heartbeat(self, trial: Trial, *, lease_seconds: float | None = None) -> float:
        """Extend the lease of a trial that is still running; give the seconds left.

        Raises:
            LeaseLost: the trial was given to somebody else.
            Conflict: it is finished.
        """
        number, token = self._lease_of(trial)
        if token is None:
            raise InvalidInput("`heartbeat` needs the trial as `suggest` gave it, with its token.")
        return self.store.heartbeat(self.name, number, token, lease_seconds=lease_seconds or self.lease_seconds)

    def _lease_of(self, trial: Trial | int) -> tuple[int, str | None]:
        if isinstance(trial, Trial):
            return trial.number, trial.token
        if isinstance(trial, bool) or not isinstance(trial, int):
            raise InvalidInput(f"`trial` must be a trial or its number, not {type(trial).__name__} {trial!r}.")
        return trial, None

    def enqueue(self, configs: Iterable[Config]) -> list[Trial]:
        """Queue configurations of one's own; the next calls of `suggest` hand them out, each once.

        Raises:
            InvalidInput: one does not fit the space; none is queued then.
        """
        checked = [self.space.check(config) for config in configs]
        first = len(self.trials)
        return self.store.enqueue(
            self.name,
            [
                Proposal(config, seed=training_seed(self.seed, first + place), origin="queued")
                for place, config in enumerate(checked)
            ],
        )

    def import_observations(self, observations: Iterable[Observation | tuple[Config, MetricsLike]]) -> list[int]:
        """Add trainings that were run elsewhere; all of them, or none where one does not fit.

        Args:
            observations: pairs of configuration and metrics, or `Observation`.

        Returns:
            The numbers that they got.

        Raises:
            InvalidInput: names the rows that do not fit the space, and why.
        """
        rows = as_observations(observations, self.space, self.objective)
        return self.store.import_observations(self.name, rows)

    def run(
        self,
        trainer: Trainer,
        budget: int,
        *,
        workers: int = 1,
        timeout: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> Progress:
        """Train until `budget` trials have ended, counting those of earlier runs; goes on after any interruption.

        Args:
            trainer: a callable `(config)` or `(config, seed)` that gives metrics.
            budget: how many trials the study shall have; imported observations do not count.
            workers: trainings at a time; more than one run in processes of their own.
            timeout: seconds after which a training is stopped and recorded as failed.
            on_progress: called after every end and a few times a second between.

        Returns:
            Where the run stands at its end.

        Raises:
            TrialFailed: several trainings in a row failed by a bug; they are recorded, the message shows the last.
        """
        return run(self, trainer, budget, workers=workers, timeout=timeout, on_progress=on_progress)

    # -- what is known --------------------------------------------------------------------------------------

    @property
    def trials(self) -> list[Trial]:
        """Every trial in order of its number; curves are given as their last value, see `trial` for them."""
        self._refresh()
        return [self._trials[number] for number in sorted(self._trials)]

    def trial(self, number: int) -> Trial:
        """Give one trial with its curves.

        Raises:
            NotFound: no such trial.
        """
        return self.store.trial(self.name, number)

    def _refresh(self) -> None:
        version = self.store.version(self.name)
        if version != self._version:
            for trial in self.store.trials(self.name, since=self._version):
                self._trials[trial.number] = trial
            self._version = version

    def forward_map(self, metrics: Sequence[str] | None = None) -> ForwardMap:
        """Fit the forward map to everything observed so far; kept until something new is observed.

        Args:
            metrics: which; None for every metric that was recorded.
        """
        return self._fitted().map(metrics)

    def _fitted(self) -> Fitted:
        """The data as it stands, with what was fitted to it so far."""
        finished = [trial for trial in self.trials if trial.state.finished]
        numbers = tuple(trial.number for trial in finished)
        if self._fits is None or self._fits.numbers != numbers:
            observations = [trial.observation() for trial in finished]
            self._fits = Fitted(self.space, observations, surrogate=self._surrogate, seed=child(self.seed, "fit"))
        return self._fits

    def predict(self, configs: Sequence[Config] | Config, *, noise: bool = True) -> PredictionTable:
        """Predict every metric that was recorded, at any configurations.

        Args:
            configs: one or several.
            noise: whether of one more training (with its noise) or of the mean over many.

        Raises:
            InvalidInput: a configuration does not fit the space.
            NotFound: nothing was observed yet.
        """
        listed = [configs] if isinstance(configs, Mapping) else list(configs)
        return prediction_table(self._fitted(), listed, noise=noise)

    def recommend(self) -> Recommendation:
        """Name the configuration to use in the end: the best by the forward map, not the luckiest run.

        Raises:
            NotFound: no training gave every metric of the objective yet.
        """
        return recommendation(self._fitted(), self._trials, self.objective, seed=self.seed)

    def invert(self, query: ObjectiveLike, n: int = 8) -> Answer:
        """Answer a question other than the study's own objective on the same data, with no new training.

        Args:
            query: what is wanted: goals over any recorded metrics.
            n: how many configurations.

        Returns:
            Diverse configurations with the probability that a training of each meets the query, or the
            statement that none in this space is likely to (and the closest ones).

        Raises:
            NotFound: a metric of the query was never recorded.
        """
        check_count("n", n)
        return answer_query(self._fitted(), as_objective(query), n, seed=self.seed)
