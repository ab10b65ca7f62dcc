"""The network of addition with a sum decoder: embeddings of two numbers are added, a tanh network decodes."""

import torch
from torch import nn


class Addition(nn.Module):
    """Answers pairs of numbers with vectors; drawn from torch's global stream.

    Args:
        numbers: how many there are, `p`.
        dimension: of the embedding.
        width: of both hidden layers.
        outputs: dimension of the answers.
        embedding_scale: width of the interval around 0 in which the first embeddings lie, evenly.
        decoder_scale: factor on the first weights and biases of the decoder, which are torch's own.
    """

    def __init__(
        self,
        numbers: int,
        dimension: int,
        width: int,
        outputs: int,
        embedding_scale: float,
        decoder_scale: float,
    ) -> None:
        super().__init__()
        self.embedding = nn.Parameter((torch.rand(numbers, dimension) - 0.5) * embedding_scale)
        self.decoder = nn.Sequential(
            nn.Linear(dimension, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, outputs)
        )
        with torch.no_grad():
            for parameter in self.decoder.parameters():
                parameter.mul_(decoder_scale)

    def forward(self, counts: torch.Tensor) -> torch.Tensor:
        """Give the answers, [pairs, outputs].

        Args:
            counts: [pairs, numbers] how often each number stands in a pair; added embeddings know no order.
        """
        found: torch.Tensor = self.decoder(counts @ self.embedding)
        return found
