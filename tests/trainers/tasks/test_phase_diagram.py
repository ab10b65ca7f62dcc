import pytest

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Measurement
from physai_inverse.trainers import load_task

CORNERS: list[tuple[float, float, float]] = [
    (0.003, 10.0, 0),
    (0.05, 10.0, 0),
    (0.05, 1.0, 1),
    (0.003, 0.03, 1),
    (0.003, 0.5, 2),
    (0.01, 3.0, 3),
]


@pytest.mark.parametrize(("lr", "decay", "phase"), CORNERS)
def test_the_four_phases_lie_where_they_are_published(lr: float, decay: float, phase: float) -> None:
    assert load_task("phase_diagram")({"lr": lr, "weight_decay": decay}, 0)["phase"] == phase


def test_grokking_lies_between_comprehension_and_memorisation() -> None:
    train = load_task("phase_diagram")
    phases = [float(train({"lr": 0.005, "weight_decay": 5.0 / 1.5**index}, 0)["phase"]) for index in range(14)]
    assert phases == sorted(phases, reverse=True)
    assert set(phases) == {3.0, 2.0, 1.0}


def test_the_delay_falls_as_one_over_the_decay() -> None:
    train = load_task("phase_diagram", {"noise": 0.0})
    slow, fast = (train({"lr": 0.005, "weight_decay": decay}, 0)["grokking_delay"] for decay in (0.5, 2.0))
    assert float(slow) == pytest.approx(4 * float(fast))


def test_what_does_not_come_within_the_budget_is_censored() -> None:
    train = load_task("phase_diagram", {"steps": 500})
    memory = train({"lr": 0.01, "weight_decay": 0.1}, 0)
    assert memory["steps_to_test"] == Measurement(500, censored="above")
    delay = memory["grokking_delay"]
    assert isinstance(delay, Measurement)
    assert delay.censored == "above"
    confused = train({"weight_decay": 10.0}, 0)
    assert confused["steps_to_train"] == confused["steps_to_test"] == Measurement(500, censored="above")
    assert "grokking_delay" not in confused


def test_times_are_noisy_and_repeat_with_the_seed() -> None:
    train = load_task("phase_diagram")
    values = {float(train({}, seed)["steps_to_test"]) for seed in (0, 0, 1, 2)}
    assert len(values) == 3
    assert all(abs(value / (0.3 / 3e-3 + 3.0 / 3e-3) - 1) < 0.4 for value in values)


def test_a_time_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="`delay` must be above 0"):
        load_task("phase_diagram", {"delay": 0.0})
