"""Width: which learning rate is best, and how large hidden values become, in two parametrisations."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import product

from physai_inverse.observations import Config
from physai_inverse.reproduction.law import Check, Law, Line, Outcome, Picture, slope

TASK = "width_scaling"
PARAMETRISATIONS = {"standard": "standard", "mup": "muP"}
WIDTHS = (64, 256, 1024)
RATES = tuple(2.0**exponent for exponent in range(-11, -3))
REPEATS = 2
FALL, SHIFT = 8.0, 2.0

COORDINATE_WIDTHS = (64, 128, 256, 512, 1024)
COORDINATE_STEPS = (1, 2, 3)
COORDINATE_RATE = 2.0**-6
COORDINATE_REPEATS = 8
LAYERS = (1, 2, 3)
FLAT, GROWING = 0.1, 0.3

Losses = Mapping[tuple[str, int], Sequence[float]]


def _transfer(seed: int) -> Outcome:
    from physai_inverse.seeds import child
    from physai_inverse.trainers import load_task

    train = load_task(TASK)
    losses: dict[tuple[str, int], list[float]] = {}
    for word, width in product(PARAMETRISATIONS, WIDTHS):
        cases = list(product(RATES, range(REPEATS)))
        configs: list[Config] = [{"lr": lr, "width": width, "parametrisation": word} for lr, _ in cases]
        found = [
            float(metrics["late_loss"]) if isinstance(metrics, Mapping) else math.nan
            for metrics in train(configs, [child(seed, "transfer", repeat) for _, repeat in cases])
        ]
        losses[word, width] = [
            math.exp(math.fsum(map(math.log, found[first : first + REPEATS])) / REPEATS)
            for first in range(0, len(found), REPEATS)
        ]
    return transfer(losses)


def transfer(losses: Losses) -> Outcome:
    """Hold the best rates against the law.

    Args:
        losses: parametrisation and width to the losses at `RATES`.
    """
    best = {key: best_rate(RATES, values) for key, values in losses.items()}
    ratio = {word: best[word, WIDTHS[0]] / best[word, WIDTHS[-1]] for word in PARAMETRISATIONS}
    between = f"from width {WIDTHS[0]} to {WIDTHS[-1]}"
    checks = (
        Check(f"fall of the best rate {between}, standard", ratio["standard"], low=FALL),
        Check(f"fall of the best rate {between}, muP", ratio["mup"], 1 / SHIFT, SHIFT),
    )
    lines: list[Line] = []
    for (word, width), values in losses.items():
        points = [(rate, loss) for rate, loss in zip(RATES, values, strict=True) if math.isfinite(loss)]
        label = f"{PARAMETRISATIONS[word]}, width {width}"
        lines.append(Line(label, *_columns(points), "line" if word == "mup" else "points"))
    falls = slope(WIDTHS, tuple(best["standard", width] for width in WIDTHS))
    return Outcome(
        checks,
        Picture("learning rate", "mean squared error", tuple(lines), log_x=True, log_y=True),
        f"The best rate goes as width to the power of {falls:.2f} in the standard parametrisation. With a "
        "rate that falls to zero the standard optimum is wider and moves less.",
    )


def best_rate(rates: Sequence[float], losses: Sequence[float]) -> float:
    """Give the rate of the least loss: the vertex of the parabola through the lowest point and its neighbours.

    On logarithmic scales, over even steps of the rate; a loss that is not finite is worse than any. NaN where the
    lowest point is at the end, since then the best rate may lie beyond.
    """
    finite = [math.log(loss) if math.isfinite(loss) else math.inf for loss in losses]
    place = min(range(len(finite)), key=finite.__getitem__)
    if place in (0, len(finite) - 1) or math.isinf(finite[place]):
        return math.nan
    before, lowest, after = finite[place - 1 : place + 2]
    if math.isinf(before) or math.isinf(after):
        return rates[place]
    bend = before + after - 2 * lowest
    moved = (before - after) / (2 * bend) if bend > 0 else 0.0
    return float(rates[place] * (rates[place + 1] / rates[place]) ** moved)


def _coordinates(seed: int) -> Outcome:
    from physai_inverse.seeds import child
    from physai_inverse.trainers import load_task

    cases = list(product(PARAMETRISATIONS, COORDINATE_WIDTHS, range(COORDINATE_REPEATS)))
    configs: list[Config] = [
        {"lr": COORDINATE_RATE, "width": width, "parametrisation": word} for word, width, _ in cases
    ]
    seeds = [child(seed, "coordinates", repeat) for _, _, repeat in cases]
    sizes: dict[tuple[str, int, int], tuple[float, ...]] = {}
    for steps in COORDINATE_STEPS:
        results = load_task(TASK, {"steps": steps})(configs, seeds)
        for word, layer in product(PARAMETRISATIONS, LAYERS):
            sizes[word, layer, steps] = tuple(
                math.fsum(
                    float(metrics[f"coordinate_{layer}"]) if isinstance(metrics, Mapping) else math.nan
                    for metrics, case in zip(results, cases, strict=True)
                    if case[:2] == (word, width)
                )
                / COORDINATE_REPEATS
                for width in COORDINATE_WIDTHS
            )
    return coordinates(sizes)


def coordinates(sizes: Mapping[tuple[str, int, int], Sequence[float]]) -> Outcome:
    """Hold the sizes of hidden values against the law.

    Args:
        sizes: parametrisation, layer and number of steps to the mean sizes at `COORDINATE_WIDTHS`.
    """
    slopes = {key: slope(COORDINATE_WIDTHS, tuple(values)) for key, values in sizes.items()}
    flat = [value for (word, _, _), value in slopes.items() if word == "mup"]
    growing = [value for (word, layer, _), value in slopes.items() if word == "standard" and layer > 1]
    what = "slope of log mean size over log width after 1 to 3 steps"
    checks = (
        Check(f"largest {what}, muP, any layer", _worst(flat, max), -FLAT, FLAT),
        Check(f"least {what}, muP, any layer", _worst(flat, min), -FLAT, FLAT),
        Check(f"least {what}, standard, behind the first layer", _worst(growing, min), low=GROWING),
    )
    last = COORDINATE_STEPS[-1]
    lines = tuple(
        Line(f"{PARAMETRISATIONS[word]}, layer {layer}", COORDINATE_WIDTHS, tuple(sizes[word, layer, last]), style)
        for (word, style), layer in product((("standard", "points"), ("mup", "line")), LAYERS)
    )
    return Outcome(
        checks,
        Picture("width", f"mean size of values after {last} steps", lines, log_x=True, log_y=True),
        "The first layer is flat in both: its inputs are no wider. First output weights are zero under muP.",
    )


def _worst(values: Sequence[float], of: Callable[[Sequence[float]], float]) -> float:
    return math.nan if any(math.isnan(value) for value in values) else of(values)


def _columns(points: Sequence[tuple[float, float]]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return tuple(x for x, _ in points), tuple(y for _, y in points)


LAWS = (
    Law(
        14,
        "learning-rate transfer",
        "From width 64 to 1024 the best learning rate falls at least 8-fold in the standard parametrisation, "
        "about as one over the width, and moves at most 2-fold under muP.",
        "Adam at a constant rate, 200 steps on fresh batches of 64, a ReLU network with two hidden layers; muP "
        "with base width 64, rates of the last two layers over the width ratio, output weights zero at first; the "
        "mean over two seeds of the loss over the last 50 steps.",
        "Yang et al. 2021, Tensor Programs V, https://arxiv.org/abs/2203.03466, figures 1 and 3",
        TASK,
        90.0,
        _transfer,
    ),
    Law(
        15,
        "coordinate check",
        "After 1 to 3 steps the mean size of what goes into units does not depend on the width under muP "
        "(slopes within 0.1), and grows with it in the standard parametrisation (slopes above 0.3).",
        "Adam at one rate (2^-6) for all widths from 64 to 1024, the mean over eight seeds; growing are the "
        "layers behind the first, and only once the updates are as large as the first values.",
        "Yang et al. 2021, Tensor Programs V, https://arxiv.org/abs/2203.03466, appendix D.1",
        TASK,
        8.0,
        _coordinates,
    ),
)
