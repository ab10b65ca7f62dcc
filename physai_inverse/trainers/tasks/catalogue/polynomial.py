"""A power of a number: what gates and squares are good for."""

import math
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from physai_inverse.observations import Config, Metric
from physai_inverse.trainers.batched import BatchedTrainer, Finished, Recipe, Views
from physai_inverse.trainers.tasks.knobs import Knob, Setting, Values, complete
from physai_inverse.trainers.tasks.task import Task

if TYPE_CHECKING:
    import torch

DESCRIPTION = (
    "A network with one hidden layer fits x^n on [-1, 1] by mean squared error, with Adam on all 201 points "
    "and a rate that falls as a cosine. Its units are plain, gated by others, or squared. One training takes "
    "about a second on one CPU core."
)
PHENOMENON = (
    "Squares and gates are good for polynomials: squared units (`form`) fit x^2 and x^3 with a far lower "
    "`relative_loss` than plain ones at the same number of `parameters`, gated ones x^2; from there on it depends."
)
SOURCE = "Liu 2026, MLP 1, https://kindxiaoming.github.io/blog/2026/mlp-1"
KNOBS: dict[str, Knob] = {
    "power": {"type": "integer", "low": 1, "high": 8, "least": 1, "default": 3},
    "form": {"type": "choice", "values": ["plain", "gated", "squared"], "default": "plain"},
    "activation": {"type": "choice", "values": ["relu", "silu"], "default": "relu"},
    "width": {"type": "integer", "low": 4, "high": 128, "log": True, "least": 1, "default": 30},
    "lr": {"type": "float", "low": 1e-3, "high": 0.1, "log": True, "default": 0.01},
}
SETTINGS: dict[str, Setting] = {"steps": 1000}
METRICS: dict[str, str] = {
    "loss": "mean squared error at the end",
    "relative_loss": "loss over the variance of the target",
    "largest_error": "largest absolute error at the end",
    "loss_curve": "mean squared error over steps, mean since the point before",
    "parameters": "number of trained parameters: 3 a unit and 1, gated 5 a unit and 1",
    "seconds": "wall time of the training, in seconds",
}
POINTS = 201


def _trainer(settings: Values) -> BatchedTrainer:
    return BatchedTrainer(
        build=_build,
        loss=_loss,
        rows=_rows,
        steps=settings.whole("steps"),
        recipe=lambda config: Recipe(complete(config, KNOBS).number("lr"), "adam", schedule="cosine"),
        finish=_finish,
        views=Views(
            rows=_rows,
            latents=lambda batch: batch[0],
            head="out.weight",
            regression=lambda batch: (batch[0], batch[1]),
            line=lambda module, batch: module(batch[0]),
        ),
    )


def _build(config: Config) -> "torch.nn.Module":
    from physai_inverse.trainers.tasks.networks.gated import hidden_layer

    values = complete(config, KNOBS)
    return hidden_layer(values.word("form"), values.whole("width"), values.word("activation"))


def _rows(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":  # noqa: ARG001 - the same for all seeds
    return powers(complete(config, KNOBS).whole("power"))


@lru_cache(maxsize=32)
def powers(power: int) -> "tuple[torch.Tensor, torch.Tensor]":
    """Give points [n, 1] and their power [n, 1]."""
    import torch

    x = torch.linspace(-1, 1, POINTS)[:, None]
    return x, x**power


def _loss(module: "torch.nn.Module", batch: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
    errors: torch.Tensor = module(batch[0]) - batch[1]
    return errors.square().squeeze(1)


def _finish(finished: Finished) -> Mapping[str, Metric]:
    import torch

    start = time.perf_counter()
    parameters = list(finished.module.parameters())
    x, y = (tensor.to(parameters[0]) for tensor in _rows(finished.config, finished.seed))
    with torch.no_grad():
        errors = (finished.module(x) - y).double()
    loss = float(errors.square().mean())
    metrics: dict[str, Metric] = {
        "loss": loss,
        "relative_loss": loss / float(y.double().var(correction=0)),
        "largest_error": float(errors.abs().max()),
    }
    if finished.diverged is not None or not math.isfinite(loss):
        metrics = dict.fromkeys(metrics, math.nan)
    metrics["loss_curve"] = finished.curves["loss"]
    metrics["parameters"] = float(sum(item.numel() for item in parameters))
    metrics["seconds"] = finished.seconds + time.perf_counter() - start
    return metrics


TASK = Task("polynomial", DESCRIPTION, SOURCE, KNOBS, SETTINGS, METRICS, _trainer, PHENOMENON)
