"""What a forward map gets wrong for a reason: a step, a wrong scale, rows that contradict, a hidden variable.

Each suspicion is looked for where it would show in the held-out residuals, and then put to the test where it can
be: the map is fitted anew with the suspected thing put right, and must predict held-out values better by `GAIN`
nats in all and `GAIN_PER_ROW` a row. Only what passes is named.

Symbols: `e` ``[n]`` held-out residuals in standard deviations; `u` ``[n, d]`` points of the unit cube.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from physai_inverse.forward import (
    AbstractMetricModel,
    AbstractSurrogate,
    Column,
    Dataset,
    Scores,
    normal_quantile,
)
from physai_inverse.normal import ndtri
from physai_inverse.space import Boolean, Float, Integer, Space

if TYPE_CHECKING:
    import numpy as np

LEAST_ROWS = 16
"""Held-out values below which nothing is suspected."""
MAX_ROWS = 256
"""Rows that a suspicion is tested with; an even share of more."""
GAIN, GAIN_PER_ROW = 6.0, 0.08
"""Nats of held-out log density that must be gained."""
MAX_SCALES = 8
"""Parameters whose scale is tested."""
RATIO = 10.0
"""Ratio of largest to smallest value from which a logarithmic scale is thought of."""
REACH = 0.15
"""How far from a step, in the unit cube, its residuals are looked at."""
LEAST_SIDE = 0.08
"""Share of the rows that lie on either side of a step."""
MOST_FOUND = 3
"""Steps and scales that are named."""
SURE = 2.5
"""Standard errors of the gain by which it must differ from zero; many things are tried."""
CONTRADICTION = 3.0
"""Times by which replicates differ more than the map errs elsewhere before rows are said to contradict."""
FREEDOM = 4.0
TWO_GROUPS = 6.0
"""Gain in the Bayesian information criterion from which residuals are said to fall into two groups (Kass & Raftery
1995: "strong")."""
LEAST_GROUP = 0.15
"""Share of the rows that the smaller of the two groups needs: fewer are outliers."""
DRIFT = 1.63
"""Quantile 0.99 of Kolmogorov's distribution, for the largest sum of residuals in the order of training."""


@dataclass(frozen=True)
class Misfit:
    """Something that the forward map of a metric gets wrong.

    Args:
        kind: `step`, `scale`, `contradiction`, `hidden variable` or `drift`.
        statement: what was found, and what to do about it.
        places: rows of the dataset that show it; empty where all do.
    """

    kind: str
    statement: str
    places: tuple[int, ...] = ()


def misfits(
    model: AbstractMetricModel, data: Dataset, metric: str, surrogate: AbstractSurrogate, *, seed: int
) -> tuple[Misfit, ...]:
    """Look for misfits of a metric's model.

    Args:
        model: of the metric, fitted to the data.
        data: the observations.
        metric: the metric.
        surrogate: a quick recipe, by which suspicions are tested.
        seed: of the fits.

    Returns:
        What was found, the graver first.
    """
    import numpy as np

    scores = model.held_out()
    if scores.rows < LEAST_ROWS or not (scores.places >= 0).all():
        return ()
    residuals = ndtri(np.clip(scores.ranks, 1e-12, 1.0 - 1e-12))
    contradicted = list(contradictions(model, scores, data))
    clear = ~np.isin(scores.places, [place for misfit in contradicted for place in misfit.places])
    if clear.sum() < LEAST_ROWS:
        return tuple(contradicted)
    places, residuals = scores.places[clear], residuals[clear]
    return (
        *contradicted,
        *_steps_and_scales(places, residuals, data, metric, surrogate, seed),
        *groups(residuals),
        *drift(places, residuals, data),
    )


def contradictions(model: AbstractMetricModel, scores: Scores, data: Dataset) -> Iterator[Misfit]:
    """Find configurations whose trainings differ by much more than the map errs about all others."""
    import numpy as np

    latent = model.warp.forward(scores.measured)
    errors = latent - model.warp.forward(scores.predicted)
    _, group, count = np.unique(data.units[scores.places], axis=0, return_inverse=True, return_counts=True)
    group = group.ravel()
    alone = count[group] == 1
    if alone.all():
        return
    centre = np.bincount(group, weights=latent) / count
    apart = np.array([np.ptp(latent[group == place]) for place in range(len(count))])
    usual = np.sqrt(np.mean(errors[alone] ** 2)) if alone.sum() >= LEAST_ROWS // 2 else math.inf
    within = np.sqrt(np.sum((latent - centre[group]) ** 2) / max(int(np.sum(count - 1)), 1))
    whole = float(np.std(latent))
    bad = np.flatnonzero((count > 1) & (apart > CONTRADICTION * usual))
    if not len(bad) and within < 0.5 * whole:
        return
    listed = bad if len(bad) else np.flatnonzero(count > 1)
    listed = listed[np.argsort(-apart[listed])]
    first = np.flatnonzero(group == listed[0])
    places = tuple(int(place) for place in scores.places[np.isin(group, listed)])
    low, high = float(scores.measured[first].min()), float(scores.measured[first].max())
    trials = ", ".join(f"#{data.numbers[scores.places[row]]}" for row in first) if data.numbers else "equal rows"
    more = f", and {len(listed) - 1} configurations like it" if len(listed) > 1 else ""
    yield Misfit(
        "contradiction",
        f"one configuration gave {low:.4g} and {high:.4g} (trials {trials}{more}): duplicated rows with other "
        "results, or a variable that is not recorded; mend the rows, or record what differed",
        places,
    )


def groups(residuals: "np.ndarray") -> Iterator[Misfit]:
    """Find residuals that fall into two groups: something with two values acts, and is not in the space.

    A mixture of two normals of one spread against a single normal, by the Bayesian information criterion.
    """
    import numpy as np

    n = len(residuals)
    single = -0.5 * n * (math.log(2 * math.pi * max(float(np.var(residuals)), 1e-12)) + 1.0)
    ordered = np.sort(residuals)
    best = (-math.inf, 0.5, 0.0)
    for share in (0.25, 0.5, 0.75):
        cut = max(1, min(n - 1, int(share * n)))
        means = np.array([ordered[:cut].mean(), ordered[cut:].mean()])
        weight, variance = np.array([share, 1 - share]), max(float(np.var(residuals)) / 4, 1e-12)
        value = -math.inf
        for _ in range(200):
            logs = np.log(weight) - 0.5 * (residuals[:, None] - means) ** 2 / variance
            logs -= 0.5 * math.log(2 * math.pi * variance)
            top = logs.max(axis=1)
            each = top + np.log(np.exp(logs - top[:, None]).sum(axis=1))
            duty = np.exp(logs - each[:, None])
            if float(each.sum()) - value < 1e-6:
                break
            value = float(each.sum())
            weight = np.clip(duty.mean(axis=0), 1e-6, None)
            weight /= weight.sum()
            means = (duty * residuals[:, None]).sum(axis=0) / np.maximum(duty.sum(axis=0), 1e-12)
            variance = max(float(np.sum(duty * (residuals[:, None] - means) ** 2)) / n, 1e-12)
        if value > best[0]:
            best = (value, float(weight.min()), float(abs(means[1] - means[0]) / math.sqrt(variance)))
    value, least, apart = best
    if 2 * (value - single) - 2 * math.log(n) > TWO_GROUPS and least >= LEAST_GROUP and apart > 2.0:
        yield Misfit(
            "hidden variable",
            f"what the map leaves unexplained falls into two groups, {apart:.1f} of their spread apart "
            f"({least:.0%} and {1 - least:.0%} of the rows): something with two values acts that is not in the "
            "space (another code version, data set or device?); record it as a parameter",
        )


def drift(places: "np.ndarray", residuals: "np.ndarray", data: Dataset) -> Iterator[Misfit]:
    """Find residuals that depend on when a row was trained: the largest of their sums, by Kolmogorov's test."""
    import numpy as np

    if not data.numbers:
        return
    order = np.argsort(np.array(data.numbers)[places], kind="stable")
    sums = np.cumsum(residuals[order] - residuals.mean()) / max(float(np.std(residuals)), 1e-12)
    place = int(np.argmax(np.abs(sums)))
    if abs(float(sums[place])) / math.sqrt(len(sums)) > DRIFT:
        number = data.numbers[places[order[min(place + 1, len(order) - 1)]]]
        word = "lower" if sums[place] > 0 else "higher"
        yield Misfit(
            "hidden variable",
            f"results became {word} than predicted from about trial #{number} on: something changed there that is "
            "not in the space (code, data, machine?); record it as a parameter",
        )


def _steps_and_scales(
    places: "np.ndarray",
    residuals: "np.ndarray",
    data: Dataset,
    metric: str,
    surrogate: AbstractSurrogate,
    seed: int,
) -> Iterator[Misfit]:
    """Put right what gains most, then what gains most beside it, as long as something does."""
    import numpy as np

    rows = places
    if len(rows) > MAX_ROWS:
        rows = rows[np.linspace(0, len(rows) - 1, MAX_ROWS).astype(int)]
    now = _taken(data, metric, rows)
    numbers = [
        column for column, parameter in enumerate(data.space.free) if isinstance(parameter, Float | Integer)
    ]
    latent = surrogate.fit(now, seed=seed).model(metric).warp.forward(now.columns[metric].values)
    changes: list[tuple[str, str, float]] = [
        ("scale", data.space.names[column], 0.0)
        for column in numbers[:MAX_SCALES]
        if _other_scale(now, data.space.names[column]) is not None
    ]
    for column in numbers:
        cuts = {
            *_bent(data.units[places], residuals, column),
            *_jumps(data.units[rows], latent, column, numbers),
        }
        changes += [("step", data.space.names[column], cut) for cut in sorted(cuts)]
    best = _densities(surrogate, now, metric, seed)
    for _ in range(MOST_FOUND):
        tried = [(change, _changed(now, *change)) for change in changes]
        worth = [_densities(surrogate, item, metric, seed) for _, item in tried if item is not None]
        kept = [pair for pair in tried if pair[1] is not None]
        gains = [float(np.mean(each - best)) if len(each) == len(best) else -math.inf for each in worth]
        if not gains:
            return
        place = int(np.argmax(gains))
        gain, each = gains[place], worth[place] - best
        unsure = float(np.std(each)) / math.sqrt(len(each))
        if gain < max(GAIN / len(each), GAIN_PER_ROW) or gain < SURE * unsure:
            return
        (kind, name, cut), changed = kept[place]
        assert changed is not None
        yield _named(kind, name, cut, gain, data.space)
        now, best = changed, worth[place]
        changes = [change for change in changes if change[1] != name]


def _named(kind: str, name: str, cut: float, gain: float, space: Space) -> Misfit:
    parameter = space.free[space.names.index(name)]
    better = f"held-out log density better by {gain:.2f} nats a row"
    if kind == "scale":
        log = getattr(parameter, "log", False)
        return Misfit(
            "scale",
            f"`{name}` acts on a {'linear' if log else 'logarithmic'} scale ({better}): declare it with log: "
            f"{'false' if log else 'true'}",
        )
    value = parameter.from_unit(_one(cut)).tolist()[0]
    return Misfit(
        "step",
        f"the metric jumps where `{name}` crosses about {value:.4g} ({better} with a parameter for the side): "
        "predictions between the two sides are blurred; train on both sides of it, or add a parameter for what "
        "changes there",
    )


def _densities(surrogate: AbstractSurrogate, data: Dataset, metric: str, seed: int) -> "np.ndarray":
    """Give the log density of each held-out value, in the order of the rows.

    With the tails of Student's t for `FREEDOM` degrees of freedom: one value that a map misses by far must not
    decide between two of them.
    """
    import numpy as np

    model = surrogate.fit(data, seed=seed).model(metric)
    scores = model.held_out()
    low, high = (model.warp.forward(ends) for ends in (scores.low, scores.high))
    spread = np.maximum((high - low) / (2 * normal_quantile(0.95)), 1e-12)
    offset = ndtri(np.clip(scores.ranks, 1e-12, 1 - 1e-12))
    return np.asarray(
        model.warp.log_slope(scores.measured)
        - np.log(spread)
        - 0.5 * (FREEDOM + 1) * np.log1p(offset**2 / FREEDOM)
    )


def _bent(units: "np.ndarray", residuals: "np.ndarray", column: int) -> list[float]:
    """Give the cut at which residuals on both sides are most opposite.

    A smooth map passes half way up a step: it errs to one side below it and to the other above, the more the
    nearer. The sum of residuals with that sign and a weight that falls over `REACH`, over its spread.
    """
    import numpy as np

    cuts = _cuts(units[:, column])
    if not len(cuts):
        return []
    away = units[:, column] - cuts[:, None]
    weight = np.sign(away) * np.exp(-np.abs(away) / REACH)
    strength = np.abs(weight @ residuals) / np.sqrt(np.sum(weight**2, axis=1))
    return [float(cuts[int(np.argmax(strength))])]


def _jumps(units: "np.ndarray", latent: "np.ndarray", column: int, numbers: list[int]) -> list[float]:
    """Give the cut that explains most of what a sum of parabolas, one a number, leaves over."""
    import numpy as np

    cuts = _cuts(units[:, column])
    if not len(cuts) or len(latent) < 2 * len(numbers) + 4:
        return []
    terms = np.concatenate([np.ones((len(units), 1)), units[:, numbers], units[:, numbers] ** 2], axis=1)
    sides = (units[:, column] > cuts[:, None]).astype(float).T
    basis, _ = np.linalg.qr(terms)
    left = latent - basis @ (basis.T @ latent)
    sides = sides - basis @ (basis.T @ sides)
    explained = (left @ sides) ** 2 / np.maximum(np.sum(sides**2, axis=0), 1e-9)
    return [float(cuts[int(np.argmax(explained))])]


def _cuts(values: "np.ndarray") -> "np.ndarray":
    """Give at most 40 places between different values, none of them nearly at an end."""
    import numpy as np

    levels = np.unique(values)
    if len(levels) < 3:
        return np.empty(0)
    cuts = 0.5 * (levels[1:] + levels[:-1])
    share = np.array([np.mean(values > cut) for cut in cuts])
    cuts = cuts[(share > LEAST_SIDE) & (share < 1 - LEAST_SIDE)]
    return np.asarray(cuts if len(cuts) <= 40 else np.quantile(cuts, np.linspace(0.0, 1.0, 40)))


def _changed(data: Dataset, kind: str, name: str, cut: float) -> Dataset | None:
    return _other_scale(data, name) if kind == "scale" else _with_side(data, name, cut)


def _one(value: float) -> "np.ndarray":
    import numpy as np

    return np.array([value])


def _taken(data: Dataset, metric: str, rows: "np.ndarray") -> Dataset:
    import numpy as np

    column = data.columns[metric]
    kept = Column(column.values[rows], column.errors[rows], column.censored[rows])
    space = Space(data.space.parameters)  # constraints say nothing about how a metric depends
    return Dataset(space, data.units[rows], {metric: kept}, np.zeros(len(rows), dtype=bool))


def _other_scale(data: Dataset, name: str) -> Dataset | None:
    """Give the data with a parameter on the other scale; None where there is none to speak of."""
    column = data.space.names.index(name)
    parameter = data.space.free[column]
    assert isinstance(parameter, Float | Integer)
    values = parameter.from_unit(data.units[:, column])
    low, high = float(values.min()), float(values.max())
    if not low > 0 or high < RATIO * low or (not parameter.log and parameter.low <= 0 and low <= 0):
        return None
    changed: Float | Integer = replace(parameter, log=not parameter.log) if parameter.low > 0 else Float(
        low, high, log=True, when=parameter.when
    )  # fmt: skip
    units = data.units.copy()
    units[:, column] = changed.to_unit(values)
    return replace(data, space=Space({**data.space.parameters, name: changed}), units=units)


def _with_side(data: Dataset, of: str, cut: float) -> Dataset:
    """Give the data with one parameter more: on which side of a cut another one lies."""
    import numpy as np

    name = f"{of} above"
    while name in data.space.parameters:
        name += "'"
    side = data.units[:, data.space.names.index(of)] > cut
    space = Space({**data.space.parameters, name: Boolean()})
    place = space.names.index(name)
    return replace(data, space=space, units=np.insert(data.units, place, np.where(side, 0.75, 0.25), axis=1))
