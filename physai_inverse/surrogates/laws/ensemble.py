"""Laws that the data leave possible: their mean extrapolates, their spread says how far.

The mean is over every cell of the grids of `search` that has weight. For the spread, cells are drawn in proportion
to their weight (systematic resampling, no chance in it), and around the best coefficients of each a step is drawn,
to be taken to either side.

Symbols: C cells, S members, u ``[n, p]`` centred logarithms.
"""

from dataclasses import dataclass

import numpy as np

from physai_inverse.seeds import generator
from physai_inverse.surrogates.laws.search import Form, Weighed, design

NUM_MEMBERS = 32
"""Cells drawn for the spread; each gives two laws."""
LEAST_SHARE = 1e-2
"""Weight of a cell, over the heaviest, from which it enters the mean."""


@dataclass(frozen=True)
class Cells:
    """Cells of one form's grid.

    Args:
        form: the form.
        exponents: ``[c, k]``.
        coefficients: ``[c, 1 + k]`` the best ones, in units of the ensemble's size.
        weights: ``[c]``; those of all forms add up to one.
    """

    form: Form
    exponents: np.ndarray
    coefficients: np.ndarray
    weights: np.ndarray

    def values(self, logs: np.ndarray) -> np.ndarray:
        """Give values ``[c, n]``."""
        return np.asarray((design(logs, self.form, self.exponents) @ self.coefficients[:, :, None])[..., 0])


@dataclass(frozen=True)
class Members:
    """Drawn laws of one form.

    Args:
        form: the form.
        exponents: ``[s, k]``.
        coefficients: ``[s, 1 + k]`` the best ones, in units of the ensemble's size.
        steps: ``[s, 1 + k]`` to either side of them.
    """

    form: Form
    exponents: np.ndarray
    coefficients: np.ndarray
    steps: np.ndarray

    def values(self, logs: np.ndarray) -> np.ndarray:
        """Give values ``[2, s, n]``, a step to either side of the best coefficients."""
        columns = design(logs, self.form, self.exponents)
        sides = np.stack([self.coefficients + self.steps, self.coefficients - self.steps])
        return np.asarray((columns @ sides[..., None])[..., 0])


@dataclass(frozen=True)
class Ensemble:
    """Laws with their weights.

    Args:
        cells: what the mean is over, by form.
        groups: what the spread is over, by form.
        size: what a value of one stands for, in the metric's units.
        variance: what the laws leave of the values, in units of the errors that they were weighed with.
    """

    cells: tuple[Cells, ...]
    groups: tuple[Members, ...]
    size: float
    variance: float

    @property
    def weights(self) -> np.ndarray:
        """The weights ``[C]`` of the cells."""
        return np.concatenate([cells.weights for cells in self.cells])

    def means(self, logs: np.ndarray) -> np.ndarray:
        """Give the values ``[C, n]`` of the cells, in the metric's units."""
        return self.size * np.concatenate([cells.values(logs) for cells in self.cells])

    def members(self, logs: np.ndarray) -> np.ndarray:
        """Give the values ``[S, n]`` of the drawn laws, in the metric's units."""
        found = np.concatenate([group.values(logs) for group in self.groups], axis=1)
        return self.size * found.reshape(-1, len(logs))

    @classmethod
    def drawn(cls, weighed: list[Weighed], size: float, *, positive: bool, seed: int) -> "Ensemble":
        """Draw from weighed forms, at least one.

        Args:
            weighed: the forms.
            size: see above.
            positive: whether no coefficient may fall below zero.
            seed: of the coefficients.
        """
        top = max(float(np.max(form.log_weights)) for form in weighed)
        masses = [np.exp(form.log_weights - top) for form in weighed]
        total = sum(float(mass.sum()) for mass in masses)
        edges = np.cumsum(np.concatenate(masses)) / total
        cells = np.minimum(np.searchsorted(edges, (np.arange(NUM_MEMBERS) + 0.5) / NUM_MEMBERS), len(edges) - 1)
        random = generator(seed, "laws")
        groups, first, variance = [], 0, 0.0
        least = LEAST_SHARE * max(float(mass.max()) for mass in masses)
        kept = sum(float(mass[mass >= least].sum()) for mass in masses)
        parts = []
        for form, mass in zip(weighed, masses, strict=True):
            chosen = cells[(cells >= first) & (cells < first + len(mass))] - first
            first += len(mass)
            heavy = mass >= least
            if heavy.any():
                profile = form.profile
                parts.append(
                    Cells(form.form, form.exponents[heavy], profile.coefficients[heavy], mass[heavy] / kept)
                )
            variance += float(mass @ form.profile.variance) / total
            if not len(chosen):
                continue
            centre = form.profile.coefficients[chosen]
            spread = _root(form.profile.covariance[chosen])
            away = (spread @ random.standard_normal((*centre.shape, 1)))[..., 0]
            if positive:
                away = _within(centre, away)
            groups.append(Members(form.form, form.exponents[chosen], centre, away))
        return cls(tuple(parts), tuple(groups), size, variance)


def _within(centre: np.ndarray, away: np.ndarray) -> np.ndarray:
    """Shorten steps ``[s, k]`` so that none crosses zero, up or down; a coefficient held at zero stays there."""
    away = np.where(centre > 0, away, 0.0)
    room = np.where(away == 0, np.inf, centre / np.maximum(np.abs(away), 1e-300))
    return np.asarray(away * np.minimum(1.0, room.min(axis=1))[:, None])


def _root(covariance: np.ndarray) -> np.ndarray:
    """A square root of each of ``[g, k, k]`` covariances, also where rounding made one singular."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :])
