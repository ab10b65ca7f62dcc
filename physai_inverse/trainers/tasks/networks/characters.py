"""The network of characters: embeddings of the last few, side by side, go through one hidden layer."""

import math

import torch
from torch import nn
from torch.nn.functional import embedding


class NextCharacter(nn.Module):
    """Scores the next character; drawn from torch's global stream.

    Args:
        alphabet: number of characters.
        context: number of characters that it sees.
        dimension: of the embedding.
        width: of the hidden layer.
        activation: of the hidden layer.
    """

    def __init__(self, alphabet: int, context: int, dimension: int, width: int, activation: nn.Module) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(alphabet, dimension))
        # Context and dimension stay apart, so that a narrower embedding is a corner of a wider one.
        self.hidden = nn.Parameter(torch.randn(context, dimension, width) / math.sqrt(context * dimension))
        self.hidden_bias = nn.Parameter(torch.zeros(width))
        self.activation = activation
        self.output = nn.Linear(width, alphabet)
        nn.init.normal_(self.output.weight, std=1 / math.sqrt(width))
        nn.init.zeros_(self.output.bias)

    def forward(self, characters: torch.Tensor) -> torch.Tensor:
        """Give the scores [n, alphabet] of what follows [n, context]."""
        seen = embedding(characters, self.embedding).flatten(1)
        hidden: torch.Tensor = self.activation(seen @ self.hidden.flatten(0, 1) + self.hidden_bias)
        scores: torch.Tensor = self.output(hidden)
        return scores
