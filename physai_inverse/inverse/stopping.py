"""Whether a training that runs is still worth its time: from its curve so far and the runs that have finished.

The final value is predicted from the latest one by a straight line through what the finished runs had at the same
step and in the end; its deviation is widened until the line's errors on runs that it has not seen fit (split
conformal on leave-one-out residuals). A training is stopped when the probability that its final value beats the
`KTH`-best finished one falls below `THRESHOLD`; never while fewer than `LEAST_RUNS` finished runs reach the step.

Symbols: u, v transformed value at the step and in the end ``[n]``; h leverage; e residual; s residual deviation.

Source: Vovk, Gammerman & Shafer, "Algorithmic Learning in a Random World" (2005), section 2.3 (residuals with
their leverages); the use of it for curves, Domhan et al. 2015, "Speeding up automatic hyperparameter optimization
of deep neural networks by extrapolation of learning curves" (the probability of beating the best).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from physai_inverse.observations import Curve

LEAST_RUNS = 5
KTH = 3
"""A training that will not even be the third best is stopped; beating the best is too hard to predict early on."""

THRESHOLD = 0.05
CALIBRATED = 0.9
"""Level at which the line's intervals are held against its leave-one-out errors."""

ETA = 3.0
"""Of successive halving: one of so many goes on."""

DECADE = 10.0
"""Ratio of largest to smallest of positive values from which their logarithms are taken."""


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
class StoppingRule:
    """What finished runs say of curves; a value that travels to where a training runs.

    Args:
        metric: of the first wish.
        maximize: whether large values are good.
        curves: of finished runs.
        finals: their final values.
        audited: whether this training is among those that are finished whatever the rule says.
    """

    metric: str
    maximize: bool
    curves: tuple[Curve, ...] = field(repr=False)
    finals: tuple[float, ...] = field(repr=False)
    audited: bool = False

    @property
    def bar(self) -> float | None:
        """The value to beat: the `KTH`-best final one; None while there are fewer than `LEAST_RUNS`."""
        if len(self.finals) < LEAST_RUNS:
            return None
        return sorted(self.finals, reverse=self.maximize)[KTH - 1]

    def judge(self, curve: Curve) -> Verdict:
        """Judge a training by its curve so far."""
        import numpy as np
        from scipy.special import stdtr, stdtrit

        step, value = curve.steps[-1], curve.values[-1]
        if self.curves and step >= max(other.steps[-1] for other in self.curves):
            return Verdict(False, None, f"step {step:g} is where the finished runs ended")
        rows = [
            (float(np.interp(step, other.steps, other.values)), final)
            for other, final in zip(self.curves, self.finals, strict=True)
            if other.steps[0] <= step <= other.steps[-1]
        ]
        bar = self.bar
        if bar is None or len(rows) < LEAST_RUNS:
            return Verdict(False, None, f"only {len(rows)} finished runs reach step {step:g}")
        if not np.isfinite(value):
            return Verdict(False, None, f"`{self.metric}` is {value}: for the trainer to judge")
        u, v = np.array(rows).T
        level, now = bar, value
        if min(u.min(), v.min(), now) > 0 and max(u.max(), v.max()) / min(u.min(), v.min()) > DECADE:
            u, v, level, now = np.log(u), np.log(v), float(np.log(level)), float(np.log(now))
        num = len(u)
        mean, spread = u.mean(), max(float(((u - u.mean()) ** 2).sum()), 1e-300)
        slope = float((u - mean) @ v) / spread
        error = v - v.mean() - slope * (u - mean)
        leverage = np.minimum(1.0 / num + (u - mean) ** 2 / spread, 1.0 - 1e-9)
        deviation = max(float(np.sqrt(error @ error / (num - 2))), 1e-12 * max(float(np.abs(v).max()), 1e-300))
        unseen = np.sort(np.abs(error) / (deviation * np.sqrt(1.0 - leverage)))
        reached = unseen[min(int(np.ceil((num + 1) * CALIBRATED)), num) - 1]
        widened = max(1.0, float(reached / stdtrit(num - 2, 0.5 + 0.5 * CALIBRATED)))
        expected = v.mean() + slope * (now - mean)
        width = deviation * widened * np.sqrt(1.0 + 1.0 / num + (now - mean) ** 2 / spread)
        gain = (expected - level if self.maximize else level - expected) / width
        chance = float(stdtr(num - 2, gain))
        text = (
            f"`{self.metric}` beats {bar:.4g} ({KTH} have) in the end with probability {chance:.3f}, "
            f"judged at step {step:g}"
        )
        if chance >= THRESHOLD:
            return Verdict(False, chance, text)
        if self.audited:
            return Verdict(False, chance, f"{text}; finished all the same, to see whether that was right")
        return Verdict(True, chance, text)


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

    def judge(self, curve: Curve) -> Verdict:
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
        others = [
            float(np.interp(rung, other.steps, other.values))
            for other in self.curves
            if other.steps[0] <= rung <= other.steps[-1]
        ]
        if not np.isfinite(own):
            return Verdict(False, None, f"`{self.metric}` is {own}: for the trainer to judge")
        seen = len(others) + 1
        if seen < self.eta:
            return Verdict(False, None, f"only {len(others)} other runs reach step {rung:g}")
        better = sum(other > own if self.maximize else other < own for other in others)
        places = int(seen / self.eta)
        text = f"`{self.metric}` is number {better + 1} of {seen} at step {rung:g}, and {places} go on"
        return Verdict(better >= places, None, text)


class Rule(Protocol):
    """What judges a training by its curve."""

    @property
    def metric(self) -> str:
        """The metric whose curve is judged."""

    def judge(self, curve: Curve) -> Verdict:
        """Judge a training by its curve so far."""


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
            verdict = rule.judge(self.curves[rule.metric])
            self.stopped = verdict.reason if verdict else None
        return self.stopped is not None
