import math

import pytest

from physai_inverse.reproduction.laws.memorisation import (
    LAWS,
    SAMPLES,
    Row,
    capacity_outcome,
    jamming_outcome,
)


def results(size: float, bits: tuple[float, ...]) -> list[dict[str, float]]:
    return [{"parameters": size, "memorised_bits": value} for value in bits]


LINEAR = {10: results(100, (80, 110)), 20: results(200, (230, 200))}


def test_bits_that_grow_with_the_width_and_beat_a_linear_layer_hold() -> None:
    mlps = {width: results(100 + 20 * width, (20.0 * width, 32.0 * width + 160)) for width in (10, 20, 40)}
    found = capacity_outcome(mlps, LINEAR)
    assert found.holds
    assert found.checks[0].measured == pytest.approx(1)
    assert found.checks[1].measured == pytest.approx(1.6 / 1.125)


def test_bits_that_do_not_grow_in_proportion_fail() -> None:
    mlps = {
        10: results(300, (500,)),
        20: results(500, (900,)),
        40: results(900, (950,)),
    }
    assert [check.holds for check in capacity_outcome(mlps, LINEAR).checks] == [False, True]


def test_bits_that_shrink_with_the_width_fail() -> None:
    mlps = {width: results(300, (500.0 - width,)) for width in (10, 20, 40)}
    assert capacity_outcome(mlps, LINEAR).checks[0].measured == 0


def test_networks_that_store_less_than_a_linear_layer_fail() -> None:
    mlps = {width: results(100 + 20 * width, (16.0 * width + 80,)) for width in (10, 20, 40)}
    assert [check.holds for check in capacity_outcome(mlps, LINEAR).checks] == [True, False]


def jammed(capacity: int, below: float, above: float) -> list[Row]:
    return [(samples, 1.0, below) if samples <= capacity else (samples, 0.6, above) for samples in SAMPLES]


def test_a_sharpness_that_jumps_at_the_capacity_holds() -> None:
    found = jamming_outcome(jammed(160, 0.01, 0.1))
    assert found.holds
    assert found.checks[0].measured == pytest.approx(10)
    assert found.checks[1].measured == pytest.approx(1)
    assert "160 samples" in found.note


@pytest.mark.parametrize(("below", "above"), [(0.05, 0.1), (0.1, 0.1)])
def test_a_sharpness_that_rises_little_does_not_hold(below: float, above: float) -> None:
    assert not jamming_outcome(jammed(160, below, above)).holds


def test_a_sharpness_that_rises_steadily_does_not_hold() -> None:
    rows = [(samples, 1.0 if samples <= 160 else 0.5, (samples / 160) ** 3) for samples in SAMPLES]
    assert [check.holds for check in jamming_outcome(rows).checks] == [True, False]


def test_a_capacity_that_is_never_passed_or_never_reached_is_not_measured() -> None:
    for rows in (jammed(1000, 0.1, 0.2), jammed(0, 0.1, 0.2)):
        found = jamming_outcome(rows)
        assert all(math.isnan(check.measured) for check in found.checks)
        assert not found.holds


def test_laws_are_listed_with_their_numbers_and_task() -> None:
    assert [(law.number, law.task) for law in LAWS] == [(30, "memorisation"), (31, "memorisation")]
