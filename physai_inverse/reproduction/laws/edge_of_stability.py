"""The edge of stability: gradient descent sharpens its loss until a step is barely stable, and stays there.

Adam does the same in the coordinates in which it steps.
"""

import math
from collections.abc import Sequence

from physai_inverse.observations import Config, Metrics
from physai_inverse.reproduction.law import Check, Law, Line, Outcome, Picture
from physai_inverse.reproduction.trainings import curve_of, train_all

RATES = (0.1, 0.2, 0.4)
STEPS = 5000
TOLERANCE = 0.05
ADAM_RATES = (1e-3, 2e-3, 4e-3)
ADAM_STEPS = 6000
ADAM_EDGE = 38.0
"""(2 + 2 beta1) / (1 - beta1) at beta1 0.9."""
ADAM_TOLERANCE = 0.1
OBSERVABLE = "preconditioned_sharpness"
OBSERVED_AT = 100
LATE = 0.75


def _measure(seed: int) -> Outcome:
    configs = [{"lr": rate, "degree": 4} for rate in RATES]
    return outcome(train_all("edge_of_stability", configs, seed=seed, settings={"steps": STEPS}))


def outcome(results: Sequence[Metrics]) -> Outcome:
    """Hold late sharpness against the edge.

    Args:
        results: metrics of the task at each of `RATES`.
    """
    checks: list[Check] = []
    lines: list[Line] = []
    for rate, metrics in zip(RATES, results, strict=True):
        edge = 2 / rate
        late = float(metrics["late_sharpness"])
        what = f"late sharpness at learning rate {rate:g} (edge {edge:g})"
        checks.append(Check(what, late, (1 - TOLERANCE) * edge, (1 + TOLERANCE) * edge))
        curve = curve_of(metrics, "edge_ratio_curve")
        sharpness = tuple(edge * value for value in curve.values)
        lines.append(Line(f"learning rate {rate:g}", curve.steps, sharpness, "line"))
        lines.append(Line("", (0.0, curve.steps[-1]), (edge, edge), "dashed"))
    first = curve_of(results[0], "edge_ratio_curve")
    checks.append(Check(f"first sharpness over the edge at learning rate {RATES[0]:g}", first.values[0], high=0.5))
    picture = Picture("steps", "sharpness", tuple(lines))
    return Outcome(
        tuple(checks), picture, "The largest of the rates starts at about its edge; the others rise to it."
    )


def _measure_adam(seed: int) -> Outcome:
    configs: list[Config] = [{"optimizer": "adam", "adam_lr": rate, "degree": 3} for rate in ADAM_RATES]
    settings = {"steps": ADAM_STEPS, "observables": [OBSERVABLE], "observe_at": OBSERVED_AT}
    return adam_outcome(train_all("edge_of_stability", configs, seed=seed, settings=settings))


def adam_outcome(results: Sequence[Metrics]) -> Outcome:
    """Hold late preconditioned sharpness against Adam's edge.

    Args:
        results: metrics of the task, with the observable as a curve, at each of `ADAM_RATES`.
    """
    checks: list[Check] = []
    lines: list[Line] = []
    for rate, metrics in zip(ADAM_RATES, results, strict=True):
        edge = ADAM_EDGE / rate
        curve = curve_of(metrics, f"{OBSERVABLE}_curve")
        late = [v for step, v in zip(curve.steps, curve.values, strict=True) if step >= LATE * curve.steps[-1]]
        what = f"late preconditioned sharpness over 38 / lr at learning rate {rate:g}"
        measured = math.fsum(late) / len(late) / edge
        checks.append(Check(what, measured, 1 - ADAM_TOLERANCE, 1 + ADAM_TOLERANCE))
        lines.append(Line(f"learning rate {rate:g}", curve.steps, curve.values, "line"))
        lines.append(Line("", (0.0, curve.steps[-1]), (edge, edge), "dashed"))
    first = curve_of(results[0], f"{OBSERVABLE}_curve").values[0] * ADAM_RATES[0] / ADAM_EDGE
    checks.append(Check(f"first of it over 38 / lr at learning rate {ADAM_RATES[0]:g}", first, high=0.5))
    picture = Picture("steps", "preconditioned sharpness", tuple(lines), log_y=True)
    return Outcome(tuple(checks), picture, "It hovers a few percent below the edge, with swings of about 10 %.")


LAWS = (
    Law(
        7,
        "edge of stability",
        "Full-batch gradient descent at learning rate lr raises the largest Hessian eigenvalue to 2 / lr and then "
        "keeps it there: its mean over the last quarter of the steps is within 5 % for lr 0.1, 0.2 and 0.4.",
        "Tanh network of two hidden layers on 20 points of a Chebyshev polynomial of degree 4, half the mean "
        "squared error, no momentum, 5000 steps. At a rate of 0.05 the rise to the edge takes about as long as "
        "that, so that the late sharpness is still below (0.76 to 0.91 of it in three seeds).",
        "Cohen et al. 2021, https://arxiv.org/abs/2103.00065, figure 1 and section 3; code "
        "https://github.com/locuslab/edge-of-stability",
        "edge_of_stability",
        8.0,
        _measure,
    ),
    Law(
        8,
        "edge of stability of Adam",
        "Full-batch Adam with beta1 0.9 raises the largest eigenvalue of the Hessian, preconditioned as its steps "
        "are, to 38 / lr: its mean over the last quarter of the steps is within 10 % for lr 0.001, 0.002 and "
        "0.004.",
        "Tanh network of two hidden layers on 20 points of a Chebyshev polynomial of degree 3, half the mean "
        "squared error, beta2 0.999, 6000 steps. At smaller rates the rise takes longer: at 0.00025 it ends at "
        "about 0.75.",
        "Cohen et al. 2022, https://arxiv.org/abs/2207.14484, equation 2",
        "edge_of_stability",
        12.0,
        _measure_adam,
    ),
)
