"""Forward maps that are known exactly, so that the inverse can be judged without a fit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from physai_inverse.forward import (
    AbstractMetricModel,
    AbstractSuccessModel,
    AbstractSurrogate,
    AbstractWarp,
    Dataset,
    ForwardMap,
    Scores,
)

Function = Callable[[np.ndarray], np.ndarray]


class Identity(AbstractWarp):
    """The latent scale is the metric's own."""

    def forward(self, values: np.ndarray) -> np.ndarray:
        return values

    def inverse(self, latent: np.ndarray) -> np.ndarray:
        return latent

    def log_slope(self, values: np.ndarray) -> np.ndarray:
        return np.zeros(len(values))


class Exponential(Identity):
    """The latent scale is the logarithm of the metric."""

    def forward(self, values: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(values > 0, np.log(values), -np.inf))

    def inverse(self, latent: np.ndarray) -> np.ndarray:
        return np.asarray(np.exp(latent))

    def log_slope(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(-np.log(values))


@dataclass(frozen=True)
class Known(AbstractMetricModel):
    """A metric whose latent mean and deviation are given functions of the unit cube."""

    mean: Function
    deviation: float | Function = 0.1
    scale: AbstractWarp = Identity()  # noqa: RUF009 - a value without state
    noise_deviation: float = 0.0
    pending: tuple[tuple[float, ...], ...] = ()

    @property
    def warp(self) -> AbstractWarp:
        return self.scale

    @property
    def noise(self) -> float:
        return self.noise_deviation

    def latent(self, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        spread = self.deviation(units) if callable(self.deviation) else np.full(len(units), self.deviation)
        for point in self.pending:
            distance = np.linalg.norm(units - np.array(point), axis=1)
            spread = spread * np.sqrt(1 - np.exp(-0.5 * (distance / 0.2) ** 2) * 0.999)
        return self.mean(units), spread

    def conditioned(self, units: np.ndarray) -> "Known":
        points = tuple(tuple(row) for row in units.tolist())
        return Known(self.mean, self.deviation, self.scale, self.noise_deviation, self.pending + points)

    def held_out(self) -> Scores:
        empty = np.empty(0)
        return Scores(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, empty, empty, empty, empty, empty, empty)


@dataclass(frozen=True)
class KnownSuccess(AbstractSuccessModel):
    """A known probability of ending well."""

    function: Function

    def probability(self, units: np.ndarray) -> np.ndarray:
        return self.function(units)


@dataclass(frozen=True)
class KnownSurrogate(AbstractSurrogate):
    """A recipe that knows the answer whatever the data."""

    models: Mapping[str, AbstractMetricModel]
    success: AbstractSuccessModel | None = None

    def fit(self, data: Dataset, *, seed: int, metrics: Sequence[str] | None = None) -> ForwardMap:  # noqa: ARG002
        wanted = data.columns if metrics is None else metrics
        return ForwardMap(
            data.space, {name: self.models[name] for name in wanted if name in self.models}, self.success
        )
