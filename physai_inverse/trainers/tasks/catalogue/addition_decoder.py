"""Addition by adding embeddings: whether these form a line decides what is answered beyond the training pairs.

Toy model of the effective theory of grokking: representation and decoder learn at rates of their own.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Config, Curve, Metric
from physai_inverse.seeds import child
from physai_inverse.trainers.batched import BatchedTrainer, Finished, Recipe, Views
from physai_inverse.trainers.batched.problem import last_values
from physai_inverse.trainers.tasks.knobs import Knob, Setting, Values, complete, count, share
from physai_inverse.trainers.tasks.steps import log_steps
from physai_inverse.trainers.tasks.task import Task

if TYPE_CHECKING:
    import torch

DESCRIPTION = (
    "A tanh network answers a + b for pairs of ten numbers with a random vector for each sum. It sees only "
    "the sum of their one-dimensional embeddings, which AdamW trains beside it, at a rate and with a decay of "
    "its own; mean square, full batch or smaller. One training takes a few seconds on one CPU core."
)
PHENOMENON = (
    "Four phases of learning: training and test accuracy rise together (comprehension), the test later "
    "(grokking: `grokking_delay`), never (memorisation), or neither does (confusion). The test is answered "
    "once the embeddings form a line (`rqi`), which the training pairs alone permit or not "
    "(`degrees_of_freedom`: 2 permits)."
)
SOURCE = (
    "Liu et al. 2022, https://arxiv.org/abs/2205.10343, sections 3 and 4; sizes and rates as in "
    "https://github.com/ejmichaud/grokking-squared, toy/train_add.py"
)
KNOBS: dict[str, Knob] = {
    "lr": {"type": "float", "low": 1e-5, "high": 1e-2, "log": True, "default": 3e-4},
    "weight_decay": {"type": "float", "low": 0.0, "high": 20.0, "default": 0.0},
    "representation_lr": {"type": "float", "low": 1e-5, "high": 1e-2, "log": True, "default": 3e-3},
    "representation_decay": {"type": "float", "low": 0.0, "high": 10.0, "default": 0.0},
    "train_pairs": {"type": "integer", "low": 5, "high": 54, "default": 45, "least": 1},
    "batch_size": {"type": "integer", "low": 5, "high": 54, "default": 54, "least": 1},
    "width": {"type": "integer", "low": 50, "high": 400, "log": True, "default": 200},
    "embedding_scale": {"type": "float", "low": 0.1, "high": 10.0, "log": True, "default": 1.0},
    "decoder_scale": {"type": "float", "low": 0.3, "high": 4.0, "log": True, "default": 1.0},
}
SETTINGS: dict[str, Setting] = {
    "p": 10,
    "steps": 3000,
    "dimension": 1,
    "outputs": 30,
    "threshold": 0.9,
    "settle": 1.5,
}
METRICS: dict[str, str] = {
    "loss": "mean square per output over the training batches since the point before",
    "loss_curve": "the same over steps (about 20 a decade)",
    "train_loss": "mean square per output on training pairs at the end",
    "train_loss_curve": "the same over steps",
    "test_loss": "mean square per output on other pairs whose sum is trained on (all others where there is none)",
    "test_loss_curve": "the same over steps",
    "train_accuracy": "share of training pairs whose output is nearest to the right answer, in [0, 1]",
    "train_accuracy_curve": "the same over steps",
    "test_accuracy": "share answered correctly of other pairs whose sum is trained on, in [0, 1]",
    "test_accuracy_curve": "the same over steps",
    "accuracy": "share of all pairs answered correctly, in [0, 1]",
    "accuracy_curve": "the same over steps",
    "rqi": "representation quality index: share of parallelograms among the embeddings that close, in [0, 1]",
    "rqi_curve": "the same over steps",
    "predicted_accuracy": "the `accuracy` that training pairs and closed parallelograms predict, in [0, 1]",
    "degrees_of_freedom": "what the training pairs leave free in the embeddings: 2 for a line (shift and scale)",
    "pace": "third eigenvalue of the effective Hessian: the rate at which the embeddings become a line",
    "steps_to_train_90": "first logged step with the training accuracy at the threshold; censored at the budget",
    "steps_to_test_90": "first logged step with the test accuracy at the threshold; censored at the budget",
    "steps_to_rqi_95": "first logged step with `rqi` at 0.95; censored at the budget",
    "grokking_delay": "steps_to_test_90 - steps_to_train_90; censored with it; absent without a training time",
    "seconds": "wall time of the training, in seconds",
}
STRUCTURED = 0.95


def _trainer(settings: Values) -> BatchedTrainer:
    p, steps = count("p", settings["p"], 3), settings.whole("steps")
    threshold, wait = share("threshold", settings["threshold"]), settings.number("settle")
    if 0 < wait < 1:
        raise InvalidInput(f"`settle` must be 0 or a number of at least 1, not {wait!r}.")
    outputs = settings.whole("outputs")

    def build(config: Config) -> "torch.nn.Module":
        from physai_inverse.trainers.tasks.networks.addition import Addition

        values = complete(config, KNOBS)
        return Addition(
            p,
            settings.whole("dimension"),
            values.whole("width"),
            outputs,
            values.number("embedding_scale"),
            values.number("decoder_scale"),
        )

    def rows(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":
        counts, targets, trained, *_ = given(config, seed)
        return counts[trained], targets[trained]

    def given(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":
        from physai_inverse.trainers.observables.parallelograms import equations

        answers = _answers(p, outputs, seed)
        trained = _trained(p, config, seed)
        return _counts(p), answers[_sums(p)], trained, _judged(p, trained), answers, equations(p)[1].float()

    return BatchedTrainer(
        build=build,
        loss=_loss,
        rows=rows,
        steps=steps,
        recipe=lambda config: _recipe(config, p),
        measure=_measure,
        given=given,
        log=log_steps(steps),
        ended=lambda curves: _ended(curves, threshold, wait),
        finish=lambda finished: _finish(finished, p, threshold, steps),
        views=Views(
            rows,
            labels=lambda batch: _sum_of(batch[0]).round().long(),
            latents=lambda batch: _sum_of(batch[0]).unsqueeze(1),
            embedding="embedding",
            terms=lambda batch: (batch[0], _sum_of(batch[0]).round().long()),
            floor=lambda config, seed: 0.0,  # noqa: ARG005 - of any
        ),
    )


def _train_pairs(config: Config, p: int) -> int:
    """Give the number of training pairs: at least one pair is left for the test."""
    number, most = complete(config, KNOBS).whole("train_pairs"), p * (p + 1) // 2 - 1
    if number > most:
        raise InvalidInput(f"`train_pairs` must be at most {most} for `p` = {p}, not {number}.")
    return number


def _recipe(config: Config, p: int) -> Recipe:
    values = complete(config, KNOBS)
    lr, size = values.number("lr"), values.whole("batch_size")
    return Recipe(
        lr,
        "adamw",
        values.number("weight_decay"),
        batch_size=size if size < _train_pairs(config, p) else None,
        factors=(("embedding", values.number("representation_lr") / lr),),
        decays=(("embedding", values.number("representation_decay")),),
    )


@lru_cache(maxsize=8)
def _counts(p: int) -> "torch.Tensor":
    """Give how often each number stands in each pair, [pairs, p]."""
    from torch.nn.functional import one_hot

    from physai_inverse.trainers.observables.parallelograms import all_pairs

    return one_hot(all_pairs(p), p).sum(dim=1).float()


def _sum_of(counts: "torch.Tensor") -> "torch.Tensor":
    """Give the sum of the two numbers of each pair."""
    import torch

    return counts @ torch.arange(counts.shape[-1], dtype=counts.dtype, device=counts.device)


@lru_cache(maxsize=8)
def _sums(p: int) -> "torch.Tensor":
    from physai_inverse.trainers.observables.parallelograms import all_pairs

    return all_pairs(p).sum(dim=1)


def _answers(p: int, outputs: int, seed: int) -> "torch.Tensor":
    """Draw the vector that stands for each sum, [2p - 1, outputs]."""
    import torch

    return torch.randn(2 * p - 1, outputs, generator=torch.Generator().manual_seed(child(seed, "answers")))


def _trained(p: int, config: Config, seed: int) -> "torch.Tensor":
    """Draw which pairs are trained on, [pairs]."""
    import torch

    order = torch.randperm(p * (p + 1) // 2, generator=torch.Generator().manual_seed(child(seed, "pairs")))
    trained = torch.zeros(len(order), dtype=torch.bool)
    trained[order[: _train_pairs(config, p)]] = True
    return trained


def _judged(p: int, trained: "torch.Tensor") -> "torch.Tensor":
    """Give the pairs of the test: others of a sum that is trained on, since no network could know another's."""
    import torch

    sums = _sums(p)
    judged = ~trained & torch.isin(sums, sums[trained])
    return judged if bool(judged.any()) else ~trained


def _loss(module: "torch.nn.Module", batch: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
    counts, targets = batch
    loss: torch.Tensor = (module(counts) - targets).square().mean(dim=1)
    return loss


def _measure(module: "torch.nn.Module", given: "tuple[torch.Tensor, ...]") -> "dict[str, torch.Tensor]":
    """Judge all pairs at once, and tell those of the training from the others."""
    from physai_inverse.trainers.observables.parallelograms import quality

    counts, targets, trained, judged, answers, A = given
    outputs = module(counts)
    losses = (outputs - targets).square().mean(dim=1)
    distances = answers.square().sum(dim=1) - 2 * outputs @ answers.T  # without what all answers share
    hits = (distances.argmin(dim=1) == _sum_of(counts).round().long()).to(losses.dtype)
    found: dict[str, torch.Tensor] = {}
    for name, part in (("train", trained), ("test", judged)):
        found[f"{name}_loss"] = losses.where(part, 0.0).sum() / part.sum()
        found[f"{name}_accuracy"] = hits.where(part, 0.0).sum() / part.sum()
    found["accuracy"] = hits.mean()
    found["rqi"] = quality(module.embedding, A)  # type: ignore[arg-type]  # a parameter
    return found


def _ended(curves: Mapping[str, Curve], threshold: float, wait: float) -> bool:
    """Say whether test accuracy and structure have been there since a `wait`-th of the steps."""
    from physai_inverse.trainers.observables.curves import settled_since

    since = max(settled_since(curves["test_accuracy"], threshold), settled_since(curves["rqi"], STRUCTURED))
    return bool(wait) and curves["rqi"].steps[-1] >= wait * max(since, 1)


def _finish(finished: Finished, p: int, threshold: float, budget: int) -> dict[str, Metric]:
    from physai_inverse.trainers.observables import curves, parallelograms

    metrics: dict[str, Metric] = dict(last_values(finished))  # type: ignore[arg-type]  # numbers and curves
    trained = _trained(p, finished.config, finished.seed)
    E = finished.module.get_parameter("embedding").detach()
    metrics["predicted_accuracy"] = parallelograms.predicted_accuracy(E, trained.to(E.device))
    metrics["degrees_of_freedom"] = float(parallelograms.degrees_of_freedom(p, trained))
    metrics["pace"] = float(parallelograms.pace(p, trained))
    early = curves.first_reaching(finished.curves["train_accuracy"], threshold, budget=finished.watched(budget))
    late = curves.first_reaching(finished.curves["test_accuracy"], threshold, budget=finished.watched(budget))
    metrics["steps_to_train_90"], metrics["steps_to_test_90"] = early, late
    metrics["steps_to_rqi_95"] = curves.first_reaching(
        finished.curves["rqi"], STRUCTURED, budget=finished.watched(budget)
    )
    between = curves.delay(early, late)
    if between is not None:
        metrics["grokking_delay"] = between
    return metrics


TASK = Task("addition_decoder", DESCRIPTION, SOURCE, KNOBS, SETTINGS, METRICS, _trainer, PHENOMENON)
