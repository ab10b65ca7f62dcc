import pytest

from physai_inverse.observations import Curve, Metrics
from physai_inverse.reproduction.laws.single_neuron import CASES, LAWS, outcome

LOSS = {"hyperactive": 1 / 48, "dead": 5 / 48, "balanced": 1e-9}
SHARE = {"hyperactive": 1.0, "dead": 0.0, "balanced": 0.5}


def outcomes(factor: float = 1.0, state: str = "") -> list[Metrics]:
    curve = Curve((0, 3000), (0.3, 0.1))
    return [
        {
            "active_share": SHARE[state or case.state],
            "train_loss": factor * LOSS[case.state],
            "train_loss_curve": curve,
        }
        for case in CASES
    ]


@pytest.mark.parametrize(("factor", "holds"), [(1.019, True), (1.03, False), (0.97, False)])
def test_losses_hold_within_two_percent(factor: float, holds: bool) -> None:
    assert outcome(outcomes(factor)).holds is holds


def test_a_state_that_is_another_breaks_the_law() -> None:
    found = outcome(outcomes(state="balanced"))
    states = [check for check in found.checks if check.what.startswith("active share")]
    assert [check.holds for check in states] == [case.state == "balanced" for case in CASES]


def test_a_success_that_did_not_get_to_zero_breaks_the_law() -> None:
    assert not outcome([{**metrics, "train_loss": 1e-3} for metrics in outcomes()]).holds


def test_the_law_is_listed_with_its_number_and_task() -> None:
    assert [(law.number, law.task) for law in LAWS] == [(10, "single_neuron")]
