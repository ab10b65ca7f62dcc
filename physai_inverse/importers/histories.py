"""Long tables: a row is one point of a training's curves, and many rows are one training."""

from collections.abc import Mapping
from dataclasses import dataclass

from physai_inverse.errors import InvalidInput
from physai_inverse.importers.naming import NAMES, STEP, likeness, words
from physai_inverse.importers.sheet import Sheet
from physai_inverse.importers.values import is_missing, plain_text, read_number_value

LEAST_ROWS = 3
"""Rows of a training, on average, that make a table long."""


@dataclass(frozen=True)
class Histories:
    """The rows of each training.

    Args:
        step: the column of the steps.
        groups: the rows of each training, in order of the step.
        varying: columns that change within a training.
        why: how the trainings were told apart.
    """

    step: str
    groups: tuple[tuple[int, ...], ...]
    varying: tuple[str, ...]
    why: str


def find_histories(sheet: Sheet, mapping: Mapping[str, str]) -> Histories | None:
    """Find the trainings of a long table; None where a row is a training.

    Args:
        sheet: the table.
        mapping: what the user says; a column that is `step` makes the table long.

    Raises:
        InvalidInput: the table was said to be long, and its rows make no curves.
    """
    asked = next((column for column, target in mapping.items() if target == "step"), None)
    named = {column.lower(): column for column in sheet.columns if column not in mapping}
    candidates = [asked] if asked else [named[word] for word in STEP if word in named]
    for step in candidates:
        found = _by_step(sheet, step, least=1 if asked else LEAST_ROWS)
        if found is not None:
            return found
    if asked:
        raise InvalidInput(f"`{asked}` was said to be the step, and its cells are no steps of at least 0.")
    return None


def _by_step(sheet: Sheet, step: str, *, least: int) -> Histories | None:
    read = [read_number_value(cell) for cell in sheet.columns[step]]
    if any(value is None or not value >= 0 for value in read):
        return None
    steps = [float(value) for value in read if value is not None]
    for key in _keys(sheet, step):
        rows: dict[str, list[int]] = {}
        for row, cell in enumerate(sheet.columns[key]):
            rows.setdefault(plain_text(cell), []).append(row)
        groups = tuple(tuple(sorted(members, key=lambda row: steps[row])) for members in rows.values())
        if len(sheet) >= least * len(groups):
            return _checked(sheet, step, groups, f"rows of one `{key}` are one training", asked=least == 1)
    segments: list[list[int]] = []
    for row, value in enumerate(steps):
        if segments and value > steps[segments[-1][-1]]:
            segments[-1].append(row)
        else:
            segments.append([row])
    if len(sheet) < least * len(segments):
        return None
    groups = tuple(map(tuple, segments))
    return _checked(sheet, step, groups, f"a training begins wherever `{step}` starts anew", asked=least == 1)


def _keys(sheet: Sheet, step: str) -> list[str]:
    """List columns that may name the training of a row."""
    return [
        column
        for column in sheet.columns
        if column != step
        and "_".join(words(column)) in NAMES
        and len({plain_text(c) for c in sheet.columns[column]}) > 1
    ]


def _checked(
    sheet: Sheet, step: str, groups: tuple[tuple[int, ...], ...], why: str, *, asked: bool
) -> Histories | None:
    """Give the trainings, where what is named like a parameter holds still in some column of each."""
    varying = [
        column
        for column, cells in sheet.columns.items()
        if column != step
        and any(
            len({plain_text(cells[row]) for row in group if not is_missing(cells[row])}) > 1 for group in groups
        )
    ]
    if not varying:
        return None
    still = [
        column
        for column in sheet.columns
        if column not in varying and column != step and "_".join(words(column)) not in NAMES
    ]
    if asked:
        return Histories(step, groups, tuple(varying), why)
    # Rows that number the trainings of a search look like steps, too; but there the settings change in every row.
    if len(groups) == 1 or not any(likeness(column) <= 0 for column in still):
        return None
    return Histories(step, groups, tuple(varying), why)
