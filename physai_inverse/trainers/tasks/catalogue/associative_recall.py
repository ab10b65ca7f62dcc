"""Pairs of key and value, then one key again: which value belonged to it?

Toy model of recall in context and of the induction head: two layers of attention find out that the answer is what
followed the key before, all at once, early or late, or learn the finite data by heart.
"""

from typing import TYPE_CHECKING

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Config, Metric
from physai_inverse.seeds import child
from physai_inverse.trainers.batched import BatchedTrainer, Finished, Recipe, Views
from physai_inverse.trainers.tasks.knobs import Knob, Setting, Values, complete, share
from physai_inverse.trainers.tasks.language import TOLD, told
from physai_inverse.trainers.tasks.steps import log_steps
from physai_inverse.trainers.tasks.task import Task

if TYPE_CHECKING:
    import torch

DESCRIPTION = (
    "Sequences of pairs, distinct keys each followed by a random value, and at the end one of the keys as a "
    "query: two layers of attention with residuals (no MLP, no norm) answer with its value, trained with Adam "
    "on a finite number of sequences. The defaults (8 pairs, 32 dimensions) take about 4 seconds on one CPU "
    "core; 32 pairs and 64 to 256 dimensions are for a GPU."
)
PHENOMENON = (
    "Recall appears suddenly (`steps_to_threshold`, `test_accuracy_curve`), when the first layer has learned "
    "to look at the token before (`previous_token_score`) and the second at what followed the key "
    "(`induction_score`); a zone of dimensions and rates has it early, too few sequences are learned by heart, "
    "and noise on the embeddings is reported to help."
)
SOURCE = (
    'Z. Liu, "Sparse attention 6" and "8", https://kindxiaoming.github.io/blog/2026/sparse-attention-6/, after '
    "Zucchet et al. 2025, https://arxiv.org/abs/2505.17863"
)
KNOBS: dict[str, Knob] = {
    "lr": {"type": "float", "low": 3e-4, "high": 0.03, "log": True, "default": 3e-3},
    "dimension": {
        "type": "ordinal",
        "levels": [8, 16, 24, 32, 48, 64, 96, 128, 192, 256],  # multiples of every number of heads
        "least": 1,
        "default": 32,
    },
    "heads": {"type": "ordinal", "levels": [1, 2, 4, 8], "least": 1, "default": 1},
    "pairs": {"type": "integer", "low": 2, "high": 32, "log": True, "least": 1, "default": 8},
    "samples": {"type": "integer", "low": 1000, "high": 1_000_000, "log": True, "least": 1, "default": 100_000},
    "embedding_noise": {"type": "float", "low": 0.0, "high": 1.0, "default": 0.0},
    "batch_size": {"type": "integer", "low": 32, "high": 128, "log": True, "least": 1, "default": 64},
    "warmup": {"type": "integer", "low": 0, "high": 200, "default": 0},
    "init_scale": {"type": "float", "low": 0.02, "high": 1.0, "log": True, "default": 1.0},
}
SETTINGS: dict[str, Setting] = {"steps": 1000, "vocabulary": 32, "judged": 512, "threshold": 0.9}
METRICS: dict[str, str] = {
    "loss": "mean cross-entropy on the batches since the point before, in nats",
    "loss_curve": "the same over steps (about 20 a decade), in nats",
    "test_loss": "mean cross-entropy at the end on sequences that are never trained on, in nats",
    "test_loss_curve": "test loss over steps, in nats",
    "test_accuracy": "share of those sequences answered correctly at the end, in [0, 1]",
    "test_accuracy_curve": "test accuracy over steps, in [0, 1]",
    "induction_score": "weight of the query's attention to the value asked for, best head of layer 2, in [0, 1]",
    "induction_score_curve": "the same over steps, in [0, 1]",
    "previous_token_score": "weight of a value's attention to its key, best head of layer 1, in [0, 1]",
    "previous_token_score_curve": "the same over steps, in [0, 1]",
    "steps_to_threshold": "first logged step with the test accuracy at the threshold; censored at the last",
    **TOLD,
}
JUDGED_FROM = 2**30
"""Number of the first sequence that is never trained on."""
BITS = 2**32 - 1
GOLDEN = 0x9E3779B9
"""2^32 over the golden ratio: multiples of it are far from each other modulo 2^32."""


def _trainer(settings: Values) -> BatchedTrainer:
    steps, judged, vocabulary = settings.whole("steps"), settings.whole("judged"), settings.whole("vocabulary")
    threshold = share("threshold", settings["threshold"])

    def build(config: Config) -> "torch.nn.Module":
        from physai_inverse.trainers.tasks.networks.attention import Recaller

        values = complete(config, KNOBS)
        dimension, heads, pairs = (values.whole(name) for name in ("dimension", "heads", "pairs"))
        if dimension % heads:
            raise InvalidInput(f"`dimension` must be a multiple of `heads`, not {dimension} for {heads} heads.")
        if pairs > vocabulary:
            raise InvalidInput(f"`pairs` must be at most the {vocabulary} tokens of `vocabulary`, not {pairs}.")
        return Recaller(vocabulary, 2 * pairs + 1, dimension, heads, values.number("init_scale"))

    def draw(config: Config, generator: "torch.Generator") -> "tuple[torch.Tensor, ...]":
        import torch

        values = complete(config, KNOBS)
        numbers = torch.randint(values.whole("samples"), (values.whole("batch_size"),), generator=generator)
        batch = sequences(numbers, values.whole("pairs"), vocabulary, generator.initial_seed())
        noise = values.number("embedding_noise")
        if not noise:
            return batch
        shape = (vocabulary, values.whole("dimension"))
        return (*batch, torch.randn(shape, generator=generator) * (noise * values.number("init_scale")))

    def fresh(config: Config, seed: int, number: int) -> "tuple[torch.Tensor, ...]":
        import torch

        numbers = torch.arange(JUDGED_FROM, JUDGED_FROM + number)
        return sequences(numbers, complete(config, KNOBS).whole("pairs"), vocabulary, child(seed, "judged"))

    return BatchedTrainer(
        build=build,
        loss=_loss,
        draw=draw,
        steps=steps,
        recipe=_recipe,
        measure=_measure,
        given=lambda config, seed: fresh(config, seed, judged),
        log=log_steps(steps),
        finish=lambda finished: _finish(finished, threshold),
        views=Views(
            hidden=False,
            rows=lambda config, seed: fresh(config, seed, 256),
            labels=lambda batch: batch[1],
            embedding="embedding",
            head="unembedding",
            attention=_attention,
            places=_places,
            floor=lambda config, seed: 0.0,  # noqa: ARG005 - recall is certain
        ),
    )


def _recipe(config: Config) -> Recipe:
    values = complete(config, KNOBS)
    return Recipe(values.number("lr"), "adam", warmup=values.whole("warmup"))


def sequences(
    numbers: "torch.Tensor", pairs: int, vocabulary: int, seed: int
) -> "tuple[torch.Tensor, torch.Tensor, torch.Tensor]":
    """Give sequences by their numbers, so that a finite data set needs no memory.

    Args:
        numbers: [n] which ones.
        pairs: of a key and a value in each.
        vocabulary: number of tokens; each may be key or value.
        seed: of the data set.

    Returns:
        Tokens [n, 2 pairs + 1], answers [n], and the places [n] where the answers stand.
    """
    import torch

    columns = torch.arange(vocabulary + pairs + 1)
    drawn = mixed(mixed(numbers ^ (seed & BITS)).unsqueeze(1) + columns * GOLDEN & BITS)
    keys = drawn[:, :vocabulary].argsort(dim=1)[:, :pairs]
    values = drawn[:, vocabulary:-1] % vocabulary
    asked = drawn[:, -1:] % pairs
    told = torch.stack([keys, values], dim=2).flatten(1)
    tokens = torch.cat([told, keys.gather(1, asked)], dim=1)
    return tokens, values.gather(1, asked).squeeze(1), 2 * asked.squeeze(1) + 1


def mixed(x: "torch.Tensor") -> "torch.Tensor":
    """Mix the bits of whole numbers of 32 bits, so that neighbours have nothing to do with each other.

    Source: "lowbias32", https://nullprogram.com/blog/2018/07/31/.
    """
    x = (x ^ x >> 16) * 0x7FEB352D & BITS
    x = (x ^ x >> 15) * 0x846CA68B & BITS
    return x ^ x >> 16


def _places(batch: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
    """Tell which pair each question is about, [n, pairs]."""
    import torch

    pairs = torch.arange((batch[0].shape[1] - 1) // 2, device=batch[0].device)
    return (2 * pairs + 1 == batch[2].unsqueeze(1)).double()


def _loss(module: "torch.nn.Module", batch: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
    from torch.nn.functional import cross_entropy

    return cross_entropy(module(batch[0], *batch[3:]), batch[1], reduction="none")


def _measure(module: "torch.nn.Module", given: "tuple[torch.Tensor, ...]") -> "dict[str, torch.Tensor]":
    import torch
    from torch.nn.functional import cross_entropy

    from physai_inverse.trainers.tasks.networks.attention import Recaller

    assert isinstance(module, Recaller)
    tokens, answers, places = given
    first, second, x = module.read(tokens)
    scores = x @ module.unembedding.T
    second = second[:, :, 0]
    spots = places.view(-1, 1, 1).expand(-1, second.shape[1], 1)
    odd = torch.arange(1, tokens.shape[1], 2, device=tokens.device)
    return {
        "test_loss": cross_entropy(scores, answers, reduction="none").mean(),
        "test_accuracy": (scores.argmax(dim=1) == answers).double().mean(),
        "induction_score": second.gather(2, spots).mean(dim=(0, 2)).amax(),
        "previous_token_score": first[:, :, odd, odd - 1].mean(dim=(0, 2)).amax(),
    }


def _attention(module: "torch.nn.Module", batch: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
    """Give the weights of the first layer, [heads, n, context, context]."""
    from physai_inverse.trainers.tasks.networks.attention import Recaller

    assert isinstance(module, Recaller)
    return module.read(batch[0])[0].transpose(0, 1)


def _finish(finished: Finished, threshold: float) -> dict[str, Metric]:
    from physai_inverse.trainers.observables.curves import first_reaching

    reached = first_reaching(finished.curves["test_accuracy"], threshold)
    return {**told(finished), "steps_to_threshold": reached}


TASK = Task("associative_recall", DESCRIPTION, SOURCE, KNOBS, SETTINGS, METRICS, _trainer, PHENOMENON)
