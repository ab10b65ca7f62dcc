"""A real stack of trainings in a worker with a real limit of memory; each configuration may fail in its way."""

import functools
import os
import resource
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from physai_inverse.trainers.batched import BatchedTrainer

ROOM_BYTES = 2**30
X = torch.linspace(-1, 1, 64)[:, None]


@functools.cache
def limit_memory() -> None:
    """Let this process, a worker, have so much more memory than it has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    room = pages * resource.getpagesize() + ROOM_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (room, resource.RLIM_INFINITY))


def build(config: Mapping[str, Any]) -> nn.Module:
    limit_memory()
    if config["trouble"] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if config["trouble"] == "bug":
        raise ValueError("a bug of the user")
    width = 30_000 if config["trouble"] == "memory" else 16
    return nn.Sequential(nn.Linear(1, width), nn.Tanh(), nn.Linear(width, width), nn.Linear(width, 1))


def loss(module: Any, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
    found: torch.Tensor = (module(batch[0]) - batch[1]).square().mean(dim=1)
    return found


train = BatchedTrainer(build, loss, rows=(X, X.sin()), steps=40, device="cpu")
