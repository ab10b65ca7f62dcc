"""How far the forward map of a metric may be believed, in words that follow from held-out values alone.

Three verdicts: trust it inside of the data; as a ranking only; not at all. What a metric's noise hides from every
map is not held against this one: R2 is judged against the share that could be explained.

    learnable R2 = R2 / (1 - v / V),   v: variance between trainings of one configuration, V: of all values

Source of the thresholds: R2 of 0.7 leaves an error of about half of the spread of the values; a rank correlation
of 0.4 sorts two random configurations rightly 63 times of 100 (1/2 + asin(0.4) / pi, for normals).
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from physai_inverse.forward import AbstractMetricModel, Scores

if TYPE_CHECKING:
    import numpy as np

LEAST_ROWS = 8
"""Held-out values below which nothing is said."""
GOOD_R2 = 0.7
LEAST_RANK = 0.4
SURE = 2.0
"""Standard errors by which a rank correlation must differ from zero, and coverage from what is claimed."""
LEAST_COVERAGE = 0.85
LEAST_LEARNABLE = 0.05
"""Share of the variance that noise is taken to leave at least."""
OUTLYING = 3.0
"""Standard deviations from the prediction beyond which a value is an outlier."""
MOST_ROWS = 1500
LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Levels of the calibration curve."""


class Trust(StrEnum):
    """What the forward map of a metric is good for."""

    INSIDE = "inside the data"
    RANKING = "only as a ranking"
    NOTHING = "not at all"
    UNKNOWN = "too few trainings to tell"


@dataclass(frozen=True)
class Verdict:
    """How far to believe the forward map of one metric.

    Args:
        trust: what it is good for.
        reasons: why, each a clause without a full stop.
    """

    trust: Trust
    reasons: tuple[str, ...]

    @property
    def bad(self) -> bool:
        """Whether predictions are not to be relied on as they stand."""
        return self.trust in (Trust.RANKING, Trust.NOTHING)

    def __str__(self) -> str:
        return f"{self.trust}: {'; '.join(self.reasons)}"


@dataclass(frozen=True)
class Noise:
    """Where the error of a prediction comes from, as standard deviations on the scale of the model.

    Args:
        trainings: between trainings of one configuration.
        replicates: degrees of freedom that this was measured with; 0 where no configuration was trained twice and
            the model had to guess.
        error: of held-out predictions.
        spread: of all values.
    """

    trainings: float
    replicates: int
    error: float
    spread: float

    @property
    def share(self) -> float:
        """Share of the values' variance that is measured noise; 0 where nobody measured it."""
        if not self.replicates or not self.spread > 0:
            return 0.0
        return min((self.trainings / self.spread) ** 2, 1.0)

    @property
    def model(self) -> float:
        """The part of the error that more data could take."""
        return math.sqrt(max(self.error**2 - self.trainings**2, 0.0))


def judged(scores: Scores, noise: Noise | None = None) -> Verdict:
    """Judge a model by its held-out scores.

    Args:
        scores: of values that it did not see.
        noise: what is known of the noise; None for nothing.
    """
    if scores.rows < LEAST_ROWS:
        return Verdict(Trust.UNKNOWN, (f"{scores.rows} held-out values, and at least {LEAST_ROWS} are needed",))
    if not math.isfinite(scores.r2):
        return Verdict(Trust.UNKNOWN, ("the metric does not vary",))
    learnable = scores.r2 / max(1.0 - (noise.share if noise else 0.0), LEAST_LEARNABLE)
    rank = scores.rank_correlation if math.isfinite(scores.rank_correlation) else 0.0
    reasons = [
        f"it explains {max(scores.r2, 0.0):.0%} of the variance of {scores.rows} values that it had not seen"
    ]
    if noise and noise.share > LEAST_LEARNABLE:
        reasons.append(f"noise between trainings hides {noise.share:.0%} from every map")
    honest = not overconfident(scores)
    if not honest:
        reasons.append(f"only {scores.coverage_90:.0%} of them lie in their 90 % intervals")
    sure = rank > SURE / math.sqrt(scores.rows - 1)
    if learnable >= GOOD_R2 and sure and honest:
        return Verdict(Trust.INSIDE, tuple(reasons))
    if rank >= LEAST_RANK and sure:
        return Verdict(Trust.RANKING, (*reasons, f"their ranks are right with a correlation of {rank:.2f}"))
    why = "their ranks are no better than chance" if not sure else f"their ranks correlate with {rank:.2f} only"
    return Verdict(Trust.NOTHING, (*reasons, why))


def overconfident(scores: Scores) -> bool:
    """Say whether clearly fewer values lie in the 90 % intervals than that: below 85 %, and beyond chance."""
    chance = 0.9 - SURE * math.sqrt(0.9 * 0.1 / max(scores.rows, 1))
    return scores.coverage_90 < min(LEAST_COVERAGE, chance)


def cautions(
    models: Mapping[str, AbstractMetricModel], metrics: Iterable[str], *, most_rows: int = MOST_ROWS
) -> tuple[str, ...]:
    """Warn of the metrics whose maps are not to be relied on as they stand, one sentence each.

    Args:
        models: metric to its model.
        metrics: the metrics that an answer rests on.
        most_rows: models of more are passed over: to leave out each of so many rows would take longer than the
            answer.
    """
    found = []
    for name in metrics:
        model = models.get(name)
        if model is None or model.num_rows > most_rows:
            continue
        verdict = judged(model.held_out(), None)
        if verdict.bad:
            word = "not to be trusted" if verdict.trust is Trust.NOTHING else f"to be trusted {verdict.trust}"
            found.append(f"The map of {name} is {word}: {'; '.join(verdict.reasons)}.")
    return tuple(found)


def noise_of(model: AbstractMetricModel, units: "np.ndarray") -> Noise:
    """Take the error of held-out predictions apart.

    Args:
        model: of the metric.
        units: ``[n, d]`` the points of the dataset that it was fitted to; equal ones are replicates.
    """
    import numpy as np

    scores = model.held_out()
    latent, middle = (model.warp.forward(values) for values in (scores.measured, scores.predicted))
    spread = float(np.std(latent)) if scores.rows else math.nan
    error = float(np.sqrt(np.mean((latent - middle) ** 2))) if scores.rows else math.nan
    known = scores.places >= 0
    if not known.any():
        return Noise(model.noise, 0, error, spread)
    _, group, count = np.unique(units[scores.places[known]], axis=0, return_inverse=True, return_counts=True)
    degrees = int(known.sum() - len(count))
    if degrees < 1:
        return Noise(model.noise, 0, error, spread)
    group, values = group.ravel(), latent[known]
    centre = np.bincount(group, weights=values) / count
    return Noise(float(np.sqrt(np.sum((values - centre[group]) ** 2) / degrees)), degrees, error, spread)


def calibration(scores: Scores) -> tuple[tuple[float, float], ...]:
    """Give the calibration curve: level, and the share of held-out values below the quantile at that level."""
    import numpy as np

    return tuple((level, float(np.mean(scores.ranks <= level))) for level in LEVELS) if scores.rows else ()


@dataclass(frozen=True)
class Outlier:
    """A value far from what all the others predict.

    Args:
        place: its row in the dataset; -1 where it is not known.
        measured: the value.
        predicted: what was expected.
        offset: standard deviations between them, with sign.
    """

    place: int
    measured: float
    predicted: float
    offset: float


def outliers(scores: Scores, most: int = 5) -> tuple[Outlier, ...]:
    """List the values that lie farthest outside of their predictions, the farthest first."""
    import numpy as np

    from physai_inverse.normal import ndtri

    if not scores.rows:
        return ()
    offsets = ndtri(np.clip(scores.ranks, 1e-15, 1.0 - 1e-15))
    order = np.argsort(-np.abs(offsets), kind="stable")[:most]
    return tuple(
        Outlier(
            int(scores.places[row]), float(scores.measured[row]), float(scores.predicted[row]), float(offsets[row])
        )
        for row in order
        if abs(offsets[row]) > OUTLYING
    )
