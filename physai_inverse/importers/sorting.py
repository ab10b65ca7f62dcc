"""A table to trainings: each column in its role, rows of one training joined, seeds side by side taken apart."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from physai_inverse.errors import InvalidInput
from physai_inverse.importers.endings import read_ending
from physai_inverse.importers.families import Families, families
from physai_inverse.importers.forms import read_metric
from physai_inverse.importers.histories import Histories, find_histories
from physai_inverse.importers.roles import Role, roles
from physai_inverse.importers.runs import Decision, Run, Source, Wanted
from physai_inverse.importers.sheet import Sheet
from physai_inverse.importers.values import (
    is_missing,
    plain_text,
    read_number_value,
    read_seconds_value,
    typed,
)
from physai_inverse.observations import Curve, Measurement, Metric


def sort_sheet(sheet: Sheet, wanted: Wanted, *, kind: str, title: str) -> Source:
    """Make trainings of a table.

    Args:
        sheet: the table.
        wanted: what the user says of it.
        kind: of the source.
        title: of the source.

    Raises:
        InvalidInput: what the user says does not fit the table.
    """
    histories = find_histories(sheet, wanted.mapping)
    decisions: list[Decision] = []
    title = f"{title}, {_count(len(sheet), 'row')}"
    if histories is not None:
        sheet, decisions = _joined(sheet, histories)
        title += f" of {_count(len(sheet), 'training')}"
    varying = histories.varying if histories else ()
    found = roles(sheet, wanted.mapping, varying)
    together = families(
        [column for column, role in found.items() if role.role == "metric" and column not in varying]
    )
    assembly = _Assembly(sheet, found, together)
    runs, left_out = assembly.runs()
    for column, role in found.items():
        if role.role not in ("parameter", "metric"):
            what = {"left out": "", "seed": "of the training", "seconds": "its cost"}.get(role.role, "")
            name = role.role if role.role in ("seed", "seconds", "state", "reason", "kind") else ""
            decisions.append(Decision(column, role.role, what, role.why, name))
    return Source(
        kind,
        title,
        tuple(runs),
        (*sheet.left_out, *left_out),
        tuple(decisions),
        why=assembly.why(),
        hints=sheet.hints,
    )


@dataclass(frozen=True)
class _Assembly:
    """Rows to trainings.

    Args:
        sheet: a row a training, or one for each of its seeds side by side.
        found: the role of each column.
        together: columns that are one metric.
    """

    sheet: Sheet
    found: Mapping[str, Role]
    together: Families

    def why(self) -> dict[str, str]:
        """Say of each parameter and metric why it is one."""
        reasons = {role.name: role.why for role in self.found.values() if role.role in ("parameter", "metric")}
        for metric, members in self.together.replicates.items():
            word = self.together.words[metric]
            reasons[metric] = (
                f"{len(members)} columns `{next(iter(members.values()))}` ..: one training for each {word}"
            )
        for metric, members in self.together.curves.items():
            word = self.together.words[metric]
            reasons[metric] = f"{len(members)} columns `{next(iter(members.values()))}` ..: a curve over `{word}`"
        return reasons

    def runs(self) -> tuple[list[Run], list[str]]:
        """Give the trainings, and a line for each row that is none."""
        runs: list[Run] = []
        left_out: list[str] = []
        columns = self._columns()
        numbers = self._numbers(columns["metric"])
        replicates = sorted({number for members in self.together.replicates.values() for number in members})
        for row, place in enumerate(self.sheet.places):
            try:
                shared = self._metrics(row, numbers)
                if not replicates:
                    run = self._run(row, place, columns, shared, None)
                    runs.append(run)
                    continue
                made = []
                for number in replicates:
                    own = {
                        metric: value
                        for metric, members in self.together.replicates.items()
                        if number in members and (value := self._number(members[number], row)) is not None
                    }
                    if own:
                        made.append(self._run(row, place, columns, {**shared, **own}, number))
                runs += made or [self._run(row, place, columns, shared, None)]
            except InvalidInput as error:
                left_out.append(f"{place}: {error}")
        return runs, left_out

    def _columns(self) -> dict[str, list[str]]:
        grouped: dict[str, list[str]] = {role: [] for role in ("parameter", "metric", "seed", "seconds", "state")}
        for column, role in self.found.items():
            grouped.setdefault(role.role, []).append(column)
        return grouped

    def _numbers(self, metrics: Sequence[str]) -> dict[str, str]:
        """Give the columns that are a metric of their own, with its name."""
        inside = self.together.columns
        return {column: self.found[column].name for column in metrics if column not in inside}

    def _metrics(self, row: int, numbers: Mapping[str, str]) -> dict[str, Metric]:
        metrics: dict[str, Metric] = {}
        for column, name in numbers.items():
            cell = self.sheet.columns[column][row]
            value = cell if isinstance(cell, Curve) else self._metric(column, cell, name)
            if value is not None:
                metrics[name] = value
        for name, members in self.together.curves.items():
            points = {step: self._number(column, row) for step, column in members.items()}
            known = {step: value for step, value in points.items() if value is not None}
            if known:
                metrics[name] = Curve(tuple(map(float, known)), tuple(known.values()))
        return self._with_errors(row, metrics)

    def _metric(self, column: str, cell: object, name: str) -> Metric | None:
        if isinstance(cell, list) and cell and all(isinstance(item, int | float) for item in cell):
            return Curve(tuple(map(float, range(len(cell)))), tuple(map(float, cell)))
        if isinstance(cell, dict):
            return read_metric(cell, name)
        if isinstance(cell, bool):
            return float(cell)
        if cell is None or (
            isinstance(cell, str) and plain_text(cell).lower() not in ("nan", "-nan") and is_missing(cell)
        ):
            return None
        number = read_number_value(cell)
        if number is not None:
            return float(number)
        measured = typed(self.sheet.columns[column])
        row_values = [value for value in typed([cell]).values if isinstance(value, int | float)]
        if measured.kind in ("number", "boolean") and row_values and plain_text(cell) not in measured.bad.values():
            return float(row_values[0])
        seconds = read_seconds_value(cell)
        if seconds is not None:
            return seconds
        raise InvalidInput(f"`{column}`: expected a number, got {plain_text(cell)[:60]!r}.")

    def _number(self, column: str, row: int) -> float | None:
        value = self._metric(column, self.sheet.columns[column][row], column)
        return None if value is None else float(value)

    def _with_errors(self, row: int, metrics: dict[str, Metric]) -> dict[str, Metric]:
        for column, role in self.found.items():
            cell = self.sheet.columns[column][row]
            if role.role in ("standard_error", "censored") and role.name in metrics and not is_missing(cell):
                known = metrics[role.name]
                error = known.standard_error if isinstance(known, Measurement) else None
                bound = known.censored if isinstance(known, Measurement) else None
                if role.role == "censored":
                    bound = plain_text(cell)
                else:
                    error = float(self._metric(column, cell, column) or 0.0)
                metrics[role.name] = Measurement(float(known), error, bound)
        return metrics

    def _run(
        self,
        row: int,
        place: str,
        columns: Mapping[str, Sequence[str]],
        metrics: Mapping[str, Metric],
        replicate: int | None,
    ) -> Run:
        cells = {role: [self.sheet.columns[column][row] for column in columns.get(role, ())] for role in columns}
        params = {self.found[column].name: self.sheet.columns[column][row] for column in columns["parameter"]}
        seed = replicate if replicate is not None else _whole(cells["seed"][0]) if cells["seed"] else None
        reason = next((plain_text(cell) for cell in cells.get("reason", ()) if not is_missing(cell)), None)
        word = plain_text(cells["state"][0]) if cells["state"] else ""
        ending = read_ending(
            word, measured=any(math.isfinite(float(value)) for value in metrics.values()), reason=reason
        )
        if ending.state is None:
            raise InvalidInput(f"{ending.reason}.")
        kind = next((plain_text(cell) for cell in cells.get("kind", ()) if not is_missing(cell)), ending.kind)
        return Run(
            place, params, dict(metrics), ending.state, seed,
            read_seconds_value(_last(cells["seconds"][0])) if cells["seconds"] else None,
            ending.reason, kind if ending.state.bad else None,
        )  # fmt: skip


def _joined(sheet: Sheet, histories: Histories) -> tuple[Sheet, list[Decision]]:
    """Make one row of each training, curves of what changes in it."""
    read = [float(read_number_value(cell) or 0.0) for cell in sheet.columns[histories.step]]
    decisions = [Decision(histories.step, "step", "of the curves", histories.why, "")]
    columns: dict[str, list[object]] = {}
    for column, cells in sheet.columns.items():
        if column == histories.step:
            continue
        if column not in histories.varying:
            columns[column] = [
                next((cells[row] for row in group if not is_missing(cells[row], text=True)), None)
                for group in histories.groups
            ]
        elif typed(cells).kind == "number":
            columns[column] = [_curve(cells, read, group) for group in histories.groups]
        else:
            columns[column] = [plain_text(cells[group[-1]]) for group in histories.groups]
            if column.lower() not in ("state", "status"):
                del columns[column]
                decisions.append(Decision(column, "left out", "", "words that change within a training"))
    places = tuple(sheet.places[group[0]] for group in histories.groups)
    return replace(sheet, places=places, columns=columns), decisions


def _curve(cells: Sequence[object], steps: Sequence[float], group: Sequence[int]) -> Curve | None:
    points: dict[float, float] = {}
    for row in group:
        value = read_number_value(cells[row])
        if value is not None and not (isinstance(cells[row], str) and is_missing(cells[row], text=True)):
            points[steps[row]] = float(value)
    return Curve(tuple(points), tuple(points.values())) if points else None


def _last(cell: object) -> object:
    return cell.values[-1] if isinstance(cell, Curve) else cell


def _whole(cell: object) -> int | None:
    if is_missing(cell):
        return None
    number = read_number_value(cell)
    if number is None or not float(number).is_integer() or not 0 <= number < 2**63:
        raise InvalidInput(f"`seed`: expected a whole number of at least 0, got {plain_text(cell)[:40]!r}.")
    return int(number)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"
