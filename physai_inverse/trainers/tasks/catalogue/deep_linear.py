"""A deep linear network learns a matrix one singular value after the other, the largest first.

Symbols: `s` [d] singular values of the target, which is diagonal in the right bases of inputs and outputs;
`W_1` to `W_L` the matrices of the network; `u` [d] the strengths of its modes, the diagonal of `W_L ... W_1`.
"""

import math
import time
from itertools import pairwise
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
    "A product of depth square matrices learns a diagonal matrix with chosen singular values (from 3 down to 3 / "
    "spread, evenly in logarithms) by gradient descent on half the squared distance, which is the loss over white "
    "inputs. Hidden bases are random, and all modes start at about the strength `init`. One training takes "
    "about a second on one CPU core. "
)
PHENOMENON = (
    "Stepwise learning: each mode stays small for long, then rises along a sigmoid, the strongest first "
    "(`modes_learned_curve`, `first_mode_time`, `last_mode_time`); small starts and depth sharpen the steps. "
    "Balancedness: W_(l+1)^T W_(l+1) - W_l W_l^T moves only as far as steps are finite (`balance_drift`)."
)
SOURCE = (
    "Saxe, McClelland and Ganguli 2014, https://arxiv.org/abs/1312.6120; balancedness: Arora, Cohen and Hazan "
    "2018, https://arxiv.org/abs/1802.06509, and Du, Hu and Lee 2018, https://arxiv.org/abs/1806.00900"
)
KNOBS: dict[str, Knob] = {
    "lr": {"type": "float", "low": 1e-3, "high": 0.03, "log": True, "default": 0.01},
    "depth": {"type": "integer", "low": 2, "high": 5, "least": 2, "default": 2},
    "init": {"type": "float", "low": 1e-4, "high": 0.1, "log": True, "default": 1e-3},
    "start": {"type": "choice", "values": ["aligned", "random"], "default": "aligned"},
    "spread": {"type": "float", "low": 1.0, "high": 10.0, "log": True, "least": 1, "default": 5.0},
}
SETTINGS: dict[str, Setting] = {"duration": 20.0, "modes": 5}
METRICS: dict[str, str] = {
    "train_loss": "half the squared distance to the target at the end, over that of the zero matrix",
    "train_loss_curve": "that loss over steps",
    "modes_learned": "number of modes with at least half of their strength at the end",
    "modes_learned_curve": "that number over steps",
    "first_mode_time": "lr times the step at which the strongest mode has half of its strength (from logged "
    "steps, a straight line between); censored at the duration",
    "last_mode_time": "the same of the weakest mode",
    "balance_drift": "Frobenius distance of the imbalance W_(l+1)^T W_(l+1) - W_l W_l^T from its first value",
    "balance_drift_curve": "that distance over steps",
    "seconds": "wall time of the training, in seconds",
}
STRONGEST = 3.0
LOGGED = 200
CURVES = ("train_loss", "modes_learned", "balance_drift")


def _trainer(settings: Values) -> BatchedTrainer:
    duration, modes = settings.number("duration"), count("modes", settings["modes"], 2)
    if not duration:
        raise InvalidInput("`duration` must be above 0.")

    def build(config: Config) -> "torch.nn.Module":
        return _build(config, modes)

    def rows(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":  # noqa: ARG001 - the first values are random
        import torch

        return torch.eye(modes), torch.diag(singular_values(config, modes))

    return BatchedTrainer(
        build=build,
        loss=_loss,
        rows=rows,
        steps=lambda config: max(round(duration / complete(config, KNOBS).number("lr")), 1),
        recipe=lambda config: Recipe(complete(config, KNOBS).number("lr"), "sgd"),
        measure=_measure,
        given=lambda config, seed: (singular_values(config, modes),),  # noqa: ARG005 - the same for all seeds
        log=lambda steps, epoch: sorted({*range(0, steps + 1, max(steps // LOGGED, 1)), steps}),  # noqa: ARG005
        finish=lambda finished: _finish(finished, duration),
        views=Views(hidden=False, rows=rows, floor=lambda config, seed: 0.0),  # noqa: ARG005 - as of every floor
    )


def singular_values(config: Config, modes: int) -> "torch.Tensor":
    """Give the singular values of the target, [d], the largest first."""
    import torch

    lowest = STRONGEST / complete(config, KNOBS).number("spread")
    return torch.logspace(math.log10(STRONGEST), math.log10(lowest), modes)


def _build(config: Config, modes: int) -> "torch.nn.Module":
    """Draw the first matrices from torch's global stream.

    Aligned ones are scaled rotations from one basis to the next, from and to the bases of inputs and outputs, so
    that every mode has the strength `init` and no mode acts on another. Random ones have normal entries, with
    the scale of their product the same.
    """
    import torch

    from physai_inverse.trainers.tasks.networks.products import Products

    values = complete(config, KNOBS)
    depth = values.whole("depth")
    scale = values.number("init") ** (1 / depth)
    if values.word("start") == "random":
        return Products([torch.randn(modes, modes) * (scale / math.sqrt(modes)) for _ in range(depth)])
    hidden = [torch.linalg.qr(torch.randn(modes, modes))[0] for _ in range(depth - 1)]
    bases = [torch.eye(modes), *hidden, torch.eye(modes)]
    return Products([scale * after @ before.T for before, after in pairwise(bases)])


def _loss(module: "torch.nn.Module", batch: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
    """Give for each input the loss whose mean over the inputs is half the squared distance of the matrices."""
    x, y = batch
    losses: torch.Tensor = 0.5 * len(x) * (module(x) - y).square().sum(dim=1)
    return losses


def _measure(module: "torch.nn.Module", given: "tuple[torch.Tensor, ...]") -> "dict[str, torch.Tensor]":
    import torch

    from physai_inverse.trainers.tasks.networks.products import Products

    assert isinstance(module, Products)
    (s,) = given
    product = module.product()
    u = product.diagonal()
    return {
        "train_loss": (product - torch.diag(s)).square().sum() / s.square().sum(),
        "modes_learned": (u >= s / 2).double().sum(),
        "strongest": u[0] / s[0],
        "weakest": u[-1] / s[-1],
        "balance_drift": module.drift(),
    }


def _finish(finished: Finished, duration: float) -> dict[str, Metric]:
    start = time.perf_counter()
    lr = complete(finished.config, KNOBS).number("lr")
    metrics: dict[str, Metric] = {}
    for name in CURVES:
        curve = finished.curves[name]
        metrics |= {name: float(curve), f"{name}_curve": curve}
    for name, mode in (("first_mode_time", "strongest"), ("last_mode_time", "weakest")):
        metrics[name] = half_time(finished.curves[mode], lr, duration)
    return {**metrics, "seconds": finished.seconds + time.perf_counter() - start}


def half_time(curve: Curve, lr: float, duration: float) -> Measurement:
    """Give the time at which a share of a strength reaches one half, by a straight line between logged steps."""
    points = list(zip(curve.steps, curve.values, strict=True))
    for (before, low), (after, high) in pairwise(points):
        if low < 0.5 <= high:
            return Measurement(lr * (before + (after - before) * (0.5 - low) / (high - low)))
    return Measurement(duration, censored="above")


TASK = Task("deep_linear", DESCRIPTION, SOURCE, KNOBS, SETTINGS, METRICS, _trainer, PHENOMENON)
