import math

import pytest
import torch

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Curve, Measurement
from physai_inverse.trainers import load_task
from physai_inverse.trainers.batched import AbstractBatched
from physai_inverse.trainers.tasks.catalogue.deep_linear import half_time, singular_values
from physai_inverse.trainers.tasks.networks.products import Products, imbalance


def flow_time(strength: float, init: float, depth: int) -> float:
    """Give the time to half of the strength of du/dt = L u^(2 - 2/L) (s - u), by small steps."""
    u, time, step = init, 0.0, 1e-4
    while u < strength / 2:
        u += step * depth * u ** (2 - 2 / depth) * (strength - u)
        time += step
    return time


def test_two_layers_learn_a_mode_in_the_time_of_the_closed_form() -> None:
    metrics = load_task("deep_linear", {"duration": 6.0, "device": "cpu"})({"lr": 0.01}, 0)
    for name, strength in (("first_mode_time", 3.0), ("last_mode_time", 0.6)):
        expected = math.log(strength / 1e-3 - 1) / (2 * strength)  # Saxe et al. 2014, u = s / 2 in their equation
        assert float(metrics[name]) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("depth", [3, 4])
def test_deeper_networks_learn_the_first_mode_in_the_time_of_gradient_flow(depth: int) -> None:
    train = load_task("deep_linear", {"duration": 3.0, "device": "cpu"})
    metrics = train({"lr": 0.006, "depth": depth, "init": 0.02}, 1)
    assert float(metrics["first_mode_time"]) == pytest.approx(flow_time(3.0, 0.02, depth), rel=0.02)


def test_modes_are_learned_one_after_the_other() -> None:
    metrics = load_task("deep_linear", {"duration": 8.0, "device": "cpu"})({"lr": 0.02}, 0)
    learned, loss = metrics["modes_learned_curve"], metrics["train_loss_curve"]
    assert isinstance(learned, Curve)
    assert isinstance(loss, Curve)
    assert sorted(learned.values) == list(learned.values)
    assert set(learned.values) == {0, 1, 2, 3, 4, 5}
    assert loss.values[0] == pytest.approx(1, abs=1e-3)


def test_aligned_matrices_have_equal_modes_and_are_balanced() -> None:
    train = load_task("deep_linear", {"duration": 0.02, "device": "cpu"})
    assert float(train({"lr": 0.02, "depth": 4}, 2)["balance_drift"]) < 1e-5
    s = singular_values({"spread": 4.0}, 3)
    torch.testing.assert_close(s, torch.tensor([3.0, 1.5, 0.75]))


def test_imbalance_is_that_of_neighbours_and_its_drift_is_from_the_start() -> None:
    first, second = torch.tensor([[1.0, 2.0], [0.0, 1.0]]), torch.tensor([[3.0, 0.0], [1.0, 1.0]])
    module = Products([first.clone(), second.clone()])
    torch.testing.assert_close(imbalance([first, second])[0], second.T @ second - first @ first.T)
    assert float(module.drift().detach()) == 0
    with torch.no_grad():
        module.layers[0].zero_()
    assert float(module.drift().detach()) == pytest.approx(float((first @ first.T).norm()))
    torch.testing.assert_close(module(torch.eye(2)), module.product().T)


def test_a_mode_that_stays_small_is_censored_at_the_duration() -> None:
    assert float(half_time(Curve((0, 10, 20), (0.0, 0.4, 0.6)), 0.1, 2.0)) == pytest.approx(1.5)
    assert half_time(Curve((0, 10), (0.0, 0.4)), 0.1, 1.0) == Measurement(1.0, censored="above")


def test_one_depth_and_duration_share_a_stack() -> None:
    train = load_task("deep_linear", {"duration": 0.5, "device": "cpu"})
    assert isinstance(train, AbstractBatched)
    configs = [{"init": 0.01 * 2**index, "spread": 1.0 + index} for index in range(4)]
    (line,) = train.batched().plan(configs, [0, 1, 2, 3])
    assert line.startswith("together")


def test_a_duration_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="`duration` must be above 0"):
        load_task("deep_linear", {"duration": 0.0})
