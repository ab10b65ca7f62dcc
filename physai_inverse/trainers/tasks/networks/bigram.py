"""The network of bigrams: the current token's embedding, a matrix or none, and the scores of the next token."""

import torch
from torch import nn
from torch.nn.functional import embedding


class Bigram(nn.Module):
    """Scores the next token by the current one; drawn from torch's global stream.

    Args:
        vocabulary: number of tokens.
        dimension: of the embedding.
        scale: standard deviation of the embeddings' first values.
        tied: the embeddings also score the next token; else there is a second matrix for that.
        matrix: with a square matrix between the two, whose first values have this standard deviation.
        signs: without a matrix, a fixed sign for each dimension: `plus`, `minus`, or `mixed`, which take turns.
    """

    def __init__(
        self,
        vocabulary: int,
        dimension: int,
        scale: float,
        *,
        tied: bool,
        matrix: float | None = None,
        signs: str = "plus",
    ) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(vocabulary, dimension) * scale)
        self.matrix = None if matrix is None else nn.Linear(dimension, dimension, bias=False)
        if self.matrix is not None and matrix is not None:
            nn.init.normal_(self.matrix.weight, std=matrix)
        self.unembedding = None if tied else nn.Parameter(torch.randn(vocabulary, dimension) * scale)
        self.signs = signs

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Give the scores [n, vocabulary] after the tokens [n]."""
        x = embedding(tokens, self.embedding)
        if self.matrix is not None:
            x = self.matrix(x)
        elif self.signs == "minus":
            x = -x
        elif self.signs == "mixed":
            x = x * (1 - 2 * (torch.arange(x.shape[-1], device=x.device) % 2))
        return x @ (self.embedding if self.unembedding is None else self.unembedding).T
