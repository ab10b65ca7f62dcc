"""A deep ensemble: small networks trained side by side in one program, each without one part of the rows.

Every network says a mean and a standard deviation of each point. All of them are trained at once, one batched
product a layer; network b leaves out fold b, stops where that fold's likelihood was best, and predicts it. New
points are predicted by all of them.

Rows of which only a bound is known take part with what the process expects beyond the bound.

Source: Lakshminarayanan, Pritzel & Blundell, "Simple and scalable predictive uncertainty estimation using deep
ensembles" (2017), section 2.2; Kingma & Ba, "Adam" (2015); Loshchilov & Hutter, "Decoupled weight decay" (2019).
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from physai_inverse.surrogates.member import AbstractFitted, AbstractMember, Task
from physai_inverse.surrogates.pool import Pool
from physai_inverse.surrogates.stacking import folds

LEAST_ROWS = 200
"""Below, the networks had next to no weight on public tables, and took as long as all other members together."""
MANY_ROWS = 1000
NUM_NETWORKS = 8
"""Networks, and parts of the rows."""
WIDTH, WIDTH_OF_MANY = 32, 64
STEPS, MOST_STEPS = 250, 1500
"""Steps at `STEPS` rows or less, and at most; in between as many as rows."""
BATCH = 128
LOOK = 10
"""Steps between two looks at the rows left out."""
RATE = 0.01
DECAY = 0.05
MOST_LOOKED_AT = 512
LOG_RANGE = (math.log(0.02), math.log(3.0))


@dataclass(frozen=True)
class Ensemble(AbstractMember):
    """Small networks with a normal as output."""

    @property
    def name(self) -> str:
        """`networks`."""
        return "networks"

    @property
    def stretches(self) -> Mapping[float, float]:
        """Narrower, and as they are."""
        return {0.5: 0.3, 1.0: 0.5}

    def fit(self, task: Task, *, seed: int) -> "FittedEnsemble | None":
        """Train; None below `LEAST_ROWS` rows, or where all values are equal."""
        if len(task) < LEAST_ROWS or np.ptp(task.targets) == 0.0:
            return None
        part = folds(len(task), NUM_NETWORKS, seed=seed)
        with _one_thread():
            layers = _trained(task.columns - 0.5, task.targets, part, seed=seed)
        return FittedEnsemble(task, layers, part)


@dataclass(frozen=True)
class FittedEnsemble(AbstractFitted):
    """Networks that were trained.

    Args:
        task: what they were trained on.
        layers: weights ``[b, in, out]`` and offsets ``[b, 1, out]`` of each layer.
        part: ``[n]`` the network that has not seen each row.
    """

    task: Task
    layers: tuple[tuple[np.ndarray, np.ndarray], ...]
    part: np.ndarray

    @cached_property
    def held_out(self) -> Pool:
        """What the one network says that has not seen a judged row."""
        judged = self.task.judged
        means, deviations = self._asked(self.task.columns[judged] - 0.5)
        chosen = (self.part[judged], np.arange(len(judged)))
        return Pool.normal(means[chosen], deviations[chosen]).noisier(self.task.extra[judged])

    def at(self, units: np.ndarray, *, noise: bool) -> Pool:
        """Say what all networks expect, as one normal a network."""
        means, deviations = self._asked(self.task.features.encode(units) - 0.5)
        pool = Pool(np.full(means.T.shape, 1.0 / len(means)), means.T, deviations.T)
        return pool if noise else pool.without(self.task.process.noise)

    def _asked(self, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give means and standard deviations ``[b, m]`` of every network at encoded points ``[m, f]``."""
        hidden = columns[None]
        for weights, offsets in self.layers[:-1]:
            hidden = hidden @ weights + offsets
            hidden = hidden / (1.0 + np.exp(-np.clip(hidden, -60.0, 60.0)))
        weights, offsets = self.layers[-1]
        out = hidden @ weights + offsets
        return out[..., 0], np.exp(np.clip(out[..., 1], *LOG_RANGE))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Limit torch to one thread: its small products wait for each other, and sums keep their order."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _trained(
    columns: np.ndarray, targets: np.ndarray, part: np.ndarray, *, seed: int
) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Train the networks on encoded points ``[n, f]`` with values ``[n]``; network b leaves out part b."""
    import torch

    random = torch.Generator().manual_seed(seed % 2**63)
    x, y = torch.tensor(columns, dtype=torch.float32), torch.tensor(targets, dtype=torch.float32)
    inside = [np.flatnonzero(part != number) for number in range(NUM_NETWORKS)]
    outside = [np.flatnonzero(part == number) for number in range(NUM_NETWORKS)]
    least = min(map(len, inside))
    seen = torch.tensor(np.stack([rows[:least] for rows in inside]))
    length = min(MOST_LOOKED_AT, min(map(len, outside)))
    looked = torch.tensor(np.stack([rows[:length] for rows in outside]))
    num_steps = min(max(STEPS, len(targets)), MOST_STEPS)
    width = WIDTH if len(targets) <= MANY_ROWS else WIDTH_OF_MANY
    sizes = (columns.shape[1], width, width, 2)
    layers = []
    for first, second in pairwise(sizes):
        scale = (2.0 / first) ** 0.5 if second != 2 else 0.3 / first**0.5
        weights = torch.randn(NUM_NETWORKS, first, second, generator=random) * scale
        layers.append((weights.requires_grad_(), torch.zeros(NUM_NETWORKS, 1, second, requires_grad=True)))
    with torch.no_grad():
        layers[0][0].mul_(2.0)  # columns vary between -1/2 and 1/2
        layers[0][1].add_(torch.randn(layers[0][1].shape, generator=random))

    def loss(rows: torch.Tensor) -> torch.Tensor:
        hidden = x[rows]
        for weights, offsets in layers[:-1]:
            hidden = torch.nn.functional.silu(torch.baddbmm(offsets, hidden, weights))
        out = torch.baddbmm(layers[-1][1], hidden, layers[-1][0])
        log = out[..., 1].clamp(*LOG_RANGE)
        return (log + 0.5 * ((y[rows] - out[..., 0]) * torch.exp(-log)) ** 2).mean(dim=1)

    flat = [tensor for layer in layers for tensor in layer]
    optimizer = torch.optim.AdamW(
        [
            {"params": [weights for weights, _ in layers], "weight_decay": DECAY},
            {"params": [offsets for _, offsets in layers], "weight_decay": 0.0},
        ],
        lr=RATE,
    )
    kept = [tensor.detach().clone() for tensor in flat]
    best = torch.full((NUM_NETWORKS,), torch.inf)
    for step in range(num_steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * 0.5 * (1.0 + math.cos(math.pi * step / num_steps))
        rows = seen
        if least > BATCH:
            drawn = torch.randint(least, (NUM_NETWORKS, BATCH), generator=random)
            rows = seen.gather(1, drawn)
        optimizer.zero_grad()
        loss(rows).sum().backward()  # type: ignore[no-untyped-call]  # torch's
        optimizer.step()
        if (step + 1) % LOOK == 0:
            with torch.no_grad():
                reached = loss(looked)
                better = reached < best
                best = torch.where(better, reached, best)
                for old, new in zip(kept, flat, strict=True):
                    old[better] = new[better]
    arrays = [tensor.numpy().astype(float) for tensor in kept]
    return tuple(zip(arrays[::2], arrays[1::2], strict=True))
