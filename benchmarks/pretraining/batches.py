"""Landscapes as batches for the network; the batch of a step follows from the seed alone."""

from dataclasses import dataclass

import numpy as np

from benchmarks.pretraining.landscapes import draw_landscape
from physai_inverse.seeds import generator
from physai_inverse.surrogates.prior_fitted.hints import MAX_COLUMNS, Hints, hints
from physai_inverse.surrogates.prior_fitted.tokens import Tokens, tokens

LEAST_ROWS = 6
ASKED = 48
ROWS = 2400
"""Rows in a batch, context and asked: small contexts come in batches of many."""


@dataclass(frozen=True)
class Batch:
    """Tasks of one size.

    Args:
        tokens: what the network reads.
        values: ``[b, q]`` what it is asked for.
        noise: ``[b]`` log deviation of the noise.
        context: number of rows with a value.
    """

    tokens: Tokens
    values: np.ndarray
    noise: np.ndarray
    context: int


def draw_batch(seed: int, step: int, largest: int, *, rows: int = ROWS, context: int | None = None) -> Batch:
    """Draw the batch of a step.

    Args:
        seed: of the run.
        step: its number.
        largest: number of context rows at most; drawn evenly in the logarithm.
        rows: about how many rows in all.
        context: number of context rows; None to draw it.
    """
    random = generator(seed, "batch", step)
    if context is None:
        context = round(float(np.exp(random.uniform(np.log(LEAST_ROWS), np.log(largest)))))
    number = max(rows // (context + ASKED), 1)
    landscapes = [draw_landscape(random, context, ASKED) for _ in range(number)]
    widest = max(landscape.inputs.columns.shape[1] for landscape in landscapes)
    X = np.zeros((number, context + ASKED, widest), dtype=np.float32)
    groups = np.full((number, widest), -1)
    for place, landscape in enumerate(landscapes):
        columns = landscape.inputs.columns
        X[place, :, : columns.shape[1]] = columns
        groups[place, : columns.shape[1]] = landscape.inputs.groups
    assert widest <= MAX_COLUMNS
    z = np.stack([landscape.values for landscape in landscapes]).astype(np.float32)
    censored = np.stack([landscape.censored for landscape in landscapes])
    said = _hints(X, z[:, :context], groups)
    noise = np.log(np.maximum([landscape.noise for landscape in landscapes], 1e-3))
    return Batch(tokens(X, z[:, :context], censored, groups, said), z[:, context:], noise, context)


def _hints(X: np.ndarray, z: np.ndarray, groups: np.ndarray) -> Hints:
    """Ask the closed forms in 32 bits, or in 64 where a covariance is too near to singular for those."""
    try:
        return hints(X, z, groups)
    except np.linalg.LinAlgError:
        return hints(X.astype(np.float64), z.astype(np.float64), groups)
