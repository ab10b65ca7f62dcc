"""One model as an observable sees it: parameters, activations, losses, gradients, curvature.

Everything is computed when it is first asked for. The same code runs for one model, and within `vmap` for many.

Symbols: `P` parameters, `n` rows, `D` units of a layer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias, TypeVar

import torch
from torch import nn
from torch.func import functional_call, grad

from physai_inverse.trainers.batched.layout import Layout
from physai_inverse.trainers.observables.listening import Hidden, listening

Batch: TypeAlias = tuple[torch.Tensor, ...]
OfBatch: TypeAlias = Callable[[Batch], torch.Tensor]
OfRows: TypeAlias = Callable[[Batch], tuple[torch.Tensor, torch.Tensor]]
OfModule: TypeAlias = Callable[[nn.Module, Batch], torch.Tensor]
T = TypeVar("T")
MAX_ROW_GRADIENTS = 128
"""Rows whose gradients are taken one by one: the first so many."""


class Missing(LookupError):
    """Says what a model has not got that an observable asks for."""


class Wanted(Exception):
    """Asks for something that is computed for all models of a stack at once; see `Given`."""

    def __init__(self, need: str) -> None:
        super().__init__(f"`{need}` is computed by a `Stack`, beforehand")
        self.need = need


@dataclass(frozen=True)
class Model:
    """What is the same for all models of a stack.

    Args:
        module: gives the form; its own parameters are not used.
        layout: of the parameters.
        loss: module and batch to a loss, one value or one a row.
        labels, latents, embedding, head, attention, period, gates, samples, rollout, terms, places, regression,
            line: as in `Views`.
    """

    module: nn.Module
    layout: Layout
    loss: OfModule
    labels: OfBatch | None = None
    latents: OfBatch | None = None
    embedding: str | None = None
    head: str | None = None
    attention: OfModule | None = None
    period: int | None = None
    gates: OfModule | None = None
    samples: Callable[[nn.Module, Batch], tuple[torch.Tensor, torch.Tensor]] | None = None
    rollout: OfModule | None = None
    terms: OfRows | None = None
    places: OfBatch | None = None
    regression: OfRows | None = None
    line: OfModule | None = None


class _Both(nn.Module):
    """A module and a function of it, so that `functional_call` reaches the module in the function."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, function: Callable[[nn.Module, Batch], object], batch: Batch) -> object:
        """Call it."""
        return function(self.module, batch)


@dataclass(frozen=True)
class Batches:
    """The rows on which a model is looked at.

    Args:
        rows: for losses and gradients.
        seen: for activations, labels, latents, attention.
        curved: for curvature.
    """

    rows: Batch
    seen: Batch
    curved: Batch


@dataclass(frozen=True)
class Top:
    """The largest eigenvalue of a Hessian, as far as it was found.

    Args:
        value: 0-dim.
        converged: 0-dim, 1 where it is within its tolerance, else 0.
    """

    value: torch.Tensor
    converged: torch.Tensor


@dataclass(frozen=True)
class Given:
    """What a view does not compute by itself; None where it is not there (yet).

    Args:
        start: [P] first parameters.
        before: [P] parameters before the last step.
        scale: [P] by what the optimiser divides a gradient.
        floor: 0-dim, the least loss.
        gradient: [P] of the loss on `rows`.
        halves: [2, P] the gradients of both halves of `rows`.
        row_gradients: [n, P] those of the first rows, one by one.
        hidden: inputs and outputs of each hidden layer.
        outputs: of the module, if it was called itself.
        slopes: [n, D] of each hidden layer's activation at its inputs.
        top: value and convergence of the largest eigenvalue of the Hessian.
        scaled: the same of the Hessian divided by `scale`.
        trace: estimate of the trace of the Hessian.
        hessian: [P] all eigenvalues of the Hessian, largest first.
        directions: [10, P] eigenvectors of the largest of them, one a row; fewer for fewer parameters.
    """

    start: torch.Tensor | None = None
    before: torch.Tensor | None = None
    scale: torch.Tensor | None = None
    floor: torch.Tensor | None = None
    gradient: torch.Tensor | None = None
    halves: torch.Tensor | None = None
    row_gradients: torch.Tensor | None = None
    hidden: tuple[tuple[torch.Tensor, torch.Tensor], ...] | None = None
    outputs: torch.Tensor | None = None
    slopes: tuple[torch.Tensor, ...] | None = None
    top: tuple[torch.Tensor, torch.Tensor] | None = None
    scaled: tuple[torch.Tensor, torch.Tensor] | None = None
    trace: torch.Tensor | None = None
    hessian: torch.Tensor | None = None
    directions: torch.Tensor | None = None


@dataclass(eq=False)
class View:
    """One model, to be looked at.

    Args:
        model: its form.
        flat: [P] its parameters.
        batches: its rows.
        buffers: its buffers by name.
        given: what was handed over.
        layers: names and activation modules of the hidden layers, where those are handed over.
    """

    model: Model
    flat: torch.Tensor
    batches: Batches
    buffers: Mapping[str, torch.Tensor] = field(default_factory=dict)
    given: Given = field(default_factory=Given)
    layers: tuple[tuple[str, nn.Module], ...] = ()

    @cached_property
    def parameters(self) -> dict[str, torch.Tensor]:
        """Each parameter by name, in its shape."""
        return self.model.layout.views(self.flat)

    @cached_property
    def matrices(self) -> dict[str, torch.Tensor]:
        """The parameters with two dimensions, by name, in double precision."""
        return {name: W.double() for name, W in self.parameters.items() if W.dim() == 2}

    @property
    def rows(self) -> Batch:
        """The batch on which losses and gradients are taken."""
        return self.batches.rows

    @property
    def seen(self) -> Batch:
        """The batch on which activations, labels, latents and attention are looked at."""
        return self.batches.seen

    @property
    def start(self) -> torch.Tensor:
        """The first parameters, [P]."""
        return self._handed(self.given.start, "first parameters")

    @property
    def before(self) -> torch.Tensor:
        """The parameters before the last step, [P]."""
        return self._handed(self.given.before, "parameters before the last step (there was none)")

    @property
    def scale(self) -> torch.Tensor:
        """What the optimiser divides a gradient by, [P]."""
        return self._handed(self.given.scale, "optimiser that scales each parameter by itself")

    @property
    def floor(self) -> torch.Tensor:
        """The least loss that can be reached, 0-dim."""
        return self._handed(self.given.floor, "known least loss")

    @cached_property
    def embedding(self) -> torch.Tensor:
        """The embedding, [tokens, dimensions], in double precision."""
        return self._named(self.model.embedding, "embedding")

    @cached_property
    def head(self) -> torch.Tensor:
        """The weights of the last linear layer, [classes, units], in double precision."""
        return self._named(self.model.head, "head")

    @cached_property
    def labels(self) -> torch.Tensor:
        """The class of each row of `seen`, [n]."""
        if self.model.labels is None:
            raise Missing("there are no labels")
        return self.model.labels(self.seen)

    @cached_property
    def latents(self) -> torch.Tensor:
        """What generated each row of `seen`, [n, latents], in double precision."""
        if self.model.latents is None:
            raise Missing("there are no latents")
        return self.model.latents(self.seen).double()

    @cached_property
    def attention(self) -> torch.Tensor:
        """Attention weights, [heads, n, queries, keys], in double precision."""
        return self._called(self.model.attention, "attention weights").double()

    @cached_property
    def gates(self) -> torch.Tensor:
        """The share of each expert or code in each row of `seen`, [n, experts], in double precision."""
        return self._called(self.model.gates, "gates").double()

    @cached_property
    def samples(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Generated and true samples, [n, d] and [m, d], in double precision."""
        if self.model.samples is None:
            raise Missing("there are no samples")
        found = self.call(self.model.samples, self.seen)
        assert isinstance(found, tuple)
        return found[0].double(), found[1].double()

    @cached_property
    def rollout(self) -> torch.Tensor:
        """A quantity along rollouts that is conserved in truth, [n, steps], in double precision."""
        return self._called(self.model.rollout, "rollout").double()

    @cached_property
    def terms(self) -> tuple[torch.Tensor, torch.Tensor]:
        """How often each token stands in each of `rows`, [n, tokens] in double precision, and the answers, [n]."""
        if self.model.terms is None:
            raise Missing("there are no terms")
        counts, answers = self.model.terms(self.rows)
        return counts.double(), answers

    @cached_property
    def places(self) -> torch.Tensor:
        """Where the answer of each row of `seen` is copied from, [n, positions] in double precision."""
        if self.model.places is None:
            raise Missing("there are no places")
        return self.model.places(self.seen).double()

    @cached_property
    def regression(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs [n, d] and targets [n, outputs] of `seen`, in double precision."""
        if self.model.regression is None:
            raise Missing("there is no regression")
        X, Y = self.model.regression(self.seen)
        return X.double(), Y.double()

    def along(self, flat: torch.Tensor) -> torch.Tensor:
        """What the network gives along a line with other parameters [P]; [points, outputs] in double precision."""
        if self.model.line is None:
            raise Missing("there is no line")
        found = self.call(self.model.line, self.seen, flat)
        return found.reshape(len(found), -1).double()

    @property
    def period(self) -> int:
        """After how many positions the sequences of `seen` repeat themselves."""
        if self.model.period is None:
            raise Missing("there is no period")
        return self.model.period

    @cached_property
    def hidden(self) -> tuple[Hidden, ...]:
        """The hidden layers on `seen`, in the order in which they are computed."""
        pairs = zip(self.layers, self._computed(self.given.hidden, "hidden"), strict=True)
        found = tuple(Hidden(name, *known, activation) for (name, activation), known in pairs)
        if not found:
            raise Missing("there are no activation modules")
        return found

    @property
    def slopes(self) -> tuple[torch.Tensor, ...]:
        """The slopes of the activations of each hidden layer on `seen`, [n, D]."""
        return self._computed(self.given.slopes, "slopes")

    @cached_property
    def outputs(self) -> torch.Tensor:
        """What the module gives on `seen`, in double precision."""
        self._computed(self.given.hidden, "hidden")
        if self.given.outputs is None:
            raise Missing("the loss does not call the module itself, so that its output is not known")
        return self.given.outputs.double()

    @cached_property
    def representation(self) -> torch.Tensor:
        """The embedding where the model has one, else the last hidden activations; centred."""
        H = self.embedding if self.model.embedding is not None else self.hidden[-1].outputs.double()
        return H - H.mean(dim=0)

    @property
    def gradient(self) -> torch.Tensor:
        """The gradient of the loss on `rows`, [P]."""
        return self._computed(self.given.gradient, "gradient")

    @property
    def halves(self) -> torch.Tensor:
        """The gradients of the loss on the first and on the second half of `rows`, [2, P]."""
        return self._computed(self.given.halves, "halves")

    @property
    def row_gradients(self) -> torch.Tensor:
        """The gradients of the losses of the first rows (at most 128), one by one, [n, P]."""
        return self._computed(self.given.row_gradients, "row_gradients")

    @cached_property
    def row_losses(self) -> torch.Tensor:
        """The loss of each row of `seen`, [n]; one value where the loss gives no more."""
        return self.call(self.model.loss, self.seen)

    @property
    def top(self) -> Top:
        """The largest eigenvalue of the Hessian of the loss on `curved`."""
        return Top(*self._computed(self.given.top, "top"))

    @property
    def scaled_top(self) -> Top:
        """The largest eigenvalue of the Hessian divided by `scale`."""
        return Top(*self._computed(self.given.scaled, "scaled"))

    @property
    def trace(self) -> torch.Tensor:
        """An estimate of the trace of the Hessian, 0-dim."""
        return self._computed(self.given.trace, "trace")

    @property
    def hessian(self) -> torch.Tensor:
        """All eigenvalues of the Hessian, largest first, [P]."""
        return self._computed(self.given.hessian, "hessian")

    @property
    def directions(self) -> torch.Tensor:
        """The eigenvectors of the ten largest eigenvalues of the Hessian, [10, P]; fewer for fewer parameters."""
        return self._computed(self.given.directions, "directions")

    def hessian_product(self, q: torch.Tensor) -> torch.Tensor:
        """Give the Hessian of the loss on `curved` times a vector [P]."""
        slope = grad(lambda flat: self.loss(flat, self.batches.curved))
        found: torch.Tensor = grad(lambda flat: slope(flat) @ q)(self.flat)
        return found

    def loss(self, flat: torch.Tensor | None = None, batch: Batch | None = None) -> torch.Tensor:
        """Give the mean loss, 0-dim.

        Args:
            flat: [P] other parameters; the model's own by default.
            batch: other rows than `rows`.
        """
        return self.call(self.model.loss, self.rows if batch is None else batch, flat).mean()

    def call(
        self, function: Callable[[nn.Module, Batch], object], batch: Batch, flat: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Call a function of module and batch with the model's parameters, or with others [P]."""
        views = self.parameters if flat is None else self.model.layout.views(flat)
        state = {f"module.{name}": tensor for name, tensor in {**views, **self.buffers}.items()}
        found: torch.Tensor = functional_call(_Both(self.model.module), state, (function, batch))
        return found

    def listen(self) -> tuple[list[Hidden], list[torch.Tensor]]:
        """Put `seen` forward: give the hidden layers, and what the module gave at each call."""
        with listening(self.model.module) as heard:
            self.call(self.model.loss, self.seen)
        return heard

    def _called(self, function: OfModule | None, what: str) -> torch.Tensor:
        if function is None:
            raise Missing(f"there are no {what}")
        return self.call(function, self.seen)

    def _named(self, name: str | None, what: str) -> torch.Tensor:
        if name is None:
            raise Missing(f"there is no {what}")
        if name not in self.parameters:
            listed = ", ".join(f"`{key}`" for key in self.parameters)
            raise Missing(f"`Views({what}=...)` names `{name}`; the parameters are {listed}")
        return self.parameters[name].double()

    def _computed(self, value: T | None, need: str) -> T:
        if value is None:
            raise Wanted(need)
        return value

    def _handed(self, value: T | None, what: str) -> T:
        if value is None:
            raise Missing(f"there is no {what}")
        return value
