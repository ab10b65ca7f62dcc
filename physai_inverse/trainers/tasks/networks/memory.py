"""Networks that learn by heart: linear layers without biases, activations after the hidden ones, and a head."""

from collections import OrderedDict
from itertools import pairwise

import torch
from torch import nn

from physai_inverse.trainers.batched.activations import Sine, SquaredReLU

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "relu2": SquaredReLU,
    "silu": nn.SiLU,
    "sin": Sine,
}


class Waves(nn.Sequential):
    """A chain whose hidden layers feel their inputs times a frequency, which comes with the rows.

    So networks of different frequencies are one module with other data, and train together.
    """

    def forward(self, x: torch.Tensor, frequency: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        """Give the outputs [n, classes].

        Args:
            x: [n, inputs].
            frequency: [n, 1].
        """
        for part in self:
            x = part(x * frequency if isinstance(part, Sine) else x)
        return x


def chain(inputs: int, hidden: tuple[int, ...], classes: int, activation: str) -> nn.Sequential:
    """Give a network, drawn from torch's global stream with torch's own first weights.

    Args:
        inputs: `D`.
        hidden: widths of the layers with an activation; behind the last comes a linear layer back to `D`, as in
            the blocks of a language model. Empty for the head alone.
        classes: outputs of the head.
        activation: a key of `ACTIVATIONS`; `sin` makes `Waves`.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for place, (before, after) in enumerate(pairwise((inputs, *hidden))):
        layers[f"layer{place}"] = nn.Linear(before, after, bias=False)
        layers[f"activation{place}"] = ACTIVATIONS[activation]()
    if hidden:
        layers["back"] = nn.Linear(hidden[-1], inputs, bias=False)
    layers["head"] = nn.Linear(inputs, classes, bias=False)
    return Waves(layers) if hidden and activation == "sin" else nn.Sequential(layers)
