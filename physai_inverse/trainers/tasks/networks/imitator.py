"""A tanh network whose weights start large or small, and may be held at the length at which they start."""

import math
from itertools import pairwise

import torch
from torch import nn


class Imitator(nn.Module):
    """Computes a fully connected tanh network; drawn from torch's global stream.

    Args:
        sizes: of inputs, hidden layers and outputs.
        scale: factor on the first weights and biases, which are even within one over the root of a layer's inputs.
        fixed: hold the Euclidean norm of all parameters together at its first value: the network is computed with
            parameters that are scaled to it.
    """

    def __init__(self, sizes: tuple[int, ...], scale: float, fixed: bool) -> None:
        super().__init__()
        self.depth = len(sizes) - 1
        self.activations = nn.ModuleList([nn.Tanh() for _ in sizes[1:-1]])
        for layer, (before, after) in enumerate(pairwise(sizes)):
            widest = scale / math.sqrt(before)
            self.register_parameter(f"weight{layer}", nn.Parameter((torch.rand(after, before) * 2 - 1) * widest))
            self.register_parameter(f"bias{layer}", nn.Parameter((torch.rand(after) * 2 - 1) * widest))
        self.fixed = fixed
        if fixed:
            self.register_buffer("length", self.norm().detach())

    def norm(self) -> torch.Tensor:
        """Give the Euclidean norm of all parameters together."""
        squares = [parameter.square().sum() for parameter in self.parameters()]
        return torch.stack(squares).sum().sqrt()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give the outputs, [n, outputs]."""
        parameters = dict(self.named_parameters())
        scale = self.get_buffer("length") / self.norm() if self.fixed else 1.0
        for layer in range(self.depth):
            x = nn.functional.linear(x, parameters[f"weight{layer}"] * scale, parameters[f"bias{layer}"] * scale)
            if layer < self.depth - 1:
                x = self.activations[layer](x)
        return x
