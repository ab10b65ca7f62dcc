"""How exactly a configuration must be kept to: each parameter moved by itself, and several along a ridge."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from physai_inverse.inverse.posterior import ConfigPosterior, Ridge, is_number, value_at
from physai_inverse.observations import Scalar
from physai_inverse.space import FreeParameter, Space

if TYPE_CHECKING:
    import numpy as np

HALF = 0.5
NUM_STEPS = 96
"""Steps over the range of a number; between two of them the border is interpolated."""

MAX_LEVELS = 64
"""Values of a listed parameter that are tried."""

MAX_RIDGES = 3
RIDGE_REACH = 2.5
"""Standard deviations of the sample along a direction that are tried to either side."""

LEAST_GAIN = 1.3
"""How much farther a parameter must get along a ridge than by itself for the ridge to be told."""


@dataclass(frozen=True)
class Tolerance:
    """How far one parameter may move, the others held, before the probability falls to half of what it was.

    Args:
        name: the parameter.
        value: where it stands.
        low: the least value, of a number; None for a listed parameter.
        high: the greatest value.
        open_below: the range ends, or a constraint does, before the probability has fallen to half.
        open_above: the same towards greater values.
        options: the values of a listed parameter that keep at least half of the probability.
    """

    name: str
    value: Scalar
    low: Scalar | None
    high: Scalar | None
    open_below: bool = False
    open_above: bool = False
    options: tuple[Scalar, ...] = ()

    def as_plain(self) -> dict[str, object]:
        """Give the tolerance as plain values."""
        plain: dict[str, object] = {"name": self.name, "value": self.value}
        if self.low is None:
            return {**plain, "options": list(self.options)}
        ends = {"low": self.low, "high": self.high, "open_below": self.open_below, "open_above": self.open_above}
        return {**plain, **ends}


def tolerances(
    log_probability: "Callable[[np.ndarray], np.ndarray]", space: Space, unit: "np.ndarray"
) -> tuple[Tolerance, ...]:
    """Give the tolerance of every parameter that is active in a configuration.

    Args:
        log_probability: snapped points ``[n, d]`` to log probabilities ``[n]``.
        space: the space.
        unit: ``[d]`` the configuration, snapped.
    """
    import numpy as np

    active = np.flatnonzero(space.activity(unit[None])[0])
    grids = [_grid(space.free[column], float(unit[column])) for column in active]
    points = np.repeat(unit[None], sum(map(len, grids)) + 1, axis=0)
    first = 1
    for column, grid in zip(active, grids, strict=True):
        points[first : first + len(grid), column] = grid
        first += len(grid)
    points = space.moved(unit[None], points)
    values = np.full(len(points), -np.inf)
    allowed = space.feasible(points)
    values[allowed] = log_probability(points[allowed])
    border = values[0] + np.log(HALF)
    result = []
    first = 1
    for column, grid in zip(active, grids, strict=True):
        rows = slice(first, first + len(grid))
        first += len(grid)
        result.append(_tolerance(space, int(column), unit, grid, values[rows], allowed[rows], float(border)))
    return tuple(result)


def _grid(parameter: FreeParameter, unit: float) -> "np.ndarray":
    """Numbers of the unit interval to try: even steps and the place itself, or the middle of every level."""
    import numpy as np

    if is_number(parameter):
        return np.unique(np.append(np.linspace(0.0, 1.0, NUM_STEPS + 1), unit))
    levels = min(parameter.num_levels or 1, MAX_LEVELS)
    return np.asarray((np.arange(levels) + 0.5) / (parameter.num_levels or 1))


def _tolerance(
    space: Space,
    column: int,
    unit: "np.ndarray",
    grid: "np.ndarray",
    values: "np.ndarray",
    allowed: "np.ndarray",
    border: float,
) -> Tolerance:
    import numpy as np

    name, parameter = space.names[column], space.free[column]
    here = value_at(parameter, float(unit[column]))
    if not is_number(parameter):
        kept = parameter.from_unit(grid[values >= border]).tolist()
        return Tolerance(name, here, None, None, options=tuple(kept))
    place = int(np.argmin(np.abs(grid - unit[column])))
    ends, opens = [], []
    for step in (-1, 1):
        row = place
        while 0 <= row + step < len(grid) and values[row + step] >= border:
            row += step
        end, beyond = float(grid[row]), row + step
        opens.append(not 0 <= beyond < len(grid) or not bool(allowed[beyond]))
        if not opens[-1] and np.isfinite(values[beyond]):
            part = (values[row] - border) / max(values[row] - values[beyond], 1e-12)
            end += float(np.clip(part, 0.0, 1.0)) * float(grid[beyond] - grid[row])
        ends.append(value_at(parameter, end))
    return Tolerance(name, here, ends[0], ends[1], opens[0], opens[1])


def ridges(
    log_probability: "Callable[[np.ndarray], np.ndarray]",
    posterior: ConfigPosterior,
    unit: "np.ndarray",
    alone: tuple[Tolerance, ...],
) -> tuple[Ridge, ...]:
    """Give the directions along which several parameters get farther together than one by itself.

    Either way as long as half of the probability is kept.

    Args:
        log_probability: snapped points ``[n, d]`` to log probabilities ``[n]``.
        posterior: the sample whose directions of large spread are tried.
        unit: ``[d]`` the configuration in the middle, snapped.
        alone: its tolerances.
    """
    import numpy as np

    space = posterior.space
    by_name = {tolerance.name: tolerance for tolerance in alone}
    far = np.linspace(-RIDGE_REACH, RIDGE_REACH, 2 * NUM_STEPS + 1)
    result = []
    for spread, steps in posterior.directions()[:MAX_RIDGES]:
        columns = list(steps)
        points = np.repeat(unit[None], len(far), axis=0)
        points[:, columns] += far[:, None] * np.array(list(steps.values()))
        inside = ((points >= 0.0) & (points <= 1.0)).all(axis=1)
        points = space.snap(np.clip(points, 0.0, 1.0))
        inside &= space.feasible(points)
        inside[NUM_STEPS] = True
        values = np.full(len(far), -np.inf)
        values[inside] = log_probability(points[inside])
        ends = [_reached(values, NUM_STEPS, step) for step in (-1, 1)]
        moves = {
            space.names[column]: (
                value_at(space.free[column], float(points[ends[0], column])),
                value_at(space.free[column], float(points[ends[1], column])),
            )
            for column in columns
        }
        first = by_name.get(space.names[columns[0]])
        if first is None:
            continue
        together = abs(float(points[ends[1], columns[0]] - points[ends[0], columns[0]]))
        if together >= LEAST_GAIN * max(_length(space.free[columns[0]], first), 1e-9) and together > 0.0:
            ends_alone = None if first.low is None or first.high is None else (first.low, first.high)
            result.append(Ridge(moves, spread, ends_alone))
    return tuple(result)


def _reached(values: "np.ndarray", place: int, step: int) -> int:
    """Walk from a place as long as half of its probability is kept; give where that ends."""
    import numpy as np

    row = place
    while 0 <= row + step < len(values) and values[row + step] >= values[place] + np.log(HALF):
        row += step
    return row


def _length(parameter: FreeParameter, tolerance: Tolerance) -> float:
    """Give how far a parameter may move by itself, as a share of its range."""
    import numpy as np

    if tolerance.low is None:
        return (len(tolerance.options) - 1) / max((parameter.num_levels or 1), 1)
    low, high = parameter.to_unit(np.array([tolerance.low, tolerance.high], dtype=float))
    return float(high - low)
