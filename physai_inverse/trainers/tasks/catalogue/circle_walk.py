"""A random walk on a circle: the next token is a neighbour of the current one.

Toy model of how a spatial map emerges, or does not: with tied embeddings two dimensions are not enough although a
circle fits into them, and the matrix between the embeddings needs directions of negative sign.
"""

import math
from functools import lru_cache
from typing import TYPE_CHECKING

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Config, Metric
from physai_inverse.trainers.batched import BatchedTrainer, Finished, Recipe, Views
from physai_inverse.trainers.tasks.knobs import Knob, Setting, Values, complete
from physai_inverse.trainers.tasks.language import TOLD, entropy, told
from physai_inverse.trainers.tasks.steps import log_steps
from physai_inverse.trainers.tasks.task import Task

if TYPE_CHECKING:
    import torch

DESCRIPTION = (
    "Tokens stand on a circle; the next is the right neighbour of the current one or the left one. A model "
    "with tied embeddings E and a matrix A between them (scores E A e) predicts the next token, with Adam on "
    "all tokens at once and the exact expected loss. One training takes about a second on one CPU core."
)
PHENOMENON = (
    "The best perplexity is 2. Two dimensions stay at 3 or above and four reach 2 (`perplexity`), however many "
    "tokens there are; the solutions have two or three negative eigenvalues of A (`negative_eigenvalues`), and "
    "without A no dimension is enough."
)
SOURCE = (
    'Z. Liu, "Bigram 1 -- Walk on a Circle", https://kindxiaoming.github.io/blog/2026/bigram-1/, and "Bigram '
    '2", https://kindxiaoming.github.io/blog/2026/bigram-2/; fixed signs as in "Bigram 4", '
    "https://kindxiaoming.github.io/blog/2026/bigram-4/"
)
MATRICES = ["free", "plus", "minus", "mixed"]
KNOBS: dict[str, Knob] = {
    "lr": {"type": "float", "low": 1e-3, "high": 0.1, "log": True, "default": 0.03},
    "vocabulary": {"type": "integer", "low": 10, "high": 500, "log": True, "least": 3, "default": 10},
    "dimension": {"type": "integer", "low": 2, "high": 16, "log": True, "least": 1, "default": 4},
    "matrix": {"type": "choice", "values": MATRICES, "default": "free"},
    "right": {"type": "float", "low": 0.5, "high": 1.0, "default": 0.5},
    "init_scale": {"type": "float", "low": 0.01, "high": 3.0, "log": True, "default": 1.0},
    "matrix_scale": {
        "type": "float",
        "low": 3e-3,
        "high": 1.0,
        "log": True,
        "default": 0.02,
        "when": {"matrix": ["free"]},
    },
}
SETTINGS: dict[str, Setting] = {"steps": 2000}
METRICS: dict[str, str] = {
    "loss": "expected cross-entropy, mean over the steps since the point before, in nats",
    "loss_curve": "the same over steps (about 20 a decade), in nats",
    "perplexity": "exp of the expected cross-entropy at the end: between how many tokens the model hesitates",
    "perplexity_curve": "perplexity over steps",
    "excess_loss": "expected cross-entropy at the end minus the entropy of a step to the right or left, in nats",
    "excess_loss_curve": "excess loss over steps, in nats",
    "negative_eigenvalues": "number of negative eigenvalues of the symmetric part of the matrix at the end",
    **TOLD,
}


def _trainer(settings: Values) -> BatchedTrainer:
    steps = settings.whole("steps")
    return BatchedTrainer(
        build=_build,
        loss=_loss,
        rows=_rows,
        steps=steps,
        recipe=lambda config: Recipe(complete(config, KNOBS).number("lr"), "adam"),
        measure=_measure,
        given=_rows,
        log=log_steps(steps),
        finish=_finish,
        views=Views(
            hidden=False,
            rows=_rows,
            latents=_places,
            embedding="embedding",
            floor=lambda config, _: _floor(config),
        ),
    )


def _build(config: Config) -> "torch.nn.Module":
    from physai_inverse.trainers.tasks.networks.bigram import Bigram

    values = complete(config, KNOBS)
    size, dimension, matrix = values.whole("vocabulary"), values.whole("dimension"), values.word("matrix")
    return Bigram(
        size,
        dimension,
        values.number("init_scale"),
        tied=True,
        matrix=values.number("matrix_scale") if matrix == "free" else None,
        signs="plus" if matrix == "free" else matrix,
    )


def _rows(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":  # noqa: ARG001 - the walk is the same for all
    values = complete(config, KNOBS)
    right = values.number("right")
    if right > 1:
        raise InvalidInput(f"`right` must be at most 1, not {right!r}.")
    return _steps(values.whole("vocabulary"), right)


@lru_cache(maxsize=64)
def _steps(vocabulary: int, right: float) -> "tuple[torch.Tensor, ...]":
    """Give every token with its right and its left neighbour, and the probability of the right one."""
    import torch

    tokens = torch.arange(vocabulary)
    following, before = tokens.roll(-1), tokens.roll(1)
    return tokens, following, before, torch.full((vocabulary,), right)


def _loss(module: "torch.nn.Module", batch: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
    """Give the expected cross-entropy of a step from each token."""
    tokens, following, before, share = batch
    scores: torch.Tensor = module(tokens)
    logs = scores.log_softmax(dim=1)
    up, down = (logs.gather(1, place.unsqueeze(1)).squeeze(1) for place in (following, before))
    return -(share * up + (1 - share) * down)


def _measure(module: "torch.nn.Module", given: "tuple[torch.Tensor, ...]") -> "dict[str, torch.Tensor]":
    loss = _loss(module, given).mean()
    share = given[3]
    return {
        "perplexity": loss.exp(),
        "excess_loss": loss + (share.xlogy(share) + (1 - share).xlogy(1 - share)).mean(),
    }


def _places(batch: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
    """Give cosine and sine of the tokens' angles on the circle."""
    import torch

    angles = batch[0] * (2 * math.pi / (int(batch[0].max()) + 1))
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def _floor(config: Config) -> float:
    right = complete(config, KNOBS).number("right")
    return entropy((right, 1 - right))


def _finish(finished: Finished) -> dict[str, Metric]:
    import torch

    from physai_inverse.trainers.tasks.networks.bigram import Bigram

    module = finished.module
    assert isinstance(module, Bigram)
    metrics = told(finished)
    if finished.diverged is not None:
        return {**metrics, "negative_eigenvalues": math.nan}
    if module.matrix is None:
        dimension = module.embedding.shape[1]
        negative = {"plus": 0, "minus": dimension, "mixed": dimension // 2}[module.signs]
        return {**metrics, "negative_eigenvalues": float(negative)}
    A = module.matrix.weight.detach().double()
    return {**metrics, "negative_eigenvalues": float((torch.linalg.eigvalsh(A + A.T) < 0).sum())}


TASK = Task("circle_walk", DESCRIPTION, SOURCE, KNOBS, SETTINGS, METRICS, _trainer, PHENOMENON)
