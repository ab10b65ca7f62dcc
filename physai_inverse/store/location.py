"""Where a store lies, and whether a store may lie there.

SQLite relies on file locks and shared memory, which network file systems break; and on its `-wal` file, without
which the newest results are gone. Both are refused before the file is opened.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from physai_inverse.errors import InvalidInput, NotFound, StoreDamaged, StoreUnavailable

NETWORK = ("nfs", "cifs", "smb", "fuse.sshfs", "afs", "9p")
"""Prefixes of file system types on which SQLite's locks cannot be relied on."""


@dataclass(frozen=True)
class Location:
    """Where a store lies.

    Args:
        url: the SQLAlchemy URL.
        path: the file; None in memory and on a server.
        synchronous: SQLite's setting, `FULL` or `NORMAL`.
    """

    url: URL
    path: Path | None
    synchronous: str = "FULL"

    @property
    def sqlite(self) -> bool:
        """Whether SQLite keeps it, in a file or in memory."""
        return self.url.get_backend_name() == "sqlite"

    def __str__(self) -> str:
        if self.sqlite:
            return str(self.path or ":memory:")
        return self.url.render_as_string(hide_password=True)


def locate(url_or_path: str | Path, synchronous: str = "FULL") -> Location:
    """Understand `:memory:`, a path, or a SQLAlchemy URL of SQLite or PostgreSQL.

    Raises:
        InvalidInput: it is none of these, or `synchronous` is neither `FULL` nor `NORMAL`.
    """
    given = str(url_or_path)
    if not given or "\0" in given:
        raise InvalidInput("`url_or_path` must be a path, `:memory:` or a SQLAlchemy URL, not an empty text.")
    if "://" in given:
        try:
            url = make_url(given)
        except ArgumentError as error:
            raise InvalidInput(
                "`url_or_path` looks like a URL and cannot be read as one, for example "
                "`postgresql+psycopg://user:password@host/database`."
            ) from error
    else:
        url = URL.create("sqlite", database=given)
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise InvalidInput(f"`url_or_path` must be SQLite or PostgreSQL, not `{url.get_backend_name()}`.")
    if url.get_backend_name() == "postgresql":
        return Location(url, None)
    chosen = url.query.get("synchronous", synchronous)
    if chosen not in ("FULL", "NORMAL"):
        raise InvalidInput(f"`synchronous` must be FULL or NORMAL, not {chosen!r}.")
    path = None if url.database in (None, "", ":memory:") else Path(os.path.abspath(str(url.database)))
    return Location(url, path, str(chosen))


def refuse_unfit(path: Path, *, read_only: bool) -> None:
    """Refuse a place where a store cannot be, or a file that cannot be one.

    Raises:
        NotFound: the folder is missing, or the file where it shall only be read.
        StoreUnavailable: the path is a folder, or lies on a network file system.
        StoreDamaged: the file is empty, or its `-wal` file is gone.
    """
    if not path.parent.is_dir():
        raise NotFound(f"`{path}`: its folder does not exist. Make the folder, or give another path.")
    if path.is_dir():
        raise StoreUnavailable(f"`{path}` is a folder. Give the path of a file in it.")
    kind = file_system(path)
    if kind.startswith(NETWORK):
        raise StoreUnavailable(
            f"`{path}` lies on a network file system ({kind}), where SQLite loses data when several machines "
            "write. Use a local disk, a PostgreSQL URL, or `physai-inverse serve` on one machine."
        )
    if not path.exists():
        if read_only:
            raise NotFound(f"There is no store at `{path}`.")
        return
    if path.stat().st_size == 0:
        raise StoreDamaged(
            f"`{path}` is an empty file and no store. Remove it to start a new store there, or restore a backup."
        )
    if _lost_wal(path):
        raise StoreDamaged(
            f"`{path}-wal` is missing although the store was in use: the newest results were in it. "
            f"Put it back, or restore a backup; to go on without them remove `{path}-shm`."
        )


def file_system(path: Path, mounts: str = "/proc/mounts") -> str:
    """Name the type of the file system that holds a path; empty where the system does not tell."""
    try:
        lines = Path(mounts).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    real = path.parent.resolve() / path.name
    best, kind = "", ""
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        mount = fields[1].replace("\\040", " ")
        if len(mount) >= len(best) and real.is_relative_to(mount):
            best, kind = mount, fields[2]
    return kind


def beside(path: Path, suffix: str) -> Path:
    """Give the path of a file that belongs to the store, such as `-wal`."""
    return path.with_name(path.name + suffix)


def _lost_wal(path: Path) -> bool:
    """Whether there is shared memory without a log, which SQLite never leaves behind.

    A process that opens or closes the store at this moment can look so for an instant; hence the second look.
    """
    wal, shm = beside(path, "-wal"), beside(path, "-shm")
    for _ in range(5):
        if wal.exists() or not shm.exists() or wal.exists():
            return False
        time.sleep(0.02)
    return True
