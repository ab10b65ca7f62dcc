"""The ordinary loop: one `nn.Module`, one `torch.optim` optimiser, one model after another.

What the batched trainer is held against, in time and in result. Streams are those of the batched trainer, so that
both see the same first parameters and the same batches.
"""

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import nn

from physai_inverse.seeds import child
from physai_inverse.trainers.batched.recipe import Recipe, recipe_of

Build = Callable[[Mapping[str, Any]], nn.Module]
Loss = Callable[[nn.Module, tuple[torch.Tensor, ...]], torch.Tensor]
Tensors = tuple[torch.Tensor, ...]


def optimizers(module: nn.Module, recipe: Recipe, *, fused: bool = False) -> list[torch.optim.Optimizer]:
    """Give the optimisers of `torch.optim` that a recipe names."""
    parameters = list(module.parameters())
    lr, decay = recipe.lr, recipe.weight_decay
    if recipe.optimizer == "sgd":
        return [torch.optim.SGD(parameters, lr, recipe.own_momentum, weight_decay=decay, fused=fused or None)]
    if recipe.optimizer == "rmsprop":
        return [torch.optim.RMSprop(parameters, lr, recipe.alpha, recipe.epsilon, weight_decay=decay)]
    if recipe.optimizer == "muon":
        matrices = [parameter for parameter in parameters if parameter.dim() == 2]
        rest = [parameter for parameter in parameters if parameter.dim() != 2]
        muon = torch.optim.Muon(matrices, lr, weight_decay=decay, momentum=recipe.own_momentum)
        return [muon, torch.optim.AdamW(rest, recipe.rest_lr or lr, recipe.betas, weight_decay=decay)]
    kind = torch.optim.Adam if recipe.optimizer == "adam" else torch.optim.AdamW
    return [kind(parameters, lr, recipe.betas, recipe.epsilon, decay, fused=fused or None)]


@contextlib.contextmanager
def own_precision() -> Iterator[None]:
    """Let `torch.optim.Muon` iterate in the type of its parameters: its own code, without the cast to bfloat16.

    In bfloat16 the last bit of a gradient becomes a third digit of an update, so that no two programs agree.
    """
    cast = torch.Tensor.bfloat16
    torch.Tensor.bfloat16 = torch.Tensor.clone  # type: ignore[method-assign]  # put back below
    try:
        yield
    finally:
        torch.Tensor.bfloat16 = cast  # type: ignore[method-assign]  # as it was


def train(
    build: Build,
    loss: Loss,
    rows: Tensors,
    config: Mapping[str, Any],
    seed: int,
    steps: int,
    *,
    dtype: torch.dtype = torch.float32,
    fused: bool = False,
    every: int = 1,
) -> list[float]:
    """Train one model, and give the losses of every `every`-th step.

    Args:
        build: configuration to module.
        loss: module and batch to a loss, whose mean is taken.
        rows: the training data.
        config: its configuration; see `recipe_of`.
        seed: its seed.
        steps: number of steps.
        dtype: of numbers.
        fused: by one kernel a step, where torch has one.
        every: how often the loss is read.
    """
    recipe = recipe_of(config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(child(seed, "initial"))
        module = build(config).to(dtype)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.dim() > 1:
                parameter.mul_(recipe.init_scale)
    rows = tuple(tensor.to(dtype) if tensor.is_floating_point() else tensor for tensor in rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that a schedule starts before the first step
        chosen = optimizers(module, recipe, fused=fused)
        scheduled = recipe.schedule != "constant" or recipe.warmup
        schedules = [
            torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: recipe.factor(step, steps))
            for optimizer in (chosen if scheduled else [])
        ]
    order = torch.Generator().manual_seed(child(seed, "order"))
    size = len(rows[0])
    losses: list[float] = []
    done = 0
    while done < steps:
        if recipe.batch_size is None:
            batches: tuple[torch.Tensor | None, ...] = (None,)
        else:
            batches = torch.split(torch.randperm(size, generator=order), recipe.batch_size)
        for index in batches[: steps - done]:
            batch = rows if index is None else tuple(tensor[index] for tensor in rows)
            for optimizer in chosen:
                optimizer.zero_grad()
            value = loss(module, batch).mean()
            value.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            with own_precision():
                for optimizer in chosen:
                    optimizer.step()
            for schedule in schedules:
                schedule.step()
            done += 1
            if done % every == 0:
                losses.append(value.item())
    return losses
