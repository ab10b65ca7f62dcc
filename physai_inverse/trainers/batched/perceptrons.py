"""Plain chains of linear layers, activations and dropout: most small networks, as a few batched products a step.

Symbols: `x` [k, B, d] what goes into a layer, `D` [k, B, d] the derivative of the sum of losses by what comes out.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn

from physai_inverse.trainers.batched.activations import Sine, SquaredReLU
from physai_inverse.trainers.batched.physical import StreamDropout, Streams, affine, has_hooks, in_rows, on_rows

ELEMENTWISE = (
    nn.ReLU, nn.Tanh, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Identity, nn.Softplus, nn.ELU, nn.LeakyReLU, nn.Softsign,
    nn.ReLU6, nn.CELU, nn.SELU, nn.Mish, nn.Hardtanh, nn.LogSigmoid, nn.Hardswish,
    SquaredReLU, Sine,
)  # fmt: skip
"""Layers that act on each number by itself."""

ATEN = torch.ops.aten
SLOPES: dict[type[nn.Module], Callable[[nn.Module, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]] = {
    nn.Identity: lambda _, D, z, y: D,  # noqa: ARG005 - one form for all, here and below
    nn.ReLU: lambda _, D, z, y: ATEN.threshold_backward(D, y, 0),  # noqa: ARG005
    nn.Tanh: lambda _, D, z, y: ATEN.tanh_backward(D, y),  # noqa: ARG005
    nn.Sigmoid: lambda _, D, z, y: ATEN.sigmoid_backward(D, y),  # noqa: ARG005
    nn.SiLU: lambda _, D, z, y: ATEN.silu_backward(D, z),  # noqa: ARG005
    nn.GELU: lambda layer, D, z, y: ATEN.gelu_backward(D, z, approximate=layer.approximate),  # noqa: ARG005
    SquaredReLU: lambda _, D, z, y: D * (2 * z.relu()),  # noqa: ARG005
    Sine: lambda _, D, z, y: D * z.cos(),  # noqa: ARG005
}
"""Activation to how a derivative goes back through it, given what went in (`z`) and came out (`y`)."""

LEAVES = 8
"""Output shapes that are kept: the batches of an epoch have two, stacks that shrink some more."""

Backward = Callable[[torch.Tensor], torch.Tensor]


class LeafMissing(Exception):
    """Asks for a leaf of this shape, which cannot be made within `vmap`."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__(f"a leaf of shape {list(shape)} is wanted")
        self.shape = shape


class Perceptrons:
    """Chains of one structure, one a model, of any widths and activations.

    Stands for the module in the user's functions: it can be called, and has nothing else.

    Args:
        modules: the models' own, in the order of the rows.
        dropouts: name of a dropout layer to what stands for it in the stack.
        streams: of the stack.
        form: the model whose names the stack has; the first where it is left out.
    """

    def __init__(
        self,
        modules: Sequence[nn.Sequential],
        dropouts: Mapping[str, StreamDropout],
        streams: Streams,
        form: nn.Sequential | None = None,
    ) -> None:
        self._modules, self._dropouts, self._streams = list(modules), dropouts, streams
        self._layers = list((form or self._modules[0]).named_children())
        self._linear = [name for name, layer in self._layers if isinstance(layer, nn.Linear)]
        self._runs = self._activations()
        self.leaves: dict[tuple[int, ...], torch.Tensor] = {}
        self._rooms: dict[str, torch.Tensor] = {}
        self._tape: list[Backward] = []
        self._G: Mapping[str, torch.Tensor] = {}
        self.views: Mapping[str, torch.Tensor] = {}
        self.training = True
        self.by_hand = False
        self.outputs: list[torch.Tensor] = []

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Compute, as one model sees it."""
        assert self._streams.row is not None
        return on_rows(self._with_tape if self.by_hand else self.physical, self._streams.row, x)

    def physical(self, x: torch.Tensor) -> torch.Tensor:
        """Compute for all models, [k, B, inputs] to [k, B, outputs]; torch takes the gradients."""
        for name, layer in self._layers:
            if isinstance(layer, nn.Linear):
                W, bias = self.views[f"{name}.weight"].transpose(1, 2), self.views.get(f"{name}.bias")
                x = in_rows(lambda rows, W=W, b=bias: affine(rows, W, b), x)  # type: ignore[misc]  # bound at once
            elif isinstance(layer, nn.Dropout):
                if self._drops(name):
                    x = x * self._dropouts[name].factors(x)
            elif isinstance(layer, nn.Flatten):
                x = x.flatten(2)
            else:
                x = self._activate(name, x)
        return x

    @property
    def has_tape(self) -> bool:
        """Whether gradients can be taken by hand: every activation's slope is known."""
        return all(type(layer) in SLOPES for runs in self._runs.values() for layer, _ in runs)

    def begin(self, views: Mapping[str, torch.Tensor]) -> None:
        """Begin a step whose gradients are taken by hand: less to dispatch, and memory that is used again."""
        self.views, self.training, self.by_hand = views, True, True
        self.outputs, self._tape = [], []

    def make_leaf(self, shape: tuple[int, ...]) -> None:
        """Make room for outputs of this shape, by which losses are differentiated."""
        if len(self.leaves) >= LEAVES:
            self.leaves.clear()
        like = next(iter(self.views.values()))
        self.leaves[shape] = torch.empty(shape, dtype=like.dtype, device=like.device, requires_grad=True)

    def backward(self, D: torch.Tensor, G: Mapping[str, torch.Tensor]) -> None:
        """Write the gradients of all parameters.

        Args:
            D: derivative by the output.
            G: name to where the gradient is wanted, in the shape of the parameters.
        """
        self._G = G
        with torch.no_grad():
            for step in reversed(self._tape):
                D = step(D)

    def keep(self, rows: Sequence[int]) -> None:
        """Keep these models only."""
        self._modules = [self._modules[row] for row in rows]
        self._runs = self._activations()
        self._rooms = {}

    def _with_tape(self, x: torch.Tensor) -> torch.Tensor:
        """Compute for all models, as far as the outputs by which losses are differentiated."""
        if x.requires_grad or self.outputs:
            raise TypeError("a chain whose gradients are taken by hand is called once, on data")
        width = next(self.views[f"{name}.weight"] for name in reversed(self._linear)).shape[1]
        shape = (*x.shape[: 2 if isinstance(self._layers[0][1], nn.Flatten) else -1], width)
        if shape not in self.leaves:  # before anything is drawn
            raise LeafMissing(shape)
        leaf = self.leaves[shape]
        # Many small steps, which the mode for losses over classes would look at one by one.
        with torch.no_grad(), torch._C.DisableTorchFunction():
            leaf.copy_(self._forth(x))
        self.outputs.append(leaf)
        return leaf

    def _forth(self, x: torch.Tensor) -> torch.Tensor:
        """Compute for all models and note how to go back."""
        first = True
        for name, layer in self._layers:
            if isinstance(layer, nn.Linear):
                x = self._affine(name, x, first=first)
                first = False
            elif isinstance(layer, nn.Dropout):
                if self._drops(name):
                    factors = self._dropouts[name].factors(x)
                    self._tape.append(lambda D, factors=factors: D * factors)  # type: ignore[misc]  # bound at once
                    x = x * factors
            elif isinstance(layer, nn.Flatten):
                x = x.flatten(2)
            elif not first:
                x = self._activate_with_tape(name, x)
            else:
                x = self._activate(name, x)
        return x

    def _affine(self, name: str, x: torch.Tensor, *, first: bool) -> torch.Tensor:
        W, bias = self.views[f"{name}.weight"], self.views.get(f"{name}.bias")
        shape = x.shape
        rows = x if x.dim() == 3 else x.reshape(len(x), -1, shape[-1])
        room = self._room(f"{name} forth", rows, W.shape[1])
        if bias is None:
            torch.bmm(rows, W.transpose(1, 2), out=room)
        else:
            torch.baddbmm(bias.unsqueeze(1), rows, W.transpose(1, 2), out=room)

        def back(D: torch.Tensor) -> torch.Tensor:
            D = D.reshape(len(D), -1, D.shape[-1])
            self._G[f"{name}.weight"].copy_(torch.bmm(D.transpose(1, 2), rows))
            if bias is not None:
                torch.sum(D, 1, out=self._G[f"{name}.bias"])
            if first:
                return D
            before = self._room(f"{name} back", rows, rows.shape[2])
            if W.shape[1] == 1:  # a product over one term, for which the batched one is slow
                torch.mul(D, W, out=before)
            else:
                torch.bmm(D, W, out=before)
            return before.view(shape)

        self._tape.append(back)
        return room if x.dim() == 3 else room.view(*shape[:-1], W.shape[1])

    def _activate_with_tape(self, name: str, x: torch.Tensor) -> torch.Tensor:
        runs = self._runs[name]
        if len(runs) == 1 and type(runs[0][0]) is nn.ReLU:
            h = x.relu_()
            self._tape.append(
                lambda D: torch.ops.aten.threshold_backward.grad_input(D, h, 0, grad_input=D)  # in place
            )
            return h
        y = self._activate(name, x)
        lengths = [length for _, length in runs]

        def back(D: torch.Tensor) -> torch.Tensor:
            parts = [torch.split(tensor, lengths) for tensor in (D, x, y)]
            pieces = [
                SLOPES[type(layer)](layer, *some)
                for (layer, _), some in zip(runs, zip(*parts, strict=True), strict=True)
            ]
            return pieces[0] if len(pieces) == 1 else torch.cat(pieces)

        self._tape.append(back)
        return y

    def _room(self, name: str, rows: torch.Tensor, columns: int) -> torch.Tensor:
        shape = (*rows.shape[:2], columns)
        room = self._rooms.get(name)
        if room is None or room.shape != shape:
            room = self._rooms[name] = rows.new_zeros(shape)
        return room

    def _drops(self, name: str) -> bool:
        stands = self._dropouts[name]
        return self.training and stands.streams.drawing and any(stands.rates)

    def _activate(self, name: str, x: torch.Tensor) -> torch.Tensor:
        runs = self._runs[name]
        if len(runs) == 1:
            return runs[0][0](x)  # type: ignore[no-any-return]  # a layer gives a tensor
        pieces = torch.split(x, [length for _, length in runs])
        return torch.cat([layer(piece) for (layer, _), piece in zip(runs, pieces, strict=True)])

    def _activations(self) -> dict[str, list[tuple[nn.Module, int]]]:
        """Name of an activation to the kinds in the order of the rows, with the number of rows of each."""
        found: dict[str, list[tuple[nn.Module, int]]] = {}
        for name, first in self._layers:
            if not isinstance(first, ELEMENTWISE):
                continue
            runs = found.setdefault(name, [])
            for module in self._modules:
                layer = module.get_submodule(name)
                if runs and repr(runs[-1][0]) == repr(layer):
                    runs[-1] = (layer, runs[-1][1] + 1)
                else:
                    runs.append((layer, 1))
        return found


def is_plain(module: nn.Module) -> bool:
    """Say whether a module is a plain chain that `Perceptrons` can compute."""
    if type(module) is not nn.Sequential or has_hooks(module):
        return False
    for place, layer in enumerate(module):
        if type(layer) is nn.Flatten:
            if place or (layer.start_dim, layer.end_dim) != (1, -1):
                return False
        elif type(layer) not in (nn.Linear, nn.Dropout, *ELEMENTWISE) or has_hooks(layer):
            return False
        if getattr(layer, "inplace", False):
            return False
    return len(list(module.parameters())) == sum(
        2 if layer.bias is not None else 1 for layer in module if isinstance(layer, nn.Linear)
    )
