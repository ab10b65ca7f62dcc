"""Chains of different depths in one stack, each as if it were alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from physai_inverse.observations import Curve
from physai_inverse.trainers.batched import BatchedTrainer, Recipe
from physai_inverse.trainers.batched.depths import form, runs, stands_for

X = torch.randn(48, 4, generator=torch.Generator().manual_seed(0))
Y = X.square().sum(dim=1, keepdim=True) / 4
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU, "sigmoid": nn.Sigmoid, "softplus": nn.Softplus}
MIXED: list[dict[str, Any]] = [
    {"lr": 0.01, "depth": 3, "width": 7, "act": "relu", "batch_size": 16, "dropout": 0.2},
    {"lr": 0.02, "depth": 1, "width": 12, "act": "relu", "batch_size": 24, "dropout": 0.0, "optimizer": "sgd"},
    {"lr": 0.01, "depth": 2, "width": 5, "act": "sigmoid", "batch_size": 11, "dropout": 0.3, "optimizer": "sgd"},
    {"lr": 0.01, "depth": 4, "width": 9, "act": "tanh", "batch_size": 48, "dropout": 0.1, "optimizer": "rmsprop"},
    {"lr": 0.03, "depth": 1, "width": 6, "act": "gelu", "batch_size": 16, "dropout": 0.2, "optimizer": "muon"},
    {"lr": 0.03, "depth": 3, "width": 8, "act": "relu", "batch_size": 16, "dropout": 0.0, "optimizer": "muon"},
    {"lr": 0.01, "depth": 2, "width": 6, "act": "relu", "batch_size": 16, "dropout": 0.0, "weight_decay": 0.1},
]
SEEDS = list(range(len(MIXED)))


def build(config: Mapping[str, Any]) -> nn.Module:
    layers: list[nn.Module] = []
    before = 4
    for _ in range(config["depth"]):
        layers += [nn.Linear(before, config["width"]), ACTIVATIONS[config["act"]](), nn.Dropout(config["dropout"])]
        before = config["width"]
    return nn.Sequential(*layers, nn.Linear(before, 1))


def loss(module: Any, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
    found: torch.Tensor = (module(batch[0]) - batch[1]).square().mean(dim=1)
    return found


def trainer(**options: Any) -> BatchedTrainer:
    given: dict[str, Any] = {"rows": (X, Y), "epochs": 4, "precision": "float64", "device": "cpu", **options}
    return BatchedTrainer(build, loss, **given)


def curve(metrics: Any, name: str = "loss_curve") -> tuple[float, ...]:
    assert isinstance(metrics, dict), metrics
    assert isinstance(metrics[name], Curve)
    return metrics[name].values  # type: ignore[no-any-return]  # of a curve


def measure(module: Any, given: tuple[torch.Tensor, ...]) -> dict[str, torch.Tensor]:
    return {"test_loss": (module(given[0]) - given[1]).square().mean()}


def stacked(of: BatchedTrainer, configs: list[dict[str, Any]]) -> list[str]:
    return sorted(line.rpartition(": ")[2] for line in of.plan(configs, SEEDS[: len(configs)]))


def test_chains_of_any_depth_width_activation_and_optimizer_train_together_as_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("physai_inverse.trainers.batched.session.cut", lambda works, *_: [list(range(len(works)))])
    of = trainer(measure=measure, given=(X[:10], Y[:10]))
    (line,) = of.plan(MIXED, SEEDS)
    assert line.startswith("together as batched products")
    for config, seed, found in zip(MIXED, SEEDS, of(MIXED, SEEDS), strict=True):
        alone = of(config, seed)
        assert curve(found) == pytest.approx(curve(alone), rel=1e-9)
        assert curve(found, "test_loss_curve") == pytest.approx(curve(alone, "test_loss_curve"), rel=1e-9)


def test_a_recipe_means_parameters_by_the_names_that_they_have_in_their_own_model() -> None:
    def recipe(config: Mapping[str, Any]) -> Recipe:
        head = 3 * config["depth"]
        return Recipe(0.01, "adamw", factors=((f"{head}.*", 0.1),), decays=(("0.weight", 0.5),))

    of = trainer(recipe=recipe)
    chosen = [{**MIXED[0], "depth": depth} for depth in (1, 3, 2)]
    assert stacked(of, chosen) == ["1, 2, 0"]  # deep ones first
    for config, seed, found in zip(chosen, SEEDS, of(chosen, SEEDS[:3]), strict=False):
        assert curve(found) == pytest.approx(curve(of(config, seed)), rel=1e-9)


def test_depths_stay_apart_where_gradients_are_not_taken_by_hand() -> None:
    chosen = [{**MIXED[0], "depth": depth, "act": act} for depth in (1, 2) for act in ("relu", "softplus")]
    assert stacked(trainer(), chosen) == ["0, 1", "2, 3"]
    assert stacked(trainer(precision="bfloat16"), [{**config, "act": "relu"} for config in chosen]) == [
        "0, 1",
        "2, 3",
    ]


def test_a_shallow_model_goes_on_in_a_stack_with_deep_ones_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    chosen = [{**MIXED[0], "depth": depth} for depth in (3, 1)]
    folders = [tmp_path / name for name in ("deep", "shallow")]
    for folder in folders:
        folder.mkdir()
    trainer(epochs=2)(chosen, [0, 1], checkpoint=folders)
    gone_on = trainer(epochs=4)(chosen, [0, 1], checkpoint=folders)
    for found, whole in zip(gone_on, trainer(epochs=4)(chosen, [0, 1]), strict=True):
        assert curve(found)[-1] == pytest.approx(curve(whole)[-1], rel=1e-9)


def test_the_last_layer_of_a_shallow_chain_stands_for_the_last_of_the_deepest() -> None:
    shallow, deep = (build({**MIXED[0], "depth": depth}) for depth in (1, 3))
    names, own = stands_for([shallow, deep])
    assert names == {"0": "0", "1": "1", "2": "2", "3": "9"}
    assert own == {name: name for name, _ in deep.named_children()}


def test_chains_of_one_form_have_hidden_blocks_of_one_kind() -> None:
    shallow, deep = (build({**MIXED[0], "depth": depth}) for depth in (1, 3))
    assert form(shallow) == form(deep) is not None
    assert form(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.Linear(8, 1))) is None
    assert form(nn.Sequential(nn.Linear(4, 1))) is None
    assert form(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1), nn.Tanh())) is None


def test_runs_are_the_places_of_true_neighbours() -> None:
    assert runs([True, True, False, True]) == [slice(0, 2), slice(3, 4)]
    assert runs([False]) == []
