"""Values that all the others speak against.

A value more than `THRESHOLD` standard deviations away from what the other rows predict gets the square of that
distance as extra variance: it then counts about as much as a Student-t would let it, and no longer sets the noise
of everything else. Not a value is dropped. A cheap stand-in for relevance pursuit (Ament et al. 2024,
arXiv 2410.24222), with the leave-one-out residuals of `likelihood.Posterior`.

Measured on seven public tables at 20, 64 and 120 rows: no change of the held-out log density (within 0.003 nats);
with four per cent of the values replaced by extreme ones, 0.1 nats gained at 64 rows and 0.2 at 120. Where rows
are censored, a lone value is more often the edge of a phase than an accident (R2 fell from 0.93 to 0.90 on the
grokking table), so there nothing is doubted.
"""

from dataclasses import replace

import numpy as np

from physai_inverse.surrogates.likelihood import Posterior, Rows

THRESHOLD = 4.0
PASSES = 2
LEAST_ROWS = 12
"""Below this number of rows nothing is doubted: the others know too little."""


def doubts(rows: Rows, posterior: Posterior) -> np.ndarray:
    """Give extra variance ``[n]`` for the values that the others speak against, zero for the rest."""
    if len(rows) < LEAST_ROWS or rows.side.any():
        return np.zeros(len(rows))
    return _square_of_excess(*posterior.leave_one_out())


def doubts_against(rows: Rows, few: Posterior) -> np.ndarray:
    """Give extra variance ``[n]`` for the values that a process of a few hundred of the rows speaks against.

    Where there are thousands of rows: leaving each of them out would cost more than the process itself.
    """
    if rows.side.any():
        return np.zeros(len(rows))
    mean, variance = few.moments(rows.features)
    return _square_of_excess(mean - rows.values, variance + few.covariance.noise + rows.extra)


def _square_of_excess(error: np.ndarray, variance: np.ndarray) -> np.ndarray:
    return np.where(np.abs(error) > THRESHOLD * np.sqrt(variance), error**2, 0.0)


def doubted(rows: Rows, extra: np.ndarray) -> Rows:
    """Add variance to rows."""
    return replace(rows, extra=rows.extra + extra)
