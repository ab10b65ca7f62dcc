"""One hidden neuron between one input and one output: four numbers."""

import torch
from torch import nn


class Neuron(nn.Module):
    """Compute `v act(w x + b) + c`.

    Args:
        activation: a module that acts on each number by itself.
        values: the first `w`, `b`, `v` and `c`.
        noise: standard deviation of normal noise on them, drawn from torch's global stream.
    """

    def __init__(self, activation: nn.Module, values: tuple[float, float, float, float], noise: float) -> None:
        super().__init__()
        start = torch.tensor(values) + noise * torch.randn(4)
        self.inner_weight, self.inner_bias = nn.Parameter(start[0]), nn.Parameter(start[1])
        self.outer_weight, self.outer_bias = nn.Parameter(start[2]), nn.Parameter(start[3])
        self.activation = activation

    def inner(self, x: torch.Tensor) -> torch.Tensor:
        """Give what goes into the activation, [n]."""
        return self.inner_weight * x + self.inner_bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give the outputs, [n]."""
        active: torch.Tensor = self.activation(self.inner(x))
        return self.outer_weight * active + self.outer_bias
