"""Independent tokens with Zipf's frequencies: what is left to learn is the frequencies.

Toy model of the first phase of a language model's training: the loss falls to the entropy of the frequencies as a
power of time.
"""

import math
from functools import lru_cache
from typing import TYPE_CHECKING

from physai_inverse.observations import Config, Metric
from physai_inverse.trainers.batched import BatchedTrainer, Finished, Recipe, Views
from physai_inverse.trainers.tasks.knobs import Knob, Setting, Values, complete
from physai_inverse.trainers.tasks.language import TOLD, entropy, told
from physai_inverse.trainers.tasks.steps import log_steps
from physai_inverse.trainers.tasks.task import Task

if TYPE_CHECKING:
    import torch

DESCRIPTION = (
    "Tokens are drawn independently, the i-th with a probability in proportion to i^-alpha; a model with an "
    "embedding that also scores the next token (or with two matrices) predicts the next token from the current "
    "one, with Adam on fresh batches. The least loss is the entropy of the frequencies. One training takes "
    "about 2 seconds on one CPU core."
)
PHENOMENON = (
    "The loss falls to the entropy of the frequencies (`excess_loss`), in its early fall as a power of time "
    "(`decay_exponent`), faster for steeper frequencies and slower for more tokens; one dimension is enough."
)
SOURCE = (
    'Z. Liu, "Unigram toy model is surprisingly rich", https://kindxiaoming.github.io/blog/2026/unigram-toy-1/'
)
KNOBS: dict[str, Knob] = {
    "lr": {"type": "float", "low": 1e-4, "high": 0.1, "log": True, "default": 1e-3},
    "vocabulary": {"type": "integer", "low": 10, "high": 1000, "log": True, "least": 2, "default": 100},
    "alpha": {"type": "float", "low": 0.0, "high": 2.0, "default": 1.0},
    "dimension": {"type": "integer", "low": 1, "high": 100, "log": True, "least": 1, "default": 100},
    "batch_size": {"type": "integer", "low": 32, "high": 512, "log": True, "least": 1, "default": 128},
    "schedule": {"type": "choice", "values": ["constant", "linear", "cosine"], "default": "constant"},
    "tied": {"type": "boolean", "default": True},
    "init_scale": {"type": "float", "low": 1e-3, "high": 1.0, "log": True, "default": 0.02},
}
SETTINGS: dict[str, Setting] = {"steps": 3000}
METRICS: dict[str, str] = {
    "loss": "mean cross-entropy on the batches since the point before, in nats",
    "loss_curve": "the same over steps (about 20 a decade), in nats",
    "excess_loss": "expected cross-entropy at the end, exactly, minus the entropy of the frequencies, in nats",
    "excess_loss_curve": "excess loss over steps, in nats",
    "entropy": "entropy of the frequencies, the least loss that a model can have, in nats",
    "decay_exponent": "minus the slope of log excess loss over log step, in the decade before step 500 or the end",
    **TOLD,
}
EARLY = 500.0
"""Step before which the excess loss falls as a power for a decade; at first, embeddings only grow from zero."""


def _trainer(settings: Values) -> BatchedTrainer:
    steps = settings.whole("steps")
    return BatchedTrainer(
        build=_build,
        loss=_loss,
        draw=_draw,
        steps=steps,
        recipe=_recipe,
        measure=_measure,
        given=lambda config, seed: (_frequencies(config),),  # noqa: ARG005 - the same for all seeds
        log=log_steps(steps),
        finish=_finish,
        views=Views(
            hidden=False,
            rows=_rows,
            labels=lambda batch: batch[1],
            embedding="embedding",
            floor=lambda config, _: _floor(config),
        ),
    )


def _build(config: Config) -> "torch.nn.Module":
    from physai_inverse.trainers.tasks.networks.bigram import Bigram

    values = complete(config, KNOBS)
    size, dimension = values.whole("vocabulary"), values.whole("dimension")
    return Bigram(size, dimension, values.number("init_scale"), tied=values.flag("tied"))


def _recipe(config: Config) -> Recipe:
    values = complete(config, KNOBS)
    return Recipe(values.number("lr"), "adam", schedule=values.word("schedule"))


def _loss(module: "torch.nn.Module", batch: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
    from torch.nn.functional import cross_entropy

    return cross_entropy(module(batch[0]), batch[1], reduction="none")


def _draw(config: Config, generator: "torch.Generator") -> "tuple[torch.Tensor, ...]":
    """Draw current and next tokens, which have nothing to do with each other."""
    size = complete(config, KNOBS).whole("batch_size")
    tokens = _frequencies(config).multinomial(2 * size, replacement=True, generator=generator)
    return tokens[:size], tokens[size:]


def _rows(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":
    import torch

    return _draw(config, torch.Generator().manual_seed(seed))


def _measure(module: "torch.nn.Module", given: "tuple[torch.Tensor, ...]") -> "dict[str, torch.Tensor]":
    """Give the expected loss over all pairs of tokens, above the entropy."""
    import torch

    (p,) = given
    logs = module(torch.arange(len(p), device=p.device)).log_softmax(dim=1)
    return {"excess_loss": (p @ (p.log() - logs)) @ p}


def _finish(finished: Finished) -> dict[str, Metric]:
    from physai_inverse.trainers.observables.curves import local_exponent

    metrics = told(finished)
    curve = finished.curves["excess_loss"]
    end = min(EARLY, curve.steps[-1])
    exponent = -local_exponent(curve, low=max(end / 10, 1), high=end) if end else math.nan
    if math.isfinite(exponent):  # with fewer than two points it is not
        metrics["decay_exponent"] = exponent
    return {**metrics, "entropy": _floor(finished.config)}


def shares(vocabulary: int, alpha: float) -> tuple[float, ...]:
    """Give the tokens' probabilities, in proportion to rank^-alpha."""
    weights = [rank**-alpha for rank in range(1, vocabulary + 1)]
    total = math.fsum(weights)
    return tuple(weight / total for weight in weights)


def _floor(config: Config) -> float:
    values = complete(config, KNOBS)
    return entropy(shares(values.whole("vocabulary"), values.number("alpha")))


def _frequencies(config: Config) -> "torch.Tensor":
    values = complete(config, KNOBS)
    return _tensor(values.whole("vocabulary"), values.number("alpha"))


@lru_cache(maxsize=64)
def _tensor(vocabulary: int, alpha: float) -> "torch.Tensor":
    import torch

    return torch.tensor(shares(vocabulary, alpha))


TASK = Task("unigram", DESCRIPTION, SOURCE, KNOBS, SETTINGS, METRICS, _trainer, PHENOMENON)
