"""A law for people: the sum of powers that numbers follow, and how well its exponents are known.

The form is found as for the map (`search`), its numbers are then polished by Gauss-Newton steps on what it leaves
of each value, as a share of the value where all are positive.

Symbols: theta free logarithms of exponents and coefficients; J what the law leaves by theta, ``[n, len(theta)]``.

Source: standard errors by Laplace's approximation, s2 (J'J)^-1: Seber & Wild, "Nonlinear Regression" (1989),
section 2.1.2.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from physai_inverse.errors import InvalidInput
from physai_inverse.surrogates.laws.law import Law, Term
from physai_inverse.surrogates.laws.search import (
    EXPONENT_SPREAD,
    Form,
    Target,
    Weighed,
    constant,
    design,
    search,
    weigh,
)

LEAST_ROWS = 4
LEAST_ERROR = 0.01
"""What a law is expected to leave beforehand, as a share of the values' spread."""
OPEN_SHARE = 0.7
"""Share of an exponent's prior spread that its posterior keeps, from which the rows have not told it."""
HUBER, HUBER_PASSES = 1.0, 8
"""Standard deviations from which a row counts less, and how often weights are renewed (Huber 1964)."""
MOST_STEPS = 60
TESTED_SHARE = 0.2
LEAST_GAIN = 2.0
SMALLEST = 1e-9
"""Coefficient, over the values' size, that counts as zero: the term or floor is left out of the polish."""


@dataclass(frozen=True)
class FittedLaw:
    """A law with what is known of it.

    Args:
        law: the law; a bare floor where no law explains the values better than a constant.
        exponents: for each term the 5 %, 50 % and 95 % quantile of its exponent.
        standard_errors: of the floor, and of each term where all inputs take their geometric mean, as a share
            of the values' size.
        left: root mean square of what the law leaves; a share of the value where all values are positive.
        open: what the rows do not tell: terms whose exponent could be nearly anything.
        shares: forms that would do as well, and the probability of each.
        beyond: median miss of the rows of largest size, predicted from the others, in the units of `left`; NaN
            where rows are too few.
    """

    law: Law
    exponents: tuple[tuple[float, float, float], ...]
    standard_errors: tuple[float, ...]
    left: float
    open: tuple[str, ...]
    shares: tuple[tuple[str, float], ...]
    beyond: float

    @property
    def identifiable(self) -> bool:
        """Whether the rows tell every exponent."""
        return bool(self.exponents) and not self.open

    def __str__(self) -> str:
        lines = [str(self.law)]
        for term, (low, _, high) in zip(self.law.terms, self.exponents, strict=True):
            known = "not identifiable: " if _name(term) in self.open else ""
            lines.append(f"  {_name(term)}: {known}exponent {low:.2f} to {high:.2f}")
        lines.append(
            f"  leaves {self.left:.2g}" + ("" if np.isnan(self.beyond) else f", beyond {self.beyond:.2g}")
        )
        return "\n".join(lines)


def fit_law(inputs: Mapping[str, Sequence[float] | np.ndarray], values: Sequence[float] | np.ndarray) -> FittedLaw:
    """Find the sum of powers that values follow.

    Args:
        inputs: name to ``[n]`` numbers above zero: parameters, tokens, steps.
        values: ``[n]``.

    Raises:
        InvalidInput: no input, fewer than four values, lengths that differ, or numbers out of range.

    Example:
        >>> tokens = np.array([1e7, 1e8, 1e9, 1e10, 1e11, 1e12])
        >>> print(fit_law({"tokens": tokens}, 1.7 + 410.0 * tokens**-0.28).law)
        1.7 + 410 tokens^-0.28
    """
    logs, values = _checked(inputs, values)
    names = tuple(inputs)
    target, size = _target(logs, values)
    weighed = search(target)
    if np.ptp(logs, axis=0).max() == 0 or weighed[0].evidence < constant(target) + LEAST_GAIN:
        spread = float(np.std(values / size) if target.positive else np.std(values))
        return FittedLaw(Law(float(np.mean(values)), ()), (), (), spread, (), (), float("nan"))
    best = weighed[0]
    place = int(np.argmax(best.log_weights))
    exponents, coefficients = best.exponents[place], best.profile.coefficients[place]
    plain = target
    for _ in range(HUBER_PASSES if len(values) >= 3 * LEAST_ROWS else 1):
        exponents, coefficients, errors, left = polished(target, best.form, exponents, coefficients)
        miss = plain.right - plain.white(design(plain.logs, best.form, exponents[None])[0] @ coefficients)
        scale = max(1.4826 * float(np.median(np.abs(miss))), 1e-300)
        weights = np.sqrt(np.minimum(1.0, HUBER * scale / np.maximum(np.abs(miss), 1e-300)))
        target = replace(plain, whitener=weights * plain.whitener)
    left = float(np.sqrt(np.mean(miss**2)))
    terms = _terms(best.form, exponents, coefficients * size, names, target.centre)
    quantiles, spreads = _exponents(best)
    kept = [place for place, term in enumerate(terms) if term.coefficient != 0.0]
    terms, quantiles = tuple(terms[place] for place in kept), tuple(quantiles[place] for place in kept)
    spreads, errors = [spreads[place] for place in kept], (errors[0], *(errors[1 + place] for place in kept))
    unknown = tuple(
        _name(term) for term, spread in zip(terms, spreads, strict=True) if spread > OPEN_SHARE * EXPONENT_SPREAD
    )
    evidence = np.exp(np.array([one.evidence for one in weighed]) - best.evidence)
    shares = tuple(
        (_described(one.form, names), float(part))
        for one, part in zip(weighed, evidence / evidence.sum(), strict=True)
    )
    law = Law(float(coefficients[0] * size), terms)
    scale = 1.0 if target.positive else size
    return FittedLaw(
        law, quantiles, errors, left * scale, unknown, shares, _beyond(logs, values, best.form) * scale
    )


def _checked(
    inputs: Mapping[str, Sequence[float] | np.ndarray], values: Sequence[float] | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    measured = np.asarray(values, dtype=float)
    columns = {name: np.asarray(column, dtype=float) for name, column in inputs.items()}
    if not columns:
        raise InvalidInput("`inputs` must name at least one input of the law, such as {'tokens': [...]}.")
    if measured.ndim != 1 or len(measured) < LEAST_ROWS or not np.isfinite(measured).all():
        raise InvalidInput(
            f"`values` must be at least {LEAST_ROWS} finite numbers, not an array {measured.shape}."
        )
    for name, column in columns.items():
        if column.shape != measured.shape:
            raise InvalidInput(
                f"`{name}` must have one number a value, {len(measured)}, not shape {column.shape}."
            )
        if not (np.isfinite(column).all() and (column > 0).all()):
            raise InvalidInput(f"`{name}` must be finite and above zero: a law is one of ratios.")
    return np.log(np.stack(list(columns.values()), axis=1)), measured


def _target(logs: np.ndarray, values: np.ndarray) -> tuple[Target, float]:
    positive = bool(values.min() > 0)
    size = float(np.exp(np.mean(np.log(values)))) if positive else float(np.max(np.abs(values))) or 1.0
    weights = size / values if positive else np.ones(len(values))
    spread = float(np.std(np.log(values)) if positive else np.std(values / size))
    least = LEAST_ERROR * max(spread, 1e-9)
    centre = logs.mean(axis=0)
    return Target(logs - centre, values / size, weights, least, positive, centre), size


def polished(
    target: Target, form: Form, exponents: np.ndarray, coefficients: np.ndarray
) -> tuple[np.ndarray, np.ndarray, tuple[float, ...], float]:
    """Climb from exponents ``[k]`` and coefficients ``[1 + k]`` to the least squares.

    Returns:
        Exponents ``[k]``, coefficients ``[1 + k]`` (floor first), standard errors of the coefficients, and the
        root mean square of what is left.
    """
    free_logs = np.log(exponents[: form.num_exponents])
    along = target.logs @ form.directions.T
    used = coefficients > SMALLEST if target.positive else np.ones(len(coefficients), dtype=bool)
    damping, num = 1e-3, form.num_exponents

    def left(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        exponents = form.exponents(theta[None, :num])
        columns = design(target.logs, form, exponents)[0]
        slopes = -columns[:, 1:] * along * (exponents[0] * theta[num + 1 :])
        by_exponent = slopes.sum(axis=1, keepdims=True) if form.shared else slopes
        jacobian = np.concatenate([by_exponent, columns * used], axis=1)
        return target.right - target.white(columns @ theta[num:]), target.white(jacobian)

    theta = np.concatenate([free_logs, np.where(used, coefficients, 0.0)])
    miss, jacobian = left(theta)
    for _ in range(MOST_STEPS):
        scale = np.maximum(np.linalg.norm(jacobian, axis=0), 1e-12)
        stacked = np.concatenate([jacobian / scale, np.sqrt(damping) * np.eye(len(theta))])
        step = np.linalg.lstsq(stacked, np.concatenate([miss, np.zeros(len(theta))]), rcond=None)[0] / scale
        trial = theta + np.where(np.concatenate([np.ones(num, dtype=bool), used]), step, 0.0)
        if target.positive:
            trial[num:] = np.maximum(trial[num:], 0.0)
        trial[:num] = np.clip(trial[:num], -7.0, 3.0)
        new_miss, new_jacobian = left(trial)
        if new_miss @ new_miss < miss @ miss:
            small = np.max(np.abs(trial - theta)) < 1e-13
            theta, miss, jacobian, damping = trial, new_miss, new_jacobian, max(damping / 10.0, 1e-15)
            if small:
                break
        else:
            damping *= 10.0
            if damping > 1e6:
                break
    degrees = max(len(target) - num - int(used.sum()), 1)
    variance = float(miss @ miss) / degrees
    covariance = variance * np.linalg.pinv(jacobian.T @ jacobian, rcond=1e-12)
    errors = tuple(np.sqrt(np.maximum(np.diag(covariance)[num:], 0.0)).tolist())
    return form.exponents(theta[None, :num])[0], theta[num:], errors, float(np.sqrt(np.mean(miss**2)))


def _terms(
    form: Form, exponents: np.ndarray, coefficients: np.ndarray, names: tuple[str, ...], centre: np.ndarray
) -> tuple[Term, ...]:
    found = []
    for coefficient, exponent, direction in zip(coefficients[1:], exponents, form.directions, strict=True):
        powers = {
            name: float(-exponent * part) for name, part in zip(names, direction, strict=True) if part != 0.0
        }
        found.append(Term(form.side * float(coefficient * np.exp(exponent * (direction @ centre))), powers))
    return tuple(found)


def _name(term: Term) -> str:
    return " ".join(term.powers)


def _described(form: Form, names: tuple[str, ...]) -> str:
    terms = []
    for direction in form.directions:
        rising = bool((direction <= 0).all())
        parts = [
            f"{'/' if part < 0 and not rising else ''}{name}"
            for name, part in zip(names, direction, strict=True)
            if part != 0
        ]
        terms.append(("rising " if rising else "") + " ".join(parts))
    return " + ".join(terms) + (", one exponent" if form.shared and len(form.directions) > 1 else "")


def _exponents(best: Weighed) -> tuple[tuple[tuple[float, float, float], ...], list[float]]:
    """Quantiles of each exponent over the grid, and the spread of its logarithm."""
    weights = np.exp(best.log_weights - np.max(best.log_weights))
    weights /= weights.sum()
    quantiles, spreads = [], []
    for column in best.exponents.T:
        order = np.argsort(column, kind="stable")
        below = np.cumsum(weights[order]) - 0.5 * weights[order]
        low, middle, high = np.interp((0.05, 0.5, 0.95), below, column[order])
        quantiles.append((float(low), float(middle), float(high)))
        logs = np.log(column)
        spreads.append(float(np.sqrt(weights @ (logs - weights @ logs) ** 2)))
    return tuple(quantiles), spreads


def _beyond(logs: np.ndarray, values: np.ndarray, form: Form) -> float:
    """Median miss of the rows of largest size, predicted by a form from the others."""
    num = round(TESTED_SHARE * len(values))
    if len(values) - num < 2 * LEAST_ROWS or num < 1:
        return float("nan")
    spread = np.std(logs, axis=0)
    order = np.argsort((logs / np.where(spread > 0, spread, 1.0)).sum(axis=1), kind="stable")
    few, held = order[:-num], order[-num:]
    target, size = _target(logs[few], values[few])
    best = weigh(target, form)
    place = int(np.argmax(best.log_weights))
    exponents, coefficients, _, _ = polished(target, form, best.exponents[place], best.profile.coefficients[place])
    columns = design(logs[held] - target.centre, form, exponents[None])[0]
    predicted = size * (columns @ coefficients)
    return float(np.median(np.abs(predicted - values[held]) / (values[held] if target.positive else size)))
