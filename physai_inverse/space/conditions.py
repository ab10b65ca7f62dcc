"""When a parameter is active: a condition on its parents.

Either a mapping of parent to the values under which the parameter is active (all must hold), or an expression
such as `"depth >= 2"`. A parameter whose parent is inactive is inactive, too, to any depth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from physai_inverse.errors import InvalidInput
from physai_inverse.expressions import Expression
from physai_inverse.observations import Scalar

if TYPE_CHECKING:
    import numpy as np

When: TypeAlias = "Mapping[str, Scalar | Sequence[Scalar]] | str | Condition | None"


@dataclass(frozen=True)
class Condition:
    """A condition on parents.

    Args:
        allowed: parent name to the values that allow the parameter; empty where `expression` is used.
        expression: the text of an expression; empty where `allowed` is used.
    """

    allowed: tuple[tuple[str, tuple[Scalar, ...]], ...] = ()
    expression: str = ""

    @cached_property
    def parents(self) -> frozenset[str]:
        """Names of the parameters that decide."""
        if self.expression:
            return Expression(self.expression).names
        return frozenset(name for name, _ in self.allowed)

    def holds(self, values: Mapping[str, Any]) -> "np.ndarray":
        """Evaluate for values or ``[n]`` arrays of the parents; gives booleans of the same shape."""
        import numpy as np

        if self.expression:
            return np.asarray(Expression(self.expression).evaluate(values), dtype=bool)
        result = np.asarray(True)
        for name, allowed in self.allowed:
            array = np.asarray(values[name])
            result = result & np.logical_or.reduce([np.asarray(array == value, dtype=bool) for value in allowed])
        return result

    def as_plain(self) -> str | dict[str, list[Scalar]]:
        """Give the condition as a study file writes it."""
        return self.expression or {name: list(allowed) for name, allowed in self.allowed}

    def __str__(self) -> str:
        if self.expression:
            return self.expression
        return " and ".join(
            f"{name} = {values[0]}" if len(values) == 1 else f"{name} in {{{', '.join(map(str, values))}}}"
            for name, values in self.allowed
        )


def as_condition(when: When) -> Condition | None:
    """Check a condition at the door.

    Raises:
        InvalidInput: neither a mapping of parent to values nor a true-or-false expression.
    """
    if when is None or isinstance(when, Condition):
        return when
    if isinstance(when, str):
        expression = Expression(when)
        if not expression.is_condition:
            raise InvalidInput(f"`when` must be true or false, such as 'depth >= 2', not {when!r}.")
        return Condition(expression=expression.text)
    if not isinstance(when, Mapping) or not when:
        raise InvalidInput(
            "`when` must map a parent to the values that make this parameter active, such as "
            f"{{'optimizer': ['sgd']}}, or be an expression such as 'depth >= 2'; got {when!r}."
        )
    allowed: list[tuple[str, tuple[Scalar, ...]]] = []
    for name, values in when.items():
        listed = [values] if isinstance(values, bool | int | float | str) else list(values)
        if (
            not isinstance(name, str)
            or not listed
            or not all(isinstance(v, bool | int | float | str) for v in listed)
        ):
            raise InvalidInput(f"`when` needs a parent name and at least one value, not {name!r}: {values!r}.")
        allowed.append((name, tuple(listed)))
    return Condition(tuple(allowed))
