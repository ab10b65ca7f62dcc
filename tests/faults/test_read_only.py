"""R8: a store that cannot be written can be read, and every write fails with one line that names the file."""

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from physai_inverse.errors import NotFound, StoreUnavailable
from physai_inverse.observations import Observation
from physai_inverse.store import Proposal, Store
from tests.faults import workers

WRITES: list[Callable[[Store], object]] = [
    lambda store: store.create_study("t", space={}, objective={}, seed=0),
    lambda store: store.add_space("s", {}),
    lambda store: store.set_objective("s", {}),
    lambda store: store.propose("s", [Proposal({})], worker="w", lease_seconds=5),
    lambda store: store.enqueue("s", [Proposal({})]),
    lambda store: store.claim("s", 1, worker="w", lease_seconds=5),
    lambda store: store.heartbeat("s", 0, "t", lease_seconds=5),
    lambda store: store.observe("s", 0, {"loss": 1.0}),
    lambda store: store.import_observations("s", [Observation({})]),
    lambda store: store.release("s", ["w"]),
]


def read_but_not_write(path: Path, read_only: bool, backup: Path) -> None:
    with Store(path, read_only=read_only) as store:
        assert store.read_only
        assert [trial.metrics for trial in store.trials("s")] == [{"loss": 1.0}]
        assert store.create_study("s", space={}, objective={}, seed=9).seed == 1
        assert len(store.events("s")) == 2
        assert store.check() == []
        store.backup(backup)
        for write in WRITES:
            with pytest.raises(StoreUnavailable, match="read-only") as caught:
                write(store)
            assert str(path) in str(caught.value)
            assert "\n" not in str(caught.value)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder that an unprivileged user can reach."""
    made = Path(tempfile.mkdtemp())
    made.chmod(0o755)
    with Store(made / "study.db") as store:
        store.create_study("s", space={}, objective={}, seed=1)
        store.import_observations("s", [Observation({}, {"loss": 1.0})])
    yield made
    made.chmod(0o755)
    shutil.rmtree(made)


def test_a_store_opened_read_only_reads_and_refuses_to_write(folder: Path) -> None:
    read_but_not_write(folder / "study.db", True, folder / "backup.db")


def test_a_missing_store_is_not_made_read_only(folder: Path) -> None:
    with pytest.raises(NotFound, match="no store at"):
        Store(folder / "other.db", read_only=True)
    assert not (folder / "other.db").exists()


def without_rights(path: Path, backup: Path) -> None:
    if os.geteuid() == 0:
        Store(":memory:").close()  # whatever is loaded late is loaded before the rights are gone
        os.setuid(65534)
    read_but_not_write(path, False, backup)


@pytest.mark.parametrize("locked", ["file", "folder"])
def test_a_store_without_the_right_to_write_is_read(folder: Path, locked: str) -> None:
    (folder / "study.db").chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)
    folder.chmod(0o777 if locked == "file" else 0o555)
    backups = Path(tempfile.mkdtemp())
    backups.chmod(0o777)
    process = workers.start(without_rights, folder / "study.db", backups / "backup.db")
    assert workers.join([process]) == [0]
    shutil.rmtree(backups)
