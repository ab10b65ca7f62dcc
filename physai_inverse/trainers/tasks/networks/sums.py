"""The network of modular addition: embeddings of two numbers are added and go through one hidden ReLU layer."""

import math

import torch
from torch import nn
from torch.nn.functional import embedding


class Sums(nn.Module):
    """Answers pairs of numbers; drawn from torch's global stream.

    Args:
        numbers: how many there are, `p`.
        dimension: of the embedding.
        width: of the hidden layer.
        scale: factor on the standard deviation of the first weights: 1 for the embedding, one over the root of the
            inputs for the others.
    """

    def __init__(self, numbers: int, dimension: int, width: int, scale: float) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(numbers, dimension) * scale)
        self.hidden = nn.Parameter(torch.randn(width, dimension) * (scale / math.sqrt(dimension)))
        self.hidden_bias = nn.Parameter(torch.zeros(width))
        self.output = nn.Parameter(torch.randn(numbers, width) * (scale / math.sqrt(width)))
        self.output_bias = nn.Parameter(torch.zeros(numbers))
        self.activation = nn.ReLU()

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """Give the outputs, [pairs, p]."""
        # The first layer is linear, so it is applied to the tokens before the pairs are formed.
        tokens = self.embedding @ self.hidden.T
        hidden = embedding(first, tokens) + embedding(second, tokens) + self.hidden_bias
        found: torch.Tensor = self.activation(hidden) @ self.output.T + self.output_bias
        return found
