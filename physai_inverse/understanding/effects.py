"""How each parameter acts on a metric, by the forward map.

For every parameter one table ``[g, s]`` of latent predictions is made: `g` values of the parameter down, `s`
configurations of everything else across. A row's mean is the effect of a value (partial dependence, Friedman
2001); the variance of these means is the first-order share of the parameter, and the mean variance of the columns
its total share (Sobol' 1993; Homma & Saltelli 1996), both exact up to the size of the table.

Symbols: `w` ``[g]`` the part of the parameter's range that a value stands for; `W` ``[g, s]`` the weight of a cell
in the uniform distribution over what conditions and constraints allow; its columns sum to one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from physai_inverse.errors import InvalidInput
from physai_inverse.forward import LEVELS, ForwardMap, normal_quantile
from physai_inverse.observations import Scalar
from physai_inverse.seeds import child, generator
from physai_inverse.space import Float, Integer, Space
from physai_inverse.space.parameters import FreeParameter
from physai_inverse.space.sampling import sample_units

if TYPE_CHECKING:
    import numpy as np

NUM_POINTS = 16
NUM_SAMPLES = 256


@dataclass(frozen=True)
class Effect:
    """How one parameter acts on one metric, averaged over the other parameters.

    The average is taken on the scale on which the metric is modelled and then brought to the metric's units: for a
    loss modelled by its logarithm it is a geometric mean. Only configurations in which the parameter is active
    take part. The band shows how well the average itself is known, without the noise of a training; it is an
    upper bound, since it takes the errors at the averaged configurations as going together.

    Args:
        parameter: its name.
        metric: the metric.
        values: ``[g]`` values in the parameter's own units, ascending or as listed.
        average: ``[g]`` the metric's units.
        quantiles: level to ``[g]``, the ends of the 50 % and 90 % bands, in the metric's units.
        success: ``[g]`` mean probability that a training ends with finite metrics.
        share: part of the variance of the latent prediction over the space that this parameter explains by
            itself, in [0, 1].
        total_share: the same with everything in which it takes part together with others; at least `share`
            where there is no constraint.
        active: part of the space in which the parameter is active, in [0, 1].
    """

    parameter: str
    metric: str
    values: tuple[Scalar, ...]
    average: "np.ndarray" = field(repr=False)
    quantiles: "Mapping[float, np.ndarray]" = field(repr=False)
    success: "np.ndarray" = field(repr=False)
    share: float
    total_share: float
    active: float


def main_effects(
    forward: ForwardMap,
    metric: str,
    *,
    seed: int,
    num_points: int = NUM_POINTS,
    num_samples: int = NUM_SAMPLES,
) -> list[Effect]:
    """Give the effect of every free parameter on a metric.

    Args:
        forward: the map.
        metric: a metric of the map.
        seed: the stream of the averaged configurations.
        num_points: values along a number; an integer with fewer has all its own, a list always has all.
        num_samples: averaged configurations, best a power of two; shares are good to about one over it.

    Returns:
        One effect a parameter, in the order of the space.

    Raises:
        NotFound: the map has no such metric.
        InvalidInput: fewer than 2 points or samples.
    """
    import numpy as np

    if num_points < 2 or num_samples < 2:
        raise InvalidInput(
            f"`num_points` and `num_samples` must be at least 2, not {num_points!r} and {num_samples!r}."
        )
    model, space = forward.model(metric), forward.space
    others = _others(space, num_samples, seed)
    shares = {name for group in space.groups.values() for name in group.parts}
    result = []
    for column, (name, parameter) in enumerate(zip(space.names, space.free, strict=True)):
        grid, part = _grid(parameter, num_points)
        if name in shares:  # a mixture has more small shares than large ones
            part = np.diff(space.cumulative(column, np.concatenate([[0.0], (grid[1:] + grid[:-1]) / 2, [1.0]])))
        tiled = np.tile(others, (len(grid), 1))
        tiled[:, column] = np.repeat(grid, len(others))
        points = space.moved(np.tile(others, (len(grid), 1)), tiled)
        table = (len(grid), len(others))
        mean, deviation = (array.reshape(table) for array in model.latent(points))
        weight = part[:, None] * space.feasible(points).reshape(table)
        reached = weight.sum(axis=0)
        # Over the length of what is allowed: each column then stands for its configuration once.
        weight = np.divide(weight, reached, out=np.zeros(table), where=reached > 0)
        share, total = _shares(mean, weight)
        active = space.activity(points)[:, column].reshape(table)
        shown = weight * active
        rows = np.flatnonzero(shown.sum(axis=1) > 0)
        shown = shown[rows] / shown[rows].sum(axis=1, keepdims=True)
        centre, spread = ((shown * array[rows]).sum(axis=1) for array in (mean, deviation))
        success = np.ones(len(rows))
        if forward.success is not None:
            success = (shown * forward.success.probability(points).reshape(table)[rows]).sum(axis=1)
        result.append(
            Effect(
                parameter=name,
                metric=metric,
                values=tuple(parameter.from_unit(grid[rows]).tolist()),
                average=model.warp.inverse(centre),
                quantiles={
                    level: model.warp.inverse(centre + normal_quantile(level) * spread) for level in LEVELS
                },
                success=success,
                share=share,
                total_share=total,
                active=float((weight * active).sum() / max(weight.sum(), 1e-300)),
            )
        )
    return result


def _others(space: Space, num: int, seed: int) -> "np.ndarray":
    """Draw points ``[s, d]`` of the cube that are allowed, not snapped: inactive columns are filled, too.

    So a parameter that another value of its parent wakes up is spread over its range, rather than at its rest.
    """
    import numpy as np

    if not space.constraints:
        from scipy.stats import qmc

        sobol = qmc.Sobol(space.dimension, rng=np.random.default_rng(child(seed, "effects")))
        return space.even(np.asarray(sobol.random(1 << (num - 1).bit_length())[:num]))
    points = sample_units(space, num, seed=child(seed, "effects"), method="sobol", sparse=False)
    asleep = generator(seed, "effects", "asleep").random(points.shape)
    return np.where(space.activity(points), points, space.even(asleep))


def _grid(parameter: FreeParameter, num: int) -> "tuple[np.ndarray, np.ndarray]":
    """Give places ``[g]`` in [0, 1] with the parts ``[g]`` of the range that they stand for, summing to one."""
    import numpy as np

    if not isinstance(parameter, Float | Integer):
        count = len(parameter.options)
        return (np.arange(count) + 0.5) / count, np.full(count, 1.0 / count)
    if isinstance(parameter, Integer) and cast("int", parameter.num_levels) <= num:
        values = np.arange(parameter.low, parameter.high + 1)
        edges = values[:-1] + 0.5  # an integer's cell of the unit cube ends half-way to the next
        cuts = np.concatenate([[0.0], parameter.to_unit(edges), [1.0]])
        return parameter.to_unit(values), np.diff(cuts)
    units = np.linspace(0.0, 1.0, num)
    trapezoid = np.full(num, 1.0 / (num - 1))
    trapezoid[[0, -1]] /= 2
    values, place = np.unique(parameter.from_unit(units), return_inverse=True)
    return parameter.to_unit(values), np.bincount(place, weights=trapezoid)


def _shares(mean: "np.ndarray", weight: "np.ndarray") -> tuple[float, float]:
    """Give first-order and total share from a table ``[g, s]``, by the law of total variance."""
    import numpy as np

    overall = weight.sum()
    if overall <= 0:
        return 0.0, 0.0
    centred = mean - (weight * mean).sum() / overall
    variance = (weight * centred**2).sum() / overall
    if not variance > 1e-12 * max(1.0, float(np.square(mean).max())):  # a flat map: what is left is rounding
        return 0.0, 0.0
    of_value = weight.sum(axis=1)
    by_value = np.divide((weight * centred).sum(axis=1), of_value, out=np.zeros(len(mean)), where=of_value > 0)
    by_column = (weight * centred).sum(axis=0)  # the columns of `weight` sum to one, or are empty
    first = (of_value * by_value**2).sum() / overall
    within = (weight * (centred - by_column) ** 2).sum() / overall
    return float(np.clip(first / variance, 0.0, 1.0)), float(np.clip(within / variance, 0.0, 1.0))
