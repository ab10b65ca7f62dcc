"""A mixture of experts: small networks side by side, weighted by a soft gate on the inputs."""

import torch
from torch import nn


class Experts(nn.Module):
    """Weights the outputs of experts of one hidden layer; drawn from torch's global stream.

    The experts are one hidden layer whose units belong to experts in turn: a unit's share of the output is
    weighted by the gate of its expert.

    Args:
        inputs: their dimension.
        experts: how many there are.
        units: hidden units of each.
        activation: of the hidden layer.
        scale: factor on the first weights, which are normal with one over the root of the inputs of their layer.
    """

    def __init__(self, inputs: int, experts: int, units: int, activation: nn.Module, scale: float) -> None:
        super().__init__()
        self.gate = nn.Linear(inputs, experts, bias=False)
        self.hidden = nn.Linear(inputs, experts * units)
        self.activation = activation
        self.output = nn.Parameter(torch.randn(experts, units) * (scale / units**0.5))
        self.output_bias = nn.Parameter(torch.zeros(experts))
        with torch.no_grad():
            self.gate.weight.copy_(torch.randn(experts, inputs) / inputs**0.5)
            self.hidden.weight.copy_(torch.randn(experts * units, inputs) * (scale / inputs**0.5))
            self.hidden.bias.uniform_(-scale, scale)

    def gates(self, x: torch.Tensor) -> torch.Tensor:
        """Give the weight of each expert, [n, experts]; they add up to 1."""
        found: torch.Tensor = self.gate(x).softmax(dim=1)
        return found

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give the outputs, [n]."""
        own: torch.Tensor = self.activation(self.hidden(x)).unflatten(1, self.output.shape)
        return (self.gates(x) * ((own * self.output).sum(dim=2) + self.output_bias)).sum(dim=1)
