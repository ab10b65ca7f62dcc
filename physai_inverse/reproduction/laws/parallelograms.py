"""Addition by adding embeddings: what the training pairs alone say of whether, and when, these form a line."""

import math
from collections.abc import Mapping, Sequence

from physai_inverse.observations import Measurement, Metric
from physai_inverse.reproduction.law import Check, Law, Line, Outcome, Picture

NUMBERS = 10
PAIRS = NUMBERS * (NUMBERS + 1) // 2
DRAWS = 400
"""Training sets of each size."""
SIZES = range(10, 46)

TRAINED = (20, 25, 30, 35, 40, 45, 50, 54)
"""Numbers of training pairs at which embeddings are trained."""
EACH = 3
"""Training sets of each number."""
STEPS = 4000
RATE = 3e-3
"""Of the embeddings; the decoder learns at a tenth of it."""
WIDTH = 100
SCALE = 0.1
"""Width of the interval of the first embeddings: wider ones are more often stuck in an order that is no line."""


def _measure_critical_share(seed: int) -> Outcome:
    from physai_inverse.seeds import child
    from physai_inverse.trainers.observables.parallelograms import chance_of_a_line

    chances = [
        chance_of_a_line(NUMBERS, size, draws=DRAWS, seed=child(seed, "training sets", size)) for size in SIZES
    ]
    return critical_share([size / PAIRS for size in SIZES], chances)


def critical_share(shares: Sequence[float], chances: Sequence[float]) -> Outcome:
    """Find where half of the training sets leave nothing but a line.

    Args:
        shares: of the pairs, rising.
        chances: share of training sets that leave only shift and scale.
    """
    crossing = math.nan
    for index in range(1, len(shares)):
        low, high = chances[index - 1], chances[index]
        if low < 0.5 <= high:
            crossing = shares[index - 1] + (0.5 - low) / (high - low) * (shares[index] - shares[index - 1])
            break
    lines = [Line("", tuple(shares), tuple(chances), "line")]
    if math.isfinite(crossing):
        lines.append(Line("a half", (crossing, crossing), (0.0, 1.0), "dashed"))
    return Outcome(
        (Check("share of the pairs at which half of the training sets force a line", crossing, 0.36, 0.45),),
        Picture("share of the pairs that is trained on", "chance that only a line is left", tuple(lines)),
    )


def _measure_pace(seed: int) -> Outcome:
    from physai_inverse.seeds import child
    from physai_inverse.trainers import load_task

    common = {"lr": RATE / 10, "representation_lr": RATE, "width": WIDTH, "embedding_scale": SCALE}
    configs = [{**common, "train_pairs": number} for number in TRAINED for _ in range(EACH)]
    seeds = [child(seed, "training set", number, index) for number in TRAINED for index in range(EACH)]
    # With next to no test accuracy asked for, a training ends as soon as its embeddings form a line.
    train = load_task("addition_decoder", {"p": NUMBERS, "steps": STEPS, "settle": 1.0, "threshold": 1e-9})
    return pace([metrics for metrics in train(configs, seeds) if isinstance(metrics, Mapping)])


def pace(results: Sequence[Mapping[str, Metric]]) -> Outcome:
    """Compare when embeddings form a line with when the training pairs say they should.

    Args:
        results: of `addition_decoder`. A line that is not forced, or not there in time, ranks behind all others.
    """
    predicted, measured = [], []
    for metrics in results:
        rate, steps = float(metrics["pace"]), metrics["steps_to_rqi_95"]
        predicted.append(1 / (rate * RATE) if rate > 0 else math.inf)
        assert isinstance(steps, Measurement)
        measured.append(math.inf if steps.censored else float(steps))
    seen = [pair for pair in zip(predicted, measured, strict=True) if all(map(math.isfinite, pair))]
    several = [later / earlier for earlier, later in seen]
    lines = (Line("", tuple(earlier for earlier, _ in seen), tuple(later for _, later in seen)),)
    median = sorted(several)[len(several) // 2] if several else math.nan
    return Outcome(
        (Check("rank correlation of predicted and measured steps", rank_correlation(predicted, measured), 0.7),),
        Picture("predicted steps, 1 / (third eigenvalue * rate)", "steps to a line (RQI 0.95)", lines, True, True),
        f"{len(seen)} of {len(results)} trainings form a line where one is forced, in a median of {median:.2g} "
        "times the predicted steps: AdamW is not the gradient descent of the theory, whose order is what counts.",
    )


def rank_correlation(x: Sequence[float], y: Sequence[float]) -> float:
    """Give Spearman's rank correlation, equal values sharing their mean rank; NaN where all of one are equal."""
    first, second = _ranks(x), _ranks(y)
    middle = (len(x) - 1) / 2
    spreads = [math.fsum((rank - middle) ** 2 for rank in ranks) for ranks in (first, second)]
    if not all(spreads):
        return math.nan
    joint = math.fsum((a - middle) * (b - middle) for a, b in zip(first, second, strict=True))
    return joint / math.sqrt(spreads[0] * spreads[1])


def _ranks(values: Sequence[float]) -> list[float]:
    """Give each value's rank from 0, the mean of theirs for equal ones."""
    return [
        sum(other < value for other in values) + (sum(other == value for other in values) - 1) / 2
        for value in values
    ]


LIU = "Liu et al. 2022, https://arxiv.org/abs/2205.10343"
LAWS = (
    Law(
        5,
        "critical share from data alone",
        "For addition of ten numbers, half of the training sets of 0.36 to 0.45 of the pairs leave only a line as "
        "representation: the critical share is about 0.4.",
        f"No training: the rank of the parallelogram equations of {DRAWS} random training sets a size, of pairs "
        "whose order does not matter.",
        f"{LIU}, section 3",
        "",
        1.0,
        _measure_critical_share,
    ),
    Law(
        53,
        "grokking rate from data alone",
        "The steps until embeddings form a line follow 1 / (third eigenvalue of the effective Hessian * their "
        "rate), which the training pairs alone give: a rank correlation above 0.7.",
        f"Addition of ten numbers with a tanh decoder of two layers of {WIDTH}, AdamW at {RATE:g} (embeddings) "
        f"and a tenth of it (decoder), {TRAINED[0]} to {TRAINED[-1]} of {PAIRS} pairs, and first embeddings close "
        f"together (within {SCALE:g}). Spread over 1, they are stuck more often in an order that is no line: "
        "correlations of 0.69 to 0.88.",
        f"{LIU}, section 3",
        "addition_decoder",
        25.0,
        _measure_pace,
    ),
)
