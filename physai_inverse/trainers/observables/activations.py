"""What activations say: states of units, dimension, similarity of layers, collapse of classes.

Symbols: `H` [N, D] activations of N samples in D units; `Z` [N, D] what goes into the activation function.
Linear algebra in float64. Cost 1 for unit states, 4 for the rest. Every function gives 0-dim tensors and decides
nothing by a tensor's value, so that `vmap` can run it.
"""

from dataclasses import dataclass

import torch

from physai_inverse.seeds import generator

DEAD_SLOPE = 0.01
LINEAR_RANGE = 0.1
ROUNDING = 1e-6
"""Share of the largest singular value below which a direction of activations in single precision is rounding."""


@dataclass(frozen=True)
class UnitStates:
    """Number of units of each kind; `dead + linear + nonlinear` is the number of units."""

    dead: torch.Tensor
    linear: torch.Tensor
    nonlinear: torch.Tensor


def unit_states(slopes: torch.Tensor) -> UnitStates:
    """Sort units by what the slope of their activation function does over the samples.

    A unit is *dead* when the slope stays below 0.01 in absolute value for every sample (it passes no gradient),
    *nonlinear* when the slope varies by more than 0.1 between samples, else *linear*. For ReLU these are exactly
    the never active, the sometimes active ("balanced") and the always active ("hyperactive") units;
    for smooth functions a saturated unit counts as dead. The two thresholds are ours.

    Source: for ReLU "Training dynamics of A Single ReLU Neuron" and "Physics of Feature Learning 1"
    (kindxiaoming.github.io).

    Args:
        slopes: [N, D] of the activation function at each unit's input.
    """
    dead = slopes.abs().amax(dim=0) < DEAD_SLOPE
    varying = slopes.amax(dim=0) - slopes.amin(dim=0) > LINEAR_RANGE
    nonlinear = (varying & ~dead).sum()
    return UnitStates(dead.sum(), slopes.shape[1] - dead.sum() - nonlinear, nonlinear)


def active_rate(H: torch.Tensor) -> torch.Tensor:
    """Give for each unit the share of samples with a positive activation, [D]; about 1/2 for random ReLU units."""
    return (H > 0).double().mean(dim=0)


def participation_ratio(H: torch.Tensor) -> torch.Tensor:
    """Give `(sum v)^2 / sum v^2` for the eigenvalues `v` of the covariance.

    D for an isotropic cloud, 1 for a line.
    """
    v = torch.linalg.svdvals(_centred(H)).square()
    found: torch.Tensor = v.sum().square() / v.square().sum()
    return found


def anisotropy(H: torch.Tensor) -> torch.Tensor:
    """Give the ratio of the two largest singular values of the activations, not centred.

    Source: "Representation anisotropy from nonlinear functions" (kindxiaoming.github.io).
    """
    s = torch.linalg.svdvals(H.double())
    found: torch.Tensor = s[0] / s[1]
    return found


def mean_shift(H: torch.Tensor) -> torch.Tensor:
    """Give the standard deviation over units of their mean over samples.

    Source: "Optimization 3 / Depth 2" (kindxiaoming.github.io), where it is taken at initialisation.
    """
    return H.double().mean(dim=0).std(unbiased=False)


def spectrum_exponent(H: torch.Tensor, *, first: int, last: int) -> torch.Tensor:
    """Fit `a` in `v_i ~ i^-a` for the eigenvalues of the covariance, by least squares in logarithms.

    Args:
        H: [N, D].
        first: first rank used, from 1.
        last: last rank used.
    """
    v = torch.linalg.svdvals(_centred(H)).square()[first - 1 : last].log()
    x = torch.arange(first, first + len(v), dtype=torch.float64, device=v.device).log()
    x = x - x.mean()
    found: torch.Tensor = -(x * v).sum() / x.square().sum()
    return found


def effective_linearity(X: torch.Tensor, Y: torch.Tensor) -> torch.Tensor:
    """Give R^2 of the linear regression (with intercept) of a block's output on its input; 1 for a linear block.

    In sample: needs many more samples than inputs. Source: "MLP 2" (kindxiaoming.github.io).
    """
    X, Y = _centred(X), _centred(Y)
    left = Y - X @ (torch.linalg.pinv(X, rtol=ROUNDING) @ Y)
    found: torch.Tensor = 1 - left.square().sum() / Y.square().sum()
    return found


def regression_loss(X: torch.Tensor, Y: torch.Tensor) -> torch.Tensor:
    """Give the least mean square of a linear map with intercept from X [N, D] to Y [N, targets], in sample."""
    X, Y = _centred(X), _centred(Y)
    found: torch.Tensor = (Y - X @ (torch.linalg.pinv(X, rtol=ROUNDING) @ Y)).square().mean()
    return found


def layer_alignment(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Give the mean over samples of 1 - cosine between two layers of equal width.

    Source: "Depth 1" (kindxiaoming.github.io).
    """
    cosines = torch.nn.functional.cosine_similarity(left.double(), right.double(), dim=1)
    return 1 - cosines.mean()


def linear_cka(X: torch.Tensor, Y: torch.Tensor) -> torch.Tensor:
    """Give the linear centred kernel alignment of two representations of the same samples, in [0, 1].

    Unchanged by rotation and isotropic scaling of either.

    Source: Kornblith et al. 2019, https://arxiv.org/abs/1905.00414, section 3.
    """
    X, Y = _centred(X), _centred(Y)
    cross = (Y.T @ X).square().sum()
    found: torch.Tensor = cross / ((X.T @ X).norm() * (Y.T @ Y).norm())
    return found


@dataclass(frozen=True)
class NeuralCollapse:
    """How far the last features are from the collapsed state, in which all five are 0.

    Args:
        within: NC1, `tr(S_W S_B^+) / K`.
        norms: NC2, standard deviation over mean of the norms of the centred class means.
        angles: NC2, mean over pairs of `|cos + 1/(K-1)|` of centred class means.
        duality: NC3, `|W/|W| - M/|M||^2` of the classifier's weights and the centred class means.
        nearest: NC4, share of samples whose class is not that of the nearest mean, by the classifier's own answer.
    """

    within: torch.Tensor
    norms: torch.Tensor
    angles: torch.Tensor
    duality: torch.Tensor
    nearest: torch.Tensor


def neural_collapse(
    H: torch.Tensor, labels: torch.Tensor, W: torch.Tensor, answers: torch.Tensor
) -> NeuralCollapse:
    """Measure neural collapse.

    Source: Papyan, Han and Donoho 2020, https://arxiv.org/abs/2008.08186. The reference notebook leaves out
    1/K in `within`; we follow the paper.

    Args:
        H: [N, D] last features.
        labels: [N] classes 0 to K-1, each present.
        W: [K, D] weights of the classifier.
        answers: [N] the classes that the classifier gives.
    """
    H, W = H.double(), W.double()
    K = len(W)
    members = (labels.unsqueeze(1) == torch.arange(K, device=H.device)).double()
    means = members.T @ H / members.sum(dim=0).unsqueeze(1)
    M = means - means.mean(dim=0)
    deviations = H - members @ means
    within = deviations.T @ deviations / len(H)
    between = M.T @ M / K
    values, vectors = torch.linalg.eigh(between)
    values, vectors = values[-(K - 1) :], vectors[:, -(K - 1) :]  # the pseudo-inverse of rank K - 1
    ratio = (torch.einsum("dk,de,ek->k", vectors, within, vectors) / values).sum() / K
    U = torch.nn.functional.normalize(M, dim=1)
    left, right = torch.triu_indices(K, K, 1, device=H.device)
    cosines = (U[left] * U[right]).sum(dim=1)
    lengths = M.norm(dim=1)
    nearest = torch.cdist(H, means).argmin(dim=1)
    return NeuralCollapse(
        ratio,
        lengths.std(unbiased=False) / lengths.mean(),
        (cosines + 1 / (K - 1)).abs().mean(),
        (W / W.norm() - M / M.norm()).square().sum(),
        (answers != nearest).double().mean(),
    )


def surprises(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Give the cross-entropies [...] of classes [...] under scores [..., V], in nats; NaN for a class beyond V."""
    V = scores.shape[-1]
    logs = torch.log_softmax(scores.double(), dim=-1)
    found = -logs.gather(-1, labels.clamp(0, V - 1).unsqueeze(-1)).squeeze(-1)
    return torch.where((labels >= 0) & (labels < V), found, torch.nan)


def explained(guessed: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Give R2 of guesses [N, targets], the mean over targets that vary; NaN where none does."""
    variance = (truth - truth.mean(dim=0)).square().sum(dim=0)
    varies = variance > 0
    R2 = 1 - (guessed - truth).square().sum(dim=0) / torch.where(varies, variance, 1.0)
    return (R2 * varies).sum() / varies.sum()


def probe(H: torch.Tensor, Y: torch.Tensor, *, ridge: float = 1e-3) -> tuple[torch.Tensor, torch.Tensor]:
    """Predict targets from activations by a linear map with intercept, fitted on half of the samples.

    Ridge regression with `ridge` times the mean variance of a unit. The halves are drawn once for a number of
    samples, since their order may have a rhythm.

    Returns:
        What it predicts for the samples that it was not fitted on, and their targets, [N // 2, targets] each.
    """
    H, Y = H.double(), Y.double()
    order = torch.tensor(generator(0, "probe").permutation(len(H)), device=H.device)
    train, test = order[::2], order[1::2]
    middle, level = H[train].mean(dim=0), Y[train].mean(dim=0)
    X = H[train] - middle
    C = X.T @ X
    C = C + ridge * C.diagonal().mean().clamp(min=1e-30) * torch.eye(len(C), dtype=C.dtype, device=C.device)
    B = torch.linalg.solve(C, X.T @ (Y[train] - level))
    return (H[test] - middle) @ B + level, Y[test]


def _centred(H: torch.Tensor) -> torch.Tensor:
    H = H.double()
    return H - H.mean(dim=0)
