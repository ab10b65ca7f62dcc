"""Norms, ranks, spectra and sparsity of the parameters.

Symbols: `W` [m, n] a parameter with two dimensions, `s` its singular values, `q = s^2 / sum(s^2)`.
"""

from typing import TYPE_CHECKING

from physai_inverse.trainers.observables.registry import observable

if TYPE_CHECKING:
    import torch

    from physai_inverse.trainers.observables.view import View


@observable("weights", "parameter", cost=0)
def weight_norm(view: "View") -> "torch.Tensor":
    """Give the Euclidean norm of all parameters.

    It falls when a grokking network generalises.

    Source: Liu, Michaud and Tegmark 2022, https://arxiv.org/abs/2210.01117.
    """
    from physai_inverse.trainers.observables import weights

    return weights.weight_norm(view.flat)


@observable("weights", "parameter", cost=0, summary="max")
def matrix_norm(view: "View") -> "dict[str, torch.Tensor]":
    """Give the Frobenius norm of each matrix; the largest.

    Source: Liu, Michaud and Tegmark 2022, https://arxiv.org/abs/2210.01117.
    """
    return {name: W.norm() for name, W in view.matrices.items()}


@observable("weights", "parameter", cost=4, summary="max")
def spectral_norm(view: "View") -> "dict[str, torch.Tensor]":
    """Give the largest singular value of each matrix; the largest.

    About `sigma (sqrt(m) + sqrt(n))` for independent entries of deviation `sigma`.

    Source: Marchenko and Pastur 1967.
    """
    from physai_inverse.trainers.observables import weights

    return {name: weights.spectral_norm(W) for name, W in view.matrices.items()}


@observable("weights", "1", cost=4, summary="mean")
def stable_rank(view: "View") -> "dict[str, torch.Tensor]":
    """Give the stable rank `|W|_F^2 / s_1^2` of each matrix; the mean.

    Source: Rudelson and Vershynin 2007, https://arxiv.org/abs/math/0503442.
    """
    from physai_inverse.trainers.observables import weights

    return {name: weights.stable_rank(W) for name, W in view.matrices.items()}


@observable("weights", "1", cost=4, summary="mean")
def weight_rank(view: "View") -> "dict[str, torch.Tensor]":
    """Give the entropy rank `exp(-sum q log q)` of each matrix, from squared singular values; the mean.

    Source: Roy and Vetterli 2007, "The effective rank", EUSIPCO; variant with squares.
    """
    from physai_inverse.trainers.observables import weights

    return {name: weights.effective_rank(W) for name, W in view.matrices.items()}


@observable("weights", "1", cost=4, summary="mean")
def weight_rank_of_values(view: "View") -> "dict[str, torch.Tensor]":
    """Give the entropy rank of each matrix from its singular values themselves, not squared; the mean.

    Source: Roy and Vetterli 2007, "The effective rank", EUSIPCO.
    """
    from physai_inverse.trainers.observables import weights

    return {name: weights.effective_rank(W, squared=False) for name, W in view.matrices.items()}


@observable("weights", "1", cost=4, summary="mean")
def tail_exponent(view: "View") -> "dict[str, torch.Tensor]":
    """Give the exponent of a power law fitted to the density of the largest half of each `W^T W` spectrum; mean.

    Read as 2 to 4 for well trained layers. `tail_distance` says how well the law fits.

    Source: Martin and Mahoney 2021, https://arxiv.org/abs/1810.01075; fit of Clauset, Shalizi and Newman 2009,
    https://arxiv.org/abs/0706.1062, equation 3.1, with the tail fixed.
    """
    from physai_inverse.trainers.observables import weights

    return {name: weights.tail_exponent(W)[0] for name, W in view.matrices.items() if min(W.shape) >= 4}


@observable("weights", "1", cost=4, summary="mean")
def tail_distance(view: "View") -> "dict[str, torch.Tensor]":
    """Give the Kolmogorov-Smirnov distance of the power law of `tail_exponent` for each matrix; the mean.

    Source: Clauset, Shalizi and Newman 2009, https://arxiv.org/abs/0706.1062, section 3.3.
    """
    from physai_inverse.trainers.observables import weights

    return {name: weights.tail_exponent(W)[1] for name, W in view.matrices.items() if min(W.shape) >= 4}


@observable("weights", "singular values", cost=4, summary="sum")
def random_matrix_outliers(view: "View") -> "dict[str, torch.Tensor]":
    """Give the number of singular values beyond the edge `sigma (sqrt(m) + sqrt(n))` of a random matrix; the sum.

    `sigma` is the standard deviation of the entries about zero. 0, give or take one, for a random matrix.

    Source: Marchenko and Pastur 1967; as an observable Martin and Mahoney 2021, https://arxiv.org/abs/1810.01075.
    """
    from physai_inverse.trainers.observables import weights

    return {name: weights.marchenko_pastur_outliers(W) for name, W in view.matrices.items()}


@observable("weights", "1", cost=1, summary="mean")
def weight_gini(view: "View") -> "dict[str, torch.Tensor]":
    """Give the Gini coefficient of the absolute entries of each matrix; the mean.

    0 where all are equal, 1 - 1/n where one of n has all; 0.41 for normal entries.

    Source: Hurley and Rickard 2009, https://arxiv.org/abs/0811.4706.
    """
    from physai_inverse.trainers.observables import weights

    return {name: weights.gini(W) for name, W in view.matrices.items()}


@observable("weights", "eigenvalues", cost=4, summary="sum")
def negative_directions(view: "View") -> "dict[str, torch.Tensor]":
    """Give the number of negative eigenvalues of the symmetric part of each square matrix; the sum.

    Of a map from a token to the next one: 2 or 3 where a walk on a circle is learned.

    Source: "Bigram 2" (kindxiaoming.github.io).
    """
    from physai_inverse.trainers.observables import weights

    square = {name: W for name, W in view.matrices.items() if W.shape[0] == W.shape[1]}
    return {name: weights.negative_directions(W) for name, W in square.items()}


@observable("weights", "parameter", cost=0, needs=("start",), summary="last")
def distance_from_start(view: "View") -> "dict[str, torch.Tensor]":
    """Give the Euclidean distance of each parameter from its first value; of all together.

    Source: Nagarajan and Kolter 2019, https://arxiv.org/abs/1901.01672.
    """
    from physai_inverse.trainers.observables import weights

    first = view.model.layout.views(view.start)
    found = {name: weights.distance(W, first[name]) for name, W in view.parameters.items()}
    return {**found, "all": weights.distance(view.flat, view.start)}


@observable("weights", "1", cost=0, needs=("start",), summary="max")
def relative_change(view: "View") -> "dict[str, torch.Tensor]":
    """Give the L1 distance of each matrix from its first value, over the L1 norm of that; the largest.

    Which layer moved: about 0 in the lazy regime.

    Source: Chizat, Oyallon and Bach 2019, https://arxiv.org/abs/1812.07956; variant in L1.
    """
    first = view.model.layout.views(view.start)
    return {
        name: (W - first[name].double()).abs().sum() / first[name].double().abs().sum()
        for name, W in view.matrices.items()
    }
