"""An even function of two parameters, whose loss has a long and narrow valley."""

import torch
from torch import nn
from torch.nn.functional import silu


class Valley(nn.Module):
    """Compute `a (silu(w x) + silu(-w x))`; starts at `a = 0`, `w = 1`.

    Args:
        noise: standard deviation of normal noise on the first values, drawn from torch's global stream.
    """

    def __init__(self, noise: float) -> None:
        super().__init__()
        start = torch.tensor((0.0, 1.0)) + noise * torch.randn(2)
        self.height, self.scale = nn.Parameter(start[0]), nn.Parameter(start[1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give the outputs, [n]."""
        z = self.scale * x
        return self.height * (silu(z) + silu(-z))
