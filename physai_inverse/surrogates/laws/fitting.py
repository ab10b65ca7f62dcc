"""From a metric's rows to a law with a process on what it leaves, or to the plain process and why.

A law stays where it predicts held-out values better: the rows of largest size from the others (on both sides with
what the smaller rows alone say), and every row from all others.
"""

from dataclasses import dataclass, replace

import numpy as np

from physai_inverse.forward import Column
from physai_inverse.seeds import child, generator
from physai_inverse.space.features import Features
from physai_inverse.surrogates.fit import climb, starts, widened
from physai_inverse.surrogates.kernel import Covariance, distances, factor, matern
from physai_inverse.surrogates.laws.ensemble import Ensemble
from physai_inverse.surrogates.laws.grid import LEAST_WEIGHT
from physai_inverse.surrogates.laws.law import Law, Term
from physai_inverse.surrogates.laws.model import LawModel, Trended, latent_laws
from physai_inverse.surrogates.laws.search import Form, Target, Weighed, constant, counted, search, weighed
from physai_inverse.surrogates.laws.sizes import Sizes
from physai_inverse.surrogates.likelihood import Posterior, Rows
from physai_inverse.surrogates.metric import CENTRE, MetricProcess, fit_metric, kept_rows
from physai_inverse.surrogates.outliers import doubted
from physai_inverse.surrogates.scoring import score
from physai_inverse.surrogates.selection import LEAST_ROWS as LEAST_WARP_ROWS
from physai_inverse.surrogates.selection import Table, priors_of
from physai_inverse.surrogates.threads import one_thread
from physai_inverse.surrogates.warp import Log, Warp, resolution

LEAST_ROWS = 4
"""Values below which no law is looked for: a floor, a coefficient and an exponent are three."""
MOST_SEARCHED = 256
"""Rows that laws are found from: those of extreme size and a random rest."""
EXTREME_SHARE = 0.125
LEAST_ERROR = 0.05
"""Standard deviation of what a law leaves, over that of the values, that is expected beforehand."""
TESTED_SHARE = 0.2
LEAST_TESTED = 10
"""Rows from which the largest are held out to try the law; below, the evidence decides alone."""
TAIL, NUM_OPEN = 1.25, 4.0
"""The 95 % quantile of a t distribution with f degrees over a normal one's is about 1 + 1.25 / f; about four
numbers of a law are open. They count among the process's own (`widened`), whose rows are what is left of
those that the law was fitted to."""
MOST_LOST_BEYOND, MOST_LOST_INSIDE = 0.1, 0.5
"""Nats a row that a law may lose to the plain process on the largest rows, and on rows left out one by one: the
process around it makes up for a law that says little, and one that is right is worth most where no row is."""
LEAST_GAIN = 2.0
"""Nats by which the best law must beat a constant."""
STEPS = 30


@dataclass(frozen=True)
class Found:
    """Laws on one latent scale.

    Args:
        warp: the scale.
        target: what they were weighed by.
        forms: weighed, the best first.
        size: of a value of one.
        merit: log evidence of the metric, up to a constant.
    """

    warp: Warp
    target: Target
    forms: list[Weighed]
    size: float
    merit: float


def fit_law_model(features: Features, units: np.ndarray, column: Column, *, seed: int) -> LawModel:
    """Fit one metric.

    Args:
        features: the encoding.
        units: ``[n, d]`` snapped points.
        column: its values, at least one of them finite.
        seed: of what is drawn.

    Raises:
        np.linalg.LinAlgError: no covariance could be factored.
    """
    plain = fit_metric(features, units, column, seed=seed)
    whole = Table(units, features.encode(units) - CENTRE, np.array(features.groups, dtype=int), column)
    whole = whole.take(column.rows)
    table = whole.take(kept_rows(whole.column, seed=seed))
    seen = np.flatnonzero(table.column.censored == 0)
    if len(seen) < LEAST_ROWS:
        return LawModel(plain, declined=f"fewer than {LEAST_ROWS} values")
    sizes = Sizes.of(features.space, table.units[seen])
    if not sizes.columns:
        return LawModel(
            plain, declined="no input is like a size: on a log scale, a factor of four wide, with several values"
        )
    if not np.ptp(table.column.values[seen]) > 0:
        return LawModel(plain, declined="the values do not vary")
    try:
        with one_thread():
            return _with_law(plain, sizes, table, seen, seed=seed)
    except np.linalg.LinAlgError:
        return LawModel(plain, declined="the numbers defeat every law")


def _with_law(plain: MetricProcess, sizes: Sizes, table: Table, seen: np.ndarray, *, seed: int) -> LawModel:
    found = _found(plain, sizes, table, seen, seed=seed)
    if found is None or found.forms[0].evidence < constant(found.target) + LEAST_GAIN:
        return LawModel(plain, declined="no law explains the values better than a constant")
    trial = _tried(found, plain, sizes, table, seen, seed=seed) if len(seen) >= LEAST_TESTED else None
    if trial is not None:
        found = _weighed_by(found, trial.merits)
    ensemble = _ensemble(found, seed=seed)
    model = LawModel(plain, _trended(plain, sizes, table, found, ensemble), leading(found, sizes))
    return model if trial is None else _judged(model, trial, sizes, seed=seed)


def _ensemble(found: Found, *, seed: int) -> Ensemble:
    return Ensemble.drawn(found.forms, found.size, positive=found.target.positive, seed=child(seed, "ensemble"))


def _found(plain: MetricProcess, sizes: Sizes, table: Table, seen: np.ndarray, *, seed: int) -> Found | None:
    """Search on the plain process's scale; weigh what was found on that of ratios, too."""
    values = table.column.values[seen]
    warps = [plain.latent_warp]
    if values.min() > 0 and not resolution(values) and not isinstance(plain.latent_warp.shape, Log):
        log = Warp.fitted(Log(), values)
        if log is not None:
            warps = [log] if len(values) < LEAST_WARP_ROWS else [*warps, log]
    logs = sizes(table.units[seen])
    rows = _searched(logs, seed=seed)
    others = _others(plain, sizes, table.features[seen][rows])
    best: Found | None = None
    for warp in warps:
        known = None if best is None else [one.form for one in best.forms]
        found = _on(warp, plain, sizes, table.column, seen[rows], logs[rows], others, known)
        if found is not None and (best is None or found.merit > best.merit):
            best = found
    return best


def _on(
    warp: Warp,
    plain: MetricProcess,
    sizes: Sizes,
    column: Column,
    rows: np.ndarray,
    logs: np.ndarray,
    others: np.ndarray | None,
    forms: list[Form] | None = None,
) -> Found | None:
    """Weigh laws on one scale: those of some forms, or all that a search finds."""
    values = column.values[rows]
    positive = bool(values.min() > 0)
    size = float(np.exp(np.mean(np.log(values)))) if positive else float(np.max(np.abs(values)))
    slope = np.exp(warp.log_slope(values))
    least = LEAST_ERROR * max(float(np.std(warp.forward(values))), 1e-12)
    extra = (column.errors[rows] * slope / least) ** 2
    if plain.latent_warp == warp:
        extra = extra + plain.doubt[rows] / least**2
    weights = slope * size
    if not (np.isfinite(weights).all() and (weights > 0).all()):
        return None
    if others is None:
        whitener = weights / np.sqrt(1.0 + extra)
    else:
        covariance = others.copy()
        covariance[np.diag_indices_from(covariance)] += 1.0 + extra
        whitener = np.linalg.inv(factor(covariance)) * weights
    target = Target(logs, values / size, whitener, least, positive, sizes.centre)
    found = search(target) if forms is None else weighed(target, forms)
    if not found or not np.isfinite(found[0].evidence):
        return None
    return Found(warp, target, found, size, found[0].evidence + float(np.sum(warp.log_slope(values))))


def _searched(logs: np.ndarray, *, seed: int) -> np.ndarray:
    """Rows to find laws from."""
    if len(logs) <= MOST_SEARCHED:
        return np.arange(len(logs))
    order = np.argsort(_magnitude(logs), kind="stable")
    extreme = int(EXTREME_SHARE * MOST_SEARCHED)
    middle = generator(seed, "searched").permutation(order[extreme:-extreme])[: MOST_SEARCHED - 2 * extreme]
    return np.sort(np.concatenate([order[:extreme], middle, order[-extreme:]]))


def _magnitude(logs: np.ndarray) -> np.ndarray:
    spread = np.std(logs, axis=0)
    return np.asarray((logs / np.where(spread > 0, spread, 1.0)).sum(axis=1))


def _others(plain: MetricProcess, sizes: Sizes, features: np.ndarray) -> np.ndarray | None:
    """Covariance of what the other parameters do, over the noise's; None where there are none that matter."""
    posterior = plain.posterior
    columns = np.flatnonzero(~np.isin(posterior.groups, (*sizes.columns, *sizes.covered)))
    columns = columns[np.ptp(features[:, columns], axis=0) > 0] if len(columns) else columns
    if not len(columns):
        return None
    covariance: Covariance = posterior.covariance
    scaled = features[:, columns] / covariance.lengthscales[posterior.groups[columns]]
    noise = max(covariance.noise, LEAST_ERROR**2)
    others = covariance.scale / noise * matern(distances(scaled, scaled))
    # Taken about its mean: the level is the law's, which could otherwise be given away for nothing.
    others -= others.mean(axis=0)
    return np.asarray(others - others.mean(axis=1)[:, None])


def _trended(
    plain: MetricProcess,
    sizes: Sizes,
    table: Table,
    found: Found,
    ensemble: Ensemble,
    start: Covariance | None = None,
) -> Trended:
    """Put a process on what the laws leave; its hyper-parameters are climbed to unless they are given."""
    rows = table.warped(found.warp)
    centre, away = latent_laws(ensemble, found.warp, sizes(table.units))
    left = rows.values - centre
    seen = rows.side == 0
    scale = max(float(np.sqrt(ensemble.variance)), float(np.sqrt(np.mean(left[seen] ** 2))))
    wider = 1.0 + TAIL / max(LEAST_WEIGHT + float(seen.sum()) - NUM_OPEN, 1.0)
    doubt = plain.doubt if plain.latent_warp == found.warp else np.zeros(len(rows))
    residual = replace(doubted(rows, doubt), values=left / scale, extra=(rows.extra + doubt) / scale**2)
    if start is None:
        few = _few(residual, table, seed=0)
        priors = priors_of(few[1], few[0])
        climbs = [climb(few[0], priors, place, max_steps=STEPS) for place in starts(priors)]
        fitted = widened(max(climbs, key=lambda one: one.value), len(few[0]), others=NUM_OPEN)
        start = replace(fitted.covariance, scale=fitted.covariance.scale * wider**2)
    posterior = Posterior.given(residual, start)
    reach = (float(np.min(rows.values)), float(np.max(rows.values)))
    return Trended(ensemble, sizes, found.warp, scale, posterior, away * (wider / scale), reach, wider)


def _few(residual: Rows, table: Table, *, seed: int) -> tuple[Rows, Table]:
    if len(residual) <= MOST_SEARCHED:
        return residual, table
    rows = np.sort(generator(seed, "residual").permutation(len(residual))[:MOST_SEARCHED])
    return residual.take(rows), table.take(rows)


@dataclass(frozen=True)
class Trial:
    """The rows of largest size, predicted from the others.

    Args:
        few: the others.
        held: the rows of largest size.
        plain: the process without a law, for the others (its posterior is of all rows).
        found: laws of the others, form by form.
        merits: log density of the rows of largest size by each form.
    """

    few: Table
    held: Table
    plain: MetricProcess
    found: Found
    merits: list[float]


def _tried(
    found: Found, plain: MetricProcess, sizes: Sizes, table: Table, seen: np.ndarray, *, seed: int
) -> Trial | None:
    """Weigh the forms anew without the rows of largest size, and let each predict those."""
    order = np.argsort(_magnitude(sizes(table.units[seen])), kind="stable")
    large = seen[order[-max(2, round(TESTED_SHARE * len(seen))) :]]
    small = np.setdiff1d(np.arange(len(table)), large)
    few, held = table.take(small), table.take(large)
    part = replace(plain, doubt=plain.doubt[small])
    seen_few = np.flatnonzero(few.column.censored == 0)
    kept = seen_few[_searched(sizes(few.units[seen_few]), seed=seed)]
    others = _others(plain, sizes, few.features[kept])
    logs = sizes(few.units[kept])
    again = [_on(found.warp, part, sizes, few.column, kept, logs, others, [one.form]) for one in found.forms]
    if any(one is None for one in again):
        return None
    known = [one for one in again if one is not None]
    merits = []
    for one in known:
        ensemble = _ensemble(one, seed=seed)
        mean, away = latent_laws(ensemble, found.warp, sizes(held.units))
        variance = np.mean(away**2, axis=0) + ensemble.variance
        merits.append(_density(found.warp, held.column, mean, variance) * len(large))
    together = replace(known[0], forms=[one.forms[0] for one in known])
    return Trial(few, held, part, _weighed_by(together, merits), merits)


def _weighed_by(found: Found, merits: list[float]) -> Found:
    """Weigh forms also by how they predicted the rows of largest size."""
    forms = [
        replace(form, log_weights=form.log_weights + merit)
        for form, merit in zip(found.forms, merits, strict=True)
    ]
    return replace(found, forms=counted(forms))


def _judged(model: LawModel, trial: Trial, sizes: Sizes, *, seed: int) -> LawModel:
    """Keep the law where it predicts what it has not seen better than the plain process does."""
    inside = model.held_out().log_density - model.plain.held_out().log_density
    beyond = _extrapolated(model, trial, sizes, seed=seed)
    model = replace(model, extrapolation=beyond)
    gained = beyond[0] - beyond[1]
    if (gained > -MOST_LOST_BEYOND and inside > -MOST_LOST_INSIDE) or (
        gained * len(trial.held) + inside * (len(trial.held) + len(trial.few)) > 0 and gained > -MOST_LOST_INSIDE
    ):
        return model
    return replace(
        model,
        trended=None,
        law=None,
        declined="the largest rows are predicted no better from the others with a law than without",
    )


def _extrapolated(model: LawModel, trial: Trial, sizes: Sizes, *, seed: int) -> tuple[float, float]:
    """Predict the largest rows from the others, with a law and without: mean log densities."""
    assert model.trended is not None
    plain, few, held = trial.plain, trial.few, trial.held
    rows = doubted(few.warped(plain.latent_warp), plain.doubt)
    mean, variance = Posterior.given(rows, plain.posterior.covariance).moments(held.features)
    without = _density(plain.latent_warp, held.column, mean, variance + plain.noise**2)
    ensemble = _ensemble(trial.found, seed=seed)
    trended = _trended(plain, sizes, few, trial.found, ensemble, model.trended.posterior.covariance)
    with_law = LawModel(plain, trended)
    mean, deviation = with_law.latent(held.units)
    return _density(trended.warp, held.column, mean, deviation**2 + with_law.noise**2), without


def _density(warp: Warp, column: Column, mean: np.ndarray, variance: np.ndarray) -> float:
    return score(warp, column.values, mean, np.sqrt(variance), np.arange(len(mean))).log_density


def leading(found: Found, sizes: Sizes) -> Law:
    """Give the most probable law of the leading form, for inputs in their own units."""
    best = found.forms[0]
    place = int(np.argmax(best.log_weights))
    coefficients = found.size * best.profile.coefficients[place]
    terms = []
    for coefficient, exponent, direction in zip(
        coefficients[1:], best.exponents[place], best.form.directions, strict=True
    ):
        powers = {
            name: float(-exponent * part) for name, part in zip(sizes.names, direction, strict=True) if part != 0
        }
        shift = float(np.exp(exponent * (direction @ sizes.centre)))
        terms.append(Term(best.form.side * float(coefficient) * shift, powers))
    return Law(float(coefficients[0]), tuple(terms))
