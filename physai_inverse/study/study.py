"""A study: a space, an objective, a ledger of trials and a forward map, joined by a few verbs.

`suggest` and `observe` close the loop; `predict` uses the forward map, `invert` and `recommend` its inverse. All
state is in the store: two studies on one store are the same study, in one process or in many.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from physai_inverse.errors import InvalidInput
from physai_inverse.fidelity import Fidelity
from physai_inverse.forward import AbstractSurrogate, ForwardMap
from physai_inverse.objective import Objective, ObjectiveLike, as_objective
from physai_inverse.observations import (
    Config,
    MetricsLike,
    Observation,
    as_metrics,
)
from physai_inverse.space import Space
from physai_inverse.space.beliefs import Belief
from physai_inverse.store import Proposal, Store, Trial
from physai_inverse.study.claiming import handed_out
from physai_inverse.study.climbing import fitted_to, next_proposals
from physai_inverse.study.earlier import EarlierLike
from physai_inverse.study.entries import (
    as_observations,
    check_count,
    failure,
    finished,
    lease_of,
    level_of,
    outcome,
    wanted,
)
from physai_inverse.study.fitted import Fitted
from physai_inverse.study.knowledge import prior_knowledge
from physai_inverse.study.mediators import mediators
from physai_inverse.study.opening import check_arguments, check_method, fidelity_of, name_in, open_record
from physai_inverse.study.prices import Foreseen
from physai_inverse.study.proposing import queued
from physai_inverse.study.questions import answer_query, prediction_table, recommendation, trade_off
from physai_inverse.study.recognition import recognised, request_of
from physai_inverse.study.results import Answer, Imported, ParetoSet, PredictionTable, Recommendation
from physai_inverse.study.run import run
from physai_inverse.study.rungs import Climbed, Standing, standings
from physai_inverse.study.stopping import should_stop
from physai_inverse.study.validation import fit
from physai_inverse.study.verification import verify
from physai_inverse.study.workers import this_worker

LEASE_SECONDS = 3600.0
"""How long a suggestion belongs to whoever asked, unless `heartbeat` extends it.

Long, since a person or a script may train for a while without a heartbeat; `run` asks for short leases and extends
them while it lives."""


class Study:
    """A study on a store.

    Args:
        space: what may be configured.
        objective: what is wanted: a goal, several, or a text such as `"minimize val_loss"`.
        store: `":memory:"`, a path to an SQLite file, any SQLAlchemy URL, or a `Store`.
        name: the study's name in the store.
        seed: makes proposals and training seeds repeatable; 0 for a new study where it is left out.
        surrogate: the recipe of the forward map; a Gaussian process for each metric where it is left out.
        fidelity: how much a training can be given, such as `Fidelity("epochs", 1, 81)`; configurations begin at
            its lowest and are promoted. Taken from the store where it is left out.
        start: configurations of one's own, to be trained before any other.
        beliefs: of good configurations; they count less with every result, and less where results contradict.
        earlier: studies that share parameters: each a `Study`, a store, or a pair (store, name); read now.
        method: `"model"`, or `"random"` for an honest baseline that never looks at the results; with a fidelity
            also `"asha"` and `"lowest"`, see `inverse.promotion`.
        grow: whether a space that differs from the stored one becomes its next version.
        lease_seconds: how long a suggestion belongs to whoever asked.
        read_only: open the store for reading alone.
        cost: `"seconds"` for what trainings take, or a metric: propose what gains most for it; as the objective
            says where it is left out.
        stopping: by what rule hopeless trainings are stopped: `"probability"`, the baseline
            `"halving"`, or `"none"`.

    Raises:
        InvalidInput: an argument cannot be meant.
        Conflict: the store holds a study of this name with another space, seed or fidelity.
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
        fidelity: Fidelity | None = None,
        start: Sequence[Config] = (),
        beliefs: Sequence[Belief] = (),
        earlier: Sequence[EarlierLike] = (),
        method: str = "model",
        grow: bool = False,
        lease_seconds: float = LEASE_SECONDS,
        read_only: bool = False,
        cost: str | None = None,
        stopping: str = "probability",
    ) -> None:
        check_arguments(space, seed=seed, method=method, stopping=stopping, lease_seconds=lease_seconds)
        self.space = space
        self.objective = wanted(objective, space, cost)
        self.name = name
        self.method = method
        self.stopping = stopping
        self.lease_seconds = lease_seconds
        self.store = store if isinstance(store, Store) else Store(store, read_only=read_only)
        self.knowledge = prior_knowledge(space, start, beliefs, earlier, surrogate, (self.store, name))
        self._surrogate = self.knowledge.transferred or surrogate
        self._trials: dict[int, Trial] = {}
        self._version = 0
        self.told: dict[tuple[str, int], tuple[str, ...]] = {}  # which observables tell of the end, for rules
        self.foreseen: Foreseen | None = None  # what a run's trainer knows of what trainings will take
        self._fits: Fitted | Climbed | None = None
        record = open_record(
            self.store,
            name,
            space,
            self.objective,
            seed=seed,
            fidelity=fidelity,
            grow=grow,
            read_only=read_only,
        )
        self.seed = record.seed
        self.fidelity = fidelity_of(record)
        check_method(method, self.fidelity, space)
        self.space_version = len(record.spaces)

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
        name = name_in(store, name)
        record = store.study(name)
        space = Space.from_plain(record.spaces[-1])
        return cls(space, Objective.from_plain(record.objective), store=store, name=name, **arguments)

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    # -- the loop -------------------------------------------------------------------------------------------

    def suggest(
        self,
        num: int = 1,
        *,
        lease_seconds: float | None = None,
        worker: str | None = None,
        resume: bool | None = None,
        fewer: bool = False,
    ) -> list[Trial]:
        """Propose trainings: first what waits (queued, or given back by a lost worker), then new ones.

        Args:
            num: how many, judged together.
            lease_seconds: how long they belong to the caller; see `Study`.
            worker: who asks, for the records.
            resume: whether the training of a promoted configuration can go on from where it stopped; as the
                fidelity says where it is left out.
            fewer: give fewer where it is known of trainings, as in a run, that sharing a program saves them less
                than it is worth to wait for the results of those before them.

        Returns:
            Trials, each with `id`, `config` (active parameters), `seed` for the training and `note` (why); in a
            study with a fidelity also `fidelity`, and `continues`: the number of the trial to go on from.

        Raises:
            InvalidInput: `num` is no whole number of at least 1.
        """
        check_count("num", num)

        def propose(missing: int) -> tuple[list[Proposal], int]:
            self._refresh()
            seen, fitted = len(self._trials), self._fitted() if self.method == "model" else None
            numbers = range(seen, seen + missing)
            return next_proposals(self, fitted, self._trials, numbers, resume=resume, fewer=fewer), seen

        return handed_out(
            self.store,
            self.name,
            num,
            propose,
            worker=worker or this_worker(),
            lease_seconds=lease_seconds or self.lease_seconds,
        )

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
        ended = outcome(checked, self.objective, stopped_early, reason)
        return finished(self.store, self.name, trial, checked, ended, seconds=seconds)

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
        ended = failure(reason, kind)
        return finished(self.store, self.name, trial, as_metrics(metrics or {}), ended, seconds=seconds)

    def heartbeat(self, trial: Trial, *, lease_seconds: float | None = None) -> float:
        """Extend the lease of a trial that is still running; give the seconds left.

        Raises:
            LeaseLost: the trial was given to somebody else.
            Conflict: it is finished.
        """
        number, token = lease_of(trial)
        if token is None:
            raise InvalidInput("`heartbeat` needs the trial as `suggest` gave it, with its token.")
        return self.store.heartbeat(self.name, number, token, lease_seconds=lease_seconds or self.lease_seconds)

    def enqueue(self, configs: Iterable[Config], *, fidelity: float | None = None) -> list[Trial]:
        """Queue configurations of one's own; the next calls of `suggest` hand them out, each once.

        Args:
            configs: the configurations.
            fidelity: how much each is given, in a study with a fidelity; a full training where it is left out.

        Raises:
            InvalidInput: one does not fit the space, or the fidelity; none is queued then.
        """
        checked = [self.space.check(config) for config in configs]
        level = level_of(self.fidelity, fidelity)
        return self.store.enqueue(self.name, queued(checked, len(self.trials), seed=self.seed, fidelity=level))

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

    def import_new(self, observations: Iterable[Observation | tuple[Config, MetricsLike]]) -> Imported:
        """Add those trainings from elsewhere that the study does not have yet; see `recognition`.

        Args:
            observations: as for `import_observations`. Two equal ones are two replicates.

        Raises:
            InvalidInput: see `import_observations`.
        """
        rows = as_observations(observations, self.space, self.objective)
        found = recognised(rows, self.trials, self.space, self.objective)
        new = [row for row, number in zip(rows, found, strict=True) if number is None]
        request = request_of(new, len(self.trials))
        numbers = self.store.import_observations(self.name, new, request=request) if new else []
        return Imported(tuple(numbers), tuple(number for number in found if number is not None))

    run = run  # a function of the study, a trainer and a budget: the loop

    should_stop = should_stop  # a function of the study, a trial and its curves so far

    # -- what is known --------------------------------------------------------------------------------------

    @property
    def trials(self) -> list[Trial]:
        """Every trial in order of its number; curves are given as their last value, see `trial` for them."""
        self._refresh()
        return [self._trials[number] for number in sorted(self._trials)]

    @property
    def standings(self) -> list[Standing]:
        """Where each configuration stands: open, paused, finished, stopped or failed, and on which rung.

        Raises:
            InvalidInput: the study has no fidelity.
        """
        if self.fidelity is None:
            raise InvalidInput("The study has no fidelity, so no configuration of it is paused; see `trials`.")
        return standings(self.space, self.fidelity, self.trials)

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
        """Fit the mixed forward map to everything observed so far; kept until something new is observed.

        Args:
            metrics: which; None for every metric that was recorded.
        """
        return self._fitted().mixed(metrics)

    def _fitted(self) -> Fitted | Climbed:
        """The data as it stands, with what was fitted to it so far."""
        finished = [trial for trial in self.trials if trial.state.finished]
        numbers = tuple(trial.number for trial in finished)
        if self._fits is None or self._fits.numbers != numbers:
            self._fits = fitted_to(
                self.space,
                self.objective,
                self.fidelity,
                finished,
                surrogate=self._surrogate,
                seed=self.seed,
                earlier=self._fits,
            )
        return self._fits

    def predict(
        self, configs: Sequence[Config] | Config, *, noise: bool = True, fidelity: float | None = None
    ) -> PredictionTable:
        """Predict every metric that was recorded, at any configurations.

        Args:
            configs: one or several.
            noise: whether of one more training (with its noise) or of the mean over many.
            fidelity: of the training, in a study with one: its highest where it is left out, else the nearest
            rung.

        Raises:
            InvalidInput: a configuration does not fit the space.
            NotFound: nothing was observed yet.
        """
        listed = [configs] if isinstance(configs, Mapping) else list(configs)
        level = level_of(self.fidelity, fidelity)
        return prediction_table(self._fitted(), listed, self.objective, noise=noise, fidelity=level, mixed=True)

    def recommend(self) -> Recommendation:
        """Name the configuration to use in the end: the best by the forward map, not the luckiest run.

        Raises:
            NotFound: no training gave every metric of the objective yet.
        """
        return recommendation(self._fitted(), self._trials, self.objective, seed=self.seed)

    def pareto(self, objective: "ObjectiveLike | None" = None) -> ParetoSet:
        """Give what several wishes leave to choose from: the configurations trained that none beats in every wish.

        Judged by the forward map, noise taken off, each with the probability that it belongs there.

        Args:
            objective: several wishes over recorded metrics; the study's own where it is left out.

        Raises:
            InvalidInput: the objective has fewer than two wishes.
            NotFound: no training gave every metric of the objective yet.
        """
        return trade_off(self._fitted(), self._trials, objective or self.objective, seed=self.seed)

    def invert(self, query: ObjectiveLike, n: int = 8) -> Answer:
        """Answer a question other than the study's own objective on the same data, with no new training.

        Args:
            query: what is wanted: goals over any recorded metrics, expressions of them, and parameters.
            n: how many configurations.

        Returns:
            Diverse configurations with the probability that a training of each meets the query, or the statement
            that none in this space is likely to (and the closest ones); with the distribution behind them.

        Raises:
            NotFound: a metric of the query was never recorded.
        """
        check_count("n", n)
        return answer_query(self._fitted(), as_objective(query), n, seed=self.seed)

    mediators = mediators  # a function of the study and a metric: what tells of its end
    fit = fit  # a function of the study and metrics: how far to believe the map of each
    verify = verify  # a function of the study, its answer and a trainer
