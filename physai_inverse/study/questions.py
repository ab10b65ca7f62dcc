"""What a study is asked: predict, recommend, invert; each from the data and what was fitted to it."""

from collections.abc import Mapping, Sequence

from physai_inverse.errors import NotFound
from physai_inverse.objective import Objective
from physai_inverse.observations import Config
from physai_inverse.seeds import child
from physai_inverse.store import Trial
from physai_inverse.study.fitted import Fitted
from physai_inverse.study.results import Answer, PredictionTable, Recommendation


def prediction_table(fitted: Fitted, configs: Sequence[Config], *, noise: bool) -> PredictionTable:
    """Predict every recorded metric; see `Study.predict`."""
    space = fitted.data.space
    checked = [space.check(config, constraints=False) for config in configs]
    forward = fitted.map()
    if not forward.models:
        raise NotFound("Nothing to predict from: no finite metric was observed yet.")
    units = space.snap(space.encode(checked))
    return PredictionTable(
        tuple(checked), forward.predict(units, noise=noise), forward.success_probability(units), forward
    )


def recommendation(
    fitted: Fitted, trials: Mapping[int, Trial], objective: Objective, *, seed: int
) -> Recommendation:
    """Name the configuration to use in the end; see `Study.recommend`."""
    from physai_inverse.inverse import recommend

    data = fitted.data
    chosen = recommend(fitted.map(objective.metrics), data, objective, seed=child(seed, "recommend"))
    number = data.numbers[chosen.row]
    config = data.space.complete(trials[number].config)
    return Recommendation(
        number=number,
        config=config,
        predictions=prediction_table(fitted, [config], noise=False).estimates(0),
        probability=chosen.probability,
        meaning=chosen.meaning,
        measured=trials[number].metrics,
        trainings=sum(data.space.complete(trials[other].config) == config for other in data.numbers),
    )


def answer_query(fitted: Fitted, query: Objective, num: int, *, seed: int) -> Answer:
    """Answer an inverse query; see `Study.invert`."""
    from physai_inverse.inverse import answer

    found = answer(fitted.map(query.metrics), fitted.data, query, num, seed=child(seed, "invert", str(query)))
    configs = fitted.data.space.decode(found.units)
    table = prediction_table(fitted, configs, noise=True)
    bars = "".join(f" ({name} at {bar:.4g} or better)" for name, bar in found.bars.items())
    best = float(found.probabilities.max())
    if found.reachable:
        verdict = f"{len(configs)} configurations; the likeliest meets {query}{bars} with probability {best:.2f}."
    else:
        verdict = (
            f"None in this space is likely to meet {query}{bars}: the closest does with probability {best:.2g}."
        )
    return Answer(
        query=str(query),
        configs=tuple(configs),
        probabilities=tuple(float(value) for value in found.probabilities),
        predictions=tuple(table.estimates(row) for row in range(len(configs))),
        reachable=found.reachable,
        statement=verdict,
    )
