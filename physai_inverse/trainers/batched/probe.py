"""One batch through one model before it trains: what it costs, what it draws, and what is right for its stack."""

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from physai_inverse.errors import InvalidInput
from physai_inverse.seeds import child
from physai_inverse.trainers.batched.classes import LOSSES
from physai_inverse.trainers.batched.devices import isolated
from physai_inverse.trainers.batched.layout import Layout
from physai_inverse.trainers.batched.members import Converter, Member
from physai_inverse.trainers.batched.problem import Problem
from physai_inverse.trainers.batched.programs import Stacked, mean
from physai_inverse.trainers.batched.rows import filled

TOLERANCES = {"float64": 1e-8, "float32": 1e-3, "tf32": 1e-2, "bfloat16": 0.1}
"""Relative difference of losses and gradients that is rounding; what a wrong stack computes is far beyond."""

STATES = 6
"""Copies of the parameters that a training keeps: themselves, gradient twice, two moments, room."""


BACKWARD = 3
"""A step's products over those of its forward pass: one by the weights and one by the inputs come back."""

LINEAR = (
    torch.nn.functional.linear,
    torch.matmul,
    torch.Tensor.matmul,
    torch.Tensor.__matmul__,
    torch.mm,
    torch.bmm,
)
ADDED = (torch.addmm, torch.baddbmm)
CONVOLUTIONS = (torch.conv1d, torch.conv2d, torch.conv3d)


class Seen(TorchFunctionMode):
    """Counts what a piece of code computes: products, and the memory of what comes out."""

    def __init__(self) -> None:
        super().__init__()
        self.classes = False
        self.flops = 0.0
        self.bytes = 0

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Count, and go on."""
        result = function(*args, **(kwargs or {}))
        self.classes |= function in LOSSES
        if isinstance(result, torch.Tensor) and result._base is None:
            self.bytes += result.numel() * result.element_size()
        if function in LINEAR:
            self.flops += 2.0 * result.numel() * args[0].shape[-1]
        elif function in ADDED:
            self.flops += 2.0 * result.numel() * args[1].shape[-1]
        elif function in CONVOLUTIONS:
            self.flops += 2.0 * result.numel() * args[1].numel() / len(args[1])
        return result


@dataclass(frozen=True)
class Probe:
    """What one batch showed.

    Args:
        owner: index of the model that it went through.
        by_rows: the loss has one value a row.
        classes: the loss is over classes; see `classes`.
        draws: the loss drew from torch's global stream.
        flops: floating-point operations of one step.
        bytes: that one step keeps, with the parameters and their states.
        shapes: what each dropout layer saw, by name.
        batch: the batch.
    """

    owner: int
    by_rows: bool
    classes: bool
    draws: bool
    flops: float
    bytes: int
    shapes: Mapping[str, tuple[int, ...]]
    batch: tuple[torch.Tensor, ...]


def first_batch(problem: Problem, member: Member, convert: Converter) -> tuple[torch.Tensor, ...]:
    """Give a batch like those that the model will see, without touching its streams.

    Raises:
        InvalidInput: `draw` gives no tuple of tensors.
    """
    if problem.draw is None:
        return tuple(tensor[: member.batch_rows] for tensor in member.data)
    drawn = problem.draw(member.config, torch.Generator().manual_seed(child(member.seed, "order")))
    if not isinstance(drawn, tuple) or not all(isinstance(item, torch.Tensor) for item in drawn):
        raise InvalidInput(f"`draw` must give a tuple of tensors, not {type(drawn).__name__}.")
    return tuple(convert(tensor) for tensor in drawn)


@contextlib.contextmanager
def undisturbed(member: Member) -> Iterator[Seen]:
    """Let the code within use a model's module as it trains, but without dropout, and leave no trace in it."""
    module = member.module
    module.train()
    kept = {name: buffer.clone() for name, buffer in module.named_buffers()}
    for part in module.modules():
        if type(part) is nn.Dropout:
            part.eval()
    try:
        with isolated(child(member.seed, "noise", 0)), Seen() as seen:
            yield seen
    finally:
        module.train()
        with torch.no_grad():
            for name, buffer in module.named_buffers():
                buffer.copy_(kept[name])


def probe(problem: Problem, member: Member, batch: tuple[torch.Tensor, ...]) -> Probe:
    """Put one batch forward through a model, without dropout.

    Raises:
        InvalidInput: the loss is no tensor of one value, or of one value a row; and whatever it raises itself.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    hooks = []

    def note(name: str) -> Callable[[nn.Module, tuple[torch.Tensor, ...]], None]:
        def see(part: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:  # noqa: ARG001 - as torch calls it
            shapes[name] = tuple(inputs[0].shape)

        return see

    for name, part in member.module.named_modules():
        if type(part) is nn.Dropout:
            hooks.append(part.register_forward_pre_hook(note(name)))
    try:
        with undisturbed(member) as seen:
            before = torch.get_rng_state()
            value = problem.loss(member.module, batch)
            draws = not torch.equal(before, torch.get_rng_state())
    finally:
        for hook in hooks:
            hook.remove()
    if not isinstance(value, torch.Tensor) or value.dim() > 1:
        came = f"shape {list(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__
        raise InvalidInput(f"`loss` must give a tensor with one value, or with one value a row; got {came}.")
    inputs = sum(tensor.numel() * tensor.element_size() for tensor in batch)
    states = STATES * member.layout.size * next(iter(member.module.parameters()), value).element_size()
    return Probe(
        owner=member.index,
        by_rows=value.dim() == 1 and bool(batch) and len(value) == len(batch[0]),
        classes=seen.classes,
        draws=draws,
        flops=BACKWARD * seen.flops,
        bytes=2 * seen.bytes + inputs + states,
        shapes=shapes,
        batch=batch,
    )


def own_gradient(problem: Problem, member: Member, batch: tuple[torch.Tensor, ...]) -> tuple[float, torch.Tensor]:
    """Give the loss of one batch and its gradient [P] by the model's own module, without dropout."""
    parameters = list(member.module.parameters())
    with undisturbed(member):
        loss = mean(problem.loss(member.module, batch), None)
        found = torch.autograd.grad(loss, parameters, allow_unused=True)  # before the buffers are put back
    parts = [
        (torch.zeros_like(item) if part is None else part).reshape(-1)
        for part, item in zip(found, parameters, strict=True)
    ]
    return float(loss.detach()), torch.cat(parts)


def disagreement(
    problem: Problem,
    stack: Stacked,
    W: torch.Tensor,
    layout: Layout,
    members: Sequence[Member],
    probes: Sequence[Probe],
) -> str | None:
    """Hold a stack against the models' own modules, on one batch without dropout.

    The stack's `mask` is set where padding would take part in the training otherwise.

    Returns:
        What is not the same; None where all is.
    """
    tolerance = TOLERANCES[problem.precision]
    buffers = stack.buffers_kept()
    stack.streams.drawing = False
    try:
        losses, G = stack.gradient(W, filled([found.batch for found in probes]))
    finally:
        stack.streams.drawing = True
        stack.restore(buffers)
    ones = [torch.ones(member.layout.size, device=W.device) for member in members]
    mask = torch.stack([layout.pad(one, member.layout) for one, member in zip(ones, members, strict=True)]).to(W)
    if bool((G * (1 - mask)).any()):
        stack.mask = mask
        G = G * mask
    for row, (member, found) in enumerate(zip(members, probes, strict=True)):
        if found.owner != member.index:
            continue  # its probe was that of another model, of the same structure and shapes
        expected, gradient = own_gradient(problem, member, found.batch)
        own = float(gradient.norm())
        if not math.isfinite(own) or not bool(torch.isfinite(losses[row])):
            continue  # nothing can be told apart where already the first step diverges
        loss = float(losses[row])
        if abs(loss - expected) > tolerance * (abs(expected) + tolerance):
            return f"in a stack its loss would be {loss:.6g} and not {expected:.6g}"
        distance = float((layout.crop(G[row], member.layout) - gradient).norm())
        if distance > tolerance * (own + tolerance):
            return f"in a stack its gradient would be another (by {distance:.3g} of {own:.3g})"
    return None
