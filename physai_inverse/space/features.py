"""The encoding that models see: unit-cube columns, categories one-hot, and flags of activity.

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


@dataclass(frozen=True)
class Features:
    """The way from snapped points of the unit cube to the columns of a model.

    Args:
        space: the space.
    """

    space: Space

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
            else:
                columns.append(units[:, place])
        if self._flags:
            active = self.space.activity(units)
            columns += [active[:, column].astype(float) for column in self._flags]
        return np.stack(columns, axis=1) if columns else np.empty((len(units), 0))

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
