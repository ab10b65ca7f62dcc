"""Gaussian blobs: long after every sample is right, the last features collapse to the corners of a simplex.

Symbols: `K` classes, `H` [n, D] last hidden activations, `M` [K, D] their class means less the mean over classes,
`W` [K, D] the last weights. All classes have as many samples.
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

    from physai_inverse.trainers.tasks.networks.classifier import Classifier

DESCRIPTION = (
    "A ReLU network with layers of 128 and 64 units tells blobs of 50 Gaussian samples in 20 dimensions apart, by "
    "gradient descent with momentum on the full batch, cross-entropy and weight decay. One training takes about "
    "three seconds on one CPU core; every sample is right after the first percent of it."
)
PHENOMENON = (
    "Neural collapse: with every sample right, features of a class draw together (`nc1`), the class means "
    "become equally long and equally far apart (`nc2_norms`, `nc2_angles`), the last weights become the means "
    "(`nc3`), and the answer becomes the nearest mean (`nc4`)."
)
SOURCE = "Papyan, Han and Donoho 2020, https://arxiv.org/abs/2008.08186"
KNOBS: dict[str, Knob] = {
    "lr": {"type": "float", "low": 1e-3, "high": 0.3, "log": True, "default": 0.1},
    "momentum": {"type": "float", "low": 0.0, "high": 0.95, "below": 1, "default": 0.9},
    "weight_decay": {"type": "float", "low": 1e-5, "high": 1e-2, "log": True, "default": 1e-3},
    "classes": {"type": "integer", "low": 2, "high": 10, "least": 2, "default": 4},
    "noise": {"type": "float", "low": 0.1, "high": 2.0, "log": True, "default": 0.5},
}
SETTINGS: dict[str, Setting] = {"steps": 3000, "inputs": 20, "samples": 50, "first": 128, "second": 64}
METRICS: dict[str, str] = {
    "train_loss": "mean cross-entropy on the samples at the end, in nats",
    "train_accuracy": "share of samples answered correctly at the end, in [0, 1]",
    "test_accuracy": "share of as many fresh samples answered correctly at the end, in [0, 1]",
    "nc1": "spread of features within classes over that between class means at the end: trace of S_W S_B^+ over K",
    "nc2_norms": "deviation of the class means' norms over their mean at the end",
    "nc2_angles": "deviation of the cosines between class means from -1 / (K - 1), root mean square, at the end",
    "nc2_cosine": "mean cosine between class means at the end; -1 / (K - 1) whenever their norms are equal",
    "nc3": "squared distance between the last weights and the class means, each of norm one, at the end",
    "nc4": "share of samples whose answer is not the nearest class mean at the end, in [0, 1]",
    "train_loss_curve": "training loss over steps, in nats",
    "train_accuracy_curve": "training accuracy over steps, in [0, 1]",
    "nc1_curve": "`nc1` over steps",
    "nc2_norms_curve": "`nc2_norms` over steps",
    "nc2_angles_curve": "`nc2_angles` over steps",
    "nc3_curve": "`nc3` over steps",
    "nc4_curve": "`nc4` over steps",
    "parameters": "number of trained parameters",
    "seconds": "wall time of the training, in seconds",
}

CURVES = ("train_loss", "train_accuracy", "nc1", "nc2_norms", "nc2_angles", "nc3", "nc4")
LAST = ("test_accuracy", "nc2_cosine")
POINTS_PER_DECADE = 8


def _trainer(settings: Values) -> BatchedTrainer:
    inputs, samples, steps = settings.whole("inputs"), settings.whole("samples"), settings.whole("steps")

    def build(config: Config) -> "torch.nn.Module":
        from physai_inverse.trainers.tasks.networks.classifier import Classifier

        sizes = (inputs, settings.whole("first"), settings.whole("second"))
        return Classifier(sizes, complete(config, KNOBS).whole("classes"))

    def recipe(config: Config) -> Recipe:
        values = complete(config, KNOBS)
        return Recipe(values.number("lr"), "sgd", values.number("weight_decay"), values.number("momentum"))

    def rows(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":
        return blobs(complete(config, KNOBS), samples, inputs, seed, "samples")

    def given(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":
        return (*rows(config, seed), *blobs(complete(config, KNOBS), samples, inputs, seed, "test"))

    return BatchedTrainer(
        build=build,
        loss=_loss,
        rows=rows,
        steps=steps,
        recipe=recipe,
        measure=_measure,
        given=given,
        log=(0, *(round(10 ** (place / POINTS_PER_DECADE)) for place in range(POINTS_PER_DECADE * 8))),
        finish=_finish,
        views=Views(rows=rows, labels=lambda batch: batch[1], head="last.weight"),
    )


def blobs(values: Values, samples: int, inputs: int, seed: int, name: str) -> "tuple[torch.Tensor, torch.Tensor]":
    """Give samples [K n, inputs] and classes [K n]: standard normal centres, and noise about them."""
    import torch

    classes = values.whole("classes")
    centres = torch.randn(classes, inputs, generator=torch.Generator().manual_seed(child(seed, "centres")))
    source = torch.Generator().manual_seed(child(seed, name))
    y = torch.arange(classes).repeat_interleave(samples)
    noise = torch.randn(len(y), inputs, generator=source)
    return centres[y] + values.number("noise") * noise, y


def _loss(module: "torch.nn.Module", batch: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
    from torch.nn.functional import cross_entropy

    return cross_entropy(module(batch[0]), batch[1], reduction="none")


def _measure(module: "torch.nn.Module", given: "tuple[torch.Tensor, ...]") -> "dict[str, torch.Tensor]":
    from torch.nn.functional import cross_entropy

    X, y, others, truth = given
    network = cast("Classifier", module)
    H = network.features(X)
    logits = network.last(H)
    return {
        "train_loss": cross_entropy(logits, y),
        "train_accuracy": (logits.argmax(dim=1) == y).double().mean(),
        "test_accuracy": (module(others).argmax(dim=1) == truth).double().mean(),
        **collapse(H, y, network.last.weight, logits),
    }


def collapse(
    H: "torch.Tensor", y: "torch.Tensor", W: "torch.Tensor", logits: "torch.Tensor"
) -> "dict[str, torch.Tensor]":
    """Measure the four signs of neural collapse.

    Source: Papyan, Han and Donoho 2020, https://arxiv.org/abs/2008.08186, section 2; `nc1` with the factor 1/K.
    The pseudo-inverse of the spread between classes, of rank K - 1 in D dimensions, is taken in the K dimensions
    of the means: for `G = M M^T` and `J` the matrix of 1/K, whose ranges are orthogonal, `G^+ = (G + J)^-1 - J`.

    Args:
        H: [n, D].
        y: [n] classes, as many of each.
        W: [K, D].
        logits: [n, K].
    """
    import torch

    K = len(W)
    member = (y[:, None] == torch.arange(K, device=y.device)).to(H)
    member = member / member.sum(dim=0)
    means = member.T @ H
    M = means - means.mean(dim=0)
    J = torch.full((K, K), 1 / K, device=H.device).to(H)
    G = M @ M.T
    scale = G.diagonal().mean()
    inverse = (torch.linalg.inv(G / scale + J) - J) / scale
    within = (H - means[y]) @ M.T @ inverse
    norms = M.norm(dim=1)
    cosines = (M / norms[:, None]) @ (M / norms[:, None]).T
    apart = 1 - torch.eye(K, device=H.device).to(H)
    count = K * (K - 1)
    nearest = torch.cdist(H, means).argmin(dim=1)
    return {
        "nc1": within.square().sum() / len(y),
        "nc2_norms": norms.std(unbiased=False) / norms.mean(),
        "nc2_angles": (((cosines + 1 / (K - 1)) * apart).square().sum() / count).sqrt(),
        "nc2_cosine": (cosines * apart).sum() / count,
        "nc3": (W / W.norm() - M / M.norm()).square().sum(),
        "nc4": (nearest != logits.argmax(dim=1)).double().mean(),
    }


def _finish(finished: Finished) -> dict[str, Metric]:
    curves = finished.curves
    last = {name: math.nan if finished.diverged else curves[name].values[-1] for name in (*CURVES, *LAST)}
    metrics: dict[str, Metric] = {**last, **{f"{name}_curve": curves[name] for name in CURVES}}
    metrics["parameters"] = float(sum(part.numel() for part in finished.module.parameters()))
    metrics["seconds"] = finished.seconds
    return metrics


TASK = Task(
    "neural_collapse", DESCRIPTION, SOURCE, KNOBS, SETTINGS, METRICS, _trainer, PHENOMENON, {"minimize": "nc1"}
)
