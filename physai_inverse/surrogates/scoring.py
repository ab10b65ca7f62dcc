"""How far a model was right about values that it had not seen.

Symbols: z held-out latent values, m and s their predicted mean and standard deviation ``[rows]``.
"""

import numpy as np

from physai_inverse.forward import AbstractWarp, Scores, normal_quantile

MIDDLE_HALF = normal_quantile(0.75)
MIDDLE_NINE_TENTHS = normal_quantile(0.95)


def score(warp: AbstractWarp, measured: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> Scores:
    """Score predicted normals on the latent scale against values in the metric's units.

    Args:
        warp: the way to the latent scale.
        measured: ``[rows]`` values; censored ones left out.
        mean: ``[rows]`` predicted latent mean.
        deviation: ``[rows]`` predicted latent standard deviation, noise included.
    """
    if not len(measured):
        nothing = np.empty(0)
        missing = float("nan")
        return Scores(0, missing, missing, missing, missing, missing, missing, nothing, nothing, nothing, nothing)
    latent = warp.forward(measured)
    offset = (latent - mean) / deviation
    log_density = warp.log_slope(measured) - np.log(deviation) - 0.5 * (offset**2 + np.log(2.0 * np.pi))
    predicted = warp.inverse(mean)
    return Scores(
        rows=len(measured),
        rmse=_root_mean_square(predicted, measured),
        r2=explained(latent, mean),
        rank_correlation=rank_correlation(mean, latent),
        log_density=float(np.mean(log_density)),
        coverage_50=float(np.mean(np.abs(offset) <= MIDDLE_HALF)),
        coverage_90=float(np.mean(np.abs(offset) <= MIDDLE_NINE_TENTHS)),
        predicted=predicted,
        low=warp.inverse(mean - MIDDLE_NINE_TENTHS * deviation),
        high=warp.inverse(mean + MIDDLE_NINE_TENTHS * deviation),
        measured=measured,
    )


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
