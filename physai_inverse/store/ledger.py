"""The ledger of trials: each verb is one transaction, finished trials never change, numbers are never reused.

A worker holds a trial by a lease with a token. A lease that ends gives the trial to the next `claim`; the result
that its former holder still brings is kept as a late observation. Nothing is fitted, searched or judged here.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from physai_inverse.observations import Curve, MetricsLike, Observation, TrialState, as_metrics, check_name
from physai_inverse.store import door, rows
from physai_inverse.store.connection import Database
from physai_inverse.store.encoding import fingerprint, json_text, metrics_text, read_json
from physai_inverse.store.handing import Offer, hand_out, keep, keep_points, take_in
from physai_inverse.store.lease_clock import LeaseClock
from physai_inverse.store.location import locate
from physai_inverse.store.migrations import lock_server
from physai_inverse.store.readings import AbstractReading
from physai_inverse.store.reporting import Report, record, record_imported
from physai_inverse.store.tables import StudyRow, sealed
from physai_inverse.store.trial import Proposal, StudyRecord, Trial
from physai_inverse.store.writing import Writing, insert_rows, utc_now


class Store(AbstractReading):
    """The ledger of every study in one file, in memory or on a server.

    One store may be used by many threads, and a file or server by many processes; each verb sees and leaves a
    consistent state. A verb that takes a `request` gives the same answer when it is repeated with the same key.

    Args:
        url_or_path: `:memory:`, a path, or a SQLAlchemy URL of SQLite or PostgreSQL. A missing file is made.
        read_only: never write; also so where file or folder cannot be written.
        clock: replaces the clock of leases: seconds that never go back.
        synchronous: of SQLite; `FULL` keeps every acknowledged write through a power loss, `NORMAL` may lose the
            last ones and is faster.

    Raises:
        InvalidInput: `url_or_path` or `synchronous` cannot be meant.
        NotFound: the folder is missing, or the store where it shall only be read.
        StoreUnavailable: it cannot be reached, lies on a network file system, or a newer version made it.
        StoreDamaged: the file is empty, damaged or of another program. It is never initialised again.
        MissingPackage: the driver of the server is not installed.
    """

    def __init__(
        self,
        url_or_path: str | Path,
        *,
        read_only: bool = False,
        clock: Callable[[], float] | None = None,
        synchronous: str = "FULL",
    ) -> None:
        self._location = locate(url_or_path, synchronous)
        self._database = Database(self._location, read_only=read_only)
        self._clock = LeaseClock(server=not self._location.sqlite, clock=clock)

    def __repr__(self) -> str:
        return f"Store({str(self._location)!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Studies

    def create_study(
        self,
        name: str,
        *,
        space: Mapping[str, object],
        objective: Mapping[str, object],
        seed: int,
        settings: Mapping[str, object] | None = None,
    ) -> StudyRecord:
        """Create a study, or give the one of that name, whatever its space is.

        Args:
            name: 1 to 200 printable characters.
            space: version 1 of its space, in JSON.
            objective: in JSON.
            seed: the parent of all its seeds.
            settings: in JSON; `max_attempts` (default 3) is how often a trial is handed out at most.

        Raises:
            InvalidInput: an argument cannot be stored.
        """
        check_name(name, "study")
        head = StudyRow(
            id=0,
            name=name,
            seed=door.integer("seed", seed),
            objective=json_text(door.mapping("objective", objective), "objective"),
            settings=json_text(door.mapping("settings", settings or {}), "settings"),
            created_at=utc_now(),
            num_spaces=0,
            num_trials=0,
            version=1,
            chain=0,
            crc=0,
        )
        door.max_attempts(head.settings)
        body = json_text(door.mapping("space", space), "space")
        if not self._database.read_only or name not in self.studies():
            with self._database.write() as connection:
                lock_server(connection)
                names = rows.study_names(connection)
                if name not in names:
                    head = head._replace(id=rows.next_study_id(connection))
                    insert_rows(connection, [sealed(head._replace(num_spaces=1))])
                    writing = Writing(connection, head, version=1)
                    writing.add_space(body)
                    writing.finish("created")
                return rows.record_of(connection, rows.study_row(connection, name))
        return self.study(name)

    def add_space(self, name: str, space: Mapping[str, object]) -> int:
        """Add the next version of a study's space and give its number.

        Raises:
            InvalidInput: the space is not JSON.
            NotFound: there is no such study.
        """
        body = json_text(door.mapping("space", space), "space")
        with self._writing(name) as writing:
            number = writing.add_space(body)
            writing.finish("space", space=number)
            return number

    def set_objective(self, name: str, objective: Mapping[str, object]) -> None:
        """Replace a study's objective.

        Raises:
            InvalidInput: the objective is not JSON.
            NotFound: there is no such study.
        """
        body = json_text(door.mapping("objective", objective), "objective")
        with self._writing(name) as writing:
            writing.head = writing.head._replace(objective=body)
            writing.finish("objective", objective=read_json(body))

    # Handing out

    def propose(
        self,
        name: str,
        proposals: Sequence[Proposal],
        *,
        worker: str,
        lease_seconds: float | None,
        seen: int | None = None,
        request: str | None = None,
    ) -> list[Trial]:
        """Make proposals trials, leased to a worker.

        Args:
            name: of the study.
            proposals: at least one.
            worker: who will run them.
            lease_seconds: until they are given to another worker; None makes no lease: they stay proposed until
                they are observed, and `claim` does not hand them out.
            seen: how many trials the proposals were computed from.
            request: the key that makes repeating harmless.

        Raises:
            InvalidInput: an argument cannot be stored.
            NotFound: there is no such study.
            Stale: there are more trials than `seen`.
            Conflict: the key was used for another request.
        """
        drafts = [door.draft(proposal) for proposal in door.sequence("proposals", proposals)]
        check_name(worker, "worker")
        seconds = None if lease_seconds is None else door.duration("lease_seconds", lease_seconds)
        offer = Offer("propose", door.request_key(request), fingerprint([worker, lease_seconds, *drafts]))
        with self._writing(name) as writing:
            lease = None if seconds is None else (worker, seconds, self._clock.now(writing.connection))
            return take_in(writing, offer, drafts, seen=seen, lease=lease)

    def enqueue(self, name: str, configs: Sequence[Proposal], request: str | None = None) -> list[Trial]:
        """Make proposals trials that wait for a claim.

        Raises:
            InvalidInput: an argument cannot be stored.
            NotFound: there is no such study.
            Conflict: the key was used for another request.
        """
        drafts = [door.draft(proposal)._replace(waiting=1) for proposal in door.sequence("configs", configs)]
        offer = Offer("enqueue", door.request_key(request), fingerprint(drafts))
        with self._writing(name) as writing:
            return take_in(writing, offer, drafts)

    def claim(
        self, name: str, count: door.Wanted, *, worker: str, lease_seconds: float, request: str | None = None
    ) -> list[Trial]:
        """Lease trials that wait: first those whose lease has ended, then the queue, each in order of number.

        A trial that was handed out `max_attempts` times without a result is failed instead.

        Args:
            name: of the study.
            count: how many at most; fewer, or none, where fewer wait. Or the numbers of the only ones wanted.
            worker: who will run them.
            lease_seconds: until they are given to another worker.
            request: the key that makes repeating harmless.

        Raises:
            InvalidInput: an argument cannot be meant.
            NotFound: there is no such study, or no trial of one of the numbers.
            Conflict: the key was used for another request.
        """
        most, only = door.wanted("count", count)
        check_name(worker, "worker")
        seconds = door.duration("lease_seconds", lease_seconds)
        offer = Offer("claim", door.request_key(request), fingerprint([count, worker, lease_seconds]))
        with self._writing(name) as writing:
            return hand_out(writing, offer, most, worker, seconds, self._clock.now(writing.connection), only)

    def heartbeat(self, name: str, number: int, token: str, *, lease_seconds: float) -> float:
        """Extend a lease from now on, also one that has ended while nobody took the trial.

        Returns:
            The seconds left.

        Raises:
            InvalidInput: an argument cannot be meant.
            NotFound: there is no such study or trial.
            LeaseLost: the trial was given to somebody else, or the token was never its.
            Conflict: the trial is finished.
        """
        seconds = door.duration("lease_seconds", lease_seconds)
        with self._writing(name) as writing:
            return keep(writing, number, token, seconds, self._clock.now(writing.connection))

    def release(self, name: str, workers: Collection[str], *, only: Collection[int] | None = None) -> list[int]:
        """End the leases of workers known to be dead, or that give trials back; these wait for a claim at once.

        Args:
            name: of the study.
            workers: who held them.
            only: the numbers of the trials; all of these workers' where it is left out.

        Returns:
            The numbers of the trials that wait now.

        Raises:
            NotFound: there is no such study.
        """
        dead = {check_name(worker, "worker") for worker in door.sequence("workers", workers)}
        with self._writing(name) as writing:
            running = rows.running_rows(writing.connection, writing.head)
            lost = [
                trial
                for trial, lease in running
                if lease.worker in dead and (only is None or trial.number in only)
            ]
            for trial in lost:
                writing.change(trial, state="proposed", waiting=1)
            if lost:
                writing.finish("released", workers=sorted(dead))
            return [trial.number for trial in lost]

    # Results

    def note(self, name: str, curves: Mapping[int, Mapping[str, Curve]], tokens: Mapping[int, str]) -> list[int]:
        """Keep what the curves of running trials have come to; it replaces what they told before.

        No event is written and the study's version stays: like a lease, this is gone once a trial has its result.

        Args:
            name: of the study.
            curves: number of a trial to its curves.
            tokens: number to the token of its lease.

        Returns:
            The numbers of those that were kept; a trial that is finished or was given to somebody else is not.

        Raises:
            InvalidInput: something is no curve.
            NotFound: there is no such study or trial.
        """
        texts = {number: door.curves_text(of) for number, of in curves.items()}
        with self._writing(name) as writing:
            return [number for number, text in texts.items() if keep_points(writing, number, tokens[number], text)]

    def observe(
        self,
        name: str,
        number: int,
        metrics: MetricsLike,
        *,
        token: str | None = None,
        state: TrialState = TrialState.DONE,
        seconds: float | None = None,
        reason: str | None = None,
        kind: str | None = None,
        request: str | None = None,
    ) -> Trial:
        """Record the result of a trial, which finishes it.

        Args:
            name: of the study.
            number: of the trial.
            metrics: may be empty for a failure.
            token: of the lease; None is a person's explicit statement on an open trial. With a token whose lease
                was lost the result is kept as a late one, and finishes the trial only if nobody else did.
            state: a final state.
            seconds: the cost.
            reason: why it failed or stopped; at most 10,000 characters are kept.
            kind: one of `observations.FAILURES`.
            request: the key that makes repeating harmless.

        Raises:
            InvalidInput: an argument cannot be meant.
            NotFound: there is no such study or trial.
            LeaseLost: the token was never given for this trial.
            Conflict: the trial is finished, or this attempt has reported before, or the key was used for another
                request.
        """
        text, curves = metrics_text(as_metrics(metrics))
        report = Report(
            number=number,
            token=token,
            metrics=text,
            curves=curves,
            state=str(door.final_state(state)),
            seconds=door.cost("seconds", seconds),
            reason=door.reason_text(reason),
            kind=door.failure_kind(kind),
            request=door.request_key(request),
        )
        with self._writing(name) as writing:
            return record(writing, report)

    def import_observations(
        self,
        name: str,
        observations: Sequence[Observation],
        *,
        space_version: int | None = None,
        request: str | None = None,
    ) -> list[int]:
        """Add finished trials from elsewhere, all or none, and give their numbers.

        Raises:
            InvalidInput: one of them is not finished or cannot be stored, or no space has that version.
            NotFound: there is no such study.
            Conflict: the key was used for another request.
        """
        drafts, results, curves = door.imported(observations)
        if space_version is not None:
            door.count("space_version", space_version)
        offer = Offer("import", door.request_key(request), fingerprint([space_version, drafts, results, curves]))
        with self._writing(name) as writing:
            return record_imported(writing, offer, drafts, results, curves, space_version)

    @contextmanager
    def _writing(self, name: str) -> Iterator[Writing]:
        with self._database.write() as connection:
            yield Writing(connection, rows.study_row(connection, name, locked=True))
