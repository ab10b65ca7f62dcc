"""A fully connected network over one flat parameter vector.

Symbols: `X` [N, d] inputs, `Z` [N, D] what goes into an activation function, `H` [N, D] what comes out.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch

from physai_inverse.trainers.tasks.parameters import Layout

ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "gelu": torch.nn.functional.gelu,
    "silu": torch.nn.functional.silu,
}


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

    def initial(self, scale: float, seed: int, device: torch.device) -> torch.Tensor:
        """Draw weights, normal with variance `scale^2 * 2 / inputs` (He et al. 2015), and zero biases."""
        deviations = {
            f"weight{layer}": scale * math.sqrt(2 / inputs) for layer, inputs in enumerate(self.sizes[:-1])
        }
        return self.layout.normal(deviations, seed, device)

    def logits(
        self, w: torch.Tensor, X: torch.Tensor, dropout: float = 0.0, source: torch.Generator | None = None
    ) -> torch.Tensor:
        """Give the outputs, [N, classes]; each hidden activation is dropped with probability `dropout`."""
        views = self.layout.views(w)
        act = ACTIVATIONS[self.activation]
        H = X
        last = len(self.sizes) - 2
        for layer in range(last):
            H = act(torch.addmm(views[f"bias{layer}"], H, views[f"weight{layer}"].T))
            if dropout:
                kept = torch.empty(H.shape).bernoulli_(
                    1 - dropout, generator=source
                )  # on the CPU, for every device
                H = H * kept.to(H.device) / (1 - dropout)
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
