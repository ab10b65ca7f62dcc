"""Tables of trainings as CSV and JSON lines, written and read.

A CSV file has one row a training. Columns: `number,state,seed,seconds,reason,kind,origin`, then each parameter
under its name (`parameter:NAME` where that is one of these words), then `metric:NAME` with `standard_error:NAME`
and `censored:NAME` where some row has one. A curve is its last value; JSON lines hold it whole. An empty cell
means: not there. In a file from elsewhere every other column with numbers is a metric.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from physai_inverse.errors import InvalidInput, NotFound
from physai_inverse.importers.cells import guard, number_cell
from physai_inverse.importers.columns import ColumnTable
from physai_inverse.importers.forms import plain_metric, read_metrics, scalar_text
from physai_inverse.importers.records import ALIASES, FIELDS, Records
from physai_inverse.observations import Measurement, Observation, Scalar, metric_names
from physai_inverse.space import Space

MAX_BYTES = 2**28
FORMATS = ("csv", "jsonl")


class InvalidTable(InvalidInput):
    """A table with rows that do not fit.

    Args:
        problems: one line each, `file:line: what is wrong`.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems

    def __reduce__(self) -> tuple[type["InvalidTable"], tuple[tuple[str, ...]]]:
        return type(self), (self.problems,)


@dataclass(frozen=True)
class TrialRow:
    """One row to write.

    Args:
        observation: the training; its state may also be an open one.
        origin: where its configuration comes from.
    """

    observation: Observation
    origin: str = ""


@dataclass(frozen=True)
class Table:
    """What was read from a file.

    Args:
        observations: the rows that fit, in the order of the file.
        problems: a line for each row that does not, with its place.
        notes: what was left out of rows or added to them.
    """

    observations: tuple[Observation, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def format_of(path: str) -> str:
    """Tell the format from a file's name.

    Raises:
        InvalidInput: it ends in neither `.csv` nor `.jsonl`.
    """
    ending = Path(path).suffix.lower().lstrip(".")
    if ending not in FORMATS:
        raise InvalidInput(f"`{path}` must end in .csv or .jsonl, which names its format.")
    return ending


def table_text(rows: Sequence[TrialRow], space: Space, form: str) -> str:
    """Write trainings as a table.

    Args:
        rows: the trainings.
        space: names the columns of parameters.
        form: `"csv"` or `"jsonl"`.
    """
    return _csv_text(rows, space) if form == "csv" else "".join(map(_json_line, rows))


def read_table(path: str | Path, space: Space, *, mapping: Mapping[str, str] | None = None) -> Table:
    """Read a file, `.csv` or `.jsonl`.

    Args:
        path: the file.
        space: what the configurations must fit.
        mapping: column of the file to what it is: a parameter, `metric:NAME`, `state`, `seed`, ...; empty to
            leave it out.

    Raises:
        NotFound: there is no such file.
        InvalidInput: it cannot be read as a whole, or its columns cannot be meant.
    """
    source = Path(path)
    form = format_of(str(source))
    text = _read(source)
    records = Records(space)
    read = _read_csv if form == "csv" else _read_jsonl
    observations: list[Observation] = []
    problems: list[str] = []
    notes: list[str] = []
    for line, item in read(text, str(source), records, mapping or {}, notes):
        if isinstance(item, Observation):
            observations.append(item)
        else:
            problems.append(f"{source}:{line}: {item}")
    if not observations and not problems:
        raise InvalidInput(f"`{source}` has no rows; expected a header and at least one training.")
    notes += [f"{note} ({rows} row{'s' if rows > 1 else ''})" for note, rows in records.notes.items()]
    return Table(tuple(observations), tuple(problems), tuple(notes))


def _read(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise NotFound(f"There is no file `{path}`.") from error
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise InvalidInput(f"`{path}` cannot be read: {said}.") from error
    if len(content) > MAX_BYTES:
        raise InvalidInput(f"`{path}` is larger than {MAX_BYTES // 2**20} MiB; split it.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InvalidInput(
            f"{path}:{line}: expected text in UTF-8, got the byte 0x{content[error.start]:02x}; save it as UTF-8."
        ) from error


def _read_csv(
    text: str, name: str, records: Records, mapping: Mapping[str, str], notes: list[str]
) -> Iterator[tuple[int, Observation | InvalidInput]]:
    rows: list[tuple[int, list[str]]] = []
    first = text.partition("\n")[0]
    delimiter = next((mark for mark in ",;\t" if mark in first), ",")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    line = 1
    try:
        for row in reader:
            if any(row):
                rows.append((line, row))
            line = reader.line_num + 1
    except csv.Error as error:
        raise InvalidInput(f"{name}:{reader.line_num}: this is no CSV: {error}.") from error
    if not rows:
        return
    table = ColumnTable(rows[0][1], [row for _, row in rows[1:]], records.space, mapping)
    notes += table.notes
    for line, row in rows[1:]:
        try:
            config, metrics, fields = table.row(row)
            yield line, records.observation(config, metrics, fields)
        except InvalidInput as error:
            yield line, error


def _read_jsonl(
    text: str, _name: str, records: Records, mapping: Mapping[str, str], _notes: list[str]
) -> Iterator[tuple[int, Observation | InvalidInput]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield number, _from_json(line, records, mapping)
            except InvalidInput as error:
                yield number, error


def _from_json(line: str, records: Records, mapping: Mapping[str, str]) -> Observation:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"this is no JSON: {error}.") from error
    if not isinstance(row, dict):
        raise InvalidInput(f'expected an object such as {{"config": {{..}}, "metrics": {{..}}}}, got {line[:60]}.')
    config: dict[str, Scalar] = {}
    metrics: dict[str, object] = {}
    fields: dict[str, object] = {}
    nested = isinstance(row.get("config"), dict)
    if nested:
        config = {mapping.get(key) or key: value for key, value in row.pop("config").items()}
        given = row.pop("metrics", {})
        if not isinstance(given, dict):
            raise InvalidInput(f"`metrics` must be names with numbers, not {given!r}.")
        metrics = dict(given)
    for key, value in row.items():
        target = mapping.get(key, key)
        if not target or value is None:
            continue
        if target in records.space.parameters and not nested:
            config[target] = value
        elif target in FIELDS or target in ALIASES:
            fields[ALIASES.get(target, target)] = value
        elif nested:
            raise InvalidInput(f"`{key}` is none of config, metrics, {', '.join(FIELDS)}.")
        else:
            metrics[target.removeprefix("metric:")] = value
    return records.observation(config, read_metrics(metrics), fields)


def _json_line(row: TrialRow) -> str:
    seen = row.observation
    plain: dict[str, object] = {
        "number": seen.number,
        "state": str(seen.state),
        "config": dict(seen.config),
        "metrics": {name: plain_metric(metric) for name, metric in seen.metrics.items()},
        "seed": seen.seed,
        "seconds": seen.seconds,
        "reason": seen.reason,
        "kind": seen.kind,
        "origin": row.origin or None,
        "fidelity": seen.fidelity,
    }
    kept = {key: value for key, value in plain.items() if value is not None}
    return json.dumps(kept, allow_nan=False, ensure_ascii=False) + "\n"


def _csv_text(rows: Sequence[TrialRow], space: Space) -> str:
    metrics = metric_names(row.observation for row in rows)
    errors: set[str] = set()
    censored: set[str] = set()
    for row in rows:
        for name, metric in row.observation.metrics.items():
            if isinstance(metric, Measurement):
                errors |= {name} if metric.standard_error is not None else set()
                censored |= {name} if metric.censored is not None else set()
    climbing = any(row.observation.fidelity is not None for row in rows)
    header = [name for name in FIELDS if name != "fidelity" or climbing]
    header += [_parameter_column(name) for name in space.parameters]
    for name in metrics:
        header.append(f"metric:{name}")
        header += [f"standard_error:{name}"] * (name in errors) + [f"censored:{name}"] * (name in censored)
    lines = [_csv_line(map(guard, header))]
    lines += [_csv_line(_cells(row, space, metrics, errors, censored, climbing=climbing)) for row in rows]
    return "".join(lines)


def _csv_line(cells: Iterable[str]) -> str:
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\r\n").writerow(cells)  # so that cells with either are quoted
    return stream.getvalue().removesuffix("\r\n") + "\n"


def _cells(
    row: TrialRow,
    space: Space,
    metrics: Iterable[str],
    errors: set[str],
    censored: set[str],
    *,
    climbing: bool,
) -> Iterator[str]:
    seen = row.observation
    yield str(seen.number)
    yield str(seen.state)
    yield "" if seen.seed is None else str(seen.seed)
    yield "" if seen.seconds is None else number_cell(seen.seconds)
    for text in (seen.reason, seen.kind, row.origin):
        yield guard(text or "")
    if climbing:
        yield "" if seen.fidelity is None else number_cell(seen.fidelity)
    for name, parameter in space.parameters.items():
        if name in seen.config:
            value = seen.config[name]
            text = scalar_text(parameter, value)
            yield guard(text) if isinstance(value, str) else text
        else:
            yield ""
    for name in metrics:
        metric = seen.metrics.get(name)
        yield "" if metric is None else number_cell(float(metric))
        error, bound = None, ""
        if isinstance(metric, Measurement):
            error, bound = metric.standard_error, metric.censored or ""
        if name in errors:
            yield "" if error is None else number_cell(error)
        if name in censored:
            yield bound


def _parameter_column(name: str) -> str:
    taken = name in FIELDS or name in ALIASES or name.partition(":")[0] in (
        "parameter", "metric", "standard_error", "censored",
    )  # fmt: skip
    return f"parameter:{name}" if taken else name
