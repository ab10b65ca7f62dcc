import pytest

from physai_inverse.observations import Curve, Metrics
from physai_inverse.reproduction.laws.edge_of_stability import LAWS, RATES, outcome


def outcomes(factor: float, start: float) -> list[Metrics]:
    curve = Curve((0, 100, 200), (start, factor, factor))
    return [{"late_sharpness": factor * 2 / rate, "edge_ratio_curve": curve} for rate in RATES]


@pytest.mark.parametrize(
    ("factor", "start", "holds"), [(1.04, 0.3, True), (0.94, 0.3, False), (1.06, 0.3, False), (1.0, 0.9, False)]
)
def test_the_law_holds_within_five_percent_of_an_edge_that_was_risen_to(
    factor: float, start: float, holds: bool
) -> None:
    found = outcome(outcomes(factor, start))
    assert found.holds is holds
    assert len(found.checks) == len(RATES) + 1


def test_the_picture_shows_sharpness_beside_its_edge() -> None:
    line, edge = outcome(outcomes(1.0, 0.25)).picture.lines[:2]
    assert line.y == (5.0, 20.0, 20.0)
    assert (edge.y, edge.style) == ((20.0, 20.0), "dashed")


def test_the_law_is_listed_with_its_number_and_task() -> None:
    assert [(law.number, law.task) for law in LAWS] == [(7, "edge_of_stability")]
