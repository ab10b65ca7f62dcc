"""A forward map with larger spreads: to look elsewhere, or to promise with care."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from physai_inverse.forward import AbstractMetricModel, AbstractWarp, Scores
from physai_inverse.inverse.derived import AbstractDerived

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Widened(AbstractMetricModel):
    """A metric's model that is less sure of itself.

    Args:
        model: the model.
        factor: what the latent standard deviations of the noise-free metric are multiplied by.
        noise_factor: what that of the noise is multiplied by.
    """

    model: AbstractMetricModel
    factor: float
    noise_factor: float = 1.0

    @property
    def warp(self) -> AbstractWarp:
        """The way to the latent scale."""
        return self.model.warp

    @property
    def noise(self) -> float:
        """Latent standard deviation between two trainings of one configuration, times its factor."""
        return self.noise_factor * self.model.noise

    def latent(self, units: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
        """Give latent mean ``[n]``, and standard deviation ``[n]`` times the factor, at points ``[n, d]``."""
        mean, deviation = self.model.latent(units)
        return mean, self.factor * deviation

    def joint(self, units: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
        """Give latent mean ``[n]``, and covariance ``[n, n]`` times the squared factor, at points ``[n, d]``."""
        mean, covariance = self.model.joint(units)
        return mean, self.factor**2 * covariance

    def conditioned(self, units: "np.ndarray") -> "Widened":
        """Give the model as if the metric at points ``[q, d]`` were known to be its latent mean."""
        return replace(self, model=self.model.conditioned(units))

    def distances(self, first: "np.ndarray", second: "np.ndarray") -> "np.ndarray":
        """Give distances ``[n, m]`` between points ``[n, d]`` and ``[m, d]``."""
        return self.model.distances(first, second)

    @property
    def leaning(self) -> "Mapping[str, float]":
        """What the model itself leans on."""
        return self.model.leaning

    def held_out(self) -> Scores:
        """Score the model itself."""
        return self.model.held_out()


def widened_model(model: AbstractMetricModel, factor: float, noise_factor: float = 1.0) -> AbstractMetricModel:
    """Give a model with larger spreads; what is computed from metrics is computed from widened ones.

    Args:
        model: of a metric, or of what is computed from metrics.
        factor: see `Widened`.
        noise_factor: see `Widened`.
    """
    if isinstance(model, AbstractDerived):
        return model.remade(lambda part: widened_model(part, factor, noise_factor))
    return Widened(model, factor, noise_factor)
