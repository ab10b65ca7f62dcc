"""Pairs of tokens whose logarithmic transition probabilities have a low rank: how many dimensions does it take?

Toy model of why an embedding may be far narrower than its vocabulary.
"""

import math
from functools import lru_cache
from typing import TYPE_CHECKING

from physai_inverse.observations import Config, Metric
from physai_inverse.seeds import child
from physai_inverse.trainers.batched import BatchedTrainer, Finished, Recipe, Views
from physai_inverse.trainers.tasks.knobs import Knob, Setting, Values, complete
from physai_inverse.trainers.tasks.language import TOLD, told
from physai_inverse.trainers.tasks.steps import log_steps
from physai_inverse.trainers.tasks.task import Task

if TYPE_CHECKING:
    import torch

DESCRIPTION = (
    "The next token follows the current one with probabilities softmax(scale A B / sqrt(R)) for Gaussian "
    "matrices of rank R; current tokens have the frequencies of the steady state. An embedding and an "
    "unembedding of some dimension learn it, with Adam on the exact expected loss. One training takes about a "
    "second on one CPU core."
)
PHENOMENON = (
    "The gap to the least loss (`excess_loss`) vanishes once the dimension reaches the rank, and falls about "
    "as one over the dimension on the way there."
)
SOURCE = (
    'Z. Liu, "Bigram 3 -- Low Rank Structure", https://kindxiaoming.github.io/blog/2026/bigram-3/; the steady '
    "state is the left eigenvector of the transition matrix"
)
KNOBS: dict[str, Knob] = {
    "lr": {"type": "float", "low": 1e-3, "high": 0.3, "log": True, "default": 0.03},
    "dimension": {"type": "integer", "low": 1, "high": 40, "log": True, "least": 1, "default": 3},
    "rank": {"type": "integer", "low": 2, "high": 20, "log": True, "least": 1, "default": 3},
    "vocabulary": {"type": "integer", "low": 10, "high": 200, "log": True, "least": 2, "default": 30},
    "logit_scale": {"type": "float", "low": 0.3, "high": 3.0, "log": True, "default": 1.0},
    "schedule": {"type": "choice", "values": ["constant", "linear", "cosine"], "default": "cosine"},
    "init_scale": {"type": "float", "low": 1e-3, "high": 1.0, "log": True, "default": 0.1},
}
SETTINGS: dict[str, Setting] = {"steps": 2000}
METRICS: dict[str, str] = {
    "loss": "expected cross-entropy, mean over the steps since the point before, in nats",
    "loss_curve": "the same over steps (about 20 a decade), in nats",
    "excess_loss": "expected cross-entropy at the end minus the conditional entropy, in nats",
    "excess_loss_curve": "excess loss over steps, in nats",
    "conditional_entropy": "entropy of the next token given the current one: the least loss, in nats",
    **TOLD,
}
SWEEPS = 500
"""Of the power iteration for the steady state: far more than a matrix without zeros needs for float64."""


def _trainer(settings: Values) -> BatchedTrainer:
    steps = settings.whole("steps")
    return BatchedTrainer(
        build=_build,
        loss=_loss,
        rows=_rows,
        steps=steps,
        recipe=_recipe,
        measure=_measure,
        given=_rows,
        log=log_steps(steps),
        finish=_finish,
        views=Views(hidden=False, rows=_rows, embedding="embedding", head="unembedding", floor=_floor),
    )


def _build(config: Config) -> "torch.nn.Module":
    from physai_inverse.trainers.tasks.networks.bigram import Bigram

    values = complete(config, KNOBS)
    return Bigram(values.whole("vocabulary"), values.whole("dimension"), values.number("init_scale"), tied=False)


def _recipe(config: Config) -> Recipe:
    values = complete(config, KNOBS)
    return Recipe(values.number("lr"), "adam", schedule=values.word("schedule"))


def _loss(module: "torch.nn.Module", batch: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
    """Give each current token's expected cross-entropy, times its frequency over the mean frequency."""
    tokens, following, weights = batch
    scores: torch.Tensor = module(tokens)
    return -weights * (following * scores.log_softmax(dim=1)).sum(dim=1)


def _measure(module: "torch.nn.Module", given: "tuple[torch.Tensor, ...]") -> "dict[str, torch.Tensor]":
    tokens, following, weights = given
    gaps = following * (following.log() - module(tokens).log_softmax(dim=1))
    return {"excess_loss": (weights * gaps.sum(dim=1)).mean()}


def _finish(finished: Finished) -> dict[str, Metric]:
    return {**told(finished), "conditional_entropy": _floor(finished.config, finished.seed)}


def _floor(config: Config, seed: int) -> float:
    _, following, weights = (tensor.double() for tensor in _rows(config, seed))
    return float(-(weights * (following * following.log()).sum(dim=1)).mean())


def _rows(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":
    values = complete(config, KNOBS)
    return language(values.whole("vocabulary"), values.whole("rank"), values.number("logit_scale"), seed)


@lru_cache(maxsize=64)
def language(vocabulary: int, rank: int, scale: float, seed: int) -> "tuple[torch.Tensor, ...]":
    """Draw a language.

    Returns:
        All tokens [V], the probabilities of the next token after each [V, V], and their frequencies in the steady
        state, times V [V].
    """
    import torch

    source = torch.Generator().manual_seed(child(seed, "language"))
    A, B = (
        torch.randn(shape, generator=source, dtype=torch.float64)
        for shape in ((vocabulary, rank), (rank, vocabulary))
    )
    following = (A @ B * (scale / math.sqrt(rank))).softmax(dim=1)
    steady = torch.full((vocabulary,), 1 / vocabulary, dtype=torch.float64)
    for _ in range(SWEEPS):
        steady = steady @ following
    return torch.arange(vocabulary), following.float(), (steady * vocabulary).float()


TASK = Task("low_rank_bigram", DESCRIPTION, SOURCE, KNOBS, SETTINGS, METRICS, _trainer, PHENOMENON)
