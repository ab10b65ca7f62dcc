"""Copying one token of a sequence with a single layer of attention: what can it select, and by what?

Toy model of the parts of attention: selecting by content, not attending to oneself, the previous-token head.
"""

import math
from typing import TYPE_CHECKING

from physai_inverse.observations import Config, Metric
from physai_inverse.seeds import child
from physai_inverse.trainers.batched import BatchedTrainer, Finished, Recipe, Views
from physai_inverse.trainers.tasks.knobs import Knob, Setting, Values, complete, share
from physai_inverse.trainers.tasks.language import TOLD, entropy, told
from physai_inverse.trainers.tasks.steps import log_steps
from physai_inverse.trainers.tasks.task import Task

if TYPE_CHECKING:
    import torch

DESCRIPTION = (
    "Random tokens; the answer after the last is one of them: the current (last) token, the previous one, the "
    "first, or the one before the last that is nearest to it in value. A single head of attention (no MLP, no "
    "residual), with or without position embeddings, learns it with Adam on fresh sequences. One training "
    "takes about 2 seconds on one CPU core."
)
PHENOMENON = (
    "Without positions the copy of an earlier token stops at a perplexity that grows with context and "
    "vocabulary (`perplexity`), after a sticky plateau (`perplexity_curve`), by attending less to the current "
    "token (`attention_to_current`); with positions a previous-token head solves it."
)
SOURCE = (
    'Z. Liu, "Sparse attention 1" to "4", https://kindxiaoming.github.io/blog/2026/sparse-attention-2/ and '
    "https://kindxiaoming.github.io/blog/2026/sparse-attention-4/"
)
TARGETS = ["current", "previous", "first", "nearest"]
KNOBS: dict[str, Knob] = {
    "lr": {"type": "float", "low": 1e-3, "high": 0.1, "log": True, "default": 0.03},
    "target": {"type": "choice", "values": TARGETS, "default": "previous"},
    "positions": {"type": "boolean", "default": False},
    "vocabulary": {"type": "integer", "low": 10, "high": 100, "log": True, "least": 2, "default": 30},
    "context": {"type": "integer", "low": 2, "high": 10, "least": 2, "default": 4},
    "dimension": {"type": "integer", "low": 2, "high": 64, "log": True, "least": 1, "default": 2},
    "batch_size": {"type": "integer", "low": 64, "high": 512, "log": True, "least": 1, "default": 256},
    "schedule": {"type": "choice", "values": ["constant", "linear", "cosine"], "default": "constant"},
    "tied": {"type": "boolean", "default": False},
    "init_scale": {"type": "float", "low": 1e-3, "high": 1.0, "log": True, "default": 0.02},
}
SETTINGS: dict[str, Setting] = {"steps": 2000, "judged": 4096, "threshold": 0.9}
METRICS: dict[str, str] = {
    "loss": "mean cross-entropy on the batches since the point before, in nats",
    "loss_curve": "the same over steps (about 20 a decade), in nats",
    "test_loss": "mean cross-entropy at the end on sequences that are never trained on, in nats",
    "test_loss_curve": "test loss over steps, in nats",
    "perplexity": "exp of the test loss at the end",
    "perplexity_curve": "perplexity over steps",
    "test_accuracy": "share of those sequences answered correctly at the end, in [0, 1]",
    "test_accuracy_curve": "test accuracy over steps, in [0, 1]",
    "attention_to_current": "mean weight of the last token's attention to itself at the end, in [0, 1]",
    "attention_to_current_curve": "the same over steps, in [0, 1]",
    "attention_to_target": "mean weight of its attention to the token that is to be copied at the end, in [0, 1]",
    "attention_to_target_curve": "the same over steps, in [0, 1]",
    "least_loss": "least loss of any model of the kind: above zero where places are needed and not given, in nats",
    "steps_to_threshold": "first logged step with the test accuracy at the threshold; censored at the last",
    **TOLD,
}


def _trainer(settings: Values) -> BatchedTrainer:
    steps, judged = settings.whole("steps"), settings.whole("judged")
    threshold = share("threshold", settings["threshold"])

    def given(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":
        return _fresh(config, judged, child(seed, "judged"))

    return BatchedTrainer(
        build=_build,
        loss=_loss,
        draw=_draw,
        steps=steps,
        recipe=_recipe,
        measure=_measure,
        given=given,
        log=log_steps(steps),
        finish=lambda finished: _finish(finished, threshold),
        views=Views(
            hidden=False,
            rows=lambda config, seed: _fresh(config, complete(config, KNOBS).whole("batch_size"), seed),
            labels=lambda batch: batch[1],
            embedding="embedding",
            attention=_attention,
            places=_places,
            floor=lambda config, _: least_loss(config),
        ),
    )


def _build(config: Config) -> "torch.nn.Module":
    from physai_inverse.trainers.tasks.networks.attention import Copier

    values = complete(config, KNOBS)
    return Copier(
        values.whole("vocabulary"),
        values.whole("context"),
        values.whole("dimension"),
        values.number("init_scale"),
        positions=values.flag("positions"),
        tied=values.flag("tied"),
    )


def _recipe(config: Config) -> Recipe:
    values = complete(config, KNOBS)
    return Recipe(values.number("lr"), "adam", schedule=values.word("schedule"))


def _draw(config: Config, generator: "torch.Generator") -> "tuple[torch.Tensor, ...]":
    return sequences(config, complete(config, KNOBS).whole("batch_size"), generator)


def _fresh(config: Config, number: int, seed: int) -> "tuple[torch.Tensor, ...]":
    import torch

    return sequences(config, number, torch.Generator().manual_seed(seed))


def sequences(config: Config, number: int, generator: "torch.Generator") -> "tuple[torch.Tensor, ...]":
    """Draw sequences.

    Returns:
        Tokens [n, context], answers [n], and the places [n] that they are copied from.
    """
    import torch

    values = complete(config, KNOBS)
    size, context, target = values.whole("vocabulary"), values.whole("context"), values.word("target")
    tokens = torch.randint(size, (number, context), generator=generator)
    if target == "nearest":
        # Of two that are as near, the smaller, so that no place has to be known.
        earlier = tokens[:, :-1]
        places = (2 * (earlier - tokens[:, -1:]).abs() + (earlier > tokens[:, -1:])).argmin(dim=1)
    else:
        places = torch.full((number,), {"current": context - 1, "previous": context - 2, "first": 0}[target])
    return tokens, tokens.gather(1, places.unsqueeze(1)).squeeze(1), places


def _loss(module: "torch.nn.Module", batch: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
    from torch.nn.functional import cross_entropy

    return cross_entropy(module(batch[0]), batch[1], reduction="none")


def _measure(module: "torch.nn.Module", given: "tuple[torch.Tensor, ...]") -> "dict[str, torch.Tensor]":
    from torch.nn.functional import cross_entropy

    tokens, answers, places = given
    scores = module(tokens)
    loss = cross_entropy(scores, answers, reduction="none").mean()
    weights = _attention(module, given)[0, :, 0]
    return {
        "test_loss": loss,
        "perplexity": loss.exp(),
        "test_accuracy": (scores.argmax(dim=1) == answers).double().mean(),
        "attention_to_current": weights[:, -1].mean(),
        "attention_to_target": weights.gather(1, places.unsqueeze(1)).mean(),
    }


def _attention(module: "torch.nn.Module", batch: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
    """Give the weights of the only head and query, [1, n, 1, context]."""
    from physai_inverse.trainers.tasks.networks.attention import Copier

    assert isinstance(module, Copier)
    return module.weights(module.placed(batch[0])).unsqueeze(0)


def _places(batch: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
    """Tell where each answer is copied from, [n, context]."""
    import torch

    return (torch.arange(batch[0].shape[1], device=batch[0].device) == batch[2].unsqueeze(1)).double()


def least_loss(config: Config) -> float:
    """Give the least loss that is possible, in nats.

    Without places the model knows the current token and which others there are, how often. It can name each in
    proportion to its count: what is left is the mean entropy of the counts of `context - 1` draws.
    """
    values = complete(config, KNOBS)
    if values.flag("positions") or values.word("target") in ("current", "nearest"):
        return 0.0
    others, p = values.whole("context") - 1, 1 / values.whole("vocabulary")
    terms = [
        math.comb(others, count) * p**count * (1 - p) ** (others - count) * entropy((count / others,))
        for count in range(1, others + 1)
    ]
    return values.whole("vocabulary") * math.fsum(terms)


def _finish(finished: Finished, threshold: float) -> dict[str, Metric]:
    from physai_inverse.trainers.observables.curves import first_reaching

    return {
        **told(finished),
        "least_loss": least_loss(finished.config),
        "steps_to_threshold": first_reaching(finished.curves["test_accuracy"], threshold),
    }


TASK = Task("copy_attention", DESCRIPTION, SOURCE, KNOBS, SETTINGS, METRICS, _trainer, PHENOMENON)
