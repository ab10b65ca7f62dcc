import math

import pytest

from physai_inverse.errors import InvalidInput
from physai_inverse.reproduction import Check, Line, Outcome, Picture, all_laws, chosen_laws
from physai_inverse.reproduction.law import slope


def test_a_check_holds_within_its_bounds_and_never_for_what_was_not_measured() -> None:
    assert Check("slope", -1.0, -1.25, -0.75).holds
    assert not Check("slope", -0.7, -1.25, -0.75).holds
    assert not Check("slope", math.nan, -1.25, -0.75).holds
    assert Check("ratio", 3.0, low=2.0).holds
    assert not Check("loss", 3.0, high=2.0).holds


def test_a_check_says_what_is_expected() -> None:
    assert Check("slope", 0, -1.25, -0.75).expected == "-1.25 to -0.75"
    assert Check("ratio", 0, low=2.0).expected == "at least 2"
    assert Check("loss", 0, high=0.05).expected == "at most 0.05"
    assert Check("count", 0, 3, 3).expected == "3"


@pytest.mark.parametrize(("low", "high"), [(2.0, 1.0), (-math.inf, math.inf), (math.nan, 1.0)])
def test_a_check_needs_bounds(low: float, high: float) -> None:
    with pytest.raises(InvalidInput, match="needs a lower or an upper bound"):
        Check("slope", 0.0, low, high)


def test_an_outcome_holds_where_all_its_checks_do() -> None:
    picture = Picture("x", "y", (Line("a", (1.0,), (2.0,)),))
    good, bad = Check("a", 1.0, high=2.0), Check("b", 3.0, high=2.0)
    assert Outcome((good,), picture).holds
    assert not Outcome((good, bad), picture).holds


def test_a_line_needs_as_many_x_as_y_and_a_style_that_is_known() -> None:
    with pytest.raises(InvalidInput, match="as many `x` as `y`, not 2 and 1"):
        Line("a", (1.0, 2.0), (1.0,))
    with pytest.raises(InvalidInput, match="`style` must be one of points, line, dashed, not 'dots'"):
        Line("a", (1.0,), (1.0,), "dots")


def test_a_slope_is_that_of_logarithms_and_leaves_out_what_has_none() -> None:
    x = (1.0, 2.0, 4.0, 0.0, 8.0)
    y = (3.0, 0.75, 0.1875, 5.0, math.inf)
    assert slope(x, y) == pytest.approx(-2.0)
    assert math.isnan(slope((1.0, 1.0), (2.0, 3.0)))


def test_every_law_has_a_number_of_its_own_and_says_where_it_comes_from() -> None:
    laws = all_laws()
    assert [law.number for law in laws] == sorted({law.number for law in laws})
    for law in laws:
        assert law.name
        assert law.statement.endswith(".")
        assert law.conditions
        assert law.source
        assert 0 < law.seconds < 300


def test_an_unknown_law_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidInput, match="There is no law 9999; there are"):
        chosen_laws([9999])
