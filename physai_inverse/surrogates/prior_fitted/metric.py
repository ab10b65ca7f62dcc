"""One metric as the network answers for it.

The density is a pool of normals on the latent scale; `density`, `log_density`, `quantiles` and `held_out` are
exact in it, `latent` gives its moments with the noise taken out, as the contract of a forward map has it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.polynomial.hermite_e import hermegauss

from physai_inverse.forward import LEVELS, AbstractMetricModel, AbstractWarp, Column, Prediction, Scores
from physai_inverse.space.features import Features
from physai_inverse.surrogates.pool import Pool
from physai_inverse.surrogates.prior_fitted.context import Context, best_warp, shown_rows
from physai_inverse.surrogates.prior_fitted.network import Network
from physai_inverse.surrogates.scoring import no_scores, scored, scored_levels
from physai_inverse.surrogates.warp import Warp

NODES = 9
"""Nodes of the quadrature over each normal, behind mean and standard deviation in the metric's units."""


@dataclass(frozen=True)
class PriorFittedMetric(AbstractMetricModel):
    """A metric's model; see `AbstractMetricModel`.

    Args:
        features: the encoding.
        latent_warp: the way to the latent scale.
        context: the rows with a value, on that scale.
        column: their values, row by row.
        places: ``[n]`` the row of the dataset that each of them stands in.
        pending: ``[q, d]`` points of trainings still running.
    """

    features: Features
    latent_warp: Warp
    context: Context
    column: Column
    places: np.ndarray
    pending: np.ndarray

    @property
    def warp(self) -> AbstractWarp:
        """The way to the latent scale."""
        return self.latent_warp

    @property
    def noise(self) -> float:
        """Latent standard deviation between two trainings of one configuration, as the network estimates it."""
        return self.context.noise

    @property
    def num_rows(self) -> int:
        """Number of values that the network is shown."""
        return len(self.places)

    def density(self, units: np.ndarray, *, noise: bool = True) -> Pool:
        """Give the density ``[n]`` on the latent scale at points ``[n, d]``.

        Args:
            units: ``[n, d]`` snapped points.
            noise: whether of one more training (with its noise), or of the mean over many.
        """
        columns = self.features.encode(units)
        pool = self.context.answer(columns)
        if len(self.pending):
            mean, deviation = pool.moments()
            running = self.features.encode(self.pending)
            joined = self.context.joined(running, self.context.answer(running).moments()[0]).answer(columns)
            moved, left = joined.moments()
            factor = np.minimum(deviation / left, 1.0)
            factor, offset = factor[:, None], (mean - factor * moved)[:, None]
            pool = Pool(joined.shares, joined.means * factor + offset, joined.deviations * factor)
        return pool if noise else pool.without(self.noise)

    def latent(self, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give mean ``[n]`` and standard deviation ``[n]`` of the noise-free latent value at points ``[n, d]``."""
        return self.density(units, noise=False).moments()

    def conditioned(self, units: np.ndarray) -> "PriorFittedMetric":
        """Give the model as if trainings at points ``[q, d]`` had come out as their latent mean.

        They join the context for the spread; the mean is held where it was.
        """
        return replace(self, pending=np.concatenate([self.pending, units])) if len(units) else self

    def quantiles(self, units: np.ndarray, levels: Sequence[float], *, noise: bool = True) -> np.ndarray:
        """Give quantiles ``[n, levels]`` at points ``[n, d]``, in the metric's own units; exact in the pool."""
        return self._carried(self.density(units, noise=noise).quantiles(np.array(levels)))

    def log_density(self, units: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Give the log density ``[n]`` (nats, in the metric's units) that one more training gives these values."""
        return self._log_density(self.density(units), values)

    def predict(self, units: np.ndarray, *, noise: bool = True) -> Prediction:
        """Predict in the metric's own units.

        Quantiles are exact; mean and standard deviation are those of the pool with what lies further than one
        range of the data beyond the data moved there, since a tail that no data reached would decide both.

        Args:
            units: ``[n, d]`` snapped points.
            noise: whether to predict one more training (with its noise), or the mean over many.
        """
        pool = self.density(units, noise=noise)
        nodes, weights = hermegauss(NODES)
        low, high = float(np.min(self.context.latent)), float(np.max(self.context.latent))
        latent = pool.means[..., None] + pool.deviations[..., None] * nodes
        draws = self._carried(np.clip(latent, 2.0 * low - high, 2.0 * high - low)).reshape(len(units), -1)
        shares = (pool.shares[..., None] * (weights / weights.sum())).reshape(len(units), -1)
        largest = np.maximum(np.max(np.abs(draws), axis=1, initial=0.0), np.finfo(float).tiny)
        parts = draws / largest[:, None]  # squares of large floats would leave their range
        mean = (parts * shares).sum(axis=1)
        variance = ((parts - mean[:, None]) ** 2 * shares).sum(axis=1)
        quantiles = self._carried(pool.quantiles(np.array(LEVELS)))
        return Prediction(mean * largest, np.sqrt(variance) * largest, dict(zip(LEVELS, quantiles.T, strict=True)))

    def held_out_density(self) -> Pool:
        """Give the density ``[n]`` on the latent scale of each shown value, held out in folds, in one pass.

        The warp was chosen with all of them. Censored rows have a density too.
        """
        return self._held_out

    def held_out(self) -> Scores:
        """Score predictions of values held out in folds; censored rows inform the others but are not scored."""
        rows = np.flatnonzero(self.column.censored == 0)
        if not len(rows):
            return no_scores()
        pool, measured = self._held_out.take(rows), self.column.values[rows]
        ranks = pool.below(self.latent_warp.forward(measured)[:, None])[:, 0]
        quantiles = pool.quantiles(np.array(scored_levels()))
        density = self._log_density(pool, measured)
        return scored(self.latent_warp, measured, quantiles, ranks, density, self.places[rows])

    @cached_property
    def _held_out(self) -> Pool:
        return self.context.held_out()

    def _log_density(self, pool: Pool, values: np.ndarray) -> np.ndarray:
        latent = self.latent_warp.forward(values)
        possible = np.isfinite(latent)  # elsewhere the metric cannot lie on this scale
        density = pool.log_density(np.where(possible, latent, 0.0))
        return np.where(possible, density + self.latent_warp.log_slope(values), -np.inf)

    def _carried(self, latent: np.ndarray) -> np.ndarray:
        return self.latent_warp.inverse(latent.ravel()).reshape(latent.shape)


def show(
    network: Network, features: Features, units: np.ndarray, column: Column, *, seed: int
) -> PriorFittedMetric:
    """Show the network the values of a metric that it does not decline (see `context.reason_against`).

    Args:
        network: the network.
        features: the encoding.
        units: ``[n, d]`` snapped points.
        column: the values.
        seed: of the rows that are left out where there are too many.

    Raises:
        np.linalg.LinAlgError: no covariance could be factored.
    """
    places = shown_rows(column, seed=seed)
    kept = Column(column.values[places], column.errors[places], column.censored[places])
    columns, groups = features.encode(units[places]), np.array(features.groups, dtype=int)
    warp = best_warp(columns, groups, kept.values)
    context = Context(network, columns, groups, warp.forward(kept.values), kept.censored)
    return PriorFittedMetric(features, warp, context, kept, places, np.empty((0, units.shape[1])))
