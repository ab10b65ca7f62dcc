"""What a study answers with: predictions, a recommendation, an answer to an inverse query."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from physai_inverse.forward import ForwardMap, Prediction, Scores
from physai_inverse.observations import Metric, Scalar

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Estimate:
    """One metric predicted at one configuration, in the metric's own units.

    Args:
        mean: the expected value.
        standard_deviation: of what is predicted.
        quantiles: level to value; 0.05 and 0.95 are the ends of the 90 % interval.
    """

    mean: float
    standard_deviation: float
    quantiles: Mapping[float, float]

    @property
    def median(self) -> float:
        """The middle."""
        return self.quantiles[0.5]

    @property
    def interval(self) -> tuple[float, float]:
        """The ends of the 90 % interval."""
        return self.quantiles[0.05], self.quantiles[0.95]

    def as_plain(self) -> dict[str, object]:
        """Give the estimate as plain numbers."""
        return {
            "mean": self.mean,
            "standard_deviation": self.standard_deviation,
            "quantiles": {str(level): value for level, value in self.quantiles.items()},
        }


@dataclass(frozen=True)
class PredictionTable(Mapping[str, Prediction]):
    """Every recorded metric predicted at `n` configurations: metric to `Prediction`.

    Args:
        configs: the `n` configurations.
        predictions: metric to its prediction, arrays ``[n]``.
        success: ``[n]`` probability of ending with finite metrics.
        forward: the forward map that predicted.
    """

    configs: tuple[dict[str, Scalar], ...]
    predictions: Mapping[str, Prediction]
    success: "np.ndarray"
    forward: ForwardMap = field(repr=False)

    def __getitem__(self, metric: str) -> Prediction:
        self.forward.model(metric)  # raises NotFound, which names the metrics that there are
        return self.predictions[metric]

    def __contains__(self, metric: object) -> bool:
        return metric in self.predictions

    def __iter__(self) -> Iterator[str]:
        return iter(self.predictions)

    def __len__(self) -> int:
        return len(self.predictions)

    def estimates(self, row: int) -> dict[str, Estimate]:
        """Give every metric at the configuration of one row."""
        return {
            name: Estimate(
                float(prediction.mean[row]),
                float(prediction.standard_deviation[row]),
                {level: float(values[row]) for level, values in prediction.quantiles.items()},
            )
            for name, prediction in self.predictions.items()
        }

    def scores(self) -> dict[str, Scores]:
        """Score the map of each metric on held-out values; see `Scores`."""
        return {name: self.forward.model(name).held_out() for name in self.predictions}


@dataclass(frozen=True)
class Recommendation:
    """The configuration to use in the end.

    Args:
        number: the trial in which it was trained.
        config: the configuration.
        predictions: metric to its estimate, noise taken off: what many trainings of it would average to.
        probability: see `meaning`.
        meaning: what the probability is of, in words.
        measured: what the trial itself measured.
        trainings: how many trainings of this configuration there are.
        fidelity: how much the trial was given, in a study with a fidelity; predictions are of a full training.
    """

    number: int
    config: dict[str, Scalar]
    predictions: dict[str, Estimate]
    probability: float
    meaning: str
    measured: Mapping[str, Metric]
    trainings: int
    fidelity: float | None = None


@dataclass(frozen=True)
class Answer(Sequence[dict[str, Scalar]]):
    """The answer to an inverse query: a sequence of configurations, most probable first.

    Args:
        query: the query, in words.
        configs: diverse configurations.
        probabilities: one each: that a training of it meets the query.
        predictions: one each: metric to its estimate for one training, noise included.
        reachable: whether any configuration of this space is likely to meet the query.
        statement: the verdict in words.
    """

    query: str
    configs: tuple[dict[str, Scalar], ...]
    probabilities: tuple[float, ...]
    predictions: tuple[dict[str, Estimate], ...]
    reachable: bool
    statement: str

    def __getitem__(self, index: int) -> dict[str, Scalar]:  # type: ignore[override]  # no slices
        return self.configs[index]

    def __len__(self) -> int:
        return len(self.configs)
