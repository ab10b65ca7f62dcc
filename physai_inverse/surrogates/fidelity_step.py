"""From one rung of a fidelity to the next: slope, offset and a residual, integrated in closed form.

Symbols and sources as in `fidelity_process`.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import solve_triangular

OFFSET, SLOPE = 1.0, 0.7
"""Prior standard deviations of a and b; a is what is left when the means of both rungs were matched."""

RESIDUALS = (0.03, 0.1, 0.2, 0.4, 0.8, 1.6)
"""The grid of s; its prior is log-normal around `RESIDUAL` by a factor of `RESIDUAL_FACTOR`."""

RESIDUAL, RESIDUAL_FACTOR = 0.3, 2.0

SMOOTH = (0.0, 0.5, 0.9)
"""The grid of w."""

NEGLIGIBLE = 0.04
"""Weight of a member of the grid below which it is left out."""


@dataclass(frozen=True)
class Member:
    """A step with its hyper-parameters fixed.

    Args:
        weight: its share of the evidence.
        deviation: s.
        smooth: w.
        precision: ``[n, n]`` inverse covariance of the residuals.
        weights: ``[n]`` the precision times the residuals.
    """

    weight: float
    deviation: float
    smooth: float
    precision: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class Step:
    """From one rung to the next, learned from configurations that have been trained at the upper one.

    Args:
        units: ``[n, d]`` those configurations.
        before: ``[n]`` their values on the lower rung, measured or expected.
        centre: c.
        size: how far the upper rung spreads, in latent units, at least 1: a unit of the priors.
        members: of the grid, most of the evidence first.
    """

    units: np.ndarray
    before: np.ndarray
    centre: float
    size: float
    members: tuple[Member, ...]

    @property
    def slope(self) -> float:
        """By how much a difference on the lower rung grows on the upper one; 1 where nothing is known."""
        return float(sum(member.weight * (1.0 + self._coefficients(member)[1]) for member in self.members))

    @property
    def deviation(self) -> float:
        """What the lower rung does not tell of the upper one, a standard deviation."""
        return float(np.sqrt(sum(member.weight * member.deviation**2 for member in self.members)))

    @property
    def noise(self) -> float:
        """Standard deviation between two trainings that were equal on the lower rung."""
        return float(np.sqrt(sum(m.weight * 0.5 * (1.0 - m.smooth) * m.deviation**2 for m in self.members)))

    def _coefficients(self, member: Member) -> np.ndarray:
        """Posterior mean of (a, b)."""
        regressors = _regressors(self.before, self.centre)
        return np.asarray(_prior(self.size) * (regressors.T @ member.weights))

    def climb(
        self, distances: np.ndarray, same: np.ndarray, mean: np.ndarray, variance: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Give mean and variance ``[m]`` of the noise-free upper rung.

        Args:
            distances: ``[m, n]`` between the points and the step's configurations.
            same: ``[m, n]`` booleans: whether they are the same configuration.
            mean: ``[m]`` of the lower rung.
            variance: ``[m]`` of the lower rung; 0 where it was measured.
        """
        prior = _prior(self.size) * np.array([float(len(self.units) > 0), 1.0])
        here, there = _regressors(mean, self.centre), _regressors(self.before, self.centre)
        correlation = matern(distances)
        first, second = np.zeros(len(mean)), np.zeros(len(mean))
        for member in self.members:
            scale, own = member.deviation**2, 0.5 * (1.0 - member.smooth)
            cross = scale * (member.smooth * correlation + own * same) + (here * prior) @ there.T
            spread = scale * (member.smooth + own) + (here**2) @ prior
            centre = mean + cross @ member.weights
            left = 0.0
            if len(self.units):
                spread = spread - np.einsum("ij,ij->i", cross @ member.precision, cross)
                left = prior[1] - prior[1] ** 2 * float(there[:, 1] @ member.precision @ there[:, 1])
            slope = 1.0 + self._coefficients(member)[1]
            spread = np.maximum(spread, 1e-10) + (slope**2 + max(left, 0.0)) * variance
            first += member.weight * centre
            second += member.weight * (spread + centre**2)
        return first, np.maximum(second - first**2, 1e-10)


def fit_step(
    distances: np.ndarray, units: np.ndarray, before: np.ndarray, doubt: np.ndarray, after: np.ndarray
) -> Step:
    """Learn a step.

    Args:
        distances: ``[n, n]`` between the configurations.
        units: ``[n, d]``; none will do: then the prior stands.
        before: ``[n]`` values on the lower rung.
        doubt: ``[n]`` their variances; 0 where measured.
        after: ``[n]`` values on the upper rung.
    """
    centre = float(np.mean(before)) if len(before) else 0.0
    regressors = _regressors(before, centre)
    size = max(1.0, 0.5 * float(np.std(after))) if len(after) else 1.0
    given = (regressors * _prior(size)) @ regressors.T + np.diag(doubt)
    residual, correlation = after - before, matern(distances)
    found: list[Member] = []
    logs: list[float] = []
    size = (
        max(1.0, 0.5 * float(np.std(after))) if len(after) else 1.0
    )  # a rung may spread far wider than the lowest
    for deviation in (size * residual for residual in RESIDUALS):
        for smooth in SMOOTH:
            covariance = given + deviation**2 * (smooth * correlation + (1.0 - smooth) * np.eye(len(units)))
            covariance[np.diag_indices_from(covariance)] += 1e-8
            lower = np.linalg.cholesky(covariance)
            half = solve_triangular(lower, np.eye(len(units)), lower=True) if len(units) else lower
            precision = half.T @ half
            weights = precision @ residual
            evidence = -0.5 * float(residual @ weights) - float(np.log(np.diagonal(lower)).sum())
            evidence -= 0.5 * (np.log(deviation / (size * RESIDUAL)) / np.log(RESIDUAL_FACTOR)) ** 2
            found.append(Member(0.0, deviation, smooth, precision, weights))
            logs.append(evidence)
    share = np.exp(np.array(logs) - max(logs))
    share /= share.sum()
    kept = [place for place in np.argsort(-share, kind="stable") if share[place] > NEGLIGIBLE]
    total = float(share[kept].sum())
    members = tuple(replace(found[place], weight=float(share[place]) / total) for place in kept)
    return Step(units, before, centre, size, members)


def _prior(size: float) -> np.ndarray:
    """Give the prior variances of (a, b)."""
    return np.asarray((size * np.array([OFFSET, SLOPE])) ** 2)


def _regressors(before: np.ndarray, centre: float) -> np.ndarray:
    return np.stack([np.ones(len(before)), before - centre], axis=1)


def matern(distances: np.ndarray) -> np.ndarray:
    """Give the Matern-5/2 correlation at scaled distances (Rasmussen & Williams, equation 4.17)."""
    scaled = np.sqrt(5.0) * distances
    return np.asarray((1.0 + scaled + scaled**2 / 3.0) * np.exp(-scaled))
