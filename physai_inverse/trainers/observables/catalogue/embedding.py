"""Structure of an embedding: parallelograms, frequencies, superposition.

Symbols: `E` [p, d], one row a token or feature, in the order of the tokens.
"""

from typing import TYPE_CHECKING

from physai_inverse.trainers.observables.registry import observable

if TYPE_CHECKING:
    import torch

    from physai_inverse.trainers.observables.view import View

FREQUENCIES = 4


@observable("embedding", "1", cost=4, needs=("embedding",))
def embedding_rank(view: "View") -> "torch.Tensor":
    """Give the entropy rank of the embedding, centred, from shares of variance.

    Source: Roy and Vetterli 2007, "The effective rank", EUSIPCO; variant with squares.
    """
    from physai_inverse.trainers.observables import weights

    return weights.effective_rank(view.embedding - view.embedding.mean(dim=0))


@observable("embedding", "1", cost=4, needs=("embedding",))
def fourier_concentration(view: "View") -> "torch.Tensor":
    """Give the share of the embedding's power in its 4 strongest frequencies, in [0, 1].

    The mean over tokens is left out. About `8 / (p - 1)` and somewhat more for a random embedding.

    Source: after Nanda et al. 2023, https://arxiv.org/abs/2301.05217.
    """
    from physai_inverse.trainers.observables import weights

    return weights.fourier_concentration(view.embedding, num_frequencies=FREQUENCIES)


@observable("embedding", "1", cost=4, needs=("embedding",))
def fourier_gini(view: "View") -> "torch.Tensor":
    """Give the Gini coefficient of the embedding's power over frequencies: 0 even, 1 - 1/n in one of n.

    Source: Nanda et al. 2023, https://arxiv.org/abs/2301.05217.
    """
    from physai_inverse.trainers.observables import weights

    return weights.gini(weights.fourier_power(view.embedding))


@observable("embedding", "1", cost=4, needs=("embedding",))
def parallelogram_quality(view: "View") -> "torch.Tensor":
    """Give the share of parallelograms `i + j = k + l` of the embedding that close (RQI), in [0, 1].

    One closes where `|E_i + E_j - E_k - E_l|^2 / d` is below 0.01 after each column is standardised; without
    wrap-around.

    Source: Liu et al. 2022, https://arxiv.org/abs/2205.10343, equation 4.
    """
    from physai_inverse.trainers.observables import weights

    return weights.parallelogram_quality(view.embedding)


@observable("embedding", "1", cost=4, needs=("embedding",))
def feature_dimensionality(view: "View") -> "torch.Tensor":
    """Give the mean share of a dimension that a feature has, `|E_i|^2 / sum_j (u_i . E_j)^2`, `u_i = E_i / |E_i|`.

    1 for orthogonal features, 1/2 for antipodal pairs.

    Source: Elhage et al. 2022, https://arxiv.org/abs/2209.10652; the mean.
    """
    from physai_inverse.trainers.observables import weights

    return weights.feature_dimensionality(view.embedding).mean()


@observable("embedding", "1", cost=0, needs=("embedding",))
def represented_fraction(view: "View") -> "torch.Tensor":
    """Give the share of rows of the embedding whose norm is above 1/2, in [0, 1].

    Source: Liu, Liu and Gore 2025, https://arxiv.org/abs/2505.10465.
    """
    found: torch.Tensor = (view.embedding.norm(dim=1) > 0.5).double().mean()
    return found


@observable("embedding", "1", cost=4, needs=("embedding",))
def mean_overlap(view: "View") -> "torch.Tensor":
    """Give the mean squared cosine over pairs of different rows of the embedding.

    About `1 / d` for random rows in `d` dimensions.

    Source: Liu, Liu and Gore 2025, https://arxiv.org/abs/2505.10465.
    """
    from physai_inverse.trainers.observables import weights

    return weights.mean_overlap(view.embedding)


@observable("embedding", "1", cost=4, needs=("terms",))
def degrees_of_freedom(view: "View") -> "torch.Tensor":
    """Give what the training rows leave free in an embedding whose sums must be equal for equal answers.

    `p` tokens less the rank of the equations `sum of E over one row = sum of E over another` for pairs of training
    rows with one answer, from the data alone. For addition, 2 means that the structure is determined: a line but
    for its shift and scale; for addition modulo `p`, 1: only embeddings that are all the same fulfil them over the
    reals.

    Source: Liu et al. 2022, https://arxiv.org/abs/2205.10343, section 3.
    """
    from physai_inverse.trainers.observables import parallelograms

    return parallelograms.free_numbers(*view.terms)
