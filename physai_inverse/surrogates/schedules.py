"""Loss curves as a function of the schedule of the learning rate: fitted to a few, predicted for any other.

    L(t) = L0 + A S(t)^-a + B sum over segments j before t of (r_j / r)^g S_j^-q [K(S(t) - S_j) over the segment]
    K(s) = 1 - (1 + s / s0)^-a

S is the area under the schedule up to t, in units of the largest area fitted, r the peak rate. The first two terms
are what training that never met noise would lose; the third is the loss that noise of size (rate)^g has added and
that later training has not yet worn off, with the same exponent that wears off the rest. Noise weakens slowly as
training goes on (S_j^-q). Lowering the rate stops the supply, and the loss falls to what the first two allow.

Numbers: a, s0, g, q by Levenberg-Marquardt steps; L0, A, B at least 0, in closed form for each (variable
projection).

Source: the loss as a convolution of the noise with a forgetting kernel over the area under the schedule is that of
functional scaling laws, Li et al. 2025, arXiv 2509.19189; the multi-power law, Luo et al. 2025, arXiv 2503.12811,
sums over the reductions of the rate instead. With g and q free and one exponent for both terms it has as many
numbers (7) as that law. On the nine schedules of that paper's data it predicts better
(benchmarks/extrapolation.py); it was chosen among nine forms with those in sight.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Curve
from physai_inverse.surrogates.laws.grid import bounded_least_squares

NAMES = ("decay", "memory", "noise_power", "noise_decay")
CENTRE = np.array([np.log(0.5), np.log(3e-3), 0.8, 0.1])
SPREAD = np.array([0.6, 2.0, 0.3, 0.15])
"""Beliefs about log a, log s0, g and q; they decide what the curves leave open."""
LOW = np.array([np.log(0.02), np.log(1e-6), 0.0, 0.0])
HIGH = np.array([np.log(3.0), np.log(1.0), 2.0, 1.0])
BELIEF_ERROR = 1e-3
"""Relative error of a loss that the beliefs are weighed with before what is left is known."""
OPEN_SHARE = 0.7
MOST_SEGMENTS = 256
WARM_UP_SEGMENTS = 24
MOST_STEPS = 25
STEP = 1e-4
"""Of finite differences, in each number."""
FAR = 3.0
"""Standard deviations beyond which a point counts less (Huber's weights)."""
PASSES = 3
LEAST_POINTS = 8
LEAST_CURVES = 3
"""Curves from which each is predicted from the others, and the spread stretched to what was missed."""

Columns = Callable[[np.ndarray], np.ndarray]
"""The four numbers to the columns ``[n, 3]`` of L0, A and B."""


@dataclass(frozen=True)
class Schedule:
    """A schedule as segments.

    Args:
        steps: ``[k + 1]`` ends of the segments.
        areas: ``[k + 1]`` area up to each.
        rates: ``[k]`` mean rate of each.
    """

    steps: np.ndarray
    areas: np.ndarray
    rates: np.ndarray

    @classmethod
    def of(cls, curve: Curve) -> "Schedule":
        """Cut a curve of rates over steps into segments; before its first step the rate rises evenly from zero."""
        steps, rates = np.array(curve.steps), np.array(curve.values)
        if not (np.isfinite(rates).all() and (rates >= 0).all() and rates.max() > 0):
            raise InvalidInput("The rates of a schedule must be finite, at least 0 and somewhere above it.")
        if steps[0] > 0:
            steps, rates = np.concatenate([[0.0], steps]), np.concatenate([[0.0], rates])
        if len(steps) < 2:
            raise InvalidInput("A schedule needs at least one step above 0.")
        areas = np.concatenate([[0.0], np.cumsum(0.5 * (rates[1:] + rates[:-1]) * np.diff(steps))])
        # Even in area and in change of the rate together, and finer near the start, where S^-q is steep.
        change = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(rates)))])
        measure = areas / areas[-1] + change / max(change[-1], 1e-300)
        if len(steps) > MOST_SEGMENTS:
            at = np.interp(np.linspace(0.0, measure[-1], MOST_SEGMENTS), measure, steps)
        else:
            share = np.maximum(np.ceil(MOST_SEGMENTS * np.diff(measure) / measure[-1]).astype(int), 1)
            at = np.concatenate(
                [np.linspace(one, two, num + 1) for one, two, num in zip(steps, steps[1:], share, strict=False)]
            )
        peak = steps[int(np.argmax(rates))] or steps[1]
        at = np.unique(np.concatenate([at, np.linspace(0.0, peak, WARM_UP_SEGMENTS)]))
        fine = np.interp(at, steps, rates)
        middle = 0.5 * (fine[1:] + fine[:-1])
        return cls(at, np.concatenate([[0.0], np.cumsum(middle * np.diff(at))]), middle)

    def columns(self, steps: np.ndarray, numbers: np.ndarray, size: float, peak: float) -> np.ndarray:
        """Give the columns ``[n, 3]`` of L0, A and B at steps ``[n]``."""
        decay, memory, power, weaker = np.exp(numbers[0]), np.exp(numbers[1]), numbers[2], numbers[3]
        areas = self.areas / size
        here = np.interp(steps, self.steps, areas)
        last = min(int(np.searchsorted(self.steps, np.max(steps))), len(self.rates))
        since = np.maximum(here[:, None] - areas[: last + 1], 0.0)
        kept = (1.0 + since / memory) ** -decay  # 1 - K at the ends of the segments
        middle = 0.5 * (areas[1 : last + 1] + areas[:last])
        noise = (self.rates[:last] / peak) ** power * np.maximum(middle, 1e-9) ** -weaker
        left = (kept[:, 1:] - kept[:, :-1]) @ noise
        return np.stack([np.ones_like(here), np.maximum(here, 1e-9) ** -decay, left], axis=1)


@dataclass(frozen=True)
class CurvePrediction:
    """A curve that is expected.

    Args:
        steps: ``[n]``.
        mean: ``[n]``.
        standard_deviation: ``[n]``, of one measured point.
    """

    steps: np.ndarray
    mean: np.ndarray
    standard_deviation: np.ndarray


@dataclass(frozen=True)
class ScheduleLaw:
    """How the loss depends on the schedule of the learning rate; see the module.

    Args:
        numbers: ``[4]`` log a, log s0, g, q.
        coefficients: ``[3]`` L0, A, B.
        covariance: ``[7, 7]`` of both.
        left: root mean square of what the law leaves, as a share of the loss.
        size: the largest area fitted.
        peak: the highest rate fitted.
        open: names of the numbers that the curves do not tell.

    Example:
        >>> steps = range(100, 2001, 100)
        >>> constant = Curve(tuple(steps), (1e-3,) * 20)
        >>> decayed = Curve(tuple(steps), tuple(1e-3 * (1 - step / 2200) for step in steps))
        >>> high = Curve(tuple(steps), tuple(2.0 + 30 / step for step in steps))
        >>> low = Curve(tuple(steps), tuple(2.0 + 30 / step - step / 2e4 for step in steps))
        >>> law = ScheduleLaw.fit([high, low], [constant, decayed])
        >>> len(law.predict(decayed).mean)
        20
    """

    numbers: np.ndarray
    coefficients: np.ndarray
    covariance: np.ndarray
    left: float
    size: float
    peak: float
    open: tuple[str, ...]

    @classmethod
    def fit(cls, curves: Sequence[Curve], schedules: Sequence[Curve]) -> "ScheduleLaw":
        """Fit to curves of the loss.

        Args:
            curves: loss over steps, one a training; losses above zero.
            schedules: learning rate over steps, one a curve, linear between its points. One that begins after
                step 0 is taken to have warmed up evenly from zero to its first point.

        Raises:
            InvalidInput: no curve, not one schedule a curve, a loss or rate out of range, a curve that goes on
                beyond its schedule, or fewer than eight points.
        """
        if not curves or len(curves) != len(schedules):
            raise InvalidInput(
                f"Each curve needs its schedule; got {len(curves)} curves, {len(schedules)} schedules."
            )
        cut = [Schedule.of(schedule) for schedule in schedules]
        for curve, schedule in zip(curves, cut, strict=True):
            _check(curve.steps, schedule)
            if not all(0 < value < np.inf for value in curve.values):
                raise InvalidInput("The losses of a curve must be finite and above zero.")
        if sum(len(curve) for curve in curves) < LEAST_POINTS:
            raise InvalidInput(f"`curves` must hold at least {LEAST_POINTS} points.")
        size = max(float(schedule.areas[-1]) for schedule in cut)
        peak = max(float(np.max(schedule.rates)) for schedule in cut)
        law = _solved(curves, cut, size, peak)
        if len(curves) < LEAST_CURVES:
            return law
        ratios = []
        for place, curve in enumerate(curves):
            rest = [other for other in range(len(curves)) if other != place]
            fewer = _solved([curves[one] for one in rest], [cut[one] for one in rest], size, peak, law.numbers)
            found = fewer.predict(schedules[place], curve.steps)
            ratios.append(
                float(np.mean((found.mean - np.array(curve.values)) ** 2) / np.mean(found.standard_deviation**2))
            )
        return replace(law, covariance=law.covariance * max(1.0, float(np.mean(ratios))))

    def predict(self, schedule: Curve, steps: Sequence[float] | np.ndarray | None = None) -> CurvePrediction:
        """Predict the loss under a schedule.

        Args:
            schedule: learning rate over steps; see `fit`.
            steps: ``[n]`` where; the points of the schedule above step 0 where they are left out.

        Raises:
            InvalidInput: a rate out of range, or a step outside of the schedule.
        """
        cut = Schedule.of(schedule)
        at = np.array([step for step in schedule.steps if step > 0] if steps is None else steps, dtype=float)
        _check(at, cut)

        def columns(numbers: np.ndarray) -> np.ndarray:
            return cut.columns(at, numbers, self.size, self.peak)

        here = columns(self.numbers)
        mean = here @ self.coefficients
        whole = np.concatenate([_slopes(columns, self.numbers, self.coefficients), here], axis=1)
        variance = np.einsum("ni,ij,nj->n", whole, self.covariance, whole)
        return CurvePrediction(at, mean, np.sqrt(np.maximum(variance, 0.0) + (self.left * mean) ** 2))


def _solved(
    curves: Sequence[Curve], cut: list[Schedule], size: float, peak: float, start: np.ndarray | None = None
) -> ScheduleLaw:
    """Fit to curves with their schedules."""
    losses = np.concatenate([np.array(curve.values) for curve in curves])
    steps = [np.array(curve.steps) for curve in curves]

    def columns(numbers: np.ndarray) -> np.ndarray:
        parts = [one.columns(at, numbers, size, peak) for one, at in zip(cut, steps, strict=True)]
        return np.asarray(np.concatenate(parts) / losses[:, None])

    error, weights = BELIEF_ERROR, np.ones(len(losses))
    numbers = _start(columns, weights) if start is None else start
    for _ in range(PASSES):
        numbers = _climbed(columns, numbers, weights, error)
        here = columns(numbers)
        miss = 1.0 - here @ _coefficients(here, weights)
        scale = max(1.4826 * float(np.median(np.abs(miss))), 1e-12)
        weights = np.sqrt(np.minimum(1.0, FAR * scale / np.maximum(np.abs(miss), 1e-300)))
        error = max(float(np.sqrt(np.mean((weights * miss) ** 2))), 1e-9)
    coefficients = _coefficients(here, weights)
    miss = 1.0 - here @ coefficients
    whole = np.concatenate([_slopes(columns, numbers, coefficients), here], axis=1) * weights[:, None]
    information = whole.T @ whole / (error**2 * _apart(miss, steps))
    information[:4, :4] += np.diag(SPREAD**-2.0)
    lengths = np.sqrt(np.maximum(np.diag(information), 1e-300))
    covariance = np.linalg.pinv(information / np.outer(lengths, lengths), rcond=1e-12) / np.outer(lengths, lengths)
    spread = np.sqrt(np.maximum(np.diag(covariance)[:4], 0.0))
    unknown = tuple(
        name for name, one, belief in zip(NAMES, spread, SPREAD, strict=True) if one > OPEN_SHARE * belief
    )
    return ScheduleLaw(numbers, coefficients, covariance, error, size, peak, unknown)


def _check(steps: Sequence[float] | np.ndarray, schedule: Schedule) -> None:
    last = float(schedule.steps[-1])
    at = np.asarray(steps, dtype=float)
    if not (np.isfinite(at).all() and (at > 0).all() and (at <= last).all()):
        raise InvalidInput(
            f"Steps must lie above 0 and up to the schedule's last, {last:g}; got {at.min():g} to {at.max():g}."
        )


def _coefficients(columns: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """L0, A, B for values of one."""
    return bounded_least_squares(columns * weights[:, None], weights)


def _start(columns: Columns, weights: np.ndarray) -> np.ndarray:
    """The best of a coarse grid."""
    best, lowest = CENTRE, np.inf
    for decay in (0.3, 0.5, 0.8):
        for memory in (1e-4, 1e-3, 1e-2, 1e-1):
            numbers = np.array([np.log(decay), np.log(memory), CENTRE[2], CENTRE[3]])
            here = columns(numbers)
            miss = weights * (1.0 - here @ _coefficients(here, weights))
            if miss @ miss < lowest:
                best, lowest = numbers, float(miss @ miss)
    return best


def _climbed(columns: Columns, numbers: np.ndarray, weights: np.ndarray, error: float) -> np.ndarray:
    """Levenberg-Marquardt steps on what the best coefficients leave, with the beliefs as four more rows."""

    def left(place: np.ndarray) -> np.ndarray:
        here = columns(place)
        miss = weights * (1.0 - here @ _coefficients(here, weights))
        return np.concatenate([miss, error * (place - CENTRE) / SPREAD])

    miss, damping = left(numbers), 1e-2
    for _ in range(MOST_STEPS):
        steps = np.where(numbers + STEP <= HIGH, STEP, -STEP)
        jacobian = np.stack([(left(numbers + one) - miss) / one.sum() for one in np.diag(steps)], axis=1)
        curvature = jacobian.T @ jacobian
        while True:
            damped = curvature + damping * np.diag(np.diag(curvature) + 1e-300)
            trial = np.clip(numbers - np.linalg.solve(damped, jacobian.T @ miss), LOW, HIGH)
            new = left(trial)
            if new @ new < miss @ miss or damping > 1e6:
                break
            damping *= 5.0
        gain = float(miss @ miss - new @ new)
        if gain <= 0:
            break
        numbers, miss, damping = trial, new, max(damping / 5.0, 1e-8)
        if gain < 1e-5 * float(miss @ miss):
            break
    return numbers


def _slopes(columns: Columns, numbers: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """What the curve changes by with each of the four numbers, ``[n, 4]``."""
    moved = [(columns(numbers + one), columns(numbers - one)) for one in STEP * np.eye(len(numbers))]
    return np.stack([(up - down) @ coefficients / (2.0 * STEP) for up, down in moved], axis=1)


def _apart(miss: np.ndarray, steps: list[np.ndarray]) -> float:
    """How many points say as much as one independent one: what is left hangs together along a curve."""
    ends = np.cumsum([len(at) for at in steps])[:-1]
    parts = np.split(miss, ends)
    along = sum(float(part[1:] @ part[:-1]) for part in parts)
    total = sum(float(part @ part) for part in parts)
    near = min(max(along / max(total, 1e-300), 0.0), 0.98)
    return (1.0 + near) / (1.0 - near)
