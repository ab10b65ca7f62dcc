"""What the hidden activations hold: classes, latents, likeness of layers.

Symbols: `H` [n, D] what comes out of a hidden layer, `K` classes, `M` [K, D] their centred means.
"""

from typing import TYPE_CHECKING

from physai_inverse.trainers.observables.registry import observable

if TYPE_CHECKING:
    import torch

    from physai_inverse.trainers.observables.activations import NeuralCollapse
    from physai_inverse.trainers.observables.view import View

SELECTIVE = 0.9


@observable("representation", "1", cost=4, needs=("representation",))
def effective_rank(view: "View") -> "torch.Tensor":
    """Give the entropy rank (from variances) of the embedding, else of the last hidden activations; centred.

    Source: Roy and Vetterli 2007, "The effective rank", EUSIPCO; variant with squares.
    """
    from physai_inverse.trainers.observables import weights

    return weights.effective_rank(view.representation)


@observable("representation", "1", cost=4, needs=("hidden",))
def layer_likeness(view: "View") -> "torch.Tensor":
    """Give the linear centred kernel alignment (CKA) of neighbouring hidden layers, in [0, 1]; the mean.

    Unchanged by rotation and scale of either layer.

    Source: Kornblith et al. 2019, https://arxiv.org/abs/1905.00414, section 3.
    """
    import torch

    from physai_inverse.trainers.observables import activations

    found = [activations.linear_cka(left, right) for left, right in _neighbours(view)]
    return torch.stack(found).mean()


@observable("representation", "1", cost=1, needs=("hidden",))
def layer_turn(view: "View") -> "torch.Tensor":
    """Give the mean over rows of one minus the cosine between neighbouring hidden layers of equal width; the mean.

    Falls like `1 / l` in a residual stream at the start: later layers do little.

    Source: "Depth 1" (kindxiaoming.github.io).
    """
    import torch

    from physai_inverse.trainers.observables import activations
    from physai_inverse.trainers.observables.view import Missing

    pairs = [(left, right) for left, right in _neighbours(view) if left.shape == right.shape]
    if not pairs:
        raise Missing("no two neighbouring layers have one width")
    return torch.stack([activations.layer_alignment(left, right) for left, right in pairs]).mean()


@observable("representation", "1", cost=4, needs=("hidden",), summary="last")
def effective_linearity(view: "View") -> "dict[str, torch.Tensor]":
    """Give R2 of the linear regression of each layer's `H` on its `Z`; of the last.

    1 for a linear layer. In sample: needs more rows than units.

    Source: "MLP 2" (kindxiaoming.github.io).
    """
    from physai_inverse.trainers.observables import activations
    from physai_inverse.trainers.observables.view import Missing

    for layer in view.hidden:
        if len(layer.inputs) <= layer.inputs.shape[1] + 1:
            raise Missing(f"{len(layer.inputs)} rows are too few for {layer.inputs.shape[1]} units")
    return {layer.name: activations.effective_linearity(layer.inputs, layer.outputs) for layer in view.hidden}


@observable("representation", "1", cost=4, needs=("hidden", "labels"), summary="last")
def probe_accuracy(view: "View") -> "dict[str, torch.Tensor]":
    """Give the share of rows whose class a linear map reads from each hidden layer, in [0, 1]; from the last.

    Ridge regression on one-hot classes, fitted on half of the rows and judged on the rest.

    Source: Alain and Bengio 2016, https://arxiv.org/abs/1610.01644; variant by least squares.
    """
    import torch

    from physai_inverse.trainers.observables import activations

    classes = _classes(view)
    found = {}
    for layer in view.hidden:
        Y = (
            _rows_of(layer.outputs, view.labels).unsqueeze(1) == torch.arange(classes, device=view.flat.device)
        ).double()
        guessed, truth = activations.probe(layer.outputs, Y)
        found[layer.name] = (guessed.argmax(dim=1) == truth.argmax(dim=1)).double().mean()
    return found


@observable("representation", "1", cost=4, needs=("hidden", "latents"), summary="last")
def probe_r2(view: "View") -> "dict[str, torch.Tensor]":
    """Give R2 of the latents that a linear map reads from each hidden layer, the mean over latents; from the last.

    Ridge regression, fitted on half of the rows and judged on the rest.

    Source: Alain and Bengio 2016, https://arxiv.org/abs/1610.01644; variant by least squares.
    """
    from physai_inverse.trainers.observables import activations

    found = {}
    for layer in view.hidden:
        guessed, truth = activations.probe(layer.outputs, _rows_of(layer.outputs, view.latents))
        found[layer.name] = activations.explained(guessed, truth)
    return found


@observable("representation", "1", cost=4, needs=("hidden", "latents"))
def linear_baseline(view: "View") -> "torch.Tensor":
    """Give R2 of the latents that a linear map reads from what goes into the first hidden layer; the mean.

    What a network that learned no features would know of them; to hold `probe_r2` against.

    Source: "Physics of Feature Learning 1" (kindxiaoming.github.io).
    """
    from physai_inverse.trainers.observables import activations

    Z = view.hidden[0].inputs
    guessed, truth = activations.probe(Z, _rows_of(Z, view.latents))
    return activations.explained(guessed, truth)


@observable("representation", "squared target", cost=4, needs=("regression",))
def linear_loss(view: "View") -> "torch.Tensor":
    """Give the mean square error of a linear regression of the targets on the inputs.

    With intercept, in sample, mean over rows and targets; the same at every step. The loss of a network stays near
    it on the plateau before features are learned.

    Source: "Physics of Feature Learning 1" (kindxiaoming.github.io).
    """
    from physai_inverse.trainers.observables import activations
    from physai_inverse.trainers.observables.view import Missing

    X, Y = view.regression
    if len(X) <= X.shape[1] + 1:
        raise Missing(f"{len(X)} rows are too few for {X.shape[1]} inputs")
    return activations.regression_loss(X, Y)


@observable("representation", "squared target", cost=4, needs=("hidden", "regression"), summary="last")
def feature_loss(view: "View") -> "dict[str, torch.Tensor]":
    """Give the mean square error of a linear regression of the targets on each hidden layer; of the last.

    With intercept, in sample, mean over rows and targets: what the features are worth to the best head, to hold
    against `linear_loss`, which is that of the inputs.

    Source: "Physics of Feature Learning 1" (kindxiaoming.github.io).
    """
    from physai_inverse.trainers.observables import activations
    from physai_inverse.trainers.observables.view import Missing

    _, Y = view.regression
    found = {}
    for layer in view.hidden:
        H = layer.outputs
        if len(H) <= H.shape[1] + 1:
            raise Missing(f"{len(H)} rows are too few for {H.shape[1]} units")
        found[layer.name] = activations.regression_loss(H, _rows_of(H, Y))
    return found


@observable("representation", "1", cost=1, needs=("hidden", "latents"), summary="last")
def selectivity(view: "View") -> "dict[str, torch.Tensor]":
    """Give the largest absolute correlation of a unit with a latent, mean over each layer's units; of the last.

    A unit that never changes has none and counts as 0.

    Source: "Diffusion 1 -- Sparse and Dense Neurons" (kindxiaoming.github.io).
    """
    return {name: strongest.mean() for name, strongest in _correlations(view).items()}


@observable("representation", "1", cost=1, needs=("hidden", "latents"), summary="last")
def pure_units(view: "View") -> "dict[str, torch.Tensor]":
    """Give the share of units whose absolute correlation with one latent is above 0.9, of each layer; of the last.

    Source: "Diffusion 1 -- Sparse and Dense Neurons" (kindxiaoming.github.io); the threshold is ours.
    """
    return {name: (strongest > SELECTIVE).double().mean() for name, strongest in _correlations(view).items()}


@observable("representation", "1", cost=4, needs=("hidden", "labels", "head"))
def collapse_within(view: "View") -> "torch.Tensor":
    """Give the neural collapse NC1, `tr(S_W S_B^+) / K` of the covariances within and between classes.

    Of the last hidden activations. The reference notebook leaves out 1/K; we follow the paper.

    Source: Papyan, Han and Donoho 2020, https://arxiv.org/abs/2008.08186.
    """
    return _collapse(view).within


@observable("representation", "1", cost=4, needs=("hidden", "labels", "head"))
def collapse_norms(view: "View") -> "torch.Tensor":
    """Give the neural collapse NC2 of norms: standard deviation over mean of the `|M_k|`.

    Source: Papyan, Han and Donoho 2020, https://arxiv.org/abs/2008.08186.
    """
    return _collapse(view).norms


@observable("representation", "1", cost=4, needs=("hidden", "labels", "head"))
def collapse_angles(view: "View") -> "torch.Tensor":
    """Give the neural collapse NC2 of angles: mean over pairs of classes of `|cos(M_k, M_l) + 1/(K-1)|`.

    Source: Papyan, Han and Donoho 2020, https://arxiv.org/abs/2008.08186.
    """
    return _collapse(view).angles


@observable("representation", "1", cost=4, needs=("hidden", "labels", "head"))
def collapse_duality(view: "View") -> "torch.Tensor":
    """Give the neural collapse NC3: `|W/|W| - M/|M||^2` of the last layer's weights and the class means.

    Source: Papyan, Han and Donoho 2020, https://arxiv.org/abs/2008.08186.
    """
    return _collapse(view).duality


@observable("representation", "1", cost=4, needs=("hidden", "labels", "head"))
def collapse_nearest(view: "View") -> "torch.Tensor":
    """Give the neural collapse NC4: share of rows whose nearest class mean is not what the network answers.

    Source: Papyan, Han and Donoho 2020, https://arxiv.org/abs/2008.08186.
    """
    return _collapse(view).nearest


def _collapse(view: "View") -> "NeuralCollapse":
    from physai_inverse.trainers.observables import activations
    from physai_inverse.trainers.observables.view import Missing

    H = view.hidden[-1].outputs
    if view.head.shape[1] != H.shape[1]:
        raise Missing(f"the head has {view.head.shape[1]} inputs and the last hidden layer {H.shape[1]} units")
    answers = view.outputs.reshape(-1, view.outputs.shape[-1]).argmax(dim=1)
    return activations.neural_collapse(H, _rows_of(H, view.labels), view.head, answers)


def _classes(view: "View") -> int:
    """Give the number of classes: of the head, or of the outputs."""
    return view.head.shape[0] if view.model.head is not None else view.outputs.shape[-1]


def _rows_of(H: "torch.Tensor", told: "torch.Tensor") -> "torch.Tensor":
    """Give what is told of each row of activations, in one order with them."""
    from physai_inverse.trainers.observables.view import Missing

    flat = told.reshape(-1) if not told.is_floating_point() else told
    if len(flat) != len(H):
        raise Missing(f"there are {len(flat)} labels or latents for {len(H)} rows of activations")
    return flat


def _neighbours(view: "View") -> "list[tuple[torch.Tensor, torch.Tensor]]":
    from itertools import pairwise

    from physai_inverse.trainers.observables.view import Missing

    pairs = [(left.outputs, right.outputs) for left, right in pairwise(view.hidden)]
    pairs = [(left, right) for left, right in pairs if len(left) == len(right)]
    if not pairs:
        raise Missing("there is only one hidden layer")
    return pairs


def _correlations(view: "View") -> "dict[str, torch.Tensor]":
    """Give the largest absolute correlation of each unit with a latent, [D] for each layer."""
    found = {}
    for layer in view.hidden:
        H, L = layer.outputs.double(), _rows_of(layer.outputs, view.latents)
        H, L = H - H.mean(dim=0), L - L.mean(dim=0)
        H, L = H / H.norm(dim=0).clamp(min=1e-12), L / L.norm(dim=0).clamp(min=1e-12)
        found[layer.name] = (H.T @ L).abs().amax(dim=1)
    return found
