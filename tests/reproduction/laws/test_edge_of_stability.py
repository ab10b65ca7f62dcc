import pytest

from physai_inverse.observations import Curve, Metrics
from physai_inverse.reproduction.laws.edge_of_stability import ADAM_RATES, LAWS, RATES, adam_outcome, outcome


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


@pytest.mark.parametrize(
    ("factor", "start", "holds"), [(0.91, 0.1, True), (0.89, 0.1, False), (1.11, 0.1, False), (1.0, 0.8, False)]
)
def test_the_law_of_adam_holds_within_ten_percent_of_its_edge(factor: float, start: float, holds: bool) -> None:
    def curve(rate: float) -> Curve:
        return Curve((0, 100, 200), (start * 38 / rate, 38 / rate, factor * 38 / rate))

    found = adam_outcome([{"preconditioned_sharpness_curve": curve(rate)} for rate in ADAM_RATES])
    assert found.holds is holds
    assert found.checks[0].measured == pytest.approx(factor)


def test_the_laws_are_listed_with_their_numbers_and_task() -> None:
    assert [(law.number, law.task) for law in LAWS] == [(7, "edge_of_stability"), (8, "edge_of_stability")]
