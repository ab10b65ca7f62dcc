import math

import pytest
import torch

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Measurement
from physai_inverse.trainers import load_task
from physai_inverse.trainers.batched import AbstractBatched
from physai_inverse.trainers.tasks.catalogue.noisy_quadratic import log_steps


def expected_loss(lr: float, noise: float, batch_size: int, condition: float, steps: int) -> float:
    h = torch.linspace(1 / condition, 1, 50, dtype=torch.float64)
    squares = torch.ones_like(h)
    for _ in range(steps):
        squares = (1 - lr * h) ** 2 * squares + lr**2 * noise**2 / batch_size
    return float((h * squares).sum() / h.sum())


@pytest.mark.parametrize(("lr", "batch_size", "steps"), [(0.3, 4, 8), (0.5, 16, 100)])
def test_the_loss_follows_its_expectation(lr: float, batch_size: int, steps: int) -> None:
    train = load_task("noisy_quadratic", {"steps": steps, "copies": 1000, "device": "cpu"})
    metrics = train({"lr": lr, "batch_size": batch_size, "condition": 5.0, "noise": 1.0}, 0)
    expected = expected_loss(lr, 1.0, batch_size, 5.0, steps)
    assert metrics["train_loss"] == pytest.approx(expected, rel=0.02)


def test_the_floor_of_the_loss_is_the_thermal_one() -> None:
    train = load_task("noisy_quadratic", {"steps": 200, "copies": 500, "device": "cpu"})
    metrics = train({"lr": 0.5, "batch_size": 4, "condition": 1.0, "noise": 1.0}, 1)
    assert metrics["train_loss"] == pytest.approx(0.5 / (4 * (2 - 0.5)), rel=0.03)  # lr s^2 / (B h (2 - lr h))


def test_without_noise_that_counts_the_steps_to_the_target_are_those_of_gradient_descent() -> None:
    train = load_task("noisy_quadratic", {"steps": 200, "stop_at_target": True, "device": "cpu"})
    metrics = train({"lr": 0.5, "batch_size": 4096, "condition": 1.0, "noise": 0.1}, 0)
    steps = math.ceil(math.log(0.005) / (2 * math.log(0.5)))
    assert metrics["steps_to_target"] == Measurement(steps)
    assert metrics["samples_to_target"] == Measurement(steps * 4096)
    assert float(metrics["train_loss"]) < 0.005


def test_a_target_below_the_floor_is_censored_at_the_budget() -> None:
    train = load_task("noisy_quadratic", {"steps": 50, "device": "cpu"})
    metrics = train({"lr": 1.0, "batch_size": 1}, 0)
    assert metrics["steps_to_target"] == Measurement(50, censored="above")
    assert metrics["samples_to_target"] == Measurement(50, censored="above")


def test_all_knobs_share_a_stack() -> None:
    train = load_task("noisy_quadratic", {"steps": 20, "device": "cpu"})
    assert isinstance(train, AbstractBatched)
    configs = [
        {"lr": 0.1 * 2**index, "batch_size": 4**index, "noise": 0.2 + index, "condition": 2.0**index}
        for index in range(4)
    ]
    (line,) = train.batched().plan(configs, [0, 1, 2, 3])
    assert line.startswith("together")


@pytest.mark.parametrize("steps", [1, 99, 100, 101, 1500])
def test_every_early_step_is_logged_and_the_last(steps: int) -> None:
    found = log_steps(steps)
    assert found[: min(steps, 100) + 1] == tuple(range(min(steps, 100) + 1))
    assert found[-1] == steps
    assert list(found) == sorted(set(found))


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"stop_at_target": 1}, "`stop_at_target` must be true or false"), ({"target": 0.0}, "`target` must be")],
)
def test_settings_are_checked(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        load_task("noisy_quadratic", settings)
