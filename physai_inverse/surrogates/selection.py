"""Which warp: the one with the highest evidence for the metric itself, unless the default is nearly as good.

evidence of the metric = evidence of its latent values + sum over rows of the logarithm of the warp's slope;
censored rows have no density and so no slope. Hyper-parameters are found anew for each warp, from where the
identity's ended.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from physai_inverse.forward import Column
from physai_inverse.surrogates.fit import MAX_STEPS, Fitted, Priors, climb, replicate_variance, starts
from physai_inverse.surrogates.likelihood import Rows
from physai_inverse.surrogates.pairs import Pairs
from physai_inverse.surrogates.warp import Linear, Log, Warp, resolution, shapes

LEAST_ROWS = 8
"""Number of values from which the evidence may choose; below it the default stands."""
DECADE = 10.0
"""Ratio of largest to smallest of positive values from which the logarithm is the default, not the identity,
unless the smallest are zeros but for rounding."""
SHAPE_PENALTY = 2.0
"""Nats by which a warp must beat the default."""
SHORT_LIST = 3
"""Number of warps whose hyper-parameters are fitted, after one look at all with those of the identity."""
SCREENING_STEPS = 8
LEAST_NOISE = 1e-6
"""Variance, on the latent scale, of replicates that came out equal: trainings without noise."""
MAX_EXTRA = 1e6
"""Ceiling of a known error's latent variance; the delta method means nothing beyond."""


@dataclass(frozen=True)
class Table:
    """One metric's rows before a warp.

    Args:
        units: ``[n, d]``, to tell replicates.
        features: ``[n, f]``, centred.
        groups: ``[f]``.
        column: the values, all finite.
    """

    units: np.ndarray
    features: np.ndarray
    groups: np.ndarray
    column: Column

    def __len__(self) -> int:
        return len(self.units)

    def take(self, rows: np.ndarray) -> "Table":
        """Keep some rows."""
        column = Column(self.column.values[rows], self.column.errors[rows], self.column.censored[rows])
        return Table(self.units[rows], self.features[rows], self.groups, column)

    def warped(self, warp: Warp) -> Rows:
        """Bring values and errors to the latent scale."""
        with np.errstate(all="ignore"):
            slope = np.exp(warp.log_slope(self.column.values))
            extra = np.where(self.column.errors > 0, (self.column.errors * slope) ** 2, 0.0)
        extra = np.where(np.isfinite(extra), np.minimum(extra, MAX_EXTRA), MAX_EXTRA)
        latent = warp.forward(self.column.values)
        return Rows(self.features, self.groups, latent, extra, self.column.censored.astype(int))

    @cached_property
    def pairs(self) -> Pairs:
        """The distances between rows, the same for every warp."""
        return Pairs.of(self.features, self.groups)


@dataclass(frozen=True)
class Choice:
    """A warp with its hyper-parameters.

    Args:
        warp: the warp.
        fitted: the hyper-parameters.
        merit: log evidence of the metric, up to a constant, less the penalty.
    """

    warp: Warp
    fitted: Fitted
    merit: float


def choose(table: Table, warps: list[Warp]) -> Choice:
    """Choose among warps, the first of them being the default, and fit the hyper-parameters.

    Args:
        table: the rows to judge by.
        warps: at least one.
    """
    best = _judged(table, warps[0], None, MAX_STEPS)
    glances = [(warp, _judged(table, warp, best.fitted, 0).merit) for warp in warps[1:]]
    glances.sort(key=lambda pair: -pair[1])
    default = best
    for warp, _ in glances[:SHORT_LIST]:
        rival = _judged(table, warp, default.fitted, SCREENING_STEPS)
        if rival.merit - SHAPE_PENALTY > best.merit:
            best = replace(rival, merit=rival.merit - SHAPE_PENALTY)
    return best if best is default else _judged(table, best.warp, best.fitted, MAX_STEPS)


def _judged(table: Table, warp: Warp, near: Fitted | None, max_steps: int) -> Choice:
    rows = replace(table.warped(warp), pairs=table.pairs)
    priors = priors_of(table, rows)
    places = starts(priors) if near is None else (near.covariance.logs,)
    learned = None if near is None else near.curvature
    climbs = [climb(rows, priors, place, max_steps=max_steps, curvature=learned) for place in places]
    fitted = max(climbs, key=lambda found: found.value)
    seen = rows.side == 0
    return Choice(warp, fitted, fitted.value + float(np.sum(warp.log_slope(table.column.values[seen]))))


def candidates(values: np.ndarray) -> list[Warp]:
    """Give the warps to choose from for values ``[n]``, the default first."""
    fitted = [warp for warp in (Warp.fitted(shape, values) for shape in shapes(values)) if warp is not None]
    low, high = float(np.min(values)), float(np.max(values))
    # Of zeros but for rounding the ratio says nothing: the evidence must speak for a logarithm.
    default = Log if low > 0 and high / DECADE > low and not resolution(values) else Linear
    fitted.sort(key=lambda warp: not isinstance(warp.shape, default))  # stable: the others keep their order
    return fitted if len(values) >= LEAST_ROWS else [warp for warp in fitted if isinstance(warp.shape, default)]


def priors_of(table: Table, rows: Rows) -> Priors:
    """Give the priors for rows on a latent scale."""
    seen = rows.side == 0
    replicates = replicate_variance(table.units[seen], rows.values[seen]) if seen.any() else None
    if replicates is not None:
        replicates = (max(replicates[0], LEAST_NOISE), replicates[1])
    return Priors(rows.num_groups, replicates)
