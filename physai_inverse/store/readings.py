"""What is read from a store: studies, trials, results, the history; the other half of `Store`."""

from abc import ABC
from pathlib import Path

from physai_inverse.observations import Curve, Observation
from physai_inverse.store import door, rows
from physai_inverse.store.backup import write_backup
from physai_inverse.store.connection import Database
from physai_inverse.store.encoding import read_json
from physai_inverse.store.lease_clock import LeaseClock
from physai_inverse.store.location import Location
from physai_inverse.store.trial import Event, StudyRecord, Trial
from physai_inverse.store.verification import problems


class AbstractReading(ABC):
    """The verbs of a store that change nothing."""

    _location: Location
    _database: Database
    _clock: LeaseClock

    def close(self) -> None:
        """Close every connection. Leases stay as they are."""
        self._database.close()

    @property
    def read_only(self) -> bool:
        """Whether every write will be refused."""
        return self._database.read_only

    @property
    def path(self) -> Path | None:
        """The file; None in memory and on a server."""
        return self._location.path

    @property
    def in_memory(self) -> bool:
        """Whether it is gone with this process."""
        return self._location.sqlite and self.path is None

    def study(self, name: str) -> StudyRecord:
        """Give what is known of a study.

        Raises:
            NotFound: there is none; names those that exist.
        """
        with self._database.read() as connection:
            return rows.record_of(connection, rows.study_row(connection, name))

    def studies(self) -> tuple[str, ...]:
        """Name every study, the oldest first."""
        with self._database.read() as connection:
            return rows.study_names(connection)

    def version(self, name: str) -> int:
        """Give the number that every write of a study raises by one; heartbeats do not.

        Raises:
            NotFound: there is no such study.
        """
        with self._database.read() as connection:
            return rows.study_row(connection, name).version

    def leases(self, name: str) -> list[tuple[int, str, float]]:
        """List number, worker and seconds left (negative when ended) of every running trial.

        Raises:
            NotFound: there is no such study.
        """
        with self._database.read() as connection:
            now = self._clock.now(connection)
            running = rows.running_rows(connection, rows.study_row(connection, name))
            return [(trial.number, lease.worker, now.left(lease)) for trial, lease in running]

    def trial(self, name: str, number: int, curves: bool = True) -> Trial:
        """Give one trial.

        Raises:
            NotFound: there is no such study or trial.
        """
        with self._database.read() as connection:
            head = rows.study_row(connection, name)
            found = rows.snapshots(connection, head, rows.check_number(head, number))[0]
            texts = rows.curve_texts(connection, head, found.trial.number) if curves else None
            return rows.trial_of(found.trial, found.observation, curves=texts)

    def trials(self, name: str, *, since: int = 0, curves: bool = False) -> list[Trial]:
        """Give the trials in order of number; only those changed after the study's version `since`.

        Raises:
            NotFound: there is no such study.
        """
        door.integer("since", since)
        with self._database.read() as connection:
            head = rows.study_row(connection, name)
            found = rows.changed_snapshots(connection, head, since) if since else rows.snapshots(connection, head)
            texts = rows.curve_texts(connection, head) if curves else None
            return [rows.trial_of(row.trial, row.observation, curves=texts) for row in found]

    def noted(self, name: str, number: int) -> dict[str, Curve]:
        """Give the curves that the latest attempt of a trial has told so far; empty once it has its result.

        Raises:
            NotFound: there is no such study or trial.
        """
        with self._database.read() as connection:
            head = rows.study_row(connection, name)
            return rows.noted_curves(connection, head, rows.check_number(head, number))

    def late_observations(self, name: str) -> list[Observation]:
        """Give the results that came after their trials were finished.

        Raises:
            NotFound: there is no such study.
        """
        with self._database.read() as connection:
            head = rows.study_row(connection, name)
            texts = rows.curve_texts(connection, head)
            return [rows.observation_of(connection, head, row, texts) for row in rows.late_rows(connection, head)]

    def events(self, name: str, since_seq: int = 0) -> list[Event]:
        """Give what was done to a study after its version `since_seq`, and check that nothing is missing.

        Raises:
            NotFound: there is no such study.
        """
        with self._database.read() as connection:
            head = rows.study_row(connection, name)
            found = rows.event_rows(connection, head, door.integer("since_seq", since_seq))
            return [Event(row.seq, row.kind, row.at, read_json(row.body)) for row in found]

    def check(self) -> list[str]:
        """List everything that is wrong with the store: the database's own checks, every checksum, every rule."""
        return problems(self._database)

    def backup(self, path: str | Path) -> Path:
        """Copy the store to a file, while others write; the copy holds all that was acknowledged before.

        Raises:
            InvalidInput: `path` is the store itself.
            StoreUnavailable: the copy cannot be written, or the store is on a server.
            StoreDamaged: the store cannot be read through.
        """
        return write_backup(self._database, Path(path))
