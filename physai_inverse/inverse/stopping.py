"""Whether a training that runs is still worth its time: from its curves so far and the runs that have finished.

The end is predicted from the latest value by a straight line through what the finished runs had at the same step
and in the end (see `forecast`); where they are known, mediators at that step and the end that the forward map
expects of the configuration take part in the line if finished runs that were left out are predicted better so. A
training is stopped when the probability that its final value beats the `KTH`-best finished one falls below
`THRESHOLD`; never while fewer than `LEAST_RUNS` finished runs reach the step.

Source: the use for curves, Domhan et al. 2015, "Speeding up automatic hyperparameter optimization of deep neural
networks by extrapolation of learning curves" (the probability of beating the best).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from physai_inverse.forward import AbstractWarp
from physai_inverse.inverse.forecast import Forecast, forecast
from physai_inverse.observations import Curve

if TYPE_CHECKING:
    import numpy as np

LEAST_RUNS = 5
KTH = 3
"""A training that will not even be the third best is stopped; beating the best is too hard to predict early on."""

THRESHOLD = 0.05

ETA = 3.0
"""Of successive halving: one of so many goes on."""

DECADE = 10.0
"""Ratio of largest to smallest of positive values from which their logarithms are taken."""

EXPECTED = "the forward map"


@dataclass(frozen=True)
class Verdict:
    """Whether to stop; true where it is so.

    Args:
        stop: whether.
        probability: that the final value beats the bar; None where too few runs have finished.
        reason: in words.
    """

    stop: bool
    probability: float | None
    reason: str

    def __bool__(self) -> bool:
        return self.stop


@dataclass(frozen=True)
class Expected:
    """What the forward map expects of the ends, on its latent scale.

    Args:
        warp: the way there.
        finished: of the finished runs, each from all others.
        this: of the training that is judged.
    """

    warp: AbstractWarp = field(repr=False)
    finished: tuple[float, ...] = field(repr=False)
    this: float


@dataclass(frozen=True)
class StoppingRule:
    """What finished runs say of curves; a value that travels to where a training runs.

    Args:
        metric: of the first wish.
        maximize: whether large values are good.
        curves: of finished runs.
        finals: their final values.
        audited: whether this training is among those that are finished whatever the rule says.
        mediators: observable to its curves in the finished runs, where its early value tells of the end.
        expected: what the forward map expects; None where it is not asked.
    """

    metric: str
    maximize: bool
    curves: tuple[Curve, ...] = field(repr=False)
    finals: tuple[float, ...] = field(repr=False)
    audited: bool = False
    mediators: Mapping[str, tuple[Curve, ...]] = field(default_factory=dict, repr=False)
    expected: Expected | None = None

    @property
    def bar(self) -> float | None:
        """The value to beat: the `KTH`-best final one; None while there are fewer than `LEAST_RUNS`."""
        if len(self.finals) < LEAST_RUNS:
            return None
        return sorted(self.finals, reverse=self.maximize)[KTH - 1]

    def judge(self, curve: Curve, others: Mapping[str, Curve] | None = None) -> Verdict:
        """Judge a training by its curves so far.

        Args:
            curve: of the metric.
            others: observable to its curve; those that are mediators are looked at.
        """
        step, value = curve.steps[-1], curve.values[-1]
        if self.curves and step >= max(other.steps[-1] for other in self.curves):
            return Verdict(False, None, f"step {step:g} is where the finished runs ended")
        reach, bar = self._reaching(step), self.bar
        if bar is None or len(reach) < LEAST_RUNS:
            return Verdict(False, None, f"only {len(reach)} finished runs reach step {step:g}")
        if not math.isfinite(value):
            return Verdict(False, None, f"`{self.metric}` is {value}: for the trainer to judge")
        found, level = self.forecast(curve, others or {}, bar)
        chance = 1.0 - found.below(level) if self.maximize else found.below(level)
        text = (
            f"`{self.metric}` beats {bar:.4g} ({KTH} have) in the end with probability {chance:.3f}, "
            f"judged at step {step:g}"
        )
        if found.inputs:
            text += f", also by {' and '.join(found.inputs)}"
        if chance >= THRESHOLD:
            return Verdict(False, chance, text)
        if self.audited:
            return Verdict(False, chance, f"{text}; finished all the same, to see whether that was right")
        return Verdict(True, chance, text)

    def forecast(self, curve: Curve, others: Mapping[str, Curve], bar: float) -> tuple[Forecast, float]:
        """Predict the end of a training, and give a bar on the scale of the prediction.

        Args:
            curve: of the metric, up to a step that `LEAST_RUNS` finished runs reach; its last value is finite.
            others: observable to its curve.
            bar: in the metric's units.
        """
        import numpy as np

        step, reach = curve.steps[-1], self._reaching(curve.steps[-1])
        own = np.array([np.interp(step, self.curves[place].steps, self.curves[place].values) for place in reach])
        ends = np.array([self.finals[place] for place in reach])
        own, ends, level, now = self._scaled(own, ends, bar, curve.values[-1])
        return forecast(ends, own, now, self._others(reach, others)), level

    def _reaching(self, step: float) -> list[int]:
        """List the finished runs whose curves have something at a step."""
        return [place for place, other in enumerate(self.curves) if other.steps[0] <= step <= other.steps[-1]]

    def _scaled(
        self, own: "np.ndarray", ends: "np.ndarray", bar: float, now: float
    ) -> "tuple[np.ndarray, np.ndarray, float, float]":
        """Bring values to where a line fits them: the map's latent scale, else logarithms from a decade on."""
        import numpy as np

        every = np.concatenate([own, ends, [bar, now]])
        if self.expected is not None:
            every = self.expected.warp.forward(every)
            known = every[np.isfinite(every)]  # what the metric cannot be lies one unit beyond the others
            every = np.clip(np.nan_to_num(every), known.min() - 1.0, known.max() + 1.0)
        elif every.min() > 0 and every[:-1].max() / every[:-1].min() > DECADE:
            every = np.log(every)
        return every[: len(own)], every[len(own) : -2], float(every[-2]), float(every[-1])

    def _others(self, reach: list[int], others: Mapping[str, Curve]) -> "dict[str, tuple[np.ndarray, float]]":
        """Give what else is known of the finished runs and of this one."""
        import numpy as np

        found: dict[str, tuple[np.ndarray, float]] = {}
        for name, curves in self.mediators.items():
            curve = others.get(name)
            if curve is None:
                continue
            step, now = curve.steps[-1], curve.values[-1]
            known = [curves[place] for place in reach]
            if not all(other.steps[0] <= step <= other.steps[-1] for other in known):
                continue
            values = np.array([np.interp(step, other.steps, other.values) for other in known])
            if values.min() > 0 and now > 0 and values.max() / values.min() > DECADE:
                values, now = np.log(values), float(np.log(now))
            found[f"`{name}`"] = values, now
        if self.expected is not None:
            found[EXPECTED] = np.array([self.expected.finished[place] for place in reach]), self.expected.this
        return found


@dataclass(frozen=True)
class HalvingRule:
    """Asynchronous successive halving as a rule for stopping: the baseline that others are held against.

    At the rungs 1 / eta, 1 / eta^2, ... of the longest finished run only one training of `eta` goes on: the best
    of all that have come so far, also of those that were stopped later. It is judged by its value there and
    nothing else, so curves that cross are stopped wrongly.

    Source: Li et al. 2020, "A system for massively parallel hyperparameter tuning", https://arxiv.org/abs/1810.05934,
    algorithm 2, in the form without pauses: what is not promoted at once is stopped.

    Args:
        metric: of the first wish.
        maximize: whether large values are good.
        curves: of finished runs and of runs that were stopped.
        end: the last step of the longest finished run; None where none has finished.
        eta: one of so many goes on.
    """

    metric: str
    maximize: bool
    curves: tuple[Curve, ...] = field(repr=False)
    end: float | None
    eta: float = ETA

    def judge(self, curve: Curve, others: Mapping[str, Curve] | None = None) -> Verdict:  # noqa: ARG002 - as others
        """Judge a training by its curve so far."""
        import numpy as np

        step = curve.steps[-1]
        if self.end is None or step >= self.end:
            return Verdict(False, None, "no run has finished" if self.end is None else "it is at its end")
        rung = self.end / self.eta
        while rung > step:
            rung /= self.eta
        if rung < curve.steps[0]:
            return Verdict(False, None, f"step {step:g} lies below the first rung")
        own = float(np.interp(rung, curve.steps, curve.values))
        there = [
            float(np.interp(rung, other.steps, other.values))
            for other in self.curves
            if other.steps[0] <= rung <= other.steps[-1]
        ]
        if not np.isfinite(own):
            return Verdict(False, None, f"`{self.metric}` is {own}: for the trainer to judge")
        seen = len(there) + 1
        if seen < self.eta:
            return Verdict(False, None, f"only {len(there)} other runs reach step {rung:g}")
        better = sum(other > own if self.maximize else other < own for other in there)
        places = int(seen / self.eta)
        text = f"`{self.metric}` is number {better + 1} of {seen} at step {rung:g}, and {places} go on"
        return Verdict(better >= places, None, text)


class Rule(Protocol):
    """What judges a training by its curve."""

    @property
    def metric(self) -> str:
        """The metric whose curve is judged."""

    def judge(self, curve: Curve, others: Mapping[str, Curve] | None = None) -> Verdict:
        """Judge a training by its curves so far."""


class Reporter:
    """Takes the points of a training's curves and applies a rule to them.

    Args:
        rule: the rule; None only records.
    """

    def __init__(self, rule: Rule | None = None) -> None:
        self.stopped: str | None = None
        self._rule = rule
        self._points: dict[str, dict[float, float]] = {}

    @property
    def curves(self) -> dict[str, Curve]:
        """What was told so far."""
        found = {}
        for name, points in self._points.items():
            steps = sorted(points)
            found[name] = Curve(tuple(steps), tuple(points[step] for step in steps))
        return found

    def __call__(self, step: float, metrics: Mapping[str, float]) -> bool:
        """Take in the metrics at one step, and say whether to stop.

        Raises:
            InvalidInput: a step or value that cannot be one.
        """
        for name, value in metrics.items():
            checked = Curve((float(step),), (float(value),))
            self._points.setdefault(name, {})[checked.steps[0]] = checked.values[0]
        rule = self._rule
        if self.stopped is None and rule is not None and rule.metric in metrics:
            curves = self.curves
            verdict = rule.judge(curves[rule.metric], curves)
            self.stopped = verdict.reason if verdict else None
        return self.stopped is not None
