"""Double descent: least squares has its worst test error where it has as many features as samples."""

import math
from collections.abc import Mapping, Sequence

from physai_inverse.observations import Metric
from physai_inverse.reproduction.law import Check, Law, Line, Outcome, Picture

RATIOS = (0.2, 0.5, 0.8, 0.88, 1.0, 1.12, 1.25, 2.0, 4.0)
"""Features over samples: both sides of the peak, and the peak."""
RELU_RATIOS = (0.5, 0.8, 1.0, 1.25, 2.0)
TOLERANCE = 0.15


def _measure(seed: int) -> Outcome:
    from physai_inverse.seeds import child
    from physai_inverse.trainers import load_task

    found: dict[str, list[Mapping[str, Metric]]] = {}
    for features, ratios, settings in (
        ("linear", RATIOS, {"samples": 250, "repeats": 60}),
        ("relu", RELU_RATIOS, {"samples": 100, "repeats": 20, "test_rows": 500}),
    ):
        train = load_task("double_descent", settings)
        seeds = [child(seed, features, index) for index in range(len(ratios))]
        results = train([{"ratio": ratio, "features": features} for ratio in ratios], seeds)
        found[features] = [metrics for metrics in results if isinstance(metrics, Mapping)]
    return outcome(found["linear"], found["relu"])


def outcome(linear: Sequence[Mapping[str, Metric]], relu: Sequence[Mapping[str, Metric]]) -> Outcome:
    """Hold the risks against the formulas.

    Args:
        linear: metrics at `RATIOS`, of linear features.
        relu: metrics at `RELU_RATIOS`, of ReLU features.
    """
    checks = []
    theory = []
    for ratio, metrics in zip(RATIOS, linear, strict=True):
        if "theory_risk" not in metrics:
            continue
        theory.append((ratio, float(metrics["theory_risk"])))
        share = float(metrics["excess_risk"]) / theory[-1][1]
        checks.append(
            Check(f"excess risk over the formula's at ratio {ratio}", share, 1 - TOLERANCE, 1 + TOLERANCE)
        )
    for name, ratios, results in (("linear", RATIOS, linear), ("ReLU", RELU_RATIOS, relu)):
        risks = [float(metrics["excess_risk"]) for metrics in results]
        worst = ratios[risks.index(max(risks))] if all(map(math.isfinite, risks)) else math.nan
        checks.append(Check(f"ratio with the largest risk, {name} features", worst, 1.0, 1.0))
    lines = (
        Line("linear features", RATIOS, tuple(float(metrics["excess_risk"]) for metrics in linear)),
        Line("ReLU features", RELU_RATIOS, tuple(float(metrics["excess_risk"]) for metrics in relu)),
        Line("theory", tuple(ratio for ratio, _ in theory), tuple(risk for _, risk in theory), "dashed"),
    )
    picture = Picture("features over samples", "excess risk", lines, log_x=True, log_y=True)
    return Outcome(
        tuple(checks),
        picture,
        "At ratio 1 the risk has no mean: its value depends on the repeats, its place does not.",
    )


LAWS = (
    Law(
        13,
        "double descent",
        "The excess risk of least squares of minimum norm is s^2 g / (1 - g) below and r^2 (1 - 1/g) + s^2 / "
        "(g - 1) above g = 1 (within 15 % outside 0.9 to 1.1) and largest at g = 1, with g features over "
        "samples, s the noise and r the norm of the truth.",
        "Formulas: isotropic Gaussian features that are the inputs, no ridge, hundreds of samples. The place "
        "of the peak: random ReLU features as well. A ridge takes the peak away.",
        "Hastie, Montanari, Rosset and Tibshirani 2022, https://arxiv.org/abs/1903.08560; Mei and Montanari 2022, "
        "https://arxiv.org/abs/1908.05355",
        "double_descent",
        10.0,
        _measure,
    ),
)
