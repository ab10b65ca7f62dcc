"""The network, run in numpy, so that no torch is loaded to predict.

Each layer lets every row attend to the context (with less weight, in three heads of four, the further a row of
the context lies) and passes it through a gated layer. A row's answer is a mixture of normals; five of them start
from the closed forms' opinion, three from the scale of the values.

Symbols: b tasks, N rows, the first n of them the context, w width, h heads.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from physai_inverse.surrogates.pool import Pool
from physai_inverse.surrogates.prior_fitted.tokens import Tokens

COMPONENTS, ABSOLUTE = 8, 3
"""Normals of an answer, and how many of them do not start from the closed forms' opinion."""
SLOPES = (0.0, 0.5, 1.5, 4.0)
"""What a lengthscale of distance takes off the logit of attention, head by head."""
LEAST_SCALE = 0.002
"""Deviation that every normal keeps, on the scale of the values: of equal values it could be told too surely."""
SCALE_RANGE = (-6.0, 4.0)
"""Of the logarithm of a normal's deviation."""
ROOT_FLOOR = 1e-6
WEIGHTS = "weights.npz"


@dataclass(frozen=True)
class Shape:
    """Sizes of the network.

    Args:
        width: of a row.
        layers: their number.
        heads: of the attention.
        hidden: of the gated layer.
    """

    width: int = 96
    layers: int = 4
    heads: int = len(SLOPES)
    hidden: int = 128


@dataclass(frozen=True)
class Network:
    """Weights by name, as `benchmarks.pretraining.network` names them.

    Args:
        arrays: the weights, in 32 bits.
    """

    arrays: Mapping[str, np.ndarray]

    @property
    def layers(self) -> int:
        """Number of layers."""
        return 1 + max(int(name.split(".")[1]) for name in self.arrays if name.startswith("blocks."))

    def answer(self, tokens: Tokens) -> tuple[Pool, np.ndarray]:
        """Give what it says of the rows that are asked, task after task, and the noise's deviation ``[b]``."""
        num = tokens.distances.shape[2]
        slopes = np.array(SLOPES, dtype=np.float32)[:, None, None]
        nearness = -slopes * tokens.distances[:, None]
        rows = tokens.rows @ self.arrays["read.weight"].T + self.arrays["read.bias"]
        for layer in range(self.layers):
            rows = rows + self._attended(rows, nearness, f"blocks.{layer}.")
            rows = rows + self._passed(rows, f"blocks.{layer}.")
        rows = _normed(rows, self.arrays["norm"])
        answer = rows[:, num:] @ self.arrays["answer.weight"].T + self.arrays["answer.bias"]
        noise = rows[:, :num].mean(axis=1) @ self.arrays["noise.weight"][0] + self.arrays["noise.bias"][0]
        logits, offset, scale = np.moveaxis(answer.astype(float).reshape(*answer.shape[:2], 3, COMPONENTS), 2, 0)
        relative = np.arange(COMPONENTS) < COMPONENTS - ABSOLUTE
        centre, spread = tokens.centre[:, num:, None], tokens.spread[:, num:, None]
        shares = np.exp(logits - logits.max(axis=2, keepdims=True))
        shares /= shares.sum(axis=2, keepdims=True)
        means = np.where(relative, centre + spread * offset, offset)
        deviations = np.where(relative, spread, 1.0) * np.exp(np.clip(scale, *SCALE_RANGE)) + LEAST_SCALE
        pool = Pool(*(part.reshape(-1, COMPONENTS) for part in (shares, means, deviations)))
        return pool, np.exp(noise.astype(float))

    def _attended(self, rows: np.ndarray, nearness: np.ndarray, layer: str) -> np.ndarray:
        b, num_rows, width = rows.shape
        heads, num = nearness.shape[1], nearness.shape[3]
        normed = _normed(rows, self.arrays[layer + "norm_attention"])
        query = (normed @ self.arrays[layer + "query.weight"].T).reshape(b, num_rows, heads, -1)
        pair = (normed[:, :num] @ self.arrays[layer + "pair.weight"].T).reshape(b, num, 2, heads, -1)
        key, value = pair.transpose(2, 0, 3, 1, 4)
        logits = query.transpose(0, 2, 1, 3) @ key.swapaxes(2, 3) / np.float32(np.sqrt(width // heads)) + nearness
        logits -= logits.max(axis=3, keepdims=True)
        np.exp(logits, out=logits)
        met = (logits @ value) / logits.sum(axis=3, keepdims=True)
        return np.asarray(
            met.transpose(0, 2, 1, 3).reshape(b, num_rows, width) @ self.arrays[layer + "out.weight"].T
        )

    def _passed(self, rows: np.ndarray, layer: str) -> np.ndarray:
        risen = _normed(rows, self.arrays[layer + "norm_layer"]) @ self.arrays[layer + "rise.weight"].T
        gate, up = np.split(risen, 2, axis=2)
        with np.errstate(over="ignore"):  # a gate far below zero closes
            return np.asarray((gate / (1.0 + np.exp(-gate)) * up) @ self.arrays[layer + "fall.weight"].T)


def _normed(rows: np.ndarray, gain: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.sqrt(np.mean(rows**2, axis=2, keepdims=True) + np.float32(ROOT_FLOOR)) * gain)


@cache
def shipped() -> Network:
    """Load the weights that the package ships; they are arrays of 16 bits and hold no code."""
    with (files(__package__) / WEIGHTS).open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
        return Network({name: stored[name].astype(np.float32) for name in stored.files})
