"""The posterior of a sum of powers: exponents on a grid, everything linear in closed form.

    y = c_0 + side * sum over k of c_k exp(-e_k d_k'u),   all c at least 0 where the metric is positive

is linear in c for given exponents (variable projection), so its likelihood is maximised over c in closed form, for
a few hundred exponents at once; no start has to be guessed.

Symbols:
    u ``[n, p]``   centred logarithms of the inputs
    d_k, e_k       direction of a term (an input, a product or a ratio of two) and its exponent
    X, t           the columns of c, and the values, both divided by their standard deviations
    s2             variance of what the law leaves, in units of those standard deviations; InvGamma prior
    mu, L          mean and diagonal precision of the prior of c

    score = -(n + v0) / 2 log s2 - k log n / 2 - (c - mu)'L(c - mu) / 2

The volume of the coefficients is Schwarz's, k log n / 2, and not Laplace's: terms with small exponents are nearly
parallel to the floor, and integrating over what they then leave open would favour the smallest exponents.

Source: Golub & Pereyra 2003, "Separable nonlinear least squares: the variable projection method and its
applications" (Inverse Problems 19); that it removes the bias of parabola fits to scaling laws: arXiv 2603.22339;
Schwarz 1978, "Estimating the dimension of a model" (Annals of Statistics 6).
"""

from dataclasses import dataclass

import numpy as np

LEAST_WEIGHT = 2.0
"""v0: for how many rows the prior of the variance counts."""
BOUND_PASSES = 3
RIDGE = 1e-13
"""What is added to a diagonal of ones."""


@dataclass(frozen=True)
class Profile:
    """Coefficients and score at `g` settings of the exponents.

    Args:
        coefficients: ``[g, k]``.
        covariance: ``[g, k, k]`` of the coefficients.
        variance: ``[g]`` s2.
        score: ``[g]`` log-likelihood with the coefficients accounted for, up to a constant.
    """

    coefficients: np.ndarray
    covariance: np.ndarray
    variance: np.ndarray
    score: np.ndarray


def profile(
    gram: np.ndarray,
    right: np.ndarray,
    total: float,
    num_rows: int,
    *,
    mean: np.ndarray,
    precision: np.ndarray,
    bounded: bool,
    least: float,
) -> Profile:
    """Solve for the coefficients at many settings.

    Args:
        gram: ``[g, k, k]`` X'X.
        right: ``[g, k]`` X't.
        total: t't.
        num_rows: n.
        mean: ``[k]`` mu.
        precision: ``[k]`` the diagonal of L.
        bounded: whether coefficients stay at or above zero.
        least: standard deviation that the prior of s2 stands for.
    """
    num = gram.shape[1]
    eye = np.eye(num)
    variance = np.full(len(gram), least**2)
    coefficients = np.zeros_like(right)
    for _ in range(3):
        posterior = gram / variance[:, None, None] + precision * eye
        pull = right / variance[:, None] + precision * mean
        coefficients = _solved(posterior, pull)
        if bounded:
            coefficients = _bounded(posterior, pull, coefficients)
        fitted = np.einsum("gi,gij,gj->g", coefficients, gram, coefficients)
        left = np.maximum(total - 2.0 * np.einsum("gi,gi->g", coefficients, right) + fitted, 0.0)
        variance = (LEAST_WEIGHT * least**2 + left) / (LEAST_WEIGHT + num_rows)
    # What the coefficients used up is lost to the variance, and to how sharply exponents can be told apart.
    free = max(LEAST_WEIGHT + num_rows - num, 1.0)
    sharp = np.log(variance / np.min(variance))
    away = coefficients - mean
    score = (
        -0.5 * (num_rows + LEAST_WEIGHT) * np.log(np.min(variance))
        - 0.5 * free * sharp
        - 0.5 * num * np.log(num_rows)
        - 0.5 * (away**2) @ precision
    )
    variance = variance * (LEAST_WEIGHT + num_rows) / free
    posterior = gram / variance[:, None, None] + precision * eye
    covariance = _solved(posterior[:, None], np.broadcast_to(eye, (len(gram), num, num)))
    return Profile(coefficients, covariance, variance, score)


def _solved(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve ``[..., k, k]`` positive systems for ``[..., k]``, of which some may be singular to rounding.

    Values over many decades, weighed as ratios, make the diagonal span twice as many.
    """
    size = np.sqrt(np.einsum("...ii->...i", matrix))
    scaled = matrix / (size[..., :, None] * size[..., None, :]) + RIDGE * np.eye(matrix.shape[-1])
    return np.asarray(np.linalg.solve(scaled, (right / size)[..., None])[..., 0] / size)


def _bounded(posterior: np.ndarray, pull: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Hold the most negative coefficient of each setting at zero, one after the other."""
    fixed = np.zeros(coefficients.shape, dtype=bool)
    eye = np.eye(coefficients.shape[1])
    for _ in range(min(BOUND_PASSES, coefficients.shape[1])):
        wrong = np.flatnonzero((coefficients < 0).any(axis=1))
        if not len(wrong):
            break
        fixed[wrong, np.argmin(coefficients[wrong], axis=1)] = True
        held = fixed[wrong]
        free = ~held
        reduced = np.where(free[:, :, None] & free[:, None, :], posterior[wrong], eye)
        coefficients = coefficients.copy()
        coefficients[wrong] = _solved(reduced, np.where(free, pull[wrong], 0.0))
    return np.asarray(np.maximum(coefficients, 0.0))


def bounded_least_squares(columns: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Give the coefficients ``[k]``, at least 0, of columns ``[n, k]`` that leave least of values ``[n]``.

    Every set of coefficients may be the one above zero; for up to four all are tried, which is exact.
    """
    num = columns.shape[1]
    best, lowest = np.zeros(num), float(values @ values)
    for mask in range((1 << num) - 1, 0, -1):
        used = np.flatnonzero([mask >> place & 1 for place in range(num)])
        found = np.linalg.lstsq(columns[:, used], values, rcond=None)[0]
        if (found < 0).any():
            continue
        left = values - columns[:, used] @ found
        if left @ left < lowest:
            best = np.zeros(num)
            best[used], lowest = found, float(left @ left)
            if mask == (1 << num) - 1:
                break  # nothing is better than the free ones, where they are not below zero
    return best
