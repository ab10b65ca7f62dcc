"""Models of what is computed from metrics: the metrics are modelled, never the expression's own values.

A straight line in one metric keeps the metric's closed form. Any other expression is followed by draws: the same
quasi-random normal numbers at every point go through the metrics' latent Gaussians and inverse warps and through
the expression. The draws are then smoothed to an even mixture of narrow normals, shrunk so that mean and variance
stay (West 1993, "Approximating posterior distributions by mixtures"), so that expectations and tail probabilities
have a slope everywhere.

Symbols: n points, s draws, k metrics of an expression. Sources: Astudillo & Frazier 2019, "Bayesian optimization
of composite functions"; the additive recurrence of Roberts 2018, see `space.sampling`.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, cast

from physai_inverse.errors import NotFound
from physai_inverse.forward import (
    LEVELS,
    AbstractMetricModel,
    AbstractWarp,
    Dataset,
    ForwardMap,
    Prediction,
    Scores,
)
from physai_inverse.objective import Objective, Quantity
from physai_inverse.space import Space

if TYPE_CHECKING:
    import numpy as np

NUM_DRAWS = 64
NUM_PREDICTED = 512
"""Draws behind the intervals that people see."""
BANDWIDTH = 0.25
"""Width of each smoothed draw, as a share of the draws' standard deviation."""
FARTHEST = 1e3
"""Draws are held within so many scales of the centre: infinities would leave no mean."""
MAX_REFERENCE = 128
"""Trained points by which an expression is centred and scaled."""
FINEST = 1e-9


class AbstractDerived(AbstractMetricModel):
    """A model that is computed from others."""

    @abstractmethod
    def components(self, units: "np.ndarray", *, noise: bool = False) -> "tuple[np.ndarray, np.ndarray]":
        """Give latent means and deviations, ``[n]``, or ``[n, s]`` for an even mixture of normals.

        Args:
            units: ``[n, d]`` snapped points.
            noise: of one training (with its noise), or of the mean over many.
        """

    def latent(self, units: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
        """Give latent mean and standard deviation ``[n]``."""
        return moments(*self.components(units))

    @abstractmethod
    def remade(self, change: "Callable[[AbstractMetricModel], AbstractMetricModel]") -> "AbstractDerived":
        """Give the same, computed from changed models."""

    def conditioned(self, units: "np.ndarray") -> "AbstractDerived":
        """Give the model as if trainings at points ``[q, d]`` had come out as expected."""
        return self.remade(lambda model: model.conditioned(units))

    def held_out(self) -> Scores:
        """Refuse: the metrics behind it are what is scored.

        Raises:
            NotFound: always.
        """
        raise NotFound(
            "Only metrics are scored on what was held out; ask for those that the expression is made of."
        )


def components(
    model: AbstractMetricModel, units: "np.ndarray", *, noise: bool = False
) -> "tuple[np.ndarray, np.ndarray]":
    """Give latent means and deviations of any model; see `AbstractDerived.components`."""
    import numpy as np

    if isinstance(model, AbstractDerived):
        return model.components(units, noise=noise)
    mean, deviation = model.latent(units)
    return mean, np.hypot(deviation, model.noise) if noise else deviation


def moments(mean: "np.ndarray", deviation: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Give mean and standard deviation ``[n]`` of components."""
    import numpy as np

    if mean.ndim == 1:
        return mean, deviation
    return mean.mean(axis=1), np.sqrt(mean.var(axis=1) + (deviation**2).mean(axis=1))


def log_mean(log_values: "np.ndarray") -> "np.ndarray":
    """Average ``[n]`` or ``[n, s]`` log values over the components, in log form."""
    import numpy as np

    if log_values.ndim == 1:
        return log_values
    top = log_values.max(axis=1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.exp(log_values - top).mean(axis=1)) + top[:, 0])


@cache
def normal_draws(num: int, dimension: int) -> "np.ndarray":
    """Give ``[num, dimension]`` quasi-random standard normal numbers, the same at every call."""
    import numpy as np

    from physai_inverse.normal import ndtri

    golden = 2.0
    for _ in range(60):  # the root of x**(dimension + 1) = x + 1
        golden = (1.0 + golden) ** (1.0 / (dimension + 1))
    steps = golden ** -np.arange(1.0, dimension + 1)
    shares = (0.5 / num + np.arange(num)[:, None] * steps) % 1.0
    draws = ndtri(shares.ravel()).reshape(shares.shape)
    draws = (draws - draws.mean(axis=0)) / draws.std(axis=0)
    draws.flags.writeable = False
    return np.asarray(draws)


@dataclass(frozen=True)
class LineWarp(AbstractWarp):
    """The scale of `slope * y + offset` for a metric `y`; turned around where the slope is negative.

    Args:
        inner: the metric's own.
        slope: not 0.
        offset: any.
    """

    inner: AbstractWarp
    slope: float
    offset: float

    @property
    def sign(self) -> float:
        """The direction."""
        return 1.0 if self.slope > 0 else -1.0

    def forward(self, values: "np.ndarray") -> "np.ndarray":
        """Map values ``[n]`` to the latent scale."""
        return self.sign * self.inner.forward((values - self.offset) / self.slope)

    def inverse(self, latent: "np.ndarray") -> "np.ndarray":
        """Map latent values ``[n]`` to values."""
        return self.slope * self.inner.inverse(self.sign * latent) + self.offset

    def log_slope(self, values: "np.ndarray") -> "np.ndarray":
        """Give ``log(d latent / d value)`` at values ``[n]``."""
        import numpy as np

        return np.asarray(self.inner.log_slope((values - self.offset) / self.slope) - np.log(abs(self.slope)))


@dataclass(frozen=True)
class Line(AbstractDerived):
    """A straight line in one metric: Gaussian on the metric's own scale.

    Args:
        part: the metric's model.
        slope: not 0.
        offset: any.
    """

    part: AbstractMetricModel
    slope: float
    offset: float

    @cached_property
    def warp(self) -> LineWarp:
        """The way to the latent scale."""
        return LineWarp(self.part.warp, self.slope, self.offset)

    @property
    def noise(self) -> float:
        """Latent standard deviation between two trainings of one configuration."""
        return self.part.noise

    def components(self, units: "np.ndarray", *, noise: bool = False) -> "tuple[np.ndarray, np.ndarray]":
        """Give latent means and deviations; see `AbstractDerived`."""
        mean, deviation = components(self.part, units, noise=noise)
        return self.warp.sign * mean, deviation

    def joint(self, units: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
        """Give latent mean ``[n]`` and covariance ``[n, n]`` at points ``[n, d]``."""
        mean, covariance = self.part.joint(units)
        return self.warp.sign * mean, covariance

    def remade(self, change: "Callable[[AbstractMetricModel], AbstractMetricModel]") -> "Line":
        """Give the line in a changed metric."""
        return replace(self, part=change(self.part))

    def distances(self, first: "np.ndarray", second: "np.ndarray") -> "np.ndarray":
        """Give the metric's own distances."""
        return self.part.distances(first, second)


@dataclass(frozen=True)
class ScaleWarp(AbstractWarp):
    """Centring and scaling.

    Args:
        centre: in the expression's units.
        scale: above 0.
    """

    centre: float
    scale: float

    def forward(self, values: "np.ndarray") -> "np.ndarray":
        """Map values ``[n]`` to the latent scale."""
        import numpy as np

        return (np.asarray(values, dtype=float) - self.centre) / self.scale

    def inverse(self, latent: "np.ndarray") -> "np.ndarray":
        """Map latent values ``[n]`` to values."""
        return latent * self.scale + self.centre

    def log_slope(self, values: "np.ndarray") -> "np.ndarray":
        """Give ``log(d latent / d value)`` at values ``[n]``."""
        import numpy as np

        return np.full(np.shape(values), -np.log(self.scale))


@dataclass(frozen=True)
class Composite(AbstractDerived):
    """Any expression, by draws.

    Args:
        quantity: the expression.
        parts: its metrics' models.
        space: whose parameters the expression may speak of; an inactive one counts at its resting value.
        warp_: centre and scale.
        noise_: see `noise`.
    """

    quantity: Quantity
    parts: Mapping[str, AbstractMetricModel]
    space: Space
    warp_: ScaleWarp
    noise_: float

    @property
    def warp(self) -> AbstractWarp:
        """The way to the latent scale."""
        return self.warp_

    @property
    def noise(self) -> float:
        """Latent standard deviation between two trainings of one configuration, on average over those trained."""
        return self.noise_

    def values(self, units: "np.ndarray", num: int, *, noise: bool) -> "np.ndarray":
        """Draw the expression ``[n, num]`` at points ``[n, d]``, in its own units; may be infinite or NaN."""
        import numpy as np

        draws = normal_draws(num, max(len(self.parts), 1))
        drawn: dict[str, np.ndarray] = {}
        for place, (name, model) in enumerate(self.parts.items()):
            mean, deviation = model.latent(units)
            spread = np.hypot(deviation, model.noise) if noise else deviation
            drawn[name] = model.warp.inverse(mean[:, None] + spread[:, None] * draws[:, place])
        return self.evaluated(drawn, units, num)

    def evaluated(self, drawn: "Mapping[str, np.ndarray]", units: "np.ndarray", num: int) -> "np.ndarray":
        """Give the expression ``[n, num]`` of drawn metrics ``[n, num]`` at points ``[n, d]``."""
        import numpy as np

        names = [name for name in self.quantity.names if name not in self.parts]
        given = self.space.values(units) if names else {}
        fixed = {name: np.asarray(given[name])[:, None] for name in names}
        found = self.quantity.evaluate({**drawn, **fixed})
        return np.asarray(np.broadcast_to(found, (len(units), num)))

    def components(self, units: "np.ndarray", *, noise: bool = False) -> "tuple[np.ndarray, np.ndarray]":
        """Give latent means and deviations ``[n, s]``; see `AbstractDerived`."""
        import numpy as np

        latent = _tamed(self.warp_.forward(self.values(units, NUM_DRAWS, noise=noise)))
        mean = latent.mean(axis=1, keepdims=True)
        spread = np.maximum(latent.std(axis=1, keepdims=True), FINEST)
        shrunk = mean + np.sqrt(1 - BANDWIDTH**2) * (latent - mean)
        return shrunk, np.broadcast_to(BANDWIDTH * spread, shrunk.shape)

    def remade(self, change: "Callable[[AbstractMetricModel], AbstractMetricModel]") -> "Composite":
        """Give the expression over changed metrics."""
        return replace(self, parts={name: change(model) for name, model in self.parts.items()})

    def predict(self, units: "np.ndarray", *, noise: bool = True) -> Prediction:
        """Predict in the expression's own units; see `AbstractMetricModel.predict`."""
        import numpy as np

        draws = self.warp_.inverse(_tamed(self.warp_.forward(self.values(units, NUM_PREDICTED, noise=noise))))
        quantiles = np.quantile(draws, LEVELS, axis=1)
        return Prediction(draws.mean(axis=1), draws.std(axis=1), dict(zip(LEVELS, quantiles, strict=True)))

    def distances(self, first: "np.ndarray", second: "np.ndarray") -> "np.ndarray":
        """Give distances ``[n, m]``: those of the metric that tells the points apart best."""
        import numpy as np

        if not self.parts:
            return super().distances(first, second)
        return np.asarray(np.max([model.distances(first, second) for model in self.parts.values()], axis=0))


def _tamed(latent: "np.ndarray") -> "np.ndarray":
    """Hold draws within reach; one that is not defined (a logarithm below zero) counts as the others' mean."""
    import numpy as np

    held = np.clip(latent, -FARTHEST, FARTHEST)
    undefined = np.isnan(held)
    if undefined.any():
        number = np.maximum((~undefined).sum(axis=1, keepdims=True), 1)
        held = np.where(undefined, np.where(undefined, 0.0, held).sum(axis=1, keepdims=True) / number, held)
    return cast("np.ndarray", held)


def with_derived(forward: ForwardMap, objective: Objective, data: Dataset) -> ForwardMap:
    """Give the map with a model of every expression of an objective beside those of its metrics.

    An expression whose metrics are not all modelled is left out, as a metric without values is.

    Args:
        forward: a map of the objective's metrics.
        objective: what is wanted.
        data: the observations behind the map; they centre and scale the expressions.

    Raises:
        NotFound: an expression speaks of a name that is neither a parameter nor a recorded metric, while others
            were recorded.
    """
    models = dict(forward.models)
    for text in objective.derived:
        quantity = Quantity(text)
        names = [name for name in quantity.names if name not in objective.parameters]
        unknown = [name for name in names if name not in data.columns]
        if unknown and data.columns:
            raise NotFound(
                f"The expression `{text}` speaks of {unknown}, which no training gave. There are the metrics "
                f"{sorted(data.columns)} and the parameters {list(data.space.parameters)}."
            )
        if any(name not in models for name in names):
            continue
        line = quantity.line
        if line is not None and line[0] in models:
            models[text] = Line(models[line[0]], line[1], line[2])
        else:
            models[text] = _composite(quantity, {name: models[name] for name in names}, data)
    return replace(forward, models=models)


def _composite(quantity: Quantity, parts: Mapping[str, AbstractMetricModel], data: Dataset) -> Composite:
    import numpy as np

    rough = Composite(quantity, parts, data.space, ScaleWarp(0.0, 1.0), 0.0)
    units = data.units[~data.failed]
    units = (units if len(units) else data.space.rest[None])[:MAX_REFERENCE]
    calm, noisy = (rough.values(units, NUM_DRAWS, noise=noise) for noise in (False, True))
    middles = np.median(calm, axis=1)
    middles = middles[np.isfinite(middles)]
    if not len(middles):
        return rough
    low, centre, high = np.quantile(middles, (0.1, 0.5, 0.9))
    scale = float(max((high - low) / 2.56, middles.std() * 1e-3, abs(centre) * 1e-9, 1e-300))
    warp = ScaleWarp(float(centre), scale)
    extra = _tamed(warp.forward(noisy)).var(axis=1) - _tamed(warp.forward(calm)).var(axis=1)
    return replace(rough, warp_=warp, noise_=float(np.sqrt(max(float(np.median(extra)), 0.0))))


def measured_values(data: Dataset, objective: Objective, rows: "np.ndarray") -> "dict[str, np.ndarray]":
    """Give what `Objective.utility` and `slack` ask for, at some rows ``[n]`` of a dataset, as measured.

    An expression that is not defined at a row counts as the median of the others.
    """
    import numpy as np

    values = {name: data.columns[name].values[rows] for name in objective.metrics}
    given = data.space.values(data.units[rows]) if objective.derived else {}
    for text in objective.derived:
        quantity = Quantity(text)
        known = {name: values[name] if name in values else given[name] for name in quantity.names}
        found = np.array(np.broadcast_to(quantity.evaluate(known), (len(rows),)))
        defined = np.isfinite(found)
        found[~defined] = np.median(found[defined]) if defined.any() else 0.0
        values[text] = found
    return values
