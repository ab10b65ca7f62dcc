"""Everything that must hold in a store, tried on all of it.

The database's own checks find a broken file. Checksums find a changed row. The history, a chain of events that
names the checksum of every row it wrote, finds rows that were removed, added or put back to an earlier state.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.engine import Connection

from physai_inverse.errors import PhysaiInverseError, StoreDamaged
from physai_inverse.observations import TrialState
from physai_inverse.store import rows, tables
from physai_inverse.store.connection import Database
from physai_inverse.store.encoding import JSON, curve_names, read_config, read_curve, read_json, read_metrics
from physai_inverse.store.tables import (
    CurveRow,
    LeaseRow,
    ObservationRow,
    ProgressRow,
    RequestRow,
    SpaceRow,
    StudyRow,
    TrialRow,
    intact,
    table_of,
)

MAX_PROBLEMS = 100
Checked = TypeVar(
    "Checked", StudyRow, SpaceRow, TrialRow, LeaseRow, ObservationRow, CurveRow, ProgressRow, RequestRow
)


def problems(database: Database) -> list[str]:
    """List what is wrong, at most 100 lines; empty when nothing is."""
    found: list[str] = []
    try:
        with database.read() as connection:
            for problem in _problems(connection):
                found.append(problem)
                if len(found) == MAX_PROBLEMS:
                    break
    except StoreDamaged as error:
        found.append(str(error))
    return found


def _problems(connection: Connection) -> Iterator[str]:
    if connection.dialect.name == "sqlite":
        for (line,) in connection.exec_driver_sql("PRAGMA integrity_check(20)"):
            if line != "ok":
                yield f"the file: {line}"
        for row in connection.exec_driver_sql("PRAGMA foreign_key_check"):
            yield f"table `{row[0]}` refers to a row of `{row[2]}` that is not there"
        yield from _schema(connection)
    heads = list(connection.execute(select(tables.study).order_by(tables.study.c.id)))
    for found in heads:
        head = StudyRow._make(found)
        for problem in _of_study(connection, head):
            yield f"study `{head.name}`: {problem}"
    ids = {found.id for found in heads}
    for name, table in tables.metadata.tables.items():
        if name != "study":
            strangers = set(connection.execute(select(table.c.study).distinct()).scalars()) - ids
            if strangers:
                yield f"table `{name}` has rows of studies that are not there: {sorted(map(str, strangers))}"


def _schema(connection: Connection) -> Iterator[str]:
    known = set(tables.metadata.tables)
    found = set(connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars())
    if found != known:
        yield f"the tables are {sorted(found)}, expected {sorted(known)}"
    triggers = set(connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE type = 'trigger'").scalars())
    if triggers != set(tables.triggers("sqlite")):
        yield "the triggers that keep what is finished are not as they were made"


def _of_study(connection: Connection, head: StudyRow) -> Iterator[str]:
    yield from _tried(lambda: intact(head))
    spaces, bad = _read(connection, SpaceRow, head)
    trials, more = _read(connection, TrialRow, head)
    bad += more
    leases, more = _read(connection, LeaseRow, head)
    bad += more
    observations, more = _read(connection, ObservationRow, head)
    bad += more
    curves, more = _read(connection, CurveRow, head)
    bad += more
    progress, more = _read(connection, ProgressRow, head)
    bad += more
    requests, more = _read(connection, RequestRow, head)
    bad += more
    yield from bad
    if [row.version for row in spaces] != list(range(1, head.num_spaces + 1)):
        yield f"it has the spaces {[row.version for row in spaces]}, expected 1 to {head.num_spaces}"
    if [row.number for row in trials] != list(range(head.num_trials)):
        yield f"it has {len(trials)} trials, expected the numbers 0 to {head.num_trials - 1} without gaps"
    yield from _trials(head, trials, leases, observations)
    yield from _curves(observations, curves)
    yield from _progress(trials, progress)
    yield from _history(connection, head, spaces, trials, observations, requests)


def _read(connection: Connection, kind: type[Checked], head: StudyRow) -> tuple[list[Checked], list[str]]:
    table = tables.metadata.tables[table_of(kind)]
    statement = select(table).where(table.c.study == head.id).order_by(*table.primary_key)
    good: list[Checked] = []
    bad: list[str] = []
    for found in connection.execute(statement):
        row: Checked = kind._make(found)
        try:
            good.append(intact(row))
        except StoreDamaged as error:
            bad.append(str(error))
    return good, bad


def _trials(
    head: StudyRow, trials: list[TrialRow], leases: list[LeaseRow], observations: list[ObservationRow]
) -> Iterator[str]:
    attempts = Counter(row.number for row in leases)
    results: dict[int, list[ObservationRow]] = {}
    for row in observations:
        results.setdefault(row.number, []).append(row)
    for trial in trials:
        state = TrialState(trial.state)
        seen = results.pop(trial.number, [])
        if [row.ordinal for row in seen] != list(range(len(seen))) or bool(seen) != state.finished:
            yield f"trial {trial.number} is {state} and has {len(seen)} observations"
        elif seen and seen[0].state != trial.state:
            yield f"trial {trial.number} is {state} and was observed as {seen[0].state}"
        if attempts.pop(trial.number, 0) != trial.attempt:
            yield f"trial {trial.number} is in attempt {trial.attempt} and has other leases"
        if state is TrialState.RUNNING and trial.attempt == 0:
            yield f"trial {trial.number} is running without a lease"
        if trial.continues is not None and not 0 <= trial.continues < trial.number:
            yield f"trial {trial.number} continues trial {trial.continues}, which did not come before it"
        if not 1 <= trial.version <= head.version:
            yield f"trial {trial.number} has version {trial.version}, the study {head.version}"
        yield from _tried(lambda trial=trial: (read_config(trial.config), read_json(trial.note)))
    if results or attempts:
        yield f"there are results or leases of trials that are not there: {sorted({*results, *attempts})[:10]}"


def _curves(observations: list[ObservationRow], curves: list[CurveRow]) -> Iterator[str]:
    texts: dict[tuple[int, int], dict[str, str]] = {}
    for curve in curves:
        texts.setdefault((curve.number, curve.ordinal), {})[curve.metric] = curve.points
    for row in observations:
        own = texts.pop((row.number, row.ordinal), {})
        yield from _tried(lambda row=row, own=own: read_metrics(row.metrics, own))
        if set(own) - set(curve_names(row.metrics)):
            yield f"observation {row.ordinal} of trial {row.number} has curves that it does not know"
    if texts:
        yield f"there are curves of observations that are not there: {sorted(texts)[:10]}"


def _progress(trials: list[TrialRow], progress: list[ProgressRow]) -> Iterator[str]:
    by_number = {trial.number: trial for trial in trials}
    for row in progress:
        trial = by_number.get(row.number)
        if trial is None or TrialState(trial.state).finished or not 1 <= row.attempt <= trial.attempt:
            yield f"there are points of trial {row.number}, which is not running"
        yield from _tried(lambda row=row: [read_curve(text) for text in json.loads(row.points).values()])


def _history(
    connection: Connection,
    head: StudyRow,
    spaces: list[SpaceRow],
    trials: list[TrialRow],
    observations: list[ObservationRow],
    requests: list[RequestRow],
) -> Iterator[str]:
    """Replay the events and compare the checksums that they name with those of the rows."""
    try:
        events = rows.event_rows(connection, head, 0)
    except PhysaiInverseError as error:
        yield str(error)
        return
    written: dict[str, dict[str, JSON]] = {"trials": {}, "observations": {}, "requests": {}, "spaces": {}}
    objective: JSON = None
    for event in events:
        body = read_json(event.body)
        for table in ("trials", "observations", "spaces"):
            part = body.get(table)
            if isinstance(part, dict):
                written[table].update(part)
        if "request" in body:
            written["requests"][str(event.seq)] = body["request"]
        objective = body.get("objective", objective)
    present = {
        "trials": {str(row.number): row.crc for row in trials},
        "observations": {f"{row.number}/{row.ordinal}": row.crc for row in observations},
        "requests": {str(row.version): row.crc for row in requests},
        "spaces": {str(row.version): row.crc for row in spaces},
    }
    for table, named in written.items():
        if present[table] != named:
            differing = {key for key, _ in set(present[table].items()) ^ set(named.items())}
            yield f"{table} are not what the history says: {sorted(differing)[:10]}"
    if objective is not None and objective != read_json(head.objective):
        yield "the objective is not what the history says"


def _tried(action: object) -> Iterator[str]:
    """Give the problem that an action meets."""
    try:
        action()  # type: ignore[operator]  # a function without arguments
    except (PhysaiInverseError, ValueError, TypeError, KeyError, AttributeError) as error:
        yield str(error) or type(error).__name__
