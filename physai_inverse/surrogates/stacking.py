"""How much each member of a mix is believed: weights by the log density of values that it had not seen.

    maximise  sum over rows of log(sum over c of w_c p_c(row))  +  sum over c of a_c log w_c,    w on the simplex

by expectation maximisation, which climbs at every step; the problem is concave, so that it climbs to the one
maximum. The prior a (a Dirichlet's counts) says how many rows each candidate has behind it before the first.

Symbols: j rows, c candidates (a member with a stretch), w ``[c]``, p ``[j, c]`` densities.

Source: Yao, Vehtari, Simpson & Gelman, "Using stacking to average Bayesian predictive distributions" (Bayesian
Analysis 13, 2018), section 2.2; expectation maximisation for the weights of a mixture: Dempster, Laird & Rubin
(1977), example 4.3.
"""

import numpy as np

from physai_inverse.seeds import generator

MAX_STEPS = 500
TOLERANCE = 1e-6
NUM_FOLDS = 5
"""Parts of the rows, each scored with weights that the others found."""
SHARPNESS_SPREAD = 0.2
"""Chosen by held-out log density and coverage on 28 public tables at 16 to 256 rows."""
SHARPNESS_ROWS = 2.0
"""What the centre of log a falls with, over the number of ranks: with few rows each member is widened for what
it does not know of itself, and ranks of rows left out come from fewer rows still. Chosen among some twenty centres
and spreads with sixteen splits at 16 and 32 rows, and four at 64 and 128, in sight; see docs/forward-map.md."""
SHARPNESS_RANGE = (-0.7, 0.9)
NUM_SHARPNESSES = 65
LEAST_RANK = 1e-12
"""Floor of a rank when the sharpness is applied: further out the tilt of the density grows no more."""
LEAST_FITTED_RANK = 1e-3
"""Floor of a rank when the sharpness is found: one miss must not decide."""


def stacked(log_densities: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Find the weights ``[c]``.

    Args:
        log_densities: ``[j, c]`` of held-out values; minus infinity allowed where another is finite.
        prior: ``[c]`` rows that each candidate counts before the first, above 0.
    """
    weights = prior / prior.sum()
    if not len(log_densities):
        return np.asarray(weights)
    densities = np.exp(log_densities - np.max(log_densities, axis=1, keepdims=True))
    for _ in range(MAX_STEPS):
        shares = densities * weights
        shares /= shares.sum(axis=1, keepdims=True)
        new = shares.sum(axis=0) + prior
        new /= new.sum()
        change = float(np.max(np.abs(new - weights)))
        weights = new
        if change < TOLERANCE:
            break
    return np.asarray(weights)


def folds(num_rows: int, num_folds: int, *, seed: int) -> np.ndarray:
    """Give each row ``[n]`` the number of its part; parts differ by one row at most."""
    return generator(seed, "folds").permutation(np.arange(num_rows) % num_folds)


def sharpened(ranks: np.ndarray, side: np.ndarray) -> float:
    """Find the *sharpness* a that makes held-out ranks ``[j]`` even: the one shape of a Beta distribution, a = b.

    A linear pool of calibrated members is too wide, since it also holds their disagreement. With F the pool's
    distribution, Beta(a, a)'s distribution of F is as wide as the ranks ask for; 1 leaves the pool as it is, more
    draws it together, less spreads it. Found by likelihood under the prior
    log a ~ N(`SHARPNESS_ROWS` / j, `SHARPNESS_SPREAD`^2), whose centre is one spread at most.

    Args:
        ranks: ``[j]`` the pool's probability below each value, or below each bound.
        side: ``[j]`` 0 for a value, +1 where the truth lies above the bound, -1 below.

    Source: Gneiting & Ranjan, "Combining predictive distributions" (Electronic Journal of Statistics 7, 2013),
    theorem 3.1 and section 4 (the beta-transformed linear pool).
    """
    from scipy.special import betainc, betaln

    logs = np.linspace(*SHARPNESS_RANGE, NUM_SHARPNESSES)
    shapes = np.exp(logs)
    inside = np.clip(ranks, LEAST_FITTED_RANK, 1.0 - LEAST_FITTED_RANK)
    seen, hidden = inside[side == 0], inside[side != 0]
    total = float(np.sum(np.log(seen) + np.log1p(-seen)))
    centre = min(SHARPNESS_ROWS / max(len(ranks), 1), SHARPNESS_SPREAD)
    offset = (logs - centre) / SHARPNESS_SPREAD
    merit = (shapes - 1.0) * total - len(seen) * betaln(shapes, shapes) - 0.5 * offset**2
    if len(hidden):
        beyond = np.where(side[side != 0] > 0, 1.0 - hidden, hidden)
        merit += np.sum(np.log(betainc(shapes[:, None], shapes[:, None], beyond)), axis=1)
    return float(shapes[np.argmax(merit)])
