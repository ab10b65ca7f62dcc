"""Layers that compute on a whole stack at once, from within code that is written for one model.

`over_rows` runs the code of one model on a stack, as `torch.func.vmap` does. `on_rows` is the door out of it: a
function sees all models, [k, ...], where the code around it sees one. So a fully connected network is one
batched product a layer, and dropout draws for each model from a stream of its own.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

import torch
from torch import nn


class _OnRows(torch.autograd.Function):
    """The public way out of `vmap`; its differentiation takes several times as long as the direct one."""

    generate_vmap_rule = False

    @staticmethod
    def forward(
        function: Callable[..., torch.Tensor],  # noqa: ARG004 - the contract of torch
        *tensors: torch.Tensor,  # noqa: ARG004
    ) -> torch.Tensor:
        raise AssertionError("an argument is always batched")

    @staticmethod
    def setup_context(ctx: object, inputs: object, output: object) -> None:
        """Nothing is kept: the operations inside are differentiated one by one."""

    @staticmethod
    def vmap(
        info: "torch.autograd.function.FunctionCtx",
        in_dims: tuple[int | None, ...],
        function: Callable[..., torch.Tensor],
        *tensors: torch.Tensor,
    ) -> tuple[torch.Tensor, int]:
        size = info.batch_size  # type: ignore[attr-defined]  # torch types the context and not this
        return function(*map(partial(lead, size), tensors, in_dims[1:])), 0


def lead(size: int, tensor: torch.Tensor, dim: int | None) -> torch.Tensor:
    """Bring the dimension of the models to the front; what all models share is repeated without a copy."""
    return tensor.unsqueeze(0).expand(size, *tensor.shape) if dim is None else tensor.movedim(dim, 0)


FUNCTORCH = torch._C._functorch
UNMAPPED = torch._C.DispatchKeySet(torch._C.DispatchKey.FuncTorchVmapMode)
DIRECT = all(
    hasattr(FUNCTORCH, name)
    for name in (
        "_add_batch_dim", "_remove_batch_dim", "_vmap_increment_nesting", "_vmap_decrement_nesting",
        "get_unwrapped", "is_batchedtensor", "maybe_get_bdim", "maybe_get_level",
    )
)  # fmt: skip
"""Whether this torch has the parts that its own `vmap` is made of, under the names that we know."""


Tensors: TypeAlias = dict[str, torch.Tensor]


def over_rows(
    function: Callable[[torch.Tensor, Tensors, Tensors, tuple[torch.Tensor, ...], torch.Tensor | None], Tensors],
    rows: torch.Tensor,
    parameters: Tensors,
    buffers: Tensors,
    tensors: tuple[torch.Tensor, ...],
    mask: torch.Tensor | None,
) -> Tensors:
    """Run the code of one model on every model of a stack.

    The same as `vmap`, without its search through nested arguments, which takes longer than a small network.

    Args:
        function: of what follows, as one model has it, to named results.
        rows: [k] their numbers.
        parameters: [k, ...] each.
        buffers: [k, ...] each.
        tensors: [k, ...] each.
        mask: [k, B], or None.

    Returns:
        [k, ...] each.
    """
    if not DIRECT:
        dims = (0, 0, 0, 0, None if mask is None else 0)
        found: Tensors = torch.func.vmap(function, dims, randomness="error")(
            rows, parameters, buffers, tensors, mask
        )
        return found
    size = len(rows)
    level = FUNCTORCH._vmap_increment_nesting(size, "error")

    def enter(tensor: torch.Tensor) -> torch.Tensor:
        return FUNCTORCH._add_batch_dim(tensor, 0, level)

    try:
        results = function(
            enter(rows),
            {name: enter(tensor) for name, tensor in parameters.items()},
            {name: enter(tensor) for name, tensor in buffers.items()},
            tuple(map(enter, tensors)),
            None if mask is None else enter(mask),
        )
        return {
            name: FUNCTORCH._remove_batch_dim(torch.as_tensor(result), level, size, 0)
            for name, result in results.items()
        }
    finally:
        FUNCTORCH._vmap_decrement_nesting()


def on_rows(function: Callable[..., torch.Tensor], row: torch.Tensor, *tensors: torch.Tensor) -> torch.Tensor:
    """Apply a function to the whole stack from within `vmap`.

    Args:
        function: of tensors [k, ...], to one [k, ...].
        row: the number of the row, of which there must be one a model.
        tensors: as one model sees them.
    """
    if not DIRECT:
        result: torch.Tensor = _OnRows.apply(  # type: ignore[no-untyped-call]  # torch leaves it so
            lambda _, *rows: function(*rows), row, *tensors
        )
        return result
    level, size = FUNCTORCH.maybe_get_level(row), len(FUNCTORCH.get_unwrapped(row))
    rows = []
    for tensor in tensors:
        batched = FUNCTORCH.is_batchedtensor(tensor) and FUNCTORCH.maybe_get_level(tensor) == level
        bare = FUNCTORCH.get_unwrapped(tensor) if batched else tensor
        rows.append(lead(size, bare, FUNCTORCH.maybe_get_bdim(tensor) if batched else None))
    found: torch.Tensor = FUNCTORCH._add_batch_dim(function(*rows), 0, level)
    return found


class Streams:
    """What a stack draws from while it computes, and where in the stack it is.

    Args:
        seeds: of each model's stream for dropout.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        self.sources = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.row: torch.Tensor | None = None  # of the stack, as one model sees it; None outside of a stack
        self.counts: tuple[int, ...] = ()
        self.drawing = True

    def state(self, row: int) -> torch.Tensor:
        """Give where the stream of a model stands."""
        return self.sources[row].get_state()

    def go_on(self, row: int, state: torch.Tensor) -> None:
        """Put the stream of a model where it stood."""
        self.sources[row].set_state(state)

    def keep(self, rows: Sequence[int]) -> None:
        """Keep these models only."""
        self.sources = [self.sources[row] for row in rows]

    def kept(self, row: int, shape: Sequence[int], p: float) -> torch.Tensor:
        """Draw which units of a model stay, ones and zeros; on the CPU, the same for every device."""
        # Not within `vmap`, which refuses to draw: each model draws from a stream of its own here.
        with torch._C._ExcludeDispatchKeyGuard(UNMAPPED):
            return torch.empty(tuple(shape)).bernoulli_(1 - p, generator=self.sources[row])


class StreamDropout(nn.Module):
    """Dropout whose draws come from each model's own stream.

    Args:
        rates: one a model.
        shapes: what one model sees here, for each, unpadded.
        streams: of the stack.
    """

    def __init__(self, rates: Sequence[float], shapes: Sequence[tuple[int, ...]], streams: Streams) -> None:
        super().__init__()
        self.rates, self.shapes, self.streams = list(rates), list(shapes), streams
        self._scales: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Drop and scale while training."""
        if not self.training:
            return x
        if not self.streams.drawing:
            return x
        if not any(self.rates):
            return x
        if self.streams.row is None:
            return self.alone(x)
        return on_rows(lambda rows: rows * self.factors(rows), self.streams.row, x)

    def alone(self, x: torch.Tensor) -> torch.Tensor:
        """Drop in the only model."""
        p = self.rates[0]
        return x * self.streams.kept(0, x.shape, p).to(x) / (1 - p)

    def factors(self, x: torch.Tensor) -> torch.Tensor:
        """Draw what `x` [k, B, ...] is multiplied by: zero, or one over the share that stays."""
        factors = torch.ones(x.shape, dtype=x.dtype)
        counts = self.streams.counts
        # Many small steps, which a mode around them would look at one by one.
        with torch._C.DisableTorchFunction(), torch._C._ExcludeDispatchKeyGuard(UNMAPPED):
            for row, (p, shape) in enumerate(zip(self.rates, self.shapes, strict=True)):
                if p:
                    corner = tuple(map(slice, (counts[row], *shape[1:])))
                    factors[row][corner].bernoulli_(1 - p, generator=self.streams.sources[row])
            if self._scales is None:
                scales = torch.tensor([1 / (1 - p) for p in self.rates], dtype=torch.float64)
                self._scales = scales.to(x.dtype).view(-1, *[1] * (x.dim() - 1))
            factors.mul_(self._scales)
        return factors.to(x.device)

    def keep(self, rows: Sequence[int]) -> None:
        """Keep these models only."""
        self.rates, self._scales = [self.rates[row] for row in rows], None
        self.shapes = [self.shapes[row] for row in rows]


class StackedLinear(nn.Module):
    """A linear layer as one batched product with its bias, where `vmap` makes copies, a product and a sum.

    Args:
        layer: whose parameters it takes over.
        streams: of the stack.
    """

    def __init__(self, layer: nn.Linear, streams: Streams) -> None:
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.weight, self.bias = layer.weight, layer.bias
        self.streams = streams

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the layer."""
        if self.streams.row is None or x.dim() < 2:
            return nn.functional.linear(x, self.weight, self.bias)
        if self.bias is None:
            return on_rows(self.physical, self.streams.row, x, self.weight)
        return on_rows(self.physical, self.streams.row, x, self.weight, self.bias)

    @staticmethod
    def physical(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
        """Apply the layers of all models, [k, ..., i] to [k, ..., o]."""
        W = weight.transpose(1, 2)
        return in_rows(lambda rows: affine(rows, W, bias), x)


def affine(rows: torch.Tensor, W: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """Multiply rows [k, B, i] by [k, i, o] and add the bias [k, o]."""
    return torch.bmm(rows, W) if bias is None else torch.baddbmm(bias.unsqueeze(1), rows, W)


def in_rows(function: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """Apply a function of [k, B, d] to [k, ..., d]."""
    if x.dim() == 3:
        return function(x)
    y = function(x.reshape(len(x), -1, x.shape[-1]))
    return y.view(*x.shape[:-1], y.shape[-1])


def has_hooks(module: nn.Module) -> bool:
    """Say whether somebody listens to a module's forward pass."""
    return bool(module._forward_hooks or module._forward_pre_hooks)
