import math

import pytest

from physai_inverse.observations import Curve, Metric
from physai_inverse.reproduction.laws.feature_learning import LAWS, mean_between, outcome, straightness

STEPS = tuple(float(step) for step in (*range(0, 100, 10), *range(100, 2001, 50)))


def run(plateau: float = 1.1, fewest: float = 24.0, late: float = 70.0, bend: float = 0.0) -> dict[str, Metric]:
    """Give a training with its four phases."""

    def units(step: float) -> float:
        if step < 50:
            return 100 - (100 - fewest) * step / 50
        return fewest if step <= 500 else min(fewest + (late - fewest) * (step - 500) / 500, late)

    def loss(step: float) -> float:
        if step < 50:
            return 25 * math.exp(step / 50 * math.log(plateau / 25))
        beyond = max(step - 500, 0)
        return plateau * math.exp(-beyond / 200 + bend * (max(step - 1500, 0) / 100) ** 3)

    return {
        "bending_units_curve": Curve(STEPS, tuple(map(units, STEPS))),
        "train_loss_curve": Curve(STEPS, tuple(map(loss, STEPS))),
        "linear_loss": 1.1,
    }


def test_the_law_holds_for_trainings_with_its_four_phases() -> None:
    found = outcome([run(), run(plateau=1.2)])
    assert [check.holds for check in found.checks] == [True] * 5
    assert found.checks[0].measured == pytest.approx(0.76)
    assert found.checks[1].measured == pytest.approx(math.sqrt(1.1 * 1.2) / 1.1)
    assert found.checks[2].measured == pytest.approx(70 / 24)


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"fewest": 45.0, "late": 95.0}, 0),
        ({"plateau": 1.6}, 1),
        ({"late": 40.0}, 2),
        ({"bend": 0.1}, 4),
    ],
)
def test_each_phase_can_fail(changed: dict[str, float], wrong: int) -> None:
    assert not outcome([run(**changed)]).checks[wrong].holds


def test_a_number_of_units_that_goes_on_growing_is_not_constant() -> None:
    metrics = run()
    metrics["bending_units_curve"] = Curve(STEPS, tuple(100 if step < 50 else 20 + step / 20 for step in STEPS))
    assert not outcome([metrics]).checks[3].holds


def test_means_are_over_steps_and_straight_lines_are_straight() -> None:
    assert mean_between({0.0: 1.0, 10.0: 3.0, 40.0: 3.0}, 0, 40) == pytest.approx(2.75)
    assert straightness([(0.0, 5.0), (1.0, 3.0), (3.0, -1.0)]) == pytest.approx(1)
    assert straightness([(0.0, 1.0), (1.0, 0.0), (2.0, 1.0)]) == pytest.approx(0)


def test_the_law_names_its_task() -> None:
    assert [(law.number, law.task) for law in LAWS] == [(23, "feature_learning")]
