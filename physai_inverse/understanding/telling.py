"""How much an observed value tells of a metric beyond the configuration, held out and tested.

The metric is a process over configurations plus a straight line in what was observed, all on normal scores of
ranks, so that neither units nor monotone changes of them matter:

    y = X b + f + e,    f ~ N(0, s2 K),    e ~ N(0, s2 rho I)

with flat priors on b (universal kriging). K is turned onto its axes once; every observable and every rho is then a
matter of diagonal matrices, and held-out densities are in closed form. Whether a line is there at all is tested
by its correlation with y once both are made white and what else is known is taken out, against the largest such
correlation of all observables over permutations of y's white residuals: of all that are tried, none is reported
by luck with more than the stated probability, however many there are.

Symbols:
    y ``[n]``; X ``[n, p]`` one, what is known besides, the observable; K = Q diag(L) Q'
    w ``[n]``   1 / (L + rho)
    P ``[n, n]``  C^-1 - C^-1 X (X' C^-1 X)^-1 X' C^-1 with C = K + rho I

Source: held-out errors (P y)_i / P_ii: Dubrule, "Cross validation of kriging in a unique neighborhood"
(Mathematical Geology 15, 1983). The largest statistic: Westfall & Young, "Resampling-based multiple testing"
(1993); permuted residuals: Freedman & Lane, "A nonstochastic interpretation of reported significance levels"
(Journal of Business & Economic Statistics 1, 1983).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from physai_inverse.normal import ndtri

if TYPE_CHECKING:
    import numpy as np

RATIOS = (1e-3, 1e-2, 0.05, 0.2, 0.6, 2.0, 6.0, 30.0, 300.0)
"""The grid of rho; at the last the configuration tells nothing."""
LEAST_SPREAD = 1e-9
"""Share of an observable that must be left of it once what is known has been taken out."""


def normal_scores(values: "np.ndarray") -> "np.ndarray":
    """Give normal scores ``[n]`` of ranks, equal values sharing the middle of theirs (Blom 1958)."""
    import numpy as np

    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    ranks = (last - 0.5 * (count - 1.0))[place.ravel()]
    return np.asarray(ndtri((ranks - 0.375) / (len(values) + 0.25)))


def correlation_of(distances: "np.ndarray") -> "np.ndarray":
    """Give the Matern-5/2 correlation ``[n, n]`` at distances in units of lengthscales."""
    import numpy as np

    far = np.sqrt(5.0) * distances
    return np.asarray((1.0 + far + far**2 / 3.0) * np.exp(-far))


@dataclass(frozen=True)
class Gain:
    """What adding an observable does to held-out predictions.

    Args:
        nats: mean log density gained a held-out value.
        r2_before: share of the variance explained without it.
        r2_after: share explained with it.
        slope: of the line in it, both sides being normal scores.
    """

    nats: float
    r2_before: float
    r2_after: float
    slope: float

    def as_plain(self, chance: float) -> dict[str, float]:
        """Give it as plain numbers, with the probability that chance shows as much."""
        return {
            "nats": self.nats,
            "r2_before": self.r2_before,
            "r2_after": self.r2_after,
            "chance": chance,
        }


@dataclass(frozen=True)
class Field:
    """A metric over configurations.

    Args:
        correlation: ``[n, n]`` K.
        target: ``[n]`` normal scores of the metric.
    """

    correlation: "np.ndarray" = field(repr=False)
    target: "np.ndarray" = field(repr=False)

    def __len__(self) -> int:
        return len(self.target)

    @cached_property
    def _axes(self) -> "tuple[np.ndarray, np.ndarray]":
        import numpy as np

        values, vectors = np.linalg.eigh(self.correlation)
        return np.maximum(values, 0.0), vectors

    def take(self, rows: "np.ndarray") -> "Field":
        """Keep some trainings."""
        return Field(self.correlation[rows[:, None], rows], self.target[rows])

    def gains(self, known: "np.ndarray", observed: "np.ndarray") -> list[Gain]:
        """Say what each observable adds to the configuration and what is known besides.

        Args:
            known: ``[n, p]`` further columns that are known anyway; p may be 0.
            observed: ``[n, c]`` observables, each on its own.
        """
        import numpy as np

        fixed = np.column_stack([np.ones(len(self)), known])
        before = self._held_out(fixed[:, :, None])
        columns = np.concatenate(
            [np.repeat(fixed[:, :, None], observed.shape[1], axis=2), observed[:, None, :]], axis=1
        )
        after = self._held_out(columns)
        total = float(np.sum((self.target - self.target.mean()) ** 2))
        return [
            Gain(
                nats=float(np.mean(after.densities[:, place] - before.densities[:, 0])),
                r2_before=1.0 - float(np.sum(before.errors[:, 0] ** 2)) / total,
                r2_after=1.0 - float(np.sum(after.errors[:, place] ** 2)) / total,
                slope=float(after.slopes[place]),
            )
            for place in range(observed.shape[1])
        ]

    def _held_out(self, columns: "np.ndarray") -> "_HeldOut":
        """Predict each value from all others, for designs ``[n, p, c]``; rho by restricted likelihood."""
        import numpy as np

        values, vectors = self._axes
        n, p, num = columns.shape
        y = vectors.T @ self.target
        X = np.tensordot(vectors.T, columns, axes=1)
        best = np.full(num, -np.inf)
        errors, densities, slopes = np.zeros((n, num)), np.zeros((n, num)), np.zeros(num)
        squares = vectors**2
        for ratio in RATIOS:
            w = 1.0 / (values + ratio)
            weighted = w[:, None, None] * X
            normal = np.einsum("npc,nqc->cpq", weighted, X) + 1e-12 * n * np.eye(p)
            b = np.linalg.solve(normal, np.einsum("npc,n->cp", weighted, y)[:, :, None])[:, :, 0]
            white = w[:, None] * (y[:, None] - np.einsum("npc,cp->nc", X, b))
            scale = np.maximum(np.einsum("nc,n->c", white, y), 1e-300) / (n - p)
            likelihood = -0.5 * ((n - p) * np.log(scale) - np.sum(np.log(w)) + np.linalg.slogdet(normal)[1])
            better = np.flatnonzero(likelihood > best)
            if not len(better):
                continue
            best[better] = likelihood[better]
            A = np.tensordot(vectors, weighted[:, :, better], axes=1)
            taken = np.einsum("npc,cpq,nqc->nc", A, np.linalg.inv(normal[better]), A)
            diagonal = np.maximum((squares @ w)[:, None] - taken, 1e-300)
            error = (vectors @ white[:, better]) / diagonal
            variance = scale[better] / diagonal
            errors[:, better] = error
            densities[:, better] = -0.5 * (np.log(2.0 * np.pi * variance) + error**2 / variance)
            slopes[better] = b[better, -1]
        return _HeldOut(errors, densities, slopes)

    def white(self, known: "np.ndarray", observed: "np.ndarray") -> "White":
        """Make the metric and observables white, with all that is known taken out of both.

        Args:
            known: ``[n, p]``.
            observed: ``[n, c]``.
        """
        import numpy as np

        values, vectors = self._axes
        fixed = np.column_stack([np.ones(len(self)), known])
        w = 1.0 / (values + self._ratio(fixed))
        half = (vectors * np.sqrt(w)) @ vectors.T
        basis, _ = np.linalg.qr(half @ fixed)
        y, X = half @ self.target, half @ observed
        y = y - basis @ (basis.T @ y)
        rest = X - basis @ (basis.T @ X)
        size = np.linalg.norm(rest, axis=0)
        there = size > LEAST_SPREAD * np.maximum(np.linalg.norm(X, axis=0), 1e-300)
        return White(y, np.where(there, rest / np.where(there, size, 1.0), 0.0), basis)

    def _ratio(self, fixed: "np.ndarray") -> float:
        """Choose rho by restricted likelihood."""
        import numpy as np

        values, vectors = self._axes
        n, p = fixed.shape
        y, X = vectors.T @ self.target, vectors.T @ fixed
        merits = []
        for ratio in RATIOS:
            w = 1.0 / (values + ratio)
            normal = X.T @ (w[:, None] * X) + 1e-12 * n * np.eye(p)
            rest = y - X @ np.linalg.solve(normal, X.T @ (w * y))
            scale = max(float(rest @ (w * y)), 1e-300) / (n - p)
            merits.append(-0.5 * ((n - p) * np.log(scale) - np.sum(np.log(w)) + np.linalg.slogdet(normal)[1]))
        return RATIOS[int(np.argmax(merits))]


@dataclass(frozen=True)
class _HeldOut:
    """Held-out errors and log densities ``[n, c]``, and the slope ``[c]`` of the last column."""

    errors: "np.ndarray"
    densities: "np.ndarray"
    slopes: "np.ndarray"


@dataclass(frozen=True)
class White:
    """A metric and observables, white and without what is known.

    Args:
        target: ``[n]``.
        observed: ``[n, c]`` of length one each; zero where nothing is left.
        basis: ``[n, p]`` what was taken out.
    """

    target: "np.ndarray" = field(repr=False)
    observed: "np.ndarray" = field(repr=False)
    basis: "np.ndarray" = field(repr=False)

    def statistics(self, targets: "np.ndarray | None" = None) -> "np.ndarray":
        """Give correlations ``[c]`` on Fisher's scale, in standard errors; of targets ``[n, k]`` as ``[k, c]``."""
        import numpy as np

        given = self.target[:, None] if targets is None else targets
        size = np.sqrt(np.maximum(np.sum(given**2, axis=0) - np.sum((self.basis.T @ given) ** 2, axis=0), 1e-300))
        cosine = np.clip((given.T @ self.observed) / size[:, None], -1.0 + 1e-12, 1.0 - 1e-12)
        freedom = max(len(self.target) - self.basis.shape[1] - 2, 1)
        found = np.arctanh(cosine) * np.sqrt(freedom)
        return np.asarray(found[0] if targets is None else found)

    def permuted(self, orders: "np.ndarray") -> "np.ndarray":
        """Give the statistics ``[k, c]`` with the metric's residuals permuted; orders are ``[k, n]``."""
        return self.statistics(self.target[orders].T)


def corrected(statistics: "Sequence[np.ndarray]", chance: "np.ndarray") -> "list[np.ndarray]":
    """Give the probability that chance alone would make the largest of all statistics as large, for each.

    Args:
        statistics: groups of any lengths.
        chance: ``[k]`` the largest absolute statistic of all groups under each permutation.
    """
    import numpy as np

    ordered = np.sort(chance)
    return [
        (1.0 + len(ordered) - np.searchsorted(ordered, np.abs(group), side="left")) / (len(ordered) + 1.0)
        for group in statistics
    ]
