"""One hidden layer over one input, whose units may be gated or squared."""

import torch
from torch import nn

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "silu": nn.SiLU}
FORMS = ("plain", "gated", "squared")


class Plain(nn.Module):
    """Gives `out(act(value x))`, drawn from torch's global stream with torch's own first weights.

    Args:
        width: hidden units.
        activation: a key of `ACTIVATIONS`.
    """

    def __init__(self, width: int, activation: str) -> None:
        super().__init__()
        self.value = nn.Linear(1, width)
        self.activation = ACTIVATIONS[activation]()
        self.out = nn.Linear(width, 1)

    def hidden(self, x: torch.Tensor) -> torch.Tensor:
        """Give the hidden units, [n, width]."""
        found: torch.Tensor = self.activation(self.value(x))
        return found

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give the outputs, [n, 1]."""
        found: torch.Tensor = self.out(self.hidden(x))
        return found


class Squared(Plain):
    """Gives `out(act(value x)^2)`; see `Plain`."""

    def hidden(self, x: torch.Tensor) -> torch.Tensor:
        """Give the hidden units, [n, width]."""
        return super().hidden(x).square()


class Gated(Plain):
    """Gives `out(act(gate x) * value x)`; see `Plain`."""

    def __init__(self, width: int, activation: str) -> None:
        super().__init__(width, activation)
        self.gate = nn.Linear(1, width)

    def hidden(self, x: torch.Tensor) -> torch.Tensor:
        """Give the hidden units, [n, width]."""
        found: torch.Tensor = self.activation(self.gate(x)) * self.value(x)
        return found


def hidden_layer(form: str, width: int, activation: str) -> Plain:
    """Give a network of one of `FORMS`."""
    return {"plain": Plain, "gated": Gated, "squared": Squared}[form](width, activation)
