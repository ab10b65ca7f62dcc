"""What can be observed: every observable with its name, group, unit, cost and source, found by name or group.

An observable is a function of one model, written down once: its docstring holds definition, variant and source.
Nothing heavy is imported on reading the list; an observable imports torch when it measures.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import torch

    from physai_inverse.trainers.observables.ending import Ending, Found
    from physai_inverse.trainers.observables.view import View

    Measured: TypeAlias = torch.Tensor | float | Mapping[str, torch.Tensor]
    OfView: TypeAlias = Callable[[View], Measured]
    OfEnding: TypeAlias = Callable[[Ending], Found]

GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "performance": "what the losses say at the end",
        "curves": "what the learning curves say at the end",
        "weights": "norms, ranks, spectra and sparsity of the parameters",
        "embedding": "structure of an embedding: parallelograms, frequencies, superposition",
        "activations": "states of units, size and shape of the hidden activations",
        "representation": "what the hidden activations hold: classes, latents, likeness of layers",
        "gradients": "gradients and updates",
        "curvature": "the Hessian of the loss",
        "attention": "where attention goes, and what the context is good for",
        "parts": "use of experts and codes, quality of samples and rollouts",
        "cost": "what the training took",
    }
)
COSTS: Mapping[int, str] = MappingProxyType(
    {
        0: "nothing: a look at parameters or curves",
        1: "about a forward pass",
        2: "about a backward pass",
        3: "tens of backward passes",
        4: "dense linear algebra, which grows fast with the width",
    }
)
STANDARD = (
    "weight_norm",
    "effective_rank",
    "fourier_concentration",
    "dead_units",
    "nonlinear_units",
    "gradient_norm",
    "sharpness",
    "sharpness_converged",
)
"""What `observables: true` stands for, as far as a model has it."""

LAYERS = "/layers"
"""Ending of a name that asks for every layer or matrix by itself."""

SUMMARIES = ("mean", "sum", "max", "last")


@dataclass(frozen=True)
class Observable:
    """One number that describes a training.

    Args:
        name: of the metric.
        group: a key of `GROUPS`.
        unit: of the value; `1` for a pure number.
        cost: a key of `COSTS`.
        needs: what a model must have for it, words of `NEEDS`.
        measure: view of one model to the value, without a decision that depends on a tensor's value, so that
            `vmap` can run it for a whole stack; of what is known at the end, where it needs `curves` or `facts`.
        summary: where `measure` gives one value a layer, how they become one: a word of `SUMMARIES`; empty where
            it gives one value.
    """

    name: str
    group: str
    unit: str
    cost: int
    needs: tuple[str, ...]
    measure: "OfView | OfEnding"
    summary: str = ""

    @property
    def text(self) -> str:
        """Its definition, variant and source."""
        return re.sub(r"\n[ \t]+", "\n", (self.measure.__doc__ or "").strip())

    @property
    def meaning(self) -> str:
        """Its definition in one line."""
        line = " ".join(self.text.split("\n\n")[0].split()).removesuffix(".")
        return re.sub(r"^Give (the )?", "", line)

    @property
    def source(self) -> str:
        """Where it comes from."""
        found = re.search(r"Source: (.*?)(?:\n\n|\Z)", self.text, re.DOTALL)
        return " ".join(found[1].split()).removesuffix(".") if found else ""

    @property
    def of_ending(self) -> bool:
        """Whether it looks at finished curves, so that it is known at the end only."""
        return bool({"curves", "facts"} & set(self.needs))


NEEDS: Mapping[str, str] = MappingProxyType(
    {
        "hidden": "a network with activation modules such as `nn.ReLU()`",
        "representation": "an embedding, or a network with activation modules",
        "labels": "classes of the rows, `Views(labels=...)`",
        "latents": "what generated the rows, `Views(latents=...)`",
        "embedding": "an embedding, `Views(embedding=...)`",
        "head": "a last linear layer, `Views(head=...)`",
        "attention": "attention weights, `Views(attention=...)`",
        "period": "rows of repeated sequences, `Views(period=...)`",
        "floor": "the least loss that can be reached, `Views(floor=...)`",
        "gates": "the shares of experts or codes, `Views(gates=...)`",
        "samples": "generated and true samples, `Views(samples=...)`",
        "rollout": "a conserved quantity along rollouts, `Views(rollout=...)`",
        "terms": "which tokens stand in each row, `Views(terms=...)`",
        "places": "where each answer is copied from, `Views(places=...)`",
        "regression": "inputs and targets of a regression, `Views(regression=...)`",
        "line": "outputs along a line through the inputs, `Views(line=...)`",
        "train_loss": "a curve `train_loss` or `loss`",
        "test_loss": "a curve `test_loss`, `val_loss`, `loss` or `train_loss`",
        "train_accuracy": "a curve `train_accuracy`",
        "test_accuracy": "a curve `test_accuracy` or `val_accuracy`",
        "gap": "curves of the training loss and of another",
        "curves": "curves, known at the end",
        "facts": "what is known at the end",
        "gradient": "a loss on some rows",
        "rows": "some rows",
        "start": "the first parameters",
        "before": "the parameters before the last step",
        "scale": "an optimiser that scales each parameter (`adam`, `adamw`, `rmsprop`) or none (`sgd`)",
        "top": "a loss with a second derivative",
        "trace": "a loss with a second derivative",
        "hessian": "a loss with a second derivative and at most 2000 parameters",
    }
)
"""What an observable may need, and what has it."""

FROM_VIEWS = (
    "labels", "latents", "embedding", "head", "attention", "period", "floor", "gates", "samples", "rollout",
    "terms", "places", "regression", "line",
)  # fmt: skip
"""Needs that a task or a user declares, each a field of `Views`."""


def observable(
    group: str, unit: str, *, cost: int, needs: tuple[str, ...] = (), summary: str = ""
) -> "Callable[[OfView], Observable]":
    """Make an observable of a function of a view; its name is the function's."""
    assert group in GROUPS
    assert cost in COSTS
    assert not set(needs) - set(NEEDS)
    assert not summary or summary in SUMMARIES
    return lambda measure: Observable(measure.__name__, group, unit, cost, needs, measure, summary)


def of_ending(
    group: str, unit: str, *, needs: tuple[str, ...], cost: int = 0
) -> "Callable[[OfEnding], Observable]":
    """Make an observable of a function of what is known at the end; its name is the function's."""
    assert group in GROUPS
    assert not set(needs) - set(NEEDS)
    return lambda measure: Observable(measure.__name__, group, unit, cost, needs, measure)


@lru_cache(maxsize=1)
def observables() -> Mapping[str, Observable]:
    """Give all observables by name, in the order of their groups."""
    found: dict[str, Observable] = {}
    for group in GROUPS:
        module = import_module(f"physai_inverse.trainers.observables.catalogue.{group}")
        for item in vars(module).values():
            if isinstance(item, Observable):
                assert item.group == group
                assert item.name not in found
                found[item.name] = item
    return MappingProxyType(found)
