import pytest

from physai_inverse.observations import Curve, Metric
from physai_inverse.reproduction.laws.neural_collapse import LAWS, outcome


def run(**changed: float) -> dict[str, Metric]:
    values = {"nc1": 0.01, "nc2_angles": 0.02, "nc2_cosine": -0.333, "nc3": 0.01, "nc4": 0.0, **changed}
    curves = {f"{name}_curve": Curve((0.0, 10.0), (0.1, values[name])) for name in ("nc1", "nc2_angles", "nc3")}
    return {**values, **curves}


def test_the_law_holds_for_collapsed_trainings() -> None:
    assert outcome([run(), run()]).holds


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"nc2_cosine": -0.3}, 0),
        ({"nc2_angles": 0.08}, 1),
        ({"nc3": 0.1}, 2),
        ({"nc4": 0.01}, 3),
        ({"nc1": 0.09}, 4),
    ],
)
def test_the_worst_training_decides(changed: dict[str, float], wrong: int) -> None:
    found = outcome([run(), run(**changed)])
    assert [check.holds for check in found.checks] == [place != wrong for place in range(5)]


def test_a_training_that_failed_does_not_hold() -> None:
    assert not any(check.holds for check in outcome([run(), {}]).checks)


def test_the_law_names_its_task() -> None:
    assert [(law.number, law.task) for law in LAWS] == [(33, "neural_collapse")]
