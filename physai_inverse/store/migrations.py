"""The schema in numbered steps: each one transaction, a copy of the file made before.

A new SQLite file is made complete under another name and then linked to its own, so nobody ever sees half a store
and an existing file is never initialised. `user_version` holds the number of the last step.
"""

import os
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy import create_engine, event, inspect, text
from sqlalchemy.engine import URL, Connection, Engine

from physai_inverse.errors import StoreDamaged, StoreUnavailable
from physai_inverse.files import sync_folder
from physai_inverse.store import tables

APPLICATION_ID = 0x50485949
"""`PHYI`: what marks an SQLite file as ours."""

SCHEMA_LOCK = 0x50485949
"""The key of the advisory lock under which a server's tables and studies are made."""


def create_tables(connection: Connection) -> None:
    """Make all tables, indexes and triggers, as they are today: a new store needs no later step."""
    tables.metadata.create_all(connection, checkfirst=False)
    for statement in (*tables.INDEXES, *tables.triggers(connection.dialect.name)):
        connection.exec_driver_sql(
            statement.replace("%", "%%") if connection.dialect.name != "sqlite" else statement
        )


def add_fidelity(connection: Connection) -> None:
    """Give trials their fidelity and the trial that they continue."""
    present = {column["name"] for column in inspect(connection).get_columns("trial")}
    for name, kind in (("fidelity", "DOUBLE PRECISION"), ("continues", "BIGINT")):
        if name not in present:
            connection.exec_driver_sql(f"ALTER TABLE trial ADD COLUMN {name} {kind}")


def add_progress(connection: Connection) -> None:
    """Make the table of what running trials have told."""
    tables.progress.create(connection, checkfirst=True)


STEPS: tuple[Callable[[Connection], None], ...] = (create_tables, add_fidelity, add_progress)
"""Step n brings a store from schema n to schema n + 1, and finds its work done in one that was made new."""


def make_file(path: Path) -> None:
    """Make a new store, complete or not at all; when another process is faster, its store stays.

    Raises:
        StoreUnavailable: the folder cannot be written, or its file system has no hard links.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise StoreUnavailable(f"`{path}` could not be made: {error.strerror}. Is the folder writable?") from error
    os.close(handle)
    temporary = Path(name)
    try:
        engine = create_engine("sqlite://", creator=lambda: _draft(temporary))
        try:
            with engine.connect() as connection, connection.begin():
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
                for number, step in enumerate(STEPS, start=1):
                    step(connection)
                    connection.exec_driver_sql(f"PRAGMA user_version = {number}")
        finally:
            engine.dispose()
        finish_file(temporary)
        temporary.chmod(0o644)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return  # another process was faster; both made the same
        except OSError as error:
            raise StoreUnavailable(f"`{path}` could not be made: {error.strerror} (hard link).") from error
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def finish_file(path: Path) -> None:
    """Switch a complete file to WAL, while nobody else can know it, and make it durable."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    _sync(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def copy_file(connection: Connection, target: Path) -> None:
    """Copy the store behind a connection to a new file, while others write: all of it or nothing."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        connection.exec_driver_sql("VACUUM INTO ?", (str(temporary),))
        _sync(temporary)  # not in WAL mode: a copy is one file, also while it is read
        temporary.chmod(0o644)
        temporary.replace(target)
        sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def bring_up_to_date(connection: Connection, path: Path | None) -> None:
    """Apply the steps that a SQLite store lacks, each in one transaction, after a copy of the file was made."""
    version = _version(connection)
    connection.rollback()  # ends what the reading began
    if version >= len(STEPS):
        return
    if path is not None:
        copy_file(connection, path.with_name(f"{path.name}.schema-{version}"))
        connection.rollback()  # ends what the copying began
    while version < len(STEPS):
        with connection.begin():
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            version = _version(connection)  # another process may have been faster
            if version < len(STEPS):
                STEPS[version](connection)
                version += 1
                connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.exec_driver_sql(f"PRAGMA user_version = {version}")


def refuse_foreign(connection: sqlite3.Connection, *, new: bool) -> None:
    """Refuse a database that another program made.

    Raises:
        StoreDamaged: it does not carry our mark.
    """
    found = connection.execute("PRAGMA application_id").fetchone()[0]
    if found != APPLICATION_ID and not new:
        raise StoreDamaged("it is an SQLite file of another program, not a store of physai-inverse")


def refuse_other(connection: Connection, name: str) -> None:
    """Refuse a schema that this version of the package does not know.

    Raises:
        StoreUnavailable: it is newer, or older and cannot be brought up to date read-only.
    """
    version = _version(connection)
    connection.rollback()  # ends what the reading began
    if version > len(STEPS):
        raise StoreUnavailable(
            f"`{name}` has schema {version}, this version of physai-inverse reads up to {len(STEPS)}. "
            "Update the package."
        )
    if version < len(STEPS):
        raise StoreUnavailable(
            f"`{name}` has schema {version} and must be brought to {len(STEPS)}. Open it once for writing."
        )


def server_engine(url: URL) -> Engine:
    """Connect to a server, and make or bring up to date its tables in one transaction."""
    engine = create_engine(url, pool_pre_ping=True)

    @event.listens_for(engine, "connect")
    def limit_waiting(connection: object, _record: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]  # every driver's connection has cursors
        cursor.execute("SET lock_timeout = '30s'; SET statement_timeout = '60s'")
        cursor.close()
        connection.commit()  # type: ignore[attr-defined]  # and commits

    with engine.connect() as connection, connection.begin():
        lock_server(connection)
        connection.execute(text("CREATE TABLE IF NOT EXISTS physai_inverse_schema (version INTEGER NOT NULL)"))
        found = connection.execute(text("SELECT max(version) FROM physai_inverse_schema")).scalar()
        version = int(found or 0)
        if version > len(STEPS):
            raise StoreUnavailable(
                f"`{url.render_as_string()}` has schema {version}, this version of physai-inverse "
                f"reads up to {len(STEPS)}. Update the package."
            )
        for number in range(version, len(STEPS)):
            STEPS[number](connection)
            connection.execute(
                text("INSERT INTO physai_inverse_schema VALUES (:version)"), {"version": number + 1}
            )
    return engine


def lock_server(connection: Connection) -> None:
    """Wait until no other transaction makes tables or studies; SQLite needs no such lock."""
    if connection.dialect.name != "sqlite":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": SCHEMA_LOCK})


def _version(connection: Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


def _draft(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")  # the file is synced as a whole when it is complete
    return connection
