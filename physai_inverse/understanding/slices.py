"""What a forward map says around one configuration: along one parameter, and over two.

Only the parameters of the slice move; all others stay as they are at the configuration, but for the other shares
of a mixture, which give way. A parameter that a value wakes up stands at its default, or in the middle of its
range. The predictions are of the noise-free metric: what many trainings would average to.

Symbols: `g` values along a slice, `h` along the second parameter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from physai_inverse.errors import InvalidInput
from physai_inverse.forward import LEVELS, ForwardMap
from physai_inverse.observations import Config, Scalar
from physai_inverse.space import Float, Integer, Space
from physai_inverse.space.parameters import FreeParameter

if TYPE_CHECKING:
    import numpy as np

NUM_SLICE_POINTS = 25
NUM_SURFACE_POINTS = 21
TOLERANCE = 1e-6
"""Of places in the unit cube, well above the rounding of values to twelve digits."""


@dataclass(frozen=True)
class Slice:
    """A metric along one parameter, everything else as it is at a configuration.

    Args:
        parameter: its name.
        metric: the metric.
        values: ``[g]`` values in the parameter's own units, ascending or as listed, those that the constraints
            allow.
        median: ``[g]`` the metric's units.
        quantiles: level to ``[g]``, in the metric's units.
        success: ``[g]`` probability that a training ends with finite metrics.
        here: the value at the configuration.
    """

    parameter: str
    metric: str
    values: tuple[Scalar, ...]
    median: "np.ndarray" = field(repr=False)
    quantiles: "Mapping[float, np.ndarray]" = field(repr=False)
    success: "np.ndarray" = field(repr=False)
    here: Scalar


@dataclass(frozen=True)
class Surface:
    """A metric over two parameters, everything else as it is at a configuration; NaN where that is not allowed.

    Args:
        parameters: their names, the first across.
        metric: the metric.
        across: ``[g]`` values of the first.
        up: ``[h]`` values of the second.
        median: ``[h, g]`` in the metric's units.
        low: ``[h, g]`` lower ends of the 90 % intervals.
        high: ``[h, g]`` upper ends of the 90 % intervals.
    """

    parameters: tuple[str, str]
    metric: str
    across: tuple[Scalar, ...]
    up: tuple[Scalar, ...]
    median: "np.ndarray" = field(repr=False)
    low: "np.ndarray" = field(repr=False)
    high: "np.ndarray" = field(repr=False)


def one_parameter_slices(
    forward: ForwardMap, metric: str, config: Config, *, num_points: int = NUM_SLICE_POINTS
) -> list[Slice]:
    """Give a metric along every parameter that is active at a configuration.

    Args:
        forward: the map.
        metric: a metric of the map.
        config: the configuration; it is completed.
        num_points: along a number; an integer with fewer values has all its own, a list always has all.

    Raises:
        NotFound: the map has no such metric.
        InvalidInput: fewer than 2 points, or a configuration that does not fit the space.
    """
    import numpy as np

    _check(num_points)
    model, space = forward.model(metric), forward.space
    unit = _unit(space, config)
    active = space.activity(unit[None])[0]
    result = []
    for column, (name, parameter) in enumerate(zip(space.names, space.free, strict=True)):
        if not active[column]:
            continue
        grid = _line(parameter, num_points)
        points = np.tile(unit, (len(grid), 1))
        points[:, column] = grid
        snapped = space.moved(_without(unit[None], [column]), points)
        points = snapped[space.feasible(snapped) & _kept(snapped, points, [column])]
        levels = model.quantiles(points, LEVELS, noise=False)
        result.append(
            Slice(
                parameter=name,
                metric=metric,
                values=tuple(parameter.from_unit(points[:, column]).tolist()),
                median=levels[:, LEVELS.index(0.5)],
                quantiles=dict(zip(LEVELS, levels.T, strict=True)),
                success=forward.success_probability(points),
                here=parameter.from_unit(unit[column : column + 1]).tolist()[0],
            )
        )
    return result


def two_parameter_slices(
    forward: ForwardMap,
    metric: str,
    config: Config,
    pairs: Sequence[tuple[str, str]],
    *,
    num_points: int = NUM_SURFACE_POINTS,
) -> list[Surface]:
    """Give a metric over pairs of parameters around a configuration.

    Args:
        forward: the map.
        metric: a metric of the map.
        config: the configuration; it is completed.
        pairs: names of free parameters.
        num_points: along a number, see `one_parameter_slices`.

    Raises:
        NotFound: the map has no such metric.
        InvalidInput: fewer than 2 points, a pair of one parameter or of none that is free, or a configuration that
            does not fit the space.
    """
    import numpy as np

    _check(num_points)
    model, space = forward.model(metric), forward.space
    unit = _unit(space, config)
    result = []
    for pair in pairs:
        if len(set(pair)) != 2 or not set(pair) <= set(space.names):
            raise InvalidInput(f"`pairs` must hold two of {list(space.names)} each, not {pair!r}.")
        columns = [space.names.index(name) for name in pair]
        across, up = (_line(space.free[column], num_points) for column in columns)
        shape = (len(up), len(across))
        points = np.tile(unit, (shape[0] * shape[1], 1))
        points[:, columns[0]] = np.tile(across, len(up))
        points[:, columns[1]] = np.repeat(up, len(across))
        snapped = space.moved(_without(unit[None], columns), points)
        known = space.feasible(snapped) & space.activity(snapped)[:, columns].all(axis=1)
        known &= _kept(snapped, points, columns)
        bands = np.full((len(points), 3), np.nan)
        if known.any():
            bands[known] = model.quantiles(snapped[known], (0.05, 0.5, 0.95), noise=False)
        low, median, high = (bands[:, place].reshape(shape) for place in range(3))
        result.append(
            Surface(
                parameters=pair,
                metric=metric,
                across=tuple(space.free[columns[0]].from_unit(across).tolist()),
                up=tuple(space.free[columns[1]].from_unit(up).tolist()),
                median=median,
                low=low,
                high=high,
            )
        )
    return result


def distances_beside(
    forward: ForwardMap, metric: str, units: "np.ndarray", config: Config, parameters: Sequence[str]
) -> "np.ndarray":
    """Give how far points ``[n, d]`` are from a slice: the distance ``[n]`` in all but the slice's parameters.

    In lengthscales of the metric: at 1 it may well differ. Infinite where a parameter of the slice is not active.
    """
    import numpy as np

    space = forward.space
    unit = _unit(space, config)
    columns = [space.names.index(name) for name in parameters]
    moved = np.array(units, dtype=float)
    moved[:, columns] = unit[columns]
    moved = space.moved(_without(units, columns), moved)
    away = forward.model(metric).distances(unit[None], moved)[0]
    return np.where(space.activity(units)[:, columns].all(axis=1), away, np.inf)


def _without(units: "np.ndarray", columns: Sequence[int]) -> "np.ndarray":
    """Give points ``[n, d]`` whose coordinates in some columns are none, so that any other is a move."""
    import numpy as np

    points = np.array(units, dtype=float)
    points[:, columns] = -1.0
    return points


def _kept(snapped: "np.ndarray", points: "np.ndarray", columns: Sequence[int]) -> "np.ndarray":
    """Say which points ``[n, d]`` stand where they were put: of a mixture not every part can be large."""
    import numpy as np

    return np.asarray((np.abs(snapped - points)[:, columns] <= TOLERANCE).all(axis=1))


def _check(num_points: int) -> None:
    if num_points < 2:
        raise InvalidInput(f"`num_points` must be at least 2, not {num_points!r}.")


def _unit(space: Space, config: Config) -> "np.ndarray":
    unit: np.ndarray = space.snap(space.encode([space.complete(config)]))[0]
    return unit


def _line(parameter: FreeParameter, num: int) -> "np.ndarray":
    """Give places ``[g]`` in [0, 1] along a parameter, each another value."""
    import numpy as np

    if not isinstance(parameter, Float | Integer):
        count = len(parameter.options)
        return np.asarray((np.arange(count) + 0.5) / count)
    if isinstance(parameter, Integer) and cast("int", parameter.num_levels) <= num:
        return np.asarray(parameter.to_unit(np.arange(parameter.low, parameter.high + 1)))
    return np.asarray(parameter.to_unit(np.unique(parameter.from_unit(np.linspace(0.0, 1.0, num)))))
