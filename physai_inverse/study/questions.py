"""What a study is asked: predict, recommend, invert; each from the data and what was fitted to it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from physai_inverse.errors import NotFound
from physai_inverse.objective import AtLeast, AtMost, Maximize, Minimize, Objective, ObjectiveLike, as_objective
from physai_inverse.observations import Config
from physai_inverse.seeds import child
from physai_inverse.store import Trial
from physai_inverse.study.fitted import Fitted
from physai_inverse.study.results import Answer, ParetoPoint, ParetoSet, PredictionTable, Recommendation
from physai_inverse.study.rungs import Climbed

if TYPE_CHECKING:
    from physai_inverse.inverse import Answered

COSTS = ("parameters", "seconds")
"""Metrics that are costs by their name."""

GOOD_SHARE = 0.25
"""Share of the trainings that counts as good."""

LEAST_TRAININGS = 5


def turned_around(trials: Iterable[Trial], objective: Objective) -> Objective | None:
    """Turn a study's question around: as good as its best quarter, at the least cost.

    Returns:
        A query for `Study.invert`; None where no cost was recorded, too little was trained, or the first wish is
        to hit a target.
    """
    import numpy as np

    good = [trial for trial in trials if trial.state.finished and not trial.state.bad]
    wish = objective.wishes[0] if objective.wishes else None
    if not isinstance(wish, Minimize | Maximize):
        return None
    recorded = {name for trial in good for name in trial.metrics} - set(wish.quantity.names)
    cost = next((name for name in COSTS if name in recorded), None)
    values = [wish.quantity.measured(trial.metrics, trial.config) for trial in good]
    finite = [value for value in values if np.isfinite(value)]
    if cost is None or len(finite) < LEAST_TRAININGS:
        return None
    share = GOOD_SHARE if isinstance(wish, Minimize) else 1 - GOOD_SHARE
    bound = float(f"{float(np.quantile(finite, share)):.3g}")  # a number that people can read
    limit = AtMost(wish.metric, bound) if isinstance(wish, Minimize) else AtLeast(wish.metric, bound)
    return Objective((Minimize(cost), limit))


def prediction_table(
    fitted: Fitted | Climbed,
    configs: Sequence[Config],
    objective: Objective,
    *,
    noise: bool,
    fidelity: float | None = None,
    mixed: bool = False,
) -> PredictionTable:
    """Predict every recorded metric, and the expressions of an objective; see `Study.predict`.

    Args:
        fitted: the data and what was fitted to it.
        configs: where.
        objective: whose expressions are predicted.
        noise: whether of one more training or of the mean over many.
        fidelity: of the training.
        mixed: by the mixed map instead of the quick one, which answers and recommendations rest on.
    """
    space = fitted.data.space
    checked = [space.check(config, constraints=False) for config in configs]
    forward = fitted.map_at(fidelity) if isinstance(fitted, Climbed) else fitted.mixed() if mixed else fitted.map()
    if not forward.models:
        raise NotFound("Nothing to predict from: no finite metric was observed yet.")
    units = space.snap(space.encode(checked))
    shown = (
        fitted.shown(objective, fidelity=fidelity) if isinstance(fitted, Climbed) else fitted.shown(objective)
    ).models
    derived = {name: shown[name].predict(units, noise=noise) for name in objective.derived if name in shown}
    return PredictionTable(
        tuple(checked), derived | forward.predict(units, noise=noise), forward.success_probability(units), forward
    )


def recommendation(
    fitted: Fitted | Climbed, trials: Mapping[int, Trial], objective: Objective, *, seed: int
) -> Recommendation:
    """Name the configuration to use in the end; see `Study.recommend`."""
    from physai_inverse.inverse import recommend
    from physai_inverse.understanding import cautions

    data = fitted.data
    chosen = recommend(fitted.judged(objective), data, objective, seed=child(seed, "recommend"))
    number = data.numbers[chosen.row]
    trained = fitted.rows.numbers if isinstance(fitted, Climbed) else data.numbers
    config = data.space.complete(trials[number].config)
    return Recommendation(
        number=number,
        config=config,
        predictions=prediction_table(fitted, [config], objective, noise=False).estimates(0),
        probability=chosen.probability,
        meaning=chosen.meaning,
        measured=trials[number].metrics,
        trainings=sum(data.space.complete(trials[other].config) == config for other in trained),
        fidelity=trials[number].fidelity,
        cautions=cautions(fitted.map(objective.metrics).models, objective.metrics),
    )


def trade_off(
    fitted: Fitted | Climbed, trials: Mapping[int, Trial], given: ObjectiveLike, *, seed: int
) -> ParetoSet:
    """Give the configurations that none beats in every wish; see `Study.pareto`."""
    from physai_inverse.inverse import pareto

    data = fitted.data
    objective = as_objective(given).over(data.space.parameters, data.columns)
    found = pareto(fitted.judged(objective), data, objective, seed=child(seed, "pareto"))
    numbers = [data.numbers[row] for row in found.rows]
    configs = [data.space.complete(trials[number].config) for number in numbers]
    table = prediction_table(fitted, configs, objective, noise=False)
    return ParetoSet(
        objective=str(objective),
        points=tuple(
            ParetoPoint(number, config, table.estimates(place), float(chance), trials[number].metrics)
            for place, (number, config, chance) in enumerate(
                zip(numbers, configs, found.probabilities, strict=True)
            )
        ),
        reference=found.reference,
        hypervolume=found.hypervolume,
        interval=found.interval,
    )


def answer_query(fitted: Fitted | Climbed, query: Objective, num: int, *, seed: int) -> Answer:
    """Answer an inverse query; see `Study.invert`."""
    from physai_inverse.inverse import answer
    from physai_inverse.understanding import cautions

    query = query.over(fitted.data.space.parameters, fitted.data.columns)
    found = answer(fitted.judged(query), fitted.data, query, num, seed=child(seed, "invert", str(query)))
    configs = fitted.data.space.decode(found.units)
    table = prediction_table(fitted, configs, query, noise=True)
    return Answer(
        query=str(query),
        objective=query,
        bars=found.bars,
        configs=tuple(configs),
        probabilities=tuple(float(value) for value in found.probabilities),
        chances=found.chances,
        predictions=tuple(table.estimates(row) for row in range(len(configs))),
        reachable=found.reachable,
        plausibility=found.plausibility,
        statement=_verdict(query, found),
        posterior=found.posterior,
        tolerances=found.tolerances,
        ridges=found.ridges,
        shortfalls=found.shortfalls,
        cautions=cautions(fitted.map(query.metrics).models, query.metrics),
    )


def _verdict(query: Objective, found: "Answered") -> str:
    bars = "".join(f" ({name} at {bar:.4g} or better)" for name, bar in found.bars.items())
    if found.reachable:
        volume = found.posterior.volume()
        share = "less than 0.1 %" if volume < 0.001 else f"{100 * volume:.2g} %"
        return (
            f"{len(found.units)} configurations; the likeliest meets {query}{bars} with probability "
            f"{float(found.probabilities.max()):.2f}. In {share} of the space one training does rather than not."
        )
    missed = [
        f"{shortfall.metric} at {shortfall.predicted:.4g}, {shortfall.missing:.2g} short of {shortfall.goal}"
        for shortfall in found.shortfalls
        if shortfall.missing > 0
    ]
    closest = f"is predicted to give {' and '.join(missed)}" if missed else "would do so only by luck"
    return (
        f"None in this space is likely to meet {query}{bars}: the closest {closest} "
        f"(probability {float(found.probabilities[0]):.2g})."
    )
