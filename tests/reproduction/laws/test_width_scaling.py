import math
from itertools import product

import pytest

from physai_inverse.reproduction.laws.width_scaling import (
    COORDINATE_STEPS,
    COORDINATE_WIDTHS,
    LAWS,
    LAYERS,
    PARAMETRISATIONS,
    RATES,
    WIDTHS,
    best_rate,
    coordinates,
    transfer,
)


def bowl(best: float) -> list[float]:
    return [0.1 * math.exp(0.1 * math.log2(rate / best) ** 2) for rate in RATES]


def losses(standard: float, mup: float) -> dict[tuple[str, int], list[float]]:
    """Give losses whose best rate goes as a power of the width."""
    powers = {"standard": standard, "mup": mup}
    return {
        (word, width): bowl(2**-5.3 * (width / WIDTHS[0]) ** powers[word])
        for word, width in product(PARAMETRISATIONS, WIDTHS)
    }


@pytest.mark.parametrize("best", [2**-5.3, 2**-8.0, 2**-9.6])
def test_the_best_rate_is_the_vertex_of_a_parabola(best: float) -> None:
    assert best_rate(RATES, bowl(best)) == pytest.approx(best)


def test_a_best_rate_at_the_end_of_the_rates_is_not_known() -> None:
    assert math.isnan(best_rate(RATES, [float(place + 1) for place in range(len(RATES))]))
    assert math.isnan(best_rate(RATES, [math.nan] * len(RATES)))


def test_rates_that_diverge_are_worse_than_any() -> None:
    values = [*bowl(RATES[4])[:5], *[math.nan] * (len(RATES) - 5)]
    assert best_rate(RATES, values) == RATES[4]


@pytest.mark.parametrize(
    ("standard", "mup", "holds"),
    [
        (-1.0, 0.0, [True, True]),
        (-0.5, 0.2, [False, True]),
        (-1.0, -0.5, [True, False]),
        (0.3, 0.3, [False, False]),
    ],
)
def test_rates_transfer_where_they_fall_in_one_parametrisation_only(
    standard: float, mup: float, holds: list[bool]
) -> None:
    found = transfer(losses(standard, mup))
    assert [check.holds for check in found.checks] == holds
    if standard == -1:
        assert found.checks[0].measured == pytest.approx(16, rel=0.01)


def sizes(standard: float, mup: float) -> dict[tuple[str, int, int], tuple[float, ...]]:
    """Give sizes that grow as powers of the width, but for the first layer."""
    powers = {"standard": standard, "mup": mup}
    return {
        (word, layer, steps): tuple(
            0.3 * width ** (powers[word] if layer > 1 else 0) for width in COORDINATE_WIDTHS
        )
        for word, layer, steps in product(PARAMETRISATIONS, LAYERS, COORDINATE_STEPS)
    }


def test_the_coordinate_check_tells_powers_of_the_width_apart() -> None:
    assert [check.holds for check in coordinates(sizes(0.8, 0.05)).checks] == [True, True, True]
    assert [check.holds for check in coordinates(sizes(0.2, 0.15)).checks] == [False, True, False]
    assert [check.holds for check in coordinates(sizes(0.8, -0.2)).checks] == [True, False, True]


def test_a_size_that_is_missing_does_not_hold() -> None:
    missing = sizes(0.8, 0.0)
    missing["mup", 2, 1] = (math.nan,) * len(COORDINATE_WIDTHS)
    assert not coordinates(missing).holds


def test_the_laws_name_their_task() -> None:
    assert [(law.number, law.task) for law in LAWS] == [(14, "width_scaling"), (15, "width_scaling")]
