"""What closed forms say at fixed settings: the first opinion that the network is given, and corrects.

Nothing is fitted to convergence. The relevance of a column is its share in an additive ridge regression on
cosines. Eleven Gaussian processes give a mean and a deviation each, left out one by one at the rows that have a
value: the additive one; two whose lengthscales are alike; four whose lengthscales follow the relevances; four
whose lengthscales took three bounded steps up the evidence from there. Their evidences weigh them.

Symbols: b tasks, n rows with a value (the context), N >= n rows with those that are asked, f columns, j opinions.
X ``[b, N, f]`` columns in the unit cube, context first; z ``[b, n]`` values; K covariance; C = K + noise = L L^T.

Everything is computed in the precision that X and z have.

Source: leave-one-out means z - C^-1 z / diag(C^-1) and variances 1 / diag(C^-1), Rasmussen & Williams (2006),
section 5.4.2; the slope of the evidence, equation 5.9, with the output scale at its maximum.
"""

import math
from dataclasses import dataclass

import numpy as np

from physai_inverse.surrogates.fortran import lapack

MAX_COLUMNS = 32
"""Columns that the network has room for."""
FREQUENCIES = 3
"""Cosines a column: half a wave, one, and one and a half."""
ADDITIVE_NOISE = 0.1
"""Variance of the noise over that of the additive function."""
SETTINGS = (
    ("alike", 0.6, 0.02),
    ("alike", 1.5, 0.02),
    ("relevant", 0.5, 0.02),
    ("relevant", 1.0, 0.002),
    ("relevant", 1.0, 0.1),
    ("relevant", 2.5, 0.1),
    ("climbed", 0.6, 0.02),
    ("climbed", 1.0, 0.001),
    ("climbed", 1.0, 0.1),
    ("climbed", 1.8, 0.02),
)
"""Whence the lengthscales; their factor; variance of the noise over that of the function."""
NUM_OPINIONS = 1 + len(SETTINGS)
BASE_LENGTH = 0.3
"""Lengthscale of one column alone; alike ones grow with the root of the number of parameters (as in
`surrogates.fit`)."""
LEAST_RELEVANCE = 0.03
"""Relevance that every parameter keeps, over their number."""
MEAN_VARIANCE = 1.0
"""Prior variance of the constant mean, over that of the function."""
SCALE_SHAPE, SCALE_RATE = 1.0, 1.0
"""Values of variance 1 that the output scale has behind it, so that a few equal values do not make it nothing."""
CLIMB_STEPS, CLIMB_NOISE = 3, 0.03
LARGEST_STEP, STEP_SCALE = 1.2, 0.25
"""A step in the logarithm of an inverse lengthscale: the largest, and the step over the slope at small slopes."""


@dataclass(frozen=True)
class Hints:
    """Opinions of closed forms, on the scale of the values.

    Args:
        relevance: ``[b, f]`` shares of the columns' parameters, adding up to one over the parameters.
        inverse_lengths: ``[b, f]`` of the columns, after the climb.
        distances: ``[b, N, n]`` to the context, in those lengths.
        means: ``[b, N, j]``, left out one by one at the context.
        deviations: ``[b, N, j]`` of one more value, noise included.
        weights: ``[b, j]`` by evidence, adding up to one.
        log_evidence: ``[b]`` of the values, summed over the opinions, up to a constant of `n` alone.
    """

    relevance: np.ndarray
    inverse_lengths: np.ndarray
    distances: np.ndarray
    means: np.ndarray
    deviations: np.ndarray
    weights: np.ndarray
    log_evidence: np.ndarray


@dataclass(frozen=True)
class _Opinion:
    mean: np.ndarray
    deviation: np.ndarray
    evidence: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class _Columns:
    """Which columns count, and which belong together.

    Args:
        counts: ``[b, f]`` booleans.
        same: ``[b, f, f]`` 1 for columns of one parameter.
        sizes: ``[b, f]`` columns of the parameter of each, at least 1.
        parameters: ``[b]`` their number, at least 1.
    """

    counts: np.ndarray
    same: np.ndarray
    sizes: np.ndarray
    parameters: np.ndarray

    @classmethod
    def of(cls, groups: np.ndarray, dtype: np.dtype) -> "_Columns":
        counts = groups >= 0
        same = ((groups[:, :, None] == groups[:, None, :]) & counts[:, :, None]).astype(dtype)
        sizes = np.maximum(same.sum(axis=2), 1.0)
        return cls(counts, same, sizes, np.maximum((counts / sizes).sum(axis=1), 1.0).astype(dtype))

    def pooled(self, values: np.ndarray) -> np.ndarray:
        """Give each column the sum over its parameter's columns."""
        return np.asarray(np.einsum("bfg,bg->bf", self.same, values))

    def per_parameter(self, values: np.ndarray) -> np.ndarray:
        """Sum values that are equal within a parameter, once a parameter: ``[b, 1]``."""
        return np.asarray((values / self.sizes).sum(axis=1, keepdims=True))


def hints(X: np.ndarray, z: np.ndarray, groups: np.ndarray) -> Hints:
    """Ask every closed form.

    Args:
        X: ``[b, N, f]`` columns, context first; columns that do not count are zero.
        z: ``[b, n]`` values of the context, around 0 with a spread around 1.
        groups: ``[b, f]`` the parameter that a column belongs to; -1 where the column does not count.

    Raises:
        np.linalg.LinAlgError: a covariance is not positive definite.
    """
    num = z.shape[1]
    columns = _Columns.of(groups, X.dtype)
    additive, relevance = _additive(X, z, columns)
    alike = (columns.counts / np.sqrt(columns.parameters)[:, None]).astype(X.dtype)
    relevant = np.sqrt(relevance + LEAST_RELEVANCE / columns.parameters[:, None]) * columns.counts
    relevant = relevant / np.sqrt(columns.per_parameter(relevant**2))
    climbed = _climbed(X[:, :num] - 0.5, z, relevant / BASE_LENGTH, columns)
    distances = {
        "alike": _distances(X, num, alike / BASE_LENGTH),
        "relevant": _distances(X, num, relevant / BASE_LENGTH),
        "climbed": _distances(X, num, climbed),
    }
    opinions = [additive]
    for source, factor, noise in SETTINGS:
        scaled = distances[source] * (math.sqrt(5.0) / factor)
        covariance = (1.0 + scaled + scaled**2 / 3.0) * np.exp(-scaled)  # Matern 5/2
        opinions.append(_opinion(covariance, np.ones_like(covariance[:, :, 0]), noise, z))
    evidence = np.stack([opinion.evidence for opinion in opinions], axis=1)
    weights = np.exp(evidence - evidence.max(axis=1, keepdims=True))
    return Hints(
        relevance=relevance,
        inverse_lengths=climbed,
        distances=distances["climbed"],
        means=np.stack([opinion.mean for opinion in opinions], axis=2),
        deviations=np.stack([opinion.deviation for opinion in opinions], axis=2),
        weights=weights / weights.sum(axis=1, keepdims=True),
        log_evidence=np.logaddexp.reduce(evidence, axis=1),
    )


def _additive(X: np.ndarray, z: np.ndarray, columns: _Columns) -> tuple[_Opinion, np.ndarray]:
    """Give the opinion of the additive process, and the relevances ``[b, f]`` that follow from it."""
    num = z.shape[1]
    steps = np.arange(1, FREQUENCIES + 1).astype(X.dtype)
    waves = np.cos(X[..., None] * (np.pi * steps).astype(X.dtype)) / steps * columns.counts[:, None, :, None]
    waves = waves - waves[:, :num].mean(axis=1, keepdims=True)
    waves = waves.reshape(*waves.shape[:2], -1)
    context = waves[:, :num]
    scale = 1.0 / np.maximum((context**2).sum(axis=2).mean(axis=1), 1e-6)
    covariance = waves @ context.swapaxes(1, 2) * scale[:, None, None]
    opinion = _opinion(covariance, (waves**2).sum(axis=2) * scale[:, None], ADDITIVE_NOISE, z)
    slopes = np.einsum("bnf,bn->bf", context, opinion.weights) * scale[:, None]
    shares = (slopes**2 * (context**2).mean(axis=1)).reshape(*columns.counts.shape, FREQUENCIES).sum(axis=2)
    pooled = columns.pooled(shares) * columns.counts
    return opinion, pooled / np.maximum(columns.per_parameter(pooled), 1e-9)


def _distances(X: np.ndarray, num: int, inverse_lengths: np.ndarray) -> np.ndarray:
    """Give distances ``[b, N, n]`` to the first `num` rows."""
    scaled = (X - 0.5) * inverse_lengths[:, None, :]
    squares = (scaled**2).sum(axis=2)
    products = scaled @ scaled[:, :num].swapaxes(1, 2)
    return np.asarray(np.sqrt(np.maximum(squares[:, :, None] + squares[:, None, :num] - 2.0 * products, 0.0)))


def _climbed(centred: np.ndarray, z: np.ndarray, inverse_lengths: np.ndarray, columns: _Columns) -> np.ndarray:
    """Take a few bounded steps up the evidence, held back by the distance from the start.

    Args:
        centred: ``[b, n, f]`` the context.
        z: ``[b, n]`` values.
        inverse_lengths: ``[b, f]`` to start from.
        columns: which belong together; they move together.
    """
    num = z.shape[1]
    logs = start = np.log(np.maximum(inverse_lengths, 1e-3))
    noise = MEAN_VARIANCE + CLIMB_NOISE * np.eye(num, dtype=z.dtype)
    for _ in range(CLIMB_STEPS):
        scaled = centred * (np.exp(logs) * columns.counts)[:, None, :]
        squares = (scaled**2).sum(axis=2)
        products = scaled @ scaled.swapaxes(1, 2)
        distance = np.sqrt(5.0 * np.maximum(squares[:, :, None] + squares[:, None, :] - 2.0 * products, 0.0))
        decay = np.exp(-distance)
        root, _ = _inverse_roots((1.0 + distance + distance**2 / 3.0) * decay + noise)
        inverse = root.swapaxes(1, 2) @ root
        weights = np.einsum("bmn,bn->bm", inverse, z)
        scale = (SCALE_RATE + np.einsum("bn,bn->b", z, weights)) / (SCALE_SHAPE + num)
        outer = weights[:, :, None] * weights[:, None, :] / scale[:, None, None]
        slope = (outer - inverse) * (1.0 + distance) * decay * (-5.0 / 6.0)  # over the squared distance
        along = np.einsum("bnf,bn->bf", scaled**2, slope.sum(axis=2)) - ((slope @ scaled) * scaled).sum(axis=1)
        logs = logs + LARGEST_STEP * np.tanh(STEP_SCALE * (2.0 * columns.pooled(along) - (logs - start)))
    return np.asarray(np.exp(logs) * columns.counts)


def _opinion(covariance: np.ndarray, own: np.ndarray, noise: float, z: np.ndarray) -> _Opinion:
    """Condition on the context: covariance ``[b, N, n]`` of noise-free values, own variances ``[b, N]``."""
    num = z.shape[1]
    cross = covariance + MEAN_VARIANCE
    root, log_determinant = _inverse_roots(cross[:, :num] + noise * np.eye(num, dtype=z.dtype))
    whitened = np.einsum("bmn,bn->bm", root, z)
    weights = np.einsum("bmn,bm->bn", root, whitened)
    scale = (SCALE_RATE + (whitened**2).sum(axis=1)) / (SCALE_SHAPE + num)
    evidence = -0.5 * log_determinant - 0.5 * (num + SCALE_SHAPE) * np.log(scale)
    diagonal = (root**2).sum(axis=1)
    asked = cross[:, num:]
    mean = np.concatenate([z - weights / diagonal, np.einsum("bqn,bn->bq", asked, weights)], axis=1)
    explained = ((asked @ root.swapaxes(1, 2)) ** 2).sum(axis=2)
    left = np.maximum(own[:, num:] + MEAN_VARIANCE - explained, 0.0) + noise
    variance = np.concatenate([1.0 / diagonal, left], axis=1)
    return _Opinion(mean, np.sqrt(variance * scale[:, None]), evidence, weights)


def _inverse_roots(matrices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the inverses of the lower factors L ``[b, n, n]``, and the log determinants ``[b]``.

    With them a variance is a difference from a sum of squares, which keeps its digits in 32 bits, as one with the
    inverse of C does not.

    Raises:
        np.linalg.LinAlgError: a matrix is not positive definite.
    """
    single = matrices.dtype == np.float32
    factor, invert = (lapack.spotrf, lapack.strtri) if single else (lapack.dpotrf, lapack.dtrtri)
    roots = np.empty_like(matrices)
    for place, matrix in enumerate(matrices):
        lower, wrong = factor(matrix.T, lower=1, clean=1)
        if wrong:
            raise np.linalg.LinAlgError(f"A covariance is not positive definite at row {wrong}.")
        roots[place] = invert(lower, lower=1, overwrite_c=1)[0]
    return roots, -2.0 * np.log(np.einsum("bnn->bn", roots)).sum(axis=1)
