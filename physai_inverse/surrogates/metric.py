"""One metric as a Gaussian process on its latent scale.

Symbols: m, s latent mean and standard deviation; z, L, b as in `likelihood`.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.polynomial.hermite_e import hermegauss

from physai_inverse.forward import (
    LEVELS,
    AbstractMetricModel,
    AbstractWarp,
    Column,
    Prediction,
    Scores,
)
from physai_inverse.seeds import generator
from physai_inverse.space.features import Features
from physai_inverse.surrogates.fit import widened
from physai_inverse.surrogates.likelihood import Posterior
from physai_inverse.surrogates.outliers import doubted, doubts_against
from physai_inverse.surrogates.scoring import score
from physai_inverse.surrogates.selection import LEAST_ROWS, SHAPE_PENALTY, Table
from physai_inverse.surrogates.settled import MAX_CLIMB_ROWS, Settled, robust, settle, touched_up
from physai_inverse.surrogates.threads import one_thread
from physai_inverse.surrogates.trend import Trend
from physai_inverse.surrogates.warp import Warp

CENTRE = 0.5
"""The middle of the unit cube, taken off the features so that their squares lose no digits."""
MAX_ROWS = 3000
"""Rows of the posterior; beyond, the extreme values of both sides and a random rest."""
EXTREME_SHARE = 0.1
"""Share of those rows that is kept for the lowest values, and for the highest."""
NODES = 25
"""Nodes of the quadrature behind mean and standard deviation in the metric's units."""


@dataclass(frozen=True)
class MetricProcess(AbstractMetricModel):
    """A metric's model; see `AbstractMetricModel`.

    Args:
        features: the encoding.
        latent_warp: the way to the latent scale.
        posterior: the process given the data (and what is pending).
        column: the values behind it, row by row.
        doubt: ``[n]`` extra latent variance of values that the others speak against.
        reach: lowest and highest latent value that mean and standard deviation in the metric's units take into
            account: one range of the data beyond the data.
        places: ``[n]`` the row of the dataset that each of them stands in.
        pending: number of rows at the end of the posterior that stand for trainings still running.
        trend: what earlier studies expect; the posterior is of what is left. None without earlier studies.
    """

    features: Features
    latent_warp: Warp
    posterior: Posterior
    column: Column
    doubt: np.ndarray
    reach: tuple[float, float]
    places: np.ndarray
    pending: int = 0
    trend: Trend | None = None

    @property
    def warp(self) -> AbstractWarp:
        """The way to the latent scale."""
        return self.latent_warp

    @property
    def noise(self) -> float:
        """Latent standard deviation between two trainings of one configuration."""
        return float(np.sqrt(self.posterior.covariance.noise))

    def latent(self, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give mean ``[n]`` and standard deviation ``[n]`` of the noise-free latent value at points ``[n, d]``."""
        features = self.features.encode(units) - CENTRE
        with one_thread():
            mean, variance = self.posterior.moments(features)
        return mean + self._expected(units), np.sqrt(variance)

    def joint(self, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give mean ``[n]`` and covariance ``[n, n]`` of the noise-free latent value at points ``[n, d]``."""
        features = self.features.encode(units) - CENTRE
        with one_thread():
            mean, covariance = self.posterior.joint(features)
        return mean + self._expected(units), covariance

    def _expected(self, units: np.ndarray) -> np.ndarray | float:
        return 0.0 if self.trend is None else self.trend(units)

    @property
    def num_rows(self) -> int:
        """Number of values that the model rests on."""
        return len(self.doubt)

    @property
    def leaning(self) -> dict[str, float]:
        """Earlier study to its weight."""
        return {} if self.trend is None else dict(zip(self.trend.names, self.trend.weights, strict=True))

    def conditioned(self, units: np.ndarray) -> "MetricProcess":
        """Give the model as if trainings at points ``[q, d]`` had come out as their latent mean."""
        if not len(units):
            return self
        with one_thread():
            posterior = self.posterior.appended(self.features.encode(units) - CENTRE)
        return replace(self, posterior=posterior, pending=self.pending + len(units))

    def predict(self, units: np.ndarray, *, noise: bool = True) -> Prediction:
        """Predict in the metric's own units.

        Quantiles are exact. Mean and standard deviation are those of the latent normal with what lies beyond
        `reach` moved to its ends: a log-normal tail that no data ever reached would otherwise decide both.

        Args:
            units: ``[n, d]`` snapped points.
            noise: whether to predict one more training (with its noise), or the mean over many.
        """
        mean, deviation = self.latent(units)
        spread = np.hypot(deviation, self.noise) if noise else deviation
        nodes, weights = hermegauss(NODES)
        latent = np.clip(mean[:, None] + spread[:, None] * nodes, *self.reach)
        draws = self.latent_warp.inverse(latent)
        largest = np.maximum(np.max(np.abs(draws), axis=1), np.finfo(float).tiny)
        parts = draws / largest[:, None]  # squares of large floats would leave their range
        weights = weights / weights.sum()
        average = parts @ weights
        variance = (parts - average[:, None]) ** 2 @ weights
        quantiles = self.quantiles(units, LEVELS, noise=noise)
        return Prediction(
            average * largest, np.sqrt(variance) * largest, dict(zip(LEVELS, quantiles.T, strict=True))
        )

    def distances(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Give distances ``[n, m]`` between points ``[n, d]`` and ``[m, d]`` in units of the lengthscales."""
        lengths = self.posterior.covariance.lengthscales[self.posterior.groups]
        one, two = (self.features.encode(units) / lengths for units in (first, second))
        return np.asarray(np.linalg.norm(one[:, None] - two, axis=2))

    def held_out(self) -> Scores:
        """Score leave-one-out predictions, in closed form at fixed hyper-parameters and warp.

        Censored rows inform the others but are not scored: there is no value to compare with.
        """
        return self._scores

    @cached_property
    def _scores(self) -> Scores:
        error, variance = self.posterior.leave_one_out()
        error, variance = error[: len(self.doubt)], variance[: len(self.doubt)]  # pending rows have no value
        rows = np.flatnonzero(self.column.censored == 0)
        measured = self.column.values[rows]
        mean = self.latent_warp.forward(measured) + error[rows]
        return score(self.latent_warp, measured, mean, np.sqrt((variance - self.doubt)[rows]), self.places[rows])


def fit_metric(features: Features, units: np.ndarray, column: Column, *, seed: int) -> MetricProcess:
    """Fit one metric.

    Args:
        features: the encoding; of its rivals, where there are shares, the evidence may choose another.
        units: ``[n, d]`` snapped points.
        column: its values, at least one of them finite.
        seed: of the rows that are left out where there are very many.

    Raises:
        np.linalg.LinAlgError: no covariance could be factored.
    """
    with one_thread():
        features, whole, settled = _encoded(features, units, column, seed=seed)
        kept = kept_rows(whole.column, seed=seed)
        table, places = whole.take(kept), column.rows[kept]
        warp = settled.choice.warp
        rows = table.warped(warp)
        if len(table) <= MAX_CLIMB_ROWS:
            choice, doubt = robust(table, touched_up(table, settled.choice))
            fitted = widened(choice.fitted, len(table))
            start = fitted.sites
        else:
            fitted = widened(settled.choice.fitted, len(settled.rows))
            few = doubted(whole.take(settled.rows).warped(warp), settled.doubt)
            doubt = doubts_against(rows, Posterior.given(few, fitted.covariance))
            start = None  # those of the climb belong to other rows
        posterior = Posterior.given(doubted(rows, doubt), fitted.covariance, start)
    low, high = float(np.min(rows.values)), float(np.max(rows.values))
    beyond = max(high - low, 1.0)
    reach = (low - beyond, high + beyond)
    return MetricProcess(features, warp, posterior, table.column, doubt, reach, places)


def _encoded(
    features: Features, units: np.ndarray, column: Column, *, seed: int
) -> tuple[Features, Table, Settled]:
    """Choose the encoding as a warp is chosen: by the evidence, unless the default is nearly as good."""

    def settled_with(encoding: Features) -> tuple[Features, Table, Settled]:
        table = Table(units, encoding.encode(units) - CENTRE, np.array(encoding.groups, dtype=int), column)
        table = table.take(column.rows)
        return encoding, table, settle(table, seed=seed)

    best = settled_with(features)
    merit = best[2].choice.merit
    for rival in features.rivals if len(column.rows) >= LEAST_ROWS else ():
        found = settled_with(rival)
        if found[2].choice.merit - SHAPE_PENALTY > merit:
            best, merit = found, found[2].choice.merit - SHAPE_PENALTY
    return best


def kept_rows(column: Column, *, seed: int) -> np.ndarray:
    """Give the rows to fit to: all finite ones up to `MAX_ROWS`, else both extremes and a random rest."""
    rows = column.rows
    if len(rows) <= MAX_ROWS:
        return rows
    order = rows[np.argsort(column.values[rows], kind="stable")]
    extreme = int(EXTREME_SHARE * MAX_ROWS)
    middle = generator(seed, "rows").permutation(order[extreme:-extreme])[: MAX_ROWS - 2 * extreme]
    return np.sort(np.concatenate([order[:extreme], middle, order[-extreme:]]))
