"""Stochastic gradient descent on a quadratic: the smallest model of batch size against learning rate.

Symbols: `h` [d] curvatures, `theta` [d] the parameters of one copy.
"""

import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Config, Curve, Measurement, Metric
from physai_inverse.trainers.batched import BatchedTrainer, Finished, Recipe
from physai_inverse.trainers.batched.problem import Views
from physai_inverse.trainers.tasks.knobs import Knob, Setting, Values, complete, share
from physai_inverse.trainers.tasks.task import Task

if TYPE_CHECKING:
    import torch

DESCRIPTION = (
    "Gradient descent on the sum of h theta^2 / 2 over 50 parameters, with curvatures h evenly between 1 / "
    "condition and 1, where each gradient has normal noise of variance noise^2 / batch_size. The loss is the "
    "exact one, over the first, averaged over independent copies. One training takes about a second on one CPU "
    "core. "
)
PHENOMENON = (
    "The critical batch size: the fewest steps to a target (`steps_to_target`, over learning rates) fall as 1 / "
    "batch_size as long as noise limits the rate, so that `samples_to_target` is constant and the best rate is "
    "proportional to the batch size; beyond, curvature limits it, and larger batches are wasted. At a constant "
    "rate the loss ends at a floor that the rate sets (`train_loss`)."
)
SOURCE = (
    "McCandlish et al. 2018, An Empirical Model of Large-Batch Training, https://arxiv.org/abs/1812.06162 "
    "(quadratic loss, section 2); Zhang et al. 2019, https://arxiv.org/abs/1907.04164 (the noisy quadratic model)"
)
KNOBS: dict[str, Knob] = {
    "lr": {"type": "float", "low": 3e-3, "high": 1.9, "log": True, "default": 0.1},
    "batch_size": {"type": "integer", "low": 1, "high": 4096, "log": True, "least": 1, "default": 16},
    "noise": {"type": "float", "low": 0.1, "high": 2.0, "log": True, "default": 0.6},
    "momentum": {"type": "float", "low": 0.0, "high": 0.9, "below": 1, "default": 0.0},
    "condition": {"type": "float", "low": 1.0, "high": 100.0, "log": True, "least": 1, "default": 10.0},
}
SETTINGS: dict[str, Setting] = {
    "steps": 1500,
    "dimension": 50,
    "copies": 16,
    "target": 0.005,
    "stop_at_target": False,
}
METRICS: dict[str, str] = {
    "train_loss": "exact loss at the end over the first one, mean over the copies",
    "train_loss_curve": "exact loss over steps, over the first one",
    "steps_to_target": "first logged step with that loss at most the setting `target`; censored at the budget",
    "samples_to_target": "steps_to_target times batch_size; censored with it",
    "seconds": "wall time of the training, in seconds",
}
EACH = 100
"""Steps up to which each is logged; beyond, one in about `SPACING` of the step."""
SPACING = 0.02


def _trainer(settings: Values) -> BatchedTrainer:
    steps, dimension, copies = (settings.whole(name) for name in ("steps", "dimension", "copies"))
    target, stop = share("target", settings["target"]), settings["stop_at_target"]
    if not isinstance(stop, bool):
        raise InvalidInput(f"`stop_at_target` must be true or false, not {stop!r}.")

    def draw(config: Config, source: "torch.Generator") -> "tuple[torch.Tensor, ...]":
        import torch

        values = complete(config, KNOBS)
        deviation = values.number("noise") / math.sqrt(values.whole("batch_size"))
        return torch.randn(1, copies, dimension, generator=source) * deviation, curvatures(config, dimension)[None]

    def build(config: Config) -> "torch.nn.Module":  # noqa: ARG001 - all start alike
        from physai_inverse.trainers.tasks.networks.iterates import Iterates

        return Iterates(copies, dimension)

    def silent(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":  # noqa: ARG001 - the noise is left out
        import torch

        return torch.zeros(1, copies, dimension), curvatures(config, dimension)[None]

    return BatchedTrainer(
        build=build,
        loss=_loss,
        draw=draw,
        steps=steps,
        recipe=_recipe,
        measure=_measure,
        given=lambda config, seed: (curvatures(config, dimension),),  # noqa: ARG005 - the same for all seeds
        log=log_steps(steps),
        ended=(lambda curves: _ended(curves, target)) if stop else None,
        finish=lambda finished: _finish(finished, target, steps),
        views=Views(hidden=False, rows=silent, floor=lambda config, seed: 0.0),  # noqa: ARG005 - as of every floor
    )


def curvatures(config: Config, dimension: int) -> "torch.Tensor":
    """Give the curvatures `h`, [d], the largest of them 1."""
    import torch

    return torch.linspace(1 / complete(config, KNOBS).number("condition"), 1, dimension)


def log_steps(steps: int) -> tuple[int, ...]:
    """List the steps to log: each of the first, then at distances that grow with them, and the last."""
    found = list(range(min(steps, EACH) + 1))
    while found[-1] < steps:
        found.append(min(found[-1] + max(1, round(SPACING * found[-1])), steps))
    return tuple(found)


def _recipe(config: Config) -> Recipe:
    values = complete(config, KNOBS)
    return Recipe(values.number("lr"), "sgd", momentum=values.number("momentum"))


def _loss(module: "torch.nn.Module", batch: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
    """Give the sum over the copies, so that each descends as if it were alone; the gradient is that of a batch."""
    noise, h = batch
    points: torch.Tensor = module()
    losses: torch.Tensor = (0.5 * h[:, None] * points.square() + noise * points).sum(dim=(1, 2))
    return losses


def _measure(module: "torch.nn.Module", given: "tuple[torch.Tensor, ...]") -> "dict[str, torch.Tensor]":
    (h,) = given
    return {"train_loss": (h * module().square()).sum(dim=1).mean() / h.sum()}


def _ended(curves: Mapping[str, Curve], target: float) -> bool:
    loss = float(curves["train_loss"])
    return loss <= target or not math.isfinite(loss)


def _finish(finished: Finished, target: float, budget: int) -> dict[str, Metric]:
    start = time.perf_counter()
    loss = finished.curves["train_loss"]
    size = complete(finished.config, KNOBS).whole("batch_size")
    reached = [step for step, value in zip(loss.steps, loss.values, strict=True) if value <= target]
    steps, censored = (reached[0], None) if reached else (float(budget), "above")
    return {
        "train_loss": math.nan if finished.diverged is not None else float(loss),
        "train_loss_curve": loss,
        "steps_to_target": Measurement(steps, censored=censored),
        "samples_to_target": Measurement(steps * size, censored=censored),
        "seconds": finished.seconds + time.perf_counter() - start,
    }


TASK = Task("noisy_quadratic", DESCRIPTION, SOURCE, KNOBS, SETTINGS, METRICS, _trainer, PHENOMENON)
