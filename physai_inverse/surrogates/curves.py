"""The rest of a learning curve from its first part, the configuration, and the whole curves of other trainings.

Curves are compared at equal shares of their way, on the scale of ratios where all values are positive:

    z_i(p) = m(p) + sum over k of a_ik f_k(p) + r_i(p) + noise

m and f_k are mean and leading components of the whole curves, the scores a_ik are metrics of the configuration
with maps of their own (`laws`: they extrapolate over sizes), r_i is what the components leave, correlated along
the way. For a new training this is a Gaussian prior over its whole curve; its first part conditions it in closed
form.

Symbols: p share of the way, ``[t]`` a grid of it.

Source: functional principal components, Ramsay & Silverman, "Functional Data Analysis" (2005), chapter 8;
conditioning on a part, Rasmussen & Williams (2006), equation 2.23.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from physai_inverse.errors import InvalidInput
from physai_inverse.forward import AbstractMetricModel, AbstractSurrogate, Column, Dataset, normal_quantile
from physai_inverse.observations import Config, Curve
from physai_inverse.space import Space
from physai_inverse.surrogates.laws.process import LawProcess
from physai_inverse.surrogates.schedules import CurvePrediction

NUM_GRID = 40
MOST_COMPONENTS = 4
EXPLAINED = 0.9995
"""Share of the variance of the curves from which no more components are taken."""
LEAST_CURVES = 4
LEAST_POINTS = 4
ALONG = 0.5
"""Distance, in nats of the share of the way, over which what the components leave stays alike."""
MOST_POINTS = 48
"""Points of a first part that are conditioned on: the means of as many stretches of it."""
TRIED = (0.15, 0.3, 0.6)
"""Shares of the way from which the rest of every whole curve is predicted, to stretch the spread to the misses."""
LEAST_NOISE = 1e-4
DOUBTS = (0.0, 1.0, 4.0, 16.0)
"""What may be tried; a first part has bends of its own that the rest need not share."""
FAR_RATIO = 16.0
"""Of squared miss to variance, beyond which one curve says no more."""


@dataclass(frozen=True)
class CurveMap:
    """What whole curves say of others.

    Args:
        space: of the configurations.
        shares: ``[t]`` shares of the way, increasing, the last one.
        ratios: whether curves are on the scale of ratios.
        mean: ``[t]`` m.
        components: ``[k, t]`` f.
        scores: the map of each score.
        left: ``[t]`` standard deviation of r.
        noise: standard deviation of one point.
        stretch: by how much standard deviations are stretched to what was missed.
        doubt: variance of a known point on top of the noise, as a multiple of that of r.
    """

    space: Space
    shares: np.ndarray
    ratios: bool
    mean: np.ndarray
    components: np.ndarray
    scores: tuple[AbstractMetricModel, ...]
    left: np.ndarray
    noise: float
    stretch: float = 1.0
    doubt: float = 0.0

    @classmethod
    def fit(
        cls,
        space: Space,
        configs: Sequence[Config],
        curves: Sequence[Curve],
        *,
        seed: int,
        recipe: AbstractSurrogate | None = None,
    ) -> "CurveMap":
        """Fit to whole curves.

        Args:
            space: of the configurations.
            configs: one a curve.
            curves: from the first step to the last of each training.
            seed: of what is drawn.
            recipe: of the maps of the scores; `LawProcess` where it is left out.

        Raises:
            InvalidInput: fewer than four curves, a curve of fewer than four points or with a value that is not
                finite, or a configuration that does not fit the space.
            FitFailed: see `recipe`.
        """
        if len(curves) < LEAST_CURVES or len(configs) != len(curves):
            raise InvalidInput(
                f"At least {LEAST_CURVES} whole curves are needed, each with its configuration; "
                f"got {len(curves)} curves and {len(configs)} configurations."
            )
        for curve in curves:
            if len(curve) < LEAST_POINTS or not np.isfinite(curve.values).all():
                raise InvalidInput(f"A whole curve needs {LEAST_POINTS} points or more, all finite.")
        ratios = all(min(curve.values) > 0 for curve in curves)
        first = max(max(curve.steps[0], 1e-12) / curve.steps[-1] for curve in curves)
        half = NUM_GRID // 2
        shares = np.unique(np.concatenate([np.geomspace(first, 1.0, half), np.linspace(first, 1.0, half + 1)]))
        shares[-1] = 1.0
        whole = np.stack([_on_grid(curve, shares, ratios) for curve in curves])
        sizes = np.linalg.svd(whole - whole.mean(axis=0), compute_uv=False)
        explained = np.cumsum(sizes**2) / max(float(np.sum(sizes**2)), 1e-300)
        num = min(int(np.searchsorted(explained, EXPLAINED)) + 1, MOST_COMPONENTS, len(curves) - 2)
        mean, components = _components(whole, num)
        scores = (whole - mean) @ components.T
        unseen = [_components(np.delete(whole, row, axis=0), num) for row in range(len(whole))]
        rest = np.stack([_rest(curve, *basis) for curve, basis in zip(whole, unseen, strict=True)])
        noise = max(_noise(curves, ratios), LEAST_NOISE * (1.0 if ratios else float(np.std(whole))))
        left = np.sqrt(np.mean(rest**2, axis=0))
        left = np.maximum(left, 0.5 * float(np.sqrt(np.mean(left**2))))
        models = _maps(space, configs, scores, recipe or LawProcess(), seed)
        fitted = cls(space, shares, ratios, mean, components, models, left, noise)
        tried = [replace(fitted, doubt=doubt) for doubt in DOUBTS]
        found = [one._missed(whole, unseen) for one in tried]
        best = max(range(len(DOUBTS)), key=lambda place: found[place][1])
        return replace(tried[best], stretch=found[best][0])

    def predict(
        self, config: Config, first_part: Curve | None, steps: Sequence[float] | np.ndarray, *, last_step: float
    ) -> CurvePrediction:
        """Predict points of a curve.

        Args:
            config: of the training.
            first_part: what is known of its curve; None for nothing.
            steps: ``[n]`` where to predict.
            last_step: where the training will end.

        Raises:
            InvalidInput: a step beyond the last, a value of the first part that is not finite (or not positive,
                where all whole curves are), or a configuration that does not fit the space.
        """
        at = np.asarray(steps, dtype=float)
        if not (np.isfinite(at).all() and (at >= 0).all() and (at <= last_step).all()):
            raise InvalidInput(f"`steps` must lie from 0 to `last_step`, {last_step:g}.")
        units = self.space.encode([config])
        predicted = [model.predict(units) for model in self.scores]
        centre = np.array([float(one.mean[0]) for one in predicted])
        spread = np.maximum([float(one.standard_deviation[0]) for one in predicted], self._least)
        known = None if first_part is None else self._known(first_part, last_step)
        mean, covariance = self._conditioned(centre, spread, known)
        matrix = _interpolation(self.shares, at / last_step)
        latent = matrix @ mean
        variance = self.stretch**2 * np.einsum("nt,tu,nu->n", matrix, covariance, matrix) + self.noise**2
        deviation = np.sqrt(np.maximum(variance, 0.0))
        if not self.ratios:
            return CurvePrediction(at, latent, deviation)
        average = np.exp(np.clip(latent, -700.0, 700.0))  # the median: what a curve's typical point is
        return CurvePrediction(at, average, average * np.sqrt(np.expm1(np.minimum(deviation**2, 100.0))))

    @cached_property
    def _least(self) -> np.ndarray:
        """Standard deviation of each score that no prediction goes below: what its map missed of rows held out.

        The sign and the scale of a score mean nothing, so that a warp may make too much of one of its ends.
        """
        return np.array(
            [one.rmse if np.isfinite(one.rmse) else 0.0 for one in (m.held_out() for m in self.scores)]
        )

    def _known(self, first_part: Curve, last_step: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Shares ``[m]``, values ``[m]`` and variances ``[m]`` of a first part, averaged over stretches."""
        shares, values = np.array(first_part.steps) / last_step, np.array(first_part.values)
        if not np.isfinite(values).all() or (self.ratios and not (values > 0).all()):
            raise InvalidInput(
                "The first part of a curve must be finite, and positive where the whole curves are."
            )
        inside = (shares >= self.shares[0]) & (shares <= 1.0)
        shares, values = shares[inside], (np.log(values[inside]) if self.ratios else values[inside])
        parts = [part for part in np.array_split(np.arange(len(shares)), MOST_POINTS) if len(part)]
        if not parts:
            return np.empty(0), np.empty(0), np.empty(0)
        places = np.array([shares[part].mean() for part in parts])
        noise = self.noise**2 / np.array([len(part) for part in parts])
        doubt = self.doubt * np.interp(places, self.shares, self.left) ** 2
        return places, np.array([values[part].mean() for part in parts]), noise + doubt

    def _conditioned(
        self, centre: np.ndarray, spread: np.ndarray, known: tuple[np.ndarray, np.ndarray, np.ndarray] | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean ``[t]`` and covariance ``[t, t]`` of a curve, given scores and a first part."""
        mean = self.mean + centre @ self.components
        covariance = (self.components.T * spread**2) @ self.components
        apart = np.abs(np.log(self.shares)[:, None] - np.log(self.shares))
        covariance = covariance + np.outer(self.left, self.left) * np.exp(-apart / ALONG)
        if known is None or not len(known[0]):
            return mean, covariance
        shares, values, variances = known
        matrix = _interpolation(self.shares, shares)
        across = covariance @ matrix.T
        inner = matrix @ across + np.diag(variances)
        gain = np.linalg.solve(inner, across.T).T
        return mean + gain @ (values - matrix @ mean), covariance - gain @ across.T

    def _missed(self, whole: np.ndarray, unseen: list[tuple[np.ndarray, np.ndarray]]) -> tuple[float, float]:
        """Predict the rest of each curve from first parts by what never saw it.

        Returns:
            The ratio of misses to what was expected of them, at least one, and the mean log density.
        """
        held = [model.held_out() for model in self.scores]
        if any(one.rows != len(whole) for one in held):
            return 1.0, 0.0
        scores = np.stack([one.predicted for one in held], axis=1)
        spreads = np.stack([(one.high - one.low) / (2.0 * normal_quantile(0.95)) for one in held], axis=1)
        spreads = np.maximum(spreads, self._least)
        ratios: list[float] = []
        densities: list[float] = []
        for curve, (mean, components), score, spread in zip(whole, unseen, scores, spreads, strict=True):
            others = replace(self, mean=mean, components=components)
            turned = components @ self.components.T  # from the scores of all curves to those of the others
            centre = turned @ score + components @ (self.mean - mean)
            deviation = np.sqrt(turned**2 @ spread**2)
            for tried in TRIED:
                seen = self.shares <= max(tried, self.shares[0])
                known = (self.shares[seen], curve[seen], self.noise**2 + self.doubt * self.left[seen] ** 2)
                expected, covariance = others._conditioned(centre, deviation, known)
                variance = np.diag(covariance)[~seen] + self.noise**2
                squares = (expected - curve)[~seen] ** 2 / variance
                ratios.append(min(float(np.mean(squares)), FAR_RATIO))
                densities.append(-0.5 * float(np.mean(np.minimum(squares, FAR_RATIO) + np.log(variance))))
        return float(np.sqrt(max(float(np.mean(ratios)), 1.0))), float(np.mean(densities))


def _components(whole: np.ndarray, num: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean ``[t]`` and leading components ``[num, t]`` of curves ``[n, t]``."""
    mean = whole.mean(axis=0)
    return mean, np.linalg.svd(whole - mean, full_matrices=False)[2][:num]


def _rest(curve: np.ndarray, mean: np.ndarray, components: np.ndarray) -> np.ndarray:
    """What components leave of a curve, ``[t]``."""
    away = curve - mean
    return np.asarray(away - (away @ components.T) @ components)


def _maps(
    space: Space, configs: Sequence[Config], scores: np.ndarray, recipe: AbstractSurrogate, seed: int
) -> tuple[AbstractMetricModel, ...]:
    """The map of each column of scores ``[n, k]``."""
    units = space.encode([dict(config) for config in configs])
    zeros = np.zeros(len(units))
    names = [f"score {place + 1}" for place in range(scores.shape[1])]
    columns = {
        name: Column(column, zeros, zeros.astype(int)) for name, column in zip(names, scores.T, strict=True)
    }
    forward = recipe.fit(Dataset(space, units, columns, zeros.astype(bool)), seed=seed)
    return tuple(forward.models[name] for name in names)


def _on_grid(curve: Curve, shares: np.ndarray, ratios: bool) -> np.ndarray:
    values = np.log(curve.values) if ratios else np.array(curve.values)
    return np.asarray(np.interp(shares, np.array(curve.steps) / curve.steps[-1], values))


def _noise(curves: Sequence[Curve], ratios: bool) -> float:
    """Standard deviation of one point about a straight line through its neighbours, over root three halves."""
    bends = []
    for curve in curves:
        values = np.log(curve.values) if ratios else np.array(curve.values)
        bends.append(values[1:-1] - 0.5 * (values[2:] + values[:-2]))
    sizes: np.ndarray = np.abs(np.concatenate(bends))
    return float(1.4826 * np.median(sizes) / np.sqrt(1.5))


def _interpolation(grid: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Give the matrix ``[n, t]`` that interpolates from a grid ``[t]`` at places ``[n]``; level beyond."""
    right = np.clip(np.searchsorted(grid, at), 1, len(grid) - 1)
    share = np.clip((at - grid[right - 1]) / (grid[right] - grid[right - 1]), 0.0, 1.0)
    matrix = np.zeros((len(at), len(grid)))
    rows = np.arange(len(at))
    matrix[rows, right - 1] = 1.0 - share
    matrix[rows, right] += share
    return matrix
