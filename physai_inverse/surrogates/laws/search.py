"""Which sums of powers explain values, with what exponents: every form weighed by its posterior.

A *form* is a set of terms: each a direction in the space of logarithms (an input, a product or a ratio of two
inputs, or the product of powers that fits best alone) with an exponent of its own or one that all share. A coarse
grid finds the forms worth a look; a grid that zooms in on the posterior of the exponents then weighs each.

Priors: log e ~ N(log `EXPONENT_CENTRE`, `EXPONENT_SPREAD`^2), each `EXPONENT_DIFFERENCE` from what they share; a
term by how natural its direction is (`believed`); c in units of the values' size.

Symbols: as in `grid`; F forms.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, product

import numpy as np

from physai_inverse.surrogates.laws.grid import LEAST_WEIGHT, Profile, profile

EXPONENT_CENTRE, EXPONENT_SPREAD = 0.3, 0.6
"""Median and spread (in nats) of an exponent: published ones of losses in parameters, data and compute lie from
0.05 to 0.7, times and counts go with 1 and 2."""
EXPONENT_DIFFERENCE = 0.4
"""Spread, in nats, of each exponent around what they have in common: those of parameters and data mostly agree."""
EXPONENT_RANGE = (0.02, 3.0)
COARSE = (0.05, 0.09, 0.15, 0.24, 0.38, 0.6, 1.0, 1.6, 2.5)
LEAST_AMOUNT = 1e4
HALF_NATURAL, GROWING, UNNATURAL, FREE_DIRECTION = -2.0, -5.0, -8.0, -4.0
"""Nats that a term costs beforehand which is no amount (see `believed`); they decide while rows are few. Set by
hand, with the tables of benchmarks/extrapolation.py in sight."""
VAGUE_PRECISION = 0.1
"""Of the coefficients of a metric that may have either sign."""
LEADING = 3
"""Inputs whose products, ratios and pairs are looked at: the ones that explain most alone."""
SHORT_LIST = 5
POINTS = {1: 21, 2: 9, 3: 5}
"""Points of the zooming grid in each exponent, by number of exponents."""
ZOOMS = 6
GLANCES = 2
"""Zooms after which a form far behind is dropped."""
REACH = 3.5
"""Half the width of the next grid, in standard deviations of the posterior on this one."""
ENOUGH = 0.7
"""A grid that is not narrower than this share of the last is the last."""
NEGLIGIBLE = 8.0
"""Nats below the best from which a form no longer counts."""
LEAST_ROWS_ROBUST = 12
FAR = 3.0
"""Standard deviations beyond which a row counts less (Huber's weights)."""


@dataclass(frozen=True)
class Target:
    """What is to be explained.

    Args:
        logs: ``[n, p]`` centred logarithms.
        values: ``[n]`` values, divided by their size.
        whitener: ``[n, n]`` or ``[n]``: what values and columns are multiplied by to have independent errors of
            one variance.
        least: standard deviation that the prior of that variance stands for.
        positive: whether the metric is positive, so that floor and coefficients are.
        centre: ``[p]`` logarithms of the inputs' middle values.
    """

    logs: np.ndarray
    values: np.ndarray
    whitener: np.ndarray
    least: float
    positive: bool
    centre: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    def white(self, columns: np.ndarray) -> np.ndarray:
        """Whiten columns ``[n, ...]``."""
        if self.whitener.ndim == 2:
            return np.asarray(np.tensordot(self.whitener, columns, axes=1))
        return np.asarray((self.whitener * columns.T).T)

    @cached_property
    def right(self) -> np.ndarray:
        """The whitened values."""
        return self.white(self.values)

    def take(self, rows: np.ndarray) -> "Target":
        """Keep some rows, where rows are independent."""
        return replace(self, logs=self.logs[rows], values=self.values[rows], whitener=self.whitener[rows])


@dataclass(frozen=True)
class Form:
    """A sum of powers with its exponents open.

    Args:
        directions: ``[k, p]``.
        shared: whether the terms share one exponent.
        side: +1 where the terms are added to the floor, -1 where they are taken off a ceiling.
        log_prior: of the form.
    """

    directions: np.ndarray
    shared: bool
    side: int
    log_prior: float = 0.0

    @property
    def num_exponents(self) -> int:
        """Number of free exponents."""
        return 1 if self.shared else len(self.directions)

    def exponents(self, logs: np.ndarray) -> np.ndarray:
        """Give the exponents ``[g, k]`` of the terms for logarithms ``[g, num_exponents]`` of the free ones."""
        return np.asarray(np.exp(np.repeat(logs, len(self.directions), axis=1) if self.shared else logs))


@dataclass(frozen=True)
class Weighed:
    """A form with the posterior of its exponents.

    Args:
        form: the form.
        exponents: ``[g, k]``.
        profile: the coefficients at each.
        log_weights: ``[g]`` log posterior density times cell, not normalised.
    """

    form: Form
    exponents: np.ndarray
    profile: Profile
    log_weights: np.ndarray

    @property
    def evidence(self) -> float:
        """The log evidence, up to the constant that all forms share."""
        top = float(np.max(self.log_weights))
        return top + float(np.log(np.sum(np.exp(self.log_weights - top))))


def search(target: Target) -> list[Weighed]:
    """Weigh the forms that count, the best first.

    Args:
        target: at least one input and three rows.
    """
    forms = shortlisted(target)
    if len(target) >= LEAST_ROWS_ROBUST:
        best = weigh(target, forms[0], zooms=GLANCES)
        softened = robust(target, best)
        if softened is not target:
            target = softened
            forms = shortlisted(target)
    return weighed(target, forms)


def weighed(target: Target, forms: list[Form]) -> list[Weighed]:
    """Weigh forms; those that count, the best first."""
    return counted([weigh(target, form) for form in _close(target, forms)])


def counted(forms: list[Weighed]) -> list[Weighed]:
    """Keep the forms that count, the best first."""
    found = sorted(forms, key=lambda one: -one.evidence)
    return [one for one in found if one.evidence > found[0].evidence - NEGLIGIBLE]


def _close(target: Target, forms: list[Form]) -> list[Form]:
    """Drop forms that are far behind at a glance."""
    glances = [weigh(target, form, zooms=GLANCES) for form in forms]
    top = max(one.evidence for one in glances)
    return [one.form for one in glances if one.evidence > top - 2.0 * NEGLIGIBLE]


def constant(target: Target) -> float:
    """Give the log evidence of no law at all, a constant, on the scale of `Weighed.evidence`."""
    column = target.white(np.ones(len(target)))
    left = target.right - column * float(column @ target.right) / float(column @ column)
    variance = (LEAST_WEIGHT * target.least**2 + float(left @ left)) / (LEAST_WEIGHT + len(target))
    return float(-0.5 * (len(target) + LEAST_WEIGHT) * np.log(variance) - 0.5 * np.log(len(target)))


def robust(target: Target, best: Weighed) -> Target:
    """Let rows far from the best law count less."""
    top = int(np.argmax(best.log_weights))
    columns = design(target.logs, best.form, best.exponents[top : top + 1])[0]
    left = target.right - target.white(columns) @ best.profile.coefficients[top]
    scale = max(1.4826 * float(np.median(np.abs(left - np.median(left)))), target.least)
    weights = np.sqrt(np.minimum(1.0, FAR * scale / np.maximum(np.abs(left), 1e-300)))
    if (weights == 1.0).all():
        return target
    whitener = (weights * target.whitener.T).T
    return replace(target, whitener=whitener)


def design(logs: np.ndarray, form: Form, exponents: np.ndarray) -> np.ndarray:
    """Give the columns ``[g, n, 1 + k]`` of floor and terms at exponents ``[g, k]``."""
    along = logs @ form.directions.T
    with np.errstate(over="ignore"):
        terms = np.exp(np.clip(-exponents[:, None, :] * along[None], -500.0, 500.0))
    floor = np.ones((*terms.shape[:2], 1))
    return np.concatenate([floor, form.side * terms], axis=2)


def priors(target: Target, num_terms: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Give mean and precision ``[1 + k]`` of the coefficients; values are of size one."""
    mean = np.full(num_terms + 1, 1.0 / (num_terms + 1))
    if not target.positive:
        return np.zeros(num_terms + 1), np.full(num_terms + 1, VAGUE_PRECISION)
    if side < 0:
        mean[0] = 1.0 + num_terms / (num_terms + 1)
    return mean, np.ones(num_terms + 1)


def log_prior(logs: np.ndarray) -> np.ndarray:
    """Give the log density ``[g]`` of logarithms of exponents ``[g, m]``."""
    num = logs.shape[1]
    offset = logs - np.log(EXPONENT_CENTRE)
    mine, ours = EXPONENT_DIFFERENCE**2, EXPONENT_SPREAD**2
    together = mine + num * ours
    total = offset.sum(axis=1)
    squares = (np.sum(offset**2, axis=1) - ours / together * total**2) / mine
    volume = (num - 1) * np.log(mine) + np.log(together) + num * np.log(2.0 * np.pi)
    return np.asarray(-0.5 * (squares + volume))


def weigh(target: Target, form: Form, *, zooms: int = ZOOMS) -> Weighed:
    """Zoom in on the posterior of a form's exponents."""
    num = form.num_exponents
    low, high = np.log(EXPONENT_RANGE)
    centre, half = np.full(num, (low + high) / 2.0), np.full(num, (high - low) / 2.0)
    points = POINTS[num]
    for zoom in range(zooms):
        axes = [
            np.linspace(middle - wide, middle + wide, points) for middle, wide in zip(centre, half, strict=True)
        ]
        logs = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
        steps = np.array([axis[1] - axis[0] for axis in axes])
        exponents = form.exponents(logs)
        found = _profiled(target, form, exponents)
        weights = found.score + log_prior(logs) + float(np.sum(np.log(steps))) + form.log_prior
        share = np.exp(weights - np.max(weights))
        share /= share.sum()
        mean = share @ logs
        spread = np.sqrt(share @ (logs - mean) ** 2)
        wide = np.maximum(REACH * spread, steps)
        if zoom == zooms - 1 or (wide > ENOUGH * half).all():
            break
        lower, upper = np.maximum(mean - wide, low), np.minimum(mean + wide, high)
        centre, half = (lower + upper) / 2.0, np.maximum((upper - lower) / 2.0, 1e-9)
    return Weighed(form, exponents, found, weights)


def _profiled(target: Target, form: Form, exponents: np.ndarray) -> Profile:
    columns = design(target.logs, form, exponents)
    whitened = target.whitener @ columns if target.whitener.ndim == 2 else columns * target.whitener[None, :, None]
    across = np.swapaxes(whitened, 1, 2)
    mean, precision = priors(target, len(form.directions), form.side)
    return profile(
        across @ whitened,
        across @ target.right,
        float(target.right @ target.right),
        len(target),
        mean=mean,
        precision=precision,
        bounded=target.positive,
        least=target.least,
    )


def shortlisted(target: Target) -> list[Form]:
    """Find the forms worth weighing by a coarse grid, the most promising first."""
    sides = (1, -1) if target.positive else (1,)  # coefficients of either sign need no side
    found: list[tuple[float, Form]] = []
    for side in sides:
        leading = _leading(target, side)
        directions = [*leading, *_combined(leading)]
        alone = _alone(target)
        if alone is not None:
            directions.append(alone)
        belief = np.array([believed(target, direction) for direction in directions])
        bank = _Bank(target, np.array(directions), side)
        for count in (1, 2):
            sets = list(combinations(range(len(directions)), count))
            if not sets:
                continue
            for places, score in zip(sets, bank.best(sets), strict=True):
                for shared in (False, True) if count > 1 else (False,):
                    prior = float(np.sum(belief[list(places)])) - np.log(2.0 if count > 1 else 1.0)
                    found.append((score + prior, Form(np.array(directions)[list(places)], shared, side, prior)))
        if len(leading) == LEADING:
            three = np.array(leading)
            score = bank.best([(0, 1, 2)])[0]
            found += [(score - np.log(2.0), Form(three, shared, side, -np.log(2.0))) for shared in (False, True)]
    found.sort(key=lambda pair: -pair[0])
    return [form for _, form in found[:SHORT_LIST]]


def _leading(target: Target, side: int) -> list[np.ndarray]:
    """The inputs that explain most alone, each with the better sign; below a ceiling terms only shrink."""
    num = target.logs.shape[1]
    axes = [sign * axis for axis in np.eye(num) for sign in ((1.0, -1.0) if side > 0 else (1.0,))]
    single = _Bank(target, np.array(axes), side).best([(place,) for place in range(len(axes))])
    signs = len(axes) // num
    better = [max(range(signs * place, signs * (place + 1)), key=lambda one: single[one]) for place in range(num)]
    return [axes[place] for place in sorted(better, key=lambda one: -single[one])[:LEADING]]


def believed(target: Target, direction: np.ndarray) -> float:
    """Say how likely a term's direction is beforehand, in nats.

    What losses fall with is an amount: parameters, tokens, steps. An input of far smaller values beside one
    (tokens per parameter, epochs, batch) acts by its product with it, another amount.
    """
    amount = target.centre > np.log(LEAST_AMOUNT)
    up, down = np.flatnonzero(direction > 0), np.flatnonzero(direction < 0)
    if not np.isin(np.abs(direction), (0.0, 1.0)).all():
        return FREE_DIRECTION
    if len(up) == 0:
        return GROWING
    if len(down):
        return HALF_NATURAL if amount[up[0]] and not amount[down[0]] else UNNATURAL
    if len(up) == 1:
        return 0.0 if amount[up[0]] or not amount.any() else HALF_NATURAL
    return 0.0 if amount[up].sum() == 1 else HALF_NATURAL


def _combined(leading: list[np.ndarray]) -> Iterator[np.ndarray]:
    """Products and ratios of two inputs."""
    for one, two in combinations(leading, 2):
        yield one + two
        yield one - two
        yield two - one


def _alone(target: Target) -> np.ndarray | None:
    """The product of powers that fits positive values best alone, as a direction of length one."""
    if not target.positive or target.logs.shape[1] < 2:
        return None
    columns = np.column_stack([np.ones(len(target)), target.logs])
    ridge = 1e-6 * len(target) * np.eye(columns.shape[1])
    slope = np.linalg.solve(columns.T @ columns + ridge, columns.T @ np.log(target.values))[1:]
    size = float(np.linalg.norm(slope))
    return -slope / size if size > 0 else None


class _Bank:
    """Terms on the coarse grid: all inner products at once, so that any sum of them costs next to nothing."""

    def __init__(self, target: Target, directions: np.ndarray, side: int) -> None:
        self.target, self.side = target, side
        exponents = np.array(COARSE)
        along = target.logs @ directions.T
        terms = side * np.exp(np.clip(-along[:, :, None] * exponents, -500.0, 500.0))
        columns = np.column_stack([np.ones(len(target)), terms.reshape(len(target), -1)])
        whitened = target.white(columns)
        self.gram, self.right = whitened.T @ whitened, whitened.T @ target.right
        self.total = float(target.right @ target.right)

    def best(self, sets: list[tuple[int, ...]]) -> list[float]:
        """Give for each set of directions the best log posterior over the coarse grid."""
        count, num = len(sets[0]), len(COARSE)
        grid = np.array(list(product(range(num), repeat=count)))
        places = (np.array(sets)[:, None, :] * num + grid[None] + 1).reshape(-1, count)
        places = np.column_stack([np.zeros(len(places), dtype=int), places])
        mean, precision = priors(self.target, count, self.side)
        found = profile(
            self.gram[places[:, :, None], places[:, None, :]],
            self.right[places],
            self.total,
            len(self.target),
            mean=mean,
            precision=precision,
            bounded=self.target.positive,
            least=self.target.least,
        )
        score = found.score + np.tile(log_prior(np.log(np.array(COARSE)[grid])), len(sets))
        return [float(best) for best in score.reshape(len(sets), -1).max(axis=1)]
