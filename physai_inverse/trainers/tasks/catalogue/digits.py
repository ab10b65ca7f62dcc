"""Handwritten digits with a fully connected network: a real classifier that trains in about a second.

The task answers to its knobs as large ones do: rates that are too high diverge, width and depth trade against
rate and initialisation, and the observables move.
"""

import math
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from physai_inverse.observations import Config, Curve, Measurement, Metric
from physai_inverse.trainers.batched import BatchedTrainer, Finished, Recipe, Views
from physai_inverse.trainers.tasks.knobs import Knob, Setting, Values, complete
from physai_inverse.trainers.tasks.task import Task

if TYPE_CHECKING:
    import torch

    from physai_inverse.trainers.tasks.networks.mlp import MLP

DESCRIPTION = (
    "A fully connected network learns to read 8x8 images of handwritten digits (1797 images, ten classes; a fixed "
    "stratified split of 60, 20 and 20 % for training, validation and test). One training takes about a second on "
    "one CPU core. High learning rates diverge, and the training can be observed in weights, units and curvature."
)
PHENOMENON = (
    "Rates that are too high diverge; width, depth, rate and initialisation trade against each other (`val_loss`, "
    "`sharpness`, `dead_units`)."
)
SOURCE = (
    "Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits (UCI), as in sklearn.datasets.load_digits"
)
KNOBS: dict[str, Knob] = {
    "lr": {"type": "float", "low": 1e-4, "high": 3.0, "log": True, "default": 0.01},
    "weight_decay": {"type": "float", "low": 1e-6, "high": 0.1, "log": True, "default": 1e-4},
    "optimizer": {"type": "choice", "values": ["sgd", "adamw", "rmsprop"], "default": "adamw"},
    "momentum": {
        "type": "float",
        "low": 0.0,
        "high": 0.99,
        "below": 1,
        "default": 0.9,
        "when": {"optimizer": ["sgd"]},
    },
    "width": {"type": "integer", "low": 8, "high": 256, "log": True, "default": 64},
    "depth": {"type": "integer", "low": 1, "high": 4, "least": 1, "default": 2},
    "batch_size": {"type": "ordinal", "levels": [16, 32, 64, 128, 256], "least": 1, "default": 64},
    "activation": {"type": "choice", "values": ["relu", "tanh", "gelu", "silu"], "default": "relu"},
    "dropout": {"type": "float", "low": 0.0, "high": 0.5, "below": 1, "default": 0.0},
    "init_scale": {"type": "float", "low": 0.1, "high": 4.0, "log": True, "default": 1.0},
}
SETTINGS: dict[str, Setting] = {"epochs": 15, "observables": True}
METRICS: dict[str, str] = {
    "train_loss": "mean cross-entropy on training data at the end, without dropout, in nats",
    "val_loss": "mean cross-entropy on validation data at the end, in nats",
    "test_loss": "mean cross-entropy on test data at the end, in nats",
    "train_accuracy": "share of training images read correctly at the end, in [0, 1]",
    "val_accuracy": "share of validation images read correctly at the end, in [0, 1]",
    "test_accuracy": "share of test images read correctly at the end, in [0, 1]",
    "generalisation_gap": "val_loss - train_loss, in nats",
    "train_loss_curve": "training loss after each epoch, in nats",
    "val_loss_curve": "validation loss after each epoch, in nats",
    "val_accuracy_curve": "validation accuracy after each epoch, in [0, 1]",
    "epochs_to_90": "first epoch with a validation accuracy of at least 0.9; censored above at the last epoch",
    "parameters": "number of trained parameters",
    "seconds": "wall time of the training with its observables, in seconds",
}


SPLIT_SEED = 20260101  # part of the task: every training sees the same split
PIXEL_MEAN, PIXEL_DEVIATION = 4.884, 6.017  # over all pixels of all images
PIXELS = 64
CURVED_IMAGES = 256


def _trainer(settings: Values) -> BatchedTrainer:
    return BatchedTrainer(
        build=_build,
        loss=_loss,
        rows=lambda config, seed: load()["train"],  # noqa: ARG005 - the same for all, and read when it is needed
        epochs=settings.whole("epochs"),
        recipe=_recipe,
        measure=_measure,
        given=lambda config, seed: (*load()["train"], *load()["val"]),  # noqa: ARG005
        log=lambda steps, epoch: range(epoch, steps + 1, epoch),
        clock=lambda step, epoch: step / epoch,
        ended=_diverged,
        finish=lambda finished: _finish(finished, settings),
        views=Views(
            rows=lambda config, seed: load()["train"],  # noqa: ARG005
            seen=lambda config, seed: load()["val"],  # noqa: ARG005
            curved=lambda config, seed: _curved(),  # noqa: ARG005
            labels=lambda batch: batch[1],
        ),
    )


def _build(config: Config) -> "torch.nn.Module":
    """Give the network, drawn from torch's global stream."""
    from torch import nn

    from physai_inverse.trainers.tasks.networks.mlp import LAYERS

    values, network = _network(config)
    layers: list[nn.Module] = []
    for before, after in pairwise(network.sizes):
        layers += [network.linear(before, after, values.number("init_scale")), LAYERS[network.activation]()]
        layers.append(nn.Dropout(values.number("dropout")))
    return nn.Sequential(*layers[:-2])


def _network(config: Config) -> "tuple[Values, MLP]":
    """Give the values of all knobs, and the form of the network."""
    from physai_inverse.trainers.tasks.networks.mlp import MLP

    values = complete(config, KNOBS)
    width, depth = values.whole("width"), values.whole("depth")
    return values, MLP((PIXELS, *[width] * depth, 10), str(values["activation"]))


def _recipe(config: Config) -> Recipe:
    values = complete(config, KNOBS)
    momentum = values.number("momentum") if values["optimizer"] == "sgd" else None
    return Recipe(
        values.number("lr"),
        str(values["optimizer"]),
        values.number("weight_decay"),
        momentum,
        batch_size=values.whole("batch_size"),
    )


def _loss(module: "torch.nn.Module", batch: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
    from torch.nn.functional import cross_entropy

    images, labels = batch
    return cross_entropy(module(images), labels, reduction="none")


def _measure(module: "torch.nn.Module", given: "tuple[torch.Tensor, ...]") -> "dict[str, torch.Tensor]":
    found: dict[str, torch.Tensor] = {}
    images, labels, others, truth = given
    for name, X, y in (("train", images, labels), ("val", others, truth)):
        found[f"{name}_loss"], found[f"{name}_accuracy"] = _judge(module, X, y)
    return found


def _judge(module: "torch.nn.Module", X: "torch.Tensor", y: "torch.Tensor") -> "tuple[torch.Tensor, torch.Tensor]":
    """Give loss and accuracy."""
    from torch.nn.functional import cross_entropy

    logits = module(X)
    return cross_entropy(logits, y), (logits.argmax(dim=1) == y).double().mean()


def _diverged(curves: Mapping[str, Curve]) -> bool:
    return not math.isfinite(float(curves["train_loss"]) + float(curves["val_loss"]))


def _finish(finished: Finished, settings: Values) -> dict[str, Metric]:
    import torch

    start = time.perf_counter()
    device = next(finished.module.parameters()).device
    diverged = finished.diverged is not None or _diverged(finished.curves)
    curves = {name: finished.curves[name] for name in ("train_loss", "val_loss", "val_accuracy")}
    with torch.no_grad():
        test_loss, test_accuracy = map(
            float, _judge(finished.module, *(part.to(device) for part in load()["test"]))
        )
    metrics: dict[str, Metric] = {
        "train_loss": float(curves["train_loss"]),
        "val_loss": float(curves["val_loss"]),
        "test_loss": test_loss,
    }
    if diverged:
        metrics = dict.fromkeys(metrics, math.nan)
        losses = curves["val_loss"]
        curves["val_loss"] = Curve(losses.steps, (*losses.values[:-1], math.nan))
    metrics |= {f"{name}_accuracy": float(finished.curves[f"{name}_accuracy"]) for name in ("train", "val")}
    metrics["test_accuracy"] = test_accuracy
    metrics["generalisation_gap"] = float(metrics["val_loss"]) - float(metrics["train_loss"])
    epochs = tuple(float(epoch + 1) for epoch in range(len(curves["val_loss"])))
    for name, curve in curves.items():
        metrics[f"{name}_curve"] = Curve(epochs, curve.values)
    budget = len(epochs) if finished.stopped else settings.whole("epochs")
    metrics["epochs_to_90"] = _epochs_to(0.9, curves["val_accuracy"].values, budget)
    metrics["parameters"] = float(sum(parameter.numel() for parameter in finished.module.parameters()))
    metrics["seconds"] = finished.seconds + time.perf_counter() - start
    return metrics


def _epochs_to(threshold: float, accuracies: Sequence[float], epochs: int) -> Measurement:
    from physai_inverse.trainers.observables.curves import first_reaching

    curve = Curve(tuple(float(epoch + 1) for epoch in range(len(accuracies))), tuple(accuracies))
    return first_reaching(curve, threshold, budget=epochs)


@lru_cache(maxsize=1)
def load() -> dict[str, tuple["torch.Tensor", "torch.Tensor"]]:
    """Give the standardised images [n, 64] and labels [n] of `train`, `val` and `test`, shuffled."""
    import numpy as np
    import torch
    from sklearn.datasets import load_digits

    from physai_inverse.seeds import generator

    images, labels = load_digits(return_X_y=True)
    draw = generator(SPLIT_SEED, "digits")
    parts: dict[str, list[np.ndarray[tuple[int], np.dtype[np.int64]]]] = {"train": [], "val": [], "test": []}
    for digit in range(10):
        rows = draw.permutation(np.flatnonzero(labels == digit))
        first, second = round(0.6 * len(rows)), round(0.8 * len(rows))
        for name, part in zip(parts, np.split(rows, [first, second]), strict=True):
            parts[name].append(part)
    data: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
    for name, pieces in parts.items():
        rows = draw.permutation(np.concatenate(pieces))
        X = torch.tensor((images[rows] - PIXEL_MEAN) / PIXEL_DEVIATION, dtype=torch.float32)
        data[name] = (X, torch.tensor(labels[rows], dtype=torch.int64))
    return data


@lru_cache(maxsize=1)
def _curved() -> tuple["torch.Tensor", "torch.Tensor"]:
    """Give the training images on which curvature is measured, and their labels."""
    images, labels = load()["train"]
    return images[:CURVED_IMAGES], labels[:CURVED_IMAGES]


TASK = Task("digits", DESCRIPTION, SOURCE, KNOBS, SETTINGS, METRICS, _trainer, PHENOMENON)
