"""States of units, size and shape of the hidden activations.

Symbols: of a hidden layer on `n` rows, `Z` [n, D] what goes into the activation, `H` [n, D] what comes out.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from physai_inverse.trainers.observables.registry import observable

if TYPE_CHECKING:
    import torch

    from physai_inverse.trainers.observables.activations import UnitStates
    from physai_inverse.trainers.observables.listening import Hidden
    from physai_inverse.trainers.observables.view import View

LAST_RANK = 20


def _share(view: "View", kind: "Callable[[UnitStates], torch.Tensor]") -> "dict[str, torch.Tensor]":
    """Give the share of units of one kind, of each layer and of all layers together."""
    from physai_inverse.trainers.observables import activations

    pairs = zip(view.hidden, view.slopes, strict=True)
    counts = {layer.name: kind(activations.unit_states(slopes)) for layer, slopes in pairs}
    units = {layer.name: layer.inputs.shape[1] for layer in view.hidden}
    found = {name: count / units[name] for name, count in counts.items()}
    return {**found, "all": sum(counts.values()) / sum(units.values())}  # type: ignore[dict-item]  # a sum of tensors


def _each(view: "View", function: "Callable[[Hidden], torch.Tensor]") -> "dict[str, torch.Tensor]":
    return {layer.name: function(layer) for layer in view.hidden}


@observable("activations", "1", cost=1, needs=("hidden",), summary="last")
def dead_units(view: "View") -> "dict[str, torch.Tensor]":
    """Give the share of hidden units whose activation slope is below 0.01 on all rows, in [0, 1].

    For ReLU exactly those that are active for no row. A saturated unit counts as dead; the threshold is ours.

    Source: "Training dynamics of A Single ReLU Neuron" (kindxiaoming.github.io).
    """
    return _share(view, lambda states: states.dead)


@observable("activations", "1", cost=1, needs=("hidden",), summary="last")
def linear_units(view: "View") -> "dict[str, torch.Tensor]":
    """Give the share of hidden units that are not dead and whose slope varies by at most 0.1, in [0, 1].

    For ReLU exactly those that are active for every row ("hyperactive").

    Source: "Training dynamics of A Single ReLU Neuron" (kindxiaoming.github.io).
    """
    return _share(view, lambda states: states.linear)


@observable("activations", "1", cost=1, needs=("hidden",), summary="last")
def nonlinear_units(view: "View") -> "dict[str, torch.Tensor]":
    """Give the share of hidden units whose activation slope varies by more than 0.1 over the rows, in [0, 1].

    For ReLU exactly those that are active for some rows and not for others ("balanced").

    Source: "Physics of Feature Learning 1" (kindxiaoming.github.io).
    """
    return _share(view, lambda states: states.nonlinear)


@observable("activations", "1", cost=1, needs=("hidden",), summary="mean")
def active_rate(view: "View") -> "dict[str, torch.Tensor]":
    """Give the share of positive activations `H > 0` of each layer; the mean.

    1/2 for random ReLU units; one minus it is the lifetime sparsity.

    Source: Glorot, Bordes and Bengio 2011, "Deep sparse rectifier neural networks", AISTATS.
    """
    from physai_inverse.trainers.observables import activations

    return _each(view, lambda layer: activations.active_rate(layer.outputs).mean())


@observable("activations", "1", cost=1, needs=("hidden",), summary="mean")
def activation_gini(view: "View") -> "dict[str, torch.Tensor]":
    """Give the Gini coefficient of the absolute activations of each layer; the mean.

    Source: Hurley and Rickard 2009, https://arxiv.org/abs/0811.4706.
    """
    from physai_inverse.trainers.observables import weights

    return _each(view, lambda layer: weights.gini(layer.outputs))


@observable("activations", "activation", cost=1, needs=("hidden",), summary="last")
def coordinate_size(view: "View") -> "dict[str, torch.Tensor]":
    """Give the mean of `|Z|` of each layer; of the last.

    The coordinate check: under maximal-update parametrisation it does not depend on the width over the first
    steps.

    Source: Yang et al. 2022, https://arxiv.org/abs/2203.03466.
    """
    return _each(view, lambda layer: layer.inputs.double().abs().mean())


@observable("activations", "activation", cost=1, needs=("hidden",), summary="last")
def mean_shift(view: "View") -> "dict[str, torch.Tensor]":
    """Give the standard deviation over units of their mean over rows, of each layer; of the last.

    Source: "Optimization 3 / Depth 2" (kindxiaoming.github.io), where it is taken at initialisation.
    """
    from physai_inverse.trainers.observables import activations

    return _each(view, lambda layer: activations.mean_shift(layer.outputs))


@observable("activations", "1", cost=1, needs=("hidden",))
def norm_growth(view: "View") -> "torch.Tensor":
    """Give the exponent with which the root mean square of `Z` grows with the layer's number.

    Least squares of logarithms over the hidden layers, at least two; 1/2 in a residual stream of equal,
    independent blocks at the start.

    Source: "Depth 1" (kindxiaoming.github.io).
    """
    import torch

    from physai_inverse.trainers.observables.view import Missing

    if len(view.hidden) < 2:
        raise Missing("there is only one hidden layer")
    sizes = torch.stack([layer.inputs.double().square().mean().sqrt() for layer in view.hidden]).log()
    x = torch.arange(1, len(view.hidden) + 1, dtype=torch.float64, device=sizes.device).log()
    x = x - x.mean()
    return (x * sizes).sum() / x.square().sum()


@observable("activations", "1", cost=4, needs=("hidden",), summary="last")
def activation_rank(view: "View") -> "dict[str, torch.Tensor]":
    """Give the entropy rank of each layer's activations, centred, from shares of variance; of the last.

    Source: Roy and Vetterli 2007, "The effective rank", EUSIPCO; variant with squares.
    """
    from physai_inverse.trainers.observables import weights

    return _each(view, lambda layer: weights.effective_rank(_centred(layer)))


@observable("activations", "1", cost=4, needs=("hidden",), summary="last")
def activation_rank_of_values(view: "View") -> "dict[str, torch.Tensor]":
    """Give the entropy rank of each layer's activations, not centred, from singular values; of the last.

    Source: Roy and Vetterli 2007, "The effective rank", EUSIPCO; as "Depth 1" (kindxiaoming.github.io) has it.
    """
    from physai_inverse.trainers.observables import weights

    return _each(view, lambda layer: weights.effective_rank(layer.outputs, squared=False))


@observable("activations", "1", cost=4, needs=("hidden",), summary="last")
def participation_ratio(view: "View") -> "dict[str, torch.Tensor]":
    """Give `(sum v)^2 / sum v^2` of the eigenvalues of the covariance of each layer's activations; of the last.

    D for an isotropic cloud, 1 for a line.

    Source: Gao et al. 2017, "A theory of multineuronal dimensionality, dynamics and measurement",
    https://doi.org/10.1101/214262.
    """
    from physai_inverse.trainers.observables import activations

    return _each(view, lambda layer: activations.participation_ratio(layer.outputs))


@observable("activations", "1", cost=4, needs=("hidden",), summary="last")
def anisotropy(view: "View") -> "dict[str, torch.Tensor]":
    """Give the ratio of the two largest singular values of each layer's activations, not centred; of the last.

    About 5 behind a random ReLU layer, 1 behind a linear one or tanh.

    Source: "Representation anisotropy from nonlinear functions" (kindxiaoming.github.io).
    """
    from physai_inverse.trainers.observables import activations

    return _each(view, lambda layer: activations.anisotropy(layer.outputs))


@observable("activations", "1", cost=4, needs=("hidden",), summary="last")
def activation_exponent(view: "View") -> "dict[str, torch.Tensor]":
    """Give `a` in `v_i ~ i^-a` for the covariance eigenvalues 1 to 20 of each layer's activations; of the last.

    Least squares in logarithms; fewer eigenvalues where the layer has fewer units.

    Source: Stringer et al. 2019, https://doi.org/10.1038/s41586-019-1346-5, for the observable.
    """
    from physai_inverse.trainers.observables import activations

    return _each(view, lambda layer: activations.spectrum_exponent(layer.outputs, first=1, last=LAST_RANK))


def _centred(layer: "Hidden") -> "torch.Tensor":
    H = layer.outputs.double()
    return H - H.mean(dim=0)
