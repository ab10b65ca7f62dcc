"""Which models train together: what a step costs, and the cheapest way to cut a list of models into stacks.

A step of an ordinary loop on a small network is mostly overhead: Python, dispatch, one small kernel after another.
A stack pays it once for all its models. It pays more arithmetic where narrow models are padded to wide ones, and
leaves the cache where it is large. The cheapest cut under these costs is found by dynamic programming over the
models in the order of their work.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from physai_inverse.trainers.bills import Bill


@dataclass(frozen=True)
class Costs:
    """What a step costs; seconds, and floating-point operations a second.

    Args:
        alone: overhead of a step of one model.
        stacked: overhead of a step of a stack.
        row: what each model of a stack adds, beside its arithmetic.
        rate: operations a second.
        efficiency: of batched products, as a share of `rate`.
        cache: bytes beyond which a stack is no longer made larger; None where that does not matter.
        least: models that a stack may have whatever the cache.
        uneven: what each model of a stack of different depths adds in place of `row`: its layers are called apart.
    """

    alone: float
    stacked: float
    row: float
    rate: float
    efficiency: float
    cache: int | None
    least: int
    uneven: float


CPU = Costs(alone=4.5e-4, stacked=8e-4, row=2e-5, rate=4.5e10, efficiency=0.75, cache=2**26, least=16, uneven=1e-4)
"""Measured on one core of an AMD EPYC (Zen 4) in float32; see `benchmarks/trainer.py`."""

CUDA = Costs(alone=5e-4, stacked=1.5e-3, row=1e-6, rate=2e13, efficiency=0.9, cache=None, least=16, uneven=5e-5)
"""Not measured: of the order of what is published for such devices."""


@dataclass(frozen=True)
class Work:
    """What one model costs.

    Args:
        steps: of its training.
        flops: of a step.
        bytes: of a step.
    """

    steps: int
    flops: float
    bytes: int


def costs_on(device: torch.device) -> Costs:
    """Give the costs on a device."""
    return CUDA if device.type == "cuda" else CPU


def largest_stack(work: Work, costs: Costs, memory: int) -> int:
    """Give the number of models like this one that a stack may have; at least 1."""
    fitting = memory // max(work.bytes, 1)
    if costs.cache is not None:
        fitting = min(fitting, max(costs.cache // max(work.bytes, 1), costs.least))
    return max(fitting, 1)


def seconds(works: Sequence[Work], costs: Costs) -> float:
    """Predict the time of a stack; of one model, trained by its own module."""
    if len(works) == 1:
        return works[0].steps * (costs.alone + works[0].flops / costs.rate)
    most = max(work.flops for work in works)
    each = costs.row + most / (costs.rate * costs.efficiency)
    return max(work.steps for work in works) * costs.stacked + sum(work.steps for work in works) * each


def bill(work: Work, costs: Costs, *, stacked: bool) -> Bill:
    """Say what one model will take, alone and in a stack; one that may not be stacked shares nothing."""
    alone = work.steps * (costs.alone + work.flops / costs.rate)
    if not stacked:
        return Bill(alone, alone, 0.0)
    own = work.steps * (costs.row + work.flops / (costs.rate * costs.efficiency))
    return Bill(alone, own, work.steps * costs.stacked)


def cut(works: Sequence[Work], costs: Costs, memory: int) -> list[list[int]]:
    """Cut models into stacks, so that the predicted time of all is least.

    Args:
        works: of models that may share a stack.
        costs: of the device.
        memory: bytes that a stack may take.

    Returns:
        The positions in each stack.
    """
    order = sorted(range(len(works)), key=lambda place: (works[place].flops, works[place].steps, place))
    best, back = [0.0], [0]
    for end in range(1, len(order) + 1):
        last = works[order[end - 1]]
        found, start = math.inf, end - 1
        each = costs.row + last.flops / (costs.rate * costs.efficiency)
        longest, total, largest = 0, 0, last
        for first in range(end - 1, -1, -1):
            work = works[order[first]]
            largest = max(largest, work, key=lambda one: one.bytes)
            if end - first > largest_stack(largest, costs, memory):
                break
            longest, total = max(longest, work.steps), total + work.steps
            price = seconds([last], costs) if first == end - 1 else longest * costs.stacked + total * each
            if best[first] + price < found:
                found, start = best[first] + price, first
        best.append(found)
        back.append(start)
    stacks: list[list[int]] = []
    end = len(order)
    while end:
        stacks.append(sorted(order[back[end] : end]))
        end = back[end]
    return stacks[::-1]
