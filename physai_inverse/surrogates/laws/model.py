"""One metric as a law with a process on what the law leaves.

    z(x) = warp(law_s(x)) + r g(x) + noise,   s one of S laws that the data leave possible

Given the data each member has a posterior mean of its own, and all share one covariance, so that the mixture has

    mean        m(x) + r k(x)' C^-1 (z - m) / r,             m the mean of the members
    covariance  r^2 (K - k' C^-1 k) + mean over s of e_s e_s',   e_s = d_s(x) - k(x)' C^-1 d_s
    deviation   d_s = warp(law_s) - m

Near the data the process takes up where members differ; away from them what they disagree on stays.

Symbols: as in `likelihood`; r scale of what the law leaves; S members; D ``[S, n]`` the d_s at the rows.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from physai_inverse.forward import AbstractMetricModel, AbstractWarp, Prediction, Scores
from physai_inverse.surrogates.fortran import lapack
from physai_inverse.surrogates.kernel import factor, solved
from physai_inverse.surrogates.laws.ensemble import Ensemble
from physai_inverse.surrogates.laws.law import Law
from physai_inverse.surrogates.laws.sizes import Sizes
from physai_inverse.surrogates.likelihood import PENDING_NOISE, Posterior
from physai_inverse.surrogates.metric import CENTRE, MetricProcess, in_units
from physai_inverse.surrogates.scoring import score
from physai_inverse.surrogates.threads import one_thread
from physai_inverse.surrogates.warp import Warp

FARTHEST = 30.0
"""Latent value beyond which a law is cut: where it leaves the metric's range, the latent scale has no end."""
MOST_LEVERAGE = 0.8
"""Share of a value's variance beyond which the laws are not taken to hang on that row alone."""


@dataclass(frozen=True)
class Trended:
    """A process on what an ensemble of laws leaves.

    Args:
        ensemble: the laws.
        sizes: the inputs of the laws.
        warp: the way to the latent scale.
        scale: r.
        posterior: of the process, over r.
        deviations: ``[S, n]`` D over r.
        reach: lowest and highest latent value among the rows.
        wider: by how much the members' deviations are stretched, since few rows also know the scale badly.
    """

    ensemble: Ensemble
    sizes: Sizes
    warp: Warp
    scale: float
    posterior: Posterior
    deviations: np.ndarray
    reach: tuple[float, float]
    wider: float = 1.0

    def laws(self, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give the laws' mean ``[n]`` and deviations ``[S, n]``, stretched and over r, at points ``[n, d]``."""
        centre, away = latent_laws(self.ensemble, self.warp, self.sizes(units))
        return centre, away * (self.wider / self.scale)

    @cached_property
    def taken(self) -> np.ndarray:
        """C^-1 D', ``[n, S]``."""
        found, _ = lapack.dpotrs(self.posterior.lower, self.deviations.T, lower=1)
        return np.asarray(found)


def latent_laws(ensemble: Ensemble, warp: Warp, logs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give latent mean ``[n]`` and deviations ``[S, n]`` of the laws at centred logarithms ``[n, p]``."""
    with np.errstate(over="ignore"):  # beyond the largest float lies the end of the latent scale
        means, members = ensemble.means(logs), ensemble.members(logs)
    centre = ensemble.weights @ _latent(warp, means)
    return centre, _latent(warp, members) - centre


def _latent(warp: Warp, values: np.ndarray) -> np.ndarray:
    latent = warp.forward(values.ravel()).reshape(values.shape)
    latent = np.nan_to_num(latent, nan=-FARTHEST, posinf=FARTHEST, neginf=-FARTHEST)
    return np.asarray(np.clip(latent, -FARTHEST, FARTHEST))


@dataclass(frozen=True)
class Pending:
    """Points that count as known.

    Args:
        units: ``[q, d]``.
        lower: ``[q, q]`` Cholesky factor of their covariance.
    """

    units: np.ndarray
    lower: np.ndarray


@dataclass(frozen=True)
class LawModel(AbstractMetricModel):
    """A metric's model; see `AbstractMetricModel`.

    Args:
        plain: the process without a law.
        trended: the process with one; None where no law helps.
        law: the leading law, for people; None where no law helps.
        declined: why no law is used; None where one is.
        pending: trainings still running.
        extrapolation: mean log density of the largest rows predicted from the others, with a law and without;
            None where there were too few rows to try.
    """

    plain: MetricProcess
    trended: Trended | None = None
    law: Law | None = None
    declined: str | None = None
    pending: Pending | None = None
    extrapolation: tuple[float, float] | None = field(default=None)

    @property
    def warp(self) -> AbstractWarp:
        """The way to the latent scale."""
        return self.plain.warp if self.trended is None else self.trended.warp

    @property
    def noise(self) -> float:
        """Latent standard deviation between two trainings of one configuration."""
        if self.trended is None:
            return self.plain.noise
        return self.trended.scale * float(np.sqrt(self.trended.posterior.covariance.noise))

    def latent(self, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give mean ``[n]`` and standard deviation ``[n]`` of the noise-free latent value at points ``[n, d]``."""
        if self.trended is None:
            return self.plain.latent(units)
        with one_thread():
            mean, spread, members = self._parts(units)
            half = solved(self.trended.posterior.lower, spread)
            prior = self.trended.posterior.covariance.prior_variance
            variance = prior - np.einsum("ij,ij->j", half, half) + np.mean(members**2, axis=0)
            variance = np.maximum(variance, 1e-12 * prior) * self.trended.scale**2
            if self.pending is not None:
                shared = solved(self.pending.lower, self._between(self.pending.units, units))
                variance = np.maximum(variance - np.einsum("ij,ij->j", shared, shared), 1e-12 * variance)
        return mean, np.sqrt(variance)

    def joint(self, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give mean ``[n]`` and covariance ``[n, n]`` of the noise-free latent value at points ``[n, d]``."""
        if self.trended is None:
            return self.plain.joint(units)
        with one_thread():
            mean, _, _ = self._parts(units)
            covariance = self._between(units, units)
            if self.pending is not None:
                shared = solved(self.pending.lower, self._between(self.pending.units, units))
                covariance = covariance - shared.T @ shared
        return mean, covariance

    def conditioned(self, units: np.ndarray) -> "LawModel":
        """Give the model as if trainings at points ``[q, d]`` had come out as their latent mean."""
        if not len(units):
            return self
        if self.trended is None:
            return replace(self, plain=self.plain.conditioned(units))
        known = units if self.pending is None else np.concatenate([self.pending.units, units])
        with one_thread():
            covariance = self._between(known, known)
            covariance[np.diag_indices_from(covariance)] += PENDING_NOISE * self.noise**2
            return replace(self, pending=Pending(known, factor(covariance)))

    def predict(self, units: np.ndarray, *, noise: bool = True) -> Prediction:
        """Predict in the metric's own units; see `MetricProcess.predict`.

        Args:
            units: ``[n, d]`` snapped points.
            noise: whether to predict one more training (with its noise), or the mean over many.
        """
        if self.trended is None:
            return self.plain.predict(units, noise=noise)
        mean, deviation = self.latent(units)
        spread = np.hypot(deviation, self.noise) if noise else deviation
        low, high = self.trended.reach
        beyond = max(high - low, 1.0)
        return in_units(
            self.trended.warp, mean, spread, np.minimum(low, mean) - beyond, np.maximum(high, mean) + beyond
        )

    def distances(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Give distances ``[n, m]`` between points ``[n, d]`` and ``[m, d]`` of the process without a law."""
        return self.plain.distances(first, second)

    def held_out(self) -> Scores:
        """Score leave-one-out predictions; the laws forget the row that is left out, too."""
        return self.plain.held_out() if self.trended is None else self._scores

    @cached_property
    def _scores(self) -> Scores:
        assert self.trended is not None
        column, trended = self.plain.column, self.trended
        error, variance = left_out(trended)
        rows = np.flatnonzero(column.censored == 0)
        measured = column.values[rows]
        mean = trended.warp.forward(measured) + trended.scale * error[rows]
        doubt = self.plain.doubt[rows] if self.plain.latent_warp == trended.warp else 0.0
        variance = np.maximum(trended.scale**2 * variance[rows] - doubt, 1e-12)
        return score(trended.warp, measured, mean, np.sqrt(variance), self.plain.places[rows])

    def _parts(self, units: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean ``[n]``, covariance with the rows ``[N, n]`` and members' deviations ``[S, n]``, both over r."""
        trended = self.trended
        assert trended is not None
        posterior = trended.posterior
        features = (self.plain.features.encode(units) - CENTRE) / posterior.covariance.lengthscales[
            posterior.groups
        ]
        cross = posterior.covariance.between(posterior.scaled, features)
        centre, away = trended.laws(units)
        members = away - trended.taken.T @ cross
        return centre + trended.scale * (posterior.weights @ cross), cross, members

    def _between(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Covariance ``[n, m]`` given the rows, before pending points."""
        trended = self.trended
        assert trended is not None
        posterior = trended.posterior
        lengths = posterior.covariance.lengthscales[posterior.groups]
        one, two = ((self.plain.features.encode(units) - CENTRE) / lengths for units in (first, second))
        halves, members = [], []
        for units in (first, second):
            _, cross, away = self._parts(units)
            halves.append(solved(posterior.lower, cross))
            members.append(away)
        prior = posterior.covariance.between(one, two)
        spread = members[0].T @ members[1] / len(members[0])
        return np.asarray(trended.scale**2 * (prior - halves[0].T @ halves[1] + spread))


def left_out(trended: Trended) -> tuple[np.ndarray, np.ndarray]:
    """Give for each row the mean minus its value, and the variance, predicted from the others; both over r.

    Leaving a row out of the process is closed form (`Posterior.leave_one_out`). The laws saw the row, too: of the
    variance of a new value, h is theirs after seeing it, so that without it the error is 1 / (1 - h) times as
    large, and so is the variance (Rasmussen & Williams 2006, equations 5.12, for a posterior in place of a prior).
    """
    posterior = trended.posterior
    precision = 1.0 / posterior.leave_one_out()[1]
    errors = -(posterior.weights - trended.taken.T) / precision  # [S, n]
    mean = -posterior.weights / precision
    leverage = np.minimum(np.mean((errors - mean) ** 2, axis=0) * precision, MOST_LEVERAGE)
    return mean / (1.0 - leverage), 1.0 / (precision * (1.0 - leverage))
