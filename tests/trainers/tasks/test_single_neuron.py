import pytest

from physai_inverse.observations import Measurement
from physai_inverse.trainers import load_task
from physai_inverse.trainers.batched import AbstractBatched

TRAPS = {"hyperactive": 1.2, "dead": -1.2}
GRID = [-1 + index / 100 for index in range(201)]
TARGETS = [max(x, 0.0) for x in GRID]


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def test_trapped_neurons_end_at_the_best_line_and_the_best_constant() -> None:
    configs = [{"inner_bias": bias, "lr": 0.03} for bias in TRAPS.values()]
    hyperactive, dead = load_task("single_neuron", {"steps": 600, "device": "cpu"})(configs, [0, 1])
    assert isinstance(hyperactive, dict)
    assert isinstance(dead, dict)
    assert (hyperactive["active_share"], dead["active_share"]) == (1, 0)
    constant = mean([y * y for y in TARGETS]) - mean(TARGETS) ** 2
    line = constant - mean([x * y for x, y in zip(GRID, TARGETS, strict=True)]) ** 2 / mean([x * x for x in GRID])
    assert hyperactive["train_loss"] == pytest.approx(line, rel=1e-3)
    assert dead["train_loss"] == pytest.approx(constant, rel=1e-3)
    assert line == pytest.approx(1 / 48, rel=0.02)
    assert constant == pytest.approx(5 / 48, rel=0.02)
    assert dead["steps_to_fit"] == Measurement(600, censored="above")


def test_a_neuron_without_noise_starts_at_its_solution() -> None:
    metrics = load_task("single_neuron", {"steps": 20, "device": "cpu"})({"init_noise": 0.0}, 0)
    assert metrics["train_loss"] == 0
    assert metrics["steps_to_fit"] == Measurement(0)
    assert metrics["active_share"] == pytest.approx(0.5, abs=1 / 201)


def test_neurons_of_one_activation_train_together() -> None:
    train = load_task("single_neuron", {"steps": 20, "device": "cpu"})
    assert isinstance(train, AbstractBatched)
    configs = [
        {"inner_bias": 0.1 * index, "lr": 0.01 + 0.1 * index, "target_bias": index - 1} for index in range(4)
    ]
    (line,) = train.batched().plan(configs, [0, 1, 2, 3])
    assert line.startswith("together")
