"""All parameters of a small network as one flat vector with named views.

An optimiser step is then a few operations on one tensor, and gradient and Hessian-vector product are vectors
without further ado.
"""

import contextlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch

from physai_inverse.errors import TrialFailed


@dataclass(frozen=True)
class Layout:
    """Names and shapes of the tensors in a flat vector.

    Args:
        shapes: in the order of the vector.
    """

    shapes: Mapping[str, tuple[int, ...]]

    @property
    def size(self) -> int:
        """Length of the vector."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    def views(self, vector: torch.Tensor) -> dict[str, torch.Tensor]:
        """Give each tensor as a view of the vector; gradients flow through."""
        parts = torch.split(vector, [math.prod(shape) for shape in self.shapes.values()])
        return {name: part.view(shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)}

    def normal(self, deviations: Mapping[str, float], seed: int, device: torch.device) -> torch.Tensor:
        """Draw a vector: each tensor normal with its standard deviation, zero where none is named.

        Drawn on the CPU, so that every device starts from the same numbers.
        """
        source = torch.Generator().manual_seed(seed)
        parts = [
            torch.randn(shape, generator=source).flatten() * deviations[name]
            if name in deviations
            else torch.zeros(math.prod(shape))
            for name, shape in self.shapes.items()
        ]
        return torch.cat(parts).to(device).requires_grad_()


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Use one thread within the block: small networks are slower with more, and sums depend on their number."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def find_device(device: str) -> torch.device:
    """Give the device of that name; `auto` is CUDA where there is one.

    Raises:
        TrialFailed: `cuda` was asked for and is not there.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise TrialFailed("`device` is `cuda`, and this machine has no CUDA device that torch can use.", "bug")
    return torch.device(device)
