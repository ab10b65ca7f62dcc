"""A classifier with two hidden ReLU layers, whose last features can be looked at."""

import torch
from torch import nn


class Classifier(nn.Module):
    """First values are those of `nn.Linear`.

    Args:
        sizes: number of inputs, and of units in the two hidden layers.
        classes: number of outputs.
    """

    def __init__(self, sizes: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        inputs, first, second = sizes
        self.first = nn.Linear(inputs, first)
        self.first_act = nn.ReLU()
        self.second = nn.Linear(first, second)
        self.second_act = nn.ReLU()
        self.last = nn.Linear(second, classes)

    def features(self, X: torch.Tensor) -> torch.Tensor:
        """Give the activations of the second hidden layer, [n, units]."""
        found: torch.Tensor = self.second_act(self.second(self.first_act(self.first(X))))
        return found

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Give the outputs, [n, classes]."""
        found: torch.Tensor = self.last(self.features(X))
        return found
