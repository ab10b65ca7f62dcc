"""Memory: how many bits of random labels a network stores, and how its curvature jumps where it is full."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from physai_inverse.observations import Config, Metric
from physai_inverse.reproduction.law import Check, Law, Line, Outcome, Picture

WIDTHS = (10, 20, 30, 40)
INPUTS = (10, 20)
"""Of the linear layers."""
MLP_LOADS = (0.4, 0.45, 0.5, 0.55, 0.6)
"""Samples a parameter, around what an MLP can hold."""
LINEAR_LOADS = (0.25, 0.3, 0.35, 0.4, 0.45)
LEAST_FIT = 0.98

JAMMED_INPUTS = 20
JAMMED_CLASSES = 40
SAMPLES = (60, 80, 100, 120, 140, 160, 180, 200, 240, 300, 400, 480)
KNOWN = 0.99
"""Share of the labels from which all are taken as known."""
LEAST_JUMP = 3.0
LARGEST_CREEP = 2.0

Row = tuple[int, float, float]
"""Samples, share of known labels, sharpness."""


def _measure_capacity(seed: int) -> Outcome:
    from physai_inverse.seeds import child
    from physai_inverse.trainers import load_task

    configs: list[Config] = []
    for width in WIDTHS:
        size = 2 * 10 * width + 10 * 10
        configs += [{"width": width, "samples": round(load * size)} for load in MLP_LOADS]
    for inputs in INPUTS:
        loads = [round(load * 10 * inputs) for load in LINEAR_LOADS]
        configs += [{"model": "linear", "inputs": inputs, "samples": samples} for samples in loads]
    train = load_task("memorisation", {"steps": 2000})
    results = train(
        [{**config, "lr": 0.03} for config in configs],
        [child(seed, "capacity", index) for index in range(len(configs))],
    )
    measured = [metrics for metrics in results if isinstance(metrics, Mapping)]
    split = len(WIDTHS) * len(MLP_LOADS)
    mlps = dict(zip(WIDTHS, _parts(measured[:split], len(MLP_LOADS)), strict=True))
    linear = dict(zip(INPUTS, _parts(measured[split:], len(LINEAR_LOADS)), strict=True))
    return capacity_outcome(mlps, linear)


def capacity_outcome(
    mlps: Mapping[int, Sequence[Mapping[str, Metric]]], linear: Mapping[int, Sequence[Mapping[str, Metric]]]
) -> Outcome:
    """Take the most bits of each network, and hold them against a straight line.

    Args:
        mlps: width to the metrics at several numbers of samples.
        linear: inputs of a linear layer to the same.
    """
    mlp_points = [_most(results) for _, results in sorted(mlps.items())]
    linear_points = [_most(results) for _, results in sorted(linear.items())]
    widths = tuple(float(width) for width in sorted(mlps))
    mlp_density = _mean([bits / size for size, bits in mlp_points])
    linear_density = _mean([bits / size for size, bits in linear_points])
    checks = (
        Check("share of variance of the bits that is linear in the width", _fit(widths, mlp_points), LEAST_FIT),
        Check("bits a parameter: two layers over one", mlp_density / linear_density, 1.0),
    )
    lines = (
        Line("two layers", *_columns(mlp_points)),
        Line("one layer", *_columns(linear_points)),
        Line(
            f"{mlp_density:.2f} bits a parameter",
            tuple(size for size, _ in mlp_points),
            tuple(mlp_density * size for size, _ in mlp_points),
            "dashed",
        ),
    )
    note = (
        f"Two layers store {mlp_density:.2f} bits a parameter, one layer {linear_density:.2f}; the source gives "
        "2.4 and 1. The constants depend on how long and at which rates is trained, the proportion does not."
    )
    return Outcome(checks, Picture("parameters", "most bits memorised", lines), note)


def _parts(results: Sequence[Mapping[str, Metric]], size: int) -> list[Sequence[Mapping[str, Metric]]]:
    return [results[start : start + size] for start in range(0, len(results), size)]


def _most(results: Sequence[Mapping[str, Metric]]) -> tuple[float, float]:
    """Give the number of parameters, and the most bits over the numbers of samples."""
    return float(results[0]["parameters"]), max(float(metrics["memorised_bits"]) for metrics in results)


def _fit(widths: Sequence[float], points: Sequence[tuple[float, float]]) -> float:
    """Give the share of variance that a straight line explains."""
    from statistics import correlation

    if len(widths) < 3 or not all(math.isfinite(bits) for _, bits in points):
        return math.nan
    found = correlation(widths, [bits for _, bits in points])
    return found**2 if found > 0 else 0.0


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


def _columns(points: Sequence[tuple[float, float]]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return tuple(x for x, _ in points), tuple(y for _, y in points)


def _measure_jamming(seed: int) -> Outcome:
    from physai_inverse.seeds import child
    from physai_inverse.trainers import load_task

    model: Config = {"model": "linear", "inputs": JAMMED_INPUTS, "classes": JAMMED_CLASSES, "lr": 0.03}
    train = load_task("memorisation", {"steps": 3000, "observables": ["sharpness"]})
    results = train(
        [{**model, "samples": samples} for samples in SAMPLES],
        [child(seed, "jamming", index) for index in range(len(SAMPLES))],
    )
    found = [
        (samples, float(metrics["train_accuracy"]), float(metrics["sharpness"]))
        for samples, metrics in zip(SAMPLES, results, strict=True)
        if isinstance(metrics, Mapping)
    ]
    return jamming_outcome(found)


def jamming_outcome(rows: Sequence[Row]) -> Outcome:
    """Find the capacity, and the rise of the sharpness across and beyond it.

    Args:
        rows: by rising number of samples.
    """
    jump, creep, capacity = math.nan, math.nan, 0
    known = [samples for samples, share, _ in rows if share >= KNOWN]
    if known:
        capacity = max(known)
        below = _at(rows, 0.75 * capacity)
        above, far = _at(rows, 1.25 * capacity), _at(rows, 2 * capacity)
        jump, creep = above / below, far / above
    checks = (
        Check("sharpness at 5/4 of the capacity over that at 3/4", jump, LEAST_JUMP),
        Check("sharpness at twice the capacity over that at 5/4", creep, 1 / LARGEST_CREEP, LARGEST_CREEP),
    )
    lines = (
        Line("sharpness", tuple(float(row[0]) for row in rows), tuple(row[2] for row in rows)),
        Line("share of labels known", tuple(float(row[0]) for row in rows), tuple(row[1] for row in rows), "line"),
    )
    note = (
        f"Here {capacity} samples are held, {capacity / JAMMED_INPUTS:.1f} for each of {JAMMED_INPUTS} inputs; "
        "the source reports 4 at a constant rate of 0.01. That number depends on the training."
    )
    return Outcome(checks, Picture("samples", "sharpness", lines, log_y=True), note)


def _at(rows: Sequence[Row], samples: float) -> float:
    """Give the sharpness at a number of samples, between the measured ones on a straight line of its logarithm."""
    for (low, _, before), (high, _, after) in pairwise(rows):
        if low <= samples <= high and before > 0 and after > 0:
            share = (samples - low) / (high - low)
            return math.exp((1 - share) * math.log(before) + share * math.log(after))
    return math.nan


LAWS = (
    Law(
        30,
        "memory capacity",
        "The most bits of random labels that a two-layer MLP stores grow linearly with its width (R^2 above "
        "0.98), and are more for each parameter than those of a linear layer.",
        "Ten inputs, ten classes, ReLU, Adam at 0.03 with a cosine over 2000 steps; most bits over five "
        "numbers of samples around the capacity. Bits a parameter are no constant: they rise with the training.",
        "Liu 2026, Memory 2, https://kindxiaoming.github.io/blog/2026/memory-2; Morris et al. 2025, "
        "https://arxiv.org/abs/2505.24832",
        "memorisation",
        20.0,
        _measure_capacity,
    ),
    Law(
        31,
        "jamming",
        "Where the samples pass what a linear layer can hold, the sharpness of its loss jumps: at least threefold "
        "from 3/4 to 5/4 of the capacity, and by less than a factor of 2 on the way to twice the capacity.",
        "20 inputs, 40 classes, Adam at 0.03 with a cosine over 3000 steps; the capacity is the largest number of "
        "samples of which 99 % are known.",
        "Liu 2026, Memory 1, https://kindxiaoming.github.io/blog/2026/memory-1; Geiger et al. 2019, "
        "https://arxiv.org/abs/1809.09349",
        "memorisation",
        5.0,
        _measure_jamming,
    ),
)
