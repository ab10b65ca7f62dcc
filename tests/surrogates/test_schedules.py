import math
from collections.abc import Callable

import numpy as np
import pytest

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Curve
from physai_inverse.surrogates.schedules import Schedule, ScheduleLaw

TOTAL, WARM_UP, PEAK = 4000, 200, 1e-3
NUMBERS = np.array([np.log(0.5), np.log(0.01), 0.8, 0.1])
COEFFICIENTS = np.array([2.5, 0.3, 0.15])


def constant(step: float) -> float:
    return PEAK * min(step / WARM_UP, 1.0)


def cosine(step: float) -> float:
    return constant(step) * (0.55 + 0.45 * math.cos(math.pi * max(step - WARM_UP, 0) / (TOTAL - WARM_UP)))


def drop(step: float) -> float:
    return constant(step) * (0.3 if step > 2000 else 1.0)


def late(step: float) -> float:
    return constant(step) * min(1.0, max(0.1, (TOTAL - step) / 1000))


def schedule(rate: Callable[[float], float], *, every: int = 20) -> Curve:
    steps = tuple(float(step) for step in range(0, TOTAL + 1, every))
    return Curve(steps, tuple(rate(step) for step in steps))


def made(rates: Curve, *, noise: float = 0.0, seed: int = 0) -> Curve:
    """The loss by the law itself."""
    steps = np.arange(300.0, TOTAL + 1, 50)
    cut = Schedule.of(rates)
    values = cut.columns(steps, NUMBERS, PEAK * TOTAL, PEAK) @ COEFFICIENTS
    values = values * np.exp(noise * np.random.default_rng(seed).standard_normal(len(steps)))
    return Curve(tuple(steps), tuple(values))


def test_the_law_without_noise_predicts_a_schedule_it_never_saw() -> None:
    known = [schedule(rate) for rate in (constant, cosine, drop)]
    law = ScheduleLaw.fit([made(one) for one in known], known)
    truth = made(schedule(late))
    found = law.predict(schedule(late), truth.steps)
    np.testing.assert_allclose(found.mean, truth.values, rtol=2e-4)


def test_the_area_of_a_schedule_is_kept_however_it_is_cut() -> None:
    for rate in (constant, cosine, drop, late):
        for every in (4, 20, 200):
            rates = schedule(rate, every=every)
            cut = Schedule.of(rates)
            exact = np.trapezoid(rates.values, rates.steps)
            assert cut.areas[-1] == pytest.approx(exact, rel=1e-3)


def test_a_schedule_that_begins_late_is_taken_to_have_warmed_up() -> None:
    whole = schedule(cosine)
    late_start = Curve(whole.steps[10:], whole.values[10:])  # the warm-up ends at step 200, the tenth point
    assert Schedule.of(late_start).areas[-1] == pytest.approx(Schedule.of(whole).areas[-1], rel=1e-3)


def test_what_constant_rates_leave_open_is_named() -> None:
    known = [schedule(constant)]
    law = ScheduleLaw.fit([made(known[0], noise=1e-3)], known)
    assert {"memory", "noise_power"} <= set(law.open)
    three = [schedule(rate) for rate in (constant, cosine, drop)]
    fitted = ScheduleLaw.fit([made(one, noise=1e-4, seed=place) for place, one in enumerate(three)], three)
    assert "noise_power" not in fitted.open


def test_noisy_points_lie_inside_their_intervals() -> None:
    known = [schedule(rate) for rate in (constant, cosine, drop)]
    law = ScheduleLaw.fit([made(one, noise=2e-3, seed=place) for place, one in enumerate(known)], known)
    truth = made(schedule(late), noise=2e-3, seed=9)
    found = law.predict(schedule(late), truth.steps)
    inside = np.abs(found.mean - np.array(truth.values)) < 1.645 * found.standard_deviation
    assert float(np.mean(inside)) > 0.8


def test_what_cannot_be_meant_is_refused() -> None:
    rates = schedule(constant)
    curve = made(rates)
    with pytest.raises(InvalidInput, match="needs its schedule"):
        ScheduleLaw.fit([curve], [])
    with pytest.raises(InvalidInput, match="above zero"):
        ScheduleLaw.fit([Curve(curve.steps, tuple(-value for value in curve.values))], [rates])
    with pytest.raises(InvalidInput, match="up to the schedule's last"):
        ScheduleLaw.fit([curve], [Curve(rates.steps[:50], rates.values[:50])])
    with pytest.raises(InvalidInput, match="rates of a schedule"):
        ScheduleLaw.fit([curve], [Curve(rates.steps, (0.0,) * len(rates))])
