import math
from collections.abc import Callable

import pytest

from physai_inverse.observations import Measurement, Metrics
from physai_inverse.reproduction.laws.batch_size import (
    LAWS,
    RATES,
    SIZES,
    best_rate,
    critical,
    fewest,
    linear,
    steps_of,
)


def sweep(steps: Callable[[int], float], best: Callable[[int], float]) -> list[Metrics]:
    """Steps to the target that rise with the distance of the rate from the best one, in logarithms."""
    return [
        {"steps_to_target": Measurement(steps(size) * (1 + math.log(rate / best(size)) ** 2))}
        for size in SIZES
        for rate in RATES
    ]


def test_the_laws_hold_for_a_critical_batch_size_of_300() -> None:
    found = steps_of(sweep(lambda size: 4 * (1 + 300 / size), lambda size: 1.5 / (1 + 100 / size)))
    assert critical(found).holds
    assert linear(found).holds


@pytest.mark.parametrize("edge", [30, 3000])
def test_the_law_fails_for_a_critical_batch_size_elsewhere(edge: float) -> None:
    assert not critical(steps_of(sweep(lambda size: 4 * (1 + edge / size), lambda _: 0.1))).holds


def test_a_square_root_is_not_the_linear_rule() -> None:
    found = linear(steps_of(sweep(lambda size: 1000 / size, lambda size: 0.015 * math.sqrt(size))))
    assert [check.holds for check in found.checks] == [False, False]
    assert found.checks[0].measured == pytest.approx(0.5, abs=0.05)


def test_a_target_that_no_rate_reached_breaks_both_laws() -> None:
    found = steps_of([{"steps_to_target": Measurement(1500, censored="above")}] * (len(SIZES) * len(RATES)))
    assert math.isinf(fewest(found[1]))
    assert math.isnan(best_rate(found[1]))
    assert not critical(found).holds
    assert not linear(found).holds


def test_rates_that_are_best_alike_count_alike() -> None:
    assert best_rate({0.1: 5, 0.2: 5, 0.4: 5, 0.8: 6}) == pytest.approx(0.2)


def test_the_laws_are_listed_with_their_numbers_and_task() -> None:
    assert [(law.number, law.task) for law in LAWS] == [(16, "noisy_quadratic"), (17, "noisy_quadratic")]
