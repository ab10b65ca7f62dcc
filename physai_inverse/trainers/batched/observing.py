"""What observables see of a training on its way and at its end, at what price, and what is left out to keep to it.

At every look the cheap ones come first; one whose time would lead beyond its share of the training is left out.
All that a look takes is charged, what prepares it as well, and what is not known yet is thought dear: time is
earned by training before it is spent.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import torch

from physai_inverse.observations import Config, Curve, Measurement, Metric
from physai_inverse.seeds import child
from physai_inverse.trainers.batched.members import Converter, Member, is_opaque, structure
from physai_inverse.trainers.batched.perceptrons import ELEMENTWISE
from physai_inverse.trainers.batched.problem import Problem, Views, observed
from physai_inverse.trainers.observables.choice import choose, met_by
from physai_inverse.trainers.observables.ending import Ending
from physai_inverse.trainers.observables.registry import Observable
from physai_inverse.trainers.observables.stack import Stack, Subject
from physai_inverse.trainers.observables.view import Batch, Batches, Model

LOG = logging.getLogger(__name__)
ROWS = 256
"""Training rows that are looked at where nobody says which."""

DEAR = frozenset({"gradient", "top", "trace", "hessian"})
"""Needs whose computation several observables share, so that the first of them pays for all."""

GUESSES = {0: 0.2, 1: 1.0, 2: 3.0, 3: 20.0, 4: 3.0}
"""Cost to the steps of training that an observable takes as long as, where it has not been measured yet."""

UNKNOWN, KNOWN = 2.0, 1.25
"""What a guess, and what was found so far, are multiplied by, since the next one may take longer."""


@dataclass(frozen=True)
class State:
    """One model at a look.

    Args:
        member: the model.
        flat: [P] its parameters.
        buffers: its buffers.
        start, before, scale: [P] each, see `Given`; None where they are not there.
    """

    member: Member
    flat: torch.Tensor
    buffers: Mapping[str, torch.Tensor]
    start: torch.Tensor | None
    before: torch.Tensor | None
    scale: torch.Tensor | None


@dataclass
class Record:
    """What has been observed of one model.

    Args:
        points: name to step to value.
        missing: name to why there is no value, at the last look.
        seconds: that it took.
    """

    points: dict[str, dict[int, float]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def at(self, step: int) -> dict[str, float]:
        """Give what was observed at one step."""
        return {name: points[step] for name, points in self.points.items() if step in points}


@dataclass
class Budget:
    """The time of observing against that of training, of all models together.

    Args:
        share: of the time of training; None for no limit.
        trained: seconds so far.
        observed: seconds so far.
    """

    share: float | None
    trained: float = 0.0
    observed: float = 0.0

    def allows(self, price: float) -> bool:
        """Say whether something may be observed that takes so many seconds, as far as one knows."""
        return self.share is None or self.observed + price <= self.share * self.trained


class Observer:
    """Observes the models of one call.

    Args:
        problem: what is trained, and what is observed of it.
        convert: brings rows to the device and type.
        clock: gives seconds.
    """

    def __init__(
        self, problem: Problem, convert: Converter, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._problem, self._convert, self._clock = problem, convert, clock
        self._observe = observed(problem)
        self._chosen = choose(self._observe.what, met_by(problem.views, None))
        self._of_views = sorted(
            (item for item in self._chosen.observables if not item.of_ending), key=lambda item: item.cost
        )
        self._own = {item.name for item in self._chosen.observables if item.group == "own"}
        self.budget = Budget(self._observe.share)
        self._too_dear = f"observing would take more than {self._observe.share or 0:.3g} of the time of training"
        self._prices: dict[str, float] = {}
        self._looks = 0.0
        self._charged = 0.0
        self._steps = 0
        self._batches: dict[int, tuple[Batches, float | None]] = {}
        self._shared: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self._reasons: dict[tuple[str, str], int] = {}
        self.steps = lru_cache(maxsize=64)(self._observe.steps) if self._of_views else lambda _: ()
        """Steps on the way at which a training of so many steps is observed."""

    @property
    def active(self) -> bool:
        """Whether anything is observed that looks at models."""
        return bool(self._of_views)

    def needs(self, need: str) -> bool:
        """Say whether something is observed that needs this."""
        return need in self._chosen.needs

    def trained(self, seconds: float, steps: int) -> None:
        """Take note of time in which was trained, and of the steps of all models in it."""
        self.budget.trained += seconds
        self._steps += steps

    def look(self, states: Iterable[State], records: Sequence[Record], step: int, *, last: bool) -> float:
        """Look at some models, and note what is seen.

        Args:
            states: the models; made here, so that making them is a part of what observing takes.
            records: of each; changed.
            step: the number of steps so far.
            last: it is their end.

        Returns:
            The seconds that it took.
        """
        begin = self._charged = self._clock()
        places = [
            place
            for place, record in enumerate(records)
            if not (last and any(step in points for points in record.points.values()))
        ]
        least = KNOWN * self._looks + min(map(self._price, self._of_views))
        if not self.budget.allows(least * len(places)):  # so that nothing is prepared in vain
            for place in places:
                records[place].missing = {item.name: self._too_dear for item in self._of_views}
            return 0.0
        groups: dict[object, list[int]] = {}
        found = list(states)
        for place in places:
            groups.setdefault(self._form(found[place]), []).append(place)
            records[place].missing = {}
        between = self._charge()
        for group in groups.values():
            between += self._look_at([found[place] for place in group], [records[place] for place in group], step)
        between += self._charge()
        self._looks = worth(between / max(len(places), 1), self._looks)
        spent = self._charged - begin
        for record in records:
            record.seconds += spent / len(records)
        return spent

    def _charge(self) -> float:
        """Put the time since the last charge to the account of observing, and give it."""
        now = self._clock()
        spent, self._charged = now - self._charged, now
        self.budget.observed += spent
        return spent

    def metrics(
        self, member: Member, record: Record, curves: Mapping[str, Curve], step: int, seconds: float
    ) -> dict[str, Metric]:
        """Give what was observed of a model as its metrics.

        Args:
            member: the model.
            record: what was seen of it.
            curves: of its training.
            step: its last.
            seconds: of its training with its observables.
        """
        if not self._chosen.observables:
            return {}
        found: dict[str, Metric] = dict(record.at(step))
        missing = dict(record.missing)
        if self._observe.at != "end":
            for name, points in record.points.items():
                found[f"{name}_curve"] = Curve(tuple(map(float, points)), tuple(points.values()))
        floor = self._rows_of(member)[1] if self.needs("floor") else None
        ending = Ending(curves, step, seconds, member.layout.size, member.flops, floor)
        for item in self._chosen.observables:
            if item.of_ending:
                value = _at_end(item, ending)
                if isinstance(value, str):
                    missing[item.name] = value
                else:
                    found[item.name] = value
        for name, reason in missing.items():
            self._reasons[name, reason] = self._reasons.get((name, reason), 0) + 1
        alone = seconds - record.seconds
        found["observe_seconds"] = record.seconds
        found["observe_share"] = record.seconds / alone if alone > 0 else 0.0
        found["observe_missing"] = float(len(missing))
        return found

    def tell(self) -> None:
        """Say what was left out; loudly, and once a process, what is dear or went wrong in a user's own."""
        for name, reason in self._chosen.left_out.items():
            LOG.info("`%s` is not observed: it %s", name, reason)
        for (name, reason), count in self._reasons.items():
            LOG.info("`%s` is missing in %d training%s: %s", name, count, "s" if count > 1 else "", reason)
            if reason == self._too_dear or name in self._own:
                warn_once(f"The observable `{name}` is missing: {reason}.")

    def _look_at(self, states: list[State], records: list[Record], step: int) -> float:
        """Look at models of one form; give the seconds that were not for an observable."""
        subjects = []
        for state in states:
            batches, floor = self._rows_of(state.member)
            given = (state.start, state.before, state.scale)
            subjects.append(Subject(state.member.seed, state.flat, batches, state.buffers, *given, floor))
        stack = Stack(self._model(states[0].member), subjects)
        refused: set[str] = set()
        between = 0.0
        for item in self._of_views:
            between += self._charge()
            shared = DEAR & set(item.needs)
            if refused & shared or not self.budget.allows(self._price(item) * len(states)):
                refused |= shared
                for record in records:
                    record.missing[item.name] = self._too_dear
                continue
            found = stack.measure(item, layers=item.name in self._chosen.layers)
            each = self._charge() / len(states)
            self._prices[item.name] = worth(each, self._prices.get(item.name, 0.0))
            for record, seen in zip(records, found, strict=True):
                record.missing |= seen.missing
                for name, value in seen.values.items():
                    record.points.setdefault(name, {})[step] = value
        return between

    def _price(self, item: Observable) -> float:
        """Give the seconds that an observable may take of a model, with some to spare."""
        if item.name in self._prices:
            return KNOWN * self._prices[item.name]
        return UNKNOWN * GUESSES[item.cost] * self.budget.trained / max(self._steps, 1)

    def _form(self, state: State) -> object:
        """Describe which models can be observed together with this one."""
        member = state.member
        batches, _ = self._rows_of(member)
        module = member.module
        activations = tuple(repr(part) for part in module.modules() if isinstance(part, ELEMENTWISE))
        shapes = tuple(
            tuple((tensor.dtype, tuple(tensor.shape)) for tensor in batch)
            for batch in (batches.rows, batches.seen, batches.curved)
        )
        given = tuple(part is None for part in (state.start, state.before, state.scale))
        own = member.index if is_opaque(module) else -1
        return structure(module, sizes=True), activations, tuple(member.layout.shapes.items()), shapes, given, own

    def _model(self, member: Member) -> Model:
        views = self._problem.views
        if views is None:
            return Model(member.module, member.layout, self._problem.loss)
        return Model(
            member.module, member.layout, self._problem.loss, views.labels, views.latents, views.embedding,
            views.head, views.attention, views.period, views.gates, views.samples, views.rollout,
            views.terms, views.places, views.regression, views.line,
        )  # fmt: skip

    def _rows_of(self, member: Member) -> tuple[Batches, float | None]:
        """Give the rows on which a model is looked at, and the least loss that it can reach."""
        if member.index not in self._batches:
            views = self._problem.views
            rows = self._rows(views, member)
            others = [
                rows if views is None else self._tensors(getattr(views, name), member.config, member.seed) or rows
                for name in ("seen", "curved")
            ]
            known = views is not None and views.floor is not None
            floor = views.floor(member.config, member.seed) if known else None  # type: ignore[union-attr, misc]
            self._batches[member.index] = Batches(rows, *others), floor
        return self._batches[member.index]

    def _rows(self, views: Views | None, member: Member) -> Batch:
        if views is not None:
            return self._tensors(views.rows, member.config, member.seed)
        if member.data:
            return tuple(tensor[:ROWS] for tensor in member.data)
        assert self._problem.draw is not None
        source = torch.Generator().manual_seed(child(member.seed, "observing"))
        return tuple(self._convert(tensor) for tensor in self._problem.draw(member.config, source))

    def _tensors(
        self, source: "Batch | Callable[[Config, int], Batch] | None", config: Config, seed: int
    ) -> Batch:
        tensors = source(config, seed) if callable(source) else source
        found = []
        for tensor in tensors or ():
            if id(tensor) not in self._shared:  # the key stays true as long as the tensor is kept beside it
                self._shared[id(tensor)] = (tensor, self._convert(tensor))
            found.append(self._shared[id(tensor)][1])
        return tuple(found)


def worth(seconds: float, before: float) -> float:
    """Give what is expected after this time and what was expected before: a slow one is forgotten by halves."""
    return max(seconds, before / 2)


@lru_cache(maxsize=256)
def warn_once(text: str) -> None:
    """Log a warning, once a process."""
    LOG.warning(text)


def _at_end(item: Observable, ending: Ending) -> Metric | str:
    """Measure an observable of a finished training; give the reason where there is no value."""
    try:
        value = item.measure(ending)  # type: ignore[arg-type]  # of an ending
    except LookupError as error:
        return str(error.args[0])
    except (ArithmeticError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    if value is None:
        return "there is nothing to measure"
    assert isinstance(value, float | Measurement)
    return value if abs(float(value)) < float("inf") else f"it is {float(value)}"
