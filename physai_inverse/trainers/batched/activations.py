"""Activations that torch has not got as modules of its own."""

import torch
from torch import nn


class SquaredReLU(nn.Module):
    """The square of what is above zero."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give `relu(x)^2`."""
        return x.relu().square()


class Sine(nn.Module):
    """The sine."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give `sin(x)`."""
        return x.sin()
