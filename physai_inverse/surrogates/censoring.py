"""Values of which only a bound is known, by expectation propagation.

The noisy latent values g ~ N(0, C) are known for some rows and on one side of a bound for the others. Each
censored row becomes a Gaussian *site*: a pseudo-value with a pseudo-variance, chosen so that mean and variance of
the row agree with those of the truncated normal, given all other rows. With its sites the process is again an
ordinary one. A label is the same thing: "success" says that a latent value lies above zero.

Symbols (c: number of censored rows):
    C, V, m   covariance of all rows; covariance ``[c, c]`` and mean ``[c]`` of the censored ones given the values
    tau, nu   precision and precision times mean of the sites, ``[c]``
    side      +1: the truth lies above the bound, -1: below

Source: Rasmussen & Williams (2006), section 3.6 (equations 3.54 to 3.59, 3.65, 3.72; 5.27 for why sites may
be held fixed in the gradient); Cunningham, Hennig & Lacoste-Julien (2011), arXiv 1111.6832 (truncated normals).
"""

from dataclasses import dataclass

import numpy as np

from physai_inverse.normal import log_ndtr
from physai_inverse.surrogates.fortran import lapack
from physai_inverse.surrogates.kernel import factor, solved

MAX_SWEEPS = 60
TOLERANCE = 1e-6
"""Largest change of a site's share of its row's precision at which the sweeps end."""
DAMPING, CALMER = 0.9, 0.7
"""Share of each step that is taken: all sites move at once, and large steps oscillate where many rows hang
together. The smaller share is taken from the first sweep on that does not halve the change: with 0.9 alone 600
labels had not settled after 60 sweeps, with it they do after 34."""
LEAST_PRECISION = 1e-8
"""Floor of a site's precision times its cavity variance: a bound that says nothing must not become infinite."""
MOST_EXPLAINED = 1.0 - 1e-10
"""Ceiling of the share of the variance that a truncation removes; 1 would be a division by zero."""


@dataclass(frozen=True)
class Sites:
    """Gaussian stand-ins of the censored rows.

    Args:
        precision: ``[c]``.
        shift: ``[c]`` precision times mean.
        log_correction: what turns the density of the pseudo-values into the probability of the bounds.
    """

    precision: np.ndarray
    shift: np.ndarray
    log_correction: float = 0.0

    @property
    def values(self) -> np.ndarray:
        """Pseudo-values ``[c]``."""
        return np.asarray(self.shift / self.precision)

    @property
    def variances(self) -> np.ndarray:
        """Pseudo-variances ``[c]``."""
        return 1.0 / self.precision


def truncated(
    mean: np.ndarray, variance: np.ndarray, bounds: np.ndarray, side: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Give log-probability, precision and shift of the sites that match truncated normals.

    Args:
        mean: ``[c]`` of the untruncated normals.
        variance: ``[c]`` of the untruncated normals.
        bounds: ``[c]``.
        side: ``[c]`` +1 where the truth lies above.
    """
    deviation = np.sqrt(variance)
    distance = side * (mean - bounds) / deviation
    log_probability = log_ndtr(distance)
    hazard = np.exp(-0.5 * distance**2 - 0.5 * np.log(2.0 * np.pi) - log_probability)
    explained = np.clip(hazard * (hazard + distance), LEAST_PRECISION, MOST_EXPLAINED)
    precision = explained / (1.0 - explained) / variance
    # (m + side sd h) / (v (1 - q)) - m / v, without the difference of two large numbers:
    shift = precision * mean + side * hazard / deviation / (1.0 - explained)
    return log_probability, precision, shift


def propagate(
    covariance: np.ndarray,
    values: np.ndarray,
    side: np.ndarray,
    start: Sites | None = None,
    tolerance: float = TOLERANCE,
) -> Sites:
    """Find the sites of the censored rows.

    Args:
        covariance: ``[n, n]`` of the noisy latent values.
        values: ``[n]`` values, or bounds where `side` is not zero.
        side: ``[n]`` 0 for a value, +1 or -1 for a bound.
        start: sites to start from.
        tolerance: see `TOLERANCE`.

    Raises:
        np.linalg.LinAlgError: the covariance cannot be factored.
    """
    seen, hidden = np.flatnonzero(side == 0), np.flatnonzero(side)
    bounds, direction = values[hidden], side[hidden].astype(float)
    prior = covariance[np.ix_(hidden, hidden)]
    mean = np.zeros(len(hidden))
    if len(seen):
        lower = factor(covariance[np.ix_(seen, seen)])
        cross = solved(lower, covariance[np.ix_(seen, hidden)])
        prior = prior - cross.T @ cross
        mean = cross.T @ solved(lower, values[seen])
    variance = np.maximum(np.diagonal(prior), np.finfo(float).tiny)
    if start is None:
        _, precision, shift = truncated(mean, variance, bounds, direction)
        precision, shift = 0.5 * precision, 0.5 * shift
    else:
        precision, shift = start.precision, start.shift
    log_probability = np.zeros(len(hidden))
    cavity_mean, cavity_variance = mean, variance
    damping, last = DAMPING, np.inf
    for _ in range(MAX_SWEEPS):
        # with B = I + T^1/2 V T^1/2: Sigma = V - V T^1/2 B^-1 T^1/2 V, whose diagonal is (1 - diag B^-1) / tau
        root = np.sqrt(precision)
        inner = root[:, None] * prior * root
        inner[np.diag_indices_from(inner)] += 1.0
        half, _ = lapack.dtrtri(factor(inner), lower=1, overwrite_c=1)
        left_over = 1.0 - np.einsum("ij,ij->j", half, half)
        marginal = np.maximum(left_over / precision, 1e-12 * variance)
        # posterior mean = m + V T^1/2 B^-1 (T^-1/2 nu - T^1/2 m)
        pull = half.T @ (half @ (shift / root - root * mean))
        centre = mean + prior @ (root * pull)
        left = np.maximum(1.0 / marginal - precision, LEAST_PRECISION / variance)
        cavity_variance = 1.0 / left
        cavity_mean = cavity_variance * (centre / marginal - shift)
        log_probability, new_precision, new_shift = truncated(cavity_mean, cavity_variance, bounds, direction)
        step = new_precision - precision
        change = float(np.max(np.abs(step) / (left + new_precision)))
        if change < tolerance:
            break
        if change > 0.5 * last:
            damping = CALMER
        last = change
        precision = precision + damping * step
        shift = shift + damping * (new_shift - shift)
    spread = cavity_variance + 1.0 / precision
    misfit = (cavity_mean - shift / precision) ** 2 / spread
    correction = float(np.sum(log_probability + 0.5 * (np.log(2.0 * np.pi * spread) + misfit)))
    return Sites(precision, shift, correction)
