"""One model before it trains: its module, its data, its budget; and which models may share a stack."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from hashlib import blake2b
from typing import TypeAlias

import torch
from torch import nn

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Config
from physai_inverse.seeds import child
from physai_inverse.trainers.batched.checkpoints import Checkpoints, State
from physai_inverse.trainers.batched.devices import isolated
from physai_inverse.trainers.batched.layout import Layout, layout_of
from physai_inverse.trainers.batched.perceptrons import ELEMENTWISE, is_plain
from physai_inverse.trainers.batched.physical import has_hooks
from physai_inverse.trainers.batched.problem import Problem, even_steps
from physai_inverse.trainers.batched.recipe import Recipe
from physai_inverse.trainers.batched.rows import Order

Signature: TypeAlias = tuple[object, ...]
SIZES = ("in_features", "out_features", "num_embeddings", "embedding_dim")
PROBED = 16
"""Rows at most that are drawn to see what a batch looks like, where the data are not in memory."""


@dataclass
class Member:
    """One model.

    Args:
        index: where it stands in the list of configurations.
        config: its configuration.
        seed: its seed.
        recipe: how it is trained.
        module: its own.
        data: [rows, ...] each; empty where batches are drawn.
        given: what `measure` is given.
        steps: its budget.
        logged: steps at which it is measured.
        flops: floating-point operations of a step; 0 before one was probed.
        begun: where an earlier training of it stopped; None where it begins anew.
    """

    index: int
    config: Config
    seed: int
    recipe: Recipe
    module: nn.Module
    data: tuple[torch.Tensor, ...]
    given: tuple[torch.Tensor, ...]
    steps: int
    logged: tuple[int, ...]
    flops: float = 0.0
    begun: State | None = None

    @property
    def start(self) -> int:
        """The step at which it begins: 0, or where an earlier training of it stopped."""
        return 0 if self.begun is None else self.begun.step

    @property
    def identity(self) -> str:
        """What it is, as far as a state of it must fit."""
        shapes = {name: list(shape) for name, shape in self.layout.shapes.items()}
        return f"{dict(sorted(self.config.items()))} {self.seed} {self.recipe} {shapes}"

    @cached_property
    def layout(self) -> Layout:
        """Of its parameters."""
        return layout_of(self.module)

    @property
    def batch_rows(self) -> int:
        """Rows of a whole batch."""
        rows = len(self.data[0]) if self.data else 0
        return rows if self.recipe.batch_size is None else min(self.recipe.batch_size, rows)

    @cached_property
    def steps_an_epoch(self) -> int:
        """Steps in which all its rows are seen once; 1 where batches are drawn."""
        return Order(len(self.data[0]), self.recipe.batch_size, 0).steps_an_epoch if self.data else 1

    def order(self) -> Order:
        """Give the stream of its batches, at the step at which it begins."""
        order = Order(len(self.data[0]), self.recipe.batch_size, child(self.seed, "order"))
        if not order.full:  # which is the same batch at every step
            order.skip(self.start)
        return order


@dataclass(frozen=True)
class Converter:
    """Brings tensors to the device and type of a training; what is shared stays shared.

    Args:
        device: where.
        dtype: of numbers that are not whole.
    """

    device: torch.device
    dtype: torch.dtype

    def __call__(self, tensor: torch.Tensor) -> torch.Tensor:
        """Convert one tensor."""
        return tensor.to(self.device, self.dtype if tensor.is_floating_point() else tensor.dtype)


class Nursery:
    """Makes the members of one call.

    Args:
        problem: what is trained.
        convert: to the device and type.
        checkpoints: where models stand that have been trained before.
    """

    def __init__(self, problem: Problem, convert: Converter, checkpoints: Checkpoints) -> None:
        self._problem, self._convert, self._checkpoints = problem, convert, checkpoints
        self._shared: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def make(self, index: int, config: Config, seed: int) -> Member:
        """Build one model with its own streams.

        Raises:
            InvalidInput: the problem's functions give what cannot be meant; and whatever they raise.
        """
        problem = self._problem
        recipe = problem.recipe(config)
        with isolated(child(seed, "initial")):
            module = problem.build(config)
        if not isinstance(module, nn.Module):
            raise InvalidInput(f"`build` must give a torch.nn.Module, not {type(module).__name__}.")
        for field, values in (("factors", recipe.factors), ("decays", recipe.decays)):
            for pattern, _ in values:
                if not any(fnmatchcase(name, pattern) for name, _ in module.named_parameters()):
                    listed = ", ".join(f"`{name}`" for name, _ in module.named_parameters())
                    raise InvalidInput(f"`{field}` has the pattern `{pattern}`, which fits none of {listed}.")
        module.to(self._convert.device, self._convert.dtype)
        if recipe.init_scale != 1:
            with torch.no_grad():
                for parameter in module.parameters():
                    if parameter.dim() > 1:
                        parameter.mul_(recipe.init_scale)
        data = self._tensors("rows", problem.rows, config, seed)
        given = self._tensors("given", problem.given, config, seed)
        if data and len({len(tensor) for tensor in data}) != 1:
            lengths = ", ".join(str(len(tensor)) for tensor in data)
            raise InvalidInput(f"`rows` must be tensors of equal length, not of {lengths}.")
        member = Member(index, config, seed, recipe, module, data, given, 0, ())
        member.steps = self._steps(member)
        member.logged = self._logged(member)
        self._resume(member)
        return member

    def _resume(self, member: Member) -> None:
        """Put a model where an earlier training of it stopped, where there is such a state and it lies on its way.

        A schedule of the rate that ends with the training lies on another way for every length.
        """
        if not self._checkpoints or member.recipe.schedule != "constant":
            return
        state = self._checkpoints.load(member.index, member.identity)
        if state is None or state.step > member.steps:
            return
        with torch.no_grad():
            for name, own in member.layout.views(state.parameters).items():
                member.module.get_parameter(name).copy_(own)
            for name, buffer in member.module.named_buffers():
                buffer.copy_(state.buffers[name])
        member.begun = state
        member.logged = tuple(sorted({step for step in member.logged if step > state.step} | {state.step}))

    def _steps(self, member: Member) -> int:
        problem = self._problem
        if problem.epochs is not None:
            return problem.epochs * member.steps_an_epoch
        steps = problem.steps(member.config) if callable(problem.steps) else problem.steps
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
            raise InvalidInput(f"`steps` must be a whole number of at least 1, not {steps!r}.")
        return steps

    def _logged(self, member: Member) -> tuple[int, ...]:
        log = self._problem.log
        if log is None:
            steps = even_steps(member.steps)
        elif callable(log):
            steps = log(member.steps, member.steps_an_epoch)
        else:
            steps = log
        return tuple(sorted({step for step in steps if 0 <= step <= member.steps} | {member.steps}))

    def _tensors(
        self,
        name: str,
        source: tuple[torch.Tensor, ...] | Callable[[Config, int], tuple[torch.Tensor, ...]] | None,
        config: Config,
        seed: int,
    ) -> tuple[torch.Tensor, ...]:
        tensors = source(config, seed) if callable(source) else source
        if tensors is None:
            return ()
        if not isinstance(tensors, tuple) or not all(isinstance(item, torch.Tensor) for item in tensors):
            raise InvalidInput(f"`{name}` must be a tuple of tensors, not {type(tensors).__name__}.")
        return tuple(self._converted(tensor) for tensor in tensors)

    def _converted(self, tensor: torch.Tensor) -> torch.Tensor:
        if id(tensor) not in self._shared:  # the key stays true as long as the tensor is kept beside it
            self._shared[id(tensor)] = (tensor, self._convert(tensor))
        return self._shared[id(tensor)][1]


def structure(module: nn.Module, *, sizes: bool) -> Signature:
    """Describe how a module is made, so that modules with one description compute alike.

    Args:
        module: of a model.
        sizes: with the shapes and whole numbers; without them, modules of different widths have one description.
    """
    plain = is_plain(module)
    parts: list[object] = []
    for name, part in module.named_modules():
        kind: object = type(part)
        free = plain and isinstance(part, ELEMENTWISE)
        own = () if free else tuple(_attribute(part, key, sizes) for key in sorted(vars(part)) if key[0] != "_")
        parts.append((name, "activation" if free else kind, own, has_hooks(part)))
    tensors = [*module.named_parameters(), *module.named_buffers()]
    fixed = bool(list(module.buffers()))
    shapes = tuple((name, tuple(tensor.shape) if sizes or fixed else tensor.dim()) for name, tensor in tensors)
    return (*parts, shapes)


def _attribute(part: nn.Module, key: str, sizes: bool) -> object:
    value = vars(part)[key]
    if key == "p" and type(part) is nn.Dropout:
        return key
    if isinstance(value, bool | float | str | None | torch.dtype | torch.device):
        return key, value
    if isinstance(value, int | torch.Size):
        return (key, value) if sizes and key not in SIZES else key
    if isinstance(value, tuple | list) and all(isinstance(item, int | float | str | bool) for item in value):
        return (
            (key, tuple(value)) if sizes or not all(isinstance(item, int) for item in value) else (key, len(value))
        )
    if isinstance(value, torch.Tensor):  # not a parameter or buffer, so the stack would have one for all
        content = value.detach().cpu().contiguous()
        return (
            key,
            tuple(value.shape),
            str(value.dtype),
            blake2b(content.numpy().tobytes(), digest_size=8).digest(),
        )
    shown = getattr(value, "__qualname__", repr(value))
    return key, type(value), "" if " at 0x" in shown else shown


def is_opaque(module: nn.Module) -> bool:
    """Say whether a module has a part that its description does not show: a hook, a function, an object."""
    known = (bool, int, float, str, tuple, list, torch.Tensor, torch.dtype, torch.device, type(None))
    return any(
        has_hooks(part) or any(not isinstance(value, known) for key, value in vars(part).items() if key[0] != "_")
        for part in module.modules()
    )


def same_shapes(members: Sequence[Member]) -> bool:
    """Say whether the models of a stack have parameters of the same shapes."""
    return len({tuple(member.layout.shapes.items()) for member in members}) == 1
