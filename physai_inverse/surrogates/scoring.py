"""How far a model was right about values that it had not seen.

Symbols: z held-out latent values, m and s their predicted mean and standard deviation ``[rows]``.
"""

from functools import cache

import numpy as np

from physai_inverse.forward import AbstractWarp, Scores, normal_quantile
from physai_inverse.normal import ndtr

NUM_LEVELS = 32
"""Nodes of the quadrature over quantiles behind the continuous ranked probability score."""


def score(
    warp: AbstractWarp, measured: np.ndarray, mean: np.ndarray, deviation: np.ndarray, places: np.ndarray
) -> Scores:
    """Score predicted normals on the latent scale against values in the metric's units.

    Args:
        warp: the way to the latent scale.
        measured: ``[rows]`` values; censored ones left out.
        mean: ``[rows]`` predicted latent mean.
        deviation: ``[rows]`` predicted latent standard deviation, noise included.
        places: ``[rows]`` the row of the dataset that each value stands in.
    """
    if not len(measured):
        return no_scores()
    offset = (warp.forward(measured) - mean) / deviation
    log_density = warp.log_slope(measured) - np.log(deviation) - 0.5 * (offset**2 + np.log(2.0 * np.pi))
    standard = np.array([normal_quantile(level) for level in scored_levels()])
    return scored(warp, measured, mean[:, None] + standard * deviation[:, None], ndtr(offset), log_density, places)


def scored_levels() -> tuple[float, ...]:
    """Give the levels of the quantiles that `scored` asks for: the median, 5 % and 95 %, and the quadrature's."""
    return (0.5, 0.05, 0.95, *quadrature()[0])


def scored(
    warp: AbstractWarp,
    measured: np.ndarray,
    quantiles: np.ndarray,
    ranks: np.ndarray,
    log_density: np.ndarray,
    places: np.ndarray,
) -> Scores:
    """Score predicted distributions on the latent scale against values in the metric's units.

    Args:
        warp: the way to the latent scale.
        measured: ``[rows]`` values, at least one; censored ones left out.
        quantiles: ``[rows, levels]`` predicted latent quantiles at `scored_levels`.
        ranks: ``[rows]`` predicted probability below each value.
        log_density: ``[rows]`` predicted log density of each value, in the metric's units.
        places: ``[rows]`` the row of the dataset that each value stands in.
    """
    latent, median = warp.forward(measured), quantiles[:, 0]
    predicted, low, high, *_ = (in_units := warp.inverse(quantiles)).T
    return Scores(
        rows=len(measured),
        rmse=_root_mean_square(predicted, measured),
        r2=explained(latent, median),
        rank_correlation=rank_correlation(median, latent),
        log_density=float(np.mean(log_density)),
        coverage_50=float(np.mean(np.abs(ranks - 0.5) <= 0.25)),
        coverage_90=float(np.mean(np.abs(ranks - 0.5) <= 0.45)),
        crps=float(np.mean(ranked_probability(in_units[:, 3:], measured))),
        places=places,
        ranks=ranks,
        predicted=predicted,
        low=low,
        high=high,
        measured=measured,
    )


def no_scores() -> Scores:
    """Give the scores of a model with nothing held out."""
    nothing, missing = np.empty(0), float("nan")
    return Scores(
        rows=0,
        rmse=missing,
        r2=missing,
        rank_correlation=missing,
        log_density=missing,
        coverage_50=missing,
        coverage_90=missing,
        crps=missing,
        places=nothing.astype(int),
        ranks=nothing,
        predicted=nothing,
        low=nothing,
        high=nothing,
        measured=nothing,
    )


@cache
def quadrature() -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Give levels between 0 and 1 with their weights, by the rule of Gauss and Legendre."""
    nodes, weights = np.polynomial.legendre.leggauss(NUM_LEVELS)
    return tuple((0.5 * (nodes + 1.0)).tolist()), tuple((0.5 * weights).tolist())


def ranked_probability(quantiles: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Give the continuous ranked probability score ``[n]``: twice the quantile loss, averaged over levels.

    Source: Gneiting & Raftery 2007, "Strictly proper scoring rules, prediction, and estimation", section 4.2 and
    equation 20 with the quantile decomposition of Laio & Tamea 2007 (Hydrology and Earth System Sciences 11).

    Args:
        quantiles: ``[n, levels]`` at the levels of `quadrature`.
        measured: ``[n]`` values.
    """
    levels, weights = (np.array(item) for item in quadrature())
    beyond = measured[:, None] - quantiles
    return np.asarray(2.0 * (np.maximum(levels * beyond, (levels - 1.0) * beyond) @ weights))


def explained(values: np.ndarray, predicted: np.ndarray) -> float:
    """Give the share of the variance of `values` that is explained; NaN where they do not vary."""
    total = float(np.sum((values - np.mean(values)) ** 2))
    return 1.0 - float(np.sum((values - predicted) ** 2)) / total if total > 0 else float("nan")


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Give Spearman's rank correlation (Pearson's of mean ranks); NaN where a side does not vary."""
    one, two = (ranks - np.mean(ranks) for ranks in (mean_ranks(first), mean_ranks(second)))
    size = float(np.sqrt((one @ one) * (two @ two)))
    return float(one @ two) / size if size > 0 else float("nan")


def mean_ranks(values: np.ndarray) -> np.ndarray:
    """Give ranks from 1; equal values share the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - 0.5 * (count - 1))[place.ravel()], dtype=float)


def _root_mean_square(first: np.ndarray, second: np.ndarray) -> float:
    half = first / 2.0 - second / 2.0  # a difference of two large floats may leave their range
    largest = float(np.max(np.abs(half)))
    if largest == 0.0:
        return 0.0
    root = float(np.sqrt(np.mean((half / largest) ** 2)))
    return float(min(root * largest, np.finfo(float).max / 2.0)) * 2.0
