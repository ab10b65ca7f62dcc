"""Independent points that descend on one loss: what is trained where there is no network."""

import torch
from torch import nn


class Iterates(nn.Module):
    """Points that all start at one.

    Args:
        copies: number of points.
        dimension: numbers a point.
    """

    def __init__(self, copies: int, dimension: int) -> None:
        super().__init__()
        self.points = nn.Parameter(torch.ones(copies, dimension))

    def forward(self) -> torch.Tensor:
        """Give the points, [copies, dimension]."""
        return self.points
