"""A tanh network of two hidden layers with one input and one output, also as a function of its parameters."""

from collections.abc import Sequence

import torch
from torch import nn


class Regressor(nn.Module):
    """Compute one number from one number; weights and biases uniform within one over the root of the inputs.

    That is torch's own first draw, from its global stream.

    Args:
        width: of both hidden layers.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(1, width), nn.Linear(width, width), nn.Linear(width, 1)
        self.activation = nn.Tanh()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give the outputs, [n, 1]."""
        hidden = self.activation(self.second(self.activation(self.first(x))))
        outputs: torch.Tensor = self.head(hidden)
        return outputs


def outputs(parameters: Sequence[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """Give the outputs [n, 1] of a `Regressor`, so that they can be differentiated by its parameters.

    Args:
        parameters: weight and bias of each layer in turn.
        x: [n, 1] inputs.
    """
    weight, bias, second, second_bias, head, head_bias = parameters
    hidden = torch.tanh(torch.tanh(x @ weight.T + bias) @ second.T + second_bias)
    return hidden @ head.T + head_bias
