"""Rows read and checked: every row that leaves this module has the checksum that it was written with."""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

from sqlalchemy import Select, and_, bindparam, func, select
from sqlalchemy.engine import Connection

from physai_inverse.errors import Conflict, InvalidInput, NotFound, StoreDamaged
from physai_inverse.observations import Curve, Metric, Observation, TrialState
from physai_inverse.store import tables
from physai_inverse.store.encoding import read_config, read_curve, read_json, read_metrics
from physai_inverse.store.statements import fetch
from physai_inverse.store.tables import (
    EventRow,
    LeaseRow,
    ObservationRow,
    ProgressRow,
    RequestRow,
    Row,
    SpaceRow,
    StudyRow,
    TrialRow,
    intact,
)
from physai_inverse.store.trial import StudyRecord, Trial

STUDY = select(tables.study).where(tables.study.c.name == bindparam("name"))
STUDY_LOCKED = STUDY.with_for_update()  # SQLite has one writer at a time and ignores this
NAMES = select(tables.study.c.name).order_by(tables.study.c.id)
LAST_STUDY = select(func.max(tables.study.c.id))
LAST_SPACE = select(func.max(tables.space.c.study))
SPACES = select(tables.space).where(tables.space.c.study == bindparam("study")).order_by(tables.space.c.version)
TRIAL = select(tables.trial).where(
    and_(tables.trial.c.study == bindparam("study"), tables.trial.c.number == bindparam("number"))
)
WAITING = (
    select(tables.trial)
    .where(and_(tables.trial.c.study == bindparam("study"), tables.trial.c.waiting == 1))
    .order_by(tables.trial.c.number)
    .limit(bindparam("count"))
)
RUNNING = (
    select(tables.trial, tables.lease)
    .outerjoin_from(
        tables.trial,
        tables.lease,
        and_(
            tables.lease.c.study == tables.trial.c.study,
            tables.lease.c.number == tables.trial.c.number,
            tables.lease.c.attempt == tables.trial.c.attempt,
        ),
    )
    .where(and_(tables.trial.c.study == bindparam("study"), tables.trial.c.state == TrialState.RUNNING.value))
    .order_by(tables.trial.c.number)
)
LEASES = select(tables.lease).where(
    and_(tables.lease.c.study == bindparam("study"), tables.lease.c.number == bindparam("number"))
)
OBSERVATIONS = (
    select(tables.observation)
    .where(
        and_(tables.observation.c.study == bindparam("study"), tables.observation.c.number == bindparam("number"))
    )
    .order_by(tables.observation.c.ordinal)
)
LATE = (
    select(tables.observation)
    .where(and_(tables.observation.c.study == bindparam("study"), tables.observation.c.ordinal > 0))
    .order_by(tables.observation.c.number, tables.observation.c.ordinal)
)
SNAPSHOTS = (
    select(tables.trial, tables.observation)
    .outerjoin_from(
        tables.trial,
        tables.observation,
        and_(
            tables.observation.c.study == tables.trial.c.study,
            tables.observation.c.number == tables.trial.c.number,
            tables.observation.c.ordinal == 0,
        ),
    )
    .where(tables.trial.c.study == bindparam("study"))
    .order_by(tables.trial.c.number)
)
ONE_SNAPSHOT = SNAPSHOTS.where(tables.trial.c.number == bindparam("number"))
CURVES = select(tables.curve.c.number, tables.curve.c.ordinal, tables.curve.c.metric, tables.curve.c.points).where(
    tables.curve.c.study == bindparam("study")
)
CURVES_OF_ONE = CURVES.where(tables.curve.c.number == bindparam("number"))
PROGRESS = select(tables.progress).where(
    and_(tables.progress.c.study == bindparam("study"), tables.progress.c.number == bindparam("number"))
)
REQUEST = select(tables.request).where(
    and_(tables.request.c.study == bindparam("study"), tables.request.c.key == bindparam("key"))
)
EVENTS = (
    select(tables.event)
    .where(and_(tables.event.c.study == bindparam("study"), tables.event.c.seq >= bindparam("since")))
    .order_by(tables.event.c.seq)
)

MAX_SINGLE = 200
"""Up to how many changed trials are read one by one; above it reading all of them is faster."""

NUM_TRIAL_COLUMNS = len(TrialRow._fields)


class Snapshot(NamedTuple):
    """A trial with the observation that finished it."""

    trial: TrialRow
    observation: ObservationRow | None


Curves = Mapping[tuple[int, int], Mapping[str, str]]
"""The texts of curves by metric, for each number and ordinal."""


def study_row(connection: Connection, name: object, *, locked: bool = False) -> StudyRow:
    """Read the head of a study.

    Args:
        connection: in a transaction.
        name: of the study.
        locked: keep every other writer of this study waiting until the transaction ends.

    Raises:
        InvalidInput: the name is no text.
        NotFound: there is none; names those that exist.
        StoreDamaged: its checksum is wrong.
    """
    if not isinstance(name, str):
        raise InvalidInput(f"`name` must be the name of a study, not {type(name).__name__}.")
    found = fetch(connection, STUDY_LOCKED if locked else STUDY, {"name": _speakable(name)})
    if not found:
        names = study_names(connection)
        if name in names:
            raise StoreDamaged(f"study `{name}` is there and cannot be found by its name")
        known = ", ".join(f"`{known}`" for known in names[:10]) + (", ..." if len(names) > 10 else "")
        raise NotFound(f"There is no study `{name}`; there {'are ' + known if names else 'is none at all'}.")
    return intact(_made(StudyRow, found[0]))


def study_names(connection: Connection) -> tuple[str, ...]:
    """Name every study, the oldest first.

    Raises:
        StoreDamaged: there is a space of a study that is not there, which no verb leaves behind.
    """
    names = tuple(str(row[0]) for row in fetch(connection, NAMES, {}))
    if _number(connection, LAST_SPACE) != len(names):
        raise StoreDamaged(f"it has {len(names)} studies and spaces of another number of them")
    return names


def next_study_id(connection: Connection) -> int:
    """Give the id of the study that is made next."""
    return _number(connection, LAST_STUDY) + 1


def record_of(connection: Connection, head: StudyRow) -> StudyRecord:
    """Put together what is known of a study."""
    spaces = [intact(_made(SpaceRow, row)) for row in fetch(connection, SPACES, {"study": head.id})]
    if [row.version for row in spaces] != list(range(1, head.num_spaces + 1)):
        raise StoreDamaged(f"study `{head.name}` has {len(spaces)} of {head.num_spaces} spaces")
    return StudyRecord(
        name=head.name,
        seed=head.seed,
        spaces=tuple(read_json(row.body) for row in spaces),
        objective=read_json(head.objective),
        settings=read_json(head.settings),
        version=head.version,
        created_at=head.created_at,
        num_trials=head.num_trials,
    )


def check_number(head: StudyRow, number: object) -> int:
    """Give the number of a trial that exists.

    Raises:
        InvalidInput: it is no integer.
        NotFound: there is no such trial.
    """
    if isinstance(number, bool) or not isinstance(number, int):
        raise InvalidInput(f"`number` must be the number of a trial, not {type(number).__name__} {number!r}.")
    if not 0 <= number < head.num_trials:
        there = f"trials 0 to {head.num_trials - 1}" if head.num_trials else "no trials yet"
        raise NotFound(f"There is no trial {number} in study `{head.name}`; it has {there}.")
    return int(number)


def trial_row(connection: Connection, head: StudyRow, number: object) -> TrialRow:
    """Read the row of a trial that exists."""
    where = {"study": head.id, "number": check_number(head, number)}
    found = fetch(connection, TRIAL, where)
    if not found:
        raise StoreDamaged(f"trial {number} of study `{head.name}` is missing")
    return intact(_made(TrialRow, found[0]))


def waiting_rows(connection: Connection, head: StudyRow, count: int) -> list[TrialRow]:
    """Read the first trials that wait for a claim."""
    rows = fetch(connection, WAITING, {"study": head.id, "count": count})
    return [intact(_made(TrialRow, row)) for row in rows]


def running_rows(connection: Connection, head: StudyRow) -> list[tuple[TrialRow, LeaseRow]]:
    """Read every running trial with its live lease."""
    pairs = []
    for found in fetch(connection, RUNNING, {"study": head.id}):
        row = intact(_made(TrialRow, found[:NUM_TRIAL_COLUMNS]))
        if found[NUM_TRIAL_COLUMNS] is None:
            raise StoreDamaged(f"running trial {row.number} of study `{head.name}` has no lease")
        pairs.append((row, intact(_made(LeaseRow, found[NUM_TRIAL_COLUMNS:]))))
    return pairs


def lease_rows(connection: Connection, head: StudyRow, number: int) -> list[LeaseRow]:
    """Read every lease of a trial, the ended ones too."""
    found = fetch(connection, LEASES, {"study": head.id, "number": number})
    return [intact(_made(LeaseRow, row)) for row in found]


def observation_rows(connection: Connection, head: StudyRow, number: int) -> list[ObservationRow]:
    """Read every observation of a trial, the late ones too."""
    found = fetch(connection, OBSERVATIONS, {"study": head.id, "number": number})
    return [intact(_made(ObservationRow, row)) for row in found]


def late_rows(connection: Connection, head: StudyRow) -> list[ObservationRow]:
    """Read every observation that came after its trial was finished."""
    return [intact(_made(ObservationRow, row)) for row in fetch(connection, LATE, {"study": head.id})]


def snapshots(connection: Connection, head: StudyRow, number: int | None = None) -> list[Snapshot]:
    """Read trials with the observations that finished them: all, or one.

    Raises:
        StoreDamaged: a trial is missing, a checksum is wrong, or a finished trial has no observation.
    """
    where: dict[str, int] = {"study": head.id}
    expected = range(head.num_trials) if number is None else range(number, number + 1)
    if number is None:
        found = fetch(connection, SNAPSHOTS, where)
    else:
        found = fetch(connection, ONE_SNAPSHOT, {**where, "number": number})
    result = [_snapshot(row) for row in found]
    if [row.trial.number for row in result] != list(expected):
        raise StoreDamaged(f"study `{head.name}` shows {len(result)} of {len(expected)} trials")
    return result


def changed_snapshots(connection: Connection, head: StudyRow, since: int) -> list[Snapshot]:
    """Read the trials that were changed after a version, as the history tells."""
    numbers: set[int] = set()
    for event in event_rows(connection, head, since):
        numbers.update(map(int, cast("dict[str, int]", read_json(event.body).get("trials", {}))))
    if len(numbers) > MAX_SINGLE:
        return [row for row in snapshots(connection, head) if row.trial.version > since]
    return [snapshots(connection, head, number)[0] for number in sorted(numbers)]


def curve_texts(connection: Connection, head: StudyRow, number: int | None = None) -> Curves:
    """Read the texts of all curves of a study or of one trial; `read_metrics` checks them."""
    if number is None:
        found = fetch(connection, CURVES, {"study": head.id})
    else:
        found = fetch(connection, CURVES_OF_ONE, {"study": head.id, "number": number})
    texts: dict[tuple[int, int], dict[str, str]] = {}
    for of, ordinal, metric, points in cast("list[tuple[int, int, str, str]]", found):
        texts.setdefault((of, ordinal), {})[metric] = points
    return texts


def progress_row(connection: Connection, head: StudyRow, number: int) -> ProgressRow | None:
    """Read what the curves of a trial without a result have come to."""
    found = fetch(connection, PROGRESS, {"study": head.id, "number": number})
    return intact(_made(ProgressRow, found[0])) if found else None


def noted_curves(connection: Connection, head: StudyRow, number: int) -> dict[str, Curve]:
    """Read the curves of `progress_row`; none where nothing was told."""
    row = progress_row(connection, head, number)
    return {} if row is None else {name: read_curve(points) for name, points in json.loads(row.points).items()}


def trial_of(
    row: TrialRow,
    observation: ObservationRow | None = None,
    *,
    curves: Curves | None = None,
    token: str | None = None,
    late: bool = False,
) -> Trial:
    """Put together the snapshot of a trial; without `curves` each curve is its last value."""
    metrics: dict[str, Metric] = {}
    if observation is not None:
        texts = None if curves is None else curves.get((row.number, observation.ordinal), {})
        metrics = read_metrics(observation.metrics, texts)
    return Trial(
        row.number,
        read_config(row.config),
        STATES[row.state],
        metrics,
        row.seed,
        observation.seconds if observation else None,
        observation.reason if observation else None,
        observation.kind if observation else None,
        row.attempt,
        row.space_version,
        row.origin,
        {} if row.note == "{}" else read_json(row.note),
        token,
        late,
        row.fidelity,
        row.continues,
    )


def observation_of(connection: Connection, head: StudyRow, row: ObservationRow, curves: Curves) -> Observation:
    """Put together an observation with the config of its trial."""
    trial = trial_of(trial_row(connection, head, row.number))
    return Observation(
        config=trial.config,
        metrics=read_metrics(row.metrics, curves.get((row.number, row.ordinal), {})),
        state=STATES[row.state],
        seed=trial.seed,
        seconds=row.seconds,
        reason=row.reason,
        kind=row.kind,
        number=row.number,
        fidelity=trial.fidelity,
    )


def answer_of(connection: Connection, head: StudyRow, key: str, verb: str, body: str) -> RequestRow | None:
    """Find the answer that was given to this request before.

    Raises:
        Conflict: the key was used for another request.
    """
    found = fetch(connection, REQUEST, {"study": head.id, "key": key})
    if not found:
        return None
    row = intact(_made(RequestRow, found[0]))
    if (row.verb, row.body) != (verb, body):
        raise Conflict(
            f"`request` {key!r} was already used for another `{row.verb}`. Use a new key for each new request."
        )
    return row


def event_rows(connection: Connection, head: StudyRow, since: int) -> list[EventRow]:
    """Read the events after a version, and check that they follow each other up to the study's head.

    Raises:
        StoreDamaged: one is missing or changed.
    """
    rows = [_made(EventRow, row) for row in fetch(connection, EVENTS, {"study": head.id, "since": max(since, 0)})]
    first = max(since, 1)
    if [row.seq for row in rows] != list(range(first, head.version + 1)):
        raise StoreDamaged(f"study `{head.name}` has {len(rows)} of {head.version + 1 - first} events")
    for before, row in zip([None, *rows], rows, strict=False):
        chained = before.crc if before is not None else 0
        if (before is not None or row.seq == 1) and tables.chained(row, chained) != row.crc:
            raise StoreDamaged(f"table `event`, row seq {row.seq} of study `{head.name}`: the history was changed")
    if rows and rows[-1].crc != head.chain:
        raise StoreDamaged(f"the history of study `{head.name}` does not end where the study says")
    return [row for row in rows if row.seq > since]


STATES = {state.value: state for state in TrialState}


def _made(kind: type[Row], columns: Sequence[object]) -> Row:
    made: Row = kind._make(columns)
    return made


def _number(connection: Connection, statement: Select[*tuple[object, ...]]) -> int:
    found = fetch(connection, statement, {})[0][0]
    return found if isinstance(found, int) else 0


def _snapshot(found: tuple[object, ...]) -> Snapshot:
    row = intact(_made(TrialRow, found[:NUM_TRIAL_COLUMNS]))
    observation = None
    if found[NUM_TRIAL_COLUMNS] is not None:
        observation = intact(_made(ObservationRow, found[NUM_TRIAL_COLUMNS:]))
    if (observation is None) == STATES[row.state].finished:
        raise StoreDamaged(
            f"trial {row.number} is {row.state} and has {'an' if observation else 'no'} observation"
        )
    return Snapshot(row, observation)


def _speakable(name: str) -> str:
    """Give a name that every database can be asked for; what cannot be stored is not there."""
    return json.dumps(name) if "\0" in name or not name.isprintable() else name
