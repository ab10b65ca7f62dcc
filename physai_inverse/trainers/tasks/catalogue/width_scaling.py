"""Regression on a teacher by networks of any width, in the standard and in the maximal-update parametrisation.

Toy model of the transfer of learning rates: which rate is best moves with the width, or stays where it is.

Symbols: `n` width, `n0` the base width at which both parametrisations are one.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from physai_inverse.observations import Config, Metric, as_metrics
from physai_inverse.seeds import child
from physai_inverse.trainers.batched import BatchedTrainer, Finished, Recipe
from physai_inverse.trainers.batched.problem import Views, last_values
from physai_inverse.trainers.tasks.knobs import Knob, Setting, Values, complete
from physai_inverse.trainers.tasks.task import Task

if TYPE_CHECKING:
    import torch

DESCRIPTION = (
    "A ReLU network with two hidden layers of one width learns a fixed random tanh network with 16 inputs from "
    "fresh Gaussian batches, by Adam on the squared error. `parametrisation` says how first weights and rates "
    "depend on the width: `standard`, or `mup`, the maximal-update one. One training takes half a second at width "
    "64 and seconds at 1024, on one CPU core."
)
PHENOMENON = (
    "The best learning rate falls about as one over the width in the standard parametrisation and stays where "
    "it is under muP (`test_loss` over `lr` and `width`); so do the sizes of hidden values after a few steps "
    "(`coordinate_2`, `coordinate_3`)."
)
SOURCE = (
    "the parametrisations of Yang et al. 2021, Tensor Programs V, https://arxiv.org/abs/2203.03466, table 3, and "
    "the coordinate check of its appendix D"
)
KNOBS: dict[str, Knob] = {
    "lr": {"type": "float", "low": 2**-12, "high": 2**-4, "log": True, "default": 2**-7},
    "width": {"type": "integer", "low": 64, "high": 1024, "log": True, "least": 1, "default": 64},
    "parametrisation": {"type": "choice", "values": ["standard", "mup"], "default": "standard"},
    "batch_size": {"type": "integer", "low": 16, "high": 256, "log": True, "least": 1, "default": 64},
}
SETTINGS: dict[str, Setting] = {"steps": 200, "inputs": 16, "teacher_width": 32, "base_width": 64}
METRICS: dict[str, str] = {
    "loss": "mean squared error over the batches since the logged step before; the targets have variance 1",
    "test_loss": "mean squared error on 1024 fixed inputs at the end; the targets have variance 1",
    "loss_curve": "`loss` over steps",
    "test_loss_curve": "`test_loss` over steps",
    "late_loss": "`loss` over the last quarter of the steps, which the last batches disturb less than `test_loss`",
    "coordinate_1": "mean size of what goes into the units of the first hidden layer, at the end",
    "coordinate_2": "mean size of what goes into the units of the second hidden layer, at the end",
    "coordinate_3": "mean size of the output, at the end",
    "parameters": "number of trained parameters",
    "seconds": "wall time of the training, in seconds",
}

TEACHER_SEED = 20260301  # part of the task: every training has the same teacher and the same test inputs
TEST_ROWS = 1024
LATE = 0.75
TEACHER_ROWS = 8192  # on which the variance of the teacher is measured


def _trainer(settings: Values) -> BatchedTrainer:
    inputs, units = settings.whole("inputs"), settings.whole("teacher_width")
    base = settings.whole("base_width")

    def build(config: Config) -> "torch.nn.Module":
        return _network(complete(config, KNOBS), inputs)

    def recipe(config: Config) -> Recipe:
        values = complete(config, KNOBS)
        rate = values.number("lr")
        if values.word("parametrisation") == "standard":
            return Recipe(rate, "adam")
        ratio = base / values.whole("width")
        return Recipe(rate, "adam", factors=(("2.weight", ratio), ("4.weight", ratio)))

    def draw(config: Config, source: "torch.Generator") -> "tuple[torch.Tensor, ...]":
        import torch

        rows = complete(config, KNOBS).whole("batch_size")
        X = torch.randn(rows, inputs, generator=source)
        return X, teacher(inputs, units).answer(X)

    def test(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":  # noqa: ARG001 - the same for all
        return teacher(inputs, units).test

    return BatchedTrainer(
        build=build,
        loss=_loss,
        draw=draw,
        steps=settings.whole("steps"),
        recipe=recipe,
        measure=_measure,
        given=test,
        finish=lambda finished: _finish(finished, teacher(inputs, units).test[0]),
        views=Views(
            rows=test,
            latents=lambda batch: teacher(inputs, units).hidden(batch[0]),
            floor=lambda config, seed: 0.0,  # noqa: ARG005 - the targets have no noise
        ),
    )


@dataclass(frozen=True)
class Teacher:
    """A fixed random network with one hidden tanh layer, and fixed inputs with its answers.

    Args:
        first: [units, inputs].
        last: [units], such that the answers to Gaussian inputs have variance 1.
        test: inputs [1024, inputs] and answers [1024, 1].
    """

    first: "torch.Tensor"
    last: "torch.Tensor"
    test: "tuple[torch.Tensor, torch.Tensor]"

    def hidden(self, X: "torch.Tensor") -> "torch.Tensor":
        """Give its hidden values, [n, units]."""
        return (X @ self.first.to(X).T).tanh()

    def answer(self, X: "torch.Tensor") -> "torch.Tensor":
        """Give its answers, [n, 1]."""
        return self.hidden(X) @ self.last.to(X)[:, None]


@lru_cache(maxsize=8)
def teacher(inputs: int, units: int) -> Teacher:
    """Give the teacher that every training of this task has."""
    import torch

    source = torch.Generator().manual_seed(child(TEACHER_SEED, "teacher"))
    first = torch.randn(units, inputs, generator=source) / math.sqrt(inputs)
    last = torch.randn(units, generator=source)
    X = torch.randn(TEACHER_ROWS, inputs, generator=source)
    last /= ((X @ first.T).tanh() @ last).std()
    X = X[:TEST_ROWS].clone()
    return Teacher(first, last, (X, (X @ first.T).tanh() @ last[:, None]))


def _network(values: Values, inputs: int) -> "torch.nn.Module":
    """Give the network: hidden weights of variance 2 over their inputs, biases zero.

    The last weights have variance one over their inputs; under muP they are zero, as recommended there (appendix
    D.2): of any variance that falls with the width, they are what differs least between widths.
    """
    import torch
    from torch import nn

    width = values.whole("width")
    last = 0.0 if values.word("parametrisation") == "mup" else 1.0
    layers: list[nn.Module] = []
    for before, after, gain in ((inputs, width, 2.0), (width, width, 2.0), (width, 1, last)):
        layer = nn.Linear(before, after)
        with torch.no_grad():
            layer.weight.normal_(std=math.sqrt(gain / before))
            layer.bias.zero_()
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _loss(module: "torch.nn.Module", batch: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
    error: torch.Tensor = module(batch[0]) - batch[1]
    return error.square().mean(dim=1)


def _measure(module: "torch.nn.Module", given: "tuple[torch.Tensor, ...]") -> "dict[str, torch.Tensor]":
    return {"test_loss": _loss(module, given).mean()}


def _finish(finished: Finished, X: "torch.Tensor") -> dict[str, Metric]:
    import torch
    from torch import nn

    metrics: dict[str, Metric] = as_metrics(last_values(finished))
    curve = finished.curves["loss"]
    points = zip(curve.steps, curve.values, strict=True)
    late = [value for step, value in points if step > LATE * finished.steps]
    metrics["late_loss"] = math.nan if finished.diverged else math.fsum(late) / len(late)
    assert isinstance(finished.module, nn.Sequential)
    with torch.no_grad():
        H = X.to(next(finished.module.parameters()))
        number = 0
        for layer in finished.module:
            H = layer(H)
            if isinstance(layer, nn.Linear):
                number += 1
                metrics[f"coordinate_{number}"] = float(H.abs().mean())
    metrics["parameters"] = float(sum(part.numel() for part in finished.module.parameters()))
    return metrics


TASK = Task("width_scaling", DESCRIPTION, SOURCE, KNOBS, SETTINGS, METRICS, _trainer, PHENOMENON)
