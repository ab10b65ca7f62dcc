"""How losses and gradients are computed: for one model by its own module, for a stack in one go.

Both take the parameters as the rows of `W` [k, P] and give the gradients as the rows of `G` [k, P].
"""

import contextlib
import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import torch
from torch import nn
from torch.func import functional_call

from physai_inverse.seeds import child
from physai_inverse.trainers.batched.classes import Classes
from physai_inverse.trainers.batched.depths import UnevenPerceptrons, depth, stands_for
from physai_inverse.trainers.batched.devices import isolated
from physai_inverse.trainers.batched.layout import Layout, layout_of
from physai_inverse.trainers.batched.members import Member
from physai_inverse.trainers.batched.perceptrons import LeafMissing, Perceptrons, is_plain
from physai_inverse.trainers.batched.physical import StackedLinear, StreamDropout, Streams, has_hooks, over_rows
from physai_inverse.trainers.batched.problem import Problem
from physai_inverse.trainers.batched.rows import Batch


class Program(Protocol):
    """What the loop needs of either."""

    streams: Streams

    def gradient(self, W: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Give the losses [k] and the gradients [k, P], which the caller may overwrite."""

    def measures(self, W: torch.Tensor) -> dict[str, torch.Tensor]:
        """Give what is measured, [k] each."""

    def keep(self, rows: Sequence[int]) -> None:
        """Keep these models only."""

    def buffers(self, row: int) -> dict[str, torch.Tensor]:
        """Give the buffers of one model."""


def mean(value: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Give the mean of a loss over its rows; a loss of no dimension is one already."""
    if value.dim() == 0:
        return value
    if mask is None:
        return value.mean()
    # `where`, and no product: a row that only fills up may be infinite.
    return torch.where(mask, value, 0.0).sum() / mask.sum()


def replace(module: nn.Module, kind: type[nn.Module], make: Callable[[str, nn.Module], nn.Module]) -> None:
    """Put something else in the place of every layer of exactly this kind.

    Args:
        module: changed in place.
        kind: of the layers.
        make: what stands for the layer of this name.
    """
    for name, part in list(module.named_modules()):
        if type(part) is kind and name and not has_hooks(part):
            parent, _, own = name.rpartition(".")
            setattr(module.get_submodule(parent), own, make(name, part))


class Alone:
    """One model, computed by its own module as an ordinary loop would; draws are its own all the same.

    The module's parameters become views of the row, so that nothing is copied.

    Args:
        problem: what is trained.
        member: the model.
        W: [1, P] its parameters.
        draws: the loss draws from torch's global stream, which is then seeded at each step.
    """

    def __init__(self, problem: Problem, member: Member, W: torch.Tensor, *, draws: bool) -> None:
        self._problem, self._member, self._draws = problem, member, draws
        self._step = member.start
        self.streams = Streams([child(member.seed, "dropout")])
        self.module = member.module
        replace(
            self.module,
            nn.Dropout,
            lambda _, part: StreamDropout([float(part.p)], [()], self.streams),  # type: ignore[arg-type]
        )
        with torch.no_grad():
            for name, parameter in self.module.named_parameters():
                parameter.data = member.layout.views(W[0])[name]
        self._parameters = list(self.module.parameters())

    def gradient(
        self,
        W: torch.Tensor,  # noqa: ARG002 - the module's parameters are its views
        batch: Batch,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Give the loss [1] and the gradient [1, P]."""
        if not self.module.training:
            self.module.train()
        self._step += 1
        tensors = tuple(tensor[0] for tensor in batch.tensors)
        self.streams.counts = batch.counts
        seed = child(self._member.seed, "noise", self._step)
        with isolated(seed) if self._draws else contextlib.nullcontext():
            loss = mean(self._problem.loss(self.module, tensors), None)
            found = torch.autograd.grad(loss, self._parameters, allow_unused=True)
        parts = [
            (torch.zeros_like(parameter) if part is None else part).reshape(-1)
            for part, parameter in zip(found, self._parameters, strict=True)
        ]
        return loss.detach().reshape(1), torch.cat(parts).unsqueeze(0)

    def measures(
        self,
        W: torch.Tensor,  # noqa: ARG002 - as above
    ) -> dict[str, torch.Tensor]:
        """Give what is measured, [1] each."""
        if self._problem.measure is None:
            return {}
        self.module.eval()
        with torch.no_grad(), isolated(child(self._member.seed, "measuring")):
            found = self._problem.measure(self.module, self._member.given)
        return {name: torch.as_tensor(value).reshape(1) for name, value in found.items()}

    def keep(self, rows: Sequence[int]) -> None:
        """Keep the only model."""

    def buffers(self, row: int) -> dict[str, torch.Tensor]:  # noqa: ARG002 - there is one row
        """Give the buffers of the model."""
        return dict(self.module.named_buffers())


class _Both(nn.Module):
    """A module and a function of it, so that `functional_call` reaches the module in the function."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(
        self,
        function: Callable[[nn.Module, tuple[torch.Tensor, ...]], object],
        tensors: tuple[torch.Tensor, ...],
    ) -> object:
        """Call it."""
        return function(self.module, tensors)


class Stacked:
    """Many models in one go.

    The code for one model runs under `vmap`; gradients are taken outside of it, where they cost least. A plain
    chain of layers is computed by batched products instead of its own `forward`.

    Args:
        problem: what is trained.
        members: the models, of one structure; the first with the largest module makes the form of all.
        W: [k, P] their parameters, padded.
        layout: of the padded form.
        shapes: what each model sees at each dropout layer, by the layer's name.
        plain: compute plain chains by batched products.
        classes: the loss is over classes.
    """

    def __init__(
        self,
        problem: Problem,
        members: Sequence[Member],
        W: torch.Tensor,
        layout: Layout,
        shapes: Sequence[Mapping[str, tuple[int, ...]]],
        *,
        plain: bool,
        classes: bool,
    ) -> None:
        self._problem, self._layout, self._classes = problem, layout, classes
        self.streams = Streams([child(member.seed, "dropout") for member in members])
        largest = max(members, key=lambda member: member.layout.size)
        template = copy.deepcopy(largest.module)
        self._dropouts: dict[str, StreamDropout] = {}
        layers = [dict(member.module.named_modules()) for member in members]
        uneven = len({len(own) for own in layers}) > 1
        if uneven:  # what is called as in the deepest
            names = stands_for([member.module for member in members])
            layers = [
                {theirs: own[name] for name, theirs in known.items()}
                for own, known in zip(layers, names, strict=True)
            ]
            shapes = [
                {theirs: own[name] for name, theirs in known.items() if name in own}
                for own, known in zip(shapes, names, strict=True)
            ]
            template = copy.deepcopy(max((member.module for member in members), key=depth))

        def stand_in(name: str, part: nn.Module) -> StreamDropout:  # noqa: ARG001 - its rate is the row's own
            rates = [float(own[name].p) if name in own else 0.0 for own in layers]
            seen = [own.get(name, ()) for own in shapes]
            self._dropouts[name] = StreamDropout(rates, seen, self.streams)
            return self._dropouts[name]

        replace(template, nn.Dropout, stand_in)
        replace(template, nn.Linear, lambda _, part: StackedLinear(part, self.streams))  # type: ignore[arg-type]
        self.chains: Perceptrons | None = None
        if plain and all(is_plain(member.module) for member in members):
            chains = [member.module for member in members]
            kind = UnevenPerceptrons if uneven else Perceptrons
            self.chains = kind(chains, self._dropouts, self.streams)  # type: ignore[arg-type]  # Sequential
        self._both = _Both(template)
        own = [dict(member.module.named_buffers()) for member in members]
        self._buffers = {name: torch.stack([buffers[name] for buffers in own]) for name in own[0]}
        columns = list(zip(*(member.given for member in members), strict=True))
        self._shared = [column[0] if all(item is column[0] for item in column) else None for column in columns]
        self._given = tuple(
            torch.stack(column) for column, shared in zip(columns, self._shared, strict=True) if shared is None
        )
        self._rows = torch.arange(len(members), device=W.device)
        self._by_hand = problem.precision != "bfloat16"  # which torch casts to only where it takes the gradients
        self._G: torch.Tensor | None = None
        self.mask: torch.Tensor | None = None
        """[k, P] where the models' own parameters are, set where padding would take part otherwise."""

    def gradient(self, W: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Give the losses [k] and the gradients [k, P]."""
        self.streams.counts = batch.counts
        if self.chains is not None and self._by_hand and self.chains.has_tape:
            return self._gradient_by_hand(self.chains, W, batch)
        point = W.detach().requires_grad_()
        losses = self._map(self._loss, point, batch.tensors, batch.mask, training=True)["loss"]
        (gradient,) = torch.autograd.grad(losses.sum(), point)
        return losses.detach(), gradient if self.mask is None else gradient.mul_(self.mask)

    def measures(self, W: torch.Tensor) -> dict[str, torch.Tensor]:
        """Give what is measured, [k] each."""
        if self._problem.measure is None:
            return {}
        with torch.no_grad():
            return self._map(self._measures, W, self._given, None, training=False)

    def keep(self, rows: Sequence[int]) -> None:
        """Keep these models only."""
        chosen = torch.tensor(rows, device=self._rows.device)
        self.streams.keep(rows)
        for dropout in self._dropouts.values():
            dropout.keep(rows)
        if self.chains is not None:
            self.chains.keep(rows)
        self._buffers = {name: buffer[chosen] for name, buffer in self._buffers.items()}
        self._given = tuple(tensor[chosen] for tensor in self._given)
        self._rows = self._rows[: len(rows)]
        if self.mask is not None:
            self.mask = self.mask[chosen]

    def buffers(self, row: int) -> dict[str, torch.Tensor]:
        """Give the buffers of one model."""
        return {name: buffer[row] for name, buffer in self._buffers.items()}

    def buffers_kept(self) -> dict[str, torch.Tensor]:
        """Copy the buffers of all models."""
        return {name: buffer.clone() for name, buffer in self._buffers.items()}

    def restore(self, buffers: dict[str, torch.Tensor]) -> None:
        """Put copied buffers back."""
        self._buffers = buffers

    def _gradient_by_hand(
        self, chains: Perceptrons, W: torch.Tensor, batch: Batch
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Differentiate the loss by torch, as far as the chains' outputs, and the chains by their own tape."""
        if self._G is None or self._G.shape != W.shape:
            self._G = torch.zeros_like(W)  # what no model has stays zero
        chains.begin(self._layout.views(W))
        try:
            losses = self._map(self._loss, W, batch.tensors, batch.mask, training=True)["loss"]
        except LeafMissing as missing:
            chains.make_leaf(missing.shape)
            losses = self._map(self._loss, W, batch.tensors, batch.mask, training=True)["loss"]
        finally:
            chains.by_hand = False
        (D,) = torch.autograd.grad(losses.sum(), chains.outputs)
        chains.backward(D, self._layout.views(self._G))
        return losses.detach(), self._G if self.mask is None else self._G.mul_(self.mask)

    def _map(
        self,
        function: Callable[[nn.Module, tuple[torch.Tensor, ...], torch.Tensor | None], dict[str, torch.Tensor]],
        W: torch.Tensor,
        tensors: tuple[torch.Tensor, ...],
        mask: torch.Tensor | None,
        *,
        training: bool,
    ) -> dict[str, torch.Tensor]:
        """Run the code of one model for all."""
        parameters: dict[str, torch.Tensor] = {}
        if self.chains is None:
            parameters = self._layout.views(W)
            self._both.module.train(training)
        elif not self.chains.by_hand:
            self.chains.views, self.chains.training = self._layout.views(W), training

        def one(
            row: torch.Tensor,
            parameters: dict[str, torch.Tensor],
            buffers: dict[str, torch.Tensor],
            own: tuple[torch.Tensor, ...],
            inside: torch.Tensor | None,
        ) -> dict[str, torch.Tensor]:
            self.streams.row = row
            if self.chains is not None:  # the check before training has found that to be called is enough
                return function(self.chains, own, inside)  # type: ignore[arg-type]
            state = {f"module.{name}": tensor for name, tensor in (parameters | buffers).items()}
            found: dict[str, torch.Tensor] = functional_call(
                self._both, state, (lambda module, some: function(module, some, inside), own)
            )
            return found

        known = Classes(self.streams) if self._classes or not training else contextlib.nullcontext()
        try:
            with known:
                return over_rows(one, self._rows, parameters, self._buffers, tensors, mask)
        finally:
            self.streams.row = None

    def _loss(
        self, module: nn.Module, tensors: tuple[torch.Tensor, ...], mask: torch.Tensor | None
    ) -> dict[str, torch.Tensor]:
        return {"loss": mean(self._problem.loss(module, tensors), mask)}

    def _measures(
        self,
        module: nn.Module,
        tensors: tuple[torch.Tensor, ...],
        mask: torch.Tensor | None,  # noqa: ARG002 - as of a loss
    ) -> dict[str, torch.Tensor]:
        assert self._problem.measure is not None
        own = iter(tensors)
        given = tuple(next(own) if shared is None else shared for shared in self._shared)
        return dict(self._problem.measure(module, given))


def stack_parameters(
    members: Sequence[Member], device: torch.device, dtype: torch.dtype
) -> tuple[torch.Tensor, Layout]:
    """Give the parameters of models as rows, padded to the largest sizes among them, and the layout of these.

    Members are told the names by which their parameters stand there.
    """
    for member in members:
        member.layout = layout_of(member.module)
    form = members[0].layout
    if len({tuple(member.layout.shapes) for member in members}) > 1:
        form = layout_of(max((member.module for member in members), key=depth))
        for member, names in zip(members, stands_for([member.module for member in members]), strict=True):
            member.layout = member.layout.called(names)
    shapes: dict[str, list[tuple[int, ...]]] = {name: [] for name in form.shapes}
    for member in members:
        for name, shape in member.layout.shapes.items():
            shapes[member.layout.places.get(name, name)].append(shape)
    # Of two models each may be the larger in one dimension: few large heads, many small ones.
    layout = Layout({name: tuple(map(max, zip(*found, strict=True))) for name, found in shapes.items()})
    W = torch.empty(len(members), layout.size, device=device, dtype=dtype)
    with torch.no_grad():
        for row, member in enumerate(members):
            own = torch.cat([parameter.reshape(-1) for parameter in member.module.parameters()])
            W[row] = layout.pad(own, member.layout)
    return W, layout
