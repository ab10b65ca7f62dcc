"""The trainings of a law: many configurations of one task at once, all of which must come out."""

from collections.abc import Mapping, Sequence
from statistics import median

from physai_inverse.errors import TrialFailed
from physai_inverse.observations import Curve, Metric
from physai_inverse.reproduction.law import Line


def train(
    task: str, settings: Mapping[str, object], configs: Sequence[Mapping[str, object]], seeds: Sequence[int]
) -> list[dict[str, Metric]]:
    """Train configurations of a built-in task together.

    Returns:
        The metrics of each.

    Raises:
        TrialFailed: of the first that failed; its number is in the text.
    """
    from physai_inverse.trainers import load_task

    results: list[dict[str, Metric]] = []
    for metrics in load_task(task, settings)(configs, seeds):  # type: ignore[arg-type]  # the task checks them
        if isinstance(metrics, TrialFailed):
            raise metrics
        results.append(metrics)
    return results


def middle(results: Sequence[Mapping[str, Metric]], name: str) -> float:
    """Give the median of a metric over trainings."""
    return float(median(float(metrics[name]) for metrics in results))


def over_steps(metrics: Mapping[str, Metric], name: str, label: str, style: str = "line") -> Line:
    """Give a curve as a series to draw on logarithmic axes: without step 0 and values that are not above zero."""
    curve = metrics[f"{name}_curve"]
    assert isinstance(curve, Curve)
    points = [(x, y) for x, y in zip(curve.steps, curve.values, strict=True) if x > 0 and y > 0]
    return Line(label, tuple(x for x, _ in points), tuple(y for _, y in points), style)
