"""What a training will have in the end, by a line in what is known."""

import numpy as np
import pytest

from physai_inverse.inverse.forecast import forecast


def trainings(num: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ends, and what tells of them: the metric itself in noise, and something that shows the noise."""
    rng = np.random.default_rng(seed)
    ends, noise = rng.standard_normal(num), rng.standard_normal(num)
    return ends, ends + noise, noise + 0.1 * rng.standard_normal(num)


def test_a_line_through_exact_values_hits_the_end() -> None:
    own = np.array([1.0, 2.0, 4.0, 5.0])
    found = forecast(2.0 * own + 1.0, own, 3.0, {})
    assert found.expected == pytest.approx(7.0)
    assert found.below(7.1) > 0.99
    assert found.below(6.9) < 0.01


def test_an_input_that_explains_the_noise_is_taken_and_one_of_noise_is_not() -> None:
    ends, own, shown = trainings(40, 0)
    idle = np.random.default_rng(5).standard_normal(40)
    found = forecast(ends[1:], own[1:], own[0], {"shown": (shown[1:], shown[0]), "idle": (idle[1:], idle[0])})
    assert found.inputs == ("shown",)
    assert found.expected == pytest.approx(ends[0], abs=0.4)
    assert found.width < 0.5 * forecast(ends[1:], own[1:], own[0], {}).width


def test_inputs_of_noise_are_hardly_ever_taken() -> None:
    taken = 0
    for seed in range(100):
        ends, own, _ = trainings(20, seed)
        idle = np.random.default_rng(seed + 1000).standard_normal(20)
        taken += bool(forecast(ends[1:], own[1:], own[0], {"idle": (idle[1:], idle[0])}).inputs)
    assert taken <= 5


def test_intervals_hold_also_with_chosen_inputs() -> None:
    below = []
    for seed in range(200):
        ends, own, shown = trainings(20, seed)
        idle = np.random.default_rng(seed + 1000).standard_normal(20)
        others = {"shown": (shown[1:], shown[0]), "idle": (idle[1:], idle[0])}
        below.append(forecast(ends[1:], own[1:], own[0], others).below(ends[0]))
    assert np.mean(np.array(below) < 0.05) < 0.08
    assert np.mean(np.array(below) > 0.95) < 0.08


@pytest.mark.parametrize("values", [np.full(12, 3.0), np.array([np.nan, *range(11)])])
def test_an_input_that_is_missing_or_never_varies_is_left_out(values: np.ndarray) -> None:
    ends, own, _ = trainings(13, 0)
    assert forecast(ends[1:], own[1:], own[0], {"odd": (values, 1.0)}).inputs == ()


def test_equal_inputs_are_no_trouble() -> None:
    ends, own, shown = trainings(30, 0)
    twice = {"one": (shown[1:], shown[0]), "two": (shown[1:], shown[0])}
    assert len(forecast(ends[1:], own[1:], own[0], twice).inputs) == 1
