"""The evidence of the hyper-parameters and its gradient, in closed form.

Symbols (see `kernel` and `censoring` for the others):
    t, S        values of the rows (pseudo-values where censored); diagonal of the sites' variances
    R           (C + S)^-1
    b           R t
    evidence    -t'b / 2 - log|C + S| / 2 - n log(2 pi) / 2 + the sites' correction
    gradient    sum over rows and columns of (b b' - R) / 2 times dC; the sites need no derivative at their fixed
                point; dK / dlog l = 5/3 (1 + D) exp(-D) (x - x')^2 / l^2, or exp(-B) |x - x'| / l where rough

Source: Rasmussen & Williams (2006), equations 5.8, 5.9 and 5.27.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from physai_inverse.surrogates.censoring import TOLERANCE, Sites, propagate
from physai_inverse.surrogates.fortran import blas, lapack
from physai_inverse.surrogates.kernel import MEAN_VARIANCE, Covariance, factor, solved
from physai_inverse.surrogates.pairs import Pairs, packed_factor, packed_inverse, packed_solution, unpacked

PENDING_NOISE = 0.01
"""Share of the noise's variance in the rows that stand for trainings still running."""


MAX_INVERTED_ROWS = 1500
"""Rows up to which predictions multiply by the inverse of the factor instead of solving with it."""


@dataclass(frozen=True)
class Rows:
    """What a process is fitted to.

    Args:
        features: ``[n, f]``.
        groups: ``[f]`` the number of each column's lengthscale.
        values: ``[n]`` latent values; bounds where censored.
        extra: ``[n]`` known variance of each value, on top of the noise.
        side: ``[n]`` 0 for a value, +1 where the truth lies above it, -1 below.
        pairs: the distances between the rows, where they are known already.
    """

    features: np.ndarray
    groups: np.ndarray
    values: np.ndarray
    extra: np.ndarray
    side: np.ndarray
    pairs: Pairs | None = None

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
    rough = covariance.rough
    pairs = rows.pairs
    if pairs is None or pairs.rough != rough:
        pairs = Pairs.of(rows.features, rows.groups, rough=rough)
    places = pairs.order
    correlation, slope = _rough(pairs, covariance) if rough else _smooth(pairs, covariance)
    noisy = covariance.scale * correlation
    noisy += MEAN_VARIANCE
    noisy[places.diagonal] += covariance.noise + rows.extra
    sites: Sites | None = None
    targets = rows.values
    if rows.side.any():
        sites = propagate(unpacked(noisy, places), rows.values, rows.side, start, tolerance)
        hidden = np.flatnonzero(rows.side)
        targets = rows.values.copy()
        targets[hidden] = sites.values
        noisy[places.diagonal[hidden]] += sites.variances
    lower = packed_factor(noisy, places)
    weights = packed_solution(lower, places, targets)
    value = (
        -0.5 * float(targets @ weights)
        - float(np.sum(np.log(lower[places.diagonal])))
        - 0.5 * len(rows) * float(np.log(2.0 * np.pi))
        + (sites.log_correction if sites is not None else 0.0)
    )
    outer = weights[places.first]
    outer *= weights[places.second]
    outer -= packed_inverse(lower, places)
    outer[places.diagonal] *= 0.5  # every other pair stands for two elements
    gradient = np.empty(rows.num_groups + 2)
    gradient[-1] = covariance.noise * float(np.sum(outer[places.diagonal]))
    gradient[-2] = covariance.scale * float(outer @ correlation) + gradient[-1]
    turn = slope * outer
    by_length = 1.0 / covariance.lengthscales if rough else (5.0 / 3.0) * covariance.lengthscales**-2.0
    gradient[:-2] = covariance.scale * by_length * (turn @ pairs.squares)
    return Evidence(value, gradient, sites, np.asarray(weights))


def _smooth(pairs: Pairs, covariance: Covariance) -> tuple[np.ndarray, np.ndarray]:
    """Give Matern-5/2 and (1 + D) exp(-D) of all pairs ``[p]``."""
    squared = pairs.squares @ (5.0 * covariance.lengthscales**-2.0)
    distance = np.sqrt(squared)
    decay = np.exp(-distance)
    slope = (1.0 + distance) * decay
    squared *= decay
    squared /= 3.0
    squared += slope
    return squared, slope


def _rough(pairs: Pairs, covariance: Covariance) -> tuple[np.ndarray, np.ndarray]:
    """Give exp(-B) of all pairs ``[p]``, twice: it is its own slope."""
    correlation = np.exp(pairs.squares @ (-1.0 / covariance.lengthscales))
    return correlation, correlation


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
        cross = self.covariance.between(features / self.covariance.lengthscales[self.groups], self.scaled).T
        mean = self.weights @ cross
        half = self._halved(cross)
        variance = self.covariance.prior_variance - np.einsum("ij,ij->j", half, half)
        return mean, np.maximum(variance, 1e-12 * self.covariance.prior_variance)

    def joint(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give mean ``[m]`` and covariance ``[m, m]`` of the noise-free latent values (equation 2.24)."""
        scaled = features / self.covariance.lengthscales[self.groups]
        cross = self.covariance.between(scaled, self.scaled).T
        mean, half = self.weights @ cross, self._halved(cross)
        return mean, self.covariance.between(scaled, scaled) - half.T @ half

    @cached_property
    def _inverse_lower(self) -> np.ndarray:
        """The inverse of the factor, ``[n, n]``."""
        found, _ = lapack.dtrtri(self.lower, lower=1)
        return np.asarray(found)

    def _halved(self, cross: np.ndarray) -> np.ndarray:
        """Solve L x = cross for ``[n, m]``, which may be overwritten.

        Predictions come by the thousand: as a product with the inverse of L, which is kept, they take a half of
        the time of a solution at 100 rows and two thirds at 1,000; at 3,000 the inverse costs more than it saves.
        """
        if len(self.lower) > MAX_INVERTED_ROWS or not cross.size:
            return solved(self.lower, cross)
        return np.asarray(blas.dtrmm(1.0, self._inverse_lower, cross, lower=1, overwrite_b=1))

    def leave_one_out(self) -> tuple[np.ndarray, np.ndarray]:
        """Give for each row the mean minus its (pseudo-)value, and the variance, predicted from all others.

        The variance holds the row's own noise (and its site's).

        Source: Sundararajan & Keerthi, "Predictive approaches for choosing hyperparameters in Gaussian
        processes" (Neural Computation 13, 2001); Rasmussen & Williams (2006), equations 5.10 to 5.12.
        """
        precision = np.einsum("ij,ij->j", self._inverse_lower, self._inverse_lower)
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
