"""Where a store may lie, what its errors say, and what happens to it across a fork."""

import multiprocessing
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from physai_inverse.errors import InvalidInput, NotFound, StoreUnavailable
from physai_inverse.observations import Observation
from physai_inverse.store import Store
from physai_inverse.store import location as places


@pytest.mark.parametrize(
    ("kind", "refused"), [("nfs4", True), ("cifs", True), ("smb3", True), ("ext4", False), ("lustre", False)]
)
def test_network_file_systems_are_refused(
    kind: str, refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"dev / ext4 rw 0 0\nserver {tmp_path} {kind} rw 0 0\n")
    assert places.file_system(tmp_path / "study.db", str(mounts)) == kind
    monkeypatch.setattr(places, "file_system", lambda _path: kind)
    if refused:
        with pytest.raises(StoreUnavailable, match=rf"network file system \({kind}\).*physai-inverse serve"):
            Store(tmp_path / "study.db")
    else:
        Store(tmp_path / "study.db").close()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="its folder does not exist"):
        Store(tmp_path / "none" / "study.db")


@pytest.mark.parametrize("given", ["", "mysql://host/db", "://", "study.db\0"])
def test_what_is_no_place_is_refused(given: str) -> None:
    with pytest.raises(InvalidInput):
        Store(given)


def test_a_password_is_never_shown() -> None:
    with pytest.raises(StoreUnavailable) as caught:
        Store("postgresql+psycopg://user:canary@127.0.0.1:1/db?connect_timeout=2")
    assert "canary" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)


def test_each_write_is_synced_before_it_returns_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    sync = os.fdatasync

    def noted(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        sync(handle)

    monkeypatch.setattr(os, "fdatasync", noted)
    for url, expected in (
        (tmp_path / "a.db", ["a.db-wal"]),
        (f"sqlite:///{tmp_path}/b.db?synchronous=NORMAL", []),
    ):
        synced.clear()
        with Store(url) as store:
            store.create_study("s", space={}, objective={}, seed=0)
            assert synced == expected
            assert store.studies() == ("s",)
            assert synced == expected
        with Store(url) as store, store._database.outside() as connection:
            pragmas = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "foreign_keys", "busy_timeout")
            }
            assert pragmas == {
                "journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 30_000,
            }  # fmt: skip


def test_the_database_itself_refuses_to_change_what_is_finished(tmp_path: Path) -> None:
    with Store(tmp_path / "study.db") as store:
        store.create_study("s", space={}, objective={}, seed=0)
        store.import_observations("s", [Observation({}, {"loss": 1.0})])
    with closing(sqlite3.connect(tmp_path / "study.db")) as connection:
        for statement in (
            "UPDATE trial SET config = '{}'",
            "DELETE FROM trial",
            "UPDATE observation SET metrics = '{}'",
            "DELETE FROM observation",
            "DELETE FROM event",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="stays"):
                connection.execute(statement)


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path / "study.db")
    store.close()
    with pytest.raises(StoreUnavailable, match="was closed"):
        store.studies()


FORK = """
import os, sys, warnings
from physai_inverse.observations import Observation
from physai_inverse.store import Store
warnings.simplefilter("ignore")
store = Store(sys.argv[1])
store.create_study("s", space={}, objective={}, seed=0)
child = os.fork()
if child == 0:
    try:
        store.add_space("s", {"of": "the child"})
        os._exit(0)
    except Exception as error:
        print(error)
        os._exit(7)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
store.add_space("s", {"of": "the parent"})
assert store.check() == [], store.check()
print(len(store.study("s").spaces), code)
"""


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system has no fork")
@pytest.mark.parametrize(("place", "expected"), [("study.db", "3 0"), (":memory:", "2 7")])
def test_a_store_goes_on_in_parent_and_child_of_a_fork(place: str, expected: str, tmp_path: Path) -> None:
    path = place if place == ":memory:" else str(tmp_path / place)
    done = subprocess.run([sys.executable, "-c", FORK, path], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == expected
    if place == ":memory:":
        assert "cannot be used in this forked process" in done.stdout


def test_importing_the_store_is_light() -> None:
    heavy = "{'numpy', 'torch', 'pandas', 'sqlalchemy.orm'}"
    code = f"import sys, physai_inverse.store; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
