"""What a study answers with: predictions, a recommendation, an answer to an inverse query."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from physai_inverse.forward import ForwardMap, Prediction, Scores
from physai_inverse.objective import Objective
from physai_inverse.observations import Metric, Scalar

if TYPE_CHECKING:
    import numpy as np

    from physai_inverse.inverse import (
        Chance,
        ConfigPosterior,
        Correlation,
        Marginal,
        Ridge,
        Shortfall,
        Tolerance,
    )


@dataclass(frozen=True)
class Imported:
    """What came of trainings from elsewhere.

    Args:
        numbers: of the trials that they became, for those that were new.
        known: numbers of the trials that they were already, for the others.
    """

    numbers: tuple[int, ...]
    known: tuple[int, ...]


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
        if metric not in self.predictions:
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
        return {
            name: self.forward.model(name).held_out() for name in self.predictions if name in self.forward.models
        }


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
        cautions: why the map behind it is not to be relied on, one sentence a metric; empty where it is.
    """

    number: int
    config: dict[str, Scalar]
    predictions: dict[str, Estimate]
    probability: float
    meaning: str
    measured: Mapping[str, Metric]
    trainings: int
    fidelity: float | None = None
    cautions: tuple[str, ...] = ()


@dataclass(frozen=True)
class ParetoPoint:
    """A configuration that none of those trained is predicted to beat in every wish.

    Args:
        number: a trial in which it was trained.
        config: the configuration.
        predictions: metric to its estimate, noise taken off.
        probability: that no other configuration trained beats it in every wish.
        measured: what the trial itself measured.
    """

    number: int
    config: dict[str, Scalar]
    predictions: dict[str, Estimate]
    probability: float
    measured: Mapping[str, Metric]


@dataclass(frozen=True)
class ParetoSet(Sequence[ParetoPoint]):
    """What several wishes leave to choose from: a sequence of points, best in the first wish first.

    Args:
        objective: what is wanted, in words.
        points: the configurations.
        reference: wish to the worst value that counts for the hypervolume; for a target its distance.
        hypervolume: what the set dominates above the reference, in the metrics' units; None for more than four
            wishes.
        interval: ends of the 90 % interval of the hypervolume of all that was trained.
    """

    objective: str
    points: tuple[ParetoPoint, ...]
    reference: Mapping[str, float]
    hypervolume: float | None
    interval: tuple[float, float] | None

    def __getitem__(self, index: int) -> ParetoPoint:  # type: ignore[override]  # no slices
        return self.points[index]

    def __len__(self) -> int:
        return len(self.points)


@dataclass(frozen=True)
class Answer(Sequence[dict[str, Scalar]]):
    """The answer to an inverse query: a sequence of configurations, most probable first.

    Args:
        query: the query, in words.
        objective: the query.
        bars: for each metric that it minimizes or maximizes, what had to be reached, in its units.
        configs: diverse configurations; where none is likely to meet the query, the closest.
        probabilities: one each: that a training of it meets the query.
        chances: one each: the probability with its interval, and the share of the doubt that more data could take.
        predictions: one each: metric to its estimate for one training, noise included.
        reachable: whether any configuration of this space may well meet the query.
        plausibility: the largest probability that the noise-free metrics of a configuration meet it.
        statement: the verdict in words.
        posterior: configurations of the whole space, weighted by how likely each meets the query.
        tolerances: how far each parameter of the first configuration may move before half of the probability is
            gone.
        ridges: directions along which several may move together for longer.
        shortfalls: for each goal, how far the first configuration is from it.
        cautions: why the map behind it is not to be relied on, one sentence a metric; empty where it is.
    """

    query: str
    objective: Objective = field(repr=False)
    bars: Mapping[str, float]
    configs: tuple[dict[str, Scalar], ...]
    probabilities: tuple[float, ...]
    chances: tuple["Chance", ...] = field(repr=False)
    predictions: tuple[dict[str, Estimate], ...] = field(repr=False)
    reachable: bool
    plausibility: float
    statement: str
    posterior: "ConfigPosterior" = field(repr=False)
    tolerances: tuple["Tolerance", ...] = field(repr=False)
    ridges: tuple["Ridge", ...] = field(repr=False)
    shortfalls: tuple["Shortfall", ...] = field(repr=False)
    cautions: tuple[str, ...] = ()

    def __getitem__(self, index: int) -> dict[str, Scalar]:  # type: ignore[override]  # no slices
        return self.configs[index]

    def __len__(self) -> int:
        return len(self.configs)

    @property
    def marginals(self) -> "tuple[Marginal, ...]":
        """Where each parameter lies among the configurations that meet the query."""
        return self.posterior.marginals

    @property
    def correlations(self) -> "tuple[Correlation, ...]":
        """Which parameters go together among them."""
        return self.posterior.correlations

    @property
    def volume(self) -> float:
        """The share of the space in which one training meets the query with a probability of at least one half."""
        return self.posterior.volume()

    def as_plain(self) -> dict[str, object]:
        """Give the answer as plain values: everything, and of the weighted sample an even thousand."""
        return {
            "query": self.query,
            "bars": dict(self.bars),
            "reachable": self.reachable,
            "plausibility": self.plausibility,
            "statement": self.statement,
            "cautions": list(self.cautions),
            "volume": self.volume,
            "configs": [
                {
                    "config": config,
                    **chance.as_plain(),
                    "predictions": {name: estimate.as_plain() for name, estimate in predictions.items()},
                }
                for config, chance, predictions in zip(self.configs, self.chances, self.predictions, strict=True)
            ],
            "shortfalls": [shortfall.as_plain() for shortfall in self.shortfalls],
            "marginals": [marginal.as_plain() for marginal in self.marginals],
            "tolerances": [tolerance.as_plain() for tolerance in self.tolerances],
            "ridges": [ridge.as_plain() for ridge in self.ridges],
            "correlations": [correlation.as_plain() for correlation in self.correlations],
            "posterior": self.posterior.as_plain(),
        }
