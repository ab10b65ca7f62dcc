"""The evidence of the hyper-parameters and its gradient, in closed form.

Symbols (see `kernel` and `censoring` for the others):
    t, S        values of the rows (pseudo-values where censored); diagonal of the sites' variances
    R           (C + S)^-1
    b           R t
    evidence    -t'b / 2 - log|C + S| / 2 - n log(2 pi) / 2 + the sites' correction
    gradient    sum over pairs of (b b' - R) / 2 times dC; the sites need no derivative at their fixed point

Source: Rasmussen & Williams (2006), equations 5.8, 5.9 and 5.27.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

from physai_inverse.surrogates.censoring import TOLERANCE, Sites, propagate
from physai_inverse.surrogates.kernel import (
    MEAN_VARIANCE,
    Covariance,
    distances,
    factor,
    inverse,
    lengthscale_gradient,
    matern,
    solved,
)

PENDING_NOISE = 0.01
"""Share of the noise's variance in the rows that stand for trainings still running."""


@dataclass(frozen=True)
class Rows:
    """What a process is fitted to.

    Args:
        features: ``[n, f]``.
        groups: ``[f]`` the number of each column's lengthscale.
        values: ``[n]`` latent values; bounds where censored.
        extra: ``[n]`` known variance of each value, on top of the noise.
        side: ``[n]`` 0 for a value, +1 where the truth lies above it, -1 below.
    """

    features: np.ndarray
    groups: np.ndarray
    values: np.ndarray
    extra: np.ndarray
    side: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    @property
    def num_groups(self) -> int:
        """Number of lengthscales."""
        return int(self.groups.max()) + 1

    def take(self, rows: np.ndarray) -> "Rows":
        """Keep some rows."""
        return Rows(self.features[rows], self.groups, self.values[rows], self.extra[rows], self.side[rows])


@dataclass(frozen=True)
class Evidence:
    """The evidence at one place.

    Args:
        value: the log marginal likelihood.
        gradient: ``[g + 2]`` by the logarithms of lengthscales, scale and ratio.
        sites: of the censored rows; None where there are none.
        weights: ``[n]`` b, minus the gradient by the values.
    """

    value: float
    gradient: np.ndarray
    sites: Sites | None
    weights: np.ndarray


def evidence(
    rows: Rows, covariance: Covariance, start: Sites | None = None, *, tolerance: float = TOLERANCE
) -> Evidence:
    """Compute evidence and gradient.

    Args:
        rows: the data.
        covariance: the hyper-parameters.
        start: sites to start from, where rows are censored.
        tolerance: of the sites; see `censoring.TOLERANCE`.

    Raises:
        np.linalg.LinAlgError: the covariance cannot be factored.
    """
    scaled = rows.features / covariance.lengthscales[rows.groups]
    distance = distances(scaled, scaled)
    correlation = matern(distance)
    noisy = covariance.scale * correlation + MEAN_VARIANCE
    diagonal = np.diag_indices_from(noisy)
    noisy[diagonal] += covariance.noise + rows.extra
    sites: Sites | None = None
    targets = rows.values
    if rows.side.any():
        sites = propagate(noisy, rows.values, rows.side, start, tolerance)
        hidden = np.flatnonzero(rows.side)
        targets = rows.values.copy()
        targets[hidden] = sites.values
        noisy[hidden, hidden] += sites.variances
    lower = factor(noisy)
    weights, _ = lapack.dpotrs(lower, targets, lower=1)
    value = (
        -0.5 * float(targets @ weights)
        - float(np.sum(np.log(np.diagonal(lower))))
        - 0.5 * len(rows) * float(np.log(2.0 * np.pi))
        + (sites.log_correction if sites is not None else 0.0)
    )
    outer = np.multiply.outer(weights, weights)
    outer -= inverse(lower)
    outer *= 0.5 * covariance.scale
    trace = float(np.trace(outer))
    by_column = lengthscale_gradient(outer, scaled, distance)
    gradient = np.empty(rows.num_groups + 2)
    gradient[:-2] = np.bincount(rows.groups, weights=by_column, minlength=rows.num_groups)
    gradient[-1] = covariance.ratio * trace
    gradient[-2] = float(np.vdot(outer, correlation)) + gradient[-1]
    return Evidence(value, gradient, sites, np.asarray(weights))


@dataclass(frozen=True)
class Posterior:
    """A process given its rows: predicts, leaves one out, takes more rows.

    Args:
        covariance: the hyper-parameters.
        groups: ``[f]`` the number of each column's lengthscale.
        scaled: ``[n, f]`` features over lengthscales.
        lower: ``[n, n]`` Cholesky factor of C + S.
        weights: ``[n]`` b.
    """

    covariance: Covariance
    groups: np.ndarray
    scaled: np.ndarray
    lower: np.ndarray
    weights: np.ndarray

    @classmethod
    def given(cls, rows: Rows, covariance: Covariance, start: Sites | None = None) -> "Posterior":
        """Condition on rows.

        Raises:
            np.linalg.LinAlgError: the covariance cannot be factored.
        """
        scaled = rows.features / covariance.lengthscales[rows.groups]
        noisy = covariance.between(scaled, scaled)
        noisy[np.diag_indices_from(noisy)] += covariance.noise + rows.extra
        targets = rows.values
        if rows.side.any():
            sites = propagate(noisy, rows.values, rows.side, start)
            hidden = np.flatnonzero(rows.side)
            targets = rows.values.copy()
            targets[hidden] = sites.values
            noisy[hidden, hidden] += sites.variances
        lower = factor(noisy)
        weights, _ = lapack.dpotrs(lower, targets, lower=1)
        return cls(covariance, rows.groups, scaled, lower, np.asarray(weights))

    def moments(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give mean and variance ``[m]`` of the noise-free latent value (equations 2.25 and 2.26)."""
        cross = self.covariance.between(self.scaled, features / self.covariance.lengthscales[self.groups])
        mean = self.weights @ cross
        half = solved(self.lower, cross)
        variance = self.covariance.prior_variance - np.einsum("ij,ij->j", half, half)
        return mean, np.maximum(variance, 1e-12 * self.covariance.prior_variance)

    def joint(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give mean ``[m]`` and covariance ``[m, m]`` of the noise-free latent values (equation 2.24)."""
        scaled = features / self.covariance.lengthscales[self.groups]
        cross = self.covariance.between(self.scaled, scaled)
        half = solved(self.lower, cross)
        return self.weights @ cross, self.covariance.between(scaled, scaled) - half.T @ half

    def leave_one_out(self) -> tuple[np.ndarray, np.ndarray]:
        """Give for each row the mean minus its (pseudo-)value, and the variance, predicted from all others.

        The variance holds the row's own noise (and its site's).

        Source: Sundararajan & Keerthi, "Predictive approaches for choosing hyperparameters in Gaussian
        processes" (Neural Computation 13, 2001); Rasmussen & Williams (2006), equations 5.10 to 5.12.
        """
        half, _ = lapack.dtrtri(self.lower, lower=1)
        precision = np.einsum("ij,ij->j", half, half)
        return -self.weights / precision, 1.0 / precision

    def appended(self, features: np.ndarray) -> "Posterior":
        """Take rows whose noise-free values are what the process expects of them: their weights are zero.

        They are taken as known to `PENDING_NOISE` of the noise: where one training is running, another has
        little to find, however noisy a single result would be.
        """
        scaled = features / self.covariance.lengthscales[self.groups]
        half = solved(self.lower, self.covariance.between(self.scaled, scaled))
        corner = self.covariance.between(scaled, scaled) - half.T @ half
        corner[np.diag_indices_from(corner)] += PENDING_NOISE * self.covariance.noise
        old, new = len(self.lower), len(features)
        lower = np.zeros((old + new, old + new), order="F")
        lower[:old, :old] = self.lower
        lower[old:, :old] = half.T
        lower[old:, old:] = factor(corner)
        return Posterior(
            self.covariance,
            self.groups,
            np.concatenate([self.scaled, scaled]),
            lower,
            np.concatenate([self.weights, np.zeros(new)]),
        )
