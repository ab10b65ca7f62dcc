"""A fully connected network: as layers to be trained, and over one flat parameter vector to be observed.

Symbols: `X` [N, d] inputs, `Z` [N, D] what goes into an activation function, `H` [N, D] what comes out.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn

from physai_inverse.trainers.batched.layout import Layout

ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "gelu": torch.nn.functional.gelu,
    "silu": torch.nn.functional.silu,
}

LAYERS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU, "silu": nn.SiLU}
"""The same as layers of a module."""


@dataclass(frozen=True)
class MLP:
    """The form of a network; its parameters are a vector beside it.

    Args:
        sizes: number of inputs, of units in each hidden layer, and of outputs.
        activation: a key of `ACTIVATIONS`.
    """

    sizes: tuple[int, ...]
    activation: str

    @cached_property
    def layout(self) -> Layout:
        """Weights and biases of each layer in turn."""
        shapes: dict[str, tuple[int, ...]] = {}
        for layer, (before, after) in enumerate(zip(self.sizes, self.sizes[1:], strict=False)):
            shapes[f"weight{layer}"] = (after, before)
            shapes[f"bias{layer}"] = (after,)
        return Layout(shapes)

    @staticmethod
    def linear(before: int, after: int, scale: float) -> nn.Linear:
        """Give a layer, drawn from torch's global stream.

        Weights are normal with variance `scale^2 * 2 / inputs` (He et al. 2015), biases zero.
        """
        layer = nn.Linear(before, after, device="meta").to_empty(device="cpu")
        with torch.no_grad():
            layer.weight.copy_(torch.randn(after, before) * (scale * math.sqrt(2 / before)))
            layer.bias.zero_()
        return layer

    def logits(self, w: torch.Tensor, X: torch.Tensor) -> torch.Tensor:
        """Give the outputs, [N, classes]."""
        views = self.layout.views(w)
        act = ACTIVATIONS[self.activation]
        H = X
        last = len(self.sizes) - 2
        for layer in range(last):
            H = act(torch.addmm(views[f"bias{layer}"], H, views[f"weight{layer}"].T))
        return torch.addmm(views[f"bias{last}"], H, views[f"weight{last}"].T)

    def hidden(self, w: torch.Tensor, X: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Give `Z` and `H` of each hidden layer, without dropout."""
        views = self.layout.views(w.detach())
        act = ACTIVATIONS[self.activation]
        pairs: list[tuple[torch.Tensor, torch.Tensor]] = []
        H = X
        for layer in range(len(self.sizes) - 2):
            Z = torch.addmm(views[f"bias{layer}"], H, views[f"weight{layer}"].T)
            H = act(Z)
            pairs.append((Z, H))
        return pairs
