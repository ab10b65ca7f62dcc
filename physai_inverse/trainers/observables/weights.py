"""What weights say: norms, ranks, sparsity, structure of embeddings.

Symbols: `W` [m, n] with singular values `s`, largest first; `q = s^2 / sum(s^2)`. Linear algebra in float64.
Every function gives 0-dim tensors and decides nothing by a tensor's value, so that `vmap` can run it.
"""

import math

import torch


def weight_norm(w: torch.Tensor) -> torch.Tensor:
    """Give the Euclidean norm of parameters (Frobenius for a matrix). Cost 0; unit of the parameters."""
    found: torch.Tensor = w.double().norm()
    return found


def spectral_norm(W: torch.Tensor) -> torch.Tensor:
    """Give the largest singular value. Cost 4."""
    found: torch.Tensor = torch.linalg.matrix_norm(W.double(), ord=2)
    return found


def stable_rank(W: torch.Tensor) -> torch.Tensor:
    """Give `|W|_F^2 / s_1^2`, between 1 and the rank; 0 for zero. Cost 4.

    Source: Rudelson and Vershynin 2007, https://arxiv.org/abs/math/0503442.
    """
    squares = torch.linalg.svdvals(W.double()).square()
    return torch.where(squares[0] > 0, squares.sum() / squares[0], 0.0)


def effective_rank(W: torch.Tensor, *, squared: bool = True) -> torch.Tensor:
    """Give the entropy form of the rank, `exp(-sum p log p)`; 0 for zero. Cost 4.

    Args:
        W: weights, or activations with samples in rows; not centred here.
        squared: `p = q`, the shares of variance, as in most posts on embeddings; else `p = s / sum(s)`, the
            form of Roy and Vetterli. The two differ: name the one that is meant.

    Source: Roy and Vetterli 2007, "The effective rank", EUSIPCO.
    """
    s = torch.linalg.svdvals(W.double())
    p = s.square() if squared else s
    total = p.sum()
    p = p / torch.where(total > 0, total, 1.0)
    return torch.where(total > 0, torch.special.entr(p).sum().exp(), 0.0)


def marchenko_pastur_outliers(W: torch.Tensor) -> torch.Tensor:
    """Count singular values above the edge `sigma (sqrt(m) + sqrt(n))` of a random matrix. Cost 4.

    `sigma` is the standard deviation of the entries about zero; 0, give or take one, at random initialisation.

    Source: Marchenko and Pastur 1967; as an observable Martin and Mahoney 2021, https://arxiv.org/abs/1810.01075.
    """
    edge = W.double().square().mean().sqrt() * (math.sqrt(W.shape[0]) + math.sqrt(W.shape[1]))
    found: torch.Tensor = (torch.linalg.svdvals(W.double()) > edge).sum()
    return found


def gini(values: torch.Tensor) -> torch.Tensor:
    """Give the Gini coefficient of absolute values: 0 when all are equal, 1 - 1/n when one has all. Cost 0."""
    x = values.double().abs().flatten().sort().values
    n = len(x)
    ranks = torch.arange(1, n + 1, dtype=torch.float64, device=x.device)
    return ((2 * ranks - n - 1) * x).sum() / (n * x.sum())


def fourier_concentration(E: torch.Tensor, *, num_frequencies: int) -> torch.Tensor:
    """Give the share of the power of a cyclic embedding in its strongest frequencies. Cost 4.

    The mean over tokens (frequency 0) is left out. A random embedding of `p` tokens has about
    `2 num_frequencies / (p - 1)` and somewhat more, since the strongest are chosen; a single frequency has 1.

    Args:
        E: [p, d] one row a token, in cyclic order.
        num_frequencies: how many.

    Source: after Nanda et al. 2023, https://arxiv.org/abs/2301.05217.
    """
    power = fourier_power(E)
    return power.topk(min(num_frequencies, len(power))).values.sum() / power.sum()


def fourier_power(E: torch.Tensor) -> torch.Tensor:
    """Give the power of a cyclic embedding [p, d] at each frequency above 0, [p // 2]. Cost 4."""
    power = torch.fft.rfft(E.double(), dim=0).abs().square().sum(dim=1)[1:]
    if len(E) % 2:
        found: torch.Tensor = power
        return found
    return torch.cat([power[:-1] * 2, power[-1:]])  # all frequencies but the last of an even length come twice


def parallelogram_quality(E: torch.Tensor, *, tolerance: float = 0.01) -> torch.Tensor:
    """Give the representation quality index: the share of parallelograms `i+j=k+l` that close. Cost 4, O(p^3).

    One closes when `|E_i + E_j - E_k - E_l|^2 / d` is below `tolerance`, after each column is standardised.
    Variant: `i <= j`, `k <= l`, pairs different, no wrap-around.

    Source: Liu et al. 2022, https://arxiv.org/abs/2205.10343, equation 4.

    Args:
        E: [p, d] one row a number, in order.
        tolerance: see above.
    """
    E = E.double()
    E = (E - E.mean(dim=0)) / E.std(dim=0, unbiased=False)
    p = len(E)
    closed, total = torch.zeros((), dtype=torch.float64, device=E.device), 0
    for number in range(2 * p - 1):
        i = torch.arange(max(0, number - p + 1), number // 2 + 1, device=E.device)
        if len(i) < 2:
            continue
        sums = E[i] + E[number - i]
        left, right = torch.triu_indices(len(i), len(i), 1, device=E.device)
        distances = (sums[left] - sums[right]).square().sum(dim=1) / E.shape[1]
        closed = closed + (distances < tolerance).sum()
        total += len(left)
    return closed / total if total else closed * math.nan


def feature_dimensionality(W: torch.Tensor) -> torch.Tensor:
    """Give each feature's share of a dimension, `|W_i|^2 / sum_j (u_i . W_j)^2` with `u_i = W_i / |W_i|`. Cost 4.

    Orthogonal features have 1, an antipodal pair 1/2; the sum is at most the number of dimensions.

    Source: Elhage et al. 2022, https://arxiv.org/abs/2209.10652.

    Args:
        W: [features, dimensions].
    """
    W = W.double()
    norms = W.norm(dim=1, keepdim=True)
    overlaps: torch.Tensor = ((W / norms) @ W.T).square().sum(dim=1)
    squares: torch.Tensor = norms.squeeze(1).square()
    return squares / overlaps


def mean_overlap(W: torch.Tensor) -> torch.Tensor:
    """Give the mean of the squared cosine over pairs of different rows; about 1/m for random rows in m dimensions.

    Cost 4. Source: Liu, Liu and Gore 2025, https://arxiv.org/abs/2505.10465.
    """
    U = torch.nn.functional.normalize(W.double(), dim=1)
    squares = (U @ U.T).square()
    n = len(U)
    return (squares.sum() - squares.diagonal().sum()) / (n * (n - 1))


def distance(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Give the Euclidean distance between two parameter vectors, for example from the start. Cost 0."""
    found: torch.Tensor = (left.double() - right.double()).norm()
    return found


def tail_exponent(W: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Fit `a` in a density `v^-a` to the largest half of the eigenvalues `v` of `W^T W`, with its distance.

    Maximum likelihood with the smallest of them as the least value. The distance is that of Kolmogorov and
    Smirnov, the largest difference of the two distribution functions. Cost 4.

    Source: Clauset, Shalizi and Newman 2009, https://arxiv.org/abs/0706.1062, equation 3.1; as an observable
    Martin and Mahoney 2021, https://arxiv.org/abs/1810.01075. Variant: the tail is fixed, not searched.
    """
    v = torch.linalg.svdvals(W.double()).square().flip(0)
    v = v[len(v) // 2 :]
    n = len(v)
    logs = (v / v[0]).log()
    exponent = 1 + n / logs.sum()
    model = 1 - torch.exp(-(exponent - 1) * logs)
    ranks = torch.arange(n, dtype=torch.float64, device=v.device)
    distance = torch.maximum((model - ranks / n).abs(), (model - (ranks + 1) / n).abs()).max()
    return exponent, distance


def negative_directions(W: torch.Tensor) -> torch.Tensor:
    """Count the negative eigenvalues of the symmetric part of a square matrix. Cost 4.

    Source: "Bigram 2" (kindxiaoming.github.io), of the product of output and value matrices.
    """
    W = W.double()
    found: torch.Tensor = (torch.linalg.eigvalsh((W + W.T) / 2) < 0).sum()
    return found
