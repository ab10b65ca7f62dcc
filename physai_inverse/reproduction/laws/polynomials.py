"""Polynomials: units that are squared or gated fit powers better than plain ones."""

import math
from collections.abc import Mapping
from itertools import product
from statistics import median

from physai_inverse.observations import Config
from physai_inverse.reproduction.law import Check, Law, Line, Outcome, Picture

FORMS = {"plain": 50, "gated": 30, "squared": 50}
"""Form to the width at which all have 151 parameters."""
ACTIVATIONS = ("relu", "silu")
POWERS = (2, 3, 4)
RATES = (0.03, 0.1)
SEEDS = 5
LEAST_WINS = 4
CLAIMED = (("squared", 2), ("squared", 3), ("gated", 2))
"""Forms and powers for which fewer errors than plain are claimed; the others are told in the note."""

Arm = tuple[str, int, str]
"""Activation, power, form."""


def _measure(seed: int) -> Outcome:
    from physai_inverse.seeds import child
    from physai_inverse.trainers import load_task

    keys = list(product(ACTIVATIONS, POWERS, FORMS, RATES, range(SEEDS)))
    configs: list[Config] = [
        {"activation": activation, "power": power, "form": form, "width": FORMS[form], "lr": rate}
        for activation, power, form, rate, _ in keys
    ]
    results = load_task("polynomial")(configs, [child(seed, "polynomials", repeat) for *_, repeat in keys])
    found: dict[Arm, dict[float, list[float]]] = {}
    for (activation, power, form, rate, _), metrics in zip(keys, results, strict=True):
        loss = float(metrics["relative_loss"]) if isinstance(metrics, Mapping) else math.nan
        found.setdefault((activation, power, form), {}).setdefault(rate, []).append(loss)
    return outcome({arm: best(losses) for arm, losses in found.items()})


def best(losses: Mapping[float, list[float]]) -> list[float]:
    """Give the losses at the rate with the least median; one that diverged counts as infinite."""
    finite = [[loss if math.isfinite(loss) else math.inf for loss in found] for found in losses.values()]
    return min(finite, key=median)


def outcome(losses: Mapping[Arm, list[float]]) -> Outcome:
    """Count the seeds with a lower loss than plain units have.

    Args:
        losses: of each activation, power and form, one a seed.
    """
    checks, rest = [], []
    for form, power in product(("squared", "gated"), POWERS):
        for activation in ACTIVATIONS:
            pairs = zip(losses[activation, power, form], losses[activation, power, "plain"], strict=True)
            wins = sum(own < plain for own, plain in pairs)
            if (form, power) in CLAIMED:
                text = f"seeds of {SEEDS} in which {form} units fit x^{power} better than plain, {activation}"
                checks.append(Check(text, wins, LEAST_WINS))
            else:
                rest.append(f"{form} {activation}, x^{power}: {wins}")
    lines = tuple(
        Line(
            f"{form}, {activation}",
            tuple(float(power) for power in POWERS),
            tuple(median(losses[activation, power, form]) for power in POWERS),
        )
        for form in FORMS
        for activation in ACTIVATIONS
    )
    note = f"Seeds of {SEEDS} with a lower loss where nothing is claimed: {'; '.join(rest)}."
    return Outcome(tuple(checks), Picture("power", "relative loss, median", lines, log_y=True), note)


LAWS = (
    Law(
        44,
        "gates and squares",
        "With squared activations a network fits x^2 and x^3, and with gated ones x^2, better than with plain "
        "ReLU or SiLU at the same number of parameters: in at least 4 of 5 seeds.",
        "One hidden layer, 151 parameters, Adam with a cosine over 1000 steps, every form at the better of two "
        "rates. The source claims it of gates for all powers from 2 on; at equal parameters gates are not clearly "
        "better from x^3 on, nor squares of ReLU at x^4.",
        "Liu 2026, MLP 1, https://kindxiaoming.github.io/blog/2026/mlp-1",
        "polynomial",
        20.0,
        _measure,
    ),
)
