"""Models of one form, observed together: what is written for one runs by `vmap`, else one by one."""

import contextlib
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

import torch
from torch import nn
from torch.func import vmap
from torch.utils import _pytree as pytree

from physai_inverse.seeds import child
from physai_inverse.trainers.batched.devices import isolated
from physai_inverse.trainers.observables import curvature
from physai_inverse.trainers.observables.registry import Observable
from physai_inverse.trainers.observables.view import (
    MAX_ROW_GRADIENTS,
    Batch,
    Batches,
    Given,
    Missing,
    Model,
    View,
    Wanted,
)

Values: TypeAlias = dict[str, float]
T = TypeVar("T")
TOLERANCE = 1e-2
PRODUCTS = 40
PROBES = 16
LARGEST_HESSIAN = 2000
DIRECTIONS = 10
ROOM = 2**28
"""Bytes that what is kept of many models at once may take; beyond, they are taken in parts."""


@dataclass(frozen=True)
class Subject:
    """One model that is observed.

    Args:
        seed: of its streams.
        flat: [P] its parameters.
        batches: its rows.
        buffers: its buffers by name.
        start, before, scale: see `Given`.
        floor: the least loss.
    """

    seed: int
    flat: torch.Tensor
    batches: Batches
    buffers: Mapping[str, torch.Tensor] = field(default_factory=dict)
    start: torch.Tensor | None = None
    before: torch.Tensor | None = None
    scale: torch.Tensor | None = None
    floor: float | None = None


@dataclass
class Observed:
    """What was found of one model.

    Args:
        values: name to number.
        missing: name to why there is none.
    """

    values: Values = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


class Stack:
    """Models of one form.

    Args:
        model: their form.
        subjects: the models, with rows of the same shapes.
    """

    def __init__(self, model: Model, subjects: Sequence[Subject]) -> None:
        self.model, self._subjects = model, list(subjects)
        self._known: dict[str, object] = {}
        self._layers: tuple[tuple[str, nn.Module], ...] = ()
        self._ones: list[Stack] | None = None

    def measure(self, item: Observable, *, layers: bool = False) -> list[Observed]:
        """Measure one observable of every model.

        Args:
            item: the observable.
            layers: give it for every layer, too.
        """
        was_training = self.model.module.training
        self.model.module.eval()
        kind = self._subjects[0].flat.device.type
        try:
            with torch.no_grad(), torch.autocast(kind, enabled=False):
                return self._measure(item, layers=layers)
        finally:
            self.model.module.train(was_training)

    def _measure(self, item: Observable, *, layers: bool) -> list[Observed]:
        if len(self._subjects) > 1:
            with contextlib.suppress(Exception):  # what `vmap` refuses, and what a user's code raises
                return self._provided(lambda: self._together(item, layers=layers))
            if self._ones is None:
                self._ones = [Stack(self.model, [subject]) for subject in self._subjects]
            return [stack._measure(item, layers=layers)[0] for stack in self._ones]
        try:
            with isolated(child(self._subjects[0].seed, "observing")):
                return self._provided(lambda: self._alone(item, layers=layers))
        except Exception as error:  # the boundary of foreign code: anything may come
            return [Observed(missing={item.name: _reason(error)})]

    def _provided(self, function: Callable[[], T]) -> T:
        """Call a function, and compute beforehand what it turns out to want."""
        while True:
            try:
                return function()
            except Wanted as wanted:
                self._provide(wanted.need)

    def _provide(self, need: str) -> None:
        """Compute something for all models, and keep it."""
        assert need not in self._known
        if need == "hidden":
            self._listen()
        elif need == "directions":
            self._known["hessian"], self._known["directions"] = self._spectrum()
        elif need == "slopes":
            self._known["slopes"] = self._provided(self._slopes)
        else:
            makers: dict[str, Callable[[], object]] = {
                "gradient": self._gradient,
                "halves": self._halves,
                "row_gradients": self._row_gradients,
                "top": self._top,
                "scaled": lambda: self._top(scaled=True),
                "trace": self._trace,
                "hessian": self._hessian,
            }
            self._known[need] = makers[need]()

    def _alone(self, item: Observable, *, layers: bool) -> list[Observed]:
        found = self._found(item, self.view(0), layers=layers)
        return _sorted({name: torch.as_tensor(value).unsqueeze(0) for name, value in found.items()}, 1)

    def view(self, place: int) -> View:
        """Give the view of one model, with what has been computed so far."""
        subject = self._subjects[place]
        known = pytree.tree_map(lambda tensor: tensor[place], self._known)
        return View(
            self.model, subject.flat, subject.batches, subject.buffers, self._given(subject, known), self._layers
        )

    def _together(self, item: Observable, *, layers: bool) -> list[Observed]:
        flat, buffers, _ = self._arguments("rows", slice(0, len(self._subjects)))
        batches = [self._batch(which) for which in ("rows", "seen", "curved")]
        payload: dict[str, object] = {
            "flat": flat,
            "buffers": buffers,
            "batches": tuple(tuple(tensor for tensor, _ in batch) for batch in batches),
            "own": self._own(),
            "known": dict(self._known),
        }
        dims = pytree.tree_map(lambda _: 0, payload)
        dims["batches"] = tuple(tuple(dim for _, dim in batch) for batch in batches)

        def one(part: dict[str, object]) -> dict[str, torch.Tensor]:
            view = View(
                self.model,
                part["flat"],  # type: ignore[arg-type]  # a payload of many types
                Batches(*part["batches"]),  # type: ignore[misc]
                part["buffers"],  # type: ignore[arg-type]
                Given(**{**part["own"], **part["known"]}),  # type: ignore[dict-item]
                self._layers,
            )
            return {
                name: torch.as_tensor(value, device=view.flat.device).double()
                for name, value in self._found(item, view, layers=layers).items()
            }

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "There is a performance drop", UserWarning)  # as slow as one by one
            found = vmap(one, (dims,))(payload)
        return _sorted(found, len(self._subjects))

    def _found(self, item: Observable, view: View, *, layers: bool) -> dict[str, "torch.Tensor | float"]:
        measured = item.measure(view)  # type: ignore[arg-type]  # of a view: those of endings do not come here
        if not isinstance(measured, Mapping):
            return {item.name: measured}  # type: ignore[dict-item]
        if not item.summary:
            return {f"{item.name}/{suffix}": value for suffix, value in measured.items()}
        if not measured:
            raise Missing("there is no layer to measure")
        found: dict[str, torch.Tensor | float] = {
            item.name: summarised([torch.as_tensor(value) for value in measured.values()], item.summary)
        }
        if layers:
            found |= {f"{item.name}/{suffix}": value for suffix, value in measured.items()}
        return found

    def _own(self) -> dict[str, torch.Tensor]:
        """What was handed over, [k, ...] each, where all models have it."""
        found: dict[str, torch.Tensor] = {}
        for name in ("start", "before", "scale"):
            parts = [getattr(subject, name) for subject in self._subjects]
            if all(part is not None for part in parts):
                found[name] = torch.stack(parts)
            elif any(part is not None for part in parts):
                raise Missing(f"some models have no {name}")
        floors = [subject.floor for subject in self._subjects]
        if all(floor is not None for floor in floors):
            found["floor"] = torch.tensor(floors, dtype=torch.float64, device=self._subjects[0].flat.device)
        return found

    def _given(self, subject: Subject, known: Mapping[str, object]) -> Given:
        floor = (
            None
            if subject.floor is None
            else torch.tensor(subject.floor, dtype=torch.float64, device=subject.flat.device)
        )
        return Given(subject.start, subject.before, subject.scale, floor, **known)  # type: ignore[arg-type]

    def _batch(self, which: str, part: slice = slice(None)) -> tuple[tuple[torch.Tensor, int | None], ...]:
        """Give the tensors of the models' rows, once where all share them, with the dimension of the models."""
        columns = zip(*(getattr(subject.batches, which) for subject in self._subjects[part]), strict=True)
        return tuple(
            (column[0], None) if all(tensor is column[0] for tensor in column) else (torch.stack(column), 0)
            for column in columns
        )

    # What is computed for all models at once, and kept.

    def _listen(self) -> None:
        """Put `seen` forward through all models, and keep what the activation modules heard."""

        def heard(view: View) -> tuple[tuple[tuple[torch.Tensor, torch.Tensor], ...], tuple[torch.Tensor, ...]]:
            hidden, outputs = view.listen()
            self._layers = tuple((layer.name, layer.activation) for layer in hidden)
            return tuple((layer.inputs, layer.outputs) for layer in hidden), tuple(outputs[-1:])

        if len(self._subjects) == 1:
            own = self._subjects[0]
            hidden, outputs = heard(View(self.model, own.flat, own.batches, own.buffers))
            hidden = tuple((Z.unsqueeze(0), H.unsqueeze(0)) for Z, H in hidden)
            outputs = tuple(tensor.unsqueeze(0) for tensor in outputs)
        else:
            W, buffers, batch = self._arguments("seen", slice(0, len(self._subjects)))

            def one(
                flat: torch.Tensor, buffers: dict[str, torch.Tensor], *tensors: torch.Tensor
            ) -> tuple[tuple[tuple[torch.Tensor, torch.Tensor], ...], tuple[torch.Tensor, ...]]:
                some: Batch = tuple(tensors)
                return heard(View(self.model, flat, Batches(some, some, some), buffers))

            dims = (0, dict.fromkeys(buffers, 0), *[dim for _, dim in batch])
            hidden, outputs = vmap(one, dims)(W, buffers, *[tensor for tensor, _ in batch])
        self._known["hidden"] = hidden
        if outputs:
            self._known["outputs"] = outputs[-1]

    def _slopes(self) -> tuple[torch.Tensor, ...]:
        if "hidden" not in self._known:
            raise Wanted("hidden")
        found = []
        for (_, activation), (Z, _) in zip(self._layers, self._known["hidden"], strict=True):  # type: ignore[call-overload]
            with torch.enable_grad():  # not by `torch.func.grad`, which imports the compiler: seconds a process
                inputs = Z.detach().requires_grad_()
                found.append(torch.autograd.grad(activation(inputs).sum(), inputs)[0])
        return tuple(found)

    def _gradient(self) -> torch.Tensor:
        return self._differentiated("rows", slice(0, len(self._subjects)), twice=False)[1]

    def _halves(self) -> torch.Tensor:
        half = len(self._subjects[0].batches.rows[0]) // 2
        if not half:
            raise Missing("there is only one row")
        part = slice(0, len(self._subjects))
        found = [
            self._differentiated("rows", part, twice=False, rows=rows)[1]
            for rows in (slice(0, half), slice(half, None))
        ]
        return torch.stack(found, dim=1)

    def _row_gradients(self) -> torch.Tensor:
        count = min(len(self._subjects[0].batches.rows[0]), MAX_ROW_GRADIENTS)
        part = slice(0, len(self._subjects))
        found = [
            self._differentiated("rows", part, twice=False, rows=slice(row, row + 1))[1] for row in range(count)
        ]
        return torch.stack(found, dim=1)

    def _top(self, *, scaled: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
        if scaled and any(subject.scale is None for subject in self._subjects):
            raise Missing("there is no optimiser that scales each parameter by itself")

        def of_part(part: slice) -> tuple[torch.Tensor, torch.Tensor]:
            product, W = self._product(part)
            starts = [
                torch.randn(W.shape[1], generator=torch.Generator().manual_seed(child(subject.seed, "sharpness")))
                for subject in self._subjects[part]
            ]
            if scaled:
                scales = torch.stack([subject.scale for subject in self._subjects[part]]).rsqrt()  # type: ignore[misc]
                found = curvature.lanczos(
                    lambda Q: scales * product(scales * Q), torch.stack(starts).to(W), TOLERANCE, PRODUCTS
                )
            else:
                found = curvature.lanczos(product, torch.stack(starts).to(W), TOLERANCE, PRODUCTS)
            return found.values, found.converged.double()

        values, converged = self._in_parts(of_part, PRODUCTS)
        return values, converged

    def _trace(self) -> torch.Tensor:
        def of_part(part: slice) -> tuple[torch.Tensor]:
            product, W = self._product(part)
            sources = [
                torch.Generator().manual_seed(child(subject.seed, "probes")) for subject in self._subjects[part]
            ]
            total = torch.zeros(len(W), dtype=torch.float64, device=W.device)
            for _ in range(PROBES):
                signs = [torch.randint(0, 2, (W.shape[1],), generator=source) * 2 - 1 for source in sources]
                Q = torch.stack(signs).to(W)
                total += (Q * product(Q)).double().sum(dim=1)
            return (total / PROBES,)

        return self._in_parts(of_part, 4)[0]

    def _hessian(self) -> torch.Tensor:
        room = 2 * self._hessian_size()
        return self._in_parts(lambda part: (torch.linalg.eigvalsh(self._hessians(part)).flip(1),), room)[0]

    def _spectrum(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Give all eigenvalues, largest first, [k, P], and the eigenvectors of the first, [k, 10, P]."""

        def of_part(part: slice) -> tuple[torch.Tensor, torch.Tensor]:
            values, vectors = torch.linalg.eigh(self._hessians(part))
            return values.flip(1), vectors.flip(2)[:, :, :DIRECTIONS].transpose(1, 2)

        values, directions = self._in_parts(of_part, 4 * self._hessian_size())
        return values, directions

    def _hessian_size(self) -> int:
        size = self.model.layout.size
        if size > LARGEST_HESSIAN:
            raise Missing(f"a Hessian of {size} parameters is too large (at most {LARGEST_HESSIAN})")
        return size

    def _hessians(self, part: slice) -> torch.Tensor:
        """Give the Hessians of some models, [k, P, P] in double precision."""
        product, W = self._product(part)
        columns = [product(unit.expand_as(W)) for unit in torch.eye(W.shape[1]).to(W)]
        H = torch.stack(columns, dim=1).double()
        return (H + H.transpose(1, 2)) / 2

    def _in_parts(
        self, function: Callable[[slice], tuple[torch.Tensor, ...]], vectors: int
    ) -> tuple[torch.Tensor, ...]:
        """Call a function for some models after the others, as many at once as have room for so many vectors."""
        flat = self._subjects[0].flat
        step = max(ROOM // max(vectors * flat.numel() * flat.element_size(), 1), 1)
        count = len(self._subjects)
        parts = [function(slice(first, min(first + step, count))) for first in range(0, count, step)]
        return tuple(torch.cat(column) for column in zip(*parts, strict=True))

    def _product(self, part: slice) -> tuple[Callable[[torch.Tensor], torch.Tensor], torch.Tensor]:
        """Give the map from vectors [k, P] to the Hessians times them, and the parameters [k, P]."""
        W, G = self._differentiated("curved", part, twice=True)

        def product(Q: torch.Tensor) -> torch.Tensor:
            if not G.requires_grad:  # a loss that is linear in the parameters
                return torch.zeros_like(W)
            (found,) = torch.autograd.grad(G, W, Q, retain_graph=True, allow_unused=True)
            return torch.zeros_like(W) if found is None else found.detach()

        return product, W

    def _differentiated(
        self, which: str, part: slice, *, twice: bool, rows: slice = slice(None)
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Give parameters [k, P] and gradients [k, P], which can be differentiated again if wanted twice."""
        subjects = self._subjects[part]
        with torch.enable_grad():
            W = torch.stack([subject.flat for subject in subjects]).detach().requires_grad_()
            losses = self._losses(W, which, part, rows)
            (G,) = torch.autograd.grad(losses.sum(), W, create_graph=twice)
        return (W, G) if twice else (W.detach(), G.detach())

    def _losses(self, W: torch.Tensor, which: str, part: slice, rows: slice) -> torch.Tensor:
        subjects = self._subjects[part]
        if len(subjects) == 1:
            own = subjects[0]
            view = View(self.model, W[0], own.batches, own.buffers)
            return view.loss(None, tuple(tensor[rows] for tensor in getattr(own.batches, which))).reshape(1)
        _, buffers, batch = self._arguments(which, part)

        def one(flat: torch.Tensor, buffers: dict[str, torch.Tensor], *tensors: torch.Tensor) -> torch.Tensor:
            some: Batch = tuple(tensor[rows] for tensor in tensors)
            return View(self.model, flat, Batches(some, some, some), buffers).loss()

        dims = (0, dict.fromkeys(buffers, 0), *[dim for _, dim in batch])
        found: torch.Tensor = vmap(one, dims)(W, buffers, *[tensor for tensor, _ in batch])
        return found

    def _arguments(
        self, which: str, part: slice
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor], tuple[tuple[torch.Tensor, int | None], ...]]:
        """Give parameters, buffers and rows of some models, for `vmap`."""
        subjects = self._subjects[part]
        names = subjects[0].buffers
        buffers = {name: torch.stack([subject.buffers[name] for subject in subjects]) for name in names}
        return torch.stack([subject.flat for subject in subjects]), buffers, self._batch(which, part)


def summarised(values: Sequence[torch.Tensor], summary: str) -> torch.Tensor:
    """Make one value of one a layer."""
    if summary == "last":
        return values[-1]
    joined = torch.stack([value.double() for value in values])
    if summary == "max":
        return joined.max()
    return joined.sum() if summary == "sum" else joined.mean()


def _sorted(found: Mapping[str, torch.Tensor], count: int) -> list[Observed]:
    """Give each model its numbers; one that is not finite is missing."""
    results = [Observed() for _ in range(count)]
    for name, values in found.items():
        for observed, value in zip(results, values.double().tolist(), strict=True):
            if not isinstance(value, float):
                raise TypeError(f"`{name}` must be one number, not {len(value)}")
            if math.isfinite(value):
                observed.values[name] = value
            else:
                observed.missing[name] = f"it is {value}"
    return results


def _reason(error: Exception) -> str:
    text = str(error).strip().splitlines()
    said = text[0] if text else ""
    return said if isinstance(error, Missing) else f"{type(error).__name__}: {said}"
