"""What the network reads: one token a row, made of its columns, its value and what the closed forms say of it.

Columns stand in the order of their relevance, so that their order in the space does not matter and the network
finds the one that acts most in the same place. Everything about a value is measured against the closed forms'
joint opinion (mean m, deviation s), from which the network's answer starts.
"""

from dataclasses import dataclass

import numpy as np

from physai_inverse.surrogates.prior_fitted.hints import MAX_COLUMNS, NUM_OPINIONS, Hints

WIDTH = 3 * MAX_COLUMNS + 3 * NUM_OPINIONS + 8
"""Numbers in a token."""
REACH = 6.0
"""Numbers beyond this are drawn in."""
LEAST_DEVIATION = 0.003


@dataclass(frozen=True)
class Tokens:
    """The network's input for b tasks.

    Args:
        rows: ``[b, N, WIDTH]``.
        distances: ``[b, N, n]`` to the context, in lengthscales.
        centre: ``[b, N]`` m.
        spread: ``[b, N]`` s.
    """

    rows: np.ndarray
    distances: np.ndarray
    centre: np.ndarray
    spread: np.ndarray


def tokens(X: np.ndarray, z: np.ndarray, censored: np.ndarray, groups: np.ndarray, hints: Hints) -> Tokens:
    """Make tokens.

    Args:
        X: ``[b, N, f]`` columns, context first.
        z: ``[b, n]`` values of the context.
        censored: ``[b, n]`` integers: 1 where the truth lies above the value, -1 below.
        groups: ``[b, f]`` the parameter of each column; -1 where it does not count.
        hints: of the same.
    """
    (b, num_rows), num = X.shape[:2], z.shape[1]
    counts = groups >= 0
    order = np.argsort(-np.where(counts, hints.relevance, -1.0), axis=1, kind="stable")
    weights = hints.weights[:, None, :]
    centre = (hints.means * weights).sum(axis=2)
    second = ((hints.deviations**2 + hints.means**2) * weights).sum(axis=2)
    spread = np.sqrt(np.maximum(second - centre**2, LEAST_DEVIATION**2))
    rows = np.zeros((b, num_rows, WIDTH), dtype=np.float32)
    columns = (2.0 * X - 1.0) * counts[:, None, :]
    place = 0

    def put(part: np.ndarray) -> None:
        nonlocal place
        rows[:, :, place : place + part.shape[2]] = np.clip(part, -REACH, REACH)
        place += part.shape[2]

    put(_padded(np.take_along_axis(columns, order[:, None, :], axis=2)))
    put(_padded(np.take_along_axis(columns * hints.inverse_lengths[:, None, :] * 0.5, order[:, None, :], axis=2)))
    put(_padded(np.sqrt(np.take_along_axis(hints.relevance, order, axis=1))[:, None, :]))
    put((hints.means - centre[:, :, None]) / spread[:, :, None])
    put(np.log(hints.deviations / spread[:, :, None]))
    put(2.0 * np.sqrt(hints.weights[:, None, :]))
    put(centre[:, :, None])
    put(np.log(spread)[:, :, None])
    shown = np.zeros((b, num_rows, 4))
    shown[:, :num, 0] = 1.0
    shown[:, :num, 1] = z
    shown[:, :num, 2] = (z - centre[:, :num]) / spread[:, :num]
    shown[:, :num, 3] = censored
    put(shown)
    parameters = (counts / np.maximum(_sizes(groups), 1)).sum(axis=1)
    put(np.stack([np.full(b, np.log(num) - 4.0), 0.2 * parameters - 1.0], axis=1)[:, None, :])
    return Tokens(rows, hints.distances.astype(np.float32), centre, spread)


def _padded(part: np.ndarray) -> np.ndarray:
    missing = MAX_COLUMNS - part.shape[2]
    return np.pad(part, ((0, 0), (0, 0), (0, missing))) if missing else part


def _sizes(groups: np.ndarray) -> np.ndarray:
    return np.asarray(((groups[:, :, None] == groups[:, None, :]) & (groups[:, None, :] >= 0)).sum(axis=2))
