"""The loop of a stack: step, look at what was logged, let go of models that are done, diverged or stopped."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from physai_inverse.observations import Curve, Metric
from physai_inverse.trainers.batched.checkpoints import SAVE_SECONDS, Checkpoints
from physai_inverse.trainers.batched.checkpoints import State as Saved
from physai_inverse.trainers.batched.layout import Layout
from physai_inverse.trainers.batched.members import Member
from physai_inverse.trainers.batched.observing import Observer, Record, State
from physai_inverse.trainers.batched.optimizers import Optimizer
from physai_inverse.trainers.batched.problem import Finished, Problem, Report
from physai_inverse.trainers.batched.programs import Program
from physai_inverse.trainers.batched.rows import Draws, Feed


class Told:
    """Passes curves on, each point once, also where a training begins again; remembers what went wrong in there.

    Args:
        report: takes the points; None for nobody.
    """

    def __init__(self, report: Report | None) -> None:
        self._report = report
        self._last: dict[int, tuple[float, bool]] = {}
        self.failed = False

    def __call__(self, index: int, step: float, metrics: Mapping[str, float]) -> bool:
        """Pass one point on, and say whether to stop."""
        if self._report is None:
            return False
        last, stop = self._last.get(index, (-math.inf, False))
        if step <= last:
            return stop and step == last
        self.failed = True
        stop = self._report(index, step, metrics)
        self.failed = False
        self._last[index] = (step, stop)
        return stop


@dataclass
class _Log:
    """What is known of one model so far."""

    points: dict[str, dict[int, float]] = field(default_factory=dict)
    total: float = 0.0
    steps: int = 0
    diverged: int | None = None
    seconds: float = 0.0
    stopped: bool = False

    def add(self, step: int, metrics: Mapping[str, float]) -> None:
        for name, value in metrics.items():
            self.points.setdefault(name, {})[step] = value

    def curves(self) -> dict[str, Curve]:
        return {
            name: Curve(tuple(map(float, points)), tuple(points.values())) for name, points in self.points.items()
        }


class Run:
    """One stack on its way.

    Args:
        problem: what is trained.
        members: the models, those of one optimiser neighbours.
        program: computes losses and gradients.
        W: [k, P] the parameters; changed.
        layout: of `W`.
        feed: gives the batches.
        told: is told the curves.
        observer: looks at the models.
    """

    def __init__(
        self,
        problem: Problem,
        members: Sequence[Member],
        program: Program,
        W: torch.Tensor,
        layout: Layout,
        feed: Feed | Draws,
        told: Callable[[int, float, Mapping[str, float]], bool],
        observer: Observer,
        checkpoints: Checkpoints,
    ) -> None:
        self._problem, self._members, self._program = problem, list(members), program
        self._W, self._layout, self._feed, self._told = W, layout, feed, told
        self._logs = {member.index: _Log() for member in members}
        self._observer = observer
        self._records = {member.index: Record() for member in members}
        self._start = W.clone() if observer.needs("start") else None
        self._before: torch.Tensor | None = None
        self._checkpoints, self._saved = checkpoints, time.monotonic()
        self._optimizer = Optimizer(
            [member.recipe for member in members],
            [member.steps for member in members],
            W,
            layout,
            [member.layout for member in members],
            bfloat16=problem.bfloat16_muon,
            number=members[0].start,
        )
        self._losses: list[torch.Tensor] = []
        self._number = self._shared = members[0].start
        for row, member in enumerate(members):
            if member.begun is not None:
                self._go_on(row, member, member.begun)
        self._clock = time.perf_counter()

    def train(self) -> Iterator[tuple[Member, Finished]]:
        """Train, and give each model as it leaves."""
        due = self._due(-1)
        while self._members:
            if self._number in due:
                yield from self._look()
                due = self._due(self._number)
                if not self._members:
                    return
            losses, G = self._program.gradient(self._W, self._feed.next())
            self._losses.append(losses)
            if self._number + 1 in due and self._observer.needs("before"):
                self._before = self._W.clone()
            self._optimizer.step(self._W, G)
            self._number += 1

    def _due(self, after: int) -> set[int]:
        """Give the steps at which a model is measured or observed."""
        return {
            step
            for member in self._members
            for step in (*member.logged, *self._observer.steps(member.steps))
            if step > after
        }

    def _look(self) -> Iterator[tuple[Member, Finished]]:
        """Log, and let go of models."""
        self._settle()
        if not any(self._number in member.logged for member in self._members):
            self._observe([row for row in range(len(self._members)) if self._observes(row)], last=False)
            return
        measured = {name: values.double().tolist() for name, values in self._program.measures(self._W).items()}
        self._observe([row for row in range(len(self._members)) if self._observes(row)], last=False)
        leaving: list[int] = []
        for row, member in enumerate(self._members):
            if self._number not in member.logged:
                continue
            log = self._logs[member.index]
            point = {name: float(values[row]) for name, values in measured.items()}
            if log.steps:
                point = {"loss": log.total / log.steps, **point}
            log.total, log.steps = 0.0, 0
            log.add(self._number, point)
            seen = self._records[member.index].at(self._number)
            log.stopped = bool(point) and self._told(member.index, self._clock_of(member), {**seen, **point})
            ended = self._problem.ended is not None and self._problem.ended(log.curves())
            if log.stopped or ended or log.diverged is not None or self._number >= member.steps:
                leaving.append(row)
        self._save(leaving)
        whole = [row for row in leaving if not self._logs[self._members[row].index].stopped]
        self._observe(whole, last=True)
        for row in leaving:
            member = self._members[row]
            yield member, self._finished(row, member)
            self._clock = time.perf_counter()  # what comes after a training is no part of the others'
        if leaving:
            self._keep([row for row in range(len(self._members)) if row not in set(leaving)])

    def _go_on(self, row: int, member: Member, state: Saved) -> None:
        """Put what belongs to a row where it stood; parameters and buffers stand there already."""
        self._optimizer.go_on(
            row, {name: self._layout.pad(own.to(self._W), member.layout) for name, own in state.optimizer.items()}
        )
        assert state.dropout is not None
        self._program.streams.go_on(row, state.dropout)
        if isinstance(self._feed, Draws):
            assert state.draws is not None
            self._feed.go_on(row, state.draws)
        log = self._logs[member.index]
        log.points = {name: dict(points) for name, points in state.points.items()}
        log.total, log.steps = state.total, state.since
        self._records[member.index].points = {name: dict(points) for name, points in state.seen.items()}
        if self._start is not None:  # what is not known is no start at all
            known = None if state.start is None else self._layout.pad(state.start.to(self._W), member.layout)
            self._start[row] = math.nan if known is None else known

    def _save(self, leaving: Sequence[int]) -> None:
        """Keep where the models stand that leave in good order, and now and then where all stand."""
        if not self._checkpoints:
            return
        due = time.monotonic() - self._saved >= SAVE_SECONDS
        for row in range(len(self._members)) if due else leaving:
            member, log = self._members[row], self._logs[self._members[row].index]
            if log.diverged is not None:
                continue
            own = {name: self._crop(part, member) for name, part in self._optimizer.state(row).items()}
            state = Saved(
                step=self._number,
                parameters=self._crop(self._W[row], member),
                buffers={name: buffer.cpu().clone() for name, buffer in self._program.buffers(row).items()},
                optimizer=own,
                dropout=self._program.streams.state(row),
                draws=self._feed.state(row),
                points=log.points,
                total=log.total,
                since=log.steps,
                start=None if self._start is None else self._crop(self._start[row], member),
                seen=self._records[member.index].points,
            )
            self._checkpoints.save(member.index, member.identity, state)
        if due:
            self._saved = time.monotonic()

    def _crop(self, vector: torch.Tensor, member: Member) -> torch.Tensor:
        return self._layout.crop(vector.detach(), member.layout).cpu()

    def _clock_of(self, member: Member) -> float:
        """What the present step of a model is called in reports."""
        clock = self._problem.clock
        return float(self._number if clock is None else clock(self._number, member.steps_an_epoch))

    def _observes(self, row: int) -> bool:
        member = self._members[row]
        return self._number in self._observer.steps(member.steps)

    def _observe(self, rows: list[int], *, last: bool) -> None:
        """Look at some models, at their end or on the way, and put the time to their accounts."""
        self._share()
        rows = [row for row in rows if self._sound(row)]
        if not rows or not self._observer.active:
            return
        members = [self._members[row] for row in rows]
        records = [self._records[member.index] for member in members]
        spent = self._observer.look(self._states(rows), records, self._number, last=last)
        for member in members:
            self._logs[member.index].seconds += spent / len(rows)
        self._clock = time.perf_counter()

    def _states(self, rows: Sequence[int]) -> Iterator[State]:
        """Give what observables see of some models."""
        scales = self._optimizer.scales() if self._observer.needs("scale") else None
        for row in rows:
            member = self._members[row]

            def own(tensor: torch.Tensor | None, member: Member = member) -> torch.Tensor | None:
                return None if tensor is None else self._layout.crop(tensor, member.layout)

            flat = self._layout.crop(self._W[row], member.layout)
            buffers = {name: buffer.clone() for name, buffer in self._program.buffers(row).items()}
            start, before = (None if stored is None else stored[row] for stored in (self._start, self._before))
            scale = None if scales is None else scales[row]
            yield State(member, flat, buffers, own(start), own(before), own(scale))

    def _sound(self, row: int) -> bool:
        """Say whether nothing that was measured of a model is infinite."""
        log = self._logs[self._members[row].index]
        last = [list(points.values())[-1] for points in log.points.values()]
        return log.diverged is None and all(map(math.isfinite, last))

    def _settle(self) -> None:
        """Read the losses of the steps since the last look: their sums, and where they were not finite."""
        if not self._losses:
            return
        losses = torch.stack(self._losses).double().cpu()
        first = self._number - len(self._losses)
        self._losses = []
        finite = torch.isfinite(losses)
        sums = losses.sum(dim=0).tolist()
        for row, member in enumerate(self._members):
            log = self._logs[member.index]
            log.total += sums[row]
            log.steps += len(losses)
            if log.diverged is None and not bool(finite[:, row].all()):
                log.diverged = first + int((~finite[:, row]).int().argmax()) + 1

    def _share(self) -> None:
        """Share the time since the last look among the models."""
        now = time.perf_counter()
        for member in self._members:
            self._logs[member.index].seconds += (now - self._clock) / len(self._members)
        self._observer.trained(now - self._clock, (self._number - self._shared) * len(self._members))
        self._clock, self._shared = now, self._number

    def _finished(self, row: int, member: Member) -> Finished:
        log = self._logs[member.index]
        with torch.no_grad():
            own = self._layout.corner(self._W[row], member.layout)
            for name, parameter in member.module.named_parameters():
                if parameter.data_ptr() != own[name].data_ptr():
                    parameter.copy_(own[name])
            buffers = self._program.buffers(row)
            for name, buffer in member.module.named_buffers():
                if buffer is not buffers[name]:
                    buffer.copy_(buffers[name])
        member.module.eval()
        stopped = log.stopped and log.diverged is None and self._number < member.steps
        curves = log.curves()
        observed: Mapping[str, Metric] = {}
        if self._sound(row):
            record = self._records[member.index]
            observed = self._observer.metrics(member, record, curves, self._number, log.seconds)
        return Finished(
            config=member.config,
            seed=member.seed,
            module=member.module,
            curves=curves,
            steps=self._number,
            diverged=log.diverged,
            seconds=log.seconds,
            stopped=stopped,
            observed=observed,
        )

    def _keep(self, rows: list[int]) -> None:
        self._members = [self._members[row] for row in rows]
        if not rows:
            return
        chosen = torch.tensor(rows, device=self._W.device)
        self._W = self._W[chosen]
        self._start = None if self._start is None else self._start[chosen]
        self._before = None if self._before is None else self._before[chosen]
        self._optimizer.keep(rows)
        self._program.keep(rows)
        self._feed.keep(rows)
