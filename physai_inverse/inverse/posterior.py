"""The answer to an inverse query as a distribution: configurations weighted by how likely each meets the query.

Marginals say where each parameter may lie, correlations and ridges which parameters may move together. All are
read off one weighted sample, in the parameters' own units.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, cast

from physai_inverse.inverse.sampling import Sample
from physai_inverse.observations import Scalar
from physai_inverse.space import Boolean, Choice, Float, FreeParameter, Integer, Space

if TYPE_CHECKING:
    import numpy as np

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles of a marginal."""

LEAST_CORRELATION = 0.2
"""Below, a correlation is not told: about six standard errors of a sample of a thousand."""

LEAST_RIDGE = 1.3
"""Variance along a ridge, in units of the parameters' own; without correlation every direction has one."""

LEAST_LOADING = 0.3
"""Part of a direction from which a parameter counts as moving along it."""

MOST_PLAIN = 1000
"""Configurations of the sample in its plain form."""

MOSTLY_ACTIVE = 0.9
"""Share of the weight in which a parameter must be active for its movement to be told."""


@dataclass(frozen=True)
class Marginal:
    """Where one parameter lies among the configurations that meet the query.

    Args:
        name: the parameter.
        active: weight of the configurations in which it is active; the rest is about these.
        quantiles: level to value, of a number; empty for a listed parameter.
        shares: value and its weight, of a listed parameter; empty for a number.
        remaining: the share of the range that remains: 1 where the query says nothing of the parameter. Of a
            number, the 90 % interval on its own scale against that of the prior; of a listed one, the effective
            number of values against all.
    """

    name: str
    active: float
    quantiles: Mapping[float, float]
    shares: tuple[tuple[Scalar, float], ...]
    remaining: float

    def as_plain(self) -> dict[str, object]:
        """Give the marginal as plain numbers."""
        plain: dict[str, object] = {"name": self.name, "active": self.active, "remaining": self.remaining}
        if self.shares:
            plain["shares"] = [{"value": value, "share": share} for value, share in self.shares]
        else:
            plain["quantiles"] = {str(level): value for level, value in self.quantiles.items()}
        return plain


@dataclass(frozen=True)
class Correlation:
    """How two parameters go together among the configurations that meet the query.

    Args:
        first: a parameter.
        second: another.
        value: Pearson's correlation on their own scales, from -1 to 1.
    """

    first: str
    second: str
    value: float

    def as_plain(self) -> dict[str, object]:
        """Give the correlation as plain values."""
        return {"first": self.first, "second": self.second, "value": self.value}


@dataclass(frozen=True)
class Ridge:
    """A direction along which several parameters may move together and the query still be met.

    Args:
        moves: parameter to its values at both ends, where the probability has fallen to half of that in between,
            or the space ends. The one that moves most comes first.
        spread: variance of the sample along it, where 1 is that of parameters without correlation.
        alone: the values between which the first parameter keeps half of the probability by itself; None for a
            parameter with levels.
    """

    moves: Mapping[str, tuple[Scalar, Scalar]]
    spread: float
    alone: tuple[Scalar, Scalar] | None

    def __str__(self) -> str:
        told = [f"{name} from {_short(low)} to {_short(high)}" for name, (low, high) in self.moves.items()]
        return f"{told[0]} while {' and '.join(told[1:])}"

    def as_plain(self) -> dict[str, object]:
        """Give the ridge as plain values."""
        return {
            "moves": {name: list(ends) for name, ends in self.moves.items()},
            "spread": self.spread,
            "alone": None if self.alone is None else list(self.alone),
            "statement": str(self),
        }


@dataclass(frozen=True)
class ConfigPosterior:
    """A weighted sample of ``p(configuration | query)``, the prior being even over the space.

    What is even of mixtures is told in `space.shares`.

    Args:
        space: the space.
        units: ``[n, d]`` different snapped points.
        weights: ``[n]``, adding up to one.
        probabilities: ``[n]`` that one training there meets the query.
        mean_probability: that one training of a configuration drawn at random from the space meets the query.
        effective: how many independent draws the sample is worth, at most.
    """

    space: Space
    units: "np.ndarray"
    weights: "np.ndarray"
    probabilities: "np.ndarray"
    mean_probability: float
    effective: float

    @classmethod
    def from_sample(cls, space: Space, sample: Sample) -> "ConfigPosterior":
        """Take a sample whose density is the probability of meeting the query."""
        import numpy as np

        chances = np.exp(np.minimum(sample.log_values, 0.0))
        mean = math.exp(min(sample.log_mean, 0.0))
        return cls(space, sample.units, sample.weights, chances, mean, sample.effective)

    def __len__(self) -> int:
        return len(self.units)

    @cached_property
    def configs(self) -> tuple[dict[str, Scalar], ...]:
        """The configurations, one a weight."""
        return tuple(self.space.decode(self.units))

    def volume(self, least: float = 0.5) -> float:
        """Give the share of the space in which one training meets the query with at least this probability.

        By importance sampling: the prior is the density times its normaliser over the probability.
        """
        import numpy as np

        inside = self.probabilities >= least
        share = self.mean_probability * np.sum(self.weights[inside] / self.probabilities[inside])
        return float(min(share, 1.0))

    @cached_property
    def marginals(self) -> tuple[Marginal, ...]:
        """Where each parameter lies."""
        active = self.space.activity(self.units)
        return tuple(
            self._marginal(column, parameter, active[:, column])
            for column, parameter in enumerate(self.space.free)
        )

    def _marginal(self, column: int, parameter: FreeParameter, active: "np.ndarray") -> Marginal:
        import numpy as np

        name = self.space.names[column]
        total = float(self.weights[active].sum())
        if total <= 0.0:
            return Marginal(name, 0.0, {}, (), 1.0)
        units, weights = self.units[active, column], self.weights[active] / total
        if isinstance(parameter, Float | Integer):
            order = np.argsort(units, kind="stable")
            place = np.cumsum(weights[order]) - 0.5 * weights[order]
            ends = np.interp(LEVELS, place, units[order])
            values = parameter.from_unit(ends).tolist()
            reached = self.space.cumulative(column, ends)
            remaining = float(min((reached[-1] - reached[0]) / (LEVELS[-1] - LEVELS[0]), 1.0))
            return Marginal(name, total, dict(zip(LEVELS, values, strict=True)), (), remaining)
        shares = np.bincount(parameter.places(units), weights=weights, minlength=len(parameter.options))
        some = shares[shares > 0]
        remaining = float(np.exp(-(some * np.log(some)).sum()) / len(shares))
        listed = tuple(zip(parameter.options, shares.tolist(), strict=True))
        return Marginal(name, total, {}, listed, remaining)

    @cached_property
    def _ordered(self) -> "tuple[list[int], np.ndarray, np.ndarray]":
        """Columns with an order that are mostly active and not settled, their spread and their correlation."""
        import numpy as np

        active = self.weights @ self.space.activity(self.units)
        mean = self.weights @ self.units
        variance = self.weights @ (self.units - mean) ** 2
        columns = [
            column
            for column, parameter in enumerate(self.space.free)
            if not isinstance(parameter, Choice | Boolean)
            and active[column] >= MOSTLY_ACTIVE
            and variance[column] > 1e-12
        ]
        spread = np.sqrt(variance[columns])
        scaled = (self.units[:, columns] - mean[columns]) / spread
        return columns, spread, (scaled * self.weights[:, None]).T @ scaled

    @cached_property
    def correlations(self) -> tuple[Correlation, ...]:
        """Pairs of ordered parameters that go together, the strongest first.

        Two shares of one mixture are told where they do so otherwise than those of any mixture.
        """
        columns, _, matrix = self._ordered
        usual = self._usual
        names = [self.space.names[column] for column in columns]
        pairs = [
            Correlation(names[first], names[second], float(matrix[first, second]))
            for first in range(len(names))
            for second in range(first + 1, len(names))
            if abs(matrix[first, second] - usual.get((columns[first], columns[second]), 0.0)) >= LEAST_CORRELATION
        ]
        return tuple(sorted(pairs, key=lambda pair: -abs(pair.value)))

    @cached_property
    def _usual(self) -> dict[tuple[int, int], float]:
        """Pairs of columns of one mixture to the correlation of two shares that are uniform: -1 / (k - 1)."""
        return {
            (int(first), int(second)): -1.0 / (len(columns) - 1)
            for _, columns in self.space.blocks
            for first in columns
            for second in columns
        }

    def directions(self) -> "list[tuple[float, dict[int, float]]]":
        """Give the directions of large spread: variance, and column to half a step in the unit cube.

        Principal directions of the correlation matrix, whose variance is beyond `LEAST_RIDGE` and beyond what a
        sample of independent parameters would show (the edge of Marchenko & Pastur 1967). Largest loading first.
        """
        import numpy as np

        columns, spread, matrix = self._ordered
        if len(columns) < 2:
            return []
        noise = (1.0 + math.sqrt(len(columns) / max(self.effective, 1.0))) ** 2
        variances, vectors = np.linalg.eigh(matrix)
        found = []
        for place in np.argsort(-variances):
            vector = vectors[:, place]
            loaded = [row for row in np.argsort(-np.abs(vector)) if abs(vector[row]) >= LEAST_LOADING]
            if variances[place] < max(LEAST_RIDGE, noise) or len(loaded) < 2:
                continue
            sign = 1.0 if vector[loaded[0]] > 0 else -1.0
            size = math.sqrt(float(variances[place])) * sign
            steps = {columns[row]: float(size * vector[row] * spread[row]) for row in loaded}
            found.append((float(variances[place]), steps))
        return found

    def thinned(self, most: int) -> "ConfigPosterior":
        """Give a sample of at most so many configurations, by an even comb over the weights."""
        import numpy as np

        if len(self) <= most:
            return self
        total = np.cumsum(self.weights)
        rows = np.searchsorted(total / total[-1], (np.arange(most) + 0.5) / most)
        kept, counts = np.unique(np.minimum(rows, len(self) - 1), return_counts=True)
        return replace(
            self,
            units=self.units[kept],
            weights=counts / counts.sum(),
            probabilities=self.probabilities[kept],
            effective=min(self.effective, float(most)),
        )

    def as_plain(self, most: int = MOST_PLAIN) -> dict[str, object]:
        """Give the sample as plain values, the heaviest configuration first, thinned where it is large."""
        import numpy as np

        thin = self.thinned(most)
        return {
            "mean_probability": thin.mean_probability,
            "effective": thin.effective,
            "sample": [
                {
                    "config": thin.configs[row],
                    "weight": float(thin.weights[row]),
                    "probability": float(thin.probabilities[row]),
                }
                for row in np.argsort(-thin.weights, kind="stable").tolist()
            ],
        }


def value_at(parameter: FreeParameter, unit: float) -> Scalar:
    """Give the value of a parameter at a number of the unit interval."""
    import numpy as np

    return cast("Scalar", parameter.from_unit(np.array([unit])).tolist()[0])


def is_number(parameter: FreeParameter) -> bool:
    """Say whether a parameter is a number rather than one of a list."""
    return isinstance(parameter, Float | Integer)


def _short(value: Scalar) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
