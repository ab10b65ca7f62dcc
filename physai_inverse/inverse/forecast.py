"""What a training will have in the end, from what it has now: a line through finished ones, with its error.

The line is in the metric's own latest value; in a further input only where that predicts finished trainings that
were left out better by `GAIN` nats in all. The deviation is widened until the line's intervals hold `CALIBRATED`
of the trainings left out (split conformal on leave-one-out residuals).

Symbols: X inputs ``[n, p]``; v ends ``[n]``; h leverage; e residual; s residual deviation.

Source: Vovk, Gammerman & Shafer, "Algorithmic Learning in a Random World" (2005), section 2.3 (residuals with
their leverages); held-out residuals e / (1 - h): Allen, "The relationship between variable selection and data
augmentation and a method for prediction" (Technometrics 16, 1974).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

CALIBRATED = 0.9
"""Level at which the line's intervals are held against its leave-one-out errors."""
GAIN = 2.0
"""Nats of held-out log density that a further input must gain over all trainings: an input of noise does so in
fewer than two cases of a hundred."""
MOST_INPUTS = 2
"""Further inputs of a line."""
LEAST_ROWS = 8
"""Trainings from which further inputs are looked at."""


@dataclass(frozen=True)
class Forecast:
    """Student's t distribution of a value at the end.

    Args:
        expected: its middle.
        width: its scale.
        freedom: its degrees of freedom.
        inputs: names of what is looked at besides the metric's own value.
    """

    expected: float
    width: float
    freedom: int
    inputs: tuple[str, ...]

    def below(self, value: float) -> float:
        """Give the probability that the end lies below a value."""
        from scipy.special import stdtr

        return float(stdtr(self.freedom, (value - self.expected) / self.width))


def forecast(
    ends: "np.ndarray", own: "np.ndarray", now: float, others: "Mapping[str, tuple[np.ndarray, float]]"
) -> Forecast:
    """Predict one training's end.

    Args:
        ends: ``[n]`` of finished trainings, at least three.
        own: ``[n]`` what these had of the metric where the training is now.
        now: what the training has.
        others: name to ``[n]`` what the finished ones had of something else there, and what the training has.
    """
    import numpy as np

    line = _Line.through([np.ones(len(ends)), own], [1.0, now], ends)
    used: tuple[str, ...] = ()
    columns, here = [np.ones(len(ends)), own], [1.0, now]
    usable = {name: _standardised(*pair) for name, pair in others.items()}
    while len(used) < MOST_INPUTS and len(ends) >= LEAST_ROWS:
        tried = {
            name: _Line.through([*columns, pair[0]], [*here, pair[1]], ends)
            for name, pair in usable.items()
            if pair is not None and name not in used
        }
        better = max(tried, key=lambda name: tried[name].merit, default=None)
        if better is None or not tried[better].merit > line.merit + GAIN:
            break
        line, used = tried[better], (*used, better)
        pair = usable[better]
        assert pair is not None
        columns, here = [*columns, pair[0]], [*here, pair[1]]
    return line.forecast(used)


def _standardised(values: "np.ndarray", now: float) -> "tuple[np.ndarray, float] | None":
    """Give an input with mean zero and deviation one; None where it is missing or does not vary."""
    import numpy as np

    if not (np.isfinite(values).all() and math.isfinite(now)):
        return None
    mean, deviation = float(np.mean(values)), float(np.std(values))
    if not deviation > 1e-12 * max(abs(mean), 1e-300):
        return None
    return (values - mean) / deviation, (now - mean) / deviation


@dataclass(frozen=True)
class _Line:
    """A least-squares line and where it is asked."""

    expected: float
    reach: float
    errors: "np.ndarray"
    leverages: "np.ndarray"
    size: float
    num_inputs: int

    @classmethod
    def through(cls, columns: "Sequence[np.ndarray]", here: Sequence[float], ends: "np.ndarray") -> "_Line":
        """Fit; columns that cannot be told apart share their slope."""
        import numpy as np

        X, x = np.stack(columns, axis=1), np.array(here)
        centre = X.mean(axis=0)
        centre[0] = 0.0
        X, x = X - centre, x - centre
        gram = X.T @ X
        size = np.sqrt(np.maximum(np.diagonal(gram), 1e-300))
        inverse = np.linalg.pinv(gram / np.outer(size, size), rcond=1e-10, hermitian=True) / np.outer(size, size)
        b = inverse @ (X.T @ ends)
        leverages = np.minimum(np.einsum("ij,jk,ik->i", X, inverse, X), 1.0 - 1e-9)
        largest = max(float(np.abs(ends).max()), 1e-288)
        return cls(float(x @ b), float(x @ inverse @ x), ends - X @ b, leverages, largest, X.shape[1])

    @property
    def merit(self) -> float:
        """Log density of the ends when each is left out, up to a constant."""
        import numpy as np

        left_out = self.errors / (1.0 - self.leverages)
        return -0.5 * len(left_out) * math.log(max(float(np.mean(left_out**2)), (1e-12 * self.size) ** 2, 1e-300))

    def forecast(self, inputs: tuple[str, ...]) -> Forecast:
        """Widen the line's error until its intervals hold."""
        import numpy as np
        from scipy.special import stdtrit

        num = len(self.errors)
        freedom = num - self.num_inputs
        deviation = max(float(np.sqrt(self.errors @ self.errors / freedom)), 1e-12 * self.size)
        unseen = np.sort(np.abs(self.errors) / (deviation * np.sqrt(1.0 - self.leverages)))
        reached = unseen[min(int(np.ceil((num + 1) * CALIBRATED)), num) - 1]
        widened = max(1.0, float(reached / stdtrit(freedom, 0.5 + 0.5 * CALIBRATED)))
        return Forecast(self.expected, deviation * widened * math.sqrt(1.0 + self.reach), freedom, inputs)
