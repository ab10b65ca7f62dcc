"""Transactions: one SQLite connection a process and thread, or a pool to a server.

SQLite's locks belong to a process, so its connections must not live across a fork: they are closed just before
it and opened again on both sides. Waiting for another writer is left to SQLite (30 s).
"""

import contextlib
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from urllib.parse import quote

from sqlalchemy import create_engine
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import NullPool, StaticPool

from physai_inverse.errors import PhysaiInverseError, StoreUnavailable
from physai_inverse.store import migrations
from physai_inverse.store.failure import translated
from physai_inverse.store.location import Location, beside, refuse_unfit

BUSY_SECONDS = 30.0
RETRY_SECONDS = 0.0015
FORK_SECONDS = 60.0
"""How long a fork waits for verbs in other threads; longer than a verb waits for a lock."""


class Database:
    """The connections to one store.

    Args:
        location: where it lies.
        read_only: never write, not even to bring it up to date.

    Raises:
        NotFound: the folder is missing, or the file where it shall only be read.
        StoreUnavailable: it cannot be reached, or was written by a newer version of this package.
        StoreDamaged: it is no store, or damaged.
        MissingPackage: the driver is not installed.
    """

    def __init__(self, location: Location, *, read_only: bool = False) -> None:
        self.location = location
        self._asked_read_only = read_only
        self._closed = False
        self._pid = os.getpid()
        self._torn = False
        self._frozen = False
        self._gate = threading.Condition()
        self._active = 0
        self._forking = False
        self._memory = threading.RLock()
        self._connections: dict[int, Connection] = {}
        if location.path is not None:
            refuse_unfit(location.path, read_only=read_only)
            if not location.path.exists():
                with translated(location):
                    migrations.make_file(location.path)
        with translated(location):
            self._engine = self._make_engine()
        self._brought_up_to_date = read_only
        _open_databases.add(self)
        try:
            with self.read():
                pass
        except BaseException:
            self.close()
            raise

    @property
    def read_only(self) -> bool:
        """Whether nothing can be written: asked for, or the rights of the file or its folder say so."""
        path = self.location.path
        return self._asked_read_only or (
            path is not None and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))
        )

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that writes: all of the block or nothing.

        Raises:
            StoreUnavailable: read-only, full, or locked for longer than 30 s.
            StoreDamaged: the database contradicts itself.
        """
        if self.read_only:
            raise StoreUnavailable(f"`{self.location}` is read-only; nothing was written.")
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection
        if self._syncs_itself:
            with translated(self.location):
                self._sync_log()

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that sees one state of the store throughout."""
        with self._transaction("BEGIN") as connection:
            if not self.location.sqlite:
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield connection

    @contextlib.contextmanager
    def outside(self) -> Iterator[Connection]:
        """Give a SQLite connection outside of any transaction, for statements that need it so."""
        with self._transaction(None) as connection:
            yield connection

    def close(self) -> None:
        """Close all connections. Every later use is refused."""
        with self._gate:
            self._closed = True
        self._drop_all()
        self._engine.dispose(close=self._pid == os.getpid())

    @property
    def _syncs_itself(self) -> bool:
        """Whether this class, and not SQLite, makes commits durable; see `_sync_log`."""
        return self.location.path is not None and self.location.synchronous == "FULL" and hasattr(os, "fdatasync")

    def _sync_log(self) -> None:
        """Make what was committed durable before anybody is told.

        SQLite would sync the log while it holds the lock of writers, so that all others wait for the disk. Here
        it commits without (`synchronous = NORMAL`), and the log is synced after the lock was given up: the next
        writer works meanwhile, and the disk serves several of them at once. A log that was emptied or removed in
        between was synced, with the file itself, by the checkpoint that did so. SQLite puts no locks on the log:
        opening and closing it here disturbs none.
        """
        assert self.location.path is not None
        try:
            handle = os.open(beside(self.location.path, "-wal"), os.O_RDWR)
            try:
                os.fdatasync(handle)
            finally:
                os.close(handle)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreUnavailable(
                f"`{self.location}` could not be made durable: {error.strerror}. "
                "The last write may be lost; repeat it with the same request key."
            ) from error

    @contextlib.contextmanager
    def _transaction(self, begin: str | None) -> Iterator[Connection]:
        with self._entered(), translated(self.location):
            if not self.location.sqlite:
                with self._engine.connect() as connection, connection.begin():
                    yield connection
                return
            lock = self._memory if self.location.path is None else contextlib.nullcontext()
            with lock:
                try:
                    connection = self._mine()
                    with connection.begin():
                        if begin == "BEGIN IMMEDIATE":
                            self._wait_for_turn(connection)
                        elif begin is not None:
                            connection.exec_driver_sql(begin)
                        yield connection
                except PhysaiInverseError:
                    raise
                except BaseException:
                    self._drop(
                        threading.get_ident()
                    )  # after an error of SQLite a fresh connection is the safe one
                    raise
                finally:
                    if self._frozen:
                        self._drop(threading.get_ident())

    @contextlib.contextmanager
    def _entered(self) -> Iterator[None]:
        if self._closed:
            raise StoreUnavailable(f"`{self.location}` was closed. Open the store again.")
        if self._pid != os.getpid():
            self._arrive_in_child()
        if self._torn:
            raise StoreUnavailable(
                f"`{self.location}` cannot be used in this forked process. Open the store again in it."
            )
        with self._gate:
            while self._forking:
                self._gate.wait()
            self._active += 1
        try:
            yield
        finally:
            with self._gate:
                self._active -= 1
                self._gate.notify_all()

    def _wait_for_turn(self, connection: Connection) -> None:
        """Begin a transaction that writes, as soon as the writer before has ended.

        SQLite itself waits in sleeps of up to 100 ms, in which the disk lies idle and unlucky workers starve for
        seconds; trying every millisecond or two gives all of them a turn.
        """
        raw = connection.connection.dbapi_connection
        assert isinstance(raw, sqlite3.Connection)
        raw.execute("PRAGMA busy_timeout = 0")
        try:
            limit = time.monotonic() + BUSY_SECONDS
            while True:
                try:
                    raw.execute("BEGIN IMMEDIATE")
                    return
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > limit:
                        raise
                time.sleep(RETRY_SECONDS)
        finally:
            raw.execute(f"PRAGMA busy_timeout = {int(1000 * BUSY_SECONDS)}")

    def _mine(self) -> Connection:
        ident = 0 if self.location.path is None else threading.get_ident()
        connection = self._connections.get(ident)
        if connection is None:
            alive = {thread.ident for thread in threading.enumerate()} | {0, ident}
            for dead in [other for other in list(self._connections) if other not in alive]:
                self._drop(dead)
            connection = self._engine.connect()
            self._connections[ident] = connection
            if not self._brought_up_to_date:
                migrations.bring_up_to_date(connection, self.location.path)
                self._brought_up_to_date = True
            migrations.refuse_other(connection, str(self.location))
        return connection

    def _drop(self, ident: int) -> None:
        if self.location.path is None:
            return  # the connection is the store
        connection = self._connections.pop(ident, None)
        if connection is not None:
            with contextlib.suppress(Exception):  # it is given up because it failed
                connection.close()

    def _drop_all(self) -> None:
        for connection in list(self._connections.values()):
            connection.close()
        self._connections.clear()

    def _make_engine(self) -> Engine:
        if not self.location.sqlite:
            return migrations.server_engine(self.location.url)
        pool = StaticPool if self.location.path is None else NullPool
        return create_engine("sqlite://", creator=self._connect, poolclass=pool)

    def _connect(self) -> sqlite3.Connection:
        path, read_only = self.location.path, self.read_only
        if path is None:
            connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        else:
            refuse_unfit(path, read_only=True)
            # Without the right to write the folder SQLite can only read a store that nobody has open.
            # Such a connection does not see what others write, so it is given up after each transaction.
            self._frozen = read_only and not os.access(path.parent, os.W_OK) and not beside(path, "-wal").exists()
            mode = "mode=ro" + ("&immutable=1" if self._frozen else "") if read_only else "mode=rw"
            connection = sqlite3.connect(
                f"file:{quote(str(path))}?{mode}",
                uri=True,
                timeout=BUSY_SECONDS,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=256,
            )
        try:
            migrations.refuse_foreign(connection, new=path is None)
            for setting in (
                "foreign_keys = ON",
                f"synchronous = {'NORMAL' if self._syncs_itself else self.location.synchronous}",
                "trusted_schema = OFF",
                "cell_size_check = ON",
            ):
                connection.execute(f"PRAGMA {setting}")
            if path is not None and not read_only:
                connection.execute("PRAGMA journal_mode = WAL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _arrive_in_child(self) -> None:
        """Take over in a forked process: nothing that the parent opened may be used or closed here."""
        self._pid = os.getpid()
        self._gate = threading.Condition()
        self._active, self._forking = 0, False
        self._memory = threading.RLock()
        if not self.location.sqlite:
            self._engine.dispose(close=False)
        elif self.location.path is None or self._connections:
            self._torn = True
            _left_by_parents.append(dict(self._connections))
            self._connections.clear()

    def _before_fork(self) -> None:
        with self._gate:
            self._forking = True
            quiet = self._gate.wait_for(lambda: self._active == 0, FORK_SECONDS)
        if quiet and self.location.path is not None:
            self._drop_all()

    def _after_fork(self) -> None:
        with self._gate:
            self._forking = False
            self._gate.notify_all()


_open_databases: "weakref.WeakSet[Database]" = weakref.WeakSet()
_left_by_parents: list[dict[int, Connection]] = []
"""Kept alive on purpose: closing a parent's connection in the child would break the parent's locks."""


def _before_fork() -> None:
    for database in list(_open_databases):
        database._before_fork()


def _after_fork_in_parent() -> None:
    for database in list(_open_databases):
        database._after_fork()


def _after_fork_in_child() -> None:
    for database in list(_open_databases):
        database._arrive_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
    )
