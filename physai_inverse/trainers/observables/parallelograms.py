"""Parallelograms among embeddings of numbers: what a training set for addition asks of them, and what they fulfil.

Where a network sees `E_i + E_j` only, two pairs of one sum with one answer pull towards `E_i + E_j = E_m + E_n`.
These equations, of training pairs alone, say whether the embeddings must become a line, and how fast.

Symbols: `p` numbers, `pairs` [p (p + 1) / 2, 2] with i <= j in order, `A` [q, p] one equation a row.

Source: Liu et al. 2022, "Towards understanding grokking: an effective theory of representation learning",
https://arxiv.org/abs/2205.10343, sections 3 and 4.
"""

from functools import lru_cache

import torch

CLOSED = 0.01
"""Mean square of an equation, in embeddings of unit variance, below which it counts as fulfilled."""

RANK = 1e-9
"""Share of the largest eigenvalue below which one is rounding: those of whole numbers lie far above."""


@lru_cache(maxsize=8)
def all_pairs(p: int) -> torch.Tensor:
    """List the pairs of numbers below `p` whose order does not matter, [p (p + 1) / 2, 2]."""
    return torch.tensor([(first, second) for first in range(p) for second in range(first, p)])


@lru_cache(maxsize=8)
def equations(p: int) -> tuple[torch.Tensor, torch.Tensor]:
    """List the equations of all pairs of pairs with one sum.

    Returns:
        [q, 2] the two pairs of each, as rows of `all_pairs`; and [q, p] its coefficients, in double precision.
    """
    pairs = all_pairs(p)
    sums = pairs.sum(dim=1)
    first, second = torch.triu_indices(len(pairs), len(pairs), offset=1)
    same = sums[first] == sums[second]
    first, second = first[same], second[same]
    counts = torch.nn.functional.one_hot(pairs, p).sum(dim=1).double()
    return torch.stack([first, second], dim=1), counts[first] - counts[second]


def standardized(E: torch.Tensor) -> torch.Tensor:
    """Shift and scale each dimension of embeddings [p, dimensions] to mean 0 and variance 1 (over p - 1)."""
    return (E - E.mean(dim=0)) / E.std(dim=0)


def quality(E: torch.Tensor, A: torch.Tensor) -> torch.Tensor:
    """Give the share of equations that embeddings fulfil (representation quality index), in [0, 1].

    Args:
        E: [p, dimensions].
        A: [q, p] of `equations`, in the type of `E`.
    """
    return ((A @ standardized(E)).square().mean(dim=1) < CLOSED).to(E.dtype).mean()


def predicted_accuracy(E: torch.Tensor, trained: torch.Tensor) -> float:
    """Give the share of all pairs that a decoder of `E_i + E_j` must answer.

    These are the pairs trained on, and those that lie where one of the same sum is trained on.

    Args:
        E: [p, dimensions].
        trained: [pairs] which are trained on.
    """
    pairs = all_pairs(len(E)).to(E.device)
    sums = pairs.sum(dim=1)
    places = standardized(E)[pairs].sum(dim=1)
    near = (places[:, None] - places[None]).square().mean(dim=2) < CLOSED
    same = sums[:, None] == sums[None]
    return float((trained | (near & same & trained[None]).any(dim=1)).double().mean())


def _of_training(p: int, trained: torch.Tensor) -> torch.Tensor:
    """Give the squared equations among training pairs, summed: [..., p, p] for `trained` [..., pairs]."""
    ends, A = equations(p)
    weights = trained[..., ends].all(dim=-1).double()
    return torch.einsum("...q,qi,qj->...ij", weights, A, A)


def degrees_of_freedom(p: int, trained: torch.Tensor) -> torch.Tensor:
    """Give how many numbers the equations among training pairs leave free; 2 is a line's shift and scale.

    Args:
        p: how many numbers there are.
        trained: [..., pairs] which are trained on.

    Returns:
        [...] whole numbers, at least 2.
    """
    rank: torch.Tensor = torch.linalg.matrix_rank(_of_training(p, trained), hermitian=True)
    return p - rank


def free_numbers(counts: torch.Tensor, answers: torch.Tensor) -> torch.Tensor:
    """Give how many numbers are left free in one-dimensional embeddings by equal sums for equal answers.

    The rank of all differences of rows of one answer is that of the rows less their mean in each answer. In the
    terms of a view, so that `vmap` can run it; `degrees_of_freedom` is the same for pairs of numbers.

    Args:
        counts: [n, p] how often each token stands in each row.
        answers: [n] whole numbers.

    Returns:
        0-dim, from 0 to p.
    """
    order = answers.argsort()
    C, sorted_answers = counts.double()[order], answers[order]
    after = (sorted_answers[1:] != sorted_answers[:-1]).long().cumsum(dim=0)
    numbers = torch.cat([torch.zeros_like(after[:1]), after]) if len(answers) > 1 else answers * 0
    sums = torch.zeros_like(C).index_add(0, numbers, C)
    sizes = torch.zeros_like(C[:, 0]).index_add(0, numbers, torch.ones_like(C[:, 0]))
    left = C - (sums / sizes.clamp(min=1).unsqueeze(1))[numbers]
    values = torch.linalg.eigvalsh(left.T @ left)
    found: torch.Tensor = C.shape[1] - (values > RANK * values[-1]).sum()
    return found


def chance_of_a_line(p: int, size: int, *, draws: int, seed: int) -> float:
    """Estimate how probable it is that random training pairs leave nothing but a line's shift and scale.

    Args:
        p: how many numbers there are.
        size: number of training pairs.
        draws: number of training sets.
        seed: of the draws.
    """
    source = torch.Generator().manual_seed(seed)
    ranks = torch.rand(draws, len(all_pairs(p)), generator=source).argsort(dim=1).argsort(dim=1)
    return float((degrees_of_freedom(p, ranks < size) == 2).double().mean())


def pace(p: int, trained: torch.Tensor) -> torch.Tensor:
    """Give the third-smallest eigenvalue of the effective Hessian, the rate at which embeddings become a line.

    The effective loss is the mean square of the equations among training pairs, for embeddings of mean 0 whose
    squares add up to `p - 1`; its Hessian has two eigenvalues of 0 (shift, scale). A learning rate `eta` takes
    about `1 / (pace * eta)` steps of gradient descent. 0 where more is free than a line's shift and scale.

    Args:
        p: how many numbers there are.
        trained: [..., pairs] which are trained on.

    Returns:
        [...].
    """
    ends, _ = equations(p)
    number = trained[..., ends].all(dim=-1).sum(dim=-1).clamp(min=1)
    third = torch.linalg.eigvalsh(_of_training(p, trained))[..., 2]
    third = torch.where(degrees_of_freedom(p, trained) > 2, 0.0, third)
    return 2 * third / (number * (p - 1))
