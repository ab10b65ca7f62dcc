"""The best configurations that were trained: what is predicted of each, and what it measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from physai_inverse.errors import FitFailed, NotFound
from physai_inverse.observations import Config, Metric, Scalar
from physai_inverse.store import Trial
from physai_inverse.study import Estimate, Recommendation, Study, comparable

Key: TypeAlias = tuple[tuple[str, Scalar], ...]

MOST_LEADERS = 5
MOST_JUDGED = 256
"""Configurations among which the best are looked for, those that measured best."""


@dataclass(frozen=True)
class Leader:
    """One of the best configurations.

    Args:
        number: a trial in which it was trained.
        config: the configuration, completed.
        predictions: metric to its estimate, noise taken off.
        measured: what the trial measured.
        trainings: how many trainings of it there are.
    """

    number: int
    config: dict[str, Scalar]
    predictions: Mapping[str, Estimate]
    measured: Mapping[str, Metric]
    trainings: int


def leaders(study: Study, recommendation: Recommendation | None) -> tuple[Leader, ...]:
    """Give the best configurations, the recommended one first; by the forward map, not by luck.

    Of several wishes those that none beats in all of them, as `Study.pareto` has them, the most probable first.
    """
    if recommendation is None:
        return ()
    first = Leader(
        recommendation.number,
        recommendation.config,
        recommendation.predictions,
        recommendation.measured,
        recommendation.trainings,
    )
    others = _front(study) if len(study.objective.wishes) > 1 else _ranked(study)
    return (first, *(each for each in others if each.config != first.config))[:MOST_LEADERS]


def _front(study: Study) -> list[Leader]:
    try:
        points = study.pareto().points
    except (NotFound, FitFailed):
        return []
    times = _times(study, [trial for trial in study.trials if trial.state.finished])
    ordered = sorted(points, key=lambda point: -point.probability)
    return [
        Leader(point.number, point.config, point.predictions, point.measured, times[_key(study, point.config)])
        for point in ordered[:MOST_LEADERS]
    ]


def _ranked(study: Study) -> list[Leader]:
    import numpy as np

    from physai_inverse.inverse.order import places

    objective, space = study.objective, study.space
    good = [trial for trial in study.trials if trial.state.finished and not trial.state.bad]
    values = [
        (trial, objective.measured(trial.metrics, trial.config)) for trial in comparable(study.fidelity, good)
    ]
    kept = [(trial, found) for trial, found in values if all(np.isfinite(list(found.values())))]
    if not kept:
        return []
    columns = {name: np.array([found[name] for _, found in kept]) for name in kept[0][1]}
    order = np.argsort(places(objective, columns))
    best: dict[Key, Trial] = {}
    for place in order.tolist():  # of a configuration that was trained several times, the best training
        best.setdefault(_key(study, kept[place][0].config), kept[place][0])
    trials = list(best.values())[:MOST_JUDGED]
    table = study.predict([space.complete(trial.config) for trial in trials], noise=False)
    if not set(objective.quantities) <= set(table):
        return []
    middle = {name: table[name].quantiles[0.5] for name in objective.quantities}
    times = _times(study, good)
    return [
        Leader(
            trials[place].number,
            space.complete(trials[place].config),
            table.estimates(place),
            trials[place].metrics,
            times[_key(study, trials[place].config)],
        )
        for place in np.argsort(places(objective, middle), kind="stable")[: MOST_LEADERS + 1].tolist()
    ]


def _times(study: Study, trials: list[Trial]) -> dict[Key, int]:
    counted: dict[Key, int] = {}
    for trial in trials:
        key = _key(study, trial.config)
        counted[key] = counted.get(key, 0) + 1
    return counted


def _key(study: Study, config: Config) -> Key:
    return tuple(study.space.complete(config).items())
