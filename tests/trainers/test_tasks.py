import math
import pickle
from collections.abc import Callable, Mapping
from typing import cast

import pytest
import torch

from physai_inverse.errors import InvalidInput, TrialFailed
from physai_inverse.observations import Curve, Measurement, Metric, as_metrics
from physai_inverse.trainers import describe, load_task, task_names
from physai_inverse.trainers.tasks import optimizers
from physai_inverse.trainers.tasks.digits import load
from physai_inverse.trainers.tasks.mlp import MLP
from physai_inverse.trainers.tasks.modular_addition import log_steps

Train = Callable[[Mapping[str, object], int], dict[str, Metric]]
SHORT: dict[str, dict[str, object]] = {
    "digits": {"epochs": 2, "device": "cpu"},
    "modular_addition": {"p": 11, "steps": 60, "device": "cpu"},
}


def trainer(name: str, **settings: object) -> Train:
    return cast(Train, load_task(name, {**SHORT[name], **settings}))


def without_time(metrics: Mapping[str, Metric]) -> dict[str, Metric]:
    return {name: value for name, value in metrics.items() if name != "seconds"}


@pytest.fixture(params=task_names())
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_task_reports_exactly_the_metrics_it_declares(name: str) -> None:
    metrics = trainer(name)({}, 0)
    assert set(metrics) == set(describe(name).metrics)
    assert as_metrics(metrics) == metrics
    assert all(math.isfinite(float(value)) for value in metrics.values())


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not(name: str) -> None:
    train = trainer(name)
    first = without_time(train({}, 3))
    assert without_time(train({}, 3)) == first
    assert without_time(train({}, 4)) != first


def test_a_training_leaves_the_global_state_of_torch_alone(name: str) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    trainer(name)({}, 0)
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads


def test_a_result_does_not_depend_on_the_number_of_threads_around_it(name: str) -> None:
    train = trainer(name)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        first = without_time(train({}, 0))
        torch.set_num_threads(2)
        assert without_time(train({}, 0)) == first
    finally:
        torch.set_num_threads(before)


def test_a_task_travels_by_pickle(name: str) -> None:
    train = trainer(name)
    assert pickle.loads(pickle.dumps(train)) == train  # noqa: S301 - our own bytes


@pytest.mark.parametrize("corner", ["low", "high"])
def test_both_ends_of_every_range_can_be_trained(name: str, corner: str) -> None:
    config: dict[str, object] = {}
    for knob, content in describe(name).knobs.items():
        if content["type"] == "choice":
            config[knob] = cast(list[str], content["values"])[0 if corner == "low" else -1]
        elif content["type"] == "ordinal":
            config[knob] = cast(list[int], content["levels"])[0 if corner == "low" else -1]
        else:
            config[knob] = content[corner]
    assert "seconds" in trainer(name)(config, 0)


def test_every_default_lies_in_its_range(name: str) -> None:
    for content in describe(name).knobs.values():
        default = content["default"]
        if content["type"] in ("choice", "ordinal"):
            assert default in cast(list[object], content.get("values", content.get("levels")))
        else:
            assert cast(float, content["low"]) <= cast(float, default) <= cast(float, content["high"])


@pytest.mark.parametrize("observables", [False, "none", []])
def test_observables_can_be_left_out(name: str, observables: object) -> None:
    assert "sharpness" not in trainer(name, observables=observables)({}, 0)


def test_observables_can_be_chosen(name: str) -> None:
    metrics = trainer(name, observables=["dead_units", "weight_norm"])({}, 0)
    assert {"dead_units", "weight_norm"} <= set(metrics)
    assert not {"sharpness", "effective_rank"} & set(metrics)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"learning_rate": 0.1}, "no parameter `learning_rate`; there are `lr`, `weight_decay`"),
        ({"lr": "0.1"}, "`lr` must be a finite number"),
        ({"lr": 0.0}, "`lr` must be above 0"),
        ({"width": 2.5}, "`width` must be a whole number"),
        ({"width": True}, "`width` must be a finite number"),
        ({"weight_decay": math.nan}, "`weight_decay` must be a finite number"),
    ],
)
def test_a_bad_configuration_is_refused(name: str, config: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        trainer(name)(config, 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"colour": 1}, "has no setting `colour`; there are"),
        ({"device": "tpu"}, "`device` must be `auto`, `cpu` or `cuda`"),
        ({"observables": ["sharp"]}, "`observables` must be true, false or a list out of `weight_norm`"),
    ],
)
def test_settings_are_checked(name: str, settings: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        trainer(name, **settings)


@pytest.mark.parametrize(
    ("task", "settings", "message"),
    [
        ("digits", {"epochs": 0}, "`epochs` must be a whole number of at least 1"),
        ("modular_addition", {"p": 15}, "`p` must be a prime"),
        ("modular_addition", {"threshold": 1.5}, "`threshold` must be a number between 0 and 1"),
        ("modular_addition", {"settle": 0.5}, "`settle` must be"),
    ],
)
def test_settings_of_one_task_are_checked(task: str, settings: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        load_task(task, settings)


def test_an_unknown_task_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidInput, match="no task `mnist`; there are `digits`"):
        describe("mnist")


@pytest.mark.skipif(torch.cuda.is_available(), reason="asks what happens without CUDA")
def test_a_missing_device_fails_the_trial(name: str) -> None:
    with pytest.raises(TrialFailed, match="no CUDA device"):
        trainer(name, device="cuda")({}, 0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_gpu_trains_as_a_cpu_does(name: str) -> None:
    on_cpu, on_gpu = trainer(name)({}, 0), trainer(name, device="cuda")({}, 0)
    assert float(on_gpu["train_loss"]) == pytest.approx(float(on_cpu["train_loss"]), rel=0.02)


# Digits


def test_the_digits_are_split_once_and_stratified() -> None:
    data = load()
    assert [len(data[part][1]) for part in ("train", "val", "test")] == [1078, 360, 359]
    for X, y in data.values():
        assert X.shape[1] == 64
        assert (torch.bincount(y).double() / len(y) - 0.1).abs().max() < 0.005
    rows = torch.cat([X for X, _ in data.values()])
    assert rows.mean().abs() < 1e-3
    assert rows.std() == pytest.approx(1, abs=1e-3)


def test_the_digits_are_learned() -> None:
    metrics = trainer("digits", epochs=15)({}, 0)
    assert float(metrics["val_accuracy"]) > 0.95
    assert metrics["parameters"] == 64 * 64 + 64 + 64 * 64 + 64 + 64 * 10 + 10
    assert metrics["epochs_to_90"] == Measurement(float(metrics["epochs_to_90"]))
    assert metrics["sharpness_converged"] == 1
    curve = metrics["val_loss_curve"]
    assert isinstance(curve, Curve)
    assert (curve.steps, curve.values[-1]) == (tuple(range(1, 16)), metrics["val_loss"])


def test_a_rate_that_is_too_high_diverges_and_says_so() -> None:
    config = {"optimizer": "sgd", "lr": 3.0, "momentum": 0.9, "init_scale": 3.0, "depth": 4}
    metrics = trainer("digits")(config, 0)
    assert math.isnan(float(metrics["val_loss"]))
    assert math.isnan(float(metrics["val_loss_curve"]))
    assert metrics["epochs_to_90"] == Measurement(2, censored="above")
    assert "sharpness" not in metrics


def test_an_inactive_parameter_changes_nothing() -> None:
    train = trainer("digits", observables=False)
    assert without_time(train({"momentum": 0.1}, 0)) == without_time(train({}, 0))


# Modular addition


def test_modular_addition_groks() -> None:
    metrics = trainer("modular_addition", p=23, steps=3000, observables=["fourier_concentration"])({}, 0)
    early, late = metrics["steps_to_train_90"], metrics["steps_to_test_90"]
    assert isinstance(early, Measurement)
    assert isinstance(late, Measurement)
    assert early.censored is late.censored is None
    assert late.value > 3 * early.value
    assert metrics["grokking_delay"] == Measurement(late.value - early.value)
    curve = metrics["test_accuracy_curve"]
    assert isinstance(curve, Curve)
    assert curve.steps[-1] < 3000  # it ends early, once settled


def test_a_test_accuracy_that_is_not_reached_is_censored_at_the_budget() -> None:
    metrics = trainer("modular_addition", steps=300)({"train_share": 0.2, "weight_decay": 0.03}, 0)
    assert metrics["steps_to_test_90"] == Measurement(300, censored="above")
    delay = metrics["grokking_delay"]
    assert isinstance(delay, Measurement)
    assert delay.censored == "above"


def test_a_delay_is_absent_where_not_even_the_training_pairs_are_learned() -> None:
    assert "grokking_delay" not in trainer("modular_addition", steps=3)({}, 0)


@pytest.mark.parametrize("budget", [1, 2, 7, 100, 2999])
def test_logged_steps_run_from_zero_to_the_budget(budget: int) -> None:
    steps = log_steps(budget)
    assert (steps[0], steps[-1]) == (0, budget)
    assert list(steps) == sorted(set(steps))


# What they share


def test_the_network_is_that_of_torch() -> None:
    network = MLP((5, 7, 7, 3), "gelu")
    w = network.initial(1.0, 0, torch.device("cpu"))
    views = network.layout.views(w)
    layers: list[torch.nn.Module] = []
    for index, (inputs, outputs) in enumerate([(5, 7), (7, 7), (7, 3)]):
        linear = torch.nn.Linear(inputs, outputs)
        linear.load_state_dict({"weight": views[f"weight{index}"], "bias": views[f"bias{index}"]})
        layers += [linear, torch.nn.GELU()]
    X = torch.randn(11, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(network.logits(w, X), torch.nn.Sequential(*layers[:-1])(X))
    assert len(w) == network.layout.size == 5 * 7 + 7 + 7 * 7 + 7 + 7 * 3 + 3


def test_initial_weights_have_the_stated_spread() -> None:
    network = MLP((400, 300, 10), "relu")
    views = network.layout.views(network.initial(2.0, 1, torch.device("cpu")).detach())
    assert float(views["weight0"].std()) == pytest.approx(2 * math.sqrt(2 / 400), rel=0.01)
    assert float(views["bias0"].abs().max()) == 0


def test_dropout_keeps_the_mean() -> None:
    network = MLP((4, 20_000, 1), "relu")
    w = network.initial(1.0, 0, torch.device("cpu")).detach()
    X = torch.ones(1, 4)
    dropped = network.logits(w, X, 0.5, torch.Generator().manual_seed(0))
    views = network.layout.views(w)
    hidden = network.hidden(w, X)[0][1]
    spread = float((hidden * views["weight1"]).norm())
    assert abs(float(dropped - network.logits(w, X))) < 4 * spread


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (optimizers.SGD(0.1, 0.01, 0.9), lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=0.01)),
        (optimizers.SGD(0.1), lambda p: torch.optim.SGD(p, 0.1)),
        (optimizers.AdamW(0.1, 0.5), lambda p: torch.optim.AdamW(p, 0.1, weight_decay=0.5)),
        (optimizers.RMSprop(0.1, 0.01), lambda p: torch.optim.RMSprop(p, 0.1, weight_decay=0.01)),
    ],
)
def test_optimisers_step_like_those_of_torch(
    ours: optimizers.Optimizer, theirs: Callable[[list[torch.Tensor]], torch.optim.Optimizer]
) -> None:
    w = torch.linspace(-1, 2, 6, dtype=torch.float64)
    reference = w.clone().requires_grad_()
    optimizer = theirs([reference])
    for _ in range(20):
        optimizer.zero_grad()
        loss = (reference.sin() * reference.square()).sum()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        optimizer.step()
        point = w.clone().requires_grad_()
        (gradient,) = torch.autograd.grad((point.sin() * point.square()).sum(), point)
        ours.step(w, gradient)
    torch.testing.assert_close(w, reference.detach())
