"""What tells of the end of a metric: asked by people, and by the rule that stops trainings."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from physai_inverse.errors import FitFailed, NotFound
from physai_inverse.fidelity import Fidelity
from physai_inverse.forward import CURVE_SUFFIX, Dataset
from physai_inverse.inverse.stopping import Expected, StoppingRule
from physai_inverse.objective import Objective
from physai_inverse.observations import Curve, TrialState
from physai_inverse.seeds import child
from physai_inverse.space import Space
from physai_inverse.store import Store, Trial
from physai_inverse.study.fitted import Fitted

if TYPE_CHECKING:
    from physai_inverse.study.rungs import Climbed
    from physai_inverse.understanding import Mediators

MOST_MEDIATORS = 4
"""Observables that a rule looks at besides the metric's own curve."""
FIRST_SEARCH, GROWTH = 12, 1.25
"""Finished trainings at which mediators are first sought for a rule, and the factor until they are again."""
LEAST_EXPECTED = 8
"""Finished trainings from which what the forward map expects is looked at."""


class Watched(Protocol):
    """What a study is to the search for mediators."""

    name: str
    store: Store
    space: Space
    objective: Objective
    fidelity: Fidelity | None
    seed: int


@runtime_checkable
class Informed(Protocol):
    """A study that knows what its trainings tell of each other."""

    space: Space
    told: dict[tuple[str, int], tuple[str, ...]]

    def _fitted(self) -> "Fitted | Climbed":
        """The data as it stands, with what was fitted to it."""


def mediators(study: Watched, metric: str | None = None) -> "Mediators":
    """Find what tells of the end of a metric: observables at an early step, and metrics that go with it.

    Curves of finished trainings are read at a few early steps. For each the gain is held out: in log density, over
    the configuration alone, and over the metric's own value at that step as well. Nothing is trained or written; a
    hundred trainings with ten curves take about a second.

    Args:
        study: the study.
        metric: of which the end is asked; that of the first wish where it is left out.

    Raises:
        NotFound: no finished training has the metric.
        FitFailed: the process of the metric could not be fitted.
    """
    asked = metric or next(iter(study.objective.metrics), None)
    if asked is None:
        raise NotFound("The objective speaks of no metric; name one, for example `mediators('val_loss')`.")
    trials = [trial for trial in study.store.trials(study.name, curves=True) if whole(trial, study.fidelity)]
    if not any(asked in trial.metrics for trial in trials):
        named = sorted({name for trial in trials for name in trial.metrics})
        raise NotFound(
            f"No training that was finished in full gave the metric `{asked}`; recorded are {named or 'none'}."
        )
    return told(study.space, trials, asked, seed=child(study.seed, "mediators", asked))


def whole(trial: Trial, fidelity: Fidelity | None) -> bool:
    """Say whether a training was finished in full."""
    full = fidelity is None or fidelity.rung(trial.fidelity) == fidelity.top
    return full and trial.state is TrialState.DONE


def told(space: Space, trials: Sequence[Trial], metric: str, *, seed: int) -> "Mediators":
    """Find the mediators of a metric in trainings that were finished in full; see `mediators`."""
    from physai_inverse.surrogates import GaussianProcess
    from physai_inverse.understanding import find_mediators

    data = Dataset.from_observations(space, [trial.observation() for trial in trials])
    return find_mediators(data, metric, observables(trials, metric), GaussianProcess(), seed=seed)


def observables(trials: Sequence[Trial], metric: str) -> dict[str, list[Curve | None]]:
    """Give the curves of trainings by the name of what they show, the metric's own first."""
    names: dict[str, None] = {metric: None}
    for trial in trials:
        for name, value in trial.metrics.items():
            if isinstance(value, Curve) and name != metric:
                names[name.removesuffix(CURVE_SUFFIX)] = None
    found = {name: [curve_of(trial, name) for trial in trials] for name in names}
    return {name: curves for name, curves in found.items() if any(curve is not None for curve in curves)}


def curve_of(trial: Trial, name: str) -> Curve | None:
    """Give the curve of an observable: the metric itself, or the one beside it."""
    for key in (name, f"{name}{CURVE_SUFFIX}"):
        value = trial.metrics.get(key)
        if isinstance(value, Curve):
            return value
    return None


def informed(rule: StoppingRule, study: object, runs: Sequence[Trial], this: Trial | None) -> StoppingRule:
    """Add to a rule what a study knows: the curves of mediators, and what the forward map expects.

    Args:
        rule: of the metric's own curves alone.
        study: the study; the rule stays as it is where it knows no more.
        runs: the trials behind the rule's curves, in their order.
        this: the trial that is judged.
    """
    if not isinstance(study, Informed) or not runs:
        return rule
    names = _sought(study, runs, rule.metric)
    curves = {name: [curve_of(trial, name) for trial in runs] for name in names}
    known = {
        name: tuple(curve for curve in each if curve is not None)
        for name, each in curves.items()
        if all(curve is not None for curve in each)
    }
    return replace(rule, mediators=known, expected=_expected(study, rule.metric, runs, this))


def _sought(study: Informed, runs: Sequence[Trial], metric: str) -> tuple[str, ...]:
    """Name the observables that tell of the end, by the first runs.

    By how many grows in steps, so that the search is seldom, and hangs on nothing but the trials.
    """
    sizes = list(itertools.takewhile(lambda size: size <= len(runs), _sizes()))
    if not sizes or len(observables(runs[: sizes[-1]], metric)) < 2:
        return ()
    key = (metric, runs[sizes[-1] - 1].number)
    if key not in study.told:
        try:
            best = told(study.space, runs[: sizes[-1]], metric, seed=child(0, "mediators of a rule")).best
        except FitFailed:  # no reason for a training not to run
            best = ()
        telling = sorted(
            (item for item in best if item.found and item.observable != metric),
            key=lambda item: -item.over_config.nats,
        )
        study.told.clear()
        study.told[key] = tuple(item.observable for item in telling[:MOST_MEDIATORS])
    return study.told[key]


def _sizes() -> "itertools.accumulate[int]":
    return itertools.accumulate(
        itertools.repeat(GROWTH), lambda size, growth: int(size * growth) + 1, initial=FIRST_SEARCH
    )


def _expected(study: Informed, metric: str, runs: Sequence[Trial], this: Trial | None) -> Expected | None:
    """Ask the quick forward map for the ends of the finished runs, each from the others, and of this training."""
    import numpy as np

    if this is None or len(runs) < LEAST_EXPECTED:
        return None
    fitted = study._fitted()
    if not isinstance(fitted, Fitted) or metric not in fitted.data.columns:
        return None
    try:
        model = fitted.map([metric]).models.get(metric)
    except FitFailed:
        return None
    if model is None:
        return None
    scores = model.held_out()
    if not len(scores.places):
        return None
    latent = model.warp.forward(scores.predicted)
    by_number = {fitted.data.numbers[place]: value for place, value in zip(scores.places, latent, strict=True)}
    if not all(np.isfinite(by_number.get(trial.number, np.nan)) for trial in runs):
        return None
    units = study.space.snap(study.space.encode([study.space.complete(this.config)]))
    mean, _ = model.latent(units)
    return Expected(model.warp, tuple(float(by_number[trial.number]) for trial in runs), float(mean[0]))
