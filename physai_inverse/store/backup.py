"""Copies of a store: made while others write, verified before they take the place of a broken store.

A broken store is moved aside, never overwritten.
"""

import os
from pathlib import Path

from physai_inverse.errors import InvalidInput, NotFound, StoreDamaged, StoreUnavailable
from physai_inverse.files import sync_folder
from physai_inverse.store.connection import Database
from physai_inverse.store.failure import translated
from physai_inverse.store.location import beside, locate
from physai_inverse.store.migrations import copy_file, finish_file
from physai_inverse.store.verification import problems


def write_backup(database: Database, path: Path) -> Path:
    """Copy a store to a file; see `Store.backup`."""
    location = database.location
    if not location.sqlite:
        raise StoreUnavailable(f"`{location}` is on a server; make its backups with pg_dump.")
    target = Path(os.path.abspath(path))
    if location.path is not None and target.exists() and target.samefile(location.path):
        raise InvalidInput(f"`path` must not be the store itself: `{path}`.")
    if not target.parent.is_dir():
        raise NotFound(f"`{path}`: its folder does not exist.")
    for suffix in ("-wal", "-shm"):
        if beside(target, suffix).exists():
            raise StoreUnavailable(f"`{path}` is in use as a store (`{target.name}{suffix}` is there).")
    with database.outside() as connection:
        try:
            copy_file(connection, target)
        except OSError as error:
            raise StoreUnavailable(f"`{target}` could not be written: {error.strerror}.") from error
    return target


def restore(store_path: str | Path, backup_path: str | Path) -> Path | None:
    """Put a verified copy of a backup in the place of a store that nobody has open.

    Args:
        store_path: of the broken or lost store.
        backup_path: a file that `Store.backup` wrote; it stays as it is.

    Returns:
        Where the broken store lies now, with its `-wal` and `-shm` files; None where there was none.

    Raises:
        InvalidInput: both paths are the same file.
        NotFound: there is no backup.
        StoreDamaged: the backup is damaged itself; nothing was changed.
        StoreUnavailable: the folder of the store cannot be written.
    """
    target, source = Path(os.path.abspath(store_path)), Path(os.path.abspath(backup_path))
    if not source.exists():
        raise NotFound(f"There is no backup at `{source}`.")
    if target.exists() and target.samefile(source):
        raise InvalidInput("`backup_path` must not be the store itself.")
    database = Database(locate(source), read_only=True)
    try:
        wrong = problems(database)
        if wrong:
            raise StoreDamaged(f"The backup `{source}` is damaged ({wrong[0]}); nothing was changed.")
        fresh = target.with_name(f".{target.name}.restored")
        write_backup(database, fresh)
        finish_file(fresh)
    finally:
        database.close()
    with translated(locate(target)):
        try:
            return _exchange(target, fresh)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise StoreUnavailable(f"`{target}` could not be replaced: {error.strerror}.") from error


def _exchange(target: Path, fresh: Path) -> Path | None:
    """Move the store aside and the copy in; at every moment `target` is one of the two, never missing."""
    leftovers = [suffix for suffix in ("-wal", "-shm") if beside(target, suffix).exists()]
    if not target.exists() and not leftovers:
        fresh.replace(target)
        sync_folder(target.parent)
        return None
    number = 1
    while (aside := beside(target, f".broken-{number}")).exists() or beside(aside, "-wal").exists():
        number += 1
    if target.exists():
        os.link(target, aside)
    for suffix in leftovers:
        beside(target, suffix).rename(beside(aside, suffix))
    fresh.replace(target)
    sync_folder(target.parent)
    return aside
