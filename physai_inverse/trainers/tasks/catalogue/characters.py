"""The next character of real text, from the last few: the smallest language model of a text that everybody has.

The text is the language reference of Python as it comes with the interpreter (`pydoc_data.topics`, what `help()`
shows), gathered at run time. Python's licence (PSF-2.0, https://docs.python.org/3/license.html) lets everybody use
it freely; nothing of it is copied here. Another version of Python has a slightly different text.
"""

import math
from collections import Counter
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING

from physai_inverse.errors import InvalidInput, TrialFailed
from physai_inverse.observations import Config, Curve, Metric
from physai_inverse.trainers.batched import BatchedTrainer, Finished, Recipe, Views
from physai_inverse.trainers.tasks.knobs import Knob, Setting, Values, complete
from physai_inverse.trainers.tasks.language import TOLD, entropy, told
from physai_inverse.trainers.tasks.steps import log_steps
from physai_inverse.trainers.tasks.task import Task

if TYPE_CHECKING:
    import torch

DESCRIPTION = (
    "The next character of the Python language reference (as installed with the interpreter; PSF licence) from "
    "the last few: letters in lower case, five marks and the space. Embeddings side by side, one hidden layer, "
    "AdamW on batches. One training takes about 3 seconds on one CPU core. Numbers depend on the version of "
    "Python, whose text it is."
)
PHENOMENON = (
    "The loss falls fast to the entropy of single characters (`unigram_entropy`, `steps_below_unigram`) and "
    "then slowly below it, at first the further the more context there is (`val_loss_curve`); with little text "
    "the model learns it by heart (`generalisation_gap`)."
)
SOURCE = (
    "the network of Bengio et al. 2003, https://www.jmlr.org/papers/v3/bengio03a.html; the text: Python "
    "Software Foundation, https://docs.python.org/3/reference/"
)
ALPHABET = " .,'()abcdefghijklmnopqrstuvwxyz"
ACTIVATIONS = ["relu", "tanh", "gelu"]
KNOBS: dict[str, Knob] = {
    "lr": {"type": "float", "low": 1e-4, "high": 0.1, "log": True, "default": 3e-3},
    "weight_decay": {"type": "float", "low": 1e-4, "high": 1.0, "log": True, "default": 0.01},
    "context": {"type": "integer", "low": 1, "high": 8, "least": 1, "default": 4},
    "dimension": {"type": "integer", "low": 2, "high": 32, "log": True, "least": 1, "default": 16},
    "width": {"type": "integer", "low": 16, "high": 256, "log": True, "least": 1, "default": 128},
    "activation": {"type": "choice", "values": ACTIVATIONS, "default": "relu"},
    "text": {"type": "integer", "low": 1000, "high": 200_000, "log": True, "least": 100, "default": 100_000},
    "batch_size": {"type": "integer", "low": 32, "high": 512, "log": True, "least": 1, "default": 256},
    "schedule": {"type": "choice", "values": ["constant", "linear", "cosine"], "default": "constant"},
}
SETTINGS: dict[str, Setting] = {"steps": 2000, "judged": 4096}
HELD_OUT = 40_000
"""Characters at the end of the text that no model is trained on."""
METRICS: dict[str, str] = {
    "loss": "mean cross-entropy on the batches since the point before, in nats a character",
    "loss_curve": "the same over steps (about 20 a decade), in nats a character",
    "train_loss": "mean cross-entropy at the end at places spread over the training text, in nats a character",
    "train_loss_curve": "training loss over steps, in nats a character",
    "val_loss": "mean cross-entropy at the end on text that is never trained on, in nats a character",
    "val_loss_curve": "validation loss over steps, in nats a character",
    "val_accuracy": "share of that text's characters that are the most probable ones at the end, in [0, 1]",
    "val_accuracy_curve": "validation accuracy over steps, in [0, 1]",
    "generalisation_gap": "val_loss - train_loss, in nats a character",
    "bits": "val_loss in bits a character",
    "unigram_entropy": "entropy of single characters in the training text, in nats",
    "steps_below_unigram": "first logged step with `val_loss` below `unigram_entropy`; censored at the last",
    **TOLD,
}


def _trainer(settings: Values) -> BatchedTrainer:
    steps, judged = settings.whole("steps"), settings.whole("judged")

    def given(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":  # noqa: ARG001 - the text is the same for all
        values = complete(config, KNOBS)
        context = values.whole("context")
        return (*spread(context, values.whole("text"), judged), *spread(context, -HELD_OUT, judged))

    return BatchedTrainer(
        build=_build,
        loss=_loss,
        rows=_rows,
        steps=steps,
        recipe=_recipe,
        measure=_measure,
        given=given,
        log=log_steps(steps),
        finish=_finish,
        views=Views(
            rows=lambda config, seed: given(config, seed)[:2],
            labels=lambda batch: batch[1],
            embedding="embedding",
            head="output.weight",
        ),
    )


def _build(config: Config) -> "torch.nn.Module":
    from torch import nn

    from physai_inverse.trainers.tasks.networks.characters import NextCharacter

    values = complete(config, KNOBS)
    activation = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU}[values.word("activation")]()
    context, dimension, width = (values.whole(name) for name in ("context", "dimension", "width"))
    return NextCharacter(len(ALPHABET), context, dimension, width, activation)


def _recipe(config: Config) -> Recipe:
    values = complete(config, KNOBS)
    return Recipe(
        values.number("lr"),
        "adamw",
        values.number("weight_decay"),
        schedule=values.word("schedule"),
        batch_size=values.whole("batch_size"),
    )


def _rows(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":  # noqa: ARG001 - the text is the same for all
    values = complete(config, KNOBS)
    return windows(values.whole("context"), values.whole("text"))


def _loss(module: "torch.nn.Module", batch: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
    from torch.nn.functional import cross_entropy

    return cross_entropy(module(batch[0]), batch[1], reduction="none")


def _measure(module: "torch.nn.Module", given: "tuple[torch.Tensor, ...]") -> "dict[str, torch.Tensor]":
    from torch.nn.functional import cross_entropy

    seen, following, fresh, answers = given
    scores = module(fresh)
    return {
        "train_loss": cross_entropy(module(seen), following, reduction="none").mean(),
        "val_loss": cross_entropy(scores, answers, reduction="none").mean(),
        "val_accuracy": (scores.argmax(dim=1) == answers).double().mean(),
    }


def _finish(finished: Finished) -> dict[str, Metric]:
    from physai_inverse.trainers.observables.curves import first_reaching

    metrics = told(finished)
    floor = unigram_entropy(complete(finished.config, KNOBS).whole("text"))
    curve = finished.curves["val_loss"]
    fallen = Curve(curve.steps, tuple(-value for value in curve.values))
    return {
        **metrics,
        "generalisation_gap": float(metrics["val_loss"]) - float(metrics["train_loss"]),
        "bits": float(metrics["val_loss"]) / math.log(2),
        "unigram_entropy": floor,
        "steps_below_unigram": first_reaching(fallen, -floor),
    }


@lru_cache(maxsize=1)
def text() -> str:
    """Give the language reference in `ALPHABET`, its topics in an order of no meaning.

    What is not in the alphabet becomes a space, and spaces do not follow each other.

    Raises:
        TrialFailed: this Python came without it.
    """
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise TrialFailed(
            "This Python has no `pydoc_data`, the text of `help()`: install the full standard library.", "bug"
        ) from error
    ordered = sorted(topics, key=lambda name: blake2b(name.encode(), digest_size=8).digest())
    raw = " ".join(topics[name] for name in ordered).lower()
    known = "".join(character if character in ALPHABET else " " for character in raw)
    return " ".join(known.split())


def part(length: int) -> str:
    """Give the first characters of the text for training, or for a negative length the last.

    Raises:
        InvalidInput: there are not so many.
    """
    whole = text()
    if length > len(whole) - HELD_OUT:
        raise InvalidInput(f"`text` must be at most {len(whole) - HELD_OUT} in this Python, not {length}.")
    return whole[:length] if length > 0 else whole[length:]


@lru_cache(maxsize=64)
def unigram_entropy(length: int) -> float:
    """Give the entropy of single characters in the training text, in nats."""
    counts = Counter(part(length))
    return entropy([count / length for count in counts.values()])


@lru_cache(maxsize=64)
def windows(context: int, length: int) -> "tuple[torch.Tensor, torch.Tensor]":
    """Give all runs of `context` characters in a part of the text [n, context], and what follows each [n]."""
    import torch

    numbers = torch.tensor([ALPHABET.index(character) for character in part(length)])
    runs = numbers.unfold(0, context + 1, 1)
    return runs[:, :context].contiguous(), runs[:, context].contiguous()


@lru_cache(maxsize=64)
def spread(context: int, length: int, number: int) -> "tuple[torch.Tensor, torch.Tensor]":
    """Give so many of the `windows` at even distances, or all where there are fewer."""
    import torch

    seen, following = windows(context, length)
    places = torch.linspace(0, len(seen) - 1, min(number, len(seen))).long()
    return seen[places], following[places]


TASK = Task("characters", DESCRIPTION, SOURCE, KNOBS, SETTINGS, METRICS, _trainer, PHENOMENON)
