"""The database's errors in the package's words: one line that names the store and says what to do."""

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from physai_inverse.errors import MissingPackage, PhysaiInverseError, StoreDamaged, StoreUnavailable
from physai_inverse.store.location import Location

DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_MISMATCH}
RESTORE = "Restore a backup."


@contextlib.contextmanager
def translated(location: Location) -> Iterator[None]:
    """Turn every error of the database in this block into one of ours.

    Raises:
        StoreDamaged: the database contradicts itself.
        StoreUnavailable: it cannot be reached, locked or written.
        MissingPackage: the driver is not installed.
    """
    try:
        yield
    except StoreDamaged as error:
        text = str(error)
        if str(location) in text:
            raise
        raise StoreDamaged(f"`{location}` is damaged: {text}. {RESTORE}") from error
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise _explained(location, error) from error
    except ModuleNotFoundError as error:
        raise MissingPackage(
            f"`{location}` needs the package {error.name}: pip install physai-inverse[postgres]"
        ) from error


def _explained(location: Location, error: SQLAlchemyError | sqlite3.Error) -> PhysaiInverseError:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    said = " ".join(str(cause).split())
    if isinstance(error, IntegrityError | sqlite3.IntegrityError):
        return StoreDamaged(f"`{location}` contradicts its own rules: {said}. {RESTORE}")
    if not isinstance(cause, sqlite3.Error):
        return StoreUnavailable(
            f"`{location}` did not answer as it should: {said}. "
            "Repeat the request with the same key once the server is back."
        )
    code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in DAMAGED:
        return StoreDamaged(f"`{location}` is damaged or no store: {said}. {RESTORE}")
    if code == sqlite3.SQLITE_READONLY:
        return StoreUnavailable(f"`{location}` is read-only; nothing was written. Make file and folder writable.")
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return StoreUnavailable(
            f"`{location}` could not be written: {said} ({_free(location)}). "
            "Nothing was lost; free space and try again."
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreUnavailable(f"`{location}` was locked by another process for too long. Try again.")
    if code == sqlite3.SQLITE_CANTOPEN:
        return StoreUnavailable(
            f"`{location}` could not be opened: {said}. Check the rights of the file and of its folder; "
            "a store in use can be read only where its folder is writable."
        )
    return StoreDamaged(f"`{location}` does not have the content of a store: {said}. {RESTORE}")


def _free(location: Location) -> str:
    if location.path is None:
        return "in memory"
    try:
        return f"{shutil.disk_usage(location.path.parent).free / 2**20:.1f} MiB free there"
    except OSError:
        return "its folder cannot be read"
