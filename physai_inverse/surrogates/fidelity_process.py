"""A metric over configurations and rungs of a fidelity: each rung from the one below, in closed form.

A chain over log fidelity (the recursive co-kriging of Le Gratiet): the process of the lowest rung is any
surrogate's; from there on

    z_r(x) = z_(r-1)(x) + a_r + b_r (z_(r-1)(x) - c_r) + d_r(x),      d_r ~ s_r^2 (w_r K + (1 - w_r) I)

so that an offset between rungs costs nothing, b_r tells whether the lower rung ranks at all, and the structured
part of d_r learns where curves cross as a function of the configuration. A configuration that has been trained at
rung r - 1 enters with what it measured there, not with what a smooth process makes of it: the training goes on
from there.

Symbols:
    z_r         latent value after the training of rung r: on the lowest rung by its model's warp, above it the
                metric or its logarithm, in the same units for all rungs and shifted so that the offset is small
    s, w        residual standard deviation and the share of it that is smooth in x; averaged over a grid
    a, b        offset and change of slope, N(0, OFFSET^2) and N(0, SLOPE^2), integrated in closed form
    K           Matern-5/2 correlation over the distances of the lowest rung's model
    H ``[n, 2]`` rows (1, z_(r-1) - c)

Half of the unstructured residual is taken for noise of the training, half for the configuration's own: one
training a rung cannot tell them apart.

Source: Kennedy & O'Hagan, "Predicting the output from a complex computer code when fast approximations are
available" (Biometrika 87, 2000), equation 1; Le Gratiet & Garnier, "Recursive co-kriging model for design of
computer experiments with multiple levels of fidelity" (2014), section 3; Rasmussen & Williams (2006), section 2.7.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.polynomial.hermite_e import hermegauss

from physai_inverse.forward import (
    LEVELS,
    AbstractMetricModel,
    AbstractSurrogate,
    AbstractWarp,
    Column,
    Dataset,
    Prediction,
    Scores,
)
from physai_inverse.surrogates.fidelity_scale import Level
from physai_inverse.surrogates.fidelity_step import Step, fit_step, matern
from physai_inverse.surrogates.scoring import score

MAX_STEP_ROWS = 256
"""Rows from which a step is learned; the latest beyond."""

DIGITS = 12

NODES = 25
"""Nodes of the quadrature behind mean and standard deviation in the metric's units."""


@dataclass(frozen=True)
class RungProcess(AbstractMetricModel):
    """A metric at the highest rung; see the module.

    Args:
        base: the model of the lowest rung that is used.
        steps: from there to the highest rung.
        units: ``[k, d]`` configurations that have been trained on any of these rungs.
        measured: ``[rungs, k]`` latent values, NaN where not trained.
        warps: of each rung.
        pending: ``[q, d]`` points that count as known.
    """

    base: AbstractMetricModel
    steps: tuple[Step, ...]
    units: np.ndarray
    measured: np.ndarray
    warps: tuple[AbstractWarp, ...]
    pending: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))

    @property
    def warp(self) -> AbstractWarp:
        """The way to the latent scale of the highest rung."""
        return self.warps[-1]

    @property
    def noise(self) -> float:
        """Latent standard deviation between two trainings of one configuration."""
        variance = self.base.noise**2
        for step in self.steps:
            variance = step.slope**2 * variance + step.noise**2
        return float(np.sqrt(variance))

    def latent(self, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give mean and standard deviation ``[n]`` of the noise-free latent value on the highest rung."""
        mean, variance = self._climbed(units, len(self.steps))
        if len(self.pending):
            known = matern(self.base.distances(units, self.pending)) ** 2
            variance = variance * np.prod(1.0 - 0.999 * known, axis=1)
        return mean, np.sqrt(variance)

    def conditioned(self, units: np.ndarray) -> "RungProcess":
        """Give the model as if the metric at points ``[q, d]`` were known: each shrinks the variance around it."""
        if not len(units):
            return self
        pending = np.concatenate([self.pending, units]) if len(self.pending) else units
        return replace(self, pending=pending)

    def at(self, steps: int) -> "RungProcess":
        """Give the model of a lower rung, so many steps above the lowest that is used."""
        kept = slice(steps + 1)
        return replace(self, steps=self.steps[:steps], measured=self.measured[kept], warps=self.warps[kept])

    def distances(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Give distances ``[n, m]`` in the lengthscales of the lowest rung."""
        return self.base.distances(first, second)

    def predict(self, units: np.ndarray, *, noise: bool = True) -> Prediction:
        """Predict in the metric's own units.

        As the process of one rung does: quantiles are exact, mean and standard deviation take nothing into account
        that lies more than one range of the data beyond the data, those of the highest rung with any.
        """
        mean, deviation = self.latent(units)
        spread = np.hypot(deviation, self.noise) if noise else deviation
        nodes, weights = hermegauss(NODES)
        rung = next((values for values in self.measured[::-1] if np.isfinite(values).any()), np.zeros(1))
        low, high = float(np.nanmin(rung)), float(np.nanmax(rung))
        beyond = max(high - low, 1.0)
        latent = np.clip(mean[:, None] + spread[:, None] * nodes, low - beyond, high + beyond)
        draws = self.warp.inverse(latent.ravel()).reshape(latent.shape)
        largest = np.maximum(np.max(np.abs(draws), axis=1), np.finfo(float).tiny)
        parts = draws / largest[:, None]  # squares of large floats would leave their range
        weights = weights / weights.sum()
        average = parts @ weights
        variance = (parts - average[:, None]) ** 2 @ weights
        quantiles = self.quantiles(units, LEVELS, noise=noise)
        return Prediction(
            average * largest, np.sqrt(variance) * largest, dict(zip(LEVELS, quantiles.T, strict=True))
        )

    def held_out(self) -> Scores:
        """Score leave-one-out predictions of the highest rung; those of the lowest while it has no step."""
        return self._scores

    @cached_property
    def _scores(self) -> Scores:
        if not self.steps or not len(self.steps[-1].units):
            return self.base.held_out()
        step = self.steps[-1]
        error, variance = np.zeros(len(step.units)), np.zeros(len(step.units))
        for member in step.members:
            precision = np.diagonal(member.precision)
            error += member.weight * member.weights / precision
            variance += member.weight / precision
        # Equation 5.12: the value minus its weight over the precision is what the rest expects.
        after = self.measured[-1][self._places(step.units)]
        unknown = np.full(len(after), -1)  # the rungs are tables of their own
        return score(self.warp, self.warp.inverse(after), after - error, np.sqrt(variance), unknown)

    def correlation(self, sign: float) -> float:
        """Give the correlation between lowest and highest rung over the better half of all configurations.

        From slopes and residuals, so that it is not distorted by which configurations were promoted (the
        correction for restricted range, Thorndike's case 2), and not flattered by hopeless ones.

        Args:
            sign: 1 where large values are good, -1 where small ones are; 0 for neither: then of all.
        """
        values = self.measured[0][np.isfinite(self.measured[0])]
        if not self.steps:
            return 1.0
        if len(values) < 2:
            return 0.0
        if sign:
            ahead = sign * values
            better = ahead[ahead >= np.median(ahead)]
            signal = 1.66 * float(np.std(better))  # the half of a normal has 0.603 of its standard deviation
        else:
            signal = float(np.std(values))
        left = 0.0
        for step in self.steps:
            signal, left = signal * step.slope, step.slope**2 * left + step.deviation**2
        return float(signal / np.sqrt(signal**2 + left)) if left else 1.0

    def _climbed(self, units: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """Give mean and variance after some steps, on from what was measured below."""
        mean, deviation = self.base.latent(units)
        variance = deviation**2
        if not self.steps:
            return mean, variance
        place = self._places(units)
        for number in range(steps):
            mean, variance = _known(self.measured[number], place, mean, variance)
            step = self.steps[number]
            same = (place[:, None] == self._places(step.units)) & (place[:, None] >= 0)
            mean, variance = step.climb(self.base.distances(units, step.units), same, mean, variance)
        return mean, variance

    def _places(self, units: np.ndarray) -> np.ndarray:
        rows = self._rows
        return np.array([rows.get(key, -1) for key in _keys(units)], dtype=int)

    @cached_property
    def _rows(self) -> Mapping[bytes, int]:
        return {key: row for row, key in enumerate(_keys(self.units))}


def fit_rungs(
    recipe: AbstractSurrogate, data: Dataset, rungs: np.ndarray, name: str, *, rungs_used: Sequence[int], seed: int
) -> AbstractMetricModel | None:
    """Fit one metric over rungs.

    Args:
        recipe: fits the lowest rung.
        data: every training as a row; the last row of a configuration at a rung counts.
        rungs: ``[n]`` the rung of each row.
        name: of the metric.
        rungs_used: those that the model is made of, rising, the last being the highest.
        seed: of the fit.

    Returns:
        None where the metric has no finite value on the lowest rung that is used.

    Raises:
        FitFailed: the numbers defeat the recipe.
    """
    column = data.columns[name]
    lowest = next((rung for rung in rungs_used if np.isfinite(column.values[rungs == rung]).any()), None)
    if lowest is None:
        return None
    finite = np.isfinite(column.values) & (column.censored == 0)
    used = [rung for rung in rungs_used if rung >= lowest and (finite & (rungs == rung)).any()]
    used = used or [lowest]
    base = recipe.fit(_part(data, rungs == lowest, name), seed=seed, metrics=[name]).models.get(name)
    if base is None:
        return None
    units, place = np.unique(np.round(data.units, DIGITS), axis=0, return_inverse=True)
    place = place.ravel()
    first = np.zeros(len(units), dtype=int)
    first[place[::-1]] = np.arange(len(place))[::-1]
    units = data.units[first]
    values = np.full((len(used), len(units)), np.nan)
    for level, rung in enumerate(used):
        rows = np.flatnonzero((rungs == rung) & finite)
        values[level, place[rows]] = column.values[rows]
    measured = np.full(values.shape, np.nan)
    measured[0] = base.warp.forward(values[0])
    unit = Level.like(measured[0], values)
    mean, deviation = base.latent(units)
    variance = deviation**2
    steps: list[Step] = []
    warps: list[AbstractWarp] = [base.warp]
    for level in range(1, len(used)):
        mean, variance = _known(measured[level - 1], np.arange(len(units)), mean, variance)
        rows = np.flatnonzero(np.isfinite(values[level]))[-MAX_STEP_ROWS:]
        warps.append(unit.matched(values[level, rows], mean[rows]))
        measured[level] = warps[-1].forward(values[level])
        there = units[rows]
        step = fit_step(base.distances(there, there), there, mean[rows], variance[rows], measured[level, rows])
        same = np.zeros((len(units), len(rows)), dtype=bool)
        same[rows, np.arange(len(rows))] = True
        mean, variance = step.climb(base.distances(units, there), same, mean, variance)
        steps.append(step)
    return RungProcess(base, tuple(steps), units, measured, tuple(warps))


def _part(data: Dataset, rows: np.ndarray, name: str) -> Dataset:
    """Keep some rows and one metric; what failed is not a metric's business."""
    column = data.columns[name]
    kept = Column(column.values[rows], column.errors[rows], column.censored[rows])
    numbers = tuple(number for number, keep in zip(data.numbers, rows, strict=True) if keep)
    return Dataset(data.space, data.units[rows], {name: kept}, np.zeros(int(rows.sum()), dtype=bool), numbers)


def _known(
    measured: np.ndarray, place: np.ndarray, mean: np.ndarray, variance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Put what was measured in the place of what was expected."""
    found = np.where(place >= 0, measured[place], np.nan)
    seen = np.isfinite(found)
    return np.where(seen, found, mean), np.where(seen, 0.0, variance)


def _keys(units: np.ndarray) -> list[bytes]:
    return [row.tobytes() for row in np.ascontiguousarray(np.round(units, DIGITS) + 0.0)]
