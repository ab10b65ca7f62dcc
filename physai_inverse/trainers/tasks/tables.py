"""Real data in a table, with a fully connected network: what the tasks on such data share.

A task names its table, how it is read and how many classes it has; this gives the rest: a fixed stratified split,
columns standardised by the training rows, network, recipe and metrics.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from physai_inverse.observations import Config, Curve, Metric
from physai_inverse.seeds import generator
from physai_inverse.trainers.batched import BatchedTrainer, Finished, Recipe, Views
from physai_inverse.trainers.tasks.knobs import Knob, Setting, Values, complete
from physai_inverse.trainers.tasks.task import Task

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    Read: TypeAlias = "Callable[[], tuple[NDArray[np.float64], NDArray[np.float64]]]"
    Parts: TypeAlias = "dict[str, tuple[torch.Tensor, torch.Tensor]]"

KNOBS: Mapping[str, Knob] = MappingProxyType(
    {
        "lr": {"type": "float", "low": 1e-4, "high": 1.0, "log": True, "default": 0.005},
        "weight_decay": {"type": "float", "low": 1e-6, "high": 1.0, "log": True, "default": 1e-3},
        "optimizer": {"type": "choice", "values": ["sgd", "adamw"], "default": "adamw"},
        "momentum": {
            "type": "float",
            "low": 0.0,
            "high": 0.99,
            "below": 1,
            "default": 0.9,
            "when": {"optimizer": ["sgd"]},
        },
        "width": {"type": "integer", "low": 4, "high": 128, "log": True, "least": 1, "default": 32},
        "depth": {"type": "integer", "low": 1, "high": 3, "least": 1, "default": 2},
        "batch_size": {"type": "ordinal", "levels": [8, 16, 32, 64, 128], "least": 1, "default": 32},
        "activation": {"type": "choice", "values": ["relu", "tanh", "gelu", "silu"], "default": "relu"},
        "dropout": {"type": "float", "low": 0.0, "high": 0.5, "below": 1, "default": 0.0},
        "init_scale": {"type": "float", "low": 0.1, "high": 4.0, "log": True, "default": 1.0},
    }
)
SETTINGS: Mapping[str, Setting] = MappingProxyType({"epochs": 40})
PARTS = {"train": "training", "val": "validation", "test": "test"}
SHARES = (0.6, 0.8)
"""Where a stratum is cut into training, validation and test rows."""
SPLIT_SEED = 20260101  # part of the tasks: every training sees the same split
STRATA = 5
"""Equal shares of the rows by their target, where that is a number."""


@dataclass(frozen=True)
class Table:
    """A table with its target, and what is trained on it.

    Args:
        name: of the task.
        read: gives the columns [n, d] and the classes or the target [n].
        columns: number of columns, `d`.
        classes: number of classes; 0 where the target is a number.
    """

    name: str
    read: "Read"
    columns: int
    classes: int

    @property
    def goodness(self) -> str:
        """Name of the metric that is to be large."""
        return "accuracy" if self.classes else "r2"

    def parts(self) -> "Parts":
        """Give standardised columns [n, d] and target [n] of `train`, `val` and `test`, shuffled."""
        return _parts(self)

    def build(self, config: Config) -> "torch.nn.Module":
        """Give the network, drawn from torch's global stream."""
        from torch import nn

        from physai_inverse.trainers.tasks.networks.mlp import LAYERS, MLP

        values = complete(config, KNOBS)
        sizes = (self.columns, *[values.whole("width")] * values.whole("depth"))
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        for place, (before, after) in enumerate(pairwise(sizes)):
            layers[f"layer{place}"] = MLP.linear(before, after, values.number("init_scale"))
            layers[f"activation{place}"] = LAYERS[values.word("activation")]()
            layers[f"dropout{place}"] = nn.Dropout(values.number("dropout"))
        layers["head"] = MLP.linear(sizes[-1], self.classes or 1, values.number("init_scale"))
        return nn.Sequential(layers)

    def loss(self, module: "torch.nn.Module", batch: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
        """Give the loss of each row: cross-entropy, or the squared error."""
        from torch.nn.functional import cross_entropy

        X, y = batch
        if self.classes:
            return cross_entropy(module(X), y, reduction="none")
        errors: torch.Tensor = module(X).squeeze(1) - y
        return errors.square()

    def measure(self, module: "torch.nn.Module", given: "tuple[torch.Tensor, ...]") -> "dict[str, torch.Tensor]":
        """Give loss and goodness of each part."""
        from torch.nn.functional import cross_entropy

        found: dict[str, torch.Tensor] = {}
        for place, name in enumerate(PARTS):
            X, y = given[2 * place : 2 * place + 2]
            out = module(X)
            if self.classes:
                found[f"{name}_loss"] = cross_entropy(out, y)
                found[f"{name}_accuracy"] = (out.argmax(dim=1) == y).double().mean()
            else:
                found[f"{name}_loss"] = (out.squeeze(1) - y).square().mean()
                found[f"{name}_r2"] = 1 - found[f"{name}_loss"] / (y - y.mean()).square().mean()
        return found

    def finish(self, finished: Finished) -> dict[str, Metric]:
        """Give the metrics of a finished model."""
        start = time.perf_counter()
        curves, names = finished.curves, [f"{name}_{kind}" for kind in ("loss", self.goodness) for name in PARTS]
        metrics: dict[str, Metric] = {name: float(curves[name]) for name in names}
        diverged = finished.diverged is not None or _diverged(curves)
        if diverged:
            metrics = dict.fromkeys(metrics, math.nan)
        metrics["generalisation_gap"] = float(metrics["val_loss"]) - float(metrics["train_loss"])
        for name in ("train_loss", "val_loss", f"val_{self.goodness}"):
            values = curves[name].values
            if diverged:
                values = (*values[:-1], math.nan)
            metrics[f"{name}_curve"] = Curve(tuple(float(epoch + 1) for epoch in range(len(values))), values)
        metrics["parameters"] = float(sum(item.numel() for item in finished.module.parameters()))
        metrics["seconds"] = finished.seconds + time.perf_counter() - start
        return metrics

    def trainer(self, settings: Values) -> BatchedTrainer:
        """Give the trainer."""

        def rows(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":  # noqa: ARG001 - the same for all
            return self.parts()["train"]

        def given(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":  # noqa: ARG001
            return tuple(tensor for part in self.parts().values() for tensor in part)

        return BatchedTrainer(
            build=self.build,
            loss=self.loss,
            rows=rows,
            epochs=settings.whole("epochs"),
            recipe=_recipe,
            measure=self.measure,
            given=given,
            log=lambda steps, epoch: range(epoch, steps + 1, epoch),
            ended=_diverged,
            finish=self.finish,
            views=Views(rows=rows, labels=_labels if self.classes else None, head="head.weight"),
        )

    def metrics(self) -> dict[str, str]:
        """Give the metrics with meaning and unit."""
        found: dict[str, str] = {}
        for name, words in PARTS.items():
            if self.classes:
                found[f"{name}_loss"] = f"mean cross-entropy on {words} rows at the end, in nats"
                found[f"{name}_accuracy"] = f"share of {words} rows put into their class at the end, in [0, 1]"
            else:
                found[f"{name}_loss"] = (
                    f"mean squared error on {words} rows at the end, in variances of the training target"
                )
                found[f"{name}_r2"] = f"share of the variance of {words} rows that is explained, at most 1"
        unit = "nats" if self.classes else "variances of the training target"
        goodness = "accuracy, in [0, 1]" if self.classes else "share of variance explained"
        return {
            **found,
            "generalisation_gap": f"val_loss - train_loss, in {unit}",
            "train_loss_curve": f"training loss after each epoch, in {unit}",
            "val_loss_curve": f"validation loss after each epoch, in {unit}",
            f"val_{self.goodness}_curve": f"validation {goodness} after each epoch",
            "parameters": "number of trained parameters",
            "seconds": "wall time of the training, in seconds",
        }

    def task(self, description: str, source: str, phenomenon: str) -> Task:
        """Give the task; see `Task` for the texts."""
        return Task(self.name, description, source, KNOBS, SETTINGS, self.metrics(), self.trainer, phenomenon)


def _recipe(config: Config) -> Recipe:
    values = complete(config, KNOBS)
    return Recipe(
        values.number("lr"),
        values.word("optimizer"),
        values.number("weight_decay"),
        values.number("momentum") if values["optimizer"] == "sgd" else None,
        batch_size=values.whole("batch_size"),
    )


def _labels(batch: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
    return batch[1]


def _diverged(curves: Mapping[str, Curve]) -> bool:
    return not math.isfinite(float(curves["train_loss"]) + float(curves["val_loss"]))


@lru_cache(maxsize=8)
def _parts(table: Table) -> "Parts":
    import numpy as np
    import torch

    columns, target = table.read()
    draw = generator(SPLIT_SEED, table.name)
    if table.classes:
        strata = [np.flatnonzero(target == label) for label in range(table.classes)]
    else:
        strata = np.array_split(np.argsort(target, kind="stable"), STRATA)
    pieces: dict[str, list[NDArray[np.intp]]] = {name: [] for name in PARTS}
    for stratum in strata:
        rows = draw.permutation(stratum)
        cuts = [round(share * len(rows)) for share in SHARES]
        for name, piece in zip(pieces, np.split(rows, cuts), strict=True):
            pieces[name].append(piece)
    places = {name: draw.permutation(np.concatenate(found)) for name, found in pieces.items()}
    seen = columns[places["train"]]
    middle, spread = seen.mean(axis=0), seen.std(axis=0)
    if not table.classes:
        target = (target - target[places["train"]].mean()) / target[places["train"]].std()
    kind = torch.int64 if table.classes else torch.float32
    return {
        name: (
            torch.tensor((columns[rows] - middle) / spread, dtype=torch.float32),
            torch.tensor(target[rows], dtype=kind),
        )
        for name, rows in places.items()
    }
