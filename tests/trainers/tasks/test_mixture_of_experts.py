import math

import pytest
import torch

from physai_inverse.errors import InvalidInput
from physai_inverse.trainers import load_task
from physai_inverse.trainers.batched.devices import isolated
from physai_inverse.trainers.tasks.catalogue.mixture_of_experts import truth
from physai_inverse.trainers.tasks.networks.experts import Experts

X = torch.rand(50, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1


def experts(number: int, units: int) -> Experts:
    with isolated(0):
        return Experts(2, number, units, torch.nn.Tanh(), 1.0)


def test_experts_that_are_all_alike_are_one_whatever_the_gate_says() -> None:
    several, one = experts(3, 4), experts(1, 4)
    with torch.no_grad():
        several.hidden.weight.copy_(one.hidden.weight.repeat(3, 1))
        several.hidden.bias.copy_(one.hidden.bias.repeat(3))
        several.output.copy_(one.output.expand(3, 4))
        one.output_bias.fill_(0.5)
        several.output_bias.fill_(0.5)
        torch.testing.assert_close(several(X), one(X))


def test_a_steep_gate_gives_each_half_to_an_expert_of_its_own() -> None:
    network = experts(2, 3)
    with torch.no_grad():
        network.gate.weight.copy_(torch.tensor([[1e4, 0.0], [-1e4, 0.0]]))
        network.output.zero_()
        network.output_bias.copy_(torch.tensor([2.0, -1.0]))
        torch.testing.assert_close(network(X), torch.where(X[:, 0] > 0, 2.0, -1.0))
        torch.testing.assert_close(network.gates(X).sum(dim=1), torch.ones(50))


def test_a_network_of_zeros_explains_nothing_and_uses_all_gates_alike() -> None:
    train = load_task("mixture_of_experts").batched()
    module = train.build({"experts": 4})
    assert callable(train.given)
    assert train.measure is not None
    points, values = train.given({"frequency": math.pi}, 0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
        found = train.measure(module, (points, values))
    assert float(found["test_loss"]) == pytest.approx(1)  # two sines of one period: half each
    assert float(found["gate_entropy"]) == pytest.approx(math.log(4))
    torch.testing.assert_close(truth(X, 7.0), (7 * X[:, 0]).sin() + (7 * X[:, 1]).sin())


def test_gates_let_smooth_experts_bend() -> None:
    train = load_task("mixture_of_experts", {"rows": 300, "steps": 500, "device": "cpu"})
    config = {"frequency": 5.0, "lr": 0.02}
    single, several = train([{**config, "experts": number} for number in (1, 20)], [0, 0])
    assert isinstance(single, dict)
    assert isinstance(several, dict)
    assert float(several["test_loss"]) < 0.7 * float(single["test_loss"])
    assert float(single["used_experts"]) == 1 < float(several["used_experts"]) <= 20


def test_experts_that_do_not_divide_the_units_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"`experts` must divide `units` \(50\), which 20 does not"):
        load_task("mixture_of_experts", {"units": 50})({}, 0)


def test_configurations_of_one_number_of_experts_train_together() -> None:
    configs = [{"experts": number, "lr": 0.01 * (1 + index)} for index, number in enumerate((10, 10, 4, 4, 4))]
    lines = load_task("mixture_of_experts", {"rows": 40, "grid": 5}).batched().plan(configs, [0] * 5)
    assert sorted(line.split(": ")[1] for line in lines) == ["0, 1", "2, 3, 4"]
