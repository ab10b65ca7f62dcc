import math
import pickle
from collections.abc import Callable, Mapping
from typing import cast

import pytest
import torch
from torch import nn

from physai_inverse.errors import InvalidInput, TrialFailed
from physai_inverse.observations import Curve, Measurement, Metric, as_metrics
from physai_inverse.trainers import as_trainer, describe, load_task, may_stop, taken, task_names
from physai_inverse.trainers.batched import AbstractBatched, BatchedTrainer
from physai_inverse.trainers.batched.devices import isolated
from physai_inverse.trainers.batched.layout import flat
from physai_inverse.trainers.tasks.catalogue.digits import load
from physai_inverse.trainers.tasks.networks.mlp import MLP
from physai_inverse.trainers.tasks.steps import log_steps

Train = Callable[[Mapping[str, object], int], dict[str, Metric]]
SHORT: dict[str, dict[str, object]] = {
    "addition_decoder": {"steps": 40, "outputs": 5, "threshold": 0.02, "device": "cpu"},
    "associative_recall": {"steps": 2, "judged": 32, "device": "cpu"},
    "breast_cancer": {"epochs": 2, "device": "cpu"},
    "characters": {"steps": 10, "judged": 64, "device": "cpu"},
    "circle_walk": {"steps": 40, "device": "cpu"},
    "copy_attention": {"steps": 20, "judged": 64, "device": "cpu"},
    "deep_linear": {"duration": 0.5, "modes": 3, "device": "cpu"},
    "diabetes": {"epochs": 2, "device": "cpu"},
    "digits": {"epochs": 2, "device": "cpu"},
    "double_descent": {"samples": 20, "repeats": 3, "test_rows": 20},
    "edge_of_stability": {"steps": 8, "device": "cpu"},
    "feature_learning": {"steps": 20, "samples": 30, "device": "cpu"},
    "flow_matching": {
        "samples": 40,
        "sampling_steps": 5,
        "steps": 20,
        "test_rows": 50,
        "depth": 2,
        "device": "cpu",
    },
    "loss_spikes": {"steps": 30, "device": "cpu"},
    "low_rank_bigram": {"steps": 40, "device": "cpu"},
    "memorisation": {"steps": 30, "device": "cpu"},
    "mixture_of_experts": {"rows": 40, "grid": 5, "steps": 20, "device": "cpu"},
    "modular_addition": {"p": 11, "steps": 60, "device": "cpu"},
    "neural_collapse": {"steps": 20, "samples": 6, "device": "cpu"},
    "noisy_quadratic": {"steps": 30, "copies": 2, "device": "cpu"},
    "phase_diagram": {},
    "polynomial": {"steps": 20, "device": "cpu"},
    "residual_depth": {"steps": 3, "dimension": 4, "samples": 20, "device": "cpu"},
    "scaling_law": {},
    "single_neuron": {"steps": 30, "device": "cpu"},
    "sparse_parity": {"steps": 40, "test_rows": 50, "device": "cpu"},
    "structured_labels": {"steps": 20, "device": "cpu"},
    "superposition": {"features": 40, "steps": 20, "test_rows": 50, "device": "cpu"},
    "teacher_student": {"steps": 40, "test_rows": 50, "threshold": 0.99, "device": "cpu"},
    "unigram": {"steps": 50, "device": "cpu"},
    "width_scaling": {"steps": 3, "base_width": 8, "device": "cpu"},
    "wine": {"epochs": 2, "device": "cpu"},
}


def trainer(name: str, **settings: object) -> Train:
    return cast(Train, load_task(name, {**SHORT[name], **settings}))


def trains_networks(name: str) -> bool:
    return isinstance(load_task(name, SHORT[name]).trainer(), BatchedTrainer)


def without_time(metrics: Mapping[str, Metric]) -> dict[str, Metric]:
    timed = ("seconds", "observe_seconds", "observe_share")
    return {name: value for name, value in metrics.items() if name not in timed}


@pytest.fixture(params=task_names())
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_task_reports_exactly_the_metrics_it_declares(name: str) -> None:
    metrics = trainer(name)({}, 0)
    assert set(metrics) == set(describe(name, SHORT[name]).metrics)
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
        elif content["type"] == "boolean":
            config[knob] = corner == "high"
        else:
            config[knob] = content[corner]
    assert "seconds" in trainer(name)(config, 0)


def test_every_default_lies_in_its_range(name: str) -> None:
    for content in describe(name).knobs.values():
        default = content["default"]
        if content["type"] in ("choice", "ordinal"):
            assert default in cast(list[object], content.get("values", content.get("levels")))
        elif content["type"] == "boolean":
            assert isinstance(default, bool)
        else:
            assert cast(float, content["low"]) <= cast(float, default) <= cast(float, content["high"])


OBSERVED = [name for name in task_names() if trains_networks(name)]


@pytest.mark.parametrize("name", OBSERVED)
@pytest.mark.parametrize("observables", [False, "none", []])
def test_observables_can_be_left_out(name: str, observables: object) -> None:
    assert "sharpness" not in trainer(name, observables=observables)({}, 0)


@pytest.mark.parametrize("name", OBSERVED)
def test_observables_can_be_chosen(name: str) -> None:
    metrics = trainer(name, observables=["gradients", "weight_norm"])({}, 0)
    assert {"gradient_norm", "weight_norm", "observe_seconds"} <= set(metrics)
    assert not {"sharpness", "effective_rank"} & set(metrics)


def test_a_bad_configuration_is_refused(name: str) -> None:
    knobs = describe(name).knobs
    bad: list[tuple[dict[str, object], str]] = [
        ({"colour": 1}, f"no parameter `colour`; there are `{next(iter(knobs))}`")
    ]
    for knob, content in knobs.items():
        if content["type"] == "boolean":
            bad.append(({knob: 1}, f"`{knob}` must be true or false"))
        elif content["type"] == "choice":
            bad.append(({knob: "no such word"}, f"`{knob}` must be one of"))
        else:
            bad += [({knob: value}, f"`{knob}` must be a finite number") for value in ("0.1", math.nan, True)]
            if content["type"] != "float":
                bad.append(({knob: cast(float, content["default"]) + 0.5}, f"`{knob}` must be a whole number"))
            if content.get("log"):
                bad.append(({knob: 0}, f"`{knob}` must be above 0"))
    train = trainer(name)
    for config, message in bad:
        with pytest.raises(InvalidInput, match=message):
            train(config, 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"colour": 1}, "has no setting `colour`; there are"),
        ({"device": "tpu"}, "`device` must be `auto`, `cpu` or `cuda`"),
        ({"observables": ["sharp"]}, "`observables` has 'sharp', which is neither an observable"),
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
    with pytest.raises(InvalidInput, match=r"no task `mnist`; there are .*`digits`"):
        describe("mnist")


@pytest.mark.skipif(torch.cuda.is_available(), reason="asks what happens without CUDA")
def test_a_missing_device_fails_the_trial(name: str) -> None:
    if not trains_networks(name):
        pytest.skip("no device is asked for where nothing is trained by gradients")
    with pytest.raises(TrialFailed, match="no CUDA device"):
        trainer(name, device="cuda")({}, 0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_gpu_trains_as_a_cpu_does(name: str) -> None:
    if not trains_networks(name):
        pytest.skip("nothing is trained by gradients")
    on_cpu, on_gpu = trainer(name)({}, 0), trainer(name, device="cuda")({}, 0)
    name = "train_loss" if "train_loss" in on_cpu else "loss"
    assert float(on_gpu[name]) == pytest.approx(float(on_cpu[name]), rel=0.02)


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


def test_what_is_observed_is_the_network_that_was_trained() -> None:
    network = MLP((5, 7, 7, 3), "gelu")
    layers = [nn.Linear(5, 7), nn.GELU(), nn.Linear(7, 7), nn.GELU(), nn.Linear(7, 3)]
    module = nn.Sequential(*layers)
    X = torch.randn(11, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(network.logits(flat(module), X), module(X))
    assert network.layout.size == len(flat(module)) == 5 * 7 + 7 + 7 * 7 + 7 + 7 * 3 + 3


def test_initial_weights_have_the_stated_spread() -> None:
    with isolated(1):
        layer = MLP.linear(400, 300, 2.0)
    assert float(layer.weight.detach().std()) == pytest.approx(2 * math.sqrt(2 / 400), rel=0.01)
    assert float(layer.bias.detach().abs().max()) == 0


# What the tasks gave when each model was trained by a loop of its own, before they shared a trainer.
BEFORE: list[tuple[str, dict[str, object], int, dict[str, float]]] = [
    (
        "digits",
        {},
        0,
        {
            "train_loss": 0.0412718,
            "val_loss": 0.0975494,
            "test_accuracy": 0.972145,
            "weight_norm": 18.6158,
            "sharpness": 4.8298,
        },
    ),
    (
        "digits",
        {
            "optimizer": "sgd",
            "lr": 0.05,
            "momentum": 0.8,
            "width": 40,
            "depth": 3,
            "batch_size": 32,
            "activation": "tanh",
        },
        1,
        {
            "train_loss": 0.0967059,
            "val_loss": 0.119119,
            "test_accuracy": 0.961003,
            "weight_norm": 17.3451,
            "sharpness": 3.25885,
        },
    ),
    (
        "digits",
        {
            "optimizer": "rmsprop",
            "lr": 0.001,
            "dropout": 0.3,
            "width": 100,
            "activation": "gelu",
            "batch_size": 128,
        },
        2,
        {
            "train_loss": 0.238797,
            "val_loss": 0.249831,
            "test_accuracy": 0.938719,
            "weight_norm": 20.7075,
            "sharpness": 5.05523,
        },
    ),
    (
        "modular_addition",
        {"train_share": 0.3, "width": 50, "lr": 0.03, "weight_decay": 3.0, "init_scale": 2.0},
        1,
        {
            "train_loss": 0.7145,
            "test_loss": 4.10164,
            "train_accuracy": 0.916667,
            "weight_norm": 9.68155,
            "sharpness": 2.31555,
        },
    ),
]


@pytest.mark.parametrize(("task", "config", "seed", "expected"), BEFORE)
def test_a_task_gives_what_it_gave_when_it_had_a_loop_of_its_own(
    task: str, config: dict[str, object], seed: int, expected: dict[str, float]
) -> None:
    settings: dict[str, dict[str, object]] = {"digits": {"epochs": 3}, "modular_addition": {"steps": 100}}
    metrics = trainer(task, **settings[task])(config, seed)
    assert {name: float(metrics[name]) for name in expected} == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("task", "configs"),
    [
        (
            "digits",
            [
                {"width": width, "activation": activation, "batch_size": size, "dropout": 0.2, "lr": 0.003}
                for width, activation, size in (
                    (20, "relu", 32),
                    (30, "tanh", 48),
                    (40, "gelu", 48),
                    (24, "relu", 32),
                )
            ],
        ),
        (
            "modular_addition",
            [{"width": 32 + 4 * index, "train_share": 0.3 + 0.1 * index} for index in range(4)],
        ),
    ],
)
def test_a_task_gives_together_what_it_gives_one_by_one(task: str, configs: list[dict[str, object]]) -> None:
    train = load_task(task, SHORT[task])
    assert isinstance(train, AbstractBatched)
    (line,) = train.batched().plan(configs, [0, 1, 2, 3])
    assert line.startswith("together")
    for seed, metrics in enumerate(train(configs, [0, 1, 2, 3])):
        assert isinstance(metrics, dict)
        alone = train(configs[seed], seed)
        assert set(metrics) == set(alone)
        for name, value in without_time(alone).items():
            assert float(metrics[name]) == pytest.approx(float(value), rel=0.01, abs=1e-6), name


@pytest.mark.parametrize("name", ["digits", "modular_addition"])
def test_a_study_stops_a_built_in_training_early_only_where_that_was_asked_for(name: str) -> None:
    assert not may_stop(as_trainer(load_task(name)))
    asked = as_trainer(load_task(name, stop_early=True))
    assert may_stop(asked)
    assert "report" in taken(asked)


@pytest.mark.parametrize(
    ("name", "settings", "last", "clock"),
    [
        ("digits", {"epochs": 6}, 3.0, "val_loss"),
        ("modular_addition", {"steps": 200, "p": 11}, 100.0, "test_loss"),
    ],
)
def test_a_training_that_is_stopped_measures_no_more_than_is_known(
    name: str, settings: dict[str, object], last: float, clock: str
) -> None:
    told: list[float] = []

    def report(step: float, metrics: Mapping[str, float]) -> bool:
        assert clock in metrics
        told.append(step)
        return step >= last

    metrics = trainer(name, **settings)({}, 0, report)  # type: ignore[call-arg]  # a task takes a report, too
    curve = metrics[f"{clock}_curve"]
    assert isinstance(curve, Curve)
    assert list(curve.steps) == told  # in the unit of the curves that finished trainings have
    assert told[-1] == last
    assert not {"sharpness", "weight_norm", "dead_units"} & set(metrics)
    late = metrics["epochs_to_90" if name == "digits" else "steps_to_test_90"]
    assert isinstance(late, Measurement)
    assert (late.censored, late.value) == ("above", last) or late.value <= last
