"""The rows with a value that the network is shown, and what it answers from them.

Nothing is fitted: the scale of the metric is the one whose closed forms have the highest evidence, and all else
is one pass through the network.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from physai_inverse.forward import Column
from physai_inverse.seeds import generator
from physai_inverse.space.features import Features
from physai_inverse.surrogates.pool import Pool
from physai_inverse.surrogates.prior_fitted.hints import MAX_COLUMNS, hints
from physai_inverse.surrogates.prior_fitted.network import Network
from physai_inverse.surrogates.prior_fitted.scale import Scale
from physai_inverse.surrogates.prior_fitted.tokens import tokens
from physai_inverse.surrogates.threads import one_thread
from physai_inverse.surrogates.warp import Warp, shapes

MAX_ROWS = 256
"""Rows that are shown; of more, a random part."""
LEAST_ROWS = 6
"""The smallest context that the network was trained on."""
REACH, WIDEST = 0.25, 2.0
"""How far beyond the values a normal's mean may lie, in their range; its largest deviation, in their spread. Where
the latent scale is a logarithm a wider one reaches values that no training gives: with these, public tables at 16
rows lost 0.002 nats and gained an eighth of the ranked probability score; at 48 rows nothing changed."""
ASKED_AT_ONCE = 1024
"""Points in one pass, so that memory stays small."""
NUM_FOLDS = 10


@dataclass(frozen=True)
class Context:
    """Rows with a value.

    Args:
        network: the network.
        columns: ``[n, f]`` encoded points.
        groups: ``[f]`` the parameter of each column.
        latent: ``[n]`` values on the latent scale of the warp.
        censored: ``[n]`` integers: 1 where the truth lies above the value, -1 below.
    """

    network: Network
    columns: np.ndarray
    groups: np.ndarray
    latent: np.ndarray
    censored: np.ndarray

    @cached_property
    def scale(self) -> Scale:
        """Centre and spread of the values, as one task."""
        return Scale.of(self.latent[None])

    def answer(self, columns: np.ndarray) -> Pool:
        """Give the density ``[N]`` of one more value at encoded points ``[N, f]``, on the latent scale."""
        parts = [
            self._passed(np.concatenate([self.columns, columns[start : start + ASKED_AT_ONCE]]))[0]
            for start in range(0, max(len(columns), 1), ASKED_AT_ONCE)
        ]
        return Pool(
            np.concatenate([part.shares for part in parts]),
            np.concatenate([part.means for part in parts]),
            np.concatenate([part.deviations for part in parts]),
        )

    @cached_property
    def noise(self) -> float:
        """The deviation of the noise, on the latent scale."""
        return self._passed(np.concatenate([self.columns, self.columns[:1]]))[1]

    def _passed(self, rows: np.ndarray) -> tuple[Pool, float]:
        pool, noise = _pass(self.network, rows[None], self.groups, self.latent[None], self.censored[None])
        return pool, float(noise[0])

    def folds(self) -> np.ndarray:
        """Give the rows ``[folds, size]`` that are held out together, the same for every number of rows.

        Folds are of one size; where that does not divide the rows the last one overlaps the one before it.
        """
        num = len(self.latent)
        size = -(-num // min(NUM_FOLDS, num))
        order = generator(0, "folds", num).permutation(num)
        starts = (min(start, num - size) for start in range(0, num, size))
        return np.stack([order[start : start + size] for start in starts])

    def held_out(self) -> Pool:
        """Give the density ``[n]`` of each value given those of the other folds: all folds in one pass."""
        num, asked = len(self.latent), self.folds()
        shown = np.stack([np.setdiff1d(np.arange(num), fold) for fold in asked])
        rows = self.columns[np.concatenate([shown, asked], axis=1)]
        pool, _ = _pass(self.network, rows, self.groups, self.latent[shown], self.censored[shown])
        place = np.empty(num, dtype=int)
        place[asked.ravel()] = np.arange(asked.size)
        return pool.take(place)

    def joined(self, columns: np.ndarray, latent: np.ndarray) -> "Context":
        """Give the context with further rows ``[q, f]`` and values ``[q]``."""
        return replace(
            self,
            columns=np.concatenate([self.columns, columns]),
            latent=np.concatenate([self.latent, latent]),
            censored=np.concatenate([self.censored, np.zeros(len(latent), dtype=self.censored.dtype)]),
        )


def _pass(
    network: Network, rows: np.ndarray, groups: np.ndarray, latent: np.ndarray, censored: np.ndarray
) -> tuple[Pool, np.ndarray]:
    """Pass tasks of one size through the network: rows ``[b, N, f]``, the first n have values ``[b, n]``."""
    scale = Scale.of(latent)
    spread = np.where(scale.spread > 0, scale.spread, 1.0)
    steady = Scale(scale.centre, spread)
    z = steady.forward(latent)
    grouped = np.broadcast_to(groups, (len(rows), len(groups)))
    with one_thread():
        said = hints(rows, z, grouped)
        pool, noise = network.answer(tokens(rows, z, censored, grouped, said))
    beyond = REACH * np.ptp(z, axis=1)
    ends = np.min(z, axis=1) - beyond, np.max(z, axis=1) + beyond
    asked = rows.shape[1] - z.shape[1]
    low, high, factor, offset = (np.repeat(part, asked)[:, None] for part in (*ends, spread, scale.centre))
    means, deviations = np.clip(pool.means, low, high), np.minimum(pool.deviations, WIDEST)
    return Pool(pool.shares, means * factor + offset, deviations * factor), noise * spread


def reason_against(features: Features, column: Column) -> str | None:
    """Say why the network declines a metric; None where it takes it."""
    if len(features.groups) > MAX_COLUMNS:
        return f"the space has {len(features.groups)} encoded columns, and the network has room for {MAX_COLUMNS}"
    if not features.groups:
        return "the space has no free parameter"
    if len(column.rows) < LEAST_ROWS:
        return f"there are {len(column.rows)} values, and the network needs {LEAST_ROWS}"
    values = column.values[column.rows]
    if not np.min(values) < np.max(values):
        return "all values are equal"
    return None


def shown_rows(column: Column, *, seed: int) -> np.ndarray:
    """Give the rows to show: all finite ones up to `MAX_ROWS`, else a random part."""
    rows = column.rows
    if len(rows) <= MAX_ROWS:
        return rows
    return np.sort(generator(seed, "rows").permutation(rows)[:MAX_ROWS])


def best_warp(columns: np.ndarray, groups: np.ndarray, values: np.ndarray) -> Warp:
    """Give the warp of values ``[n]`` at points ``[n, f]`` whose closed forms have the highest evidence."""
    warps = [warp for warp in (Warp.fitted(shape, values) for shape in shapes(values)) if warp is not None]
    latent = np.stack([warp.forward(values) for warp in warps])
    slopes = np.array([float(np.sum(warp.log_slope(values))) for warp in warps])
    tasks = np.broadcast_to(columns, (len(warps), *columns.shape))
    with one_thread():
        said = hints(tasks, latent, np.broadcast_to(groups, (len(warps), len(groups))))
    return warps[int(np.argmax(said.log_evidence + slopes))]
