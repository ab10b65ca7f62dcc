"""Configurations of another space as points of this one, parameter by parameter, by name.

What the other space lacks stands at the default (or the middle) of this one; what this one lacks is left out. A
number outside of this range keeps its distance from it: its coordinate lies beyond the unit cube, so that a model
still learns from it. A category or level that is unknown here has no place, and with it the configuration; nor has
a mixture that holds more than the parts known here. A part that it lacks is absent from it.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from physai_inverse.observations import Config, Scalar
from physai_inverse.space.parameters import Float, FreeParameter, Integer, Ordinal
from physai_inverse.space.shares import SLACK
from physai_inverse.space.space import Space

if TYPE_CHECKING:
    import numpy as np


def aligned(space: Space, configs: Sequence[Config]) -> "tuple[np.ndarray, np.ndarray]":
    """Give the points of configurations that were made in another space.

    Args:
        space: this space.
        configs: `n` configurations of any space.

    Returns:
        Points ``[n, d]``, numbers perhaps beyond [0, 1], and booleans ``[n]``: which configurations have a place.
    """
    import numpy as np

    units = np.tile(space.rest, (len(configs), 1))
    placed = np.ones(len(configs), dtype=bool)
    for column, (name, parameter) in enumerate(zip(space.names, space.free, strict=True)):
        if any(column in columns for _, columns in space.blocks):
            continue
        for row, config in enumerate(configs):
            if name not in config:
                continue
            place = _coordinate(parameter, config[name])
            if place is None:
                placed[row] = False
            else:
                units[row, column] = place
    for group, columns in space.blocks:
        for row, config in enumerate(configs):
            given = [config.get(part, 0.0) for part in group.parts]
            if not any(part in config for part in group.parts):
                continue
            if any(isinstance(share, str | bool) for share in given):
                placed[row] = False
                continue
            shares = np.array(given, dtype=float)
            if not abs(shares.sum() - 1.0) <= SLACK or shares.min() < 0.0:
                placed[row] = False
                continue
            lows = np.array([parameter.low for parameter in group.floats.values()])
            units[row, columns] = (shares / shares.sum() - lows) / group.room
    active = space.activity(np.clip(units, 0.0, 1.0))
    return np.where(active, units, space.rest), placed


def _coordinate(parameter: FreeParameter, value: Scalar) -> float | None:
    """Give the coordinate of a value, None where it has none."""
    import numpy as np

    if isinstance(parameter, Float | Integer):
        if isinstance(value, bool | str) or (parameter.log and value <= 0):
            return None
        if isinstance(parameter, Integer):
            return float(parameter.to_unit(np.array([float(value)]))[0])
        if parameter.log:
            return math.log(value / parameter.low) / math.log(parameter.high / parameter.low)
        return (value - parameter.low) / (parameter.high - parameter.low)
    for place, option in enumerate(parameter.options):
        if option == value and isinstance(option, bool) == isinstance(value, bool):
            return (place + 0.5) / len(parameter.options)
    if isinstance(parameter, Ordinal):
        return _between(parameter, value)
    return None


def _between(parameter: Ordinal, value: Scalar) -> float | None:
    """Interpolate between levels that are increasing numbers."""
    import numpy as np

    levels = [level for level in parameter.options if not isinstance(level, bool | str)]
    if isinstance(value, bool | str) or len(levels) < len(parameter.options) or levels != sorted(levels):
        return None
    if not levels[0] <= value <= levels[-1]:
        return None
    return float((np.interp(value, levels, np.arange(len(levels))) + 0.5) / len(levels))
