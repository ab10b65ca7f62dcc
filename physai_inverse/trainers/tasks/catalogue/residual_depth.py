"""A residual network learns another one of its form: depth, normalisation, strength of the blocks.

Toy model of depth: how the stream grows, how far blocks still change it, and how sharp the loss becomes.
"""

import math
from typing import TYPE_CHECKING, cast

from physai_inverse.observations import Config, Metric
from physai_inverse.seeds import child
from physai_inverse.trainers.batched import BatchedTrainer, Finished, Recipe
from physai_inverse.trainers.batched.problem import Views
from physai_inverse.trainers.tasks.knobs import Knob, Setting, Values, complete
from physai_inverse.trainers.tasks.task import Task

if TYPE_CHECKING:
    import torch

    from physai_inverse.trainers.tasks.networks.residual import Residual

DESCRIPTION = (
    "A network of residual blocks (two layers without biases, four hidden units to a dimension) learns the "
    "outputs of a random network of the same form on 400 Gaussian inputs of 10 dimensions, with Adam on the full "
    "batch and the squared error. One training takes a second for four blocks on one CPU core, more with more of "
    "them."
)
PHENOMENON = (
    "With normalisation before strong blocks (`branch_scale`) the stream grows as the root of the depth "
    "(`initial_growth`) and blocks turn it less and less (`initial_turn`); the loss becomes sharper in proportion "
    "to the depth (observable `sharpness`); an `offset` behind a ReLU takes away the common shift of the outputs "
    "(`initial_shift`)."
)
SOURCE = (
    "Liu 2026, Depth 1, Depth 3 and Optimization 3, https://kindxiaoming.github.io/blog/2026/depth-1/, depth-3/ "
    "and optimization-3/"
)
KNOBS: dict[str, Knob] = {
    "lr": {"type": "float", "low": 1e-4, "high": 3e-2, "log": True, "default": 1e-2},
    "depth": {"type": "integer", "low": 1, "high": 32, "log": True, "least": 1, "default": 4},
    "normalisation": {"type": "choice", "values": ["none", "pre", "post"], "default": "pre"},
    "activation": {"type": "choice", "values": ["relu", "tanh", "gelu", "silu"], "default": "silu"},
    "branch_scale": {"type": "float", "low": 0.1, "high": 10.0, "log": True, "default": 1.0},
    "offset": {"type": "float", "low": 0.0, "high": 0.6, "default": 0.0},
}
SETTINGS: dict[str, Setting] = {"steps": 500, "dimension": 10, "samples": 400}
METRICS: dict[str, str] = {
    "train_loss": "mean squared error over samples and outputs at the end",
    "test_loss": "mean squared error on as many fresh samples at the end",
    "train_loss_curve": "training loss over steps",
    "test_loss_curve": "test loss over steps",
    "relative_loss": "`test_loss` over the mean square of what the teacher's blocks add to its inputs",
    "initial_growth": "exponent of the stream's mean norm over the number of the block, before training; absent "
    "with one block",
    "initial_turn": "1 - cosine between the streams before and behind the last block, mean over samples, before "
    "training; absent with one block",
    "initial_shift": "deviation over outputs of their mean over samples, before training",
    "parameters": "number of trained parameters",
    "seconds": "wall time of the training, in seconds",
}

EXPANSION = 4


def _trainer(settings: Values) -> BatchedTrainer:
    samples, dimension, steps = settings.whole("samples"), settings.whole("dimension"), settings.whole("steps")

    def build(config: Config) -> "torch.nn.Module":
        return _network(complete(config, KNOBS), dimension)

    def recipe(config: Config) -> Recipe:
        return Recipe(complete(config, KNOBS).number("lr"), "adam")

    def rows(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":
        return _samples(config, seed, "samples")

    def _samples(config: Config, seed: int, name: str) -> "tuple[torch.Tensor, torch.Tensor]":
        import torch

        X = torch.randn(samples, dimension, generator=torch.Generator().manual_seed(child(seed, name)))
        with torch.no_grad():
            return X, teacher(complete(config, KNOBS), dimension, seed)(X)

    def given(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":
        return (*rows(config, seed), *_samples(config, seed, "test"))

    return BatchedTrainer(
        build=build,
        loss=_loss,
        rows=rows,
        steps=steps,
        recipe=recipe,
        measure=_measure,
        given=given,
        log=(0, *(step for step in range(1, steps + 1) if step % max(steps // 20, 1) == 0)),
        finish=_finish,
        views=Views(
            rows=rows,
            floor=lambda config, seed: 0.0,  # noqa: ARG005 - the student can be the teacher
            regression=lambda batch: (batch[0], batch[1]),
        ),
    )


def _network(values: Values, dimension: int, **changed: float) -> "Residual":
    """Give a network, drawn from torch's global stream."""
    from physai_inverse.trainers.tasks.networks.residual import Block, Residual

    values = Values({**values, **changed})
    return Residual(
        [
            Block(
                dimension,
                EXPANSION,
                values.word("activation"),
                values.word("normalisation"),
                values.number("branch_scale"),
                values.number("offset"),
            )
            for _ in range(values.whole("depth"))
        ]
    )


def teacher(values: Values, dimension: int, seed: int) -> "Residual":
    """Give the network that is learned: of the same form, but without an offset."""
    from physai_inverse.trainers.batched.devices import isolated

    with isolated(child(seed, "teacher")):
        return _network(values, dimension, offset=0.0)


def _loss(module: "torch.nn.Module", batch: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
    error: torch.Tensor = module(batch[0]) - batch[1]
    return error.square().mean(dim=1)


def _measure(module: "torch.nn.Module", given: "tuple[torch.Tensor, ...]") -> "dict[str, torch.Tensor]":
    import torch

    X, Y, others, truth = given
    stream = cast("Residual", module).stream(others)
    found = {
        "train_loss": _loss(module, (X, Y)).mean(),
        "test_loss": (stream[-1] - truth).square().mean(),
        "added": (truth - others).square().mean(),
        "shift": stream[-1].mean(dim=0).std(unbiased=False),
    }
    if len(stream) > 1:
        found["growth"] = _exponent(torch.stack([part.norm(dim=1).mean() for part in stream]))
        found["turn"] = 1 - torch.nn.functional.cosine_similarity(stream[-2], stream[-1], dim=1).mean()
    return found


def _exponent(norms: "torch.Tensor") -> "torch.Tensor":
    """Fit the slope of log norm over the logarithm of the block's number."""
    import torch

    x = torch.arange(1, len(norms) + 1, device=norms.device).to(norms).log()
    x = x - x.mean()
    return (x * norms.log()).sum() / x.square().sum()


def _finish(finished: Finished) -> dict[str, Metric]:
    curves = finished.curves
    metrics: dict[str, Metric] = {}
    for name in ("train_loss", "test_loss"):
        metrics |= {
            name: math.nan if finished.diverged else curves[name].values[-1],
            f"{name}_curve": curves[name],
        }
    metrics["relative_loss"] = float(metrics["test_loss"]) / curves["added"].values[-1]
    metrics |= {
        f"initial_{name}": curves[name].values[0] for name in ("growth", "turn", "shift") if name in curves
    }
    metrics["parameters"] = float(sum(part.numel() for part in finished.module.parameters()))
    metrics["seconds"] = finished.seconds
    return metrics


TASK = Task("residual_depth", DESCRIPTION, SOURCE, KNOBS, SETTINGS, METRICS, _trainer, PHENOMENON)
