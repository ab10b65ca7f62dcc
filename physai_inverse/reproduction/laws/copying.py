"""Copying the previous token by one layer of attention: how far it comes without places, and with them."""

from collections.abc import Mapping, Sequence

from physai_inverse.observations import Metric
from physai_inverse.reproduction.law import Check, Law, Line, Outcome, Picture
from physai_inverse.reproduction.trainings import middle, over_steps, train

Results = Sequence[Mapping[str, Metric]]

VOCABULARY = 30
CONTEXTS = (3, 4, 6)
REPEATS = 5
TOLERANCE = 0.12
STEPS = 2000
WIDE = 16
SOLVED = 1.05
"""Perplexity at which the copy counts as solved."""


def _without(seed: int) -> Outcome:
    from physai_inverse.seeds import child

    cells = [(context, 2) for context in CONTEXTS for _ in range(REPEATS)]
    cells += [(context, WIDE) for context in CONTEXTS]
    configs = [
        {"context": context, "dimension": dimension, "vocabulary": VOCABULARY, "schedule": "linear"}
        | ({"lr": 0.01} if dimension == WIDE else {"lr": 0.03})
        for context, dimension in cells
    ]
    seeds = [child(seed, "without", index) for index in range(len(cells))]
    results = train("copy_attention", {"steps": STEPS}, configs, seeds)
    narrow = {context: results[REPEATS * place :][:REPEATS] for place, context in enumerate(CONTEXTS)}
    return without(narrow, dict(zip(CONTEXTS, results[-len(CONTEXTS) :], strict=True)))


def without(narrow: Mapping[int, Results], wide: Mapping[int, Mapping[str, Metric]]) -> Outcome:
    """Hold copies without places against the law.

    Args:
        narrow: context to trainings in two dimensions.
        wide: context to one in `WIDE` dimensions, for the note.
    """
    checks = []
    for context in CONTEXTS:
        ratio = middle(narrow[context], "perplexity") / guess(context)
        attention = middle(narrow[context], "attention_to_current")
        checks += [
            Check(
                f"median perplexity over (C - 2) / (C - 1) V, C = {context}", ratio, 1 - TOLERANCE, 1 + TOLERANCE
            ),
            Check(
                f"attention to the current token over an even share, C = {context}", attention * context, high=1
            ),
        ]
    x = tuple(map(float, CONTEXTS))
    points = [
        (float(context), float(metrics["perplexity"])) for context in CONTEXTS for metrics in narrow[context]
    ]
    lines = (
        Line("2 dimensions", tuple(place for place, _ in points), tuple(value for _, value in points)),
        Line(f"{WIDE} dimensions", x, tuple(float(wide[context]["perplexity"]) for context in CONTEXTS)),
        Line("(C - 2) / (C - 1) V", x, tuple(guess(context) for context in CONTEXTS), "dashed"),
        Line("C - 1", x, tuple(context - 1.0 for context in CONTEXTS), "dashed"),
    )
    wider = ", ".join(f"{float(wide[context]['perplexity']):.1f}" for context in CONTEXTS)
    return Outcome(
        tuple(checks),
        Picture("context C, tokens", "perplexity", lines, log_y=True),
        f"The law ends with two dimensions: in {WIDE} the perplexities are {wider}, on the way to C - 1.",
    )


def guess(context: int) -> float:
    """Give the perplexity (C - 2) / (C - 1) V that the law names."""
    return (context - 2) / (context - 1) * VOCABULARY


def _places(seed: int) -> Outcome:
    from physai_inverse.seeds import child

    shared = {"context": 4, "dimension": 2, "vocabulary": VOCABULARY, "lr": 0.03, "schedule": "linear"}
    configs = [{**shared, "positions": positions} for positions in (True, False) for _ in range(REPEATS)]
    seeds = [child(seed, "places", index) for index in range(len(configs))]
    results = train("copy_attention", {"steps": STEPS}, configs, seeds)
    return places(results[:REPEATS], results[REPEATS:])


def places(given: Results, missing: Results) -> Outcome:
    """Hold copies with places against the law.

    Args:
        given: trainings with position embeddings.
        missing: and without.
    """
    checks = (
        Check("median perplexity with positions", middle(given, "perplexity"), 1, SOLVED),
        Check(
            "median attention to the previous token with positions", middle(given, "attention_to_target"), low=0.95
        ),
        Check(
            "least perplexity without positions over that of the best guess, C - 1",
            min(float(metrics["perplexity"]) for metrics in missing) / 3,
            low=1,
        ),
    )
    lines = [over_steps(metrics, "perplexity", "with positions") for metrics in given]
    lines += [over_steps(metrics, "perplexity", "without") for metrics in missing]
    values = ", ".join(f"{float(metrics['perplexity']):.3f}" for metrics in given)
    return Outcome(
        checks,
        Picture("step", "perplexity", tuple(lines), log_x=True, log_y=True),
        f"With positions: {values}; without: {middle(missing, 'perplexity'):.1f}.",
    )


LAWS = (
    Law(
        26,
        "copy without positions",
        "Without position embeddings a single layer of attention that is to copy the previous token attends "
        "less to the current one and ends, in two dimensions, at a perplexity of about (C - 2) / (C - 1) V "
        "(within 12 %).",
        "Dimension 2 only, V = 30 tokens, contexts C = 3, 4, 6, untied embeddings that start at 0.02, Adam "
        "from 0.03 to 0; medians over 5 first values, since some stay long on a plateau above. So it does "
        "with 10 and 100 tokens (3 to 11 % above), and not in more dimensions: with 16 a model goes on "
        "towards the optimum near C - 1.",
        'Z. Liu, "Sparse attention 2", https://kindxiaoming.github.io/blog/2026/sparse-attention-2/',
        "copy_attention",
        28.0,
        _without,
    ),
    Law(
        27,
        "previous-token head needs positions",
        "With position embeddings the same layer learns a previous-token head: perplexity 1 in two "
        "dimensions; without them no training does better than to guess among the C - 1 others.",
        "C = 4, V = 30, dimension 2, Adam from 0.03 to 0; medians over 5 first values.",
        'Z. Liu, "Sparse attention 4", https://kindxiaoming.github.io/blog/2026/sparse-attention-4/',
        "copy_attention",
        13.0,
        _places,
    ),
)
