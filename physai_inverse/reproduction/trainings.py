"""The trainings of a law: many configurations of one task at once, each of which must give its metrics."""

from collections.abc import Mapping, Sequence

from physai_inverse.errors import TrialFailed
from physai_inverse.observations import Config, Curve, Measurement, Metric, Metrics
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
    from physai_inverse.trainers import load_task

    seeds = [child(seed, task, stream) for stream in streams or range(len(configs))]
    found: list[Metrics] = []
    for metrics in load_task(task, settings)(configs, seeds):
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
