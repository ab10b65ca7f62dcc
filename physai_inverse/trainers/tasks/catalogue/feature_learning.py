"""A sum of squared sines: a network first unlearns its bends, lingers at a straight line, then learns new ones.

Toy model of feature learning. A unit bends, or is non-linear, if it is on for some inputs and off for others.
"""

import math
from typing import TYPE_CHECKING, cast

from physai_inverse.observations import Config, Curve, Metric
from physai_inverse.seeds import child
from physai_inverse.trainers.batched import BatchedTrainer, Finished, Recipe
from physai_inverse.trainers.batched.problem import Views
from physai_inverse.trainers.tasks.knobs import Knob, Setting, Values, complete
from physai_inverse.trainers.tasks.task import Task

if TYPE_CHECKING:
    import torch

    from physai_inverse.trainers.tasks.networks.two_layers import TwoLayers

DESCRIPTION = (
    "A network with two hidden ReLU layers fits y = sum of sin(frequency x_i)^2 over 10 Gaussian inputs on 500 "
    "samples, with AdamW on the full batch and the squared error. At high frequencies nothing but single samples "
    "can be learned. One training takes about five seconds on one CPU core."
)
PHENOMENON = (
    "Four phases: most units of the second layer cease to bend (`bending_units_curve` falls), the loss lingers "
    "near that of linear regression (`train_loss_curve`, `linear_loss`), bending units come back, and with their "
    "number constant the loss falls exponentially."
)
SOURCE = (
    "Liu and Zheng 2026, Physics of Feature Learning 1, "
    "https://kindxiaoming.github.io/blog/2026/feature-learning-1/"
)
KNOBS: dict[str, Knob] = {
    "lr": {"type": "float", "low": 1e-4, "high": 1e-2, "log": True, "default": 1e-3},
    "width": {"type": "integer", "low": 16, "high": 256, "log": True, "least": 1, "default": 100},
    "frequency": {"type": "float", "low": 0.3, "high": 20.0, "log": True, "default": 10.0},
    "weight_decay": {"type": "float", "low": 0.0, "high": 1.0, "default": 0.0},
    "init_scale": {"type": "float", "low": 0.3, "high": 3.0, "log": True, "default": 1.0},
}
SETTINGS: dict[str, Setting] = {"steps": 2000, "inputs": 10, "samples": 500}
METRICS: dict[str, str] = {
    "train_loss": "mean squared error on the samples at the end",
    "test_loss": "mean squared error on as many fresh samples at the end",
    "bending_units": "number of units of the second layer that are on for some samples and off for others",
    "train_loss_curve": "training loss over steps",
    "test_loss_curve": "test loss over steps",
    "bending_units_curve": "number of bending units over steps",
    "linear_loss": "mean squared error on the samples of linear regression with a constant",
    "fewest_units": "smallest number of bending units on the way",
    "parameters": "number of trained parameters",
    "seconds": "wall time of the training, in seconds",
}

CURVES = ("train_loss", "test_loss", "bending_units")


def _trainer(settings: Values) -> BatchedTrainer:
    inputs, samples, steps = settings.whole("inputs"), settings.whole("samples"), settings.whole("steps")

    def build(config: Config) -> "torch.nn.Module":
        from physai_inverse.trainers.tasks.networks.two_layers import TwoLayers

        return TwoLayers(inputs, complete(config, KNOBS).whole("width"))

    def recipe(config: Config) -> Recipe:
        values = complete(config, KNOBS)
        return Recipe(
            values.number("lr"),
            "adamw",
            values.number("weight_decay"),
            init_scale=values.number("init_scale"),
        )

    def rows(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":
        return _samples(complete(config, KNOBS).number("frequency"), samples, inputs, child(seed, "samples"))

    def given(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":
        frequency = complete(config, KNOBS).number("frequency")
        return (*rows(config, seed), *_samples(frequency, samples, inputs, child(seed, "test")))

    return BatchedTrainer(
        build=build,
        loss=_loss,
        rows=rows,
        steps=steps,
        recipe=recipe,
        measure=_measure,
        given=given,
        log=(*range(0, min(steps, 100), 10), *range(100, steps + 1, 50)),
        finish=lambda finished: _finish(finished, linear_loss(*rows(finished.config, finished.seed))),
        views=Views(
            rows=rows,
            floor=lambda config, seed: 0.0,  # noqa: ARG005 - the targets have no noise
            regression=lambda batch: (batch[0], batch[1]),
        ),
    )


def _samples(frequency: float, samples: int, inputs: int, seed: int) -> "tuple[torch.Tensor, torch.Tensor]":
    """Give Gaussian inputs [n, inputs] and their targets [n, 1]."""
    import torch

    X = torch.randn(samples, inputs, generator=torch.Generator().manual_seed(seed))
    return X, (frequency * X).sin().square().sum(dim=1, keepdim=True)


def linear_loss(X: "torch.Tensor", y: "torch.Tensor") -> float:
    """Give the least mean squared error of a linear function with a constant, in single precision.

    Beyond that, the last digits depend on where in memory the rows lie.
    """
    import torch

    A = torch.cat([X, torch.ones(len(X), 1)], dim=1).double()
    fit = A @ torch.linalg.lstsq(A, y.double()).solution
    return float((fit - y).square().mean().float())


def bending_units(Z: "torch.Tensor") -> "torch.Tensor":
    """Count the units that bend: that are on for some rows and off for others.

    Args:
        Z: [n, units] what goes into them.
    """
    on = (Z > 0).double().mean(dim=0)
    return ((on > 0) & (on < 1)).double().sum()


def _loss(module: "torch.nn.Module", batch: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
    error: torch.Tensor = module(batch[0]) - batch[1]
    return error.square().mean(dim=1)


def _measure(module: "torch.nn.Module", given: "tuple[torch.Tensor, ...]") -> "dict[str, torch.Tensor]":
    X, y, others, truth = given
    Z = cast("TwoLayers", module).units(X)
    return {
        "train_loss": _loss(module, (X, y)).mean(),
        "test_loss": _loss(module, (others, truth)).mean(),
        "bending_units": bending_units(Z),
    }


def _finish(finished: Finished, linear: float) -> dict[str, Metric]:
    diverged = finished.diverged is not None
    curves: dict[str, Curve] = {name: finished.curves[name] for name in CURVES}
    metrics: dict[str, Metric] = {
        name: math.nan if diverged else curve.values[-1] for name, curve in curves.items()
    }
    metrics.update({f"{name}_curve": curve for name, curve in curves.items()})
    metrics["linear_loss"] = linear
    metrics["fewest_units"] = min(curves["bending_units"].values)
    metrics["parameters"] = float(sum(part.numel() for part in finished.module.parameters()))
    metrics["seconds"] = finished.seconds
    return metrics


TASK = Task("feature_learning", DESCRIPTION, SOURCE, KNOBS, SETTINGS, METRICS, _trainer, PHENOMENON)
