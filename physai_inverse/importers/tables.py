"""Readers of tables: CSV, JSON lines, JSON, Parquet."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path

from physai_inverse.errors import InvalidInput, MissingPackage
from physai_inverse.importers.runs import Source, Wanted
from physai_inverse.importers.sheet import Sheet, sheet_of_records, sheet_of_rows
from physai_inverse.importers.sorting import sort_sheet
from physai_inverse.importers.texts import lines_of, read_text

MARKS = ",;\t|"
CHART = "__MIN"
"""End of columns in W&B's export of a chart."""


def read_delimited(path: Path, wanted: Wanted) -> Source:
    """Read a CSV file: commas, semicolons, tabs or bars; numbers with a decimal point.

    Raises:
        NotFound: there is no such file.
        InvalidInput: it is no table.
    """
    text = read_text(path)
    mark = _mark(text)
    rows: list[tuple[int, list[str]]] = []
    reader = csv.reader(lines_of(text), strict=True, delimiter=mark)
    line = 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append((line, row))
            line = reader.line_num + 1
    except csv.Error as error:
        raise InvalidInput(f"{path}:{reader.line_num}: this is no CSV: {error}.") from error
    if len(rows) < 2:
        raise InvalidInput(f"`{path}` has no rows; expected a header and at least one training.")
    if len(rows[0][1]) < 2:
        raise InvalidInput(
            f"{path}:1: expected a header with at least two columns, separated by commas, semicolons or tabs, "
            f"got {rows[0][1][0][:60]!r}."
        )
    if any(name.endswith(CHART) for name in rows[0][1]):
        raise InvalidInput(
            f"`{path}` is W&B's export of a chart, which holds no configurations. Export the table of runs "
            "instead (with its config columns), or import the folder of offline runs."
        )
    sheet = sheet_of_rows(str(path), rows[0][1], rows[1:])
    return sort_sheet(_decimal_comma(sheet, mark), wanted, kind="table", title=f"table `{path.name}`")


def read_json(path: Path, wanted: Wanted) -> Source:
    """Read JSON lines, a JSON list of objects, or a JSON object of columns.

    Raises:
        NotFound: there is no such file.
        InvalidInput: it is none of these.
    """
    text = read_text(path)
    records, left_out = _records(path, text)
    if not records:
        first = f" The first: {left_out[0]}" if left_out else ""
        raise InvalidInput(
            f"`{path}` has no rows; expected objects such as "
            f'{{"config": {{"lr": 0.1}}, "metrics": {{"loss": 0.3}}}}.{first}'
        )
    sheet = sheet_of_records(str(path), records, left_out)
    return sort_sheet(sheet, wanted, kind="table", title=f"table `{path.name}`")


def read_parquet(path: Path, wanted: Wanted) -> Source:
    """Read a Parquet file.

    Raises:
        MissingPackage: pyarrow is not installed.
        InvalidInput: the file is damaged.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingPackage(
            "Reading Parquet needs `pyarrow`, which is not installed: pip install 'physai-inverse[parquet]'."
        ) from error
    try:
        table = pyarrow.parquet.read_table(path)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        said = " ".join(str(error).split())[:200]
        raise InvalidInput(f"`{path}` begins like Parquet and cannot be read: {said}. Write it again.") from error
    names = [name for name in table.column_names if not name.startswith("__index_level_")]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidInput(f"`{path}`: the column `{twice}` stands twice; rename one of them.")
    columns = {name: [_plain(cell) for cell in table.column(name).to_pylist()] for name in names}
    if not names or not table.num_rows:
        raise InvalidInput(f"`{path}` has no rows; expected at least one training.")
    records = [
        (f"{path}: row {row + 1}", {name: cells[row] for name, cells in columns.items()})
        for row in range(table.num_rows)
    ]
    sheet = sheet_of_records(str(path), records, ())
    return sort_sheet(sheet, wanted, kind="table", title=f"table `{path.name}`")


def _records(path: Path, text: str) -> tuple[list[tuple[str, Mapping[str, object]]], list[str]]:
    left_out: list[str] = []
    records: list[tuple[str, Mapping[str, object]]] = []
    whole = _loaded(text)
    if (
        isinstance(whole, dict)
        and len(whole) > 1
        and all(isinstance(cells, dict | list) for cells in whole.values())
    ):
        turned = _turned(whole)
        if turned is not None:
            return [(f"{path}: row {row}", record) for row, record in enumerate(turned, start=1)], []
    if isinstance(whole, dict):
        return [(f"{path}:1", whole)], []
    if isinstance(whole, list):
        for place, item in enumerate(whole, start=1):
            if isinstance(item, dict):
                records.append((f"{path}: item {place}", item))
            else:
                left_out.append(f"{path}: item {place}: expected an object, got {json.dumps(item)[:60]}.")
        return records, left_out
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
        except (ValueError, RecursionError) as error:
            left_out.append(f"{path}:{number}: this is no JSON: {error}.")
            continue
        if isinstance(item, dict):
            records.append((f"{path}:{number}", item))
        else:
            left_out.append(f"{path}:{number}: expected an object, got {line[:60]}.")
    return records, left_out


def _loaded(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _turned(columns: Mapping[str, object]) -> list[dict[str, object]] | None:
    """Give the rows of a mapping of columns, as pandas writes it."""
    if all(isinstance(cells, list) for cells in columns.values()):
        lists = {name: list(cells) for name, cells in columns.items() if isinstance(cells, list)}
        if len({len(cells) for cells in lists.values()}) == 1:
            return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
        return None
    keyed = {name: cells for name, cells in columns.items() if isinstance(cells, dict)}
    keys = [tuple(cells) for cells in keyed.values()]
    if len(keyed) < len(columns) or len(set(keys)) != 1 or not all(str(key).isdigit() for key in keys[0]):
        return None
    return [{name: cells[key] for name, cells in keyed.items()} for key in keys[0]]


def _mark(text: str) -> str:
    """Find the delimiter: the one that cuts the first lines into most cells, equally many in each."""
    lines = [line for line in text.split("\n", 12)[:12] if line.strip()]
    best, most = ",", 1
    for mark in MARKS:
        try:
            counts = [len(row) for row in csv.reader(lines, delimiter=mark)]
        except csv.Error:
            continue
        if counts and counts[0] > most and sum(count == counts[0] for count in counts) * 2 > len(counts):
            best, most = mark, counts[0]
    return best if most > 1 else next((mark for mark in MARKS if mark in lines[0]), ",")


def _decimal_comma(sheet: Sheet, mark: str) -> Sheet:
    """Read `0,1` as a number where commas do not separate and points stand in no number of the column."""
    if mark == ",":
        return sheet
    columns = dict(sheet.columns)
    changed = []
    for name, cells in sheet.columns.items():
        texts = [cell.strip() for cell in cells if isinstance(cell, str) and cell.strip()]
        if any("," in text for text in texts) and all(_is_comma_number(text) for text in texts):
            columns[name] = [cell.replace(",", ".") if isinstance(cell, str) else cell for cell in cells]
            changed.append(name)
    if not changed:
        return sheet
    hint = f"commas were read as decimal points in {', '.join(changed)}, since {mark!r} separates the columns."
    return Sheet(sheet.name, sheet.places, columns, sheet.left_out, (*sheet.hints, hint))


def _is_comma_number(text: str) -> bool:
    if text.count(",") > 1 or "." in text:
        return False
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def _plain(cell: object) -> object:
    """Give a value of Arrow as JSON has it; dates as text."""
    if cell is None or isinstance(cell, bool | int | float | str | list | dict):
        return cell
    if isinstance(cell, bytes):
        return cell.decode(errors="replace")
    total = getattr(cell, "total_seconds", None)
    if callable(total):
        return float(total())
    iso = getattr(cell, "isoformat", None)
    if callable(iso):
        return str(iso())
    try:
        return float(str(cell))
    except ValueError:
        return str(cell)
