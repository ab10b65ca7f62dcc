"""The edge of stability: gradient descent sharpens its loss until a step is barely stable, and stays there."""

from collections.abc import Sequence

from physai_inverse.observations import Metrics
from physai_inverse.reproduction.law import Check, Law, Line, Outcome, Picture
from physai_inverse.reproduction.trainings import curve_of, train_all

RATES = (0.1, 0.2, 0.4)
STEPS = 5000
TOLERANCE = 0.05


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
)
