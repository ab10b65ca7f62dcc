"""One write to one study: rows with checksums, one event, one new version.

The study's row is locked first and written last, so everything between has happened wholly or not at all, and
no two writes of a study overlap.
"""

import json
import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from sqlalchemy import Update, and_, bindparam, delete, insert, update
from sqlalchemy.engine import Connection

from physai_inverse.errors import StoreDamaged
from physai_inverse.store import tables
from physai_inverse.store.lease_clock import Moment
from physai_inverse.store.statements import change
from physai_inverse.store.tables import (
    CurveRow,
    EventRow,
    LeaseRow,
    ObservationRow,
    ProgressRow,
    RequestRow,
    Row,
    SpaceRow,
    StudyRow,
    TrialRow,
    chained,
    sealed,
    table_of,
)

INSERTS = {name: insert(table).inline() for name, table in tables.metadata.tables.items()}
UPDATE_STUDY = (
    update(tables.study)
    .where(and_(tables.study.c.id == bindparam("of_id"), tables.study.c.version == bindparam("of_version")))
    .values(
        {name: bindparam(name) for name in ("objective", "num_spaces", "num_trials", "version", "chain", "crc")}
    )
)
UPDATE_TRIAL = (
    update(tables.trial)
    .where(
        and_(
            tables.trial.c.study == bindparam("of_study"),
            tables.trial.c.number == bindparam("of_number"),
            tables.trial.c.version == bindparam("of_version"),
            tables.trial.c.state == bindparam("of_state"),
        )
    )
    .values({name: bindparam(name) for name in ("state", "waiting", "attempt", "version", "crc")})
)
UPDATE_LEASE = (
    update(tables.lease)
    .where(
        and_(
            tables.lease.c.study == bindparam("of_study"),
            tables.lease.c.number == bindparam("of_number"),
            tables.lease.c.attempt == bindparam("of_attempt"),
            tables.lease.c.token == bindparam("of_token"),
        )
    )
    .values({name: bindparam(name) for name in ("boot", "lease_seconds", "ends_at", "crc")})
)


OF_PROGRESS = and_(
    tables.progress.c.study == bindparam("of_study"), tables.progress.c.number == bindparam("of_number")
)
UPDATE_PROGRESS = (
    update(tables.progress)
    .where(OF_PROGRESS)
    .values({name: bindparam(name) for name in ("attempt", "points", "crc")})
)
DELETE_PROGRESS = delete(tables.progress).where(OF_PROGRESS)


class Writing:
    """An open write to a study; it counts only once `finish` was called and the transaction was committed.

    Args:
        connection: in a transaction that holds the study's lock.
        head: the study's row as it is.
        version: the version that this write makes; None for the next one.
    """

    def __init__(self, connection: Connection, head: StudyRow, version: int | None = None) -> None:
        self.connection = connection
        self.head = head
        self.version = head.version + 1 if version is None else version
        self._trials: dict[str, int] = {}
        self._observations: dict[str, int] = {}
        self._spaces: dict[str, int] = {}
        self._request: int | None = None

    def add(self, drafts: Sequence[TrialRow], space_version: int | None = None) -> list[TrialRow]:
        """Insert trials with the next numbers.

        Args:
            drafts: their rows without study, number, space and version.
            space_version: None for the present one.
        """
        first = self.head.num_trials
        trials = [
            sealed(
                draft._replace(
                    study=self.head.id,
                    number=first + index,
                    space_version=space_version or self.head.num_spaces,
                    version=self.version,
                )
            )
            for index, draft in enumerate(drafts)
        ]
        self.head = self.head._replace(num_trials=first + len(trials))
        return self._noted(insert_rows(self.connection, trials))

    def change(self, row: TrialRow, *, state: str, waiting: int = 0, attempt: int | None = None) -> TrialRow:
        """Move an open trial from the state in which it was read to another.

        Raises:
            StoreDamaged: it is not what was read, which the lock excludes.
        """
        attempt = row.attempt if attempt is None else attempt
        new = sealed(row._replace(state=state, waiting=waiting, attempt=attempt, version=self.version))
        old = {"of_study": row.study, "of_number": row.number, "of_version": row.version, "of_state": row.state}
        values = {name: getattr(new, name) for name in ("state", "waiting", "attempt", "version", "crc")}
        self._exactly_one(UPDATE_TRIAL, {**old, **values}, f"trial {row.number}")
        return self._noted([new])[0]

    def grant(self, rows: Iterable[TrialRow], worker: str, lease_seconds: float, now: Moment) -> list[LeaseRow]:
        """Insert a lease for the present attempt of each trial."""
        return insert_rows(
            self.connection,
            [
                sealed(
                    LeaseRow(
                        study=row.study,
                        number=row.number,
                        attempt=row.attempt,
                        token=secrets.token_hex(16),
                        worker=worker,
                        boot=now.boot,
                        lease_seconds=lease_seconds,
                        ends_at=now.seconds + lease_seconds,
                        crc=0,
                    )
                )
                for row in rows
            ],
        )

    def extend(self, lease: LeaseRow, lease_seconds: float, now: Moment) -> None:
        """Let a lease end later."""
        new = sealed(
            lease._replace(boot=now.boot, lease_seconds=lease_seconds, ends_at=now.seconds + lease_seconds)
        )
        old = {
            "of_study": lease.study,
            "of_number": lease.number,
            "of_attempt": lease.attempt,
            "of_token": lease.token,
        }
        values = {name: getattr(new, name) for name in ("boot", "lease_seconds", "ends_at", "crc")}
        self._exactly_one(UPDATE_LEASE, {**old, **values}, f"the lease of trial {lease.number}")

    def observe(self, rows: Sequence[ObservationRow], curves: Sequence[dict[str, str]]) -> list[ObservationRow]:
        """Insert observations with their curves, one mapping of metric to text for each."""
        written = insert_rows(self.connection, [sealed(row) for row in rows])
        gone = [{"of_study": row.study, "of_number": row.number} for row in rows if row.source != "import"]
        if gone:  # what was told on the way is in the result, or superseded by it
            change(self.connection, DELETE_PROGRESS, gone)
        insert_rows(
            self.connection,
            [
                sealed(CurveRow(row.study, row.number, row.ordinal, metric, points, 0))
                for row, texts in zip(written, curves, strict=True)
                for metric, points in texts.items()
            ],
        )
        self._observations.update({f"{row.number}/{row.ordinal}": row.crc for row in written})
        return written

    def note(self, trial: TrialRow, points: str) -> None:
        """Put points in the place of those that a trial has told before."""
        row = sealed(ProgressRow(trial.study, trial.number, trial.attempt, points, 0))
        values = {"attempt": row.attempt, "points": row.points, "crc": row.crc}
        where = {"of_study": row.study, "of_number": row.number}
        if not change(self.connection, UPDATE_PROGRESS, [{**where, **values}]):
            insert_rows(self.connection, [row])

    def add_space(self, body: str) -> int:
        """Insert the next version of the space and give its number."""
        number = self.head.num_spaces + 1
        row = insert_rows(self.connection, [sealed(SpaceRow(self.head.id, number, body, 0))])[0]
        self._spaces[str(number)] = row.crc
        self.head = self.head._replace(num_spaces=number)
        return number

    def answer(self, key: str, verb: str, body: str, answer: object) -> None:
        """Keep the answer to a request."""
        row = sealed(RequestRow(self.head.id, key, verb, body, json.dumps(answer), self.version, 0))
        self._request = insert_rows(self.connection, [row])[0].crc

    def finish(self, kind: str, **details: object) -> None:
        """Write the event and the study's row."""
        written = {
            "trials": self._trials,
            "observations": self._observations,
            "spaces": self._spaces,
            "request": self._request,
        }
        body = json.dumps(
            {**{name: value for name, value in written.items() if value not in (None, {})}, **details}
        )
        event = EventRow(self.head.id, self.version, kind, body, utc_now(), 0)
        event = event._replace(crc=chained(event, self.head.chain))
        insert_rows(self.connection, [event])
        new = sealed(self.head._replace(version=self.version, chain=event.crc))
        values = {
            name: getattr(new, name)
            for name in ("objective", "num_spaces", "num_trials", "version", "chain", "crc")
        }
        old = {"of_id": self.head.id, "of_version": self.head.version}
        self._exactly_one(UPDATE_STUDY, {**old, **values}, f"study `{self.head.name}`")

    def _noted(self, rows: list[TrialRow]) -> list[TrialRow]:
        self._trials.update({str(row.number): row.crc for row in rows})
        return rows

    def _exactly_one(self, statement: Update, values: dict[str, object], what: str) -> None:
        if change(self.connection, statement, [values]) != 1:
            raise StoreDamaged(f"{what} changed under the lock")


def insert_rows(connection: Connection, rows: list[Row]) -> list[Row]:
    """Insert rows of one table and give them back."""
    if rows:
        change(connection, INSERTS[table_of(type(rows[0]))], [row._asdict() for row in rows])
    return rows


def utc_now() -> str:
    """Give the wall clock for people to read; no rule depends on it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
