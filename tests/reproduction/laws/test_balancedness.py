import pytest

from physai_inverse.reproduction.laws.balancedness import DEPTHS, LAWS, RATES, outcome


@pytest.mark.parametrize(
    ("power", "left", "holds"), [(1.0, 0.01, True), (1.05, 0.01, True), (2.0, 0.01, False), (1.0, 0.5, False)]
)
def test_the_law_holds_for_a_drift_proportional_to_the_rate_of_networks_that_learned(
    power: float, left: float, holds: bool
) -> None:
    results = [{"balance_drift": 0.3 * rate**power, "train_loss": left} for _ in DEPTHS for rate in RATES]
    found = outcome(results)
    assert found.holds is holds
    assert found.checks[0].measured == pytest.approx(power)


def test_the_law_is_listed_with_its_number_and_task() -> None:
    assert [(law.number, law.task) for law in LAWS] == [(42, "deep_linear")]
