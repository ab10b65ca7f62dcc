"""Plain chains of different depths in one stack: a model has the layers that it has, and the others pass it by.

The blocks of a chain are what comes before its first linear layer, then each linear layer with what follows it.
The hidden blocks of a shallow model stand for the first ones of the deepest, its last for the last; where a model
has no block, its row is left out of the products, and what its last hidden block gave waits for the last layer of
all. So nothing is computed that the model would not compute alone, beyond the zeros of narrower layers.

Symbols: `x` [k, B, d] what goes into a block, `D` [k, B, d] the derivative by what comes out, `H` [k, B, d] what
goes into the last layer.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby

import torch
from torch import nn

from physai_inverse.trainers.batched.perceptrons import ATEN, ELEMENTWISE, SLOPES, Backward, Perceptrons, is_plain
from physai_inverse.trainers.batched.physical import StreamDropout, Streams, affine

LEAST_BLOCKS = 3
"""What comes before, one hidden block and the last layer."""


def blocks(module: nn.Module) -> list[list[str]]:
    """List the names of a chain's layers: before the first linear layer, then by block."""
    found: list[list[str]] = [[]]
    for name, layer in module.named_children():
        if isinstance(layer, nn.Linear):
            found.append([])
        found[-1].append(name)
    return found


def depth(module: nn.Module) -> int:
    """Count the hidden blocks of a chain."""
    return len(blocks(module)) - LEAST_BLOCKS + 1


def form(module: nn.Module) -> tuple[object, ...] | None:
    """Describe a chain without its depth and its widths, so that chains of one form can share a stack.

    Returns:
        None where its hidden blocks differ in kind, something follows the last layer, or it is no plain chain.
    """
    if not is_plain(module):
        return None
    layers = dict(module.named_children())
    own = blocks(module)
    kinds = [tuple(_kind(layers[name]) for name in names) for names in own]
    if len(own) < LEAST_BLOCKS or len(set(kinds[1:-1])) != 1 or len(kinds[-1]) != 1:
        return None
    if kinds[0] not in ((), (nn.Flatten,)) or any(name.endswith("embedding") for name in layers):
        return None  # by that name Muon tells what is no hidden layer
    return "chain", kinds[0], kinds[1], kinds[-1]


def _kind(layer: nn.Module) -> object:
    if isinstance(layer, nn.Linear):
        return nn.Linear, layer.bias is not None
    if isinstance(layer, ELEMENTWISE):
        return "activation"
    return type(layer)


def slopes_known(module: nn.Module) -> bool:
    """Say whether gradients can be taken by hand, without which depths cannot be mixed."""
    return all(type(layer) in SLOPES for layer in module.children() if isinstance(layer, ELEMENTWISE))


def stands_for(modules: Sequence[nn.Module]) -> list[dict[str, str]]:
    """Say for each chain which layer of the deepest one stands for each of its layers, by their names."""
    full = blocks(max(modules, key=depth))
    found = []
    for module in modules:
        own = blocks(module)
        theirs = [*full[: len(own) - 1], full[-1]]
        found.append(
            {
                name: other
                for names, others in zip(own, theirs, strict=True)
                for name, other in zip(names, others, strict=True)
            }
        )
    return found


def runs(flags: Sequence[bool]) -> list[slice]:
    """Give the places of neighbours that are all true."""
    found, start = [], 0
    for flag, group in groupby(flags):
        end = start + len(list(group))
        if flag:
            found.append(slice(start, end))
        start = end
    return found


class UnevenPerceptrons(Perceptrons):
    """Chains of one form, of any depths, widths and activations; models of one depth are best neighbours.

    Args:
        modules: the models' own, in the order of the rows.
        dropouts: name of a dropout layer of the deepest to what stands for it in the stack.
        streams: of the stack.
    """

    def __init__(
        self, modules: Sequence[nn.Sequential], dropouts: Mapping[str, StreamDropout], streams: Streams
    ) -> None:
        deepest = max(modules, key=depth)
        self._blocks = blocks(deepest)
        self._own = [{other: name for name, other in names.items()} for names in stands_for(modules)]
        super().__init__(modules, dropouts, streams, form=deepest)
        self._arrange()

    @property
    def has_tape(self) -> bool:
        """Whether gradients can be taken by hand: always, since the form says so."""
        return True

    def keep(self, rows: Sequence[int]) -> None:
        """Keep these models only."""
        self._own = [self._own[row] for row in rows]
        super().keep(rows)
        self._arrange()

    def physical(self, x: torch.Tensor) -> torch.Tensor:
        """Compute for all models without dropout, [k, B, inputs] to [k, B, outputs]."""
        if self.training:
            raise TypeError("chains of different depths are trained by their tape")
        x = x.flatten(2) if self._blocks[0] else x
        pieces = []
        for run, deep in self._even:
            rows = x[run]
            for names in (*self._blocks[1 : deep + 1], self._blocks[-1]):
                columns, outputs = self._sizes(names[0], run)
                W = self.views[f"{names[0]}.weight"][run, :outputs, :columns].transpose(1, 2)
                bias = self.views.get(f"{names[0]}.bias")
                rows = affine(rows[..., :columns], W, None if bias is None else bias[run, :outputs])
                for name in names[1:]:
                    if name not in self._dropouts:
                        rows = self._activated(name, rows, run)
            pieces.append(rows)
        return torch.cat(pieces)

    def _forth(self, x: torch.Tensor) -> torch.Tensor:
        """Compute for all models and note how to go back."""
        x = x.flatten(2) if self._blocks[0] else x
        if x.dim() != 3:
            raise TypeError("chains of different depths take rows of numbers")
        last = self._blocks[-1][0]
        H = self._room("last in", x, self.views[f"{last}.weight"].shape[2])
        ways: list[Backward] = []
        for place, names in enumerate(self._blocks[1 : self._most + 1]):
            x, way = self._block(place, names, x)
            ways.append(way)
            for run in self._ends[place]:
                columns = min(x.shape[2], H.shape[2])
                H[run, :, :columns] = x[run, :, :columns]
        y = self._affine(last, H, first=False)
        back_last = self._tape.pop()
        width = x.shape

        def back(D: torch.Tensor) -> torch.Tensor:
            E = back_last(D)
            D = self._room("last back", E, width[2])
            for place in range(self._most - 1, -1, -1):
                for run in self._ends[place]:
                    columns = min(D.shape[2], E.shape[2])
                    D[run, :, :columns] = E[run, :, :columns]
                D = ways[place](D)
            return D

        self._tape.append(back)
        return y

    def _block(self, place: int, names: Sequence[str], x: torch.Tensor) -> tuple[torch.Tensor, Backward]:
        """Compute one hidden block for the models that have it, and give the way back, which overwrites."""
        first, *rest = names
        W, bias = self.views[f"{first}.weight"], self.views.get(f"{first}.bias")
        reach, inputs, width = self._reach[place], x[:, :, : W.shape[2]], x.shape[2]
        y = self._room(f"{first} forth", x, W.shape[1])
        for run in reach:
            if bias is None:
                torch.bmm(inputs[run], W[run].transpose(1, 2), out=y[run])
            else:
                torch.baddbmm(bias[run].unsqueeze(1), inputs[run], W[run].transpose(1, 2), out=y[run])
        ways: list[Backward] = []
        for name in rest:
            if name in self._dropouts:
                if self._drops(name):
                    factors = self._dropouts[name].factors(y)
                    y = y * factors
                    ways.append(lambda D, factors=factors: D.mul_(factors))  # type: ignore[misc]  # bound at once
            else:
                y, way = self._activate_block(name, y)
                ways.append(way)

        def back(D: torch.Tensor) -> torch.Tensor:
            for way in reversed(ways):
                D = way(D)
            G, sums = self._G[f"{first}.weight"], self._G.get(f"{first}.bias")
            before = self._room(f"{first} back", D, width) if place else D
            for run in reach:
                G[run] = torch.bmm(D[run].transpose(1, 2), inputs[run])
                if sums is not None:
                    sums[run] = D[run].sum(dim=1)
                if place:
                    before[run, :, : W.shape[2]] = torch.bmm(D[run], W[run])
            return before

        return y, back

    def _activate_block(self, name: str, z: torch.Tensor) -> tuple[torch.Tensor, Backward]:
        segments = self._segments[name]
        only_relu = all(type(layer) is nn.ReLU for layer, _ in segments)
        y = z if only_relu else self._room(f"{name} forth", z, z.shape[2])
        for layer, run in segments:
            if only_relu:
                y[run].relu_()
            else:
                y[run] = layer(z[run])

        def back(D: torch.Tensor) -> torch.Tensor:
            for layer, run in segments:
                if type(layer) is nn.ReLU:
                    ATEN.threshold_backward.grad_input(D[run], y[run], 0, grad_input=D[run])
                else:
                    D[run] = SLOPES[type(layer)](layer, D[run], z[run], y[run])
            return D

        return y, back

    def _activated(self, name: str, rows: torch.Tensor, run: slice) -> torch.Tensor:
        """Activate the models of a run."""
        inside = [(layer, part) for layer, part in self._segments[name] if run.start <= part.start < run.stop]
        pieces = [
            layer(rows[part.start - run.start : min(part.stop, run.stop) - run.start]) for layer, part in inside
        ]
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces)

    def _sizes(self, name: str, run: slice) -> tuple[int, int]:
        """Give the largest number of inputs and outputs that the models of a run have in a layer."""
        layers = [
            module.get_submodule(own[name]) for module, own in zip(self._modules[run], self._own[run], strict=True)
        ]
        return max(int(layer.in_features) for layer in layers), max(int(layer.out_features) for layer in layers)  # type: ignore[arg-type]  # linear

    def _arrange(self) -> None:
        """Note which rows reach and end in which block."""
        deep = [depth(module) for module in self._modules]
        self._most = max(deep)
        self._reach = [runs([own > place for own in deep]) for place in range(self._most)]
        self._ends = [runs([own == place + 1 for own in deep]) for place in range(self._most)]
        self._even = [
            (run, deep[run.start]) for value in sorted(set(deep)) for run in runs([own == value for own in deep])
        ]
        self._even.sort(key=lambda item: item[0].start)
        self._segments = {
            name: self._alike(name)
            for names in self._blocks[1 : self._most + 1]
            for name in names[1:]
            if name not in self._dropouts
        }

    def _alike(self, name: str) -> list[tuple[nn.Module, slice]]:
        """Give the kinds of an activation with neighbours of one kind and one depth that have it."""
        found: list[tuple[nn.Module, slice]] = []
        for row, (module, own) in enumerate(zip(self._modules, self._own, strict=True)):
            if name not in own:
                continue
            layer = module.get_submodule(own[name])
            deep = depth(module)
            if (
                found
                and found[-1][1].stop == row
                and repr(found[-1][0]) == repr(layer)
                and depth(self._modules[row - 1]) == deep
            ):
                found[-1] = (layer, slice(found[-1][1].start, row + 1))
            else:
                found.append((layer, slice(row, row + 1)))
        return found

    def _activations(self) -> dict[str, list[tuple[nn.Module, int]]]:
        return {}
