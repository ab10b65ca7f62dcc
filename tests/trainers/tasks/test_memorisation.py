import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from physai_inverse.observations import Curve
from physai_inverse.trainers import load_task
from physai_inverse.trainers.tasks.catalogue.memorisation import memorised_bits
from physai_inverse.trainers.tasks.networks.memory import ACTIVATIONS, Waves, chain


def test_bits_run_from_none_by_guessing_to_all_of_the_labels() -> None:
    assert memorised_bits(math.log(10), 10, 50) == pytest.approx(0, abs=1e-12)
    assert memorised_bits(0.0, 8, 50) == pytest.approx(150)


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        ({"model": "linear", "inputs": 7, "classes": 5}, 35),
        ({"model": "two_layer", "width": 12, "inputs": 7, "classes": 5}, 2 * 7 * 12 + 35),
        ({"model": "three_layer", "width": 12, "inputs": 7, "classes": 5, "activation": "sin"}, 2 * 84 + 144 + 35),
    ],
)
def test_the_models_have_the_published_shapes(config: dict[str, object], parameters: int) -> None:
    metrics = load_task("memorisation", {"steps": 3})(config, 0)
    assert metrics["parameters"] == parameters
    assert metrics["bits_per_parameter"] == pytest.approx(float(metrics["memorised_bits"]) / parameters)
    assert isinstance(metrics["loss_curve"], Curve)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_network_is_its_activation_between_its_layers(activation: str) -> None:
    network = chain(4, (6, 5), 3, activation)
    X = torch.randn(9, 4, generator=torch.Generator().manual_seed(0))
    function: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "relu": torch.relu,
        "relu2": lambda z: z.relu() ** 2,
        "silu": nn.functional.silu,
        "sin": torch.sin,
    }
    first, second, back, head = (layer.weight for layer in network if isinstance(layer, nn.Linear))
    scale = 1.7 if activation == "sin" else 1.0
    hidden = function[activation](scale * function[activation](scale * X @ first.T) @ second.T)
    found = network(X, torch.full((9, 1), 1.7)) if isinstance(network, Waves) else network(X)
    torch.testing.assert_close(found, hidden @ back.T @ head.T)


def test_networks_of_any_width_samples_and_frequency_train_together() -> None:
    train = load_task("memorisation", {"steps": 30, "device": "cpu"}).batched()
    plain = [{"width": 8 + index, "samples": 60 + index, "activation": "relu"} for index in range(3)]
    waves = [
        {"width": 8 + index, "samples": 60, "activation": "sin", "frequency": 1.0 + index} for index in range(3)
    ]
    plan = train.plan([*plain, *waves], list(range(6)))
    assert len(plan) == 2
    assert all(line.startswith("together") for line in plan)
    together = train([*plain, *waves], list(range(6)))
    for seed, config in ((1, plain[1]), (4, waves[1])):
        found = together[seed]
        assert isinstance(found, dict)
        assert float(found["train_loss"]) == pytest.approx(float(train(config, seed)["train_loss"]), rel=1e-3)


def test_a_linear_layer_learns_few_random_labels_by_heart_and_not_many() -> None:
    train = load_task("memorisation", {"steps": 400})
    configs = [{"model": "linear", "samples": samples, "lr": 0.05} for samples in (20, 200)]
    few, many = train(configs, [0, 0])
    assert isinstance(few, dict)
    assert isinstance(many, dict)
    assert few["train_accuracy"] == 1
    assert float(few["memorised_bits"]) == pytest.approx(20 * math.log2(10), rel=0.05)
    assert float(many["train_accuracy"]) < 0.5
    assert float(many["memorised_samples"]) > 20


def test_a_training_that_diverges_knows_nothing() -> None:
    metrics = load_task("memorisation", {"steps": 40})({"lr": 1e30, "activation": "relu2"}, 0)
    assert math.isnan(float(metrics["train_loss"]))
    assert math.isnan(float(metrics["memorised_bits"]))
