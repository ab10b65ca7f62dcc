"""Observing a stack: the same numbers as of one model, when they are wanted, at the price that is allowed."""

import logging
import math
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import nn

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Config, Curve, Metric
from physai_inverse.trainers import describe, load_task
from physai_inverse.trainers.batched import BatchedTrainer, Recipe, Views, observing
from physai_inverse.trainers.batched.layout import flat
from physai_inverse.trainers.batched.observing import Budget, Observer
from physai_inverse.trainers.observables.choice import Observe, choose, met_by
from physai_inverse.trainers.observables.registry import Observable, observables
from physai_inverse.trainers.observables.stack import Stack, Subject
from physai_inverse.trainers.observables.view import Model, View, Wanted

X = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] > 0).long() + (X[:, 1] > 0).long()
TIMED = {"seconds", "observe_seconds", "observe_share", "step_seconds"}


def build(config: Config) -> nn.Module:
    width = int(config.get("width", 8))
    return nn.Sequential(nn.Linear(3, width), nn.ReLU(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 3))


def loss(module: nn.Module, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
    return nn.functional.cross_entropy(module(batch[0]), batch[1], reduction="none")


VIEWS = Views(rows=(X, Y), labels=lambda batch: batch[1], latents=lambda batch: batch[0], head="4.weight")


def trainer(*what: object, **others: object) -> BatchedTrainer:
    settings: dict[str, object] = {"rows": (X, Y), "steps": 12, "log": [4, 8, 12], "views": VIEWS, **others}
    return BatchedTrainer(build, loss, observables=what, **settings)


def trained(train: BatchedTrainer, configs: list[Config]) -> list[dict[str, Metric]]:
    found = train(configs, list(range(len(configs))))
    assert all(isinstance(metrics, dict) for metrics in found)
    return found  # type: ignore[return-value]  # checked


CONFIGS: list[Config] = [{"lr": 0.01 * (1 + index), "width": 6 + 2 * (index % 2)} for index in range(4)]


@pytest.fixture
def loops(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The observables that were measured one model after another."""
    seen: list[str] = []
    together = Stack._together

    def noting(self: Stack, item: Observable, *, layers: bool) -> object:
        try:
            return together(self, item, layers=layers)
        except Exception as error:
            if not isinstance(error, Wanted):
                seen.append(item.name)
            raise

    monkeypatch.setattr(Stack, "_together", noting)
    return seen


def test_a_stack_gives_what_each_of_its_models_gives_alone(loops: list[str]) -> None:
    train = trainer("all", precision="float64")
    (line,) = train.plan(CONFIGS, [0, 1, 2, 3])
    assert line.startswith("together")
    stacked = trained(train, CONFIGS)
    assert not set(loops) - {"in_context_score"}  # which this network has not
    for seed, (config, metrics) in enumerate(zip(CONFIGS, stacked, strict=True)):
        alone = train(config, seed)
        assert set(alone) == set(metrics)
        assert len(set(alone)) > 60
        for name in set(alone) - TIMED:
            assert float(metrics[name]) == pytest.approx(float(alone[name]), rel=1e-6, abs=1e-9), name


def test_observing_does_not_change_the_training() -> None:
    groups = ["weights", "gradients", "activations", "sharpness"]
    watched, plain = (trained(trainer(*what, observe_at="powers"), CONFIGS) for what in (groups, []))
    for one, other in zip(watched, plain, strict=True):
        assert other["loss_curve"] == one["loss_curve"]
        assert not {"weight_norm", "observe_seconds"} & set(other)


@pytest.mark.parametrize(
    ("at", "steps"), [("end", None), (5, (5, 10, 12)), ("powers", (1, 2, 4, 8, 12)), (100, (12,))]
)
def test_observables_are_taken_when_they_are_wanted(at: str | int, steps: tuple[int, ...] | None) -> None:
    metrics = trainer("weight_norm", observe_at=at)({"lr": 0.01}, 0)
    curve = metrics.get("weight_norm_curve")
    assert (curve.steps if isinstance(curve, Curve) else curve) == steps
    assert steps is None or float(curve) == metrics["weight_norm"]


def test_a_training_that_ends_early_is_observed_once_at_its_end() -> None:
    metrics = trainer("weight_norm", observe_at=4, ended=lambda curves: curves["loss"].steps[-1] >= 8)(
        {"lr": 0.01}, 0
    )
    curve = metrics["weight_norm_curve"]
    assert isinstance(curve, Curve)
    assert curve.steps == (4, 8)


def test_a_training_that_diverged_has_no_observables() -> None:
    train = trainer("all", recipe=lambda config: Recipe(float(config["lr"]), "sgd"))
    good, bad = trained(train, [{"lr": 0.01}, {"lr": 1e30}])
    assert "weight_norm" in good
    assert not {"weight_norm", "perplexity", "observe_seconds"} & set(bad)


def test_first_and_last_parameters_are_those_of_the_training() -> None:
    kept: dict[str, torch.Tensor] = {}

    def remembered(config: Config) -> nn.Module:
        module = build(config)
        kept.setdefault("start", flat(module))
        return module

    def finish(finished: object) -> dict[str, float]:
        kept["end"] = flat(finished.module)  # type: ignore[attr-defined]  # a Finished
        return {}

    train = BatchedTrainer(
        remembered, loss, rows=(X, Y), steps=3, finish=finish, observables=("distance_from_start", "update_ratio")
    )
    metrics = train({"lr": 0.01, "optimizer": "sgd"}, 0)
    assert metrics["distance_from_start"] == pytest.approx(float((kept["end"] - kept["start"]).norm()), rel=1e-5)
    assert float(metrics["distance_from_start"]) > float(metrics["update_ratio"]) > 0


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "rmsprop", "sgd"])
def test_the_scale_of_an_optimiser_is_what_torch_divides_by(optimizer: str) -> None:
    seen: list[torch.Tensor] = []

    def scaled(view: View) -> float:
        seen.append(view.scale.clone())
        return 0.0

    train = trainer("preconditioned_sharpness", scaled, steps=5, log=[5])
    metrics = train({"lr": 0.01, "optimizer": optimizer}, 0)
    assert math.isfinite(float(metrics["preconditioned_sharpness"]))
    module = first_module(train)
    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "rmsprop": torch.optim.RMSprop}
    if optimizer == "sgd":
        assert torch.equal(seen[0], torch.ones_like(seen[0]))
        return
    reference = kinds[optimizer](module.parameters(), lr=0.01, weight_decay=0.0)
    for _ in range(5):
        reference.zero_grad()
        loss(module, (X, Y)).mean().backward()  # type: ignore[no-untyped-call]  # torch leaves it so
        reference.step()
    key = "square_avg" if optimizer == "rmsprop" else "exp_avg_sq"
    moments = torch.cat([reference.state[parameter][key].flatten() for parameter in module.parameters()])
    expected = moments.sqrt() + 1e-8
    if optimizer != "rmsprop":
        expected = (1 - 0.9**5) * ((moments / (1 - 0.999**5)).sqrt() + 1e-8)
    torch.testing.assert_close(seen[0], expected, rtol=1e-3, atol=1e-9)


def first_module(train: BatchedTrainer) -> nn.Module:
    """The module of seed 0 before it trains."""
    from physai_inverse.trainers.batched.checkpoints import Checkpoints
    from physai_inverse.trainers.batched.members import Converter, Nursery

    convert = Converter(torch.device("cpu"), torch.float32)
    return Nursery(train, convert, Checkpoints(None)).make(0, {"lr": 0.01}, 0).module


def test_muon_has_no_such_scale_and_says_so() -> None:
    metrics = trainer("preconditioned_sharpness", "sharpness")({"lr": 0.01, "optimizer": "muon"}, 0)
    assert "sharpness" in metrics
    assert "preconditioned_sharpness" not in metrics
    assert metrics["observe_missing"] == 1


def test_layers_are_given_one_by_one_where_they_are_asked_for() -> None:
    metrics = trainer("matrix_norm/layers")({"lr": 0.01}, 0)
    norms = [float(metrics[f"matrix_norm/{layer}.weight"]) for layer in (0, 2, 4)]
    assert metrics["matrix_norm"] == max(norms)


# A user's own


def squared(view: View) -> torch.Tensor:
    return view.flat.square().sum()


def by_hand(view: View) -> float:
    return math.sqrt(float(view.flat.square().sum()))


def two_numbers(view: View) -> dict[str, torch.Tensor]:
    return {"first": view.flat[0], "last": view.flat[-1]}


def broken(view: View) -> torch.Tensor:
    return view.flat / int(0 / len(view.flat) / 0)


def a_whole_vector(view: View) -> torch.Tensor:
    return view.flat


def test_a_function_of_ones_own_is_an_observable(loops: list[str]) -> None:
    for metrics in trained(trainer("weight_norm", squared, by_hand, two_numbers), CONFIGS):
        assert float(metrics["squared"]) == pytest.approx(float(metrics["weight_norm"]) ** 2, rel=1e-5)
        assert float(metrics["by_hand"]) == pytest.approx(float(metrics["weight_norm"]), rel=1e-5)
        assert {"two_numbers/first", "two_numbers/last"} <= set(metrics)
    assert set(loops) == {"by_hand"}  # which decides by a value


def test_one_that_fails_is_missing_with_a_reason_and_the_training_stands(caplog: pytest.LogCaptureFixture) -> None:
    observing.warn_once.cache_clear()
    with caplog.at_level(logging.WARNING):
        for metrics in trained(trainer("weight_norm", broken, a_whole_vector), CONFIGS):
            assert math.isfinite(float(metrics["loss"]))
            assert "weight_norm" in metrics
            assert not {"broken", "a_whole_vector"} & set(metrics)
            assert metrics["observe_missing"] == 2
    text = caplog.text
    assert "`broken` is missing: ZeroDivisionError: " in text
    assert "`a_whole_vector` is missing" in text
    assert text.count("`broken`") == 1


def test_one_in_a_file_is_named_in_the_settings(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def squared(view):\n    return view.flat.square().sum()\n")
    settings = {"epochs": 1, "device": "cpu", "observables": ["weight_norm", f"{tmp_path}/mine.py:squared"]}
    train = load_task("digits", settings)
    metrics = train({}, 0)
    assert float(metrics["squared"]) == pytest.approx(float(metrics["weight_norm"]) ** 2, rel=1e-5)
    assert set(metrics) == set(train.metrics)
    with pytest.raises(InvalidInput, match=r"there is no file `.*other.py` with `squared`"):
        load_task("digits", {"observables": [f"{tmp_path}/other.py:squared"]})


# What is there


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (["sharp"], "neither an observable .* nor a group"),
        (["labels/layers"], "neither an observable"),
        (["weight_norm/layers"], "neither an observable"),
        (["attention_entropy"], r"needs attention weights, `Views\(attention=...\)`; this model has none"),
        (3, "must be true, false, a name, or a list"),
    ],
)
def test_what_cannot_be_observed_is_refused(what: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        load_task("digits", {"observables": what})


@pytest.mark.parametrize(
    ("name", "value"), [("observe_at", "sometimes"), ("observe_at", 0), ("observe_share", -0.1)]
)
def test_settings_of_observing_are_checked(name: str, value: object) -> None:
    with pytest.raises(InvalidInput, match=f"`{name}` must be"):
        load_task("digits", {"observables": True, name: value})


def test_a_function_may_not_be_called_like_a_built_in_one() -> None:
    def sharpness(view: View) -> torch.Tensor:
        return view.flat.sum()

    with pytest.raises(InvalidInput, match="`sharpness` is a built-in observable"):
        trainer(sharpness)


def test_a_group_leaves_out_what_a_model_has_not_and_says_why() -> None:
    chosen = choose(("attention",), met_by(VIEWS, None))
    assert [item.name for item in chosen.observables] == ["in_context_score"]
    assert chosen.left_out["sink_mass"] == "needs attention weights, `Views(attention=...)`"


def test_a_network_without_activation_modules_has_no_hidden_layers() -> None:
    views = Views(rows=(X, Y), hidden=False)
    assert "hidden" not in met_by(views, None)
    chosen = choose(("activations", "weights"), met_by(views, None))
    assert {item.group for item in chosen.observables} == {"weights"}


def test_the_metrics_of_a_task_are_known_without_training() -> None:
    settings = {"epochs": 1, "observables": ["gradients", "spike_count"], "observe_at": "powers"}
    listed = describe("digits", settings).metrics
    assert {"gradient_norm", "gradient_norm_curve", "spike_count", "observe_missing"} <= set(listed)
    assert "spike_count_curve" not in listed
    assert "gradient_norm" not in describe("digits", {"observables": False}).metrics
    assert listed["update_ratio"] == observables()["update_ratio"].meaning


def test_a_metric_of_the_task_keeps_its_name(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def parameters(view):\n    return view.flat.sum()\n")
    with pytest.raises(InvalidInput, match="`parameters` is a metric of the task itself"):
        load_task("digits", {"observables": [f"{tmp_path}/mine.py:parameters"]})


def test_rows_are_the_first_of_the_data_where_nobody_says_which() -> None:
    metrics = trainer("rows_loss", "gradients", "curvature", views=None)({"lr": 0.01}, 0)
    assert {"rows_loss", "gradient_norm", "gradient_noise_scale", "sharpness", "hessian_trace"} <= set(metrics)

    def drawn(_: Config, source: torch.Generator) -> tuple[torch.Tensor, ...]:
        x = torch.randn(16, 3, generator=source)
        return x, (x[:, 0] > 0).long()

    metrics = trainer("gradient_norm", views=None, rows=None, draw=drawn)({"lr": 0.01}, 0)
    assert float(metrics["gradient_norm"]) > 0


# The price


class Clock:
    """Time that passes only when a dear observable is measured."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Make a step of training take a second, gradients one and sharpness ten, and all else nothing."""
    time = Clock()
    measure, create, trained = Stack.measure, Observer.__init__, Observer.trained

    def paid(self: Stack, item: Observable, *, layers: bool = False) -> object:
        time.now += {"sharpness": 10.0, "gradient_norm": 1.0}.get(item.name, 0.0)
        return measure(self, item, layers=layers)

    def made(self: Observer, problem: object, convert: object) -> None:
        create(self, problem, convert, time)

    def passed(self: Observer, _: float, steps: int) -> None:
        trained(self, float(steps), steps)

    monkeypatch.setattr(Stack, "measure", paid)
    monkeypatch.setattr(Observer, "__init__", made)
    monkeypatch.setattr(Observer, "trained", passed)
    return time


WHAT = ("sharpness", "sharpness_converged", "gradient_norm", "weight_norm")


@pytest.mark.usefixtures("clock")
def test_without_a_limit_everything_is_observed() -> None:
    metrics = trainer(*WHAT, observe_at=1)({"lr": 0.01}, 0)
    for name in WHAT:
        curve = metrics[f"{name}_curve"]
        assert isinstance(curve, Curve)
        assert len(curve) == 12
    assert metrics["observe_seconds"] == 12 * 11


@pytest.mark.usefixtures("clock")
def test_a_limit_thins_the_curves_of_what_is_dear_and_keeps_what_is_cheap(
    caplog: pytest.LogCaptureFixture,
) -> None:
    observing.warn_once.cache_clear()
    metrics = trainer(*WHAT, observe_at=1, observe_share=0.5)({"lr": 0.01}, 0)
    cheap, dearer = metrics["weight_norm_curve"], metrics["gradient_norm_curve"]
    assert isinstance(cheap, Curve)
    assert isinstance(dearer, Curve)
    assert len(cheap) == 12
    assert 1 <= len(dearer) < 12
    assert "sharpness_curve" not in metrics
    assert "sharpness" not in metrics
    assert "sharpness_converged" not in metrics  # which would compute the same
    assert float(metrics["observe_missing"]) >= 2
    assert "`sharpness` is missing: observing would take more than 0.5 of the time of training" in caplog.text


@pytest.mark.parametrize("at", [1, "powers"])
@pytest.mark.parametrize("preparing", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
def test_observing_keeps_to_its_share_whatever_it_takes_to_prepare(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, preparing: float, share: float, at: str | int
) -> None:
    create = Stack.__init__

    def slow(self: Stack, model: Model, subjects: Sequence[Subject]) -> None:
        clock.now += preparing
        create(self, model, subjects)

    monkeypatch.setattr(Stack, "__init__", slow)
    metrics = trainer(*WHAT, observe_at=at, observe_share=share)({"lr": 0.01}, 0)
    assert ("weight_norm_curve" in metrics) == (preparing < 1 or share > 0.2)  # where two looks can be paid
    assert metrics["observe_seconds"] == pytest.approx(clock.now)
    assert clock.now <= 12 * share


def test_a_slow_look_is_forgotten_by_halves() -> None:
    assert observing.worth(3.0, 1.0) == 3.0
    assert observing.worth(0.1, 3.0) == 1.5


def test_a_budget_is_a_share_of_the_time_of_training() -> None:
    budget = Budget(0.2, trained=10.0, observed=1.5)
    assert budget.allows(0.5)
    assert not budget.allows(0.6)
    assert Budget(None).allows(1e9)


@pytest.mark.parametrize(
    ("at", "last", "steps"),
    [("end", 9, ()), ("powers", 9, (1, 2, 4, 8)), ("powers", 8, (1, 2, 4)), ("powers", 1, ()), (3, 9, (3, 6))],
)
def test_steps_on_the_way_end_before_the_last(at: str | int, last: int, steps: tuple[int, ...]) -> None:
    assert Observe(("weights",), at).steps(last) == steps
