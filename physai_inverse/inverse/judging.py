"""How a configuration is judged: by itself, by its neighbourhood, or by a bad training seed.

A neighbourhood is a fixed set of steps; what the model says at the neighbours is averaged, means and deviations
alike, as if neighbours were wrong together: near points nearly are, and the deviation errs on the wide side. The
worst of a neighbourhood is the neighbour with the worst mean. A quantile over seeds moves the mean by so many
noise deviations; where configurations were trained repeatedly, the noise is learned around them.

Sources: Fröhlich et al. 2020, "Noisy-input entropy search for efficient robust Bayesian optimization" (averaging
the process over a neighbourhood); Makarova et al. 2021, "Risk-averse heteroscedastic Bayesian optimization".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from physai_inverse.errors import InvalidInput
from physai_inverse.forward import (
    AbstractMetricModel,
    AbstractWarp,
    Dataset,
    ForwardMap,
    Prediction,
    Scores,
    normal_quantile,
)
from physai_inverse.inverse.derived import AbstractDerived, components, moments, with_derived
from physai_inverse.objective import Objective, direction
from physai_inverse.space import Float, Integer, Ordinal, Space

if TYPE_CHECKING:
    import numpy as np

NUM_NEIGHBOURS = 8
"""Neighbours beside the point itself and the two ends of each parameter's reach."""
TRUST = 4.0
"""Repeated trainings that the overall noise counts for against those around a point."""


@dataclass(frozen=True)
class Neighbourhood(AbstractDerived):
    """A quantity judged by what lies around.

    Args:
        model: of the quantity itself.
        space: the space.
        steps: ``[p, d]`` steps to the neighbours, in the unit cube.
        way: which way is worse; 0 for the average.
    """

    model: AbstractMetricModel
    space: Space
    steps: "np.ndarray"
    way: int

    @property
    def warp(self) -> AbstractWarp:
        """The quantity's own way to the latent scale."""
        return self.model.warp

    @property
    def noise(self) -> float:
        """Latent standard deviation between two trainings of one configuration."""
        return self.model.noise

    def components(self, units: "np.ndarray", *, noise: bool = False) -> "tuple[np.ndarray, np.ndarray]":
        """Give latent means and deviations; see `AbstractDerived`."""
        import numpy as np

        near = np.clip(units[None] + self.steps[:, None], 0.0, 1.0).reshape(-1, units.shape[1])
        near = self.space.moved(np.tile(units, (len(self.steps), 1)), near)
        mean, deviation = components(self.model, near, noise=noise)
        shape = (len(self.steps), len(units), *mean.shape[1:])
        mean, deviation = mean.reshape(shape), deviation.reshape(shape)
        if not self.way:
            return mean.mean(axis=0), deviation.mean(axis=0)
        worst = (self.way * mean).argmax(axis=0)[None]
        return np.take_along_axis(mean, worst, axis=0)[0], np.take_along_axis(deviation, worst, axis=0)[0]

    def remade(self, change: "Callable[[AbstractMetricModel], AbstractMetricModel]") -> "Neighbourhood":
        """Give the same judgement of a changed quantity."""
        return replace(self, model=change(self.model))

    def held_out(self) -> Scores:
        """Score the quantity itself."""
        return self.model.held_out()

    def distances(self, first: "np.ndarray", second: "np.ndarray") -> "np.ndarray":
        """Give the quantity's own distances."""
        return self.model.distances(first, second)


@dataclass(frozen=True)
class Repeats:
    """How far repeated trainings lay apart.

    Args:
        units: ``[g, d]`` points that were trained more than once.
        squares: ``[g]`` sums of squared latent distances from each one's mean.
        freedom: ``[g]`` trainings less one.
    """

    units: "np.ndarray"
    squares: "np.ndarray"
    freedom: "np.ndarray"


@dataclass(frozen=True)
class SeedQuantile(AbstractDerived):
    """A quantity judged by a bad seed.

    Args:
        model: of the quantity.
        shift: how many noise deviations the mean is moved by, in the direction that is worse.
        repeats: what repeated trainings say of the noise; None where there are none.
    """

    model: AbstractMetricModel
    shift: float
    repeats: Repeats | None

    @property
    def warp(self) -> AbstractWarp:
        """The quantity's own way to the latent scale."""
        return self.model.warp

    @property
    def noise(self) -> float:
        """Latent standard deviation between two trainings of one configuration."""
        return self.model.noise

    def components(self, units: "np.ndarray", *, noise: bool = False) -> "tuple[np.ndarray, np.ndarray]":
        """Give latent means and deviations; see `AbstractDerived`."""
        mean, deviation = components(self.model, units, noise=noise)
        shift = self.shift * self.noise_at(units)
        return mean + (shift if mean.ndim == 1 else shift[:, None]), deviation

    def noise_at(self, units: "np.ndarray") -> "np.ndarray":
        """Give the latent standard deviation ``[n]`` between trainings at points ``[n, d]``.

        The overall variance and those of repeated trainings are averaged, the latter by their nearness.
        """
        import numpy as np

        if isinstance(self.model, AbstractDerived):
            _, calm = moments(*components(self.model, units))
            _, noisy = moments(*components(self.model, units, noise=True))
            return np.asarray(np.sqrt(np.maximum(noisy**2 - calm**2, 0.0)))
        base = self.model.noise**2
        if self.repeats is None:
            return np.full(len(units), np.sqrt(base))
        near = np.exp(-2.0 * self.model.distances(units, self.repeats.units) ** 2)
        return np.asarray(
            np.sqrt((TRUST * base + near @ self.repeats.squares) / (TRUST + near @ self.repeats.freedom))
        )

    def joint(self, units: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
        """Give latent mean ``[n]`` and covariance ``[n, n]`` at points ``[n, d]``."""
        mean, covariance = self.model.joint(units)
        return mean + self.shift * self.noise_at(units), covariance

    def predict(self, units: "np.ndarray", *, noise: bool = True) -> Prediction:
        """Predict what one training gives, or the mean over many: as the quantity itself does."""
        return self.model.predict(units, noise=noise)

    def remade(self, change: "Callable[[AbstractMetricModel], AbstractMetricModel]") -> "SeedQuantile":
        """Give the same judgement of a changed quantity."""
        return replace(self, model=change(self.model))

    def held_out(self) -> Scores:
        """Score the quantity itself."""
        return self.model.held_out()

    def distances(self, first: "np.ndarray", second: "np.ndarray") -> "np.ndarray":
        """Give the quantity's own distances."""
        return self.model.distances(first, second)


def judged(forward: ForwardMap, objective: Objective, data: Dataset) -> ForwardMap:
    """Give the map by which an objective judges configurations: with its expressions, and as it asks, robust.

    Args:
        forward: a map of the objective's metrics.
        objective: what is wanted.
        data: the observations behind the map.

    Raises:
        InvalidInput: `robust` speaks of a parameter that has no neighbours.
        NotFound: see `with_derived`.
    """
    forward = with_derived(forward, objective, data)
    if not objective.robust and objective.seeds is None:
        return forward
    models = dict(forward.models)
    steps = neighbours(data.space, objective.robust) if objective.robust else None
    for goal in objective.goals:
        model = forward.models.get(goal.metric)
        if model is None:
            continue
        way = direction(goal) or 0
        if objective.seeds is not None:
            shift = way * normal_quantile(objective.seeds)
            model = SeedQuantile(model, shift, _repeats(model, goal.metric, data))
        if steps is not None:
            model = Neighbourhood(model, data.space, steps, way if objective.worst else 0)
        models[goal.metric] = model
    return replace(forward, models=models)


def check_robust(space: Space, robust: Mapping[str, float]) -> None:
    """Check that every parameter of a neighbourhood has neighbours.

    Raises:
        InvalidInput: an unknown parameter, or one without an order.
    """
    for name in robust:
        parameter = space.parameters.get(name)
        if not isinstance(parameter, Float | Integer | Ordinal):
            what = (
                "no parameter" if parameter is None else f"a {type(parameter).__name__}, which has no neighbours"
            )
            ordered = [n for n, p in space.parameters.items() if isinstance(p, Float | Integer | Ordinal)]
            raise InvalidInput(f"`robust` speaks of `{name}`, {what}; expected some of {ordered}.")


def neighbours(space: Space, robust: Mapping[str, float]) -> "np.ndarray":
    """Give steps ``[p, d]`` to a neighbourhood: none, each reach to both sides, and an even filling in pairs.

    Raises:
        InvalidInput: see `check_robust`.
    """
    import numpy as np

    check_robust(space, robust)
    columns = [space.names.index(name) for name in robust]
    reach = np.array(list(robust.values()))
    ends = np.concatenate([np.diag(reach), -np.diag(reach)])
    golden = 2.0
    for _ in range(60):
        golden = (1.0 + golden) ** (1.0 / (len(reach) + 1))
    turns = np.arange(1, NUM_NEIGHBOURS // 2 + 1)[:, None] * golden ** -np.arange(1.0, len(reach) + 1)
    half = (2.0 * (turns % 1.0) - 1.0) * reach
    steps = np.zeros((1 + len(ends) + 2 * len(half), space.dimension))
    steps[:, columns] = np.concatenate([np.zeros((1, len(reach))), ends, half, -half])
    return steps


def _repeats(model: AbstractMetricModel, metric: str, data: Dataset) -> Repeats | None:
    import numpy as np

    column = data.columns.get(metric)
    if column is None or isinstance(model, AbstractDerived):
        return None
    rows = np.flatnonzero(np.isfinite(column.values) & (column.censored == 0) & ~data.failed)
    latent = model.warp.forward(column.values[rows])
    rows, latent = rows[np.isfinite(latent)], latent[np.isfinite(latent)]
    points, group = np.unique(data.units[rows], axis=0, return_inverse=True)
    group = group.reshape(-1)
    count = np.bincount(group, minlength=len(points))
    mean = np.bincount(group, latent, minlength=len(points)) / np.maximum(count, 1)
    squares = np.bincount(group, (latent - mean[group]) ** 2, minlength=len(points))
    often = count > 1
    if not often.any():
        return None
    return Repeats(points[often], squares[often], count[often] - 1.0)
