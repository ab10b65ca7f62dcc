"""Mixtures of normals on the latent scale: the common tongue of the members of a mix.

A process says one normal of a point, a forest a handful of them around the values of its leaves, an ensemble one a
network. Joined with weights they stay a mixture of normals, whose density, distribution, quantiles and moments are
closed or nearly so.

Symbols (n: points, k: normals of each):
    p, m, s   shares (they add up to one), means, standard deviations, ``[n, k]``
    z         latent values
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

ROOT_TWO_PI = float(np.sqrt(2.0 * np.pi))
MAX_STEPS = 60
TOLERANCE = 1e-6
"""Width, in standard deviations of the pool, at which a quantile counts as found."""
NUM_KNOTS = 25
KNOTS = np.sinh(np.linspace(-3.0, 3.0, NUM_KNOTS)) / 3.0
"""Places, in standard deviations from the mean, between which quantiles are first looked for."""
LEAST_SHARE = 1e-12
LEAST_CHANCE = 1e-300
LEAST_LEFT = 0.3
"""Least share of a standard deviation that is left when noise is taken out."""
BLOCK = 400_000
"""Normals times levels that are worked on at a time."""


@dataclass(frozen=True)
class Pool:
    """Mixtures of normals, one a point.

    Args:
        shares: ``[n, k]``, at least 0.
        means: ``[n, k]``.
        deviations: ``[n, k]``, above 0.
    """

    shares: np.ndarray
    means: np.ndarray
    deviations: np.ndarray

    def __len__(self) -> int:
        return len(self.means)

    @classmethod
    def normal(cls, mean: np.ndarray, deviation: np.ndarray) -> "Pool":
        """Make one normal a point, from mean ``[n]`` and standard deviation ``[n]``."""
        return cls(np.ones((len(mean), 1)), mean[:, None], deviation[:, None])

    @classmethod
    def joined(cls, pools: Sequence["Pool"], weights: np.ndarray) -> "Pool":
        """Join pools of the same points; those without any weight are left out.

        Args:
            pools: one each.
            weights: ``[c]``, or ``[n, c]`` where they differ from point to point.
        """
        kept = [(pool, weight) for pool, weight in zip(pools, weights.T, strict=True) if np.any(weight > 0)]
        return cls(
            np.concatenate([np.reshape(weight, (-1, 1)) * pool.shares for pool, weight in kept], axis=1),
            np.concatenate([pool.means for pool, _ in kept], axis=1),
            np.concatenate([pool.deviations for pool, _ in kept], axis=1),
        )

    def take(self, rows: np.ndarray) -> "Pool":
        """Keep some points."""
        return Pool(self.shares[rows], self.means[rows], self.deviations[rows])

    def stretched(self, factor: float) -> "Pool":
        """Multiply every standard deviation."""
        return Pool(self.shares, self.means, self.deviations * factor)

    def noisier(self, variance: np.ndarray) -> "Pool":
        """Add variance ``[n]`` to each point."""
        return Pool(self.shares, self.means, np.sqrt(self.deviations**2 + variance[:, None]))

    def without(self, noise: float) -> "Pool":
        """Take noise of a standard deviation out of each point, down to `LEAST_LEFT` of its own."""
        _, deviation = self.moments()
        left = np.sqrt(np.maximum(1.0 - (noise / deviation) ** 2, LEAST_LEFT**2))
        return self.narrowed(left)

    def narrowed(self, ratio: np.ndarray) -> "Pool":
        """Draw each point together around its mean, by a ratio ``[n]`` of standard deviations."""
        mean, _ = self.moments()
        means = mean[:, None] + ratio[:, None] * (self.means - mean[:, None])
        return Pool(self.shares, means, self.deviations * ratio[:, None])

    def log_density(self, latent: np.ndarray) -> np.ndarray:
        """Give the log density ``[n]`` at latent values ``[n]``."""
        offset = (latent[:, None] - self.means) / self.deviations
        with np.errstate(divide="ignore"):
            logs = np.log(self.shares) - 0.5 * offset**2 - np.log(self.deviations) - np.log(ROOT_TWO_PI)
        largest = np.max(logs, axis=1)
        return np.asarray(largest + np.log(np.sum(np.exp(logs - largest[:, None]), axis=1)))

    def below(self, latent: np.ndarray) -> np.ndarray:
        """Give the probability ``[n, l]`` below latent values ``[n, l]``."""
        from scipy.special import ndtr

        offset = (latent[:, :, None] - self.means[:, None, :]) / self.deviations[:, None, :]
        return np.asarray(np.einsum("nlk,nk->nl", ndtr(offset), self.shares))

    def log_likelihood(self, latent: np.ndarray, side: np.ndarray) -> np.ndarray:
        """Give the log density ``[n]`` of values, or the log probability of lying beyond them.

        Args:
            latent: ``[n]`` values, or bounds where `side` is not zero.
            side: ``[n]`` 0 for a value, +1 where the truth lies above, -1 below.
        """
        found, hidden = self.log_density(latent), np.flatnonzero(side)
        if len(hidden):
            part = self.take(hidden)
            # a probability below, of the pool turned over where the truth lies above: no digits are lost
            sign = -side[hidden].astype(float)
            turned = Pool(part.shares, sign[:, None] * part.means, part.deviations)
            found[hidden] = np.log(np.maximum(turned.below((sign * latent[hidden])[:, None])[:, 0], LEAST_CHANCE))
        return found

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Give mean and standard deviation ``[n]``."""
        mean = np.sum(self.shares * self.means, axis=1)
        variance = np.sum(self.shares * (self.deviations**2 + (self.means - mean[:, None]) ** 2), axis=1)
        return mean, np.sqrt(variance)

    def quantiles(self, levels: np.ndarray) -> np.ndarray:
        """Give quantiles ``[n, l]``.

        Args:
            levels: ``[l]``, or ``[n, l]`` where they differ from point to point; between 0 and 1.
        """
        from scipy.special import ndtri

        levels = np.broadcast_to(levels, (len(self), np.shape(levels)[-1]))
        standard = ndtri(levels)
        if self.means.shape[1] == 1:
            return np.asarray(self.means + self.deviations * standard)
        height = max(1, BLOCK // max(1, self.means.shape[1] * max(levels.shape[1], NUM_KNOTS)))
        blocks = [np.arange(first, min(first + height, len(self))) for first in range(0, len(self), height)]
        parts = [self.take(rows)._found(levels[rows], standard[rows]) for rows in blocks]
        return np.concatenate(parts) if parts else np.empty(levels.shape)

    def _found(self, levels: np.ndarray, standard: np.ndarray) -> np.ndarray:
        """Look where each level lies between knots, then take Newton's steps inside of a bracket that shrinks."""
        from scipy.special import ndtr

        # a quantile of a mixture lies between the least and the largest of those of its normals
        counted = self.shares > LEAST_SHARE
        low, high = (
            end(np.where(counted, self.means + edge[:, None] * self.deviations, worst), axis=1)
            for end, edge, worst in (
                (np.min, np.min(standard, axis=1), np.inf),
                (np.max, np.max(standard, axis=1), -np.inf),
            )
        )
        centre, deviation = self.moments()
        knots = np.clip(centre[:, None] + deviation[:, None] * KNOTS, low[:, None], high[:, None])
        knots[:, 0], knots[:, -1] = low, high
        reached = self.below(knots)
        above = np.sum(reached[:, None, :] < levels[:, :, None], axis=2)
        above = np.clip(above, 1, knots.shape[1] - 1)
        left, right = (np.take_along_axis(knots, side, axis=1).ravel() for side in (above - 1, above))
        one, two = (np.take_along_axis(reached, side, axis=1).ravel() for side in (above - 1, above))
        wanted = levels.ravel()
        with np.errstate(all="ignore"):
            share = np.where(two > one, (wanted - one) / (two - one), 0.5)
        place = left + np.clip(share, 0.0, 1.0) * (right - left)
        open_, owner = np.arange(len(place)), np.repeat(np.arange(len(self)), levels.shape[1])
        last = right - left
        for _ in range(MAX_STEPS):
            here, rows = place[open_], owner[open_]
            means, deviations, shares = self.means[rows], self.deviations[rows], self.shares[rows]
            offset = (here[:, None] - means) / deviations
            excess = np.einsum("nk,nk->n", ndtr(offset), shares) - wanted[open_]
            slope = np.einsum("nk,nk->n", np.exp(-0.5 * offset**2), shares / deviations) / ROOT_TWO_PI
            left[open_] = np.where(excess <= 0, here, left[open_])
            right[open_] = np.where(excess >= 0, here, right[open_])
            with np.errstate(all="ignore"):
                step = here - excess / slope
            # between two spikes Newton's steps may go to and fro: they must halve, or the bracket does
            good = np.isfinite(step) & (step > left[open_]) & (step < right[open_])
            good &= np.abs(step - here) <= 0.5 * last[open_]
            new = np.where(good, step, 0.5 * (left[open_] + right[open_]))
            place[open_] = new
            last[open_] = np.abs(new - here)
            left_over = np.minimum(last[open_], right[open_] - left[open_])
            open_ = open_[left_over > TOLERANCE * deviation[rows]]
            if not len(open_):
                break
        return place.reshape(levels.shape)
