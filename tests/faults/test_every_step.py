"""R5: an error, or the death of the process, at any SQL statement of a verb leaves the state before or after."""

import shutil
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import Connection

from physai_inverse.errors import PhysaiInverseError, StoreUnavailable
from physai_inverse.store import Proposal, Store, migrations
from tests.faults import workers
from tests.faults.steps import VERBS, Clock, fail, fragile, run_struck, struck
from tests.faults.workers import without_fsync


def state(path: Path) -> object:
    """Tell everything in a store that does not differ between two runs of the same verb."""
    with Store(without_fsync(path), clock=Clock(200.0)) as store:
        assert store.check() == []
        per_study = [
            (
                name,
                store.trials(name, curves=True),
                store.leases(name),
                store.late_observations(name),
                store.study(name).spaces,
                store.study(name).objective,
                [seen.kind for seen in store.events(name)],
            )
            for name in store.studies()
        ]
    backup = path.with_name("backup.db")
    if backup.exists():
        with Store(backup, read_only=True) as copy:
            assert copy.check() == []
    return per_study, backup.exists()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a store with a queued, two running and a finished trial, where one lease has ended and one was lost."""
    path = tmp_path_factory.mktemp("template") / "study.db"
    clock = Clock(100.0)
    with Store(without_fsync(path), clock=clock) as store:
        store.create_study("s", space={"x": 1}, objective={"y": 1}, seed=0)
        for number, seconds in enumerate((500.0, 500.0, 5.0, 500.0, 5.0)):
            store.propose("s", [Proposal({"x": number})], worker="w", lease_seconds=seconds)
        clock.seconds = 110.0
        store.observe("s", 3, {"loss": 1.0})
        assert [trial.number for trial in store.claim("s", 5, worker="z", lease_seconds=500)] == [2, 4]
        store.observe("s", 4, {"loss": 2.0})
        store.propose("s", [Proposal({"x": 5})], worker="w", lease_seconds=5)
        store.enqueue("s", [Proposal({"x": 6})])
    return path


def fresh(template: Path, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return Path(shutil.copy(template, folder / "study.db"))


@pytest.fixture(autouse=True)
def breakable() -> Iterator[None]:
    with fragile():
        yield


def expected(verb: str, template: Path, folder: Path) -> tuple[object, object, int]:
    """Give the states before and after a verb, and how many steps it has."""
    path = fresh(template, folder)
    before = state(path)
    with Store(without_fsync(path), clock=Clock(200.0)) as store, struck(fail, 0) as seen:
        VERBS[verb](store, path)
    return before, state(path), len(seen)


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_an_error_at_any_statement_changes_nothing(verb: str, template: Path, tmp_path: Path) -> None:
    before, after, steps = expected(verb, template, tmp_path / "work")
    for at in range(1, steps + 1):
        path = fresh(template, tmp_path / "work")
        with Store(without_fsync(path), clock=Clock(200.0)) as store:
            with struck(fail, at), pytest.raises((PhysaiInverseError, sqlite3.OperationalError)):
                VERBS[verb](store, path)
            assert state(path) in ((before, after) if verb == "backup" else (before,))
            VERBS[verb](store, path)
        assert state(path) == after


@pytest.mark.parametrize(
    "verb",
    [
        pytest.param(verb, marks=[] if verb in ("claim", "observe") else [pytest.mark.slow])
        for verb in sorted(VERBS)
    ],
)
def test_death_at_any_statement_leaves_before_or_after(verb: str, template: Path, tmp_path: Path) -> None:
    before, after, steps = expected(verb, template, tmp_path / "work")
    for at in range(1, steps + 2):
        path = fresh(template, tmp_path / "work")
        (code,) = workers.join([workers.start(run_struck, verb, path, at)])
        assert code == (-signal.SIGKILL if at <= steps else 0)
        reached = (before, after) if verb == "backup" else (before,)  # a copy may be there before the last step
        assert state(path) in (reached if at <= steps else (after,))


def second_step(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE trial ADD COLUMN colour TEXT")
    connection.exec_driver_sql("CREATE TABLE extra (x INTEGER)")
    connection.exec_driver_sql("INSERT INTO extra VALUES (1)")


def columns(path: Path) -> tuple[int, set[str], bool]:
    connection = sqlite3.connect(path)
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    names = {row[1] for row in connection.execute("PRAGMA table_info(trial)")}
    extra = bool(connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'extra'").fetchall())
    connection.close()
    return int(version), names, extra


def test_a_migration_is_whole_or_not_at_all_and_makes_a_copy_before(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = columns(template)
    monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, second_step))
    for at in range(1, 50):
        path = fresh(template, tmp_path / "work")
        try:
            with struck(fail, at) as seen:
                Store(without_fsync(path)).close()
        except (StoreUnavailable, sqlite3.OperationalError, PhysaiInverseError):
            assert columns(path) in (old, (old[0] + 1, old[1] | {"colour"}, True))
            Store(without_fsync(path)).close()
        assert columns(path) == (old[0] + 1, old[1] | {"colour"}, True)
        assert columns(path.with_name(f"study.db.schema-{old[0]}")) == old
        if len(seen) < at:
            break
    else:
        pytest.fail("not every statement was struck")
    monkeypatch.undo()
    with pytest.raises(
        StoreUnavailable, match=f"has schema {old[0] + 1}, this version of physai-inverse reads up to {old[0]}"
    ):
        Store(path)
