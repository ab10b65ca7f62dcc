"""Addition modulo a prime: a network that first learns its training pairs by heart and generalises later.

Toy model of grokking: how late it generalises depends on learning rate, weight decay, training share and
initialisation, with sharp borders between the phases.
"""

import math
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Config, Curve, Metric
from physai_inverse.seeds import child
from physai_inverse.trainers.batched import BatchedTrainer, Finished, Recipe, Views
from physai_inverse.trainers.tasks.knobs import Knob, Setting, Values, complete, count, share
from physai_inverse.trainers.tasks.steps import log_steps
from physai_inverse.trainers.tasks.task import Task

if TYPE_CHECKING:
    import torch

DESCRIPTION = (
    "A small network learns (a + b) mod p from a share of all pairs, with AdamW on the full batch: the embeddings "
    "of both numbers are added and go through one hidden ReLU layer. It knows its training pairs long before it "
    "answers the others (grokking), or never does; learning rate, weight decay, training share, width and "
    "initialisation decide. One training takes seconds on one CPU core."
)
PHENOMENON = (
    "Grokking: the delay between knowing and generalising (`grokking_delay`) falls with weight decay and training "
    "share; four phases with sharp borders (`steps_to_train_90`, `steps_to_test_90`)."
)
SOURCE = "the task of Power et al. 2022, https://arxiv.org/abs/2201.02177"
KNOBS: dict[str, Knob] = {
    "lr": {"type": "float", "low": 1e-4, "high": 0.1, "log": True, "default": 0.01},
    "weight_decay": {"type": "float", "low": 0.03, "high": 8.0, "log": True, "default": 1.0},
    "train_share": {"type": "float", "low": 0.2, "high": 0.8, "below": 1, "default": 0.5},
    "width": {"type": "integer", "low": 32, "high": 256, "log": True, "default": 128},
    "init_scale": {"type": "float", "low": 0.3, "high": 4.0, "log": True, "default": 1.0},
}
SETTINGS: dict[str, Setting] = {
    "p": 31,
    "steps": 3000,
    "embedding": 64,
    "threshold": 0.9,
    "settle": 1.5,
    "observables": True,
}
METRICS: dict[str, str] = {
    "train_loss": "mean cross-entropy on training pairs at the end, in nats",
    "test_loss": "mean cross-entropy on all other pairs at the end, in nats",
    "train_accuracy": "share of training pairs answered correctly at the end, in [0, 1]",
    "test_accuracy": "share of other pairs answered correctly at the end, in [0, 1]",
    "generalisation_gap": "test_loss - train_loss, in nats",
    "train_loss_curve": "training loss over steps (about 20 a decade), in nats",
    "test_loss_curve": "test loss over steps, in nats",
    "train_accuracy_curve": "training accuracy over steps, in [0, 1]",
    "test_accuracy_curve": "test accuracy over steps, in [0, 1]",
    "steps_to_train_90": "first logged step with the training accuracy at the threshold; censored at the budget",
    "steps_to_test_90": "first logged step with the test accuracy at the threshold; censored at the budget",
    "grokking_delay": "steps_to_test_90 - steps_to_train_90; censored with it; absent without a training time",
    "parameters": "number of trained parameters",
    "seconds": "wall time of the training with its observables, in seconds",
}


CURVES = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")


def _trainer(settings: Values) -> BatchedTrainer:
    p, steps, embedding = count("p", settings["p"], 5), settings.whole("steps"), settings.whole("embedding")
    if any(p % divisor == 0 for divisor in range(2, math.isqrt(p) + 1)):
        raise InvalidInput(f"`p` must be a prime number, not {p}.")
    threshold, wait = share("threshold", settings["threshold"]), settings.number("settle")
    if 0 < wait < 1:
        raise InvalidInput(f"`settle` must be 0 or a number of at least 1, not {wait!r}.")

    def build(config: Config) -> "torch.nn.Module":
        from physai_inverse.trainers.tasks.networks.sums import Sums

        values = _values(config)
        return Sums(p, embedding, values.whole("width"), values.number("init_scale"))

    return BatchedTrainer(
        build=build,
        loss=_loss,
        rows=lambda config, seed: _pairs(p, _values(config).number("train_share"), seed)[0],
        steps=steps,
        recipe=_recipe,
        measure=_measure,
        given=lambda config, seed: _judged(p, _values(config).number("train_share"), seed),
        log=log_steps(steps),
        ended=lambda curves: _ended(curves, threshold, wait),
        finish=lambda finished: _finish(finished, settings),
        views=Views(
            rows=lambda config, seed: _pairs(p, _values(config).number("train_share"), seed)[0],
            seen=lambda config, seed: all_pairs(p),  # noqa: ARG005 - the same for all
            labels=lambda batch: batch[2],
            embedding="embedding",
            head="output",
            terms=lambda batch: (_counts(p, batch), batch[2]),
        ),
    )


def _ended(curves: Mapping[str, Curve], threshold: float, wait: float) -> bool:
    """Say whether it diverged, or has been settled for long enough.

    Args:
        curves: so far.
        threshold: of the accuracy that counts as reached; the names of the metrics say 90 for any.
        wait: the training ends at so many times the step at which the test accuracy reached the threshold, if it
            is above the threshold then; 0 for never.
    """
    curve = curves["test_accuracy"]
    reached = math.inf  # since when the accuracy has been at the threshold
    for step, value in zip(reversed(curve.steps), reversed(curve.values), strict=True):
        if not value >= threshold:
            break
        reached = step
    settled = math.isfinite(reached) and curve.steps[-1] >= wait * max(reached, 1)
    return _diverged(curves) or (bool(wait) and settled)


def _values(config: Config) -> Values:
    values = complete(config, KNOBS)
    if not values["train_share"]:
        raise InvalidInput("`train_share` must be above 0.")
    return values


def _recipe(config: Config) -> Recipe:
    values = _values(config)
    return Recipe(values.number("lr"), "adamw", values.number("weight_decay"), betas=(0.9, 0.98))


def _loss(module: "torch.nn.Module", batch: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
    from torch.nn.functional import cross_entropy

    first, second, answers = batch
    return cross_entropy(module(first, second), answers, reduction="none")


def _measure(module: "torch.nn.Module", given: "tuple[torch.Tensor, ...]") -> "dict[str, torch.Tensor]":
    """Judge all pairs at once, and tell those of the training from the others."""
    from torch.nn.functional import cross_entropy

    first, second, answers, trained = given
    logits = module(first, second)
    losses, hits = cross_entropy(logits, answers, reduction="none"), (logits.argmax(dim=1) == answers).double()
    found: dict[str, torch.Tensor] = {}
    for name, part in (("train", trained), ("test", ~trained)):
        found[f"{name}_loss"] = losses.where(part, 0.0).sum() / part.sum()
        found[f"{name}_accuracy"] = hits.where(part, 0.0).sum() / part.sum()
    return found


def _diverged(curves: Mapping[str, Curve]) -> bool:
    return not math.isfinite(float(curves["train_loss"]) + float(curves["test_loss"]))


def _finish(finished: Finished, settings: Values) -> dict[str, Metric]:
    from physai_inverse.trainers.observables.curves import delay, first_reaching

    start = time.perf_counter()
    diverged = finished.diverged is not None or _diverged(finished.curves)
    curves = {name: finished.curves[name] for name in CURVES}
    if diverged:
        for name in ("train_loss", "test_loss"):
            curves[name] = Curve(curves[name].steps, (*curves[name].values[:-1], math.nan))
    metrics: dict[str, Metric] = {name: float(curves[name]) for name in CURVES}
    metrics["generalisation_gap"] = float(curves["test_loss"]) - float(curves["train_loss"])
    metrics.update({f"{name}_curve": curve for name, curve in curves.items()})
    budget = finished.watched(settings.whole("steps"))
    early = first_reaching(curves["train_accuracy"], settings.number("threshold"), budget=budget)
    late = first_reaching(curves["test_accuracy"], settings.number("threshold"), budget=budget)
    metrics["steps_to_train_90"], metrics["steps_to_test_90"] = early, late
    between = delay(early, late)
    if between is not None:
        metrics["grokking_delay"] = between
    metrics["parameters"] = float(sum(parameter.numel() for parameter in finished.module.parameters()))
    metrics["seconds"] = finished.seconds + time.perf_counter() - start
    return metrics


def _order(p: int, train_share: float, seed: int) -> "tuple[torch.Tensor, int]":
    """Give the pairs' numbers in the order of this training, and how many of the first are trained on."""
    import torch

    order = torch.randperm(p * p, generator=torch.Generator().manual_seed(child(seed, "pairs")))
    return order, min(max(round(train_share * p * p), 1), p * p - 1)


def _pairs(p: int, train_share: float, seed: int) -> "tuple[tuple[torch.Tensor, ...], tuple[torch.Tensor, ...]]":
    """Give first and second numbers and answers of the training and of all other pairs."""
    order, size = _order(p, train_share, seed)
    train, test = (tuple(column[part] for column in all_pairs(p)) for part in (order[:size], order[size:]))
    return train, test


def _judged(p: int, train_share: float, seed: int) -> "tuple[torch.Tensor, ...]":
    """Give first and second numbers and answers of all pairs, and whether each is trained on."""
    import torch

    order, size = _order(p, train_share, seed)
    trained = torch.zeros(p * p, dtype=torch.bool)
    trained[order[:size]] = True
    return (*all_pairs(p), trained)


def _counts(p: int, batch: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
    """Give how often each number stands in each pair, [n, p]."""
    import torch

    numbers = torch.arange(p, device=batch[0].device)
    return sum((batch[place].unsqueeze(1) == numbers).double() for place in (0, 1))  # type: ignore[return-value]


@lru_cache(maxsize=8)
def all_pairs(p: int) -> "tuple[torch.Tensor, torch.Tensor, torch.Tensor]":
    """Give first and second numbers and answers of all pairs."""
    import torch

    numbers = torch.arange(p * p)
    first, second = numbers // p, numbers % p
    return first, second, (first + second) % p


TASK = Task("modular_addition", DESCRIPTION, SOURCE, KNOBS, SETTINGS, METRICS, _trainer, PHENOMENON)
