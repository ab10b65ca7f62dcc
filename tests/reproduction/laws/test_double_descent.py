import pytest

from physai_inverse.reproduction.laws.double_descent import LAWS, RATIOS, RELU_RATIOS, outcome
from physai_inverse.trainers.tasks.catalogue.double_descent import theory_risk

RELU = [{"excess_risk": risk} for risk in (0.6, 1.5, 9.0, 1.4, 0.4)]


def linear(factor: float, peak: float) -> list[dict[str, float]]:
    return [
        {"excess_risk": peak}
        if ratio == 1
        else {
            "excess_risk": factor * theory_risk(ratio, 0.5, 1.0, 0.0),
            "theory_risk": theory_risk(ratio, 0.5, 1.0, 0.0),
        }
        for ratio in RATIOS
    ]


@pytest.mark.parametrize(("factor", "peak", "holds"), [(1.1, 50.0, True), (1.2, 50.0, False), (1.0, 0.5, False)])
def test_the_law_holds_for_risks_near_the_formula_with_their_peak_at_one(
    factor: float, peak: float, holds: bool
) -> None:
    found = outcome(linear(factor, peak), RELU)
    assert found.holds is holds
    assert len(found.checks) == len(RATIOS) - 1 + 2


def test_the_law_fails_where_random_features_peak_elsewhere() -> None:
    found = outcome(linear(1.0, 50.0), RELU[::-1][:2] + RELU[2:3] + [{"excess_risk": 10.0}] + RELU[4:])
    assert [check.holds for check in found.checks[-2:]] == [True, False]
    assert found.checks[-1].measured == RELU_RATIOS[3]


def test_a_law_is_listed_with_its_number_and_task() -> None:
    assert [(law.number, law.task) for law in LAWS] == [(13, "double_descent")]
