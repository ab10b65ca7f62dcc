"""Superposition: more features than dimensions, which a network keeps apart because few are there at once."""

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
    "Sparse features, feature i present with a probability that falls with i as a power and then even in [0, "
    "2], are mapped into `dimensions` and back by one matrix W: ReLU(x W W' + b), trained by AdamW on the "
    "squared error of fresh rows. One training takes some seconds on one CPU core; a thousand features and "
    "more want a GPU."
)
PHENOMENON = (
    "Far more features than dimensions are represented (`represented_share`) at the price of overlap "
    "(`mean_overlap`, about one over the dimensions), and more is given back than if the most frequent had a "
    "dimension each (`test_loss` below `loss_without_superposition`). Rows of length 1 represent all, decay "
    "leaves the most frequent; the loss falls with the dimensions as a power."
)
SOURCE = (
    "Elhage et al. 2022, https://transformer-circuits.pub/2022/toy_model; Liu, Liu and Gore 2025, "
    "https://arxiv.org/abs/2505.10465, with https://github.com/liuyz0/SuperpositionScaling"
)
KNOBS: dict[str, Knob] = {
    "lr": {"type": "float", "low": 1e-3, "high": 0.1, "log": True, "default": 0.01},
    "weight_decay": {"type": "float", "low": 0.0, "high": 1.0, "default": 0.0},
    "dimensions": {"type": "integer", "low": 4, "high": 128, "log": True, "default": 16, "least": 1},
    "exponent": {"type": "float", "low": 0.0, "high": 2.0, "default": 1.0},
    "activity": {"type": "float", "low": 0.1, "high": 1.0, "log": True, "default": 1.0},
    "norms": {"type": "choice", "values": ["free", "unit"], "default": "free"},
    "batch_size": {"type": "integer", "low": 32, "high": 2048, "log": True, "default": 256, "least": 1},
    "init_scale": {"type": "float", "low": 0.1, "high": 3.0, "log": True, "default": 1.0},
}
SETTINGS: dict[str, Setting] = {"features": 256, "steps": 1500, "test_rows": 2000}
METRICS: dict[str, str] = {
    "loss": "squared error of a row, summed over features, mean over the training batches since the point before",
    "loss_curve": "the same over steps (about 20 a decade)",
    "test_loss": "squared error of a row, summed over features, on other rows at the end",
    "test_loss_curve": "the same over steps",
    "unexplained": "test_loss over what giving back nothing would lose, in expectation",
    "loss_without_superposition": "expected loss where the most frequent features have a dimension each and all "
    "others are given back as their mean",
    "represented_share": "share of features whose row is longer than 1/2 at the end, in [0, 1]",
    "represented_share_curve": "the same over steps",
    "mean_overlap": "mean squared cosine between rows of two features at the end; one over dimensions by chance",
    "mean_overlap_curve": "the same over steps",
    "parameters": "number of trained parameters",
    "seconds": "wall time of the training, in seconds",
}
LARGEST = 2.0
"""Of a feature that is there; its mean is 1 and its mean square 4/3."""
MEAN_SQUARE = LARGEST**2 / 3
LONG = 0.5


def _trainer(settings: Values) -> BatchedTrainer:
    features, steps, tests = settings.whole("features"), settings.whole("steps"), settings.whole("test_rows")

    def build(config: Config) -> "torch.nn.Module":
        from physai_inverse.trainers.tasks.networks.superposition import Superposition

        values = complete(config, KNOBS)
        unit = values.word("norms") == "unit"
        return Superposition(features, values.whole("dimensions"), unit, values.number("init_scale"))

    def draw(config: Config, source: "torch.Generator") -> "tuple[torch.Tensor, ...]":
        return _rows(chances(config, features), complete(config, KNOBS).whole("batch_size"), source)

    def given(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":
        import torch

        return _rows(chances(config, features), tests, torch.Generator().manual_seed(child(seed, "test")))

    return BatchedTrainer(
        build=build,
        loss=_loss,
        draw=draw,
        steps=steps,
        recipe=_recipe,
        measure=_measure,
        given=given,
        log=log_steps(steps),
        finish=lambda finished: _finish(finished, features),
        views=Views(given, latents=lambda batch: batch[0], embedding="weight"),
    )


def chances(config: Config, features: int) -> tuple[float, ...]:
    """Give how probable each feature is: a power of its rank, all of them adding up to `activity`.

    Raises:
        InvalidInput: the first would be more than certain.
    """
    values = complete(config, KNOBS)
    powers = [rank ** -values.number("exponent") for rank in range(1, features + 1)]
    factor = values.number("activity") / math.fsum(powers)
    if factor > 1:
        raise InvalidInput(
            f"`activity` must be at most {math.fsum(powers):.4g} for {features} features and this `exponent`, not "
            f"{values.number('activity'):g}: the most frequent feature would be more than certain."
        )
    return tuple(factor * power for power in powers)


def loss_without_superposition(config: Config, features: int) -> float:
    """Give the expected loss where the most frequent features have a dimension each.

    The others are given back as their means, by the bias; what is lost is their variance.
    """
    rest = chances(config, features)[complete(config, KNOBS).whole("dimensions") :]
    return math.fsum(MEAN_SQUARE * chance - chance**2 for chance in rest)


def _rows(probable: tuple[float, ...], number: int, source: "torch.Generator") -> "tuple[torch.Tensor, ...]":
    """Draw features, [n, features]."""
    import torch

    p = torch.tensor(probable)
    even = torch.rand(number, len(probable), generator=source)
    return (torch.where(even < p, even * (LARGEST / p), 0.0),)  # below p, even / p is even in [0, 1]


def _recipe(config: Config) -> Recipe:
    values = complete(config, KNOBS)
    return Recipe(values.number("lr"), "adamw", values.number("weight_decay"), decays=(("bias", 0.0),))


def _loss(module: "torch.nn.Module", batch: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
    (x,) = batch
    loss: torch.Tensor = (module(x) - x).square().sum(dim=1)
    return loss


def _measure(module: "torch.nn.Module", given: "tuple[torch.Tensor, ...]") -> "dict[str, torch.Tensor]":
    rows = module.rows()  # type: ignore[operator]  # a method
    lengths = rows.norm(dim=1)
    directions = rows / lengths.clamp(min=1e-6).unsqueeze(1)
    # The mean square of all cosines is the square of the small Gram matrix; each row's own with itself is 1.
    count = len(rows)
    overlap = ((directions.T @ directions).square().sum() - count) / (count * (count - 1))
    return {
        "test_loss": _loss(module, given).mean(),
        "represented_share": (lengths > LONG).to(lengths.dtype).mean(),
        "mean_overlap": overlap,
    }


def _finish(finished: Finished, features: int) -> dict[str, Metric]:
    from physai_inverse.trainers.batched.layout import layout_of

    metrics: dict[str, Metric] = dict(last_values(finished))  # type: ignore[arg-type]  # numbers and curves
    nothing = MEAN_SQUARE * math.fsum(chances(finished.config, features))
    metrics["unexplained"] = float(metrics["test_loss"]) / nothing
    metrics["loss_without_superposition"] = loss_without_superposition(finished.config, features)
    metrics["parameters"] = float(layout_of(finished.module).size)
    return metrics


TASK = Task("superposition", DESCRIPTION, SOURCE, KNOBS, SETTINGS, METRICS, _trainer, PHENOMENON)
