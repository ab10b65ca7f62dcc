"""The one way in which this package writes a file: all of it or nothing, also through a crash.

A temporary file in the same folder, `fsync`, rename, `fsync` of the folder. Whoever reads the path sees
the old content or the new, never a part.
"""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from physai_inverse.errors import StoreUnavailable


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[IO[bytes]]:
    """Open a file for writing that replaces `path` only when the block ends well.

    Args:
        path: the file to write; its folder must exist.

    Raises:
        StoreUnavailable: the folder is missing, not writable or full; names the file and the free space.
    """
    target = Path(path)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent or ".")
    except OSError as error:
        raise StoreUnavailable(_explain(target, error)) from error
    temporary = Path(name)
    try:
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o644
        os.fchmod(handle, mode)
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(target)
        sync_folder(target.parent)
    except OSError as error:
        raise StoreUnavailable(_explain(target, error)) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file, all or nothing; see `atomic_write`."""
    with atomic_write(path) as stream:
        stream.write(text.encode())


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder durable, where the system can."""
    try:
        handle = os.open(folder or Path(), os.O_RDONLY)
    except OSError:  # a system without open folders
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)


def _explain(path: Path, error: OSError) -> str:
    try:
        free = f"{shutil.disk_usage(path.parent).free / 2**20:.1f} MiB free there"
    except OSError:
        free = "its folder cannot be read"
    return f"`{path}` could not be written: {error.strerror or error} ({free}). The old content is untouched."
