"""Symmetric matrices over all pairs of rows, each pair once: half the work of every step of the evidence.

The pairs stand in the order in which LAPACK packs a triangle into a rectangle, so that a vector over the pairs is
a matrix to its Cholesky factorisation and inversion, with nothing copied and with products of matrices inside.

Symbols:
    p           n (n + 1) / 2 pairs, those of a row with itself among them
    packed      ``[p]`` a symmetric matrix ``[n, n]``
    squares     ``[p, g]`` squared distances, one for each lengthscale; distances along columns for a rough kernel

Source: Gustavson, Wasniewski, Dongarra & Langou, "Rectangular full packed format for Cholesky's algorithm" (ACM
Transactions on Mathematical Software 37, 2010).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from physai_inverse.surrogates.fortran import lapack
from physai_inverse.surrogates.kernel import JITTERS


@dataclass(frozen=True)
class Order:
    """Which pair stands where.

    Args:
        first: ``[p]`` the row, at least as large as
        second: ``[p]`` the column.
        diagonal: ``[n]`` the places of the pairs of a row with itself.
    """

    first: np.ndarray
    second: np.ndarray
    diagonal: np.ndarray


@lru_cache(maxsize=8)
def order(num_rows: int) -> Order:
    """Give the order of the pairs of so many rows."""
    row, column = np.meshgrid(np.arange(num_rows, dtype=float), np.arange(num_rows, dtype=float), indexing="ij")
    first, second = (lapack.dtrttf(np.asfortranarray(part), uplo="L")[0].astype(np.intp) for part in (row, column))
    equal = np.flatnonzero(first == second)
    return Order(first, second, equal[np.argsort(first[equal])])


@dataclass(frozen=True)
class Pairs:
    """Squared distances between rows, before any lengthscale.

    Args:
        order: which pair stands where.
        squares: ``[p, g]``, column by column in memory.
        rough: whether they are sums of distances, not of squares.
    """

    order: Order
    squares: np.ndarray
    rough: bool = False

    @classmethod
    def of(cls, features: np.ndarray, groups: np.ndarray, *, rough: bool = False) -> "Pairs":
        """Measure the distances of rows of features ``[n, f]``, whose columns belong to lengthscales ``[f]``."""
        places = order(len(features))
        squares = np.zeros((len(places.first), int(groups.max()) + 1), order="F")
        for column, group in zip(features.T, groups, strict=True):
            column = np.ascontiguousarray(column)
            offset = column[places.first]
            offset -= column[places.second]
            if rough:
                np.abs(offset, out=offset)
            else:
                offset *= offset
            squares[:, group] += offset
        return cls(places, squares, rough)


def packed_factor(packed: np.ndarray, places: Order) -> np.ndarray:
    """Give the packed Cholesky factor, with the least jitter of `JITTERS` that makes it exist.

    Raises:
        np.linalg.LinAlgError: not even the largest jitter does.
    """
    size = float(np.mean(packed[places.diagonal]))
    for jitter in JITTERS:
        attempt = packed.copy()
        if jitter:
            attempt[places.diagonal] += jitter * size
        lower, failed = lapack.dpftrf(len(places.diagonal), attempt, uplo="L", overwrite_a=1)
        if failed == 0 and np.isfinite(lower[places.diagonal[-1]]):
            return np.asarray(lower)
    raise np.linalg.LinAlgError("The covariance is not positive definite, whatever is added to its diagonal.")


def packed_inverse(lower: np.ndarray, places: Order) -> np.ndarray:
    """Give the packed inverse of the matrix of a packed factor, which is overwritten."""
    found, _ = lapack.dpftri(len(places.diagonal), lower, uplo="L", overwrite_a=1)
    return np.asarray(found)


def packed_solution(lower: np.ndarray, places: Order, right: np.ndarray) -> np.ndarray:
    """Solve for ``[n]`` with the matrix of a packed factor."""
    found, _ = lapack.dpftrs(len(places.diagonal), lower, right, uplo="L")
    return np.asarray(found).ravel()


def unpacked(packed: np.ndarray, places: Order) -> np.ndarray:
    """Give the symmetric matrix ``[n, n]``."""
    full = np.empty((len(places.diagonal), len(places.diagonal)))
    full[places.first, places.second] = packed
    full[places.second, places.first] = packed
    return full
