"""One call of a batched trainer: build the models, put them into stacks, train these, tell failures apart."""

import contextlib
import gc
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import torch

from physai_inverse.errors import TrialFailed
from physai_inverse.executors.outcome import explain
from physai_inverse.observations import Config, MetricsLike
from physai_inverse.seeds import child
from physai_inverse.trainers.batched.checkpoints import Checkpoints
from physai_inverse.trainers.batched.depths import depth, form, slopes_known
from physai_inverse.trainers.batched.devices import (
    MEMORY_SHARE,
    find_device,
    free_bytes,
    kept_memory,
    numerics,
    threads,
)
from physai_inverse.trainers.batched.layout import Layout
from physai_inverse.trainers.batched.loop import Run, Told
from physai_inverse.trainers.batched.members import (
    Converter,
    Member,
    Nursery,
    is_opaque,
    same_shapes,
    structure,
)
from physai_inverse.trainers.batched.observing import Observer
from physai_inverse.trainers.batched.plan import Work, bill, costs_on, cut
from physai_inverse.trainers.batched.probe import Probe, disagreement, first_batch, probe
from physai_inverse.trainers.batched.problem import Problem, Report
from physai_inverse.trainers.batched.programs import Alone, Program, Stacked, stack_parameters
from physai_inverse.trainers.batched.rows import Draws, Feed
from physai_inverse.trainers.bills import Bill

Result: TypeAlias = MetricsLike | BaseException
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Candidate:
    """Models that are to train together.

    Args:
        members: those of one optimiser neighbours.
        probes: one a model.
        reason: why a single one is alone; empty where that is cheapest.
    """

    members: tuple[Member, ...]
    probes: tuple[Probe, ...]
    reason: str = ""

    def part(self, chosen: Sequence[int], reason: str = "") -> "Candidate":
        """Give a candidate of some of the models."""
        return Candidate(
            tuple(self.members[place] for place in chosen), tuple(self.probes[place] for place in chosen), reason
        )


@dataclass(frozen=True)
class Opened:
    """A candidate that is ready to train."""

    candidate: Candidate
    program: Program
    W: torch.Tensor
    layout: Layout


class Session:
    """One call.

    Args:
        problem: what is trained.
        report: is told the curves.
        folders: where each model stands is kept there; None for nowhere.
    """

    def __init__(self, problem: Problem, report: Report | None, folders: Sequence[Path] | None = None) -> None:
        self._problem, self._told = problem, Told(report)
        self._device = find_device(problem.device)
        self._dtype = torch.float64 if problem.precision == "float64" else torch.float32
        self._convert = Converter(self._device, self._dtype)
        self._checkpoints = Checkpoints(folders)
        self._nursery = Nursery(problem, self._convert, self._checkpoints)
        self._observer = Observer(problem, self._convert)
        self._results: dict[int, Result] = {}
        self._configs: Sequence[Config] = ()
        self._seeds: Sequence[int] = ()

    def train(self, configs: Sequence[Config], seeds: Sequence[int]) -> list[Result]:
        """Train all; give metrics, or what was raised, in the order of the configurations."""
        self._configs, self._seeds = configs, seeds
        with self._setting():
            left = list(range(len(configs)))
            while left:
                waiting, left = self._candidates(left)
                while waiting:
                    waiting = self._train(waiting.pop(0)) + waiting
        self._observer.tell()
        return [self._results[index] for index in range(len(configs))]

    def explain(self, configs: Sequence[Config], seeds: Sequence[int]) -> list[str]:
        """Say which models would train together, without training."""
        self._configs, self._seeds = configs, seeds
        lines: list[str] = []
        with self._setting():
            left = list(range(len(configs)))
            while left:
                waiting, left = self._candidates(left)
                while waiting:
                    found = self._open(waiting.pop(0))
                    if isinstance(found, Opened):
                        lines.append(describe(found))
                    else:
                        waiting = found + waiting
        return lines + [
            f"not at all: {index} ({explain(error)[0].splitlines()[-1]})"
            for index, error in self._results.items()
            if isinstance(error, BaseException)
        ]

    def foresee(self, configs: Sequence[Config]) -> list[Bill | None]:
        """Say what trainings will take, by one batch through each model; None for one that cannot be built."""
        self._configs, self._seeds = configs, [0] * len(configs)
        costs, known = costs_on(self._device), {}  # type: ignore[var-annotated]  # as of `_probed`
        bills: list[Bill | None] = []
        with self._setting():
            for index in range(len(configs)):
                try:
                    member, found = self._probed(index, known)
                except Exception:  # the boundary of foreign code; its training will say what is wrong
                    bills.append(None)
                    continue
                work = Work(member.steps, found.flops, found.bytes)
                lonely = self._lonely(Candidate((member,), (found,)))
                bills.append(bill(work, costs, stacked=not lonely))
        return bills

    @contextlib.contextmanager
    def _setting(self) -> Iterator[None]:
        """Set what is global in torch as this training needs it, and put it back."""
        with (
            threads(self._problem.threads),
            numerics(self._problem.precision, self._device),
            kept_memory(self._device),
        ):
            yield

    def _candidates(self, indices: Sequence[int]) -> tuple[list[Candidate], list[int]]:
        """Build models and put them into stacks by what they cost; one that cannot be built has failed.

        Returns:
            The stacks, and what is left for another time: as many are built as memory holds.
        """
        memory = self._problem.memory or int(MEMORY_SHARE * free_bytes(self._device))
        held = 0
        left: list[int] = []
        groups: dict[object, list[tuple[Member, Probe]]] = {}
        known: dict[object, Probe] = {}
        for place, index in enumerate(indices):
            if held > memory:
                left = list(indices[place:])
                break
            try:
                member, found = self._probed(index, known)
                held += member.layout.size * self._dtype.itemsize
                groups.setdefault(self._company(member, found), []).append((member, found))
            except Exception as error:  # the boundary of foreign code: anything may come
                self._results[index] = error
        candidates: list[Candidate] = []
        costs = costs_on(self._device)
        for group in (part for some in groups.values() for part in self._even(some)):
            whole = Candidate(tuple(member for member, _ in group), tuple(found for _, found in group))
            reason = self._lonely(whole)
            works = [Work(member.steps - member.start, found.flops, found.bytes) for member, found in group]
            mixed = len({depth(member.module) for member, _ in group}) > 1
            paid = replace(costs, row=costs.uneven) if mixed else costs
            stacks = [[place] for place in range(len(group))] if reason else cut(works, paid, memory)
            candidates += [whole.part(chosen, reason) for chosen in stacks]
        return candidates, left

    def _probed(self, index: int, known: dict[object, Probe]) -> tuple[Member, Probe]:
        """Build a model, and put a batch through it unless another of its kind is known."""
        member = self._nursery.make(index, self._configs[index], self._seeds[index])
        batch = first_batch(self._problem, member, self._convert)
        key = (
            structure(member.module, sizes=True),
            tuple(member.layout.shapes.items()),
            tuple(tuple(tensor.shape) for tensor in batch),
            member.index if is_opaque(member.module) else -1,
        )
        found = known.get(key)
        if found is None:
            found = known[key] = probe(self._problem, member, batch)
        member.flops = found.flops
        return member, found

    def _lonely(self, whole: Candidate) -> str:
        """Say why the models of a group cannot share a stack; empty where they may."""
        if not self._problem.stacked:
            return "`stacked` is false"
        if whole.probes[0].draws:
            return "the loss draws from torch's global stream; draw in `draw` instead"
        if not whole.members[0].layout.shapes:
            return "the module has no parameters"
        return ""

    def _company(self, member: Member, found: Probe) -> object:
        """Describe which models may share a stack with this one."""
        data = tuple((tensor.dtype, tuple(tensor.shape[1:])) for tensor in found.batch)
        rows = () if found.by_rows else (len(member.data[0]) if member.data else 0, len(found.batch[0]))
        fixed = any(True for _ in member.module.buffers())
        if fixed:
            rows = (len(member.data[0]) if member.data else 0, len(found.batch[0]))
        given = tuple((tensor.dtype, tuple(tensor.shape)) for tensor in member.given)
        return (
            form(member.module) or structure(member.module, sizes=False),
            data,
            rows,
            given,
            found.draws,
            member.start,
        )

    def _even(self, group: list[tuple[Member, Probe]]) -> list[list[tuple[Member, Probe]]]:
        """Take chains of different depths apart where their gradients cannot be taken by hand."""
        by_depth: dict[int, list[tuple[Member, Probe]]] = {}
        for member, found in group:
            by_depth.setdefault(depth(member.module), []).append((member, found))
        by_hand = self._problem.precision != "bfloat16"
        if len(by_depth) == 1 or (by_hand and all(slopes_known(member.module) for member, _ in group)):
            return [group]
        return list(by_depth.values())

    def _train(self, candidate: Candidate) -> list[Candidate]:
        """Train one candidate; give what is to be tried in its place where it could not be."""
        try:
            opened = self._open(candidate)
            if not isinstance(opened, Opened):
                return opened
            feed = self._feed(opened.candidate.members)
            run = Run(
                self._problem,
                opened.candidate.members,
                opened.program,
                opened.W,
                opened.layout,
                feed,
                self._told,
                self._observer,
                self._checkpoints,
            )
            for member, finished in run.train():
                try:
                    found = self._problem.finish(finished)
                    self._results[member.index] = {**finished.observed, **found} if finished.observed else found
                except Exception as error:  # the boundary of foreign code: anything may come
                    self._results[member.index] = error
            return []
        except Exception as error:
            if self._told.failed:
                raise
            return self._instead(candidate, error)

    def _instead(self, candidate: Candidate, error: Exception) -> list[Candidate]:
        """Say what to try where a stack raised: half of it where memory ran out, else one model after another."""
        text, kind = explain(error)
        left = [member.index for member in candidate.members if member.index not in self._results]
        if len(candidate.members) == 1:
            self._results[left[0]] = error
            return []
        LOG.info("a stack of %d models could not be trained and is taken apart: %s", len(left), text)
        if kind == "out_of_memory":
            error.__traceback__ = None  # which holds the tensors of the attempt
            gc.collect()
            if self._device.type == "cuda":
                torch.cuda.empty_cache()
        fresh = {part.members[0].index: part for part in self._again(left)}
        parts = [fresh[index] for index in left if index in fresh]
        if kind != "out_of_memory":
            return [part.part([0], f"in a stack: {text.splitlines()[-1]}") for part in parts]
        middle = (len(parts) + 1) // 2
        return [join(half) for half in (parts[:middle], parts[middle:]) if half]

    def _again(self, indices: Sequence[int]) -> list[Candidate]:
        """Build models anew, each on its own: a training that was broken off has changed them."""
        found: list[Candidate] = []
        left = list(indices)
        while left:
            candidates, left = self._candidates(left)
            found += [item.part([place]) for item in candidates for place in range(len(item.members))]
        return found

    def _open(self, candidate: Candidate) -> "Opened | list[Candidate]":
        """Make a candidate ready to train, or say what to try instead."""
        if len(candidate.members) == 1:
            member, found = candidate.members[0], candidate.probes[0]
            W, layout = stack_parameters([member], self._device, self._dtype)
            return Opened(candidate, Alone(self._problem, member, W, draws=found.draws), W, layout)
        candidate = ordered(candidate)
        W, layout = stack_parameters(candidate.members, self._device, self._dtype)
        why = "no program fits"
        for plain in (True, False):
            try:
                program = Stacked(
                    self._problem,
                    candidate.members,
                    W,
                    layout,
                    [found.shapes for found in candidate.probes],
                    plain=plain,
                    classes=candidate.probes[0].classes,
                )
                if plain and program.chains is None:
                    continue
                wrong = disagreement(self._problem, program, W, layout, candidate.members, candidate.probes)
                if wrong is None:
                    program.measures(W)
                    return Opened(candidate, program, W, layout)
                why = wrong
            except Exception as error:  # the boundary of foreign code: anything may come
                text, kind = explain(error)
                if kind == "out_of_memory":
                    raise
                why = text.splitlines()[-1]
        return self._apart(candidate, why)

    def _apart(self, candidate: Candidate, why: str) -> list[Candidate]:
        """Take a stack that does not compute what its models do apart: by shapes, then one by one."""
        places = range(len(candidate.members))
        if same_shapes(candidate.members):
            return [candidate.part([place], why) for place in places]
        groups: dict[object, list[int]] = {}
        for place in places:
            groups.setdefault(tuple(candidate.members[place].layout.shapes.items()), []).append(place)
        return [candidate.part(group, why) for group in groups.values()]

    def _feed(self, members: Sequence[Member]) -> Feed | Draws:
        draw = self._problem.draw
        if draw is None:
            return Feed([member.data for member in members], [member.order() for member in members], self._device)

        def bound(config: Config) -> Callable[[torch.Generator], tuple[torch.Tensor, ...]]:
            return lambda source: draw(config, source)

        seeds = [child(member.seed, "order") for member in members]
        return Draws([bound(member.config) for member in members], seeds, self._convert)


def describe(opened: Opened) -> str:
    """Say in one line who trains together, and how."""
    names = ", ".join(str(member.index) for member in opened.candidate.members)
    if isinstance(opened.program, Stacked):
        return f"together {'as batched products' if opened.program.chains is not None else 'by vmap'}: {names}"
    return f"alone: {names} ({opened.candidate.reason or 'a stack would not be faster'})"


def ordered(candidate: Candidate) -> Candidate:
    """Order the models of a stack, so that those of one optimiser, depth and activation are neighbours."""

    def key(place: int) -> tuple[str, int, str, int]:
        member = candidate.members[place]
        layers = [repr(part) for part in member.module.modules() if not list(part.children())]
        deep = -depth(member.module)
        return member.recipe.optimizer, deep, " ".join(layers) if len(layers) < 100 else "", member.index

    return candidate.part(sorted(range(len(candidate.members)), key=key), candidate.reason)


def join(parts: Sequence[Candidate]) -> Candidate:
    """Make one candidate of several."""
    return Candidate(
        tuple(member for part in parts for member in part.members),
        tuple(found for part in parts for found in part.probes),
    )


def as_failure(error: BaseException, index: int, config: Config) -> TrialFailed:
    """Give a failure that names its model."""
    text, kind = explain(error)
    failed = TrialFailed(f"configuration {index} ({dict(config)}): {text}", kind)
    failed.__cause__ = error
    return failed
