"""Two networks of one form that train side by side, each on data of its own."""

import torch
from torch import nn

from physai_inverse.trainers.tasks.networks.memory import chain


class Pair(nn.Module):
    """Two chains, drawn from torch's global stream.

    Args:
        inputs: numbers a row.
        width: of the hidden layer.
        classes: outputs of the heads.
    """

    def __init__(self, inputs: int, width: int, classes: int) -> None:
        super().__init__()
        self.smaller = chain(inputs, (width,), classes, "relu")
        self.larger = chain(inputs, (width,), classes, "relu")

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Give the outputs [n, classes] of both."""
        return self.smaller(x), self.larger(x)
