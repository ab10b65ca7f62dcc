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

from physai_inverse.observations import Curve

LEAST_RUNS = 5
KTH = 3
"""A training that will not even be the third best is stopped; beating the best is too hard to predict early on."""

THRESHOLD = 0.05
CALIBRATED = 0.9
"""Level at which the line's intervals are held against its leave-one-out errors."""

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


class Reporter:
    """Takes the points of a training's curves and applies a rule to them.

    Args:
        rule: the rule; None only records.
    """

    def __init__(self, rule: StoppingRule | None = None) -> None:
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
