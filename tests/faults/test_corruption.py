"""R9: a damaged file gives an error or the right values, never wrong ones, and `check` finds what was changed."""

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from physai_inverse.errors import NotFound, PhysaiInverseError, StoreDamaged, StoreUnavailable
from physai_inverse.observations import Curve, Measurement, Observation
from physai_inverse.store import Proposal, Store, restore
from physai_inverse.store.tables import metadata
from tests.faults.workers import without_fsync

TABLES = sorted(set(metadata.tables) - {"progress"})
"""Without the points of running trials: they are replaced and removed, so no history knows what they were."""


def dump(path: Path) -> object:
    """Read every row without the store; None where SQLite itself refuses."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.text_factory = bytes
            return {
                table: sorted(map(repr, connection.execute(f"SELECT * FROM {table} NOT INDEXED").fetchall()))  # noqa: S608 - names from the schema
                for table in TABLES
            }
    except sqlite3.Error:
        return None


def content(path: Path) -> object:
    """Read everything through the store, with every reading verb."""
    with Store(without_fsync(path)) as store:
        study, trials = store.study("s"), store.trials("s", curves=True)
        singles = [store.trial("s", trial.number) for trial in trials]
        changed = store.trials("s", since=study.version - 3)
        leases = [(number, worker) for number, worker, _ in store.leases("s")]
        return study, trials, singles, changed, leases, store.late_observations("s"), store.events("s")


def found(path: Path) -> list[str]:
    """Give what `check` finds, or the error with which the store refuses to be opened."""
    try:
        with Store(without_fsync(path)) as store:
            return store.check()
    except (StoreDamaged, StoreUnavailable) as error:
        return [str(error)]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "study.db"
    clock = [100.0]
    with Store(without_fsync(path), clock=lambda: clock[0]) as store:
        store.create_study("s", space={"x": [0, 1]}, objective={"minimize": "loss"}, seed=3)
        points = Curve(tuple(range(1, 40)), tuple(1 / step for step in range(1, 40)))
        store.import_observations(
            "s",
            [Observation({"x": n / 7}, {"loss": n / 3, "c": points, "m": Measurement(1, 0.1)}) for n in range(30)],
        )
        store.add_space("s", {"x": [0, 2]})
        (old,) = store.propose(
            "s", [Proposal({"x": 0.5}, note={"mean": 0.1})], worker="w", lease_seconds=1, request="k"
        )
        clock[0] += 2
        (new,) = store.claim("s", 1, worker="v", lease_seconds=1e6)
        store.observe("s", old.number, {"loss": 1.0}, token=new.token, request="o")
        store.observe("s", old.number, {"loss": 2.0}, token=old.token)
        store.propose("s", [Proposal({"x": 0.6})], worker="w", lease_seconds=1e6)
        store.enqueue("s", [Proposal({"x": 0.7})])
    return path


def flip(path: Path, draw: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    path.write_bytes(data)


def noise(path: Path, draw: random.Random) -> None:
    data = bytearray(path.read_bytes())
    start = draw.randrange(len(data) // 4096) * 4096 + draw.choice([0, 0, draw.randrange(4096)])
    end = min(len(data), start + draw.choice([4, 64, 4096]))
    data[start:end] = draw.randbytes(end - start)
    path.write_bytes(data)


def zeros(path: Path, draw: random.Random) -> None:
    data = bytearray(path.read_bytes())
    start = draw.randrange(len(data))
    end = min(len(data), start + draw.choice([8, 512, 4096]))
    data[start:end] = bytes(end - start)
    path.write_bytes(data)


def cut(path: Path, draw: random.Random) -> None:
    size = path.stat().st_size
    with path.open("r+b") as stream:
        stream.truncate(draw.choice([draw.randrange(size), draw.randrange(size // 4096) * 4096]))


def foreign(path: Path, draw: random.Random) -> None:
    path.write_bytes(draw.randbytes(draw.choice([1, 100, 10_000])))


def altered(path: Path, draw: random.Random) -> None:
    """Change, remove, duplicate or put back rows with SQL, as a person with an editor would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        rules = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in rules:
            connection.execute(f"DROP TRIGGER {name}")
        table = draw.choice(TABLES)
        columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
        rows = connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - names from the schema
        row = dict(zip([column[1] for column in columns], draw.choice(rows), strict=True))
        keys = [column[1] for column in columns if column[5]]
        where = " AND ".join(f"{key} = :{key}" for key in keys)
        if draw.random() < 0.4:
            connection.execute(f"DELETE FROM {table} WHERE {where}", row)  # noqa: S608 - names from the schema
        else:
            column = draw.choice(columns)[1]
            value = row[column]
            other = value + draw.choice([1, -1]) if isinstance(value, int | float) else f"{value or ''} "
            if isinstance(value, str) and draw.random() < 0.5:
                other = draw.choice(rows)[[c[1] for c in columns].index(column)]
            try:
                change = f"UPDATE {table} SET {column} = :new_value WHERE {where}"  # noqa: S608 - names from the schema
                connection.execute(change, {**row, "new_value": other})
            except sqlite3.IntegrityError:
                connection.execute(f"DELETE FROM {table} WHERE {where}", row)  # noqa: S608 - names from the schema
        for _, sql in rules:
            connection.execute(sql)


MUTATIONS: list[Callable[[Path, random.Random], None]] = [flip, noise, zeros, cut, foreign, altered, altered, flip]


@pytest.mark.parametrize(
    "seeds", [pytest.param(range(24), id="short"), pytest.param(range(24, 324), id="full", marks=pytest.mark.slow)]
)
def test_no_mutation_gives_wrong_values_and_check_finds_each(template: Path, tmp_path: Path, seeds: range) -> None:
    right, rows = content(template), dump(template)
    for seed in seeds:
        path = tmp_path / "study.db"
        for leftover in tmp_path.iterdir():
            leftover.unlink()
        shutil.copy(template, path)
        MUTATIONS[seed % len(MUTATIONS)](path, random.Random(seed))
        changed = dump(path) != rows
        with suppress(StoreDamaged, StoreUnavailable):
            assert content(path) == right, f"seed {seed}: a wrong value came back"
        assert not changed or found(path), f"seed {seed}: check finds nothing"


@pytest.mark.parametrize("bytes_", [b"", b"\0", b"not a database at all", b"SQLite format 3\0" + bytes(84)])
def test_a_foreign_file_is_refused_and_left_alone(tmp_path: Path, bytes_: bytes) -> None:
    path = tmp_path / "study.db"
    path.write_bytes(bytes_)
    with pytest.raises(StoreDamaged, match=r"study\.db"):
        Store(path)
    assert path.read_bytes() == bytes_


def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE trial (x)")
    before = path.read_bytes()
    with pytest.raises(StoreDamaged, match="another program"):
        Store(path)
    assert path.read_bytes() == before


def test_a_lost_log_is_noticed(tmp_path: Path) -> None:
    live, copy = tmp_path / "live.db", tmp_path / "copy.db"
    with Store(live) as store:
        store.create_study("s", space={}, objective={}, seed=0)
        for suffix in ("", "-shm"):  # as a killed process leaves them, without the log
            shutil.copy(f"{live}{suffix}", f"{copy}{suffix}")
    with pytest.raises(StoreDamaged, match=r"copy\.db-wal` is missing"):
        Store(copy)


def test_restore_puts_the_backup_in_place_and_keeps_the_broken_file(template: Path, tmp_path: Path) -> None:
    path, backup = tmp_path / "study.db", tmp_path / "backup.db"
    shutil.copy(template, path)
    with Store(path) as store:
        assert store.backup(backup) == backup
    path.write_bytes(b"broken")
    aside = restore(path, backup)
    assert aside is not None
    assert aside.read_bytes() == b"broken"
    assert content(path) == content(template)
    assert found(path) == []


def test_a_damaged_backup_is_not_restored(template: Path, tmp_path: Path) -> None:
    path, backup = tmp_path / "study.db", tmp_path / "backup.db"
    path.write_bytes(b"broken")
    shutil.copy(template, backup)
    altered(backup, random.Random(1))
    with pytest.raises(PhysaiInverseError, match="damaged"):
        restore(path, backup)
    assert path.read_bytes() == b"broken"
    with pytest.raises(NotFound, match="no backup"):
        restore(path, tmp_path / "none.db")
