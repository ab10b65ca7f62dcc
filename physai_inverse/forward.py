"""What is predicted: the forward map from configurations to metrics, and the contract of a recipe for it.

A metric is modelled on a *latent* scale, on which it is Gaussian: `z = warp(y)` for an increasing function `warp`.
Everything above speaks either of the latent mean and standard deviation (closed forms, for the inverse) or of
`Prediction`, in the metric's own units (for people). `U` ``[n, d]`` are snapped points of the unit cube.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from physai_inverse.errors import NotFound
from physai_inverse.observations import Curve, Measurement, Observation, TrialState, metric_names
from physai_inverse.space import Space

if TYPE_CHECKING:
    import numpy as np

CURVE_SUFFIX = "_curve"
"""`loss_curve` beside `loss`: the way to it; only `loss` is predicted."""

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles of a prediction: the median, and the ends of the 50 % and 90 % intervals."""


@dataclass(frozen=True)
class Column:
    """The values of one metric over the rows of a `Dataset`.

    Args:
        values: ``[n]``; NaN where the metric was not recorded or not finite.
        errors: ``[n]`` standard errors in the metric's units; 0 where not known.
        censored: ``[n]`` integers; 1 where the truth lies above the value, -1 below, 0 for a value.
    """

    values: "np.ndarray"
    errors: "np.ndarray"
    censored: "np.ndarray"

    @cached_property
    def rows(self) -> "np.ndarray":
        """Indices of the rows that have a value."""
        import numpy as np

        return np.flatnonzero(np.isfinite(self.values))


@dataclass(frozen=True)
class Dataset:
    """Observations as arrays.

    Args:
        space: the space.
        units: ``[n, d]`` snapped points.
        columns: metric to its values.
        failed: ``[n]`` booleans: the training failed in a way that says something about the configuration.
        numbers: the trial number of each row.
        kinds: the class of failure of each row, None where it did not fail; empty where no class is known.
    """

    space: Space
    units: "np.ndarray"
    columns: Mapping[str, Column]
    failed: "np.ndarray"
    numbers: tuple[int, ...] = ()
    kinds: tuple[str | None, ...] = ()

    def __len__(self) -> int:
        return len(self.units)

    @classmethod
    def from_observations(
        cls, space: Space, observations: Sequence[Observation], *, earlier: "Dataset | None" = None
    ) -> "Dataset":
        """Build a dataset; preempted trainings are left out, configurations of older versions completed.

        Args:
            space: the space.
            observations: of a study, in order of their numbers.
            earlier: a dataset of the same study and space; trials that it holds keep their points, since a
                finished trial never changes.

        Raises:
            InvalidInput: a configuration does not fit the space.
        """
        import numpy as np

        kept = [observation for observation in observations if observation.kind != "preempted"]
        columns = {}
        names = metric_names(kept)
        for name in names:
            if name.endswith(CURVE_SUFFIX) and name.removesuffix(CURVE_SUFFIX) in names:
                continue  # its last value is a metric of its own
            values, errors = np.full(len(kept), np.nan), np.zeros(len(kept))
            censored = np.zeros(len(kept), dtype=np.int8)
            for row, observation in enumerate(kept):
                metric = observation.metrics.get(name)
                if metric is None or (isinstance(metric, Curve) and not metric.values):
                    continue
                value = float(metric)
                values[row] = value if math.isfinite(value) else np.nan
                if isinstance(metric, Measurement):
                    errors[row] = metric.standard_error or 0.0
                    censored[row] = {"above": 1, "below": -1, None: 0}[metric.censored]
            columns[name] = Column(values, errors, censored)
        return cls(
            space=space,
            units=_points(space, kept, earlier),
            columns=columns,
            failed=np.array([observation.state.bad for observation in kept], dtype=bool),
            numbers=tuple(observation.number for observation in kept),
            kinds=tuple(_kind(observation) for observation in kept),
        )


def _points(space: Space, observations: Sequence[Observation], earlier: Dataset | None) -> "np.ndarray":
    import numpy as np

    known = {} if earlier is None else dict(zip(earlier.numbers, earlier.units, strict=True))
    new = [observation for observation in observations if observation.number not in known]
    units = iter(space.snap(space.encode_checked([space.complete(observation.config) for observation in new])))
    points = [known[item.number] if item.number in known else next(units) for item in observations]
    return np.stack(points) if points else np.empty((0, space.dimension))


def _kind(observation: Observation) -> str | None:
    if not observation.state.bad:
        return None
    return observation.kind or ("diverged" if observation.state is TrialState.DIVERGED else "unknown")


@dataclass(frozen=True)
class Prediction:
    """One metric at `n` configurations, in the metric's own units.

    Args:
        mean: ``[n]``.
        standard_deviation: ``[n]``.
        quantiles: level to ``[n]``.
    """

    mean: "np.ndarray"
    standard_deviation: "np.ndarray"
    quantiles: Mapping[float, "np.ndarray"]


@dataclass(frozen=True)
class Scores:
    """How far a model was right about what it had not seen.

    Args:
        rows: number of held-out values.
        rmse: root mean squared error of the predicted median, in the metric's units.
        r2: share of the variance explained, on the scale on which the metric is modelled.
        rank_correlation: Spearman's, between predicted median and value.
        log_density: mean log density of the held-out values, in the metric's units (nats).
        coverage_50: share of values inside their 50 % interval.
        coverage_90: share of values inside their 90 % interval.
        crps: mean continuous ranked probability score, in the metric's units; the smaller the better.
        places: ``[rows]`` the row of the dataset that each held-out value stands in; -1 where it is not known.
        ranks: ``[rows]`` where each value lies in its prediction, 0 to 1: even where the intervals are right.
        predicted: ``[rows]`` held-out medians, in the metric's units.
        low: ``[rows]`` lower ends of the 90 % intervals.
        high: ``[rows]`` upper ends of the 90 % intervals.
        measured: ``[rows]`` the values.
    """

    rows: int
    rmse: float
    r2: float
    rank_correlation: float
    log_density: float
    coverage_50: float
    coverage_90: float
    crps: float
    places: "np.ndarray" = field(repr=False)
    ranks: "np.ndarray" = field(repr=False)
    predicted: "np.ndarray" = field(repr=False)
    low: "np.ndarray" = field(repr=False)
    high: "np.ndarray" = field(repr=False)
    measured: "np.ndarray" = field(repr=False)


class AbstractWarp(ABC):
    """An increasing function from a metric's units to the latent scale."""

    @abstractmethod
    def forward(self, values: "np.ndarray") -> "np.ndarray":
        """Map values ``[n]`` to the latent scale; minus or plus infinity where the metric cannot go."""

    @abstractmethod
    def inverse(self, latent: "np.ndarray") -> "np.ndarray":
        """Map latent values ``[n]`` to the metric's units."""

    @abstractmethod
    def log_slope(self, values: "np.ndarray") -> "np.ndarray":
        """Give ``log(d latent / d value)`` at values ``[n]``, for densities in the metric's units."""


class AbstractMetricModel(ABC):
    """What is known of one metric: Gaussian on a latent scale."""

    @property
    @abstractmethod
    def warp(self) -> AbstractWarp:
        """The way to the latent scale."""

    @property
    @abstractmethod
    def noise(self) -> float:
        """Latent standard deviation between two trainings of one configuration."""

    @property
    def leaning(self) -> Mapping[str, float]:
        """What the model leans on besides the data it was fitted to: earlier study to its weight."""
        return {}

    @property
    def num_rows(self) -> int:
        """Number of values that the model rests on; 0 where it does not say."""
        return 0

    @property
    def members(self) -> Mapping[str, float]:
        """What the model is mixed of: surrogate to its weight; empty where it is one piece."""
        return {}

    @abstractmethod
    def latent(self, units: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
        """Give latent mean and standard deviation ``[n]`` of the noise-free metric at points ``[n, d]``."""

    def joint(self, units: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
        """Give latent mean ``[n]`` and covariance ``[n, n]`` of the noise-free metric at points ``[n, d]``.

        Points are independent where a model does not know how they hang together.
        """
        import numpy as np

        mean, deviation = self.latent(units)
        return mean, np.diag(deviation**2)

    @abstractmethod
    def conditioned(self, units: "np.ndarray") -> "AbstractMetricModel":
        """Give the model as it would be if the metric at points ``[q, d]`` were known to be its latent mean.

        The mean stays, the uncertainty shrinks: how trainings that are still running are taken into account.
        """

    @abstractmethod
    def held_out(self) -> Scores:
        """Score the model on values that it did not see (leave one out, or in folds)."""

    def distances(self, first: "np.ndarray", second: "np.ndarray") -> "np.ndarray":
        """Give distances ``[n, m]`` between points ``[n, d]`` and ``[m, d]``, at 1 the metric may well differ.

        Those of the unit cube, where a model has no lengthscales of its own.
        """
        import numpy as np

        return np.asarray(np.linalg.norm(first[:, None] - second, axis=2))

    def predict(self, units: "np.ndarray", *, noise: bool = True) -> Prediction:
        """Predict in the metric's own units.

        Args:
            units: ``[n, d]`` snapped points.
            noise: whether to predict one more training (with its noise), or the mean over many.
        """
        import numpy as np
        from numpy.polynomial.hermite_e import hermegauss

        mean, deviation = self.latent(units)
        spread = np.sqrt(deviation**2 + self.noise**2) if noise else deviation
        nodes, weights = hermegauss(15)
        draws = self.warp.inverse((mean[:, None] + spread[:, None] * nodes).ravel()).reshape(len(mean), -1)
        weights = weights / weights.sum()
        average = draws @ weights
        variance = ((draws - average[:, None]) ** 2) @ weights
        quantiles = self.quantiles(units, LEVELS, noise=noise)
        return Prediction(average, np.sqrt(variance), dict(zip(LEVELS, quantiles.T, strict=True)))

    def quantiles(self, units: "np.ndarray", levels: Sequence[float], *, noise: bool = True) -> "np.ndarray":
        """Give quantiles ``[n, levels]`` at points ``[n, d]``, in the metric's own units.

        Args:
            units: ``[n, d]`` snapped points.
            levels: between 0 and 1.
            noise: whether of one more training (with its noise), or of the mean over many.
        """
        import numpy as np

        mean, deviation = self.latent(units)
        spread = np.sqrt(deviation**2 + self.noise**2) if noise else deviation
        return np.stack([self.warp.inverse(mean + spread * normal_quantile(level)) for level in levels], axis=1)

    def log_density(self, units: "np.ndarray", values: "np.ndarray") -> "np.ndarray":
        """Give the log density ``[n]`` (nats, in the metric's units) that one more training gives these values.

        Args:
            units: ``[n, d]`` snapped points.
            values: ``[n]`` finite, one a point.
        """
        import numpy as np

        mean, deviation = self.latent(units)
        spread = np.sqrt(deviation**2 + self.noise**2)
        offset = (self.warp.forward(values) - mean) / spread
        density = self.warp.log_slope(values) - np.log(spread) - 0.5 * (offset**2 + math.log(2.0 * math.pi))
        return np.asarray(density)


class AbstractSuccessModel(ABC):
    """What is known of failing."""

    @abstractmethod
    def probability(self, units: "np.ndarray") -> "np.ndarray":
        """Give the probability ``[n]`` that a training at points ``[n, d]`` ends with finite metrics."""

    def by_class(self, units: "np.ndarray") -> "dict[str, np.ndarray]":
        """Give for each class of failure its probability ``[n]``; they add up to that of failing."""
        return {"unknown": 1.0 - self.probability(units)}


class AbstractCostModel(ABC):
    """What is known of what a training costs."""

    foreseen: ClassVar[bool] = False
    """Whether it is known before the first training, so that the first ones can be cheap."""

    @abstractmethod
    def log_price(self, units: "np.ndarray") -> "np.ndarray":
        """Give the log expected cost ``[n]`` at points ``[n, d]``, weighed by how far it can be trusted."""

    def pays(self, units: "np.ndarray") -> "np.ndarray":
        """Say which trainings at points ``[n, d]`` should share a program rather than wait for others' results."""
        import numpy as np

        return np.ones(len(units), dtype=bool)

    def beside(self, units: "np.ndarray") -> "AbstractCostModel":  # noqa: ARG002 - of models that know of company
        """Give the price of one more training beside those at points ``[k, d]``."""
        return self


@dataclass(frozen=True)
class ForwardMap:
    """What predicts the metrics, with uncertainty.

    Args:
        space: the space.
        models: metric to its model.
        success: the model of failing; None while nothing failed.
        cost: the model of what a training costs; None where that does not matter.
    """

    space: Space
    models: Mapping[str, AbstractMetricModel]
    success: AbstractSuccessModel | None = None
    cost: AbstractCostModel | None = None

    def model(self, metric: str) -> AbstractMetricModel:
        """Give the model of a metric.

        Raises:
            NotFound: the metric was never recorded with a finite value.
        """
        if metric not in self.models:
            raise NotFound(
                f"There is no forward map of the metric `{metric}`; no training gave a finite value of it. "
                f"There is one of {sorted(self.models)}."
            )
        return self.models[metric]

    def predict(self, units: "np.ndarray", *, noise: bool = True) -> dict[str, Prediction]:
        """Predict every metric at points ``[n, d]``; see `AbstractMetricModel.predict`."""
        return {name: model.predict(units, noise=noise) for name, model in self.models.items()}

    def success_probability(self, units: "np.ndarray") -> "np.ndarray":
        """Give the probability ``[n]`` of ending with finite metrics; one while nothing has failed."""
        import numpy as np

        return np.ones(len(units)) if self.success is None else self.success.probability(units)

    def failure_probabilities(self, units: "np.ndarray") -> "dict[str, np.ndarray]":
        """Give for each class of failure that occurred the probability ``[n]`` of failing by it.

        They add up to one less `success_probability`.
        """
        return {} if self.success is None else self.success.by_class(units)

    def conditioned(self, units: "np.ndarray") -> "ForwardMap":
        """Give the map as if trainings at points ``[q, d]`` had come out as predicted."""
        if not len(units):
            return self
        return replace(self, models={name: model.conditioned(units) for name, model in self.models.items()})


class AbstractSurrogate(ABC):
    """A frozen recipe for a forward map."""

    @abstractmethod
    def fit(self, data: Dataset, *, seed: int, metrics: Sequence[str] | None = None) -> ForwardMap:
        """Fit a map.

        Args:
            data: the observations.
            seed: the stream for what is drawn.
            metrics: which metrics to fit; None for every one with a finite value. Others are left out of the map.

        Raises:
            FitFailed: the numbers defeat the recipe.
        """


def normal_quantile(level: float) -> float:
    """Give the quantile of the standard normal distribution."""
    from statistics import NormalDist

    return NormalDist().inv_cdf(level)
