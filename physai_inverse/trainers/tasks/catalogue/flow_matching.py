"""Flow matching in the plane: a network learns to carry noise to a curve; the times it is taught at decide."""

import math
from typing import TYPE_CHECKING

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Config, Metric
from physai_inverse.seeds import child
from physai_inverse.trainers.batched import BatchedTrainer, Finished, Recipe, Views
from physai_inverse.trainers.batched.problem import last_values
from physai_inverse.trainers.tasks.knobs import Knob, Setting, Values, complete
from physai_inverse.trainers.tasks.steps import log_steps
from physai_inverse.trainers.tasks.task import Task

if TYPE_CHECKING:
    import torch

DESCRIPTION = (
    "A fully connected network learns the velocity that carries normal noise (t = 0) to points of a curve (t "
    "= 1) along straight lines, from fresh pairs at times t = sigmoid(N(mean, deviation^2)), by AdamW on the "
    "mean square. At the end, samples are carried along by Euler steps. One training takes some seconds on "
    "one CPU core."
)
PHENOMENON = (
    "Which times are taught decides what is drawn: the nearer to the data (`time_mean` above 0), the more "
    "samples lie on the shape (`on_shape`); times in the middle spread them most evenly (`energy_distance`). "
    "Even a single time (`time_deviation` of 0, `time_mean` of 2) puts nearly all of them on it."
)
SOURCE = (
    "Lipman et al. 2023, https://arxiv.org/abs/2210.02747; times as in Esser et al. 2024, "
    'https://arxiv.org/abs/2403.03206; "Diffusion 2" (kindxiaoming.github.io)'
)
KNOBS: dict[str, Knob] = {
    "lr": {"type": "float", "low": 1e-4, "high": 0.03, "log": True, "default": 3e-3},
    "weight_decay": {"type": "float", "low": 1e-6, "high": 0.1, "log": True, "default": 1e-6},
    "time_mean": {"type": "float", "low": -2.0, "high": 4.0, "least": -10, "default": 0.0},
    "time_deviation": {"type": "float", "low": 0.0, "high": 3.0, "default": 1.0},
    "prediction": {"type": "choice", "values": ["velocity", "data", "noise"], "default": "velocity"},
    "width": {"type": "integer", "low": 16, "high": 256, "log": True, "default": 128},
    "schedule": {"type": "choice", "values": ["constant", "cosine"], "default": "cosine"},
    "batch_size": {"type": "integer", "low": 32, "high": 1024, "log": True, "default": 128, "least": 1},
}
SETTINGS: dict[str, Setting] = {
    "shape": "spiral",
    "noise": 0.02,
    "depth": 3,
    "steps": 2000,
    "test_rows": 1000,
    "samples": 500,
    "sampling_steps": 50,
}
METRICS: dict[str, str] = {
    "loss": "mean square of what is predicted, a coordinate, over the training batches since the point before",
    "loss_curve": "the same over steps (about 20 a decade)",
    "velocity_loss": "mean square of the velocity, a coordinate, at even times between 0.02 and 0.98 at the end",
    "velocity_loss_curve": "the same over steps",
    "energy_distance": "energy distance between samples and data: 0 where both are of one kind",
    "on_shape": "share of samples nearer to the curve than 0.05 and three deviations of the data, in [0, 1]",
    "distance_to_shape": "mean distance of samples from the curve",
    "parameters": "number of trained parameters",
    "seconds": "wall time of the training, without its samples, in seconds",
}
SHAPES = ("spiral", "circle", "square")
EARLIEST, LATEST = 0.02, 0.98
NEAR = 0.05
DENSE = 2000


def _trainer(settings: Values) -> BatchedTrainer:
    shape, noise, steps = settings.word("shape"), settings.number("noise"), settings.whole("steps")
    if shape not in SHAPES:
        raise InvalidInput(f"`shape` must be one of {', '.join(f'`{word}`' for word in SHAPES)}, not {shape!r}.")

    def build(config: Config) -> "torch.nn.Module":
        from torch import nn

        from physai_inverse.trainers.tasks.networks.mlp import MLP

        width, layers = complete(config, KNOBS).whole("width"), list[nn.Module]()
        for before in (3, *[width] * (settings.whole("depth") - 1)):
            layers += [MLP.linear(before, width, 1.0), nn.SiLU()]
        return nn.Sequential(*layers, MLP.linear(width, 2, math.sqrt(0.5)))

    def draw(config: Config, source: "torch.Generator") -> "tuple[torch.Tensor, ...]":
        import torch

        values = complete(config, KNOBS)
        number = values.whole("batch_size")
        normal = torch.randn(number, 1, generator=source)
        times = (values.number("time_mean") + values.number("time_deviation") * normal).sigmoid()
        data, start = points(shape, number, noise, source), torch.randn(number, 2, generator=source)
        targets = {"velocity": data - start, "data": data, "noise": start}
        return _inputs(start, data, times), targets[values.word("prediction")]

    def given(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":
        import torch

        number, source = settings.whole("test_rows"), torch.Generator().manual_seed(child(seed, "test"))
        times = torch.linspace(EARLIEST, LATEST, number).unsqueeze(1)
        data, start = points(shape, number, noise, source), torch.randn(number, 2, generator=source)
        of_output, of_place = velocity(complete(config, KNOBS).word("prediction"), times)
        return _inputs(start, data, times), data - start, of_output, of_place

    def rows(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":
        import torch

        return draw(config, torch.Generator().manual_seed(child(seed, "observed")))

    return BatchedTrainer(
        build=build,
        loss=_loss,
        draw=draw,
        steps=steps,
        recipe=_recipe,
        measure=_measure,
        given=given,
        log=log_steps(steps),
        finish=lambda finished: _finish(finished, settings),
        views=Views(rows, latents=lambda batch: batch[0]),
    )


def on(shape: str, share: "torch.Tensor") -> "torch.Tensor":
    """Give the points of a curve at shares [n] of its way, [n, 2]."""
    import torch

    if shape == "square":
        side = 4 * share
        forth = ((side - 0.5).remainder(4) - 2).abs().clamp(0.5, 1.5) - 1
        back = ((side - 1.5).remainder(4) - 2).abs().clamp(0.5, 1.5) - 1
        return torch.stack([2 * forth, 2 * back], dim=1)
    root = share.sqrt()  # so that the way along a spiral is about even
    angle = 2 * math.pi * share if shape == "circle" else 3 * math.pi * root
    radius = torch.ones_like(share) if shape == "circle" else 1.5 * root
    return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1)


def points(shape: str, number: int, noise: float, source: "torch.Generator") -> "torch.Tensor":
    """Draw points near a curve, [n, 2]."""
    import torch

    share = torch.rand(number, generator=source)
    return on(shape, share) + noise * torch.randn(number, 2, generator=source)


def velocity(prediction: str, times: "torch.Tensor") -> "tuple[torch.Tensor, torch.Tensor]":
    """Give the factors by which output and place add up to the velocity.

    With x = (1 - t) noise + t data, the velocity data - noise is (data - x) / (1 - t) and (x - noise) / t.

    Args:
        prediction: what the network gives.
        times: [n, 1] between 0 and 1.
    """
    import torch

    if prediction == "velocity":
        return torch.ones_like(times), torch.zeros_like(times)
    if prediction == "data":
        left = 1 / (1 - times)
        return left, -left
    return -1 / times, 1 / times


def energy_distance(X: "torch.Tensor", Y: "torch.Tensor") -> float:
    """Give the energy distance between two clouds of points [n, d] and [m, d]; 0 for a cloud and itself.

    Source: Szekely and Rizzo 2013, https://doi.org/10.1016/j.jspi.2013.03.018.
    """
    import torch

    return float(2 * torch.cdist(X, Y).mean() - torch.cdist(X, X).mean() - torch.cdist(Y, Y).mean())


def _inputs(start: "torch.Tensor", data: "torch.Tensor", times: "torch.Tensor") -> "torch.Tensor":
    """Give places on the straight way from noise to data, with their times, [n, 3]."""
    import torch

    return torch.cat([(1 - times) * start + times * data, times], dim=1)


def _recipe(config: Config) -> Recipe:
    values = complete(config, KNOBS)
    return Recipe(values.number("lr"), "adamw", values.number("weight_decay"), schedule=values.word("schedule"))


def _loss(module: "torch.nn.Module", batch: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
    inputs, targets = batch
    loss: torch.Tensor = (module(inputs) - targets).square().mean(dim=1)
    return loss


def _measure(module: "torch.nn.Module", given: "tuple[torch.Tensor, ...]") -> "dict[str, torch.Tensor]":
    inputs, truth, of_output, of_place = given
    found = of_output * module(inputs) + of_place * inputs[:, :2]
    return {"velocity_loss": (found - truth).square().mean()}


def sample(module: "torch.nn.Module", prediction: str, start: "torch.Tensor", steps: int) -> "torch.Tensor":
    """Carry noise [n, 2] to data by Euler steps; the first at half a step's time, since at 0 all is noise."""
    import torch

    x = start
    with torch.no_grad():
        for step in range(steps):
            times = torch.full_like(x[:, :1], max(step, 0.5) / steps)
            of_output, of_place = velocity(prediction, times)
            x = x + (of_output * module(torch.cat([x, times], dim=1)) + of_place * x) / steps
    return x


def _finish(finished: Finished, settings: Values) -> dict[str, Metric]:
    import torch

    from physai_inverse.trainers.batched.layout import flat, layout_of

    metrics: dict[str, Metric] = dict(last_values(finished))  # type: ignore[arg-type]  # numbers and curves
    source = torch.Generator().manual_seed(child(finished.seed, "samples"))
    number, shape, noise = settings.whole("samples"), settings.word("shape"), settings.number("noise")
    start = torch.randn(number, 2, generator=source).to(flat(finished.module))
    prediction = complete(finished.config, KNOBS).word("prediction")
    drawn = sample(finished.module, prediction, start, settings.whole("sampling_steps")).cpu().double()
    metrics["energy_distance"] = energy_distance(drawn, points(shape, number, noise, source).double())
    distances = torch.cdist(drawn, on(shape, torch.linspace(0, 1, DENSE).double())).min(dim=1).values
    metrics["on_shape"] = float((distances < NEAR + 3 * noise).double().mean())
    metrics["distance_to_shape"] = float(distances.mean())
    metrics["parameters"] = float(layout_of(finished.module).size)
    return metrics


TASK = Task("flow_matching", DESCRIPTION, SOURCE, KNOBS, SETTINGS, METRICS, _trainer, PHENOMENON)
