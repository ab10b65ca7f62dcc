"""All parameters of a network as one flat vector with named views, and of `k` networks as the rows of a matrix.

An optimiser step is then a few operations on one tensor, gradient and Hessian-vector product are vectors without
further ado, and a model leaves a stack by leaving out its row.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch


@dataclass(frozen=True)
class Layout:
    """Names and shapes of the tensors in a flat vector.

    Args:
        shapes: in the order of the vector.
        places: names by which the tensors stand in the layout of a stack, where they have others there.
    """

    shapes: Mapping[str, tuple[int, ...]]
    places: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def lengths(self) -> list[int]:
        """Number of elements of each tensor."""
        return [math.prod(shape) for shape in self.shapes.values()]

    @property
    def size(self) -> int:
        """Length of the vector."""
        return sum(self.lengths)

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Where each tensor lies in the vector."""
        found: dict[str, slice] = {}
        start = 0
        for name, length in zip(self.shapes, self.lengths, strict=True):
            found[name] = slice(start, start + length)
            start += length
        return found

    @cached_property
    def names(self) -> dict[str, str]:
        """What each tensor is called here, by the names in the layout of a stack."""
        return {self.places.get(name, name): name for name in self.shapes}

    def views(self, vector: torch.Tensor) -> dict[str, torch.Tensor]:
        """Give each tensor as a view of the vector [..., P]; gradients flow through.

        Returns:
            Name to tensor [..., *shape].
        """
        lead = vector.shape[:-1]
        parts = torch.split(vector, self.lengths, dim=-1)
        return {
            name: part.view((*lead, *shape))
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

    def corner(self, vector: torch.Tensor, inner: "Layout") -> dict[str, torch.Tensor]:
        """Give the leading corner of each tensor of a wider network, in the shape of a narrower one.

        Args:
            vector: [P] of this layout.
            inner: the narrower network: no dimension larger, and the same names, or `places` for them.
        """
        views = self.views(vector)
        return {
            name: views[inner.places.get(name, name)][tuple(slice(size) for size in shape)]
            for name, shape in inner.shapes.items()
        }

    def pad(self, vector: torch.Tensor, inner: "Layout") -> torch.Tensor:
        """Put the parameters of a narrower network [p] into the corners of this one, zero elsewhere, [P]."""
        if inner.shapes == self.shapes:
            return vector.clone()
        padded = vector.new_zeros(self.size)
        own = inner.views(vector)
        for name, corner in self.corner(padded, inner).items():
            corner.copy_(own[name])
        return padded

    def crop(self, vector: torch.Tensor, inner: "Layout") -> torch.Tensor:
        """Take the parameters of a narrower network [p] out of this one [P]; the way back from `pad`."""
        if inner.shapes == self.shapes:
            return vector.clone()
        return torch.cat([corner.reshape(-1) for corner in self.corner(vector, inner).values()])

    def called(self, layers: Mapping[str, str]) -> "Layout":
        """Give the same layout with the names that the tensors of some layers have in a stack."""
        parts = {name: name.rpartition(".") for name in self.shapes}
        return replace(self, places={name: f"{layers[layer]}.{own}" for name, (layer, _, own) in parts.items()})

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


def layout_of(module: torch.nn.Module) -> Layout:
    """Give the layout of a module's parameters, in the module's own order; tied parameters count once."""
    return Layout({name: tuple(parameter.shape) for name, parameter in module.named_parameters()})


def flat(module: torch.nn.Module) -> torch.Tensor:
    """Give a copy of a module's parameters as one vector [P]."""
    return torch.cat([parameter.detach().reshape(-1) for parameter in module.parameters()])
