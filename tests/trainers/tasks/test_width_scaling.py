import math
from typing import cast

import pytest
import torch
from torch import nn

from physai_inverse.observations import Curve, Metric
from physai_inverse.trainers import load_task
from physai_inverse.trainers.batched.devices import isolated
from physai_inverse.trainers.tasks.catalogue.width_scaling import teacher


def trained(configs: list[dict[str, object]], seeds: list[int], **settings: object) -> list[dict[str, Metric]]:
    found = load_task("width_scaling", {"device": "cpu", **settings})(configs, seeds)
    return cast(list[dict[str, Metric]], found)


def built(config: dict[str, object]) -> nn.Module:
    with isolated(0):
        return load_task("width_scaling").batched().build(config)


def test_the_teacher_has_answers_of_variance_one_that_its_hidden_values_explain() -> None:
    one = teacher(16, 32)
    X, y = one.test
    assert float(y.std()) == pytest.approx(1, rel=0.05)
    H = one.hidden(X)
    assert torch.linalg.lstsq(H, y).solution.sub(one.last[:, None]).abs().max() < 1e-4
    torch.testing.assert_close(one.answer(X), y)


@pytest.mark.parametrize("parametrisation", ["standard", "mup"])
def test_first_weights_have_the_variance_of_their_parametrisation(parametrisation: str) -> None:
    weights = list(built({"width": 500, "parametrisation": parametrisation}).parameters())[::2]
    last = 0.0 if parametrisation == "mup" else math.sqrt(1 / 500)
    for weight, expected in zip(weights, (math.sqrt(2 / 16), math.sqrt(2 / 500), last), strict=True):
        assert float(weight.detach().square().mean().sqrt()) == pytest.approx(expected, rel=0.08)


def test_under_mup_only_the_last_two_layers_learn_slower_as_the_width_grows() -> None:
    recipe = load_task("width_scaling", {"base_width": 32}).batched().recipe
    names = [name for name, _ in built({}).named_parameters()]
    assert names == ["0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias"]
    found = [recipe({"width": 128, "parametrisation": "mup"}).factor_of(name) for name in names]
    assert found == [1, 1, 0.25, 1, 0.25, 1]
    assert recipe({"width": 128}).factors == ()


def test_widths_and_parametrisations_train_together() -> None:
    configs: list[dict[str, object]] = [
        {"width": width, "parametrisation": word} for width in (64, 96) for word in ("standard", "mup")
    ]
    plan = load_task("width_scaling", {"steps": 50}).batched().plan(configs, [0] * 4)
    assert plan == ["together as batched products: 0, 1, 2, 3"]


def test_the_late_loss_is_that_of_the_batches_of_the_last_quarter() -> None:
    (metrics,) = trained([{}], [0], steps=40)
    curve = metrics["loss_curve"]
    assert isinstance(curve, Curve)
    assert curve.steps[-5:] == (32, 34, 36, 38, 40)
    assert metrics["late_loss"] == pytest.approx(sum(curve.values[-5:]) / 5)
    assert metrics["parameters"] == 16 * 64 + 64 + 64 * 64 + 64 + 64 + 1


def test_after_one_step_the_output_grows_with_the_width_in_the_standard_parametrisation_only() -> None:
    configs: list[dict[str, object]] = [
        {"width": width, "parametrisation": word, "lr": 2**-6}
        for word in ("standard", "mup")
        for width in (64, 512)
    ]
    narrow, wide, narrow_mup, wide_mup = trained(configs, [0] * 4, steps=1)
    assert float(wide["coordinate_3"]) > 4 * float(narrow["coordinate_3"])
    assert float(wide_mup["coordinate_3"]) < 2 * float(narrow_mup["coordinate_3"])
