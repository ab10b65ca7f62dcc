import pytest
import torch
from torch import nn

from physai_inverse.errors import InvalidInput
from physai_inverse.trainers import load_task
from physai_inverse.trainers.tasks.catalogue import flow_matching as task


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Towards(nn.Module):
    """Knows that all data lie at one point."""

    def __init__(self, prediction: str) -> None:
        super().__init__()
        self.prediction = prediction

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        place, time = inputs[:, :2], inputs[:, 2:]
        point = torch.tensor([1.0, -2.0])
        start = (place - time * point) / (1 - time)
        return {"velocity": point - start, "data": point.expand_as(place), "noise": start}[self.prediction]


@pytest.mark.parametrize("prediction", ["velocity", "data", "noise"])
def test_the_exact_flow_carries_every_sample_to_the_only_point_of_the_data(prediction: str) -> None:
    start = torch.randn(20, 2, generator=source())
    found = task.sample(Towards(prediction), prediction, start, 50)
    torch.testing.assert_close(found, torch.tensor([1.0, -2.0]).expand(20, 2), atol=1e-3, rtol=0)


@pytest.mark.parametrize("prediction", ["velocity", "data", "noise"])
def test_what_is_predicted_gives_the_velocity_back(prediction: str) -> None:
    settings = {"test_rows": 30}
    train = load_task("flow_matching", settings).batched()
    assert callable(train.given)
    inputs, truth, of_output, of_place = train.given({"prediction": prediction}, 0)
    data = inputs[:, :2] + (1 - inputs[:, 2:]) * truth
    outputs = {"velocity": truth, "data": data, "noise": data - truth}[prediction]
    torch.testing.assert_close(of_output * outputs + of_place * inputs[:, :2], truth, atol=1e-4, rtol=1e-4)


def test_a_network_that_says_nothing_loses_what_the_velocity_varies_by() -> None:
    train = load_task("flow_matching", {"shape": "circle", "noise": 0.0, "test_rows": 20000}).batched()
    module = train.build({})
    assert callable(train.given)
    assert train.measure is not None
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
        found = train.measure(module, train.given({}, 0))
    assert float(found["velocity_loss"]) == pytest.approx(1 + 0.5, rel=0.03)  # of noise, and of a circle


def test_a_cloud_has_no_energy_distance_from_itself_and_some_from_another() -> None:
    X = torch.randn(100, 2, generator=source()).double()
    assert task.energy_distance(X, X) == pytest.approx(0, abs=1e-6)
    assert task.energy_distance(X[:1], X[:1] + 3) == pytest.approx(2 * 3 * 2**0.5)


@pytest.mark.parametrize("shape", task.SHAPES)
def test_points_of_a_shape_lie_on_it_and_go_all_the_way_round(shape: str) -> None:
    share = torch.linspace(0, 1, 401)
    way = task.on(shape, share)
    gaps = (way[1:] - way[:-1]).norm(dim=1)
    assert float(gaps.max()) < 0.2
    if shape == "square":
        torch.testing.assert_close(way.abs().max(dim=1).values, torch.ones(401))
        assert float(gaps.sum()) == pytest.approx(8, rel=1e-3)
    elif shape == "circle":
        torch.testing.assert_close(way.norm(dim=1), torch.ones(401))
    else:
        assert float(way.norm(dim=1).max()) == pytest.approx(1.5)
    if shape != "spiral":
        torch.testing.assert_close(way[0], way[-1], atol=1e-5, rtol=0)


def test_a_trained_flow_draws_the_shape() -> None:
    train = load_task("flow_matching", {"shape": "circle", "steps": 300, "device": "cpu", "depth": 2})
    config = {"width": 48, "lr": 0.01, "time_mean": 1.0}
    taught = train(config, 0)
    still = train.with_settings(steps=1)(config, 0)
    assert float(taught["energy_distance"]) < 0.1 * float(still["energy_distance"])
    assert float(taught["on_shape"]) > 3 * float(still["on_shape"])


def test_an_unknown_shape_is_refused() -> None:
    with pytest.raises(InvalidInput, match="`shape` must be one of `spiral`, `circle`, `square`, not 'star'"):
        load_task("flow_matching", {"shape": "star"})


def test_configurations_of_one_batch_size_train_together() -> None:
    configs = [
        {"width": 16 + index, "time_mean": float(index), "prediction": prediction}
        for index, prediction in enumerate(("velocity", "data", "noise"))
    ]
    (line,) = load_task("flow_matching", {"test_rows": 20}).batched().plan(configs, [0, 1, 2])
    assert line.startswith("together")
