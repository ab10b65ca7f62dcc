"""Hidden layers, found by listening to the activation modules of a network."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from physai_inverse.trainers.batched.perceptrons import ELEMENTWISE


@dataclass(frozen=True)
class Hidden:
    """A hidden layer on some rows; where rows are sequences, every position counts as one.

    Args:
        name: of the activation module.
        inputs: [n, D] what goes into it.
        outputs: [n, D] what comes out.
        activation: the module.
    """

    name: str
    inputs: torch.Tensor
    outputs: torch.Tensor
    activation: nn.Module


@contextmanager
def listening(module: nn.Module) -> Iterator[tuple[list[Hidden], list[torch.Tensor]]]:
    """Note, within the block, what goes through activation modules and what the module gives."""
    hidden: list[Hidden] = []
    outputs: list[torch.Tensor] = []
    inputs: dict[str, torch.Tensor] = {}
    hooks = []

    def before(name: str) -> Callable[[nn.Module, tuple[torch.Tensor, ...]], None]:
        def note(part: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
            inputs[name] = given[0].clone() if getattr(part, "inplace", False) else given[0]

        return note

    def after(name: str) -> Callable[[nn.Module, tuple[torch.Tensor, ...], torch.Tensor], None]:
        def note(part: nn.Module, given: tuple[torch.Tensor, ...], found: torch.Tensor) -> None:  # noqa: ARG001
            Z = inputs.pop(name)
            times = sum(layer.name.partition("#")[0] == name for layer in hidden)
            own = f"{name}#{times + 1}" if times else name
            H = found.clone() if getattr(part, "inplace", False) else found
            units = Z.shape[-1] if Z.dim() > 1 else 1  # a single unit comes without a dimension of its own
            hidden.append(Hidden(own, Z.reshape(-1, units), H.reshape(-1, units), part))

        return note

    def last(part: nn.Module, given: tuple[torch.Tensor, ...], found: object) -> None:  # noqa: ARG001
        if isinstance(found, torch.Tensor):
            outputs.append(found)

    for name, part in module.named_modules():
        if isinstance(part, ELEMENTWISE) and not isinstance(part, nn.Identity):
            hooks += [part.register_forward_pre_hook(before(name)), part.register_forward_hook(after(name))]
    hooks.append(module.register_forward_hook(last))
    try:
        yield hidden, outputs
    finally:
        for hook in hooks:
            hook.remove()
