"""Rules that stop trainings: none, the median, successive halving, and ours with what it may look at.

median     Optuna's `MedianPruner` with its defaults, after its documentation; a test holds it against Optuna's own
halving    asynchronous successive halving, as a rule that stops (Li et al. 2020, arXiv 1810.05934, algorithm 2,
           as `SuccessiveHalvingPruner` has it): a rung at 1/64, 1/16, 1/4 of the steps, the best quarter goes on
own        `StoppingRule` on the metric's own curve alone
mediators  the same with the mediators that were found in the trainings finished so far
map        the same with the end that the forward map expects of the configuration, too
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.special import stdtr, stdtrit

from benchmarks.mediators.recordings import Recording
from physai_inverse.forward import Column, Dataset
from physai_inverse.inverse.forecast import CALIBRATED
from physai_inverse.inverse.stopping import DECADE, KTH, LEAST_RUNS, THRESHOLD, Expected, StoppingRule, Verdict
from physai_inverse.observations import Curve
from physai_inverse.seeds import child
from physai_inverse.study.mediators import FIRST_SEARCH, GROWTH, LEAST_EXPECTED, MOST_MEDIATORS
from physai_inverse.study.stopping import AUDITED
from physai_inverse.surrogates import GaussianProcess
from physai_inverse.understanding import find_mediators

STARTUP = 5
REDUCTION = 4
RUNGS = (1 / 64, 1 / 16, 1 / 4)


@dataclass
class Never:
    """Stops nothing."""

    recording: Recording
    seed: int

    def stops(self, row: int, place: int) -> bool:  # noqa: ARG002 - the contract names them
        """Give False."""
        return False

    def ended(self, row: int, place: int, *, stopped: bool) -> None:
        """Take no notice."""


@dataclass
class Median:
    """Stops what has never been better than the median of the finished ones at this step."""

    recording: Recording
    seed: int
    finished: list[int] = field(default_factory=list)

    def stops(self, row: int, place: int) -> bool:
        """See the class."""
        if len(self.finished) < STARTUP:
            return False
        sign = -1.0 if self.recording.maximize else 1.0
        curves = sign * self.recording.curves[self.recording.metric]
        return bool(curves[row, : place + 1].min() > np.median(curves[self.finished, place]))

    def ended(self, row: int, place: int, *, stopped: bool) -> None:  # noqa: ARG002 - the contract names them
        """Keep what finished."""
        if not stopped and np.isfinite(self.recording.finals[row]):
            self.finished.append(row)


@dataclass
class Halving:
    """Stops at a rung what is not among the best quarter of those that have reached it."""

    recording: Recording
    seed: int
    rungs: dict[int, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        steps = self.recording.steps
        self.rungs = {int(np.searchsorted(steps, max(share * steps[-1], steps[0]))): [] for share in RUNGS}

    def stops(self, row: int, place: int) -> bool:
        """See the class."""
        if place not in self.rungs:
            return False
        sign = -1.0 if self.recording.maximize else 1.0
        value = float(sign * self.recording.curves[self.recording.metric][row, place])
        reached = self.rungs[place]
        reached.append(value)
        return value > sorted(reached)[max(len(reached) // REDUCTION, 1) - 1]

    def ended(self, row: int, place: int, *, stopped: bool) -> None:
        """Take no notice: rungs count whoever reached them."""


@dataclass
class Line:
    """Stops where a straight line through all finished ones gives less than one in twenty of the third best."""

    recording: Recording
    seed: int
    finished: list[int] = field(default_factory=list)

    def stops(self, row: int, place: int) -> bool:
        """See the class."""
        task, rows = self.recording, self.finished
        if len(rows) < LEAST_RUNS or child(self.seed, "finished all the same", row) % AUDITED == 0:
            return False
        values = np.concatenate([task.curves[task.metric][[*rows, row], place], task.finals[rows]])
        if values.min() > 0 and values.max() / values.min() > DECADE:
            values = np.log(values)
        values = -values if task.maximize else values
        num = len(rows)
        own, now, ends = values[:num], float(values[num]), values[num + 1 :]
        offset = own - own.mean()
        spread = max(float(offset @ offset), 1e-300)
        slope = float(offset @ ends) / spread
        error = ends - ends.mean() - slope * offset
        leverage = np.minimum(1.0 / num + offset**2 / spread, 1.0 - 1e-9)
        deviation = max(float(np.sqrt(error @ error / (num - 2))), 1e-12)
        unseen = np.sort(np.abs(error) / (deviation * np.sqrt(1.0 - leverage)))
        reached = unseen[min(int(np.ceil((num + 1) * CALIBRATED)), num) - 1]
        widened = max(1.0, float(reached / stdtrit(num - 2, 0.5 + 0.5 * CALIBRATED)))
        expected = ends.mean() + slope * (now - own.mean())
        width = deviation * widened * np.sqrt(1.0 + 1.0 / num + (now - own.mean()) ** 2 / spread)
        return bool(stdtr(num - 2, (np.sort(ends)[KTH - 1] - expected) / width) < THRESHOLD)

    def ended(self, row: int, place: int, *, stopped: bool) -> None:  # noqa: ARG002 - the contract names them
        """Keep what finished."""
        if not stopped and np.isfinite(self.recording.finals[row]):
            self.finished.append(row)


@dataclass
class Ours:
    """`StoppingRule` as a study makes it, with what it may look at.

    Args:
        recording: the trainings.
        seed: of which trainings are finished whatever the rule says.
        mediators: whether it looks at mediators.
        expected: whether it asks the forward map.
    """

    recording: Recording
    seed: int
    mediators: bool = False
    expected: bool = False
    finished: list[int] = field(default_factory=list)
    names: tuple[str, ...] = ()
    next_search: int = FIRST_SEARCH
    used: Counter[str] = field(default_factory=Counter)
    _rule: StoppingRule | None = None

    def stops(self, row: int, place: int) -> bool:
        """See the class."""
        if place == 0 or self._rule is None:
            self._rule = self._made(row)
        rule, task = self._rule, self.recording
        others = {name: self._curve(name, row, place) for name in rule.mediators}
        verdict = self.judged(row, rule, self._curve(task.metric, row, place), others)
        if verdict:
            inputs = verdict.reason.partition(", also by ")[2] or "the metric alone"
            self.used[inputs] += 1
        return bool(verdict)

    def judged(self, row: int, rule: StoppingRule, curve: Curve, others: Mapping[str, Curve]) -> Verdict:  # noqa: ARG002
        """Ask the rule."""
        return rule.judge(curve, others)

    def ended(self, row: int, place: int, *, stopped: bool) -> None:  # noqa: ARG002 - the contract names them
        """Keep what finished."""
        if not stopped and np.isfinite(self.recording.finals[row]):
            self.finished.append(row)

    def _curve(self, name: str, row: int, place: int) -> Curve:
        steps, values = self.recording.steps[: place + 1], self.recording.curves[name][row, : place + 1]
        return Curve(tuple(steps.tolist()), tuple(values.tolist()))

    def _made(self, row: int) -> StoppingRule:
        task, last = self.recording, len(self.recording.steps) - 1
        if self.mediators and len(self.finished) >= self.next_search:
            self.names = self._sought()
            self.next_search = int(self.next_search * GROWTH) + 1
        return StoppingRule(
            task.metric,
            task.maximize,
            tuple(self._curve(task.metric, other, last) for other in self.finished),
            tuple(task.finals[self.finished].tolist()),
            child(self.seed, "finished all the same", row) % AUDITED == 0,
            {name: tuple(self._curve(name, other, last) for other in self.finished) for name in self.names},
            self._asked(row) if self.expected and len(self.finished) >= LEAST_EXPECTED else None,
        )

    def _data(self) -> Dataset:
        task, num = self.recording, len(self.finished)
        column = Column(task.finals[self.finished], np.zeros(num), np.zeros(num, dtype=np.int8))
        return Dataset(task.space, task.units[self.finished], {task.metric: column}, np.zeros(num, dtype=bool))

    def _sought(self) -> tuple[str, ...]:
        task, last = self.recording, len(self.recording.steps) - 1
        curves = {name: [self._curve(name, row, last) for row in self.finished] for name in task.curves}
        found = find_mediators(self._data(), task.metric, curves, GaussianProcess(), seed=0)
        telling = [item for item in found.best if item.found and item.observable != task.metric]
        telling.sort(key=lambda item: -item.over_config.nats)
        return tuple(item.observable for item in telling[:MOST_MEDIATORS])

    def _asked(self, row: int) -> Expected:
        data = self._data()
        model = GaussianProcess().fit(data, seed=0, metrics=[self.recording.metric]).model(self.recording.metric)
        scores = model.held_out()
        ends = np.empty(len(self.finished))
        ends[scores.places] = model.warp.forward(scores.predicted)
        mean, _ = model.latent(self.recording.units[row : row + 1])
        return Expected(model.warp, tuple(ends.tolist()), float(mean[0]))
