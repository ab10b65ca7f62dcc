"""One metric as a calibrated mix of members on one latent scale.

Symbols (n: points, c: candidates, each a member with a stretch of its standard deviations):
    w ``[c]``   weights, on the simplex
    F, f        distribution and density of the pool, the weighted sum over candidates
    B, b        distribution and density of Beta(a, a); a is the sharpness
    the mix     distribution B(F), density b(F) f; its quantile at level p is F's at B^-1(p)

Source: see `stacking`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from physai_inverse.forward import LEVELS, AbstractMetricModel, AbstractWarp, Prediction, Scores
from physai_inverse.seeds import child
from physai_inverse.surrogates.member import AbstractFitted, Task
from physai_inverse.surrogates.metric import MetricProcess
from physai_inverse.surrogates.pool import Pool
from physai_inverse.surrogates.scoring import no_scores, scored, scored_levels
from physai_inverse.surrogates.stacking import LEAST_RANK, NUM_FOLDS, folds, sharpened, stacked

LEAST_WEIGHT = 1e-3
"""Candidates with less are left out of predictions."""
RANGES_BEYOND = 1.0
"""Ranges of the judged values, in the metric's units, that quantiles reach beyond them: a warp chosen by a few
rows may send a tail over decades that no value ever saw. Where a law speaks alone nothing is cut."""
NODES = 16
"""Nodes of the quadrature over quantiles behind mean and standard deviation in the metric's units."""


@dataclass(frozen=True)
class Candidate:
    """A member with a stretch of its standard deviations.

    Args:
        member: its name.
        fitted: the member as it was fitted.
        stretch: factor of its standard deviations.
        rows: how many rows it counts before the first; see `stacking`.
    """

    member: str
    fitted: AbstractFitted
    stretch: float
    rows: float

    @property
    def held_out(self) -> Pool:
        """What it says of the judged rows."""
        return self.fitted.held_out.stretched(self.stretch)


@dataclass(frozen=True)
class MixedModel(AbstractMetricModel):
    """A metric's model; see `AbstractMetricModel`.

    Args:
        task: the metric on its latent scale, with the process that gave it.
        measured: ``[j]`` the judged values, or bounds, in the metric's units.
        candidates: what it is mixed of.
        weights: ``[c]`` one each.
        sharpness: the shape a of the calibration.
        seed: of the parts in which it is scored.
        pending: the process with trainings that are still running taken as known; None while there are none.
    """

    task: Task
    measured: np.ndarray
    candidates: tuple[Candidate, ...]
    weights: np.ndarray
    sharpness: float
    seed: int
    pending: MetricProcess | None = None

    @classmethod
    def stacked(
        cls, task: Task, measured: np.ndarray, candidates: Sequence[Candidate], *, seed: int
    ) -> "MixedModel":
        """Find weights and sharpness by what the candidates say of the judged rows."""
        densities, prior = held_out_densities(task, candidates), counts(candidates)
        weights = stacked(densities, prior)
        pool = Pool.joined([candidate.held_out for candidate in candidates], weights)
        below = pool.below(task.values[task.judged][:, None])[:, 0]
        sharpness = sharpened(below, task.side[task.judged])
        return cls(task, measured, tuple(candidates), weights, sharpness, seed)

    @property
    def process(self) -> MetricProcess:
        """The process that gave the latent scale."""
        return self.task.process

    @property
    def warp(self) -> AbstractWarp:
        """The way to the latent scale."""
        return self.process.warp

    @property
    def noise(self) -> float:
        """Latent standard deviation between two trainings of one configuration, as the process found it."""
        return self.process.noise

    @property
    def leaning(self) -> Mapping[str, float]:
        """Earlier study to its weight."""
        return self.process.leaning

    @property
    def members(self) -> Mapping[str, float]:
        """Member to its weight; they add up to one."""
        shares: dict[str, float] = {}
        for candidate, weight in zip(self.candidates, self.weights, strict=True):
            shares[candidate.member] = shares.get(candidate.member, 0.0) + float(weight)
        return shares

    def latent(self, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give mean ``[n]`` and standard deviation ``[n]`` of the calibrated, noise-free mix at points."""
        mean, deviation = self._pool(units, noise=False).moments()
        return mean, deviation * self._shrinkage

    def joint(self, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give mean ``[n]`` and covariance ``[n, n]``: the mix's spread, hanging together as the process does."""
        mean, deviation = self.latent(units)
        _, covariance = (self.pending or self.process).joint(units)
        root = np.sqrt(np.maximum(np.diagonal(covariance), np.finfo(float).tiny))
        return mean, covariance * np.multiply.outer(deviation / root, deviation / root)

    def conditioned(self, units: np.ndarray) -> "MixedModel":
        """Give the model with less spread where the process would have less, knowing points ``[q, d]``."""
        if not len(units):
            return self
        return replace(self, pending=(self.pending or self.process).conditioned(units))

    def distances(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Give distances ``[n, m]`` in units of the process's lengthscales."""
        return self.process.distances(first, second)

    def predict(self, units: np.ndarray, *, noise: bool = True) -> Prediction:
        """Predict in the metric's own units.

        Mean and standard deviation are those of the mix with what lies beyond the process's `reach` moved to its
        ends; see `MetricProcess.predict`.

        Args:
            units: ``[n, d]`` snapped points.
            noise: whether to predict one more training (with its noise), or the mean over many.
        """
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        latent = self._latent_quantiles(units, np.concatenate([LEVELS, 0.5 * (nodes + 1.0)]), noise=noise)
        draws = self._within(units, self.warp.inverse(np.clip(latent[:, len(LEVELS) :], *self.process.reach)))
        largest = np.maximum(np.max(np.abs(draws), axis=1), np.finfo(float).tiny)
        parts = draws / largest[:, None]  # squares of large floats would leave their range
        average = parts @ (0.5 * weights)
        variance = (parts - average[:, None]) ** 2 @ (0.5 * weights)
        quantiles = self._within(units, self.warp.inverse(latent[:, : len(LEVELS)]))
        return Prediction(
            average * largest, np.sqrt(variance) * largest, dict(zip(LEVELS, quantiles.T, strict=True))
        )

    def quantiles(self, units: np.ndarray, levels: Sequence[float], *, noise: bool = True) -> np.ndarray:
        """Give quantiles ``[n, levels]`` at points ``[n, d]``, in the metric's own units."""
        latent = self._latent_quantiles(units, np.asarray(levels, dtype=float), noise=noise)
        return self._within(units, self.warp.inverse(latent))

    def _within(self, units: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Cut values ``[n, k]`` in the metric's units at `RANGES_BEYOND`."""
        low, high = float(np.min(self.measured)), float(np.max(self.measured))
        margin = RANGES_BEYOND * (high - low)
        if self.task.side.any() or not np.isfinite(margin):
            return values  # beyond a bound there are values that nobody saw
        claimed = np.any([candidate.fitted.claims(units) for candidate in self.candidates], axis=0)
        return np.where(claimed[:, None], values, np.clip(values, low - margin, high + margin))

    def log_density(self, units: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Give the log density ``[n]`` (nats, in the metric's units) that one more training gives these values."""
        latent = self.warp.forward(values)
        density = calibrated(self._pool(units, noise=True), latent, np.array(self.sharpness))
        return np.asarray(self.warp.log_slope(values) + density)

    def held_out(self) -> Scores:
        """Score the mix on judged rows, each by members, weights and sharpness that had not seen it.

        Censored rows inform the others but are not scored: there is no value to compare with.
        """
        return self._scores

    @cached_property
    def _scores(self) -> Scores:
        from scipy.special import betaincinv

        judged = self.task.judged
        latent, side = self.task.values[judged], self.task.side[judged]
        if not np.any(side == 0):
            return no_scores()
        densities, prior = held_out_densities(self.task, self.candidates), counts(self.candidates)
        pools = [candidate.held_out for candidate in self.candidates]
        part = folds(len(judged), NUM_FOLDS, seed=child(self.seed, "scores"))
        weights, sharpness = np.empty(densities.shape), np.empty((len(judged), 1))
        for number in range(NUM_FOLDS):
            inside, others = part == number, np.flatnonzero(part != number)
            if inside.any():
                weights[inside] = found = stacked(densities[others], prior)
                pool = Pool.joined([one.take(others) for one in pools], found)
                sharpness[inside] = sharpened(pool.below(latent[others, None])[:, 0], side[others])
        seen = np.flatnonzero(side == 0)
        pool, sharpness, latent = Pool.joined(pools, weights).take(seen), sharpness[seen], latent[seen]
        levels = betaincinv(sharpness, sharpness, np.array(scored_levels()))
        ranks = _beta(pool.below(latent[:, None])[:, 0], sharpness[:, 0])
        measured, places = self.measured[seen], self.task.places[judged[seen]]
        density = self.warp.log_slope(measured) + calibrated(pool, latent, sharpness[:, 0])
        return scored(self.warp, measured, pool.quantiles(levels), ranks, density, places)

    @cached_property
    def _shrinkage(self) -> float:
        """The factor by which the calibration changes the standard deviation of a normal pool."""
        from scipy.special import betaincinv, ndtri

        nodes, weights = np.polynomial.legendre.leggauss(64)
        places = ndtri(betaincinv(self.sharpness, self.sharpness, 0.5 * (nodes + 1.0)))
        plain = ndtri(0.5 * (nodes + 1.0))
        return float(np.sqrt((places**2 @ weights) / (plain**2 @ weights)))

    def _latent_quantiles(self, units: np.ndarray, levels: np.ndarray, *, noise: bool) -> np.ndarray:
        from scipy.special import betaincinv

        return self._pool(units, noise=noise).quantiles(betaincinv(self.sharpness, self.sharpness, levels))

    def _pool(self, units: np.ndarray, *, noise: bool) -> Pool:
        """Join what the candidates say of points ``[n, d]``, before calibration."""
        said: dict[str, Pool | None] = {}
        pools, weights = [], []
        claimed = {
            candidate.member: claims
            for candidate in self.candidates
            if candidate.stretch == 1.0 and (claims := candidate.fitted.claims(units)).any()
        }
        taken = np.any(list(claimed.values()), axis=0) if claimed else np.zeros(len(units), dtype=bool)
        for candidate, weight in zip(self.candidates, self.weights, strict=True):
            alone = candidate.stretch == 1.0 and candidate.member in claimed
            if weight < LEAST_WEIGHT and not alone:
                continue
            if candidate.member not in said:
                said[candidate.member] = candidate.fitted.at(units, noise=noise)
            found = said[candidate.member]
            if found is not None:
                pools.append(found.stretched(candidate.stretch))
                mine = claimed[candidate.member] if alone else np.zeros(len(units), dtype=bool)
                weights.append(np.where(taken, mine.astype(float), weight))
        each = np.stack(weights, axis=1)
        pool = Pool.joined(pools, each / each.sum(axis=1, keepdims=True))
        return pool if self.pending is None else pool.narrowed(self._ratio(units, noise=noise))

    def _ratio(self, units: np.ndarray, *, noise: bool) -> np.ndarray:
        """The part ``[n]`` of the process's standard deviation that is left when pending trainings are known."""
        if self.pending is None:
            return np.ones(len(units))
        _, before = self.process.latent(units)
        _, after = self.pending.latent(units)
        own = self.noise**2 if noise else 0.0
        return np.sqrt((after**2 + own) / (before**2 + own))


def counts(candidates: Sequence[Candidate]) -> np.ndarray:
    """Give the rows ``[c]`` that each candidate counts before the first."""
    return np.array([candidate.rows for candidate in candidates])


def held_out_densities(task: Task, candidates: Sequence[Candidate]) -> np.ndarray:
    """Give the log densities ``[j, c]`` of the judged values, or log probabilities beyond bounds."""
    latent, side = task.values[task.judged], task.side[task.judged]
    return np.stack([candidate.held_out.log_likelihood(latent, side) for candidate in candidates], axis=1)


def calibrated(pool: Pool, latent: np.ndarray, sharpness: np.ndarray) -> np.ndarray:
    """Give the log density ``[n]`` of latent values ``[n]`` under a pool with a sharpness, one or ``[n]``."""
    from scipy.special import betaln

    below = np.clip(pool.below(latent[:, None])[:, 0], LEAST_RANK, 1.0 - LEAST_RANK)
    tilt = (sharpness - 1.0) * (np.log(below) + np.log1p(-below)) - betaln(sharpness, sharpness)
    return np.asarray(pool.log_density(latent) + tilt)


def _beta(below: np.ndarray, sharpness: np.ndarray) -> np.ndarray:
    from scipy.special import betainc

    return np.asarray(betainc(sharpness, sharpness, below))
