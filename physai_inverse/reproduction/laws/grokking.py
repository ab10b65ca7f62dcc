"""Grokking: when a network that knows its training data by heart begins to generalise.

The laws share their trainings within a process.
"""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TypeAlias

from physai_inverse.observations import Curve, Measurement, Metric
from physai_inverse.reproduction.law import Check, Law, Line, Outcome, Picture, slope

Cell: TypeAlias = tuple[float, float]
"""Share of the pairs that is trained on, and weight decay."""
Results: TypeAlias = Mapping[Cell, Mapping[str, Metric]]

P = 59
RATE = 3e-3
STEPS = 9000
SHARE, DECAY = 0.5, 1.0
MIDDLE: tuple[Cell, ...] = ((SHARE, DECAY),)
SLOWER: tuple[Cell, ...] = ((SHARE, 0.5), (SHARE, 0.25), (SHARE, 0.125))
FASTER: tuple[Cell, ...] = ((SHARE, 1.4), (SHARE, 2.0), (SHARE, 2.8), (SHARE, 4.0))
TOO_LITTLE: tuple[Cell, ...] = ((SHARE, 0.0625),)
TOO_LITTLE_STEPS = 6000
TOO_MUCH: tuple[Cell, ...] = ((SHARE, 8.0),)
TOO_MUCH_STEPS = 3000
SHARES: tuple[Cell, ...] = ((0.2, DECAY), (0.3, DECAY), (0.4, DECAY), (0.7, DECAY))
GENERALISED = 0.9
FAR = 0.95
"""The accuracy that too little decay must not reach within `TOO_LITTLE_STEPS`."""


@lru_cache(maxsize=16)
def _train(cells: tuple[Cell, ...], seed: int, steps: int = STEPS, threshold: float = GENERALISED) -> Results:
    """Train until the test accuracy is at the threshold, or to the end."""
    from physai_inverse.trainers import load_task

    settings = {"p": P, "steps": steps, "threshold": threshold, "settle": 1.0, "observables": False}
    configs = [{"lr": RATE, "train_share": share, "weight_decay": decay} for share, decay in cells]
    found = load_task("modular_addition", settings)(configs, [seed] * len(configs))
    return {cell: metrics for cell, metrics in zip(cells, found, strict=True) if isinstance(metrics, Mapping)}


def _steps(metrics: Mapping[str, Metric], name: str) -> float:
    """Give a time; infinity where it was not reached."""
    value = metrics[name]
    return math.inf if isinstance(value, Measurement) and value.censored else float(value)


def _best(metrics: Mapping[str, Metric], name: str) -> float:
    """Give the largest value of a curve."""
    curve = metrics[f"{name}_curve"]
    assert isinstance(curve, Curve)
    return max(curve.values)


def _finite(label: str, x: Sequence[float], y: Sequence[float], style: str = "points") -> Line:
    """Give a line of the points that can be drawn."""
    points = [(a, b) for a, b in zip(x, y, strict=True) if math.isfinite(b)]
    return Line(label, tuple(a for a, _ in points), tuple(b for _, b in points), style)


def _told(times: Sequence[float], values: Sequence[float], name: str) -> str:
    """Say the times in words."""
    steps = ", ".join(f"{time:.0f}" if math.isfinite(time) else "more" for time in times)
    return f"Steps of {steps} at {name} of {', '.join(f'{value:g}' for value in values)}."


def _measure_delays(seed: int) -> Outcome:
    return delays({**_train(MIDDLE, seed), **_train(SLOWER, seed)})


def delays(results: Results) -> Outcome:
    """Fit how the delay depends on weight decay.

    Args:
        results: of `MIDDLE` and `SLOWER`.
    """
    decays = tuple(decay for _, decay in (*MIDDLE, *SLOWER))
    found = tuple(
        _steps(results[SHARE, decay], "steps_to_test_90") - _steps(results[SHARE, decay], "steps_to_train_90")
        for decay in decays
    )
    exponent = slope(decays, found) if all(map(math.isfinite, found)) else math.nan
    centre = math.exp(math.fsum(math.log(a * b) for a, b in zip(decays, found, strict=True)) / len(found))
    lines = (
        _finite("measured", decays, found),
        _finite("1 / decay", decays, [centre / a for a in decays], "dashed"),
    )
    return Outcome(
        (Check("slope of log delay over log weight decay", exponent, -1.25, -0.75),),
        Picture("weight decay", "steps from 90 % training to 90 % test accuracy", lines, log_x=True, log_y=True),
        _told(found, decays, "decays"),
    )


def _measure_best_decay(seed: int) -> Outcome:
    cells = {**_train(MIDDLE, seed), **_train(SLOWER, seed), **_train(FASTER, seed)}
    little, much = _train(TOO_LITTLE, seed, TOO_LITTLE_STEPS, FAR), _train(TOO_MUCH, seed, TOO_MUCH_STEPS)
    return best_decay({**cells, **little, **much})


def best_decay(results: Results) -> Outcome:
    """Find the decay that generalises first, and what both ends do instead.

    Args:
        results: of every cell of share `SHARE`.
    """
    cells = sorted((*TOO_LITTLE, *SLOWER, *MIDDLE, *FASTER, *TOO_MUCH))
    decays = tuple(decay for _, decay in cells)
    times = tuple(_steps(results[cell], "steps_to_test_90") for cell in cells)
    best = decays[times.index(min(times))] if math.isfinite(min(times)) else math.nan
    little, much = results[TOO_LITTLE[0]], results[TOO_MUCH[0]]
    return Outcome(
        (
            Check("weight decay that generalises first (above 1, below 4)", best, 1.4, 2.8),
            Check(
                f"best test accuracy within {TOO_LITTLE_STEPS} steps at decay {TOO_LITTLE[0][1]}",
                _best(little, "test_accuracy"),
                0,
                FAR,
            ),
            Check(
                f"best training accuracy there, at decay {TOO_LITTLE[0][1]}", _best(little, "train_accuracy"), 0.99
            ),
            Check(
                f"best training accuracy at decay {TOO_MUCH[0][1]:g}",
                _best(much, "train_accuracy"),
                0,
                GENERALISED,
            ),
        ),
        Picture(
            "weight decay", "steps to 90 % test accuracy", (_finite("", decays, times),), log_x=True, log_y=True
        ),
        _told(times, decays, "decays"),
    )


def _measure_data(seed: int) -> Outcome:
    return more_data({**_train(MIDDLE, seed), **_train(SHARES, seed)})


def more_data(results: Results) -> Outcome:
    """Compare when networks generalise that see different shares of the pairs.

    Args:
        results: of `MIDDLE` and `SHARES`.
    """
    cells = sorted((*MIDDLE, *SHARES))
    shares = tuple(share for share, _ in cells)
    times = tuple(_steps(results[cell], "steps_to_test_90") for cell in cells)
    falls = [later / earlier for earlier, later in pairwise(times)]
    least = results[cells[0]]
    return Outcome(
        (
            Check("largest ratio of steps between a share and the next smaller one", _largest(falls), 0, 0.99),
            Check(
                f"best test accuracy within {STEPS} steps at share {shares[0]}",
                _best(least, "test_accuracy"),
                0,
                GENERALISED,
            ),
            Check(f"best training accuracy there, at share {shares[0]}", _best(least, "train_accuracy"), 0.99),
        ),
        Picture(
            "share of the pairs that is trained on",
            "steps to 90 % test accuracy",
            (_finite("", shares, times),),
            log_y=True,
        ),
        _told(times, shares, "shares"),
    )


def _largest(values: Sequence[float]) -> float:
    """Give the largest of some numbers; NaN where one is none (of two times that were not reached)."""
    return math.nan if any(map(math.isnan, values)) else max(values)


GROKKING = (
    f"Addition modulo {P}, embeddings of 64 and one hidden layer of 128 ReLU units, AdamW at a rate of {RATE:g} "
    "on the full batch"
)
LIU = "Liu et al. 2022, https://arxiv.org/abs/2205.10343"
OMNIGROK = "Liu, Michaud and Tegmark 2023, https://arxiv.org/abs/2210.01117"
LAWS = (
    Law(
        1,
        "grokking time over weight decay",
        "The delay between knowing the training pairs and generalising is proportional to one over the weight "
        "decay: a slope of -1 (within 0.25) in logarithms.",
        f"{GROKKING}, half of the pairs, decays of 0.125 to 1: where decay is what limits the delay. Above 1 it "
        "falls more slowly and then rises.",
        OMNIGROK,
        "modular_addition",
        25.0,
        _measure_delays,
    ),
    Law(
        2,
        "best weight decay",
        "The decay that generalises first lies between 1 and 4; at 8 not even the training pairs are learned, "
        "and at 0.0625 they are known by heart but the test accuracy is not at "
        f"{FAR:g} within {TOO_LITTLE_STEPS} steps.",
        f"{GROKKING}, half of the pairs, on a grid of ten decays. With little decay it is late, not never: at "
        "0.0625 one of three seeds is at 0.95 after 7943 steps, the others not within 9000.",
        f"{LIU} (phases); {OMNIGROK}",
        "modular_addition",
        60.0,
        _measure_best_decay,
    ),
    Law(
        3,
        "more data, less delay",
        "The more pairs are trained on, the sooner the network generalises; below a critical share it does not.",
        f"{GROKKING}, a decay of {DECAY:g}, shares of 0.2 (not within {STEPS} steps) to 0.7.",
        f"Power et al. 2022, https://arxiv.org/abs/2201.02177, figure 1; {LIU}",
        "modular_addition",
        30.0,
        _measure_data,
    ),
)
