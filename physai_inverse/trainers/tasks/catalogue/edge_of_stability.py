"""Full-batch gradient descent: the loss gets sharper until the step is barely stable, and stays there.

Symbols: `w` parameters of one network, `H` the Hessian of the loss at `w`, `q` Lanczos vectors, `T` the
tridiagonal matrix of their coefficients.
"""

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from physai_inverse.observations import Config, Curve, Measurement, Metric
from physai_inverse.trainers.batched import BatchedTrainer, Finished, Recipe
from physai_inverse.trainers.batched.problem import Views
from physai_inverse.trainers.tasks.knobs import Knob, Setting, Values, complete, count
from physai_inverse.trainers.tasks.task import Task

if TYPE_CHECKING:
    import torch

DESCRIPTION = (
    "A tanh network with two hidden layers fits a Chebyshev polynomial on 20 even points of [-1, 1] by gradient "
    "descent or Adam on all points, with half the mean squared error. The largest eigenvalue of the Hessian, the "
    "sharpness, is followed on the way. One training takes about three seconds on one CPU core."
)
PHENOMENON = (
    "The edge of stability: the sharpness rises (progressive sharpening) until it reaches 2 / lr, or (2 + 2 "
    "momentum) / lr with heavy ball, and hovers there while the loss goes on falling, though not at each step "
    "(`edge_ratio_curve` rises to 1 and stays). Adam has an edge of its own, at 38 / `adam_lr` of the observable "
    "`preconditioned_sharpness`."
)
SOURCE = (
    "Cohen et al. 2021, https://arxiv.org/abs/2103.00065 (the regression task of its code, "
    "https://github.com/locuslab/edge-of-stability, here with two hidden layers)"
)
KNOBS: dict[str, Knob] = {
    "optimizer": {"type": "choice", "values": ["sgd", "adam"], "default": "sgd"},
    "lr": {"type": "float", "low": 0.05, "high": 0.6, "log": True, "default": 0.2, "when": {"optimizer": ["sgd"]}},
    "momentum": {
        "type": "float",
        "low": 0.0,
        "high": 0.9,
        "below": 1,
        "default": 0.0,
        "when": {"optimizer": ["sgd"]},
    },
    "adam_lr": {
        "type": "float",
        "low": 1e-4,
        "high": 0.01,
        "log": True,
        "default": 1e-3,
        "when": {"optimizer": ["adam"]},
    },
    "degree": {"type": "integer", "low": 2, "high": 5, "least": 1, "default": 4},
    "width": {"type": "integer", "low": 10, "high": 60, "log": True, "default": 30},
}
SETTINGS: dict[str, Setting] = {"steps": 4000, "points": 20}
METRICS: dict[str, str] = {
    "train_loss": "half the mean squared error at the end",
    "train_loss_curve": "half the mean squared error over steps",
    "edge_ratio": "mean over the last quarter of the steps of the sharpness times lr / (2 + 2 momentum): 1 at "
    "the edge",
    "edge_ratio_curve": "sharpness times lr / (2 + 2 momentum) over steps",
    "late_sharpness": "mean over the last quarter of the steps of the largest Hessian eigenvalue (Lanczos)",
    "steps_to_edge": "first logged step with a ratio of at least 1; censored at the budget",
    "seconds": "wall time of the training with its measurements, in seconds",
}
LOGGED = 40
PRODUCTS = 24
"""Of the Hessian with a vector, for one sharpness: within 0.1 % of the exact one on these networks."""
LATE = 0.75
TINY = 1e-30  # a Lanczos vector that vanished is divided by this, and stays zero


def _trainer(settings: Values) -> BatchedTrainer:
    steps, points = settings.whole("steps"), count("points", settings["points"], 2)

    def rows(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":  # noqa: ARG001 - the data are not random
        return chebyshev(points, complete(config, KNOBS).whole("degree"))

    every = max(steps // LOGGED, 1)
    return BatchedTrainer(
        build=_build,
        loss=lambda module, batch: 0.5 * (module(batch[0]) - batch[1]).square().squeeze(1),
        rows=rows,
        steps=steps,
        recipe=_recipe,
        measure=_measure,
        given=rows,
        log=sorted({*range(0, steps + 1, every), steps}),
        finish=lambda finished: _finish(finished, steps),
        views=Views(rows=rows, head="head.weight", floor=lambda config, seed: 0.0),  # noqa: ARG005 - as of every floor
    )


def chebyshev(points: int, degree: int) -> "tuple[torch.Tensor, torch.Tensor]":
    """Give an even grid of [-1, 1] and the Chebyshev polynomial of this degree on it, [points, 1] each."""
    import torch

    x = torch.linspace(-1, 1, points, dtype=torch.float64)[:, None]
    return x.float(), (degree * x.acos()).cos().float()


def _build(config: Config) -> "torch.nn.Module":
    from physai_inverse.trainers.tasks.networks.regressor import Regressor

    return Regressor(complete(config, KNOBS).whole("width"))


def _recipe(config: Config) -> Recipe:
    values = complete(config, KNOBS)
    if values.word("optimizer") == "adam":
        return Recipe(values.number("adam_lr"), "adam")
    return Recipe(values.number("lr"), "sgd", momentum=values.number("momentum"))


def _measure(module: "torch.nn.Module", given: "tuple[torch.Tensor, ...]") -> "dict[str, torch.Tensor]":
    import torch

    from physai_inverse.trainers.tasks.networks.regressor import outputs

    x, y = given
    parameters = [parameter.detach() for parameter in module.parameters()]
    sizes = [parameter.numel() for parameter in parameters]

    def loss(w: torch.Tensor) -> torch.Tensor:
        parts = [part.view_as(like) for part, like in zip(torch.split(w, sizes), parameters, strict=True)]
        return 0.5 * (outputs(parts, x) - y).square().mean()

    w = torch.cat([parameter.reshape(-1) for parameter in parameters])
    return {"train_loss": loss(w), "sharpness": _sharpness(loss, w)}


def _sharpness(loss: "Callable[[torch.Tensor], torch.Tensor]", w: "torch.Tensor") -> "torch.Tensor":
    """Find the largest eigenvalue of the Hessian by Lanczos with full reorthogonalisation, also under `vmap`.

    Parameters that are zero are those that fill up a narrower network in a stack, and take no part.
    """
    import torch
    from torch.func import grad, vjp

    own = (w != 0).to(w)
    # Irregular, the same for everyone, and no draw, which `vmap` would not know how to share.
    start = torch.arange(1, len(w) + 1, dtype=w.dtype, device=w.device).square().sin() * own
    product = vjp(grad(loss), w)[1]  # of the Hessian, which is its own transpose, with a vector
    basis = [start / start.norm()]
    diagonal: list[torch.Tensor] = []
    below: list[torch.Tensor] = []
    for _ in range(min(PRODUCTS, len(w))):
        q = basis[-1]
        image = product(q)[0] * own
        diagonal.append(image @ q)
        span = torch.stack(basis)
        for _ in range(2):  # twice is enough: the second pass removes what rounding left
            image = image - (span @ image) @ span
        below.append(image.norm())
        basis.append(image / below[-1].clamp_min(TINY))
    off = torch.stack(below[:-1])
    T = torch.diag(torch.stack(diagonal)) + torch.diag(off, 1) + torch.diag(off, -1)
    finite = T.isfinite().all()
    top: torch.Tensor = torch.linalg.eigvalsh(T.where(finite, torch.zeros_like(T)).double())[-1]
    return top.where(finite, math.nan)


def _finish(finished: Finished, budget: int) -> dict[str, Metric]:
    start = time.perf_counter()
    values = complete(finished.config, KNOBS)
    sharpness, loss = finished.curves["sharpness"], finished.curves["train_loss"]
    late = [
        value
        for step, value in zip(sharpness.steps, sharpness.values, strict=True)
        if step >= LATE * sharpness.steps[-1]
    ]
    metrics: dict[str, Metric] = {
        "train_loss": float(loss),
        "train_loss_curve": loss,
        "late_sharpness": math.fsum(late) / len(late),
    }
    if values.word("optimizer") == "sgd":
        unit = values.number("lr") / (2 + 2 * values.number("momentum"))
        ratio = Curve(sharpness.steps, tuple(unit * value for value in sharpness.values))
        reached = [step for step, value in zip(ratio.steps, ratio.values, strict=True) if value >= 1]
        metrics["edge_ratio"] = unit * math.fsum(late) / len(late)
        metrics["edge_ratio_curve"] = ratio
        metrics["steps_to_edge"] = Measurement(reached[0]) if reached else Measurement(budget, censored="above")
    return {**metrics, "seconds": finished.seconds + time.perf_counter() - start}


TASK = Task("edge_of_stability", DESCRIPTION, SOURCE, KNOBS, SETTINGS, METRICS, _trainer, PHENOMENON)
