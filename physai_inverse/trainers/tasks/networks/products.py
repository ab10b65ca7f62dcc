"""A product of square matrices: the deep linear network."""

from itertools import pairwise

import torch
from torch import nn


class Products(nn.Module):
    """Compute `W_L ... W_1 x`.

    Args:
        matrices: `W_1` to `W_L`, [d, d] each.
    """

    def __init__(self, matrices: list[torch.Tensor]) -> None:
        super().__init__()
        self.layers = nn.ParameterList([nn.Parameter(matrix) for matrix in matrices])
        self.start: torch.Tensor
        self.register_buffer("start", imbalance(list(self.layers)).detach())

    def product(self) -> torch.Tensor:
        """Give the matrix that the network is, [d, d]."""
        first, *others = self.layers
        found: torch.Tensor = first
        for matrix in others:
            found = matrix @ found
        return found

    def drift(self) -> torch.Tensor:
        """Give how far the imbalance has moved from the first one: the Frobenius norm over all pairs."""
        moved = imbalance(list(self.layers)) - self.start
        distance: torch.Tensor = torch.linalg.vector_norm(moved)
        return distance

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give the outputs, [n, d]."""
        for matrix in self.layers:
            x = x @ matrix.T
        return x


def imbalance(matrices: list[torch.Tensor]) -> torch.Tensor:
    """Give `W_(l+1)^T W_(l+1) - W_l W_l^T` of neighbouring matrices, [L - 1, d, d]; gradient flow conserves it."""
    return torch.stack([later.T @ later - earlier @ earlier.T for earlier, later in pairwise(matrices)])
