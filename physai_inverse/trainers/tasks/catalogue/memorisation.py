"""Random labels learned by heart: how many bits a network stores, and what becomes of it beyond."""

import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from physai_inverse.observations import Config, Metric
from physai_inverse.seeds import child
from physai_inverse.trainers.batched import BatchedTrainer, Finished, Recipe, Views
from physai_inverse.trainers.tasks.knobs import Knob, Setting, Values, complete
from physai_inverse.trainers.tasks.task import Task

if TYPE_CHECKING:
    import torch

DESCRIPTION = (
    "A network learns random labels of Gaussian inputs by heart, with Adam on the full batch: a linear layer, "
    "or an MLP with one or two hidden layers that ends in the dimension of its inputs, before a linear head; "
    "no biases. There is no structure to find, so every bit by which its loss falls is stored in its weights. "
    "One training takes some seconds on one CPU core."
)
PHENOMENON = (
    "Capacity: `memorised_bits` grows with `samples` until the weights are full; the most that is reached "
    "grows in proportion to `parameters`, by about one to two bits for each (`bits_per_parameter`), more with "
    "oscillating activations. Where the samples pass the capacity, the sharpness jumps."
)
SOURCE = (
    "Liu 2026, Memory 1 and 2, https://kindxiaoming.github.io/blog/2026/memory-2; Morris et al. 2025, "
    "https://arxiv.org/abs/2505.24832"
)
MODELS = {"linear": 0, "two_layer": 1, "three_layer": 2}
"""Model to the number of its hidden layers; they are called by the linear layers before the head."""
DEEP = ["two_layer", "three_layer"]
KNOBS: dict[str, Knob] = {
    "samples": {"type": "integer", "low": 20, "high": 3000, "log": True, "least": 1, "default": 300},
    "model": {"type": "choice", "values": list(MODELS), "default": "two_layer"},
    "width": {
        "type": "integer",
        "low": 4,
        "high": 64,
        "log": True,
        "least": 1,
        "default": 20,
        "when": {"model": DEEP},
    },
    "activation": {
        "type": "choice",
        "values": ["relu", "relu2", "silu", "sin"],
        "default": "relu",
        "when": {"model": DEEP},
    },
    "frequency": {
        "type": "float",
        "low": 0.5,
        "high": 8.0,
        "log": True,
        "default": 2.0,
        "when": {"activation": ["sin"]},
    },
    "inputs": {"type": "integer", "low": 5, "high": 40, "log": True, "least": 1, "default": 10},
    "classes": {"type": "integer", "low": 2, "high": 40, "log": True, "least": 2, "default": 10},
    "lr": {"type": "float", "low": 1e-3, "high": 0.1, "log": True, "default": 0.02},
    "weight_decay": {"type": "float", "low": 0.0, "high": 0.1, "default": 0.0},
    "schedule": {"type": "choice", "values": ["constant", "cosine"], "default": "cosine"},
}
OBJECTIVE: dict[str, Setting] = {"maximize": "bits_per_parameter"}
SETTINGS: dict[str, Setting] = {"steps": 2000}
METRICS: dict[str, str] = {
    "train_loss": "mean cross-entropy on all samples at the end, in nats",
    "train_accuracy": "share of the samples whose label is known at the end, in [0, 1]",
    "memorised_samples": "number of samples whose label is known at the end",
    "memorised_bits": "samples times log2(classes) minus their loss: what the weights know of the labels, in bits",
    "bits_per_parameter": "memorised_bits over parameters",
    "loss_curve": "training loss over steps, mean since the point before, in nats",
    "parameters": "number of trained parameters",
    "seconds": "wall time of the training, in seconds",
}


def _trainer(settings: Values) -> BatchedTrainer:
    return BatchedTrainer(
        build=_build,
        loss=_loss,
        rows=_rows,
        steps=settings.whole("steps"),
        recipe=_recipe,
        finish=_finish,
        views=Views(rows=_rows, labels=lambda batch: batch[-1], head="head.weight"),
    )


def _build(config: Config) -> "torch.nn.Module":
    from physai_inverse.trainers.tasks.networks.memory import chain

    values = complete(config, KNOBS)
    hidden = (values.whole("width"),) * MODELS[values.word("model")]
    return chain(values.whole("inputs"), hidden, values.whole("classes"), values.word("activation"))


def _rows(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":
    """Give inputs, their frequency where the network asks for one, and labels."""
    import torch

    values = complete(config, KNOBS)
    size = values.whole("samples")
    source = torch.Generator().manual_seed(child(seed, "memorisation"))
    X = torch.randn(size, values.whole("inputs"), generator=source)
    labels = torch.randint(values.whole("classes"), (size,), generator=source)
    if values["activation"] == "sin" and MODELS[values.word("model")]:
        return X, torch.full((size, 1), values.number("frequency")), labels
    return X, labels


def _recipe(config: Config) -> Recipe:
    values = complete(config, KNOBS)
    return Recipe(values.number("lr"), "adamw", values.number("weight_decay"), schedule=values.word("schedule"))


def _loss(module: "torch.nn.Module", batch: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
    from torch.nn.functional import cross_entropy

    return cross_entropy(module(*batch[:-1]), batch[-1], reduction="none")


def _finish(finished: Finished) -> Mapping[str, Metric]:
    import torch

    start = time.perf_counter()
    parameters = float(sum(item.numel() for item in finished.module.parameters()))
    device = next(finished.module.parameters()).device
    *inputs, labels = (tensor.to(device) for tensor in _rows(finished.config, finished.seed))
    with torch.no_grad():
        logits = finished.module(*inputs).double()
    loss = float(torch.nn.functional.cross_entropy(logits, labels))
    known = float((logits.argmax(dim=1) == labels).sum())
    bits = memorised_bits(loss, complete(finished.config, KNOBS).whole("classes"), len(labels))
    metrics: dict[str, Metric] = {
        "train_loss": loss,
        "train_accuracy": known / len(labels),
        "memorised_samples": known,
        "memorised_bits": bits,
        "bits_per_parameter": bits / parameters,
    }
    if finished.diverged is not None or not math.isfinite(loss):
        metrics = dict.fromkeys(metrics, math.nan)
    metrics["loss_curve"] = finished.curves["loss"]
    metrics["parameters"] = parameters
    metrics["seconds"] = finished.seconds + time.perf_counter() - start
    return metrics


def memorised_bits(loss: float, classes: int, samples: int) -> float:
    """Give the bits by which the labels are better known than by guessing: `N (log V - loss) / log 2`.

    Source: Liu 2026, Memory 2, https://kindxiaoming.github.io/blog/2026/memory-2.

    Args:
        loss: mean cross-entropy on the samples, in nats.
        classes: `V`.
        samples: `N`.
    """
    return samples * (math.log(classes) - loss) / math.log(2)


TASK = Task("memorisation", DESCRIPTION, SOURCE, KNOBS, SETTINGS, METRICS, _trainer, PHENOMENON, OBJECTIVE)
