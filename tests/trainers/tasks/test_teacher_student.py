from collections.abc import Sequence

import pytest
import torch

from physai_inverse.observations import Measurement, Metric
from physai_inverse.trainers import describe, load_task
from physai_inverse.trainers.batched.devices import isolated
from physai_inverse.trainers.tasks import Values
from physai_inverse.trainers.tasks.catalogue import teacher_student as task
from physai_inverse.trainers.tasks.networks.imitator import Imitator

SETTINGS = Values(describe("teacher_student").settings)


def trained(configs: Sequence[dict[str, object]], **settings: object) -> list[dict[str, Metric]]:
    found = load_task("teacher_student", {"device": "cpu", **settings})(configs, [0] * len(configs))
    return [metrics for metrics in found if isinstance(metrics, dict)]


def test_a_large_start_generalises_late_and_a_small_one_at_once() -> None:
    common = {"width": 40, "weight_decay": 0.3, "lr": 0.01}
    small, large = trained([{**common, "init_scale": 1.0}, {**common, "init_scale": 4.0}], steps=600)
    delays = [metrics["grokking_delay"] for metrics in (small, large)]
    assert all(isinstance(delay, Measurement) and delay.censored is None for delay in delays)
    assert float(delays[1]) > 50 > 10 > float(delays[0])


def test_at_a_length_that_is_held_too_large_a_student_learns_by_heart() -> None:
    common = {"width": 40, "norm": "fixed", "weight_decay": 0.001, "lr": 0.01}
    right, large = trained([{**common, "init_scale": scale} for scale in (0.8, 5.0)], steps=300)
    assert float(large["loss"]) < 0.05 * float(large["test_loss"])
    assert float(right["unexplained"]) < 0.1 < 1 < float(large["unexplained"])


def test_a_length_that_is_held_is_that_of_the_start_whatever_is_trained() -> None:
    X = torch.randn(20, 5, generator=torch.Generator().manual_seed(0))
    with isolated(0):
        held = Imitator((5, 8, 3), 2.0, True)
    with isolated(0):
        free = Imitator((5, 8, 3), 2.0, False)
    with torch.no_grad():
        torch.testing.assert_close(held(X), free(X))
        for parameter in held.parameters():
            parameter.mul_(7)
        torch.testing.assert_close(held(X), free(X))


def test_the_teacher_itself_loses_nothing_and_a_silent_student_everything() -> None:
    train = load_task("teacher_student", {"test_rows": 200}).batched()
    assert callable(train.given)
    X, Y = train.given({}, 3)
    with torch.no_grad():
        assert float(task._loss(task.teacher(SETTINGS, 3), (X, Y)).max()) < 1e-10
        assert float(task._loss(task.teacher(SETTINGS, 4), (X, Y)).mean()) > 0.5 * float(Y.var())
    assert not torch.equal(train.given({}, 4)[0], X)


def test_first_weights_are_even_within_the_scale_over_the_root_of_the_inputs() -> None:
    with isolated(0):
        network = Imitator((100, 50, 2), 3.0, False)
    weight = network.get_parameter("weight0").detach()
    assert float(weight.abs().max()) == pytest.approx(0.3, rel=0.01)
    assert float(weight.std()) == pytest.approx(0.3 / 3**0.5, rel=0.03)


def test_students_of_one_kind_of_norm_train_together() -> None:
    configs = [
        {
            "norm": norm,
            "init_scale": 1.0 + index,
            "train_rows": 30 + index * (norm == "free"),
            "lr": 0.001 * (1 + index),
        }
        for norm in ("free", "fixed")
        for index in range(3)
    ]
    train = load_task("teacher_student", {"steps": 10, "test_rows": 20, "device": "cpu"})
    lines = train.batched().plan(configs, [0] * 6)
    assert sorted(line.split(": ")[1] for line in lines) == ["0, 1, 2", "3, 4, 5"]
    for config, metrics in zip(configs, trained(configs, steps=10, test_rows=20), strict=True):
        assert float(metrics["test_loss"]) == pytest.approx(float(train(config, 0)["test_loss"]), rel=1e-4)
