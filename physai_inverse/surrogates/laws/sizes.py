"""Which inputs are like a size, and the way from points of the unit cube to their logarithms.

A size is a number whose ratios count and that spans a factor of four or more: parameters, tokens, steps, width.
"""

from dataclasses import dataclass

import numpy as np

from physai_inverse.space import Float, Integer, Ordinal, Space
from physai_inverse.space.parameters import FreeParameter, condition_of

LEAST_RATIO = 4.0
"""Of the ends of an input that counts as a size: a ladder of models may span no more."""
LEAST_LEVELS = 2
"""Different values of an input among the rows; the priors decide the exponent of one that has no more."""
COLLINEAR = 0.02
"""Share of an input's spread that the others must leave unexplained for it to count as one of its own."""
MOST_INPUTS = 12


@dataclass(frozen=True)
class Sizes:
    """The inputs of laws.

    Args:
        space: the space.
        columns: of the unit cube that are like sizes.
        centre: ``[p]`` natural logarithms that count as the middle.
        covered: columns like sizes that those give away.
    """

    space: Space
    columns: tuple[int, ...]
    centre: np.ndarray
    covered: tuple[int, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each input."""
        return tuple(self.space.names[column] for column in self.columns)

    def __call__(self, units: np.ndarray) -> np.ndarray:
        """Give centred natural logarithms ``[n, p]`` at points ``[n, d]``."""
        return np.asarray(_logs(self.space, self.columns, units) - self.centre)

    @classmethod
    def of(cls, space: Space, units: np.ndarray) -> "Sizes":
        """Find the inputs that vary like sizes over rows ``[n, d]``; one that the others give away is left out.

        Of flops, parameters and tokens two are enough: a law knows products and ratios.
        """
        kept: list[int] = []
        covered: list[int] = []
        basis = np.ones((len(units), 1))
        for column, parameter in enumerate(space.free):
            if not is_size(parameter) or len(kept) == MOST_INPUTS:
                continue
            logs = _logs(space, (column,), units)[:, 0]
            if len(np.unique(np.round(logs, 9))) < LEAST_LEVELS:
                continue
            fitted = basis @ np.linalg.lstsq(basis, logs, rcond=None)[0]
            if np.std(logs - fitted) < COLLINEAR * np.std(logs):
                covered.append(column)
                continue
            kept.append(column)
            basis = np.column_stack([basis, logs])
        columns = tuple(kept)
        logs = _logs(space, columns, units)
        return cls(space, columns, logs.mean(axis=0) if len(units) else np.zeros(len(columns)), tuple(covered))


def is_size(parameter: FreeParameter) -> bool:
    """Say whether a parameter is like a size: always active, positive, on a log scale and wide enough.

    An ordinal of numbers counts when its levels are that wide.
    """
    if condition_of(parameter) is not None:
        return False
    if isinstance(parameter, Float | Integer):
        return parameter.log and parameter.high / parameter.low >= LEAST_RATIO
    if isinstance(parameter, Ordinal):
        levels = [level for level in parameter.options if isinstance(level, int | float) and level > 0]
        return len(levels) == len(parameter.options) and max(levels) / min(levels) >= LEAST_RATIO
    return False


def _logs(space: Space, columns: tuple[int, ...], units: np.ndarray) -> np.ndarray:
    found = np.empty((len(units), len(columns)))
    for place, column in enumerate(columns):
        parameter = space.free[column]
        if isinstance(parameter, Float):  # beyond the cube, too: earlier studies may lie there
            found[:, place] = np.log(parameter.low) + units[:, column] * np.log(parameter.high / parameter.low)
        else:
            found[:, place] = np.log(np.asarray(parameter.from_unit(units[:, column]), dtype=float))
    return found
