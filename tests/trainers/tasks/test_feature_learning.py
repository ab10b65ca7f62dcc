import pytest
import torch

from physai_inverse.observations import Curve
from physai_inverse.trainers import load_task
from physai_inverse.trainers.batched.devices import isolated
from physai_inverse.trainers.tasks.catalogue.feature_learning import bending_units, linear_loss
from physai_inverse.trainers.tasks.networks.two_layers import TwoLayers


def test_a_unit_is_nonlinear_where_it_is_on_for_some_rows_only() -> None:
    Z = torch.tensor([[1.0, -1.0, 1.0, 0.0], [2.0, -2.0, -1.0, 3.0]])
    assert float(bending_units(Z)) == 2


def test_linear_regression_leaves_what_no_straight_line_explains() -> None:
    X = torch.linspace(-1, 1, 101)[:, None]
    assert linear_loss(X, 3 * X - 2) == pytest.approx(0, abs=1e-12)
    assert linear_loss(X, X.square()) == pytest.approx(float(X.square().var(unbiased=False)), rel=1e-5)


def test_the_units_that_are_counted_are_those_of_the_second_layer() -> None:
    with isolated(0):
        module = TwoLayers(3, 5)
        X = torch.randn(7, 3)
    torch.testing.assert_close(module(X), module.last(module.units(X).relu()))
    assert module.units(X).shape == (7, 5)


def test_most_units_cease_to_bend_within_fifty_steps() -> None:
    metrics = load_task("feature_learning", {"steps": 50, "device": "cpu"})({}, 0)
    curve = metrics["bending_units_curve"]
    assert isinstance(curve, Curve)
    assert (curve.steps[0], curve.steps[-1]) == (0, 50)
    assert curve.values[-1] < 0.5 * curve.values[0]
    assert metrics["fewest_units"] == min(curve.values)


def test_narrow_and_wide_networks_train_together_and_count_their_own_units() -> None:
    configs = [{"width": width, "frequency": 1.0} for width in (16, 24)]
    train = load_task("feature_learning", {"steps": 20, "samples": 40, "device": "cpu"})
    assert [line.split(":")[0] for line in train.batched().plan(configs, [0, 1])] == ["together by vmap"]
    for seed, found in enumerate(train(configs, [0, 1])):
        assert isinstance(found, dict)
        alone = train(configs[seed], seed)
        assert found["bending_units_curve"] == alone["bending_units_curve"]
        assert found["train_loss"] == pytest.approx(alone["train_loss"], rel=1e-4)
