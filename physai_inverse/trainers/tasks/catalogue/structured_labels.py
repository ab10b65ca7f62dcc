"""Data that are partly structure and partly noise: how much is structure, told from how the memory fills.

What is random fills the weights and then no more; what has structure is known for any number of rows.
"""

import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Config, Metric
from physai_inverse.seeds import child
from physai_inverse.trainers.batched import BatchedTrainer, Finished, Recipe, Views
from physai_inverse.trainers.tasks.knobs import Knob, Setting, Values, complete, share
from physai_inverse.trainers.tasks.task import Task

if TYPE_CHECKING:
    import torch

DESCRIPTION = (
    "Rows of which a share lies in clusters and is labelled by them, while the others are Gaussian with random "
    "labels. Two networks of one form (two layers and a head) learn them side by side, with Adam on the full "
    "batch: one half of the rows, the other all. By how many bits more the second knows, the share of "
    "structure is estimated. One training takes some seconds on one CPU core."
)
PHENOMENON = (
    "Structure and memory: where the random rows are more than the weights can hold, `structural_fraction` is "
    "near `structure`, the true share, or a little below, since an over-full memory holds less; with few "
    "`samples` for the `width` it is far too large, since the noise is stored too."
)
SOURCE = (
    "Liu 2026, Estimating structural information fraction of your dataset, "
    "https://kindxiaoming.github.io/blog/2026/estimate-structural-faction"
)
KNOBS: dict[str, Knob] = {
    "structure": {"type": "float", "low": 0.0, "high": 1.0, "default": 0.5},
    "samples": {"type": "integer", "low": 400, "high": 4000, "log": True, "least": 2, "default": 2000},
    "width": {"type": "integer", "low": 5, "high": 40, "log": True, "least": 1, "default": 20},
    "lr": {"type": "float", "low": 1e-3, "high": 0.1, "log": True, "default": 0.02},
}
OBJECTIVE: dict[str, Setting] = {"target": "fraction_error = 0 +- 0.05"}
SETTINGS: dict[str, Setting] = {
    "steps": 1000,
    "inputs": 10,
    "classes": 10,
    "spread": 0.2,
    "smaller": 0.5,
}
METRICS: dict[str, str] = {
    "structural_fraction": "bits known of all rows minus those of the smaller part, over the bits of the rest",
    "fraction_error": "structural_fraction - structure",
    "train_loss": "mean cross-entropy of the network that learns all rows, on them, in nats",
    "structured_loss": "the same on the rows in clusters; absent where there are none",
    "random_loss": "the same on the rows with random labels; absent where there are none",
    "smaller_loss": "mean cross-entropy of the other network, on its rows, in nats",
    "memorised_bits": "bits known of all rows' labels",
    "smaller_bits": "bits that the other network knows of its rows' labels",
    "loss_curve": "sum of both losses over steps, mean since the point before, in nats",
    "parameters": "number of trained parameters of each of the two networks",
    "seconds": "wall time of the training, in seconds",
}


def _trainer(settings: Values) -> BatchedTrainer:
    inputs, classes = settings.whole("inputs"), settings.whole("classes")
    if classes < 2:
        raise InvalidInput(f"`classes` must be a whole number of at least 2, not {classes}.")
    part = share("smaller", settings["smaller"])

    def build(config: Config) -> "torch.nn.Module":
        from physai_inverse.trainers.tasks.networks.pair import Pair

        return Pair(inputs, _values(config).whole("width"), classes)

    def rows(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":
        values = _values(config)
        X, labels, _ = draw(values, inputs, classes, settings.number("spread"), seed)
        return X, labels, _weights(len(labels), part)

    return BatchedTrainer(
        build=build,
        loss=_loss,
        rows=rows,
        steps=settings.whole("steps"),
        recipe=_recipe,
        finish=lambda finished: _finish(finished, settings),
        views=Views(rows=rows, labels=lambda batch: batch[1], head="larger.head.weight"),
    )


def _values(config: Config) -> Values:
    values = complete(config, KNOBS)
    if values.number("structure") > 1:
        raise InvalidInput(f"`structure` must be between 0 and 1, not {values['structure']!r}.")
    return values


def draw(
    values: Values, inputs: int, classes: int, spread: float, seed: int
) -> "tuple[torch.Tensor, torch.Tensor, torch.Tensor]":
    """Give the rows [n, inputs], their labels [n], and whether each lies in a cluster [n].

    The share in clusters is that of the whole in every leading part, up to one row.

    Args:
        values: of the knobs.
        inputs: numbers a row.
        classes: as many clusters as labels, with centres that are drawn like the random rows.
        spread: standard deviation of a cluster, in that of the random rows.
        seed: of the training.
    """
    import torch

    size, structure = values.whole("samples"), values.number("structure")
    source = torch.Generator().manual_seed(child(seed, "structured_labels"))
    centres = torch.randn(classes, inputs, generator=source)
    labels = torch.randint(classes, (size,), generator=source)
    X = torch.randn(size, inputs, generator=source)
    steps = (torch.arange(size + 1, dtype=torch.float64) * structure + 1e-9).floor()
    clustered = steps.diff() > 0
    return torch.where(clustered[:, None], centres[labels] + spread * X, X), labels, clustered


def _weights(size: int, part: float) -> "torch.Tensor":
    """Give what a row counts in the loss of the smaller network, so that its mean is over its own rows."""
    import torch

    first = _first(size, part)
    weights = torch.zeros(size)
    weights[:first] = size / first
    return weights


def _first(size: int, part: float) -> int:
    return min(max(round(part * size), 1), size - 1)


def _recipe(config: Config) -> Recipe:
    return Recipe(_values(config).number("lr"), "adamw", schedule="cosine")


def _loss(module: "torch.nn.Module", batch: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
    from torch.nn.functional import cross_entropy

    X, labels, weights = batch
    smaller, larger = module(X)
    return cross_entropy(larger, labels, reduction="none") + weights * cross_entropy(
        smaller, labels, reduction="none"
    )


def _finish(finished: Finished, settings: Values) -> Mapping[str, Metric]:
    import torch
    from torch.nn.functional import cross_entropy

    start = time.perf_counter()
    values, classes = _values(finished.config), settings.whole("classes")
    parameters = list(finished.module.parameters())
    X, labels, clustered = (
        tensor.to(parameters[0].device)
        for tensor in draw(values, settings.whole("inputs"), classes, settings.number("spread"), finished.seed)
    )
    first = _first(len(labels), settings.number("smaller"))
    with torch.no_grad():
        smaller, larger = (cross_entropy(out.double(), labels, reduction="none") for out in finished.module(X))
    bits = float((math.log(classes) - larger).sum()) / math.log(2)
    fewer = float((math.log(classes) - smaller[:first]).sum()) / math.log(2)
    fraction = structural_fraction(bits, fewer, len(labels) - first, classes)
    metrics: dict[str, Metric] = {
        "structural_fraction": fraction,
        "fraction_error": fraction - values.number("structure"),
        "train_loss": float(larger.mean()),
        "smaller_loss": float(smaller[:first].mean()),
        "memorised_bits": bits,
        "smaller_bits": fewer,
    }
    for name, chosen in (("structured_loss", clustered), ("random_loss", ~clustered)):
        if bool(chosen.any()):
            metrics[name] = float(larger[chosen].mean())
    if finished.diverged is not None or not math.isfinite(fraction):
        metrics = dict.fromkeys(metrics, math.nan)
    metrics["loss_curve"] = finished.curves["loss"]
    metrics["parameters"] = sum(item.numel() for item in parameters) / 2
    metrics["seconds"] = finished.seconds + time.perf_counter() - start
    return metrics


def structural_fraction(bits: float, fewer: float, rows: int, classes: int) -> float:
    """Estimate the share of structure from what is known of two sets of rows, both beyond the capacity.

    Source: Liu 2026, https://kindxiaoming.github.io/blog/2026/estimate-structural-faction: the random rows fill
    the weights in both, so that only rows with structure add to what is known.

    Args:
        bits: known of the larger set.
        fewer: known of the smaller set.
        rows: by which the sets differ.
        classes: of the labels.
    """
    return (bits - fewer) / (math.log2(classes) * rows)


TASK = Task("structured_labels", DESCRIPTION, SOURCE, KNOBS, SETTINGS, METRICS, _trainer, PHENOMENON, OBJECTIVE)
