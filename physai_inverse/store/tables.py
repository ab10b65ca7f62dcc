"""The tables of the ledger, and for each table the row as a named tuple with a checksum over all its columns.

`study` is the head: it counts its trials and spaces, and `chain` is the checksum of its whole history,
because each `event` carries the checksum of itself and of the event before. What is finished is kept by triggers.
A lease is live while its trial is running and its attempt is the trial's.
"""

from typing import NamedTuple, TypeVar

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from physai_inverse.errors import StoreDamaged
from physai_inverse.observations import TrialState
from physai_inverse.store.encoding import crc

metadata = MetaData()


class StudyRow(NamedTuple):
    """One study: what it is, and the counts and the chain that its other rows must agree with."""

    id: int
    name: str
    seed: int
    objective: str
    settings: str
    created_at: str
    num_spaces: int
    num_trials: int
    version: int
    chain: int
    crc: int


class SpaceRow(NamedTuple):
    """One numbered version of a study's space."""

    study: int
    version: int
    body: str
    crc: int


class TrialRow(NamedTuple):
    """One trial; `waiting` is 1 while `claim` may hand it out.

    `fidelity` and `continues` came with schema 2. Where both are empty the checksum leaves them out, so that it is
    the one that a row of schema 1 was written with.
    """

    study: int
    number: int
    config: str
    seed: int | None
    origin: str
    note: str
    space_version: int
    state: str
    waiting: int
    attempt: int
    version: int
    fidelity: float | None
    continues: int | None
    crc: int


class LeaseRow(NamedTuple):
    """One handing out of a trial; `ends_at` is in seconds of the clock of `boot`."""

    study: int
    number: int
    attempt: int
    token: str
    worker: str
    boot: str
    lease_seconds: float
    ends_at: float
    crc: int


class ObservationRow(NamedTuple):
    """One result; the one with ordinal 0 finished the trial, the others came late."""

    study: int
    number: int
    ordinal: int
    attempt: int
    source: str
    late: int
    metrics: str
    state: str
    seconds: float | None
    reason: str | None
    kind: str | None
    crc: int


class CurveRow(NamedTuple):
    """The points of one metric's curve; a checksum of `points` stands in the observation's metrics too."""

    study: int
    number: int
    ordinal: int
    metric: str
    points: str
    crc: int


class ProgressRow(NamedTuple):
    """What the curves of a trial without a result have come to; replaced, and removed again."""

    study: int
    number: int
    attempt: int
    points: str
    crc: int


class RequestRow(NamedTuple):
    """The answer that was given to a request key."""

    study: int
    key: str
    verb: str
    body: str
    answer: str
    version: int
    crc: int


class EventRow(NamedTuple):
    """What one write did, numbered by the study version that it made; `crc` continues that of the event before."""

    study: int
    seq: int
    kind: str
    body: str
    at: str
    crc: int


Row = TypeVar(
    "Row",
    StudyRow,
    SpaceRow,
    TrialRow,
    LeaseRow,
    ObservationRow,
    CurveRow,
    ProgressRow,
    RequestRow,
    EventRow,
)


def sealed(row: Row) -> Row:
    """Give the row with the checksum over its other columns."""
    return row._replace(crc=crc(*_covered(row)))


def intact(row: Row) -> Row:
    """Give the row back when its checksum is right.

    Raises:
        StoreDamaged: it is not; names table and row, the caller adds the file.
    """
    if crc(*_covered(row)) != row.crc:
        raise StoreDamaged(
            f"table `{table_of(type(row))}`, row {_key(row)}: its checksum does not fit its content"
        )
    return row


def _covered(row: tuple[object, ...]) -> tuple[object, ...]:
    if isinstance(row, TrialRow) and row.fidelity is None and row.continues is None:
        return row[:-3]
    return row[:-1]


def chained(row: EventRow, before: int) -> int:
    """Give the checksum of an event that follows one with the checksum `before` (0 for the first)."""
    return crc(before, *row[:-1])


def table_of(kind: type[tuple[object, ...]]) -> str:
    """Name the table of a row type."""
    return kind.__name__.removesuffix("Row").lower()


def _key(row: tuple[object, ...]) -> str:
    columns = zip(row._fields, row, strict=True)  # type: ignore[attr-defined]  # every row type is a named tuple
    keys = {column.name for column in metadata.tables[table_of(type(row))].primary_key}
    return ", ".join(f"{name} {value!r}" for name, value in columns if name in keys)


def _text(name: str, *, nullable: bool = False) -> Column[str]:
    return Column(name, Text, nullable=nullable)


def _count(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _of_study(name: str = "study") -> Column[int]:
    return Column(name, Integer, ForeignKey("study.id"), nullable=False)


def _states(states: list[TrialState]) -> str:
    return ", ".join(f"'{state}'" for state in states)


ALL_STATES = _states(list(TrialState))
FINISHED_STATES = _states([state for state in TrialState if state.finished])

study = Table(
    "study",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False, unique=True),
    _count("seed"),
    _text("objective"),
    _text("settings"),
    _text("created_at"),
    _count("num_spaces"),
    _count("num_trials"),
    _count("version"),
    _count("chain"),
    _count("crc"),
    CheckConstraint("num_spaces >= 1 AND num_trials >= 0 AND version >= 1"),
)

space = Table(
    "space",
    metadata,
    _of_study(),
    _count("version"),
    _text("body"),
    _count("crc"),
    PrimaryKeyConstraint("study", "version"),
    sqlite_with_rowid=False,
)

trial = Table(
    "trial",
    metadata,
    _of_study(),
    _count("number"),
    _text("config"),
    _count("seed", nullable=True),
    _text("origin"),
    _text("note"),
    _count("space_version"),
    _text("state"),
    Column("waiting", Integer, nullable=False),
    _count("attempt"),
    _count("version"),
    Column("fidelity", Double, nullable=True),
    _count("continues", nullable=True),
    _count("crc"),
    PrimaryKeyConstraint("study", "number"),
    ForeignKeyConstraint(["study", "space_version"], ["space.study", "space.version"]),
    CheckConstraint("number >= 0 AND attempt >= 0 AND version >= 1"),
    CheckConstraint(f"state IN ({ALL_STATES})"),
    CheckConstraint("waiting = 0 OR (waiting = 1 AND state = 'proposed')"),
    sqlite_with_rowid=False,
)
lease = Table(
    "lease",
    metadata,
    Column("study", Integer, nullable=False),
    _count("number"),
    _count("attempt"),
    _text("token"),
    _text("worker"),
    _text("boot"),
    Column("lease_seconds", Double, nullable=False),
    Column("ends_at", Double, nullable=False),
    _count("crc"),
    PrimaryKeyConstraint("study", "number", "attempt"),
    ForeignKeyConstraint(["study", "number"], ["trial.study", "trial.number"]),
    CheckConstraint("attempt >= 1 AND lease_seconds > 0"),
    sqlite_with_rowid=False,
)

observation = Table(
    "observation",
    metadata,
    Column("study", Integer, nullable=False),
    _count("number"),
    _count("ordinal"),
    _count("attempt"),
    _text("source"),
    Column("late", Integer, nullable=False),
    _text("metrics"),
    _text("state"),
    Column("seconds", Double, nullable=True),
    _text("reason", nullable=True),
    _text("kind", nullable=True),
    _count("crc"),
    PrimaryKeyConstraint("study", "number", "ordinal"),
    ForeignKeyConstraint(["study", "number"], ["trial.study", "trial.number"]),
    CheckConstraint("late IN (0, 1) AND (late = 1 OR ordinal = 0)"),
    CheckConstraint(f"state IN ({FINISHED_STATES})"),
    CheckConstraint("source IN ('worker', 'person', 'store', 'import')"),
    sqlite_with_rowid=False,
)

curve = Table(
    "curve",
    metadata,
    Column("study", Integer, nullable=False),
    _count("number"),
    _count("ordinal"),
    _text("metric"),
    _text("points"),
    _count("crc"),
    PrimaryKeyConstraint("study", "number", "ordinal", "metric"),
    ForeignKeyConstraint(
        ["study", "number", "ordinal"], ["observation.study", "observation.number", "observation.ordinal"]
    ),
)

progress = Table(
    "progress",
    metadata,
    Column("study", Integer, nullable=False),
    _count("number"),
    _count("attempt"),
    _text("points"),
    _count("crc"),
    PrimaryKeyConstraint("study", "number"),
    ForeignKeyConstraint(["study", "number"], ["trial.study", "trial.number"]),
    sqlite_with_rowid=False,
)

request = Table(
    "request",
    metadata,
    _of_study(),
    _text("key"),
    _text("verb"),
    _text("body"),
    _text("answer"),
    _count("version"),
    _count("crc"),
    PrimaryKeyConstraint("study", "key"),
    sqlite_with_rowid=False,
)

event = Table(
    "event",
    metadata,
    _of_study(),
    _count("seq"),
    _text("kind"),
    _text("body"),
    _text("at"),
    _count("crc"),
    PrimaryKeyConstraint("study", "seq"),
    sqlite_with_rowid=False,
)

INDEXES = (
    "CREATE INDEX trial_waiting ON trial (study, number) WHERE waiting = 1",
    "CREATE INDEX trial_running ON trial (study, number) WHERE state = 'running'",
)
"""As statements, which are the same for every database: an `Index` with a condition for PostgreSQL would import
its dialect, and two asynchronous drivers with it, on the way of every command."""

KEPT = ("observation", "curve", "request", "event", "space")
"""Tables whose rows are written once."""


def triggers(dialect: str) -> list[str]:
    """List the statements that make the database itself refuse to change what is finished."""
    rules = [(table, action, "") for table in KEPT for action in ("UPDATE", "DELETE")]
    rules += [
        ("trial", "UPDATE", f"OLD.state IN ({FINISHED_STATES})"),
        ("trial", "DELETE", ""),
        ("lease", "DELETE", ""),
    ]
    statements = []
    if dialect == "postgresql":
        statements.append(
            "CREATE FUNCTION physai_inverse_refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'what is written in % stays', TG_TABLE_NAME "
            "USING ERRCODE = 'integrity_constraint_violation'; END $$"
        )
    for table, action, condition in rules:
        head = f"CREATE TRIGGER {table}_refuses_{action.lower()} BEFORE {action} ON {table} FOR EACH ROW"
        when = f" WHEN ({condition})" if condition else ""
        if dialect == "postgresql":
            statements.append(f"{head}{when} EXECUTE FUNCTION physai_inverse_refuse()")
        else:
            statements.append(f"{head}{when} BEGIN SELECT RAISE(ABORT, 'what is written in {table} stays'); END")
    return statements
