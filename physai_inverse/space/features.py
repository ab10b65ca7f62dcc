"""The encoding that models see: unit-cube columns, categories one-hot, and flags of activity.

A share becomes a power of itself, of which the evidence may choose the exponent: the root by default, whose
distance is that of Hellinger; the share itself, where differences count; the fourth root, where ratios do.

A category becomes one column a value, scaled by 1/sqrt(2), so that two different values lie at distance one; its
columns share one lengthscale. A parameter that is active under a numeric or written condition has a flag of its
own; one that hangs on categories alone needs none, since their columns already tell the two cases apart.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from physai_inverse.space.parameters import Boolean, Choice, condition_of
from physai_inverse.space.space import Space

if TYPE_CHECKING:
    import numpy as np

EXPONENTS = (0.5, 1.0, 0.25)
"""Of shares; the first is the default. By held-out log density: on trainings with 17-part mixtures the root beat
the share itself by 0.5 nats at 64 rows and 0.1 at 256, and the fourth root added 0.1; for polynomials and bumps
over 3 and 6 parts the share itself was ahead by up to 0.8 nats, for power laws the root by as much."""
LEAST_SLOPED = 1e-6
"""Share below which the slope of a power, infinite at zero, grows no more."""


@dataclass(frozen=True)
class Features:
    """The way from snapped points of the unit cube to the columns of a model.

    Args:
        space: the space.
        exponents: of shares: the one in use, then those that the evidence may prefer.
    """

    space: Space
    exponents: tuple[float, ...] = EXPONENTS

    @property
    def rivals(self) -> "tuple[Features, ...]":
        """The encodings that the evidence may prefer; none where there are no shares."""
        if not self.space.groups:
            return ()
        return tuple(Features(self.space, (exponent,)) for exponent in self.exponents[1:])

    @property
    def exponent(self) -> float:
        """The exponent of shares."""
        return self.exponents[0]

    @cached_property
    def _parts(self) -> frozenset[int]:
        return frozenset(int(column) for _, columns in self.space.blocks for column in columns)

    @cached_property
    def groups(self) -> tuple[int, ...]:
        """For each of the `f` columns the number of its lengthscale."""
        groups: list[int] = []
        for number, parameter in enumerate(self.space.free):
            groups += [number] * (len(parameter.options) if isinstance(parameter, Choice) else 1)
        groups += [self.space.dimension + place for place in range(len(self._flags))]
        return tuple(groups)

    @property
    def num_groups(self) -> int:
        """Number of lengthscales."""
        return max(self.groups) + 1

    @cached_property
    def group_names(self) -> tuple[str, ...]:
        """A name for each lengthscale."""
        return (*self.space.names, *(f"{self.space.names[column]} is active" for column in self._flags))

    def encode(self, units: "np.ndarray") -> "np.ndarray":
        """Map snapped points ``[n, d]`` to features ``[n, f]``."""
        import numpy as np

        columns: list[np.ndarray] = []
        for place, parameter in enumerate(self.space.free):
            if isinstance(parameter, Choice):
                chosen = parameter.places(units[:, place])
                columns += [(chosen == option) * np.sqrt(0.5) for option in range(len(parameter.options))]
            elif isinstance(parameter, Boolean):
                columns.append((units[:, place] >= 0.5).astype(float))
            elif place in self._parts:
                columns.append(np.maximum(units[:, place], 0.0) ** self.exponent)
            else:
                columns.append(units[:, place])
        if self._flags:
            active = self.space.activity(units)
            columns += [active[:, column].astype(float) for column in self._flags]
        return np.stack(columns, axis=1) if columns else np.empty((len(units), 0))

    def slopes(self, units: "np.ndarray") -> "np.ndarray":
        """Give the slope ``[n, f]`` of every feature in its own coordinate; zero for categories and flags."""
        import numpy as np

        slopes = np.zeros((len(units), len(self.groups)))
        for column, group in enumerate(self.groups):
            if group in self._parts:
                share = np.maximum(units[:, group], LEAST_SLOPED)
                slopes[:, column] = self.exponent * share ** (self.exponent - 1.0)
            elif group < self.space.dimension and not isinstance(self.space.free[group], Choice | Boolean):
                slopes[:, column] = 1.0
        return slopes

    @cached_property
    def _flags(self) -> tuple[int, ...]:
        flags: dict[object, int] = {}
        for column, parameter in enumerate(self.space.free):
            condition = condition_of(parameter)
            if condition is None:
                continue
            categorical = not condition.expression and all(
                isinstance(self.space.parameters[parent], Choice | Boolean) for parent in condition.parents
            )
            if not categorical:
                flags.setdefault(condition, column)  # one flag for parameters that share a condition
        return tuple(flags.values())
