"""A fitted metric as a model of BoTorch, so that BoTorch's acquisition functions run on our posterior.

The posterior is that of the noise-free metric on its latent scale, at points of the unit cube. The scale is the
one on which the metric is Gaussian, which rises with the metric: what minimises one minimises the other.
`MetricUnits` carries a posterior back to the metric's own units.

Numbers vary continuously (a whole number between two others is taken as what it is), so that gradients exist; a
category is that of the cell in which its coordinate lies, and has no gradient. Parameters that are inactive at a
point do not count there. Coordinates of shares add up to one: an optimiser needs that as an equality constraint.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from physai_inverse.errors import InvalidInput, MissingPackage
from physai_inverse.forward import AbstractMetricModel, AbstractWarp
from physai_inverse.space import Boolean, Choice
from physai_inverse.surrogates.kernel import MEAN_VARIANCE
from physai_inverse.surrogates.metric import CENTRE, MetricProcess
from physai_inverse.surrogates.mixed import MixedModel

try:
    import torch
    from botorch.acquisition.objective import PosteriorTransform
    from botorch.models.model import Model
    from botorch.posteriors import GPyTorchPosterior, Posterior, TransformedPosterior
    from gpytorch.distributions import MultivariateNormal
except ImportError as error:
    raise MissingPackage(
        "A view for BoTorch needs BoTorch, which is not installed; install it with: "
        "pip install 'physai-inverse[botorch]'."
    ) from error

if TYPE_CHECKING:
    from torch import Tensor

LEAST_SQUARE = 1e-24
"""Squared distance below which two points are one: a root has no slope at zero, the kernel has the slope zero."""
NODES = 25
"""Nodes of the quadrature behind mean and variance in the metric's units."""


class LatentModel(Model):
    """One metric on its latent scale; several are joined by BoTorch's `ModelList`.

    Args:
        model: of the metric, as `Study.forward_map().model(name)` gives it. Of a mix its process is viewed, which
            has gradients and a joint posterior.

    Raises:
        InvalidInput: the model neither is nor holds a Gaussian process of ours.

    Example:
        >>> from physai_inverse import Float, Space, Study
        >>> study = Study(Space(x=Float(0.0, 1.0)), "minimize loss")
        >>> _ = study.import_observations([({"x": x / 9}, {"loss": (x / 9 - 0.3) ** 2}) for x in range(10)])
        >>> model = LatentModel(study.forward_map().model("loss"))
        >>> model.posterior(torch.tensor([[0.5]], dtype=torch.double)).mean.shape
        torch.Size([1, 1])
    """

    _lengths: "Tensor"
    _scaled: "Tensor"
    _lower: "Tensor"
    _weights: "Tensor"

    def __init__(self, model: AbstractMetricModel) -> None:
        super().__init__()
        if isinstance(model, MixedModel):
            model = model.process
        if not isinstance(model, MetricProcess):
            raise InvalidInput(f"`model` must be a MetricProcess, as a fit gives it, not {type(model).__name__}.")
        self.metric = model
        posterior = model.posterior
        covariance = posterior.covariance
        self._scale, self._noise = covariance.scale, covariance.noise
        self._columns = _columns(model)
        for name, array in (
            ("_lengths", covariance.lengthscales[posterior.groups]),
            ("_scaled", posterior.scaled),
            ("_lower", posterior.lower),
            ("_weights", posterior.weights),
        ):
            self.register_buffer(name, torch.tensor(np.ascontiguousarray(array), dtype=torch.double))

    @property
    def num_outputs(self) -> int:
        """One metric."""
        return 1

    @property
    def batch_shape(self) -> torch.Size:
        """The model itself has no batch."""
        return torch.Size()

    def posterior(
        self,
        X: "Tensor",
        output_indices: list[int] | None = None,
        observation_noise: "bool | Tensor" = False,
        posterior_transform: PosteriorTransform | None = None,
    ) -> GPyTorchPosterior | TransformedPosterior:
        """Give the joint posterior of the latent metric.

        Args:
            X: ``[..., q, d]`` points of the unit cube, in the order of the space's free parameters.
            output_indices: there is but one output.
            observation_noise: whether of one more training of each, with its noise, or the variances
                ``[..., q, 1]`` of it.
            posterior_transform: applied to the posterior, for example `MetricUnits`.

        Raises:
            InvalidInput: `X` is not ``[..., q, d]``, or another output is asked for.
        """
        dimension = self.metric.features.space.dimension
        if X.dim() < 2 or X.shape[-1] != dimension:
            raise InvalidInput(f"`X` must be [..., q, {dimension}], not {list(X.shape)}.")
        if output_indices not in (None, [0]):
            raise InvalidInput(f"`output_indices` must be [0] or None, not {output_indices!r}.")
        scaled = self._features(X.to(self._scaled)) / self._lengths
        cross = self._between(self._scaled, scaled)
        mean = (self._weights.unsqueeze(-2) @ cross).squeeze(-2)
        half = torch.linalg.solve_triangular(self._lower, cross, upper=False)
        covariance = self._between(scaled, scaled) - half.transpose(-1, -2) @ half
        if isinstance(observation_noise, torch.Tensor):
            covariance = covariance + torch.diag_embed(observation_noise.squeeze(-1))
        elif observation_noise:
            covariance = covariance + self._noise * torch.eye(X.shape[-2], dtype=covariance.dtype)
        posterior = GPyTorchPosterior(MultivariateNormal(mean, covariance))
        if posterior_transform is None:
            return posterior
        transformed: TransformedPosterior = posterior_transform(posterior)
        return transformed

    def _features(self, X: "Tensor") -> "Tensor":
        """Encode points: the numbers of our own encoding, with the slopes of the columns that have one."""
        space, encoding = self.metric.features.space, self.metric.features
        units = X.detach().reshape(-1, X.shape[-1]).cpu().numpy()
        active = space.activity(units)
        fixed = torch.tensor(encoding.encode(np.where(active, units, space.rest)) - CENTRE).to(X)
        fixed = fixed.reshape(*X.shape[:-1], -1)
        if not X.requires_grad:
            return fixed
        moving = (X - X.detach()) * torch.tensor(active).to(X).reshape(X.shape)
        slopes = torch.tensor(encoding.slopes(units)).to(X).reshape(fixed.shape)
        columns = [
            moving[..., place] if place is not None else torch.zeros_like(X[..., 0]) for place in self._columns
        ]
        return fixed + slopes * torch.stack(columns, dim=-1)

    def _between(self, first: "Tensor", second: "Tensor") -> "Tensor":
        """The covariance of noise-free values; see `kernel`."""
        products = first @ second.transpose(-1, -2)
        squares = (first**2).sum(-1).unsqueeze(-1) + (second**2).sum(-1).unsqueeze(-2) - 2.0 * products
        distance = (5.0 * squares).clamp_min(LEAST_SQUARE).sqrt()
        return self._scale * (1.0 + distance + distance**2 / 3.0) * torch.exp(-distance) + MEAN_VARIANCE


def _columns(model: MetricProcess) -> list[int | None]:
    """For each column of the encoding the coordinate whose slope it has; None for categories and flags."""
    free = model.features.space.free
    return [
        group if group < len(free) and not isinstance(free[group], Choice | Boolean) else None
        for group in model.features.groups
    ]


class MetricUnits(PosteriorTransform):
    """Carry a latent posterior to the metric's own units, samples exactly, mean and variance by quadrature.

    Args:
        model: the metric.
    """

    scalarize = False

    def __init__(self, model: LatentModel) -> None:
        super().__init__()
        self._warp = model.metric.warp

    def evaluate(self, Y: "Tensor", X: "Tensor | None" = None) -> "Tensor":  # noqa: ARG002 - BoTorch's signature
        """Carry latent values of any shape to the metric's units, wherever they are."""
        carried: Tensor = _Unwarp.apply(Y, self._warp)  # type: ignore[no-untyped-call]  # torch's
        return carried

    def forward(self, posterior: Posterior, X: "Tensor | None" = None) -> TransformedPosterior:  # noqa: ARG002 - the same
        """Carry a posterior of latent values."""
        return TransformedPosterior(
            posterior,
            sample_transform=self.evaluate,
            mean_transform=lambda mean, variance: self._moment(mean, variance)[0],
            variance_transform=lambda mean, variance: self._moment(mean, variance)[1],
        )

    def _moment(self, mean: "Tensor", variance: "Tensor") -> "tuple[Tensor, Tensor]":
        nodes, weights = (torch.tensor(part).to(mean) for part in np.polynomial.hermite_e.hermegauss(NODES))
        weights = weights / weights.sum()
        values = self.evaluate(mean.unsqueeze(-1) + variance.sqrt().unsqueeze(-1) * nodes)
        average = (values * weights).sum(-1)
        return average, ((values - average.unsqueeze(-1)) ** 2 * weights).sum(-1)


class _Unwarp(torch.autograd.Function):
    """The inverse of any warp of ours; its slope is one over the warp's own."""

    @staticmethod
    def forward(context: Any, latent: "Tensor", warp: AbstractWarp) -> "Tensor":
        flat = latent.detach().cpu().numpy().ravel()
        values = warp.inverse(flat)
        slopes = np.exp(-warp.log_slope(values))
        context.save_for_backward(torch.tensor(slopes).to(latent).reshape(latent.shape))
        return torch.tensor(values).to(latent).reshape(latent.shape)

    @staticmethod
    def backward(context: Any, *gradients: "Tensor") -> "tuple[Tensor, None]":
        (slopes,) = context.saved_tensors
        return gradients[0] * slopes, None
