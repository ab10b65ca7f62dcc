"""How far the forward map of each metric may be believed: held-out scores, noise, misfits and a verdict."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from physai_inverse.errors import NotFound
from physai_inverse.forward import Dataset, ForwardMap, Scores
from physai_inverse.seeds import child

if TYPE_CHECKING:
    from physai_inverse.study.fitted import Fitted
    from physai_inverse.study.rungs import Climbed
    from physai_inverse.understanding import Misfit, Noise, Outlier, Verdict


@dataclass(frozen=True)
class MetricFit:
    """What held-out values say of the forward map of one metric.

    Args:
        metric: the metric.
        scores: of values that the map did not see, in the metric's units.
        noise: between trainings, against the error of predictions, on the scale of the model.
        calibration: level, and share of held-out values below the quantile at that level; right where they agree.
        outliers: the values farthest outside of their predictions.
        outlying: the trial number of each of them; -1 where it is not known.
        misfits: what the map gets wrong for a reason.
        members: surrogate to its share in the map.
        verdict: how far to believe it, and why.
    """

    metric: str
    scores: Scores = field(repr=False)
    noise: "Noise"
    calibration: tuple[tuple[float, float], ...] = field(repr=False)
    outliers: "tuple[Outlier, ...]"
    outlying: tuple[int, ...]
    misfits: "tuple[Misfit, ...]"
    members: Mapping[str, float]
    verdict: "Verdict"

    def as_plain(self) -> dict[str, object]:
        """Give everything but the single held-out values as plain values; None where a number is missing."""
        return {
            "metric": self.metric,
            "rows": self.scores.rows,
            "r2": _plain(self.scores.r2),
            "rank_correlation": _plain(self.scores.rank_correlation),
            "log_density": _plain(self.scores.log_density),
            "crps": _plain(self.scores.crps),
            "rmse": _plain(self.scores.rmse),
            "coverage_50": _plain(self.scores.coverage_50),
            "coverage_90": _plain(self.scores.coverage_90),
            "calibration": [{"level": level, "share": share} for level, share in self.calibration],
            "noise": {
                "between_trainings": _plain(self.noise.trainings),
                "replicates": self.noise.replicates,
                "held_out_error": _plain(self.noise.error),
                "model_error": _plain(self.noise.model),
                "spread": _plain(self.noise.spread),
            },
            "outliers": [
                {
                    "trial": trial,
                    "measured": outlier.measured,
                    "predicted": outlier.predicted,
                    "standard_deviations": outlier.offset,
                }
                for trial, outlier in zip(self.outlying, self.outliers, strict=True)
            ],
            "misfits": [{"kind": misfit.kind, "statement": misfit.statement} for misfit in self.misfits],
            "members": dict(self.members),
            "trust": str(self.verdict.trust),
            "reasons": list(self.verdict.reasons),
        }


@dataclass(frozen=True)
class FitReport(Mapping[str, MetricFit]):
    """Metric to what held-out values say of its forward map.

    Args:
        fits: one a metric.
        left_out: recorded metrics that no map could be made of, with the reason.
        forward: the map.
    """

    fits: Mapping[str, MetricFit]
    left_out: Mapping[str, str]
    forward: ForwardMap = field(repr=False)

    def __getitem__(self, metric: str) -> MetricFit:
        if metric not in self.fits:
            self.forward.model(metric)  # raises NotFound, which names the metrics that there are
        return self.fits[metric]

    def __contains__(self, metric: object) -> bool:
        return metric in self.fits

    def __iter__(self) -> Iterator[str]:
        return iter(self.fits)

    def __len__(self) -> int:
        return len(self.fits)


class Mapped(Protocol):
    """A study, as far as its map is concerned."""

    seed: int

    def _fitted(self) -> "Fitted | Climbed":
        """The data as it stands, with what was fitted to it."""


def fit(study: Mapped, metrics: Sequence[str] | None = None) -> FitReport:
    """Fit the forward map to everything observed, and say for each metric how far it may be believed.

    Nothing is trained, nothing is written. Suspected misfits are tested by fitting anew, which takes some tens of
    milliseconds each.

    Args:
        study: the study.
        metrics: which; None for every metric that was recorded.

    Raises:
        NotFound: nothing was observed yet, or none of these metrics.
    """
    fitted = study._fitted()
    data = fitted.data
    if not data.columns:
        raise NotFound("Nothing to fit to: no finite metric was observed yet. Observe or import a training first.")
    unknown = [name for name in metrics or () if name not in data.columns]
    if unknown:
        raise NotFound(f"No training has given the metric `{unknown[0]}`; recorded are {sorted(data.columns)}.")
    forward = fitted.mixed(metrics)
    left_out = {
        name: "no finite value was recorded"
        for name in (data.columns if metrics is None else metrics)
        if name not in forward.models
    }
    fits = {
        name: metric_fit(forward, data, name, seed=child(study.seed, "misfits", name)) for name in forward.models
    }
    return FitReport(fits, left_out, forward)


def metric_fit(forward: ForwardMap, data: Dataset, metric: str, *, seed: int) -> MetricFit:
    """Judge the map of one metric; see `fit`."""
    from physai_inverse.surrogates import GaussianProcess
    from physai_inverse.understanding import calibration, judged, misfits, noise_of, outliers

    model = forward.model(metric)
    scores, noise = model.held_out(), noise_of(model, data.units)
    far = outliers(scores)
    return MetricFit(
        metric=metric,
        scores=scores,
        noise=noise,
        calibration=calibration(scores),
        outliers=far,
        outlying=tuple(data.numbers[item.place] if 0 <= item.place < len(data.numbers) else -1 for item in far),
        misfits=misfits(model, data, metric, GaussianProcess(), seed=seed) if metric in data.columns else (),
        members=dict(model.members),
        verdict=judged(scores, noise),
    )


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
