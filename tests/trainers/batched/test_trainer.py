import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, dropout, one_hot

from physai_inverse.errors import InvalidInput, TrialFailed
from physai_inverse.executors import InProcess
from physai_inverse.observations import Curve
from physai_inverse.seeds import child
from physai_inverse.trainers import Extras, bound, train
from physai_inverse.trainers.batched import BatchedTrainer, Finished
from physai_inverse.trainers.batched import loop as loop_module
from physai_inverse.trainers.batched import physical as physical_module
from physai_inverse.trainers.batched import session as session_module
from physai_inverse.trainers.batched.layout import flat

Config = Mapping[str, Any]
X = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
Y = X.square().sum(dim=1, keepdim=True) / 4
CLASSES = torch.bucketize(Y[:, 0], torch.tensor([0.5, 1.0]))
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "softplus": nn.Softplus}


def chain(config: Config) -> nn.Module:
    width = config.get("width", 12)
    return nn.Sequential(
        nn.Linear(4, width),
        ACTIVATIONS[config.get("act", "relu")](),
        nn.Dropout(config.get("dropout", 0.0)),
        nn.Linear(width, config.get("outputs", 1)),
    )


class Custom(nn.Module):
    """No chain: the layers are called by code."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.chain = chain(config)
        self.shift = nn.Parameter(torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.chain(x) + self.shift
        return found


def squares(module: Any, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
    found: torch.Tensor = (module(batch[0]) - batch[1]).square().mean(dim=1)
    return found


def trainer(build: Any = chain, loss: Any = squares, **options: Any) -> Any:
    given: dict[str, Any] = {"rows": (X, Y), "steps": 12, "precision": "float64", "device": "cpu", **options}
    if given["rows"] is None:
        del given["rows"]
    return BatchedTrainer(build, loss, **given)


def configs(count: int = 4, **more: Any) -> list[dict[str, Any]]:
    return [{"lr": 0.01 * (1 + index), "batch_size": 16, **more} for index in range(count)]


def losses(metrics: Any) -> tuple[float, ...]:
    assert isinstance(metrics, dict), metrics
    curve = metrics["loss_curve"]
    assert isinstance(curve, Curve)
    return curve.values


def one_by_one(of: Any, chosen: list[dict[str, Any]], seeds: list[int]) -> list[tuple[float, ...]]:
    return [losses(of(config, seed)) for config, seed in zip(chosen, seeds, strict=True)]


def plan(of: Any, chosen: list[dict[str, Any]]) -> list[str]:
    lines: list[str] = of.plan(chosen, list(range(len(chosen))))
    return lines


MIXED = [
    {"lr": 0.01, "batch_size": 16, "width": 12, "act": "relu", "dropout": 0.3},
    {"lr": 0.02, "batch_size": 13, "width": 9, "act": "tanh", "dropout": 0.0},
    {"lr": 0.03, "batch_size": 16, "width": 10, "act": "sigmoid", "dropout": 0.2, "optimizer": "sgd"},
    {"lr": 0.01, "batch_size": 11, "width": 12, "act": "softplus", "dropout": 0.5, "optimizer": "rmsprop"},
]


def test_a_model_gives_the_same_whatever_it_is_stacked_with() -> None:
    of = trainer()
    (line,) = plan(of, MIXED)
    assert line.startswith("together as batched products")
    together = [losses(found) for found in of(MIXED, [5, 6, 7, 8])]
    for found, expected in zip(together, one_by_one(of, MIXED, [5, 6, 7, 8]), strict=True):
        assert found == pytest.approx(expected, rel=1e-10)
    alone = losses(of([MIXED[2], MIXED[1]], [7, 6])[0])
    assert alone == pytest.approx(together[2], rel=1e-10)


@pytest.mark.parametrize("direct", [True, False])
def test_any_module_is_stacked_with_padded_widths_and_own_dropout(
    direct: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(physical_module, "DIRECT", direct)
    chosen = [{**config, "act": "sigmoid"} for config in MIXED]
    of = trainer(Custom)
    (line,) = plan(of, chosen)
    assert line.startswith("together by vmap")
    for found, expected in zip(of(chosen, [0, 1, 2, 3]), one_by_one(of, chosen, [0, 1, 2, 3]), strict=True):
        assert losses(found) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize("build", [chain, Custom])
def test_a_stack_with_dropout_stays_a_stack_while_it_trains(
    build: Any, direct: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object, __: object, error: Exception) -> Any:
        raise AssertionError("the stack was taken apart") from error

    monkeypatch.setattr(session_module.Session, "_instead", refuse)
    monkeypatch.setattr(physical_module, "DIRECT", direct)
    chosen = [{**config, "act": "sigmoid", "dropout": 0.3} for config in MIXED]
    assert all(isinstance(found, dict) for found in trainer(build)(chosen, [0, 1, 2, 3]))


@pytest.mark.parametrize("reduction", ["none", "mean"])
@pytest.mark.parametrize("build", [chain, Custom])
def test_a_loss_over_classes_is_stacked(build: Any, reduction: str) -> None:
    of = trainer(
        build,
        lambda module, batch: cross_entropy(module(batch[0]), batch[1], reduction=reduction),
        rows=(X, CLASSES),
    )
    chosen = configs(outputs=3)
    assert len(plan(of, chosen)) == 1
    for found, expected in zip(of(chosen, [0, 1, 2, 3]), one_by_one(of, chosen, [0, 1, 2, 3]), strict=True):
        assert losses(found) == pytest.approx(expected, rel=1e-10)


def test_a_loss_of_one_value_shares_a_stack_with_the_same_batch_size_only() -> None:
    of = trainer(loss=lambda module, batch: (module(batch[0]) - batch[1]).square().mean())
    chosen = [*configs(2), *({**config, "batch_size": 13} for config in configs(2))]
    assert [line.rpartition(": ")[2] for line in plan(of, chosen)] == ["0, 1", "2, 3"]
    for found, expected in zip(of(chosen, [0, 1, 2, 3]), one_by_one(of, chosen, [0, 1, 2, 3]), strict=True):
        assert losses(found) == pytest.approx(expected, rel=1e-10)


def test_batch_norm_keeps_its_statistics_for_each_model() -> None:
    kept: list[torch.Tensor] = []

    def finish(finished: Finished) -> dict[str, float]:
        kept.append(finished.module.get_buffer("1.running_mean").clone())
        assert int(finished.module.get_buffer("1.num_batches_tracked")) == 12
        return {"loss": float(finished.curves["loss"])}

    def build(config: Config) -> nn.Module:  # noqa: ARG001 - all of one width
        return nn.Sequential(nn.Linear(4, 6, bias=False), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 1))

    of = trainer(build, finish=finish)
    assert plan(of, configs(3)) == ["together by vmap: 0, 1, 2"]
    of(configs(3), [0, 1, 2])
    for config, seed in zip(configs(3), [0, 1, 2], strict=True):
        of(config, seed)
    assert float(kept[0].abs().max()) > 0.01
    torch.testing.assert_close(kept[:3], kept[3:], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("plain", [True, False])
def test_models_of_which_each_is_wider_in_one_layer_share_a_stack(plain: bool) -> None:
    def build(config: Config) -> nn.Module:
        first, second = config["widths"]
        layers = [nn.Linear(4, first), nn.Tanh(), nn.Linear(first, second), nn.Tanh(), nn.Linear(second, 1)]
        return nn.Sequential(*layers) if plain else nn.Sequential(nn.Sequential(*layers[:2]), *layers[2:])

    of = trainer(build)
    sizes = [(12, 5), (5, 12), (9, 9), (4, 13)]
    chosen = [{**config, "widths": widths} for config, widths in zip(configs(4), sizes, strict=True)]
    (line,) = plan(of, chosen)
    assert line.startswith("together as batched products" if plain else "together by vmap")
    for found, expected in zip(of(chosen, [0, 1, 2, 3]), one_by_one(of, chosen, [0, 1, 2, 3]), strict=True):
        assert losses(found) == pytest.approx(expected, rel=1e-10)


def test_models_that_cannot_be_padded_are_stacked_by_their_shapes() -> None:
    def build(config: Config) -> nn.Module:
        width = config["width"]
        return nn.Sequential(nn.Linear(4, width), nn.LayerNorm(width), nn.ReLU(), nn.Linear(width, 1))

    of = trainer(build)
    chosen = [{**config, "width": 6 + index % 2} for index, config in enumerate(configs(4))]
    assert [line.rpartition(": ")[2] for line in plan(of, chosen)] == ["0, 2", "1, 3"]
    for found, expected in zip(of(chosen, [0, 1, 2, 3]), one_by_one(of, chosen, [0, 1, 2, 3]), strict=True):
        assert losses(found) == pytest.approx(expected, rel=1e-10)


def looks(module: nn.Module, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
    found = squares(module, batch)
    return found * 2 if float(found.detach().mean()) > 1 else found


def draws(module: nn.Module, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
    return squares(module, (dropout(batch[0], 0.3), batch[1]))


@pytest.mark.parametrize(
    ("loss", "reason"),
    [
        (looks, "vmap"),
        (draws, "the loss draws from torch's global stream"),
    ],
)
def test_what_vmap_cannot_do_is_trained_one_by_one_and_says_why(loss: Any, reason: str) -> None:
    of = trainer(loss=loss)
    lines = plan(of, configs(2))
    assert [line.startswith("alone") for line in lines] == [True, True]
    assert reason in lines[0]
    together = [losses(found) for found in of(configs(2), [0, 1])]
    assert together == one_by_one(of, configs(2), [0, 1])


def test_a_stack_that_would_compute_something_else_is_not_trained() -> None:
    def build(config: Config) -> nn.Module:
        module = chain(config)
        module.register_forward_hook(lambda _, inputs, output: output * config["factor"])
        return module

    chosen = [{**config, "factor": 1.0 + index} for index, config in enumerate(configs(3))]
    lines = plan(trainer(build), chosen)
    assert [line.startswith("alone") for line in lines] == [True] * 3
    assert "in a stack its loss would be" in lines[0]


def test_fresh_batches_come_from_each_models_own_stream() -> None:
    def draw(config: Config, source: torch.Generator) -> tuple[torch.Tensor, ...]:
        x = torch.randn(config["rows"], 4, generator=source)
        return x, x.square().sum(dim=1, keepdim=True)

    of = trainer(rows=None, draw=draw)
    chosen = [{"lr": 0.01 * (1 + index), "rows": 8 + index % 2} for index in range(4)]
    assert [line.rpartition(": ")[2] for line in plan(of, chosen)] == ["0, 1, 2, 3"]
    for found, expected in zip(of(chosen, [0, 1, 2, 3]), one_by_one(of, chosen, [0, 1, 2, 3]), strict=True):
        assert losses(found) == pytest.approx(expected, rel=1e-10)


# What is measured, and when a model leaves


def measure(module: nn.Module, given: tuple[torch.Tensor, ...]) -> dict[str, torch.Tensor]:
    return {"val_loss": (module(given[0]) - given[1]).square().mean(), "shown": given[2].sum()}


def test_what_is_given_to_a_measure_is_shared_or_each_models_own() -> None:
    own = {config["lr"]: torch.tensor([config["lr"], 1.0]) for config in configs(3)}
    of = trainer(measure=measure, given=lambda config, _: (X, Y, own[config["lr"]]), log=[0, 5])
    for config, found in zip(configs(3), of(configs(3), [0, 1, 2]), strict=True):
        assert isinstance(found, dict)
        assert float(found["shown"]) == pytest.approx(config["lr"] + 1)
        curve = found["val_loss_curve"]
        assert isinstance(curve, Curve)
        assert curve.steps == (0, 5, 12)
        alone = of(config, configs(3).index(config))["val_loss_curve"]
        assert isinstance(alone, Curve)
        assert curve.values == pytest.approx(alone.values, rel=1e-10)


def test_a_model_leaves_when_it_is_stopped_ended_or_done_and_the_others_go_on() -> None:
    def told(index: int, step: float, metrics: Mapping[str, float]) -> bool:
        seen.append((index, step, metrics["loss"]))
        return index == 1 and step == 4

    seen: list[tuple[int, float, float]] = []
    of = trainer(
        log=range(1, 13),
        steps=lambda config: 8 if config["lr"] == 0.03 else 12,
        ended=lambda curves: len(curves["loss"]) == 10,
    )
    found = of(configs(3), [0, 1, 2], report=told)
    assert [len(losses(metrics)) for metrics in found] == [10, 4, 8]
    assert losses(found[1]) == tuple(loss for index, _, loss in seen if index == 1)
    full = one_by_one(trainer(log=range(1, 13)), configs(2), [0, 1])
    assert losses(found[0]) == pytest.approx(full[0][:10], rel=1e-10)


def test_epochs_are_counted_in_each_models_own_batches() -> None:
    of = trainer(steps=None, epochs=3, log=lambda steps, epoch: range(epoch, steps + 1, epoch))
    chosen = [{"lr": 0.01, "batch_size": size} for size in (60, 20, 16)]
    assert [metrics["loss_curve"].steps for metrics in of(chosen, [0, 0, 0])] == [
        (1, 2, 3),
        (3, 6, 9),
        (4, 8, 12),
    ]


def test_a_single_training_reports_and_stops_as_any_trainer_does() -> None:
    class Report:
        stopped: str | None = None

        def __init__(self) -> None:
            self.curves: dict[str, Curve] = {}

        def __call__(self, step: float, metrics: Mapping[str, float]) -> bool:
            old = self.curves.get("loss", Curve((0,), (0,)))
            self.curves["loss"] = Curve((*old.steps, step), (*old.values, metrics["loss"]))
            self.stopped = "hopeless" if step >= 6 else None
            return self.stopped is not None

    of = bound(trainer(log=[2, 4, 6, 8]), None)
    told = train(of, configs(1)[0], 0, Extras(report=Report()))
    assert told.stopped == "hopeless"
    curve = told.metrics["loss_curve"]
    assert isinstance(curve, Curve)
    assert curve.steps == (2, 4, 6)


# Failures


def test_a_model_that_diverges_says_when_and_leaves_the_others_as_they_are() -> None:
    chosen = configs(3)
    chosen[1] |= {"optimizer": "sgd", "lr": 1e6}
    of = trainer(log=range(1, 41), steps=40, precision="float32")
    found = of(chosen, [0, 1, 2])
    assert math.isnan(found[1]["loss"])
    step = int(found[1]["diverged_step"])
    assert 1 < step < 40
    assert [math.isfinite(loss) for loss in losses(found[1])] == [True] * (step - 1) + [False]
    for index in (0, 2):
        assert losses(found[index]) == pytest.approx(losses(of(chosen[index], index)), rel=1e-4)


def test_an_exception_in_the_users_code_names_its_model_and_the_others_go_on() -> None:
    def build(config: Config) -> nn.Module:
        if config["lr"] == 0.02:
            raise ZeroDivisionError("no such width")
        return chain(config)

    found = trainer(build)(configs(3), [0, 1, 2])
    assert isinstance(found[1], TrialFailed)
    assert (found[1].kind, "configuration 1" in str(found[1])) == ("bug", True)
    assert "ZeroDivisionError: no such width" in str(found[1])
    assert [isinstance(metrics, dict) for metrics in found] == [True, False, True]
    with pytest.raises(ZeroDivisionError):
        trainer(build)(configs(3)[1], 0)


def test_an_exception_in_the_middle_of_a_stack_is_found_in_its_model() -> None:
    def finish(finished: Finished) -> dict[str, float]:
        if finished.seed == 1:
            raise KeyError("no metric")
        return {"loss": float(finished.curves["loss"])}

    found = trainer(finish=finish)(configs(3), [0, 1, 2])
    assert [isinstance(metrics, dict) for metrics in found] == [True, False, True]

    calls = [0]

    def breaks(module: nn.Module, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        calls[0] += 1
        if calls[0] == 6:
            raise RuntimeError("a wire came loose")
        return squares(module, batch)

    def note(index: int, step: float, metrics: Mapping[str, float]) -> bool:
        told.append((index, step))
        return "loss" not in metrics

    told: list[tuple[int, float]] = []
    of = trainer(loss=breaks, log=range(1, 13))
    results = of(configs(2), [0, 1], report=note)
    assert [losses(metrics) for metrics in results] == one_by_one(trainer(log=range(1, 13)), configs(2), [0, 1])
    assert sorted(told) == [(index, float(step)) for index in range(2) for step in range(1, 13)]


def test_a_stack_that_does_not_fit_is_halved_and_a_model_that_does_not_fit_alone_is_out_of_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []
    train_run = loop_module.Run.train

    def limited(self: Any) -> Any:
        sizes.append(len(self._members))
        if len(self._members) > 2 or any(member.config["lr"] == 0.02 for member in self._members):
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")
        return train_run(self)

    monkeypatch.setattr(loop_module.Run, "train", limited)
    found = trainer()(configs(4), [0, 1, 2, 3])
    assert sizes == [4, 2, 1, 1, 2]
    assert [isinstance(metrics, dict) for metrics in found] == [True, False, True, True]
    assert isinstance(found[1], TrialFailed)
    assert found[1].kind == "out_of_memory"


def test_an_error_in_the_report_is_not_taken_for_one_of_a_model() -> None:
    def told(*_: Any) -> bool:
        raise OSError("the store is gone")

    with pytest.raises(OSError, match="the store is gone"):
        trainer()(configs(2), [0, 1], report=told)


def test_memory_bounds_a_stack() -> None:
    of = trainer()
    assert len(plan(of, configs(6))) == 1
    small = replace(of, memory=30_000)
    assert len(plan(small, configs(6))) > 1
    assert [losses(found) for found in small(configs(6), list(range(6)))] == [
        pytest.approx(values, rel=1e-10) for values in one_by_one(of, configs(6), list(range(6)))
    ]


# Settings


def test_a_training_leaves_the_settings_of_torch_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    before = (torch.get_num_threads(), torch.get_float32_matmul_precision())
    trainer(precision="tf32")(configs(2), [0, 1])
    assert torch.equal(torch.rand(2), expected)
    assert (torch.get_num_threads(), torch.get_float32_matmul_precision()) == before


def test_bfloat16_is_computed_in_when_asked_for() -> None:
    full, coarse = (losses(trainer(precision=name)(configs(2), [0, 1])[0]) for name in ("float32", "bfloat16"))
    assert coarse != full
    assert coarse == pytest.approx(full, rel=0.05)


def test_first_parameters_are_those_that_torch_draws_with_the_models_seed() -> None:
    first = trainer(measure=lambda module, _: {"x": module[0].weight.sum()}, log=[0], steps=1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(child(4, "initial"))
        expected = float(flat(chain({}))[:48].double().sum())
    curve = first({"lr": 0.1}, 4)["x_curve"]
    assert isinstance(curve, Curve)
    assert curve.values[0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rows": None}, "either `rows` or `draw`"),
        ({"epochs": 2}, "either `steps` or `epochs`"),
        ({"device": "tpu"}, "`device` must be"),
        ({"precision": "float16"}, "`precision` must be one of `float32`"),
        ({"threads": 0}, "`threads` must be a whole number"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        trainer(**options)


@pytest.mark.parametrize(
    ("of", "message"),
    [
        (lambda: trainer(lambda _: 3), "`build` must give a torch.nn.Module, not int"),
        (lambda: trainer(rows=(X, Y[:5])), "`rows` must be tensors of equal length, not of 60, 5"),
        (
            lambda: trainer(loss=lambda m, b: m(b[0])),
            r"`loss` must give a tensor with one .* shape \[16, 1\]",
        ),
    ],
)
def test_functions_that_give_something_else_are_told_so(of: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        of()(configs(1)[0], 0)


def test_configurations_and_seeds_must_go_together() -> None:
    with pytest.raises(InvalidInput, match="one seed for each"):
        trainer()(configs(2), [0])
    with pytest.raises(InvalidInput, match="one whole number"):
        trainer()(configs(1)[0], [0])
    assert trainer()([], []) == []


def test_an_executor_runs_a_whole_batch_as_one_job() -> None:
    with InProcess() as executor:
        executor.submit("batch", trainer(), configs(2), [0, 1])
        assert executor.poll() == ["batch"]
        outcome = executor.collect("batch")
    assert isinstance(outcome.value, list)
    expected = trainer()(configs(2), [0, 1])
    assert [losses(metrics) for metrics in outcome.value] == [losses(metrics) for metrics in expected]


def test_a_loss_over_classes_in_another_form_goes_the_usual_way() -> None:
    def soft(module: nn.Module, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        return cross_entropy(module(batch[0]), one_hot(batch[1], 3).to(X.dtype).double(), label_smoothing=0.1)

    of = trainer(loss=soft, rows=(X, CLASSES))
    chosen = configs(2, outputs=3)
    for found, expected in zip(of(chosen, [0, 1]), one_by_one(of, chosen, [0, 1]), strict=True):
        assert losses(found) == pytest.approx(expected, rel=1e-10)


def test_a_trainer_foresees_what_trainings_take_and_that_no_two_share_what_draws() -> None:
    of = trainer(steps=None, epochs=2)
    small, large, none = of.foresee([{**MIXED[0], "batch_size": size} for size in (4, 60, -1)])
    assert none is None
    assert small.shared == pytest.approx(15 * large.shared)  # as many steps
    assert small.own < small.alone

    def drawing(module: Any, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        return squares(module, (batch[0] + torch.randn_like(batch[0]), batch[1]))

    (drawn,) = trainer(loss=drawing).foresee([MIXED[0]])
    assert (drawn.own, drawn.shared) == (drawn.alone, 0.0)
