"""Zipf's frequencies: the loss falls to their entropy, early as a power of time."""

import math
from collections.abc import Mapping
from itertools import pairwise

from physai_inverse.observations import Curve, Metric
from physai_inverse.reproduction.law import Check, Law, Line, Outcome, Picture
from physai_inverse.reproduction.trainings import over_steps, train

ALPHAS = (0.5, 1.0, 1.5)
VOCABULARIES = (10, 30, 100)
WINDOW = (50.0, 500.0)
"""Steps over which the exponent is measured."""
ATTAINED = 0.05
"""Excess loss that counts as the entropy reached, in nats."""
STRAIGHT = 0.9
"""Least share of the variance of log excess loss that a power of the step must explain within the window."""

Falls = Mapping[tuple[int, float], Curve]
"""Vocabulary and alpha to excess loss over steps."""


def _measure(seed: int) -> Outcome:
    from physai_inverse.seeds import child

    cells = [(size, alpha) for size in VOCABULARIES for alpha in ALPHAS]
    configs = [{"vocabulary": size, "alpha": alpha, "dimension": 100, "lr": 1e-3} for size, alpha in cells]
    seeds = [child(seed, "unigram", index) for index in range(len(cells))]
    early = train("unigram", {"steps": int(WINDOW[1])}, configs, seeds)
    ends = [{"vocabulary": 100, "dimension": 100, "lr": 1e-3}, {"vocabulary": 10, "dimension": 1, "lr": 1e-2}]
    wide, narrow = train("unigram", {"steps": 3000}, ends, [child(seed, "ends", index) for index in range(2)])
    falls: dict[tuple[int, float], Curve] = {}
    for cell, metrics in zip(cells, early, strict=True):
        curve = metrics["excess_loss_curve"]
        assert isinstance(curve, Curve)
        falls[cell] = curve
    return outcome(falls, wide, narrow)


def outcome(falls: Falls, wide: Mapping[str, Metric], narrow: Mapping[str, Metric]) -> Outcome:
    """Hold the falls of the loss against the law.

    Args:
        falls: of every vocabulary and alpha.
        wide: metrics of a long training with as many dimensions as tokens.
        narrow: metrics of one with a single dimension.
    """
    fits = {cell: power(curve) for cell, curve in falls.items()}
    by_alpha = [
        fits[size, steeper][0] - fits[size, flatter][0]
        for size in VOCABULARIES
        for flatter, steeper in pairwise(ALPHAS)
    ]
    by_size = [
        fits[fewer, alpha][0] - fits[more, alpha][0] for alpha in ALPHAS for fewer, more in pairwise(VOCABULARIES)
    ]
    checks = (
        Check("excess loss after 3000 steps, 100 tokens, 100 dimensions, in nats", _last(wide), 0, ATTAINED),
        Check("excess loss after 3000 steps, 10 tokens, 1 dimension, in nats", _last(narrow), 0, ATTAINED),
        Check(
            "least share of variance that a power of time explains", min(fit[1] for fit in fits.values()), STRAIGHT
        ),
        Check("least gain of the exponent from one alpha to the next", min(by_alpha), low=1e-9),
        Check("least loss of the exponent from one vocabulary to the next", min(by_size), low=1e-9),
    )
    shown = [(size, alpha) for size in VOCABULARIES for alpha in ALPHAS]
    lines = tuple(_line(falls[cell], f"{cell[0]} tokens, alpha {cell[1]:g}") for cell in shown)
    ends = over_steps(wide, "excess_loss", "100 tokens, alpha 1, to 3000 steps", "dashed")
    listed = "; ".join(
        f"{size} tokens: {', '.join(f'{fits[size, alpha][0]:.2f}' for alpha in ALPHAS)}" for size in VOCABULARIES
    )
    return Outcome(
        checks,
        Picture("step", "excess loss, nats", (*lines, ends), log_x=True, log_y=True),
        f"Exponents at alpha {', '.join(f'{alpha:g}' for alpha in ALPHAS)}: {listed}.",
    )


def power(curve: Curve) -> tuple[float, float]:
    """Fit a power of the step within the window.

    Returns:
        Minus its exponent, and the share of variance of the log excess loss that it explains.
    """
    points = [
        (math.log(step), math.log(value))
        for step, value in zip(curve.steps, curve.values, strict=True)
        if WINDOW[0] <= step <= WINDOW[1] and value > 0
    ]
    if len(points) < 3:
        return math.nan, math.nan
    x, y = (math.fsum(point[index] for point in points) / len(points) for index in (0, 1))
    xx, xy, yy = (
        math.fsum((point[first] - (x, y)[first]) * (point[second] - (x, y)[second]) for point in points)
        for first, second in ((0, 0), (0, 1), (1, 1))
    )
    return -xy / xx, xy * xy / (xx * yy) if yy else math.nan


def _last(metrics: Mapping[str, Metric]) -> float:
    return float(metrics["excess_loss"])


def _line(curve: Curve, label: str) -> Line:
    return over_steps({"excess_loss_curve": curve}, "excess_loss", label)


LAWS = (
    Law(
        24,
        "unigram",
        "On independent tokens with frequencies rank^-alpha a model with tied embeddings attains the entropy "
        "(excess below 0.05 nats after 3000 steps), one dimension is enough, and early the excess loss falls "
        "as step^-b with b up with alpha and down with the number of tokens.",
        "Adam at 1e-3, batches of 128, 100 dimensions, first embeddings of 0.02; b from step 50 to 500, 10 to "
        "100 tokens, alpha 0.5 to 1.5. The exponent belongs to its window: from step 100 to 1000 its order at "
        "100 tokens is 0.81, 0.77, 0.83. Beyond: with 300 and 1000 tokens b falls on at alpha 1 (0.68, 0.56) "
        "and no more at alpha 1.5 (0.92, 0.95); at alpha 0.5 (0.37, 0.08) the fall has hardly begun. A rate "
        "of 0.1 stays 0.2 nats above the entropy.",
        'Z. Liu, "Unigram toy model is surprisingly rich", '
        "https://kindxiaoming.github.io/blog/2026/unigram-toy-1/",
        "unigram",
        6.0,
        _measure,
    ),
)
