"""A foreign SQLite file, opened so that nothing in it can change."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from physai_inverse.errors import InvalidInput, NotFound

WAIT_SECONDS = 2.0


@contextlib.contextmanager
def open_foreign(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database for reading.

    Raises:
        NotFound: there is no such file.
        InvalidInput: it is damaged, locked by another program, or cannot be read.
    """
    if not path.exists():
        raise NotFound(f"There is no file `{path}`.")
    try:
        connection = sqlite3.connect(
            f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, timeout=WAIT_SECONDS, isolation_level=None
        )
        try:
            connection.execute("PRAGMA query_only = 1")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            yield connection
        finally:
            connection.close()
    except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter where SQLite quotes a damaged byte
        said = str(error) if isinstance(error, sqlite3.Error) else "it holds bytes that are no text"
        if "locked" in said:
            advice = "another program writes to it; close that, or import a copy of the file"
        elif any(word in said for word in ("malformed", "not a database", "no text", "decode")):
            advice = "the file is damaged; restore it from a backup"
        else:
            advice = "is it whole, and may you read it and its folder?"
        raise InvalidInput(f"The database `{path}` cannot be read: {said}; {advice}.") from error


def tables_of(connection: sqlite3.Connection) -> set[str]:
    """List the tables of a database."""
    return {str(name) for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def copy_to(path: Path, target: Path) -> None:
    """Copy a database as it is at one moment, with what its write-ahead log holds.

    Raises:
        NotFound, InvalidInput: see `open_foreign`.
    """
    with open_foreign(path) as connection, contextlib.closing(sqlite3.connect(target)) as copy:
        connection.backup(copy)
