"""A network with two hidden ReLU layers, whose second layer can be looked at."""

import torch
from torch import nn


class TwoLayers(nn.Module):
    """Regression with two hidden ReLU layers of one width; first values are those of `nn.Linear`.

    Args:
        inputs: number of inputs.
        width: of the hidden layers.
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, width)
        self.first_act = nn.ReLU()
        self.second = nn.Linear(width, width)
        self.second_act = nn.ReLU()
        self.last = nn.Linear(width, 1)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Give the outputs, [n, 1]."""
        found: torch.Tensor = self.last(self.second_act(self.units(X)))
        return found

    def units(self, X: torch.Tensor) -> torch.Tensor:
        """Give what goes into the units of the second hidden layer, [n, width]."""
        found: torch.Tensor = self.second(self.first_act(self.first(X)))
        return found
