"""Train the prior-data fitted network on synthetic landscapes, and write the weights that the package ships.

    make train-prior-fitted

The batch of each step follows from the seed, so that a run that was stopped goes on from its checkpoint as if it
had not been. On a GPU the landscapes are drawn by worker processes (`--workers`) and the batches may be larger
(`--rows`); on a CPU one thread does both. docs/prior-fitted.md says what the shipped weights were trained with.
"""

import argparse
import copy
import math
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.pretraining.batches import ROWS, Batch, draw_batch
from benchmarks.pretraining.network import Network, log_density
from physai_inverse.seeds import child
from physai_inverse.surrogates.prior_fitted.network import Shape

HELD_OUT = ((12, 2), (32, 3), (96, 4))
"""Context rows and batches of the landscapes that the network is tested on."""
HELD_OUT_ROWS = 1200
GROWTH = (64, 500)
"""The largest context at first, and the step at which it has grown to its full size."""
RISE, FALL, LEAST_RATE = 100, 0.3, 0.02
"""Steps over which the learning rate rises; the share of all steps over which it falls; to what share of it."""
LEAST_LOG_DENSITY = -8.0
"""Log densities are cut here in training: a wild value teaches little else."""
NOISE_WEIGHT = 0.05
AVERAGING = 0.99
"""Of the weights that are kept, step by step."""
TENSOR_NAMES = ("rows", "distances", "centre", "spread")


class Steps(Dataset[Batch]):
    """The batches of a run from a step on; the largest context grows over the first two fifths."""

    def __init__(self, options: argparse.Namespace, first: int) -> None:
        self.options, self.first = options, first

    def __len__(self) -> int:
        last: int = min(self.options.steps, self.options.until or self.options.steps)
        return max(last - self.first, 0)

    def __getitem__(self, place: int) -> Batch:
        step = self.first + place
        share = min(step / GROWTH[1], 1.0)
        largest = math.exp((1.0 - share) * math.log(GROWTH[0]) + share * math.log(self.options.largest))
        return draw_batch(self.options.seed, step, round(largest), rows=self.options.rows)


def on(device: torch.device, batch: Batch) -> tuple[list[Tensor], Tensor, Tensor]:
    """Move a batch to the device: the network's arguments, the values asked for, the noise."""
    arrays = [getattr(batch.tokens, name) for name in TENSOR_NAMES]
    tensors = [torch.tensor(array, dtype=torch.float32, device=device) for array in [*arrays, batch.values]]
    return tensors[:4], tensors[4], torch.tensor(batch.noise, dtype=torch.float32, device=device)


def loss_of(network: Network, device: torch.device, batch: Batch) -> Tensor:
    """Give the loss: minus the mean log density, and how far the noise is off."""
    arguments, values, noise = on(device, batch)
    with torch.autocast(device.type, torch.bfloat16):
        found = network(*arguments)
    density = log_density(found, values)
    kept = LEAST_LOG_DENSITY + torch.nn.functional.softplus(density - LEAST_LOG_DENSITY)
    return -kept.mean() + NOISE_WEIGHT * torch.nn.functional.huber_loss(found[3], noise)


@torch.no_grad()
def held_out(network: Network, device: torch.device, seed: int) -> dict[int, tuple[float, float]]:
    """Give by context the mean log density of landscapes not trained on: the network's, the closed forms'."""
    scores = {}
    for context, number in HELD_OUT:
        ours, hints = [], []
        for place in range(number):
            batch = draw_batch(child(seed, "held out"), place, context, rows=HELD_OUT_ROWS, context=context)
            arguments, values, _ = on(device, batch)
            ours.append(log_density(network(*arguments), values).clamp_min(LEAST_LOG_DENSITY).mean().item())
            offset = (batch.values - batch.tokens.centre[:, context:]) / batch.tokens.spread[:, context:]
            density = -0.5 * offset**2 - np.log(batch.tokens.spread[:, context:]) - 0.5 * math.log(2.0 * math.pi)
            hints.append(float(np.maximum(density, LEAST_LOG_DENSITY).mean()))
        scores[context] = float(np.mean(ours)), float(np.mean(hints))
    return scores


def rate(step: int, options: argparse.Namespace) -> float:
    """Give the share of the learning rate at a step: a short rise, level, then straight down.

    Up to the fall it does not depend on the number of steps, so that a run may be prolonged from a checkpoint.
    """
    left = (options.steps - step) / (FALL * options.steps)
    share: float = min((step + 1) / RISE, 1.0) * max(min(left, 1.0), LEAST_RATE)
    return share


def run_of(options: argparse.Namespace) -> dict[str, float]:
    """Give what a run and all its continuations have in common."""
    return {name: getattr(options, name) for name in (*asdict(Shape()), "seed", "rate", "rows", "largest")}


def train(options: argparse.Namespace) -> Network:
    """Train, or go on from the checkpoint, and give the network of averaged weights.

    Raises:
        SystemExit: the checkpoint is of another run.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(child(options.seed, "weights"))
    network = Network(Shape(options.width, options.layers, options.heads, options.hidden)).to(device)
    averaged = copy.deepcopy(network)
    optimizer = torch.optim.AdamW(network.parameters(), lr=options.rate, betas=(0.9, 0.98), weight_decay=0.01)
    first = 0
    if options.checkpoint.exists():
        state = torch.load(options.checkpoint, weights_only=True, map_location=device)
        if state["of"] != run_of(options):
            raise SystemExit(
                f"{options.checkpoint} is of another run, {state['of']}; asked is {run_of(options)}. "
                "Give another `--checkpoint`, or remove it."
            )
        network.load_state_dict(state["network"])
        averaged.load_state_dict(state["averaged"])
        optimizer.load_state_dict(state["optimizer"])
        first = int(state["step"])
    loader = DataLoader(Steps(options, first), batch_size=None, num_workers=options.workers)
    began, recent = time.monotonic(), []
    for step, batch in enumerate(loader, start=first):
        for group in optimizer.param_groups:
            group["lr"] = options.rate * rate(step, options)
        optimizer.zero_grad()
        loss = loss_of(network, device, batch)
        loss.backward()  # type: ignore[no-untyped-call]  # torch's
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        keep = min(AVERAGING, (step + 1) / (step + 20))
        with torch.no_grad():
            for kept, new in zip(averaged.parameters(), network.parameters(), strict=True):
                kept.lerp_(new, 1.0 - keep)
        recent.append(loss.item())
        if (step + 1) % options.every == 0 or step + 1 in (options.until, options.steps):
            scores = held_out(averaged, device, options.seed)
            shown = "  ".join(
                f"{rows} rows {ours:.3f} (closed forms {hint:.3f})" for rows, (ours, hint) in scores.items()
            )
            print(
                f"step {step + 1}  {time.monotonic() - began:.0f} s  loss {np.mean(recent):.4f}  {shown}",
                flush=True,
            )
            recent = []
            state = {
                "network": network.state_dict(),
                "averaged": averaged.state_dict(),
                "optimizer": optimizer.state_dict(),
                "step": step + 1,
                "of": run_of(options),
            }
            torch.save(state, options.checkpoint.with_suffix(".part"))
            options.checkpoint.with_suffix(".part").replace(options.checkpoint)
    return averaged


def main() -> None:
    """Read the options, train, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shape = asdict(Shape())
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rate", type=float, default=3e-3, help="the highest learning rate")
    parser.add_argument("--rows", type=int, default=ROWS, help="rows in a batch, over its landscapes")
    parser.add_argument("--largest", type=int, default=256, help="context rows at most")
    parser.add_argument("--until", type=int, default=None, help="stop at this step, and go on another time")
    parser.add_argument("--every", type=int, default=200, help="steps between checkpoints")
    parser.add_argument("--workers", type=int, default=0, help="processes that draw landscapes")
    for name, size in shape.items():
        parser.add_argument(f"--{name}", type=int, default=size)
    parser.add_argument("--checkpoint", type=Path, default=Path("prior-fitted.checkpoint"))
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        torch.set_num_threads(1)
    network = train(options)
    arrays: dict[str, Any] = {name: array.astype(np.float16) for name, array in network.arrays().items()}
    np.savez_compressed(options.output, **arrays)
    print(f"{options.output}: {options.output.stat().st_size / 1e6:.2f} MB", file=sys.stderr)


if __name__ == "__main__":
    main()
