"""Networks of attention without MLPs and norms: one layer that copies a token, two that recall a pair."""

import math

import torch
from torch import nn
from torch.nn.functional import embedding


class Copier(nn.Module):
    """One head of attention that answers at the last token; drawn from torch's global stream.

    What goes into the scores is not divided by the root of the dimension: that stands in the first values.

    Args:
        vocabulary: number of tokens.
        context: number of tokens in a sequence.
        dimension: of the embedding.
        scale: standard deviation of the embeddings' first values.
        positions: with a trained embedding of each place.
        tied: the token embeddings also score the answer; else there is a second matrix for that.
    """

    def __init__(
        self,
        vocabulary: int,
        context: int,
        dimension: int,
        scale: float,
        *,
        positions: bool,
        tied: bool,
    ) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(vocabulary, dimension) * scale)
        self.positions = nn.Parameter(torch.randn(context, dimension) * scale) if positions else None
        self.query, self.key, self.value = (nn.Linear(dimension, dimension, bias=False) for _ in range(3))
        for layer, power in ((self.query, 0.75), (self.key, 0.75), (self.value, 0.5)):
            nn.init.normal_(layer.weight, std=dimension**-power)
        self.unembedding = None if tied else nn.Parameter(torch.randn(vocabulary, dimension) * scale)

    def placed(self, tokens: torch.Tensor) -> torch.Tensor:
        """Give the tokens' embeddings with those of their places, [n, context, dimension]."""
        x = embedding(tokens, self.embedding)
        return x if self.positions is None else x + self.positions

    def weights(self, x: torch.Tensor) -> torch.Tensor:
        """Give the weights [n, 1, context] of the last token's attention from `placed` ones."""
        query, keys = self.query(x[:, -1:]), self.key(x)
        scores: torch.Tensor = query @ keys.transpose(1, 2)
        return scores.softmax(dim=2)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Give the scores [n, vocabulary] of the answers to sequences [n, context]."""
        x = self.placed(tokens)
        y: torch.Tensor = self.value((self.weights(x) @ x).squeeze(1))
        return y @ (self.embedding if self.unembedding is None else self.unembedding).T


class Recaller(nn.Module):
    """Two layers of causal attention with residuals; drawn from torch's global stream.

    Heads are a dimension of the weights, so that models of other widths and numbers of heads have zeros in the
    place of what they lack. The second layer computes only what is asked, the last token's answer.

    Args:
        vocabulary: number of tokens.
        context: number of tokens in a sequence.
        dimension: of the embedding.
        heads: of each layer; each has `dimension // heads` dimensions.
        scale: standard deviation of the embeddings' first values.
    """

    def __init__(self, vocabulary: int, context: int, dimension: int, heads: int, scale: float) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(vocabulary, dimension) * scale)
        self.positions = nn.Parameter(torch.randn(context, dimension) * scale)
        size = dimension // heads
        deviation = 1 / math.sqrt(dimension)
        # Scores are not divided by the root of the head's size: that stands in the first values.
        part = deviation / size**0.25
        self.query_1, self.key_1, self.query_2, self.key_2 = (
            nn.Parameter(torch.randn(heads, dimension, size) * part) for _ in range(4)
        )
        self.value_1, self.value_2 = (
            nn.Parameter(torch.randn(heads, dimension, size) * deviation) for _ in range(2)
        )
        self.out_1, self.out_2 = (nn.Parameter(torch.randn(heads, size, dimension) * deviation) for _ in range(2))
        self.unembedding = nn.Parameter(torch.randn(vocabulary, dimension) * deviation)

    def forward(self, tokens: torch.Tensor, noise: torch.Tensor | None = None) -> torch.Tensor:
        """Give the scores [n, vocabulary] of the answers to sequences [n, context].

        Args:
            tokens: [n, context].
            noise: [vocabulary, dimension] added to the token embeddings.
        """
        _, _, x = self.read(tokens, noise)
        return x @ self.unembedding.T

    def read(
        self, tokens: torch.Tensor, noise: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Give both layers' attention, [n, heads, context, context] and [n, heads, 1, context], and the outcome.

        The outcome [n, dimension] is what the last token carries after both layers.
        """
        E = self.embedding if noise is None else self.embedding + noise
        x = embedding(tokens, E) + self.positions
        first, x = attend(x, x, self.query_1, self.key_1, self.value_1, self.out_1)
        second, last = attend(x[:, -1:], x, self.query_2, self.key_2, self.value_2, self.out_2)
        return first, second, last.squeeze(1)


def attend(
    x: torch.Tensor,
    past: torch.Tensor,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    out: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attend causally with several heads and add what comes back.

    Args:
        x: [n, queries, d] the last of `past`.
        past: [n, context, d].
        query: [heads, d, size]; so are `key` and `value`.
        key: see `query`.
        value: see `query`.
        out: [heads, size, d].

    Returns:
        Weights [n, heads, queries, context] and the new `x`.
    """
    queries, keys, values = (rows.unsqueeze(1) @ part for rows, part in ((x, query), (past, key), (past, value)))
    scores = queries @ keys.transpose(2, 3)
    count, context = scores.shape[-2:]
    future = torch.ones(count, context, dtype=torch.bool, device=x.device).triu(context - count + 1)
    weights = scores.masked_fill(future, -torch.inf).softmax(dim=3)
    return weights, x + (weights @ values @ out).sum(dim=1)
