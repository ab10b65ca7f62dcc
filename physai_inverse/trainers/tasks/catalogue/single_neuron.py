"""One neuron learns the function of one neuron: it can, unless it ends up active everywhere, or nowhere.

A hyperactive ReLU neuron is a straight line and a dead one a constant; both are minima that it cannot leave.
"""

import math
from typing import TYPE_CHECKING

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Config, Curve, Measurement, Metric
from physai_inverse.trainers.batched import BatchedTrainer, Finished, Recipe
from physai_inverse.trainers.batched.problem import Views
from physai_inverse.trainers.tasks.knobs import Knob, Setting, Values, complete, count
from physai_inverse.trainers.tasks.task import Task

if TYPE_CHECKING:
    import torch

DESCRIPTION = (
    "A neuron v act(w x + b) + c learns ReLU(x) on an even grid of [-1, 1] with Adam on all points and the mean "
    "squared error. It starts at w = v = 1 with biases that are knobs, a little noise aside, so that its solution "
    "is in reach from the start. One training takes about two seconds on one CPU core, hundreds together hardly "
    "more."
)
PHENOMENON = (
    "Traps: a ReLU neuron that becomes active on all points (`active_share` 1) ends as a straight line with a "
    "loss of 1/48, one that becomes active on none (0) as a constant with 5/48. Biases beyond 1 start there, "
    "and large output biases or learning rates drive it there. A SiLU neuron gets out again, after a long time."
)
SOURCE = (
    'Ziming Liu 2026, "Training dynamics of A Single ReLU Neuron", '
    "https://kindxiaoming.github.io/blog/2026/single-relu-neuron/"
)
KNOBS: dict[str, Knob] = {
    "inner_bias": {"type": "float", "low": -2.0, "high": 2.0, "least": -math.inf, "default": 0.0},
    "outer_bias": {"type": "float", "low": -2.0, "high": 2.0, "least": -math.inf, "default": 0.0},
    "target_bias": {"type": "float", "low": -2.0, "high": 2.0, "least": -math.inf, "default": 0.0},
    "lr": {"type": "float", "low": 1e-3, "high": 1.0, "log": True, "default": 0.01},
    "activation": {"type": "choice", "values": ["relu", "silu"], "default": "relu"},
    "init_noise": {"type": "float", "low": 0.0, "high": 0.1, "default": 0.01},
}
SETTINGS: dict[str, Setting] = {"steps": 3000, "points": 201, "fitted": 1e-4}
METRICS: dict[str, str] = {
    "train_loss": "mean squared error over the grid at the end",
    "train_loss_curve": "mean squared error over steps",
    "active_share": "share of the points with w x + b above 0 at the end: 0 for a dead, 1 for a hyperactive "
    "neuron",
    "active_share_curve": "that share over steps",
    "steps_to_fit": "first logged step with the loss at most the setting `fitted`; censored at the budget",
    "seconds": "wall time of the training, in seconds",
}
LOGGED = 100
CURVES = ("train_loss", "active_share")


def _trainer(settings: Values) -> BatchedTrainer:
    steps, points = settings.whole("steps"), count("points", settings["points"], 2)
    if not settings.number("fitted"):
        raise InvalidInput("`fitted` must be above 0.")

    def rows(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":  # noqa: ARG001 - the data are not random
        import torch

        x = torch.linspace(-1, 1, points)
        return x, x.relu() + complete(config, KNOBS).number("target_bias")

    return BatchedTrainer(
        build=_build,
        loss=lambda module, batch: (module(batch[0]) - batch[1]).square(),
        rows=rows,
        steps=steps,
        recipe=lambda config: Recipe(complete(config, KNOBS).number("lr"), "adam"),
        measure=_measure,
        given=rows,
        log=sorted({0, *range(max(steps // LOGGED, 1), steps + 1, max(steps // LOGGED, 1)), steps}),
        finish=lambda finished: _finish(finished, settings),
        views=Views(rows=rows, floor=lambda config, seed: 0.0),  # noqa: ARG005 - as of every floor
    )


def _build(config: Config) -> "torch.nn.Module":
    from torch import nn

    from physai_inverse.trainers.tasks.networks.neuron import Neuron

    values = complete(config, KNOBS)
    activation = nn.ReLU() if values.word("activation") == "relu" else nn.SiLU()
    start = (1.0, values.number("inner_bias"), 1.0, values.number("outer_bias"))
    return Neuron(activation, start, values.number("init_noise"))


def _measure(module: "torch.nn.Module", given: "tuple[torch.Tensor, ...]") -> "dict[str, torch.Tensor]":
    from physai_inverse.trainers.tasks.networks.neuron import Neuron

    assert isinstance(module, Neuron)
    x, y = given
    share = (module.inner(x) > 0).double().mean()
    return {"train_loss": (module(x) - y).square().mean(), "active_share": share}


def _finish(finished: Finished, settings: Values) -> dict[str, Metric]:
    metrics: dict[str, Metric] = {}
    for name in CURVES:
        curve = finished.curves[name]
        metrics |= {name: float(curve), f"{name}_curve": curve}
    metrics["steps_to_fit"] = _first_at_most(
        finished.curves["train_loss"], settings.number("fitted"), settings.whole("steps")
    )
    return {**metrics, "seconds": finished.seconds}


def _first_at_most(curve: Curve, bound: float, budget: float) -> Measurement:
    for step, value in zip(curve.steps, curve.values, strict=True):
        if value <= bound:
            return Measurement(step)
    return Measurement(budget, censored="above")


TASK = Task("single_neuron", DESCRIPTION, SOURCE, KNOBS, SETTINGS, METRICS, _trainer, PHENOMENON)
