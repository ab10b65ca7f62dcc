"""The trainings of a law: many configurations of one task at once, each of which must give its metrics."""

from collections.abc import Mapping, Sequence
from statistics import median

from physai_inverse.errors import TrialFailed
from physai_inverse.observations import Config, Curve, Measurement, Metric, Metrics
from physai_inverse.reproduction.law import Line
from physai_inverse.seeds import child


def train_all(
    task: str,
    configs: Sequence[Config],
    *,
    seed: int,
    settings: Mapping[str, object] | None = None,
    streams: Sequence[int] | None = None,
) -> list[Metrics]:
    """Train all configurations of a task together.

    Args:
        task: name of a built-in one.
        configs: what is trained.
        seed: of the law.
        settings: of the task, where they differ from its defaults.
        streams: a number for each configuration; those of one number have one seed. By default each has its own.

    Raises:
        TrialFailed: one of them failed.
    """
    seeds = [child(seed, task, stream) for stream in streams or range(len(configs))]
    return train(task, settings or {}, configs, seeds)


def train(
    task: str, settings: Mapping[str, object], configs: Sequence[Mapping[str, object]], seeds: Sequence[int]
) -> list[Metrics]:
    """Train configurations of a task together, with seeds that are given.

    Raises:
        TrialFailed: of the first that failed; its number is in the text.
    """
    from physai_inverse.trainers import load_task

    found: list[Metrics] = []
    for metrics in load_task(task, settings)(configs, seeds):  # type: ignore[arg-type]  # the task checks them
        if isinstance(metrics, TrialFailed):
            raise metrics
        found.append(metrics)
    return found


def curve_of(metrics: Mapping[str, Metric], name: str) -> Curve:
    """Give a metric that is a curve."""
    curve = metrics[name]
    assert isinstance(curve, Curve)
    return curve


def seen(metric: Metric) -> float:
    """Give a number that was reached; infinity for one that is censored above."""
    return float("inf") if isinstance(metric, Measurement) and metric.censored else float(metric)


def middle(results: Sequence[Mapping[str, Metric]], name: str) -> float:
    """Give the median of a metric over trainings."""
    return float(median(float(metrics[name]) for metrics in results))


def over_steps(metrics: Mapping[str, Metric], name: str, label: str, style: str = "line") -> Line:
    """Give a curve as a series to draw on logarithmic axes: without step 0 and values that are not above zero."""
    curve = metrics[f"{name}_curve"]
    assert isinstance(curve, Curve)
    points = [(x, y) for x, y in zip(curve.steps, curve.values, strict=True) if x > 0 and y > 0]
    return Line(label, tuple(x for x, _ in points), tuple(y for _, y in points), style)
