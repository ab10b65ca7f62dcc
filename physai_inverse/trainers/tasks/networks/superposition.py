"""Features in fewer dimensions: a linear map down and its transpose up, with a bias and a ReLU."""

import torch
from torch import nn

SMALLEST_NORM = 1e-6


class Superposition(nn.Module):
    """Gives features back out of fewer dimensions; drawn from torch's global stream.

    Args:
        features: how many there are.
        dimensions: into which they go.
        unit: give every feature's row the length 1, whatever the training makes of it.
        scale: factor on the first weights, whose rows have a length of about 1.
    """

    def __init__(self, features: int, dimensions: int, unit: bool, scale: float) -> None:
        super().__init__()
        self.unit = unit
        self.weight = nn.Parameter(torch.randn(features, dimensions) * (scale / dimensions**0.5))
        self.bias = nn.Parameter(torch.zeros(features))
        self.activation = nn.ReLU()

    def rows(self) -> torch.Tensor:
        """Give the row of each feature, [features, dimensions]."""
        if not self.unit:
            return self.weight
        lengths: torch.Tensor = self.weight.norm(dim=1, keepdim=True)
        return self.weight / lengths.clamp(min=SMALLEST_NORM)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give the features back, [n, features]."""
        rows = self.rows()
        found: torch.Tensor = self.activation(x @ rows @ rows.T + self.bias)
        return found
