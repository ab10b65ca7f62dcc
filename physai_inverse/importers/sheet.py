"""A table as it lies in a file: named columns of raw cells, and the rows that are no rows."""

import ast
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from physai_inverse.errors import InvalidInput
from physai_inverse.importers.cells import unguard
from physai_inverse.importers.naming import vocabulary
from physai_inverse.importers.values import flattened, is_missing

MAX_CELL = 100_000
"""Characters of a cell that may be taken for a mapping."""
NESTED = vocabulary("config summary params metrics hparams hyperparameters parameters results result")


@dataclass(frozen=True)
class Sheet:
    """Columns of raw cells.

    Args:
        name: of the file.
        places: of each row, such as `runs.csv:12`.
        columns: name to one cell a row; None where there is none.
        left_out: a line for each row that is none.
    """

    name: str
    places: tuple[str, ...]
    columns: Mapping[str, list[object]]
    left_out: tuple[str, ...] = ()
    hints: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.places)


def sheet_of_rows(name: str, header: Sequence[str], rows: Sequence[tuple[int, Sequence[str]]]) -> Sheet:
    """Make a sheet of the lines of a text table.

    Args:
        name: of the file.
        header: its first row.
        rows: line number and cells.

    Raises:
        InvalidInput: a name stands twice in the header, the header is one of numbers, or no row has its length.
    """
    names = [unguard(cell.strip()) for cell in header]
    twice = sorted({column for column in names if column and names.count(column) > 1})
    if twice:
        raise InvalidInput(
            f"{name}:1: expected a name of its own for each column, and `{twice[0]}` stands twice; rename one."
        )
    if sum(_is_number(column) for column in names) > len(names) / 2:
        raise InvalidInput(
            f"{name}:1: expected a header with names of columns, got {', '.join(names[:4])}; add a first line "
            "such as lr,width,loss."
        )
    names = [column or f"unnamed column {place}" for place, column in enumerate(names, start=1)]
    kept: list[tuple[str, list[object]]] = []
    left_out: list[str] = []
    for line, cells in rows:
        place = f"{name}:{line}"
        if [cell.strip() for cell in cells] == [cell.strip() for cell in header]:
            left_out.append(f"{place}: the header stands here again.")
        elif len(cells) != len(names):
            left_out.append(f"{place}: expected {len(names)} cells as in the header, got {len(cells)}.")
        else:
            kept.append((place, [unguard(cell) for cell in cells]))
    if not kept:
        more = f" The first: {left_out[0]}" if left_out else ""
        raise InvalidInput(
            f"`{name}` has no rows that fit its header; expected a header and a row for each training.{more}"
        )
    columns = {column: [cells[place] for _, cells in kept] for place, column in enumerate(names)}
    return spread(Sheet(name, tuple(place for place, _ in kept), columns, tuple(left_out)))


def sheet_of_records(
    name: str, records: Sequence[tuple[str, Mapping[str, object]]], left_out: Sequence[str]
) -> Sheet:
    """Make a sheet of mappings.

    Args:
        name: of the file.
        records: place and content; nested settings become names joined by dots.
        left_out: lines on what was no record.
    """
    flat = [(place, _flat(record)) for place, record in records]
    names: dict[str, None] = {}
    for _, record in flat:
        names.update(dict.fromkeys(record))
    columns = {column: [record.get(column) for _, record in flat] for column in names}
    return Sheet(name, tuple(place for place, _ in flat), columns, tuple(left_out))


def spread(sheet: Sheet) -> Sheet:
    """Give cells that hold a mapping (as exports of W&B have them) as columns of their own."""
    found = {column for column in sheet.columns if column.lower() in NESTED}
    mappings = {column: [_mapping(cell) for cell in sheet.columns[column]] for column in found}
    chosen = {
        column
        for column, cells in mappings.items()
        if any(cells)
        and all(
            cell is not None or is_missing(raw) for cell, raw in zip(cells, sheet.columns[column], strict=True)
        )
    }
    if not chosen:
        return sheet
    records = []
    for row, place in enumerate(sheet.places):
        record: dict[str, object] = {}
        for column, cells in sheet.columns.items():
            record[column] = (mappings[column][row] or {}) if column in chosen else cells[row]
        records.append((place, record))
    return sheet_of_records(sheet.name, records, sheet.left_out)


def _flat(record: Mapping[str, object]) -> dict[str, object]:
    """Flatten, but for metrics that are written as mappings."""
    found: dict[str, object] = {}
    for key, value in record.items():
        if isinstance(value, Mapping):
            found |= {f"{key}.{inner}": item for inner, item in _flat_inner(value).items()}
        else:
            found[str(key)] = value
    return found


def _flat_inner(settings: Mapping[str, object]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping) and set(value) <= {"value", "desc"} and "desc" in value:
            found[str(key)] = value.get("value")  # how W&B writes a setting
        elif isinstance(value, Mapping) and not {"steps", "values"} <= set(value) and "value" not in value:
            found |= flattened(value, f"{key}.")
        else:
            found[str(key)] = value
    return found


def _mapping(cell: object) -> Mapping[str, object] | None:
    if isinstance(cell, Mapping):
        return cell
    if not isinstance(cell, str) or not cell.strip().startswith("{") or len(cell) > MAX_CELL:
        return None
    try:
        found = json.loads(cell)
    except (ValueError, RecursionError):
        try:
            found = ast.literal_eval(cell.strip())  # literals only; nothing is run
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            return None
    return {str(key): value for key, value in found.items()} if isinstance(found, dict) else None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
