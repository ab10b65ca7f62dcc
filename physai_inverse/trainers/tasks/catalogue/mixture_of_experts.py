"""A mixture of experts on an oscillating function: into how many experts a number of units is divided."""

from typing import TYPE_CHECKING

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Config, Metric
from physai_inverse.seeds import child
from physai_inverse.trainers.batched import BatchedTrainer, Finished, Recipe, Views
from physai_inverse.trainers.batched.problem import last_values
from physai_inverse.trainers.tasks.knobs import Knob, Setting, Values, complete, count
from physai_inverse.trainers.tasks.steps import log_steps
from physai_inverse.trainers.tasks.task import Task

if TYPE_CHECKING:
    import torch

DESCRIPTION = (
    "A fixed number of hidden units, divided into `experts`, learns sin(f x) + sin(f y) on a square from "
    "`rows` points by Adam on the mean square; a soft gate, linear in the inputs, weights the experts. One "
    "expert is an ordinary network of one hidden layer. One training takes a few seconds on one CPU core."
)
PHENOMENON = (
    "Experts whose gates cut the square into pieces fit an oscillation that one smooth network is slow to "
    "learn: `test_loss` falls over `experts` to about a third of the units and no further. `gate_entropy` and "
    "`used_experts` say how the square is divided up."
)
SOURCE = '"MOE 1", https://kindxiaoming.github.io/blog/2026/moe-1'
KNOBS: dict[str, Knob] = {
    "lr": {"type": "float", "low": 3e-4, "high": 0.1, "log": True, "default": 0.01},
    "weight_decay": {"type": "float", "low": 1e-6, "high": 0.1, "log": True, "default": 1e-6},
    "experts": {"type": "ordinal", "levels": [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60], "default": 20},
    "frequency": {"type": "float", "low": 1.0, "high": 20.0, "log": True, "default": 7.0},
    "activation": {"type": "choice", "values": ["relu", "tanh", "silu", "gelu"], "default": "silu"},
    "batch_size": {"type": "integer", "low": 16, "high": 1000, "log": True, "default": 100, "least": 1},
    "init_scale": {"type": "float", "low": 0.3, "high": 4.0, "log": True, "default": 0.6},
}
SETTINGS: dict[str, Setting] = {"units": 60, "rows": 1000, "grid": 32, "steps": 3000}
METRICS: dict[str, str] = {
    "loss": "mean square over the training batches since the point before; the truth has a variance of about 1",
    "loss_curve": "the same over steps (about 20 a decade)",
    "test_loss": "mean square on a grid over the square at the end",
    "test_loss_curve": "the same over steps",
    "unexplained": "test_loss over the variance of the truth on the grid",
    "gate_entropy": "mean entropy of the gates on the grid at the end, in nats; log experts where all are equal",
    "gate_entropy_curve": "the same over steps",
    "used_experts": "exponential of the entropy of how often each expert's gate is the largest, 1 to `experts`",
    "parameters": "number of trained parameters",
    "seconds": "wall time of the training, in seconds",
}


def _trainer(settings: Values) -> BatchedTrainer:
    units, number, grid = settings.whole("units"), settings.whole("rows"), count("grid", settings["grid"], 2)
    steps = settings.whole("steps")

    def build(config: Config) -> "torch.nn.Module":
        from physai_inverse.trainers.tasks.networks.experts import Experts
        from physai_inverse.trainers.tasks.networks.mlp import LAYERS

        values = complete(config, KNOBS)
        experts = values.whole("experts")
        if units % experts:
            raise InvalidInput(f"`experts` must divide `units` ({units}), which {experts} does not.")
        return Experts(
            2, experts, units // experts, LAYERS[values.word("activation")](), values.number("init_scale")
        )

    def rows(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":
        import torch

        points = torch.rand(number, 2, generator=torch.Generator().manual_seed(child(seed, "rows"))) * 2 - 1
        return points, truth(points, complete(config, KNOBS).number("frequency"))

    def given(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":  # noqa: ARG001 - the same for every seed
        points = _grid(grid)
        return points, truth(points, complete(config, KNOBS).number("frequency"))

    return BatchedTrainer(
        build=build,
        loss=_loss,
        rows=rows,
        steps=steps,
        recipe=_recipe,
        measure=_measure,
        given=given,
        log=log_steps(steps),
        finish=lambda finished: _finish(finished, *given(finished.config, finished.seed)),
        views=Views(rows, latents=lambda batch: batch[0], floor=lambda config, seed: 0.0),  # noqa: ARG005 - of any
    )


def truth(points: "torch.Tensor", frequency: float) -> "torch.Tensor":
    """Give what is to be learned at points [n, 2], [n]."""
    return (frequency * points).sin().sum(dim=1)


def _grid(size: int) -> "torch.Tensor":
    """Give the middles of even squares, [size^2, 2]."""
    import torch

    middles = (torch.arange(size) + 0.5) * (2 / size) - 1
    return torch.cartesian_prod(middles, middles)


def _recipe(config: Config) -> Recipe:
    values = complete(config, KNOBS)
    return Recipe(
        values.number("lr"), "adamw", values.number("weight_decay"), batch_size=values.whole("batch_size")
    )


def _loss(module: "torch.nn.Module", batch: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
    points, values = batch
    loss: torch.Tensor = (module(points) - values).square()
    return loss


def _measure(module: "torch.nn.Module", given: "tuple[torch.Tensor, ...]") -> "dict[str, torch.Tensor]":
    import torch

    points, values = given
    gates = module.gates(points)  # type: ignore[operator]  # a method
    return {
        "test_loss": (module(points) - values).square().mean(),
        "gate_entropy": torch.special.entr(gates).sum(dim=1).mean(),
    }


def _finish(finished: Finished, points: "torch.Tensor", values: "torch.Tensor") -> dict[str, Metric]:
    import torch

    from physai_inverse.trainers.batched.layout import flat, layout_of

    metrics: dict[str, Metric] = dict(last_values(finished))  # type: ignore[arg-type]  # numbers and curves
    metrics["unexplained"] = float(metrics["test_loss"]) / float(values.double().var(correction=0))
    with torch.no_grad():
        gates = finished.module.gates(points.to(flat(finished.module)))  # type: ignore[operator]  # a method
    usage = torch.bincount(gates.argmax(dim=1), minlength=gates.shape[1]).double() / len(gates)
    metrics["used_experts"] = float(torch.special.entr(usage).sum().exp())
    metrics["parameters"] = float(layout_of(finished.module).size)
    return metrics


TASK = Task("mixture_of_experts", DESCRIPTION, SOURCE, KNOBS, SETTINGS, METRICS, _trainer, PHENOMENON)
