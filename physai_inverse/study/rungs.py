"""Trials of a study with a fidelity, seen as configurations that climb rungs.

Trials never change; where a configuration stands follows from its trials: it is *paused* while its latest training
ended well below the highest rung and none of its trainings is open.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from physai_inverse.fidelity import Fidelity
from physai_inverse.forward import (
    AbstractCostModel,
    AbstractMetricModel,
    AbstractSuccessModel,
    AbstractSurrogate,
    Column,
    Dataset,
    ForwardMap,
)
from physai_inverse.objective import Maximize, Minimize, Objective, measured
from physai_inverse.observations import Observation, Scalar, TrialState
from physai_inverse.seeds import child
from physai_inverse.space import Space
from physai_inverse.store import Trial
from physai_inverse.study.censoring import observed
from physai_inverse.study.prices import paid, price_of

if TYPE_CHECKING:
    import numpy as np

LEAST_PAIRS = 6
"""Configurations with a value on two rungs from which it is judged whether they agree."""

LEAST_CORRELATION = 0.5
"""Correlation between a rung and a higher one below which the rung is not used."""


@dataclass(frozen=True)
class Standing:
    """Where one configuration stands.

    Args:
        config: the configuration.
        state: `"open"` while a training of it is proposed or running, `"paused"`, `"finished"` on the highest
            rung, `"stopped"` early, or `"failed"`.
        rung: the highest rung on which a training ended well; -1 for none.
        numbers: its trials, in order.
        by_rung: the trial that counts on each rung.
    """

    config: dict[str, Scalar]
    state: str
    rung: int
    numbers: tuple[int, ...]
    by_rung: Mapping[int, Trial] = field(repr=False)

    @property
    def latest(self) -> Trial:
        """The trial of the highest rung."""
        return self.by_rung[self.rung]


def standings(space: Space, fidelity: Fidelity, trials: Iterable[Trial]) -> list[Standing]:
    """Put trials together by their configurations, in order of first appearance."""
    groups: dict[tuple[tuple[str, Scalar], ...], list[Trial]] = {}
    for trial in trials:
        config = space.complete(trial.config)
        groups.setdefault(tuple(config.items()), []).append(trial)
    return [_standing(dict(key), fidelity, group) for key, group in groups.items()]


def _standing(config: dict[str, Scalar], fidelity: Fidelity, trials: Sequence[Trial]) -> Standing:
    by_rung: dict[int, Trial] = {}
    stopped = failed = opened = False
    for trial in trials:
        if not trial.state.finished:
            opened = True
        elif trial.state.bad:
            failed |= trial.kind != "preempted"
        else:
            rung = fidelity.rung(trial.fidelity)
            if rung >= 0:
                by_rung[rung] = trial
            stopped |= trial.state is TrialState.STOPPED_EARLY
    rung = max(by_rung, default=-1)
    if opened:
        state = "open"
    elif failed:
        state = "failed"
    elif stopped:
        state = "stopped"
    else:
        state = "finished" if rung == fidelity.top else "paused" if rung >= 0 else "failed"
    return Standing(config, state, rung, tuple(trial.number for trial in trials), by_rung)


class Climbed:
    """The forward map of the highest rung, fitted to the trainings of all rungs; stands where `Fitted` does.

    Args:
        space: the space.
        fidelity: of the study.
        objective: whose first wish decides which rungs are used.
        trials: finished trials, in order of their numbers.
        surrogate: the recipe of the lowest rung; a Gaussian process for each metric where it is None.
        seed: the stream of the fit.
    """

    def __init__(
        self,
        space: Space,
        fidelity: Fidelity,
        objective: Objective,
        trials: Sequence[Trial],
        *,
        surrogate: AbstractSurrogate | None,
        seed: int,
    ) -> None:
        self.numbers = tuple(trial.number for trial in trials)
        self._space = space
        self._fidelity = fidelity
        self._objective = objective
        self._trials = trials
        self._surrogate = surrogate
        self._seed = seed
        self._models: dict[str, AbstractMetricModel | None] = {}
        self._costs: dict[str, AbstractCostModel | None] = {}

    @cached_property
    def data(self) -> Dataset:
        """One row a configuration, its latest training: what is chosen among."""
        latest: dict[tuple[tuple[str, Scalar], ...], Trial] = {}
        for trial in self._trials:
            if trial.kind != "preempted":
                key = tuple(self._space.complete(trial.config).items())
                known = latest.get(key)
                if known is None or not known.state.bad:
                    latest[key] = trial
        chosen = sorted(latest.values(), key=lambda trial: trial.number)
        return Dataset.from_observations(self._space, self._observed(chosen))

    @cached_property
    def rows(self) -> Dataset:
        """Every training as a row."""
        return Dataset.from_observations(self._space, self._observed(self._trials))

    def _observed(self, trials: Sequence[Trial]) -> list[Observation]:
        return observed(trials, self._objective, self._fidelity)

    @cached_property
    def rungs(self) -> "np.ndarray":
        """The rung ``[n]`` of each of `rows`."""
        import numpy as np

        by_number = {trial.number: self._fidelity.rung(trial.fidelity) for trial in self._trials}
        return np.array([by_number[number] for number in self.rows.numbers], dtype=int)

    @cached_property
    def start(self) -> int:
        """The lowest rung that tells enough of those above; the highest itself where none does."""
        return next((rung for rung, found in self.correlations.items() if found >= LEAST_CORRELATION), self.top)

    @property
    def top(self) -> int:
        """The highest rung."""
        return self._fidelity.top

    @cached_property
    def correlations(self) -> dict[int, float]:
        """For each rung below the highest how it correlates with the rungs above, up to the first that does well.

        A rung is judged by the highest one that enough configurations reached from it, so that a first rung that
        ranks nothing is left after a few cheap steps, long before anything was trained in full. Where too few
        reached any, it is taken to lie half way between the rung below and 1, and to be 1 on the lowest. Where a
        rung ranks the highest the wrong way round, those above it are taken to be no better.
        """
        import numpy as np

        from physai_inverse.surrogates.fidelity_process import RungProcess

        found: dict[int, float] = {}
        wish = self._objective.wishes[0] if self._objective.wishes else None
        metric = wish.metric if wish is not None else self._objective.quantities[0]
        rows = self._with_measured(metric)
        if metric not in rows.columns:
            return dict.fromkeys(range(self.top), 1.0)
        sign = 1.0 if isinstance(wish, Maximize) else -1.0 if isinstance(wish, Minimize) else 0.0
        finite = np.isfinite(rows.columns[metric].values)
        there = [finite & (self.rungs == rung) for rung in range(self.top + 1)]
        trained = [{row.tobytes() for row in self.rows.units[mask]} for mask in there]
        wrong_way = False
        for rung in range(self.top):
            higher = range(self.top, rung, -1)
            judge = next((to for to in higher if len(trained[rung] & trained[to]) >= LEAST_PAIRS), None)
            if judge is not None:
                model = self._fit(metric, range(rung, judge + 1), rows)
                found[rung] = model.correlation(sign) if isinstance(model, RungProcess) else 1.0
                wrong_way = judge == self.top and found[rung] <= 0
            else:
                below = found.get(rung - 1, 1.0)
                found[rung] = below if wrong_way else 0.5 * (1.0 + max(below, 0.0))
            if found[rung] >= LEAST_CORRELATION:
                break
        return found

    def map(self, metrics: Sequence[str] | None = None, *, rung: int | None = None) -> ForwardMap:
        """Give the forward map of some metrics, or of all that were recorded, at the highest rung.

        Args:
            metrics: which.
            rung: of a lower rung instead; not below the lowest that is used.
        """
        from physai_inverse.surrogates.fidelity_process import RungProcess

        names = [name for name in (self.rows.columns if metrics is None else metrics) if name in self.rows.columns]
        models: dict[str, AbstractMetricModel] = {}
        for name in names:
            if name not in self._models:
                self._models[name] = self._fit_from_start(name)
            model = self._models[name]
            if model is not None and rung is not None and isinstance(model, RungProcess):
                model = model.at(max(len(model.steps) - (self.top - rung), 0))
            if model is not None:
                models[name] = model
        return ForwardMap(self._space, models, self._success)

    def mixed(self, metrics: Sequence[str] | None = None) -> ForwardMap:
        """Give the map of the highest rung: where rungs hang together, nothing is mixed."""
        return self.map(metrics)

    def _with_measured(self, quantity: str) -> Dataset:
        """Every training as a row, with a column of what was measured of an expression."""
        import numpy as np

        if quantity in self.rows.columns or quantity not in self._objective.derived:
            return self.rows
        by_number = {trial.number: trial for trial in self._trials}
        trials = (by_number[number] for number in self.rows.numbers)
        values = np.array(
            [measured(quantity, trial.metrics, self._space.complete(trial.config)) for trial in trials],
            dtype=float,
        )
        if not np.isfinite(values).any():
            return self.rows
        values[~np.isfinite(values)] = np.nan
        column = Column(values, np.zeros(len(values)), np.zeros(len(values), dtype=np.int8))
        return replace(self.rows, columns={**self.rows.columns, quantity: column})

    def shown(self, objective: Objective, *, fidelity: float | None = None) -> ForwardMap:
        """Give the forward map of an objective's metrics and expressions, as they are.

        Args:
            objective: what is wanted.
            fidelity: see `map_at`.
        """
        from physai_inverse.inverse import with_derived

        return with_derived(self.map_at(fidelity, objective.metrics), objective, self.data)

    def judged(self, objective: Objective) -> ForwardMap:
        """Give the forward map by which an objective judges configurations: robust, and with what they cost."""
        from physai_inverse.inverse import judged

        forward = judged(self.map(objective.metrics), objective, self.data)
        return forward if objective.cost is None else replace(forward, cost=self._cost(objective.cost))

    def _cost(self, name: str) -> AbstractCostModel | None:
        """The price of trainings on the rung where most costs are known; None while none was recorded."""
        import numpy as np

        if name not in self._costs:
            costs = paid(name, self.rows, {trial.number: trial.seconds for trial in self._trials})
            priced = [int((np.isfinite(costs) & (self.rungs == rung)).sum()) for rung in range(self.top + 1)]
            costs[self.rungs != int(np.argmax(priced))] = np.nan
            self._costs[name] = price_of(name, self.rows, costs, self._recipe, seed=child(self._seed, "cost"))
        return self._costs[name]

    def map_at(self, fidelity: float | None, metrics: Sequence[str] | None = None) -> ForwardMap:
        """Give the forward map of metrics at the rung that lies nearest to a fidelity; the highest for None.

        A rung below the lowest that is used stands for that.
        """
        import numpy as np

        if fidelity is None:
            return self.map(metrics)
        levels = np.array(self._fidelity.rungs)
        away = np.abs(np.log(levels / fidelity)) if self._fidelity.log else np.abs(levels - fidelity)
        return self.map(metrics, rung=int(np.argmin(away)))

    def _fit_from_start(self, metric: str) -> AbstractMetricModel | None:
        """Fit the rungs that are used; also those below while nothing was trained on any of them."""
        models = (self._fit(metric, range(start, self.top + 1)) for start in range(self.start, -1, -1))
        return next((model for model in models if model is not None), None)

    def _fit(self, metric: str, rungs: range, rows: Dataset | None = None) -> AbstractMetricModel | None:
        from physai_inverse.surrogates.fidelity_process import fit_rungs

        return fit_rungs(self._recipe, rows or self.rows, self.rungs, metric, rungs_used=rungs, seed=self._seed)

    @cached_property
    def _success(self) -> AbstractSuccessModel | None:
        return self._recipe.fit(self.data, seed=self._seed, metrics=[]).success

    @cached_property
    def _recipe(self) -> AbstractSurrogate:
        if self._surrogate is not None:
            return self._surrogate
        from physai_inverse.surrogates import GaussianProcess

        return GaussianProcess()
