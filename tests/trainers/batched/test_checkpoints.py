"""Trainings that go on from where they stopped, as if they had never."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from physai_inverse import Fidelity, Float, Minimize, Space, Study
from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Curve
from physai_inverse.study import run
from physai_inverse.study.costs import full_trainings
from physai_inverse.trainers.batched import BatchedTrainer, checkpoints
from physai_inverse.trainers.batched import loop as loop_module

X = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
Y = X.square().sum(dim=1, keepdim=True) / 4
OPTIMIZERS: list[dict[str, Any]] = [
    {"optimizer": "sgd", "lr": 0.02},
    {"optimizer": "sgd", "lr": 0.02, "momentum": 0.9},
    {"optimizer": "adam", "lr": 0.01, "weight_decay": 0.01},
    {"optimizer": "adamw", "lr": 0.01, "warmup": 30},
    {"optimizer": "rmsprop", "lr": 0.003},
    {"optimizer": "muon", "lr": 0.01, "rest_lr": 0.003},
]
CONFIGS = [
    {**recipe, "width": 8 + place, "batch_size": (16, 13)[place % 2], "dropout": 0.2}
    for place, recipe in enumerate(OPTIMIZERS)
]
SEEDS = list(range(len(CONFIGS)))


def build(config: Mapping[str, Any]) -> nn.Module:
    width = config["width"]
    layers = [nn.Linear(4, width), nn.Tanh(), nn.Dropout(config["dropout"]), nn.Linear(width, width)]
    if config.get("norm"):
        layers.append(nn.BatchNorm1d(width))
    return nn.Sequential(*layers, nn.Tanh(), nn.Linear(width, 1))


def trainer(steps: int, **options: Any) -> BatchedTrainer:
    def loss(module: Any, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        found: torch.Tensor = (module(batch[0]) - batch[1]).square().mean(dim=1)
        return found

    given: dict[str, Any] = {"rows": (X, Y), "log": range(5, steps + 1, 5), "device": "cpu", **options}
    return BatchedTrainer(build, loss, steps=steps, **given)


def folders(root: Path) -> list[Path]:
    found = [root / str(place) for place in range(len(CONFIGS))]
    for folder in found:
        folder.mkdir(exist_ok=True)
    return found


def curves(results: Any) -> list[Any]:
    assert all(isinstance(found, dict) for found in results), results
    return [found["loss_curve"] for found in results]


def test_a_training_in_three_parts_is_the_unbroken_one_for_every_optimizer(tmp_path: Path) -> None:
    whole = curves(trainer(60)(CONFIGS, SEEDS))
    for steps in (10, 35, 60):
        parts = curves(trainer(steps)(CONFIGS, SEEDS, None, folders(tmp_path)))
    for part, other in zip(parts, whole, strict=True):
        assert part.steps == other.steps
        assert part.values == pytest.approx(other.values, rel=1e-6, abs=1e-7)


def test_observables_of_a_training_in_parts_are_those_of_the_unbroken_one(tmp_path: Path) -> None:
    options: dict[str, Any] = {"observables": ("distance_from_start", "weight_norm"), "observe_at": 5}
    whole = trainer(40, **options)(CONFIGS[:2], SEEDS[:2])
    for steps in (15, 40):
        parts = trainer(steps, **options)(CONFIGS[:2], SEEDS[:2], None, folders(tmp_path)[:2])
    for part, other in zip(parts, whole, strict=True):
        assert isinstance(part, dict)
        assert isinstance(other, dict)
        for name in ("distance_from_start_curve", "weight_norm_curve"):
            seen, expected = part[name], other[name]
            assert isinstance(seen, Curve)
            assert isinstance(expected, Curve)
            assert seen.steps == expected.steps == tuple(map(float, range(5, 41, 5)))
            assert seen.values == pytest.approx(expected.values, rel=1e-5)


@pytest.mark.parametrize("kind", ["drawn", "buffers", "one by one"])
def test_streams_and_buffers_go_on_too(tmp_path: Path, kind: str) -> None:
    options: dict[str, Any] = {"stacked": kind != "one by one"}
    chosen = CONFIGS[:4]
    if kind == "drawn":
        options |= {
            "rows": None,
            "draw": lambda config, source: (x := torch.randn(16, 4, generator=source), x[:, :1]),
        }
    if kind == "buffers":
        chosen = [{**config, "norm": True, "width": 8} for config in chosen]
    whole = curves(trainer(40, **options)(chosen, SEEDS[:4]))
    for steps in (15, 40):
        parts = curves(trainer(steps, **options)(chosen, SEEDS[:4], None, folders(tmp_path)[:4]))
    for part, other in zip(parts, whole, strict=True):
        assert part.values == pytest.approx(other.values, rel=1e-6, abs=1e-7)


def test_a_stopped_training_and_one_that_ended_go_on_in_another_company(tmp_path: Path) -> None:
    places = folders(tmp_path)
    trainer(30)(CONFIGS, SEEDS, lambda index, step, metrics: index == 2 and step >= 15, places)
    again = curves(trainer(60)([CONFIGS[2], CONFIGS[4]], [2, 4], None, [places[2], places[4]]))
    for part, other in zip(again, curves(trainer(60)([CONFIGS[2], CONFIGS[4]], [2, 4])), strict=True):
        assert part.values == pytest.approx(other.values, rel=1e-6)


def test_a_training_that_was_killed_goes_on_from_its_last_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_module, "SAVE_SECONDS", 0.0)
    told: list[float] = []

    def report(index: int, step: float, metrics: Mapping[str, float]) -> bool:  # noqa: ARG001
        told.append(step)
        if step == 30 and len(told) < 7:
            raise KeyboardInterrupt
        return False

    places = folders(tmp_path)[:1]
    with pytest.raises(KeyboardInterrupt):
        trainer(60)(CONFIGS[:1], SEEDS[:1], report, places)
    [found] = curves(trainer(60)(CONFIGS[:1], SEEDS[:1], report, places))
    assert told == [5, 10, 15, 20, 25, 30, 30, 35, 40, 45, 50, 55, 60]
    [whole] = curves(trainer(60)(CONFIGS[:1], SEEDS[:1]))
    assert found.steps == whole.steps
    assert found.values == pytest.approx(whole.values, rel=1e-6)


def test_a_training_that_is_done_is_not_trained_again(tmp_path: Path) -> None:
    places = folders(tmp_path)[:1]
    first = trainer(20)(CONFIGS[:1], SEEDS[:1], None, places)
    broken = BatchedTrainer(build, lambda module, batch: batch[9], rows=(X, Y), steps=20, log=range(5, 21, 5))
    assert curves(trainer(20)(CONFIGS[:1], SEEDS[:1], None, places)) == curves(first)
    assert not isinstance(broken(CONFIGS[:1], SEEDS[:1])[0], dict)


def test_a_schedule_that_ends_with_the_training_begins_anew(tmp_path: Path) -> None:
    config = {**CONFIGS[2], "schedule": "cosine"}
    places = folders(tmp_path)[:1]
    trainer(20)([config], [0], None, places)
    assert curves(trainer(40)([config], [0], None, places)) == curves(trainer(40)([config], [0]))


@pytest.mark.parametrize("content", [b"", b"not a state", None])
def test_a_state_that_does_not_fit_is_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    places = folders(tmp_path)[:1]
    if content is None:
        trainer(20)([{**CONFIGS[0], "lr": 0.5}], [0], None, places)
    else:
        (places[0] / checkpoints.FILE).write_bytes(content)
    assert curves(trainer(20)(CONFIGS[:1], [0], None, places)) == curves(trainer(20)(CONFIGS[:1], [0]))
    assert "anew" in caplog.text


def test_a_diverged_training_leaves_no_state(tmp_path: Path) -> None:
    places = folders(tmp_path)[:1]
    [found] = trainer(20)([{**CONFIGS[0], "lr": 1e9}], [0], None, places)
    assert isinstance(found, dict)
    assert "diverged_step" in found
    assert list(places[0].iterdir()) == []


def test_folders_go_with_configurations() -> None:
    with pytest.raises(InvalidInput, match="`checkpoint` must be a list with one folder for each"):
        trainer(5)(CONFIGS[:2], [0, 1], None, [Path()])
    with pytest.raises(InvalidInput, match="`checkpoint` must be a folder as Path"):
        trainer(5)(CONFIGS[0], 0, None, "somewhere")  # type: ignore[call-overload]


@pytest.mark.parametrize("together", [1, 4])
def test_a_promoted_configuration_of_a_study_goes_on_and_pays_for_the_rest(tmp_path: Path, together: int) -> None:
    study = Study(
        Space(lr=Float(1e-3, 0.1, log=True)),
        Minimize("loss"),
        store=tmp_path / "s.db",
        fidelity=Fidelity("steps", 10, 90),
        method="asha",
        seed=0,
    )
    fixed = {"width": 8, "dropout": 0.1, "batch_size": 16}

    def of(steps: int) -> BatchedTrainer:
        return BatchedTrainer(
            lambda config: build({**config, **fixed}),
            lambda module, batch: (module(batch[0]) - batch[1]).square().mean(dim=1),
            rows=(X, Y),
            steps=steps,
            log=lambda steps, epoch: range(10, steps + 1, 10),
            device="cpu",
        )

    run(study, of(10), 2, together=together)
    trials = study.trials
    assert any(trial.continues is not None for trial in trials)
    assert 2 <= full_trainings(study.fidelity, trials, trials) < 3
    top = next(trial for trial in trials if trial.fidelity == 90 or trial.continues is not None)
    alone = of(int(top.fidelity or 0))(top.config, top.seed or 0)
    assert float(top.metrics["loss"]) == pytest.approx(float(alone["loss"]), rel=1e-6)
