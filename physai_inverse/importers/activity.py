"""When a parameter is active: the values of a parent under which its column is filled, and never empty."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from physai_inverse.observations import Scalar

MAX_PARENT_LEVELS = 32
"""Different values of a parent that can decide."""
ROWS_PER_LEVEL = 2
"""Rows on average to each value of a parent that can decide; values that never repeat would explain anything."""


@dataclass(frozen=True)
class Activity:
    """A condition that the data show without an exception.

    Args:
        parent: the parameter that decides.
        allowed: its values under which the other is there.
        threshold: the same as a comparison such as `>= 3`, where the parent is a number; else empty.
    """

    parent: str
    allowed: tuple[Scalar, ...]
    threshold: str = ""

    def __str__(self) -> str:
        return f"{self.parent} {self.threshold or '= ' + ' or '.join(map(_word, self.allowed))}"


def activity_of(
    name: str, columns: Mapping[str, Sequence[Scalar | None]], parents: Sequence[str]
) -> Activity | None:
    """Find the parent that explains every empty cell of a column.

    Args:
        name: of the column.
        columns: name to one value a row, None where there is none.
        parents: columns that may decide, in order of preference: those that are never empty first.

    Returns:
        None where no parent explains all.
    """
    filled = [value is not None for value in columns[name]]
    for parent in parents:
        values = columns[parent]
        with_value = {value for value, here in zip(values, filled, strict=True) if here}
        without = {value for value, here in zip(values, filled, strict=True) if not here}
        without.discard(None)
        if None in with_value or not with_value or with_value & without:
            continue
        if not without and None not in values:
            continue
        levels = len(with_value | without)
        if levels > MAX_PARENT_LEVELS or len(values) < ROWS_PER_LEVEL * levels or not without:
            continue
        comparison = _comparison(with_value, without)
        if not comparison and _is_number(next(iter(with_value))):
            continue  # numbers decide by a threshold, or it is chance
        order = dict.fromkeys(value for value in values if value in with_value and value is not None)
        return Activity(parent, tuple(order), comparison)
    return None


def _is_number(value: Scalar | None) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _comparison(with_value: set[Scalar | None], without: set[Scalar | None]) -> str:
    numbers = [value for value in with_value if _is_number(value)]
    others = [value for value in without if _is_number(value)]
    if len(numbers) < len(with_value) or len(others) < len(without) or not numbers or not others:
        return ""
    if min(numbers) > max(others):
        return f">= {min(numbers)!r}"
    return f"<= {max(numbers)!r}" if max(numbers) < min(others) else ""


def _word(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
