"""Which warp: the one with the highest evidence for the metric itself, unless the identity is nearly as good.

evidence of the metric = evidence of its latent values + sum over rows of the logarithm of the warp's slope;
censored rows have no density and so no slope. Hyper-parameters are found anew for each warp, from where the
identity's ended.
"""

from dataclasses import dataclass

import numpy as np

from physai_inverse.forward import Column
from physai_inverse.surrogates.fit import Fitted, Priors, climb, replicate_variance, starts
from physai_inverse.surrogates.likelihood import Rows
from physai_inverse.surrogates.warp import Linear, Log, Warp, shapes

LEAST_ROWS = 8
"""Number of values from which the evidence may choose; below it the metric's range does."""
DECADE = 10.0
"""Ratio of largest to smallest of fewer values from which they are taken by their logarithm."""
SHAPE_PENALTY = 2.0
"""Nats by which a warp must beat the identity."""
SCREENING_STEPS = 8
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
    best: Choice | None = None
    for warp in warps:
        rows = table.warped(warp)
        priors = _priors(table, rows)
        if best is None:
            fitted = max((climb(rows, priors, start) for start in starts(priors)), key=lambda found: found.value)
            first = fitted
        else:
            fitted = climb(rows, priors, first.covariance.logs, max_steps=SCREENING_STEPS)
        seen = rows.side == 0
        merit = fitted.value + float(np.sum(warp.log_slope(table.column.values[seen])))
        if best is None:
            best = Choice(warp, fitted, merit)
        elif merit - SHAPE_PENALTY > best.merit:
            best = Choice(warp, fitted, merit - SHAPE_PENALTY)
    assert best is not None, "a choice needs at least one warp"
    if best.warp is warps[0]:
        return best
    rows = table.warped(best.warp)
    priors = _priors(table, rows)
    again = [climb(rows, priors, start) for start in (best.fitted.covariance.logs, starts(priors)[0])]
    return Choice(best.warp, max(again, key=lambda found: found.value), best.merit)


def candidates(values: np.ndarray) -> list[Warp]:
    """Give the warps to choose from for values ``[n]``, the default first."""
    fitted = [warp for warp in (Warp.fitted(shape, values) for shape in shapes(values)) if warp is not None]
    if len(values) >= LEAST_ROWS:
        return fitted
    low, high = float(np.min(values)), float(np.max(values))
    if low > 0 and high / DECADE > low:
        return [warp for warp in fitted if isinstance(warp.shape, Log)]
    return [warp for warp in fitted if isinstance(warp.shape, Linear)]


def _priors(table: Table, rows: Rows) -> Priors:
    seen = rows.side == 0
    replicates = replicate_variance(table.units[seen], rows.values[seen]) if seen.any() else None
    if replicates is not None and not replicates[0] > 0:
        replicates = None
    return Priors(rows.num_groups, replicates)
