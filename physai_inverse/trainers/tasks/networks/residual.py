"""A residual network of two-layer blocks without biases, as in language models, but for the attention."""

import torch
from torch import nn

from physai_inverse.trainers.tasks.networks.mlp import LAYERS

NORMALISATIONS = ("none", "pre", "post")


class Block(nn.Module):
    """`x + scale W2 (act(W1 norm(x)) - offset)`, or that normalised.

    What is the same for all of a stack but a number is a buffer, so that models that differ in it share a stack.

    Args:
        dimension: of the stream.
        expansion: hidden units over it.
        activation: a key of `LAYERS`.
        normalisation: one of `NORMALISATIONS`: where the stream is normalised, without gains.
        scale: factor on what is added to the stream.
        offset: subtracted from each hidden unit.
    """

    def __init__(
        self, dimension: int, expansion: int, activation: str, normalisation: str, scale: float, offset: float
    ) -> None:
        super().__init__()
        self.into = nn.Linear(dimension, expansion * dimension, bias=False)
        self.act = LAYERS[activation]()
        self.out = nn.Linear(expansion * dimension, dimension, bias=False)
        self.before = (
            nn.LayerNorm(dimension, elementwise_affine=False) if normalisation == "pre" else nn.Identity()
        )
        self.after = (
            nn.LayerNorm(dimension, elementwise_affine=False) if normalisation == "post" else nn.Identity()
        )
        self.register_buffer("scale", torch.tensor(scale))
        self.register_buffer("offset", torch.tensor(offset))
        self.scale: torch.Tensor
        self.offset: torch.Tensor

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Give the stream behind the block, [n, dimension]."""
        branch = self.out(self.act(self.into(self.before(X))) - self.offset)
        found: torch.Tensor = self.after(X + self.scale * branch)
        return found


class Residual(nn.Module):
    """Blocks one after another; the stream comes in as inputs and goes out as outputs.

    Args:
        blocks: at least one.
    """

    def __init__(self, blocks: list[Block]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Give the outputs, [n, dimension]."""
        return self.stream(X)[-1]

    def stream(self, X: torch.Tensor) -> list[torch.Tensor]:
        """Give the stream behind each block, [n, dimension] each."""
        found: list[torch.Tensor] = []
        for block in self.blocks:
            X = block(X)
            found.append(X)
        return found
