"""Each verb of the store as a function, and a way to strike at its n-th SQL statement. No pytest in here."""

import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Self

from physai_inverse.observations import Curve, Observation
from physai_inverse.store import Proposal, Store
from tests.faults.workers import without_fsync


class Clock:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


def token_of(path: Path, number: int) -> str:
    """Read the token of the first attempt."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT token FROM lease WHERE attempt = 1 AND number = ?", (number,))
        return str(rows.fetchone()[0])


PROPOSALS = [Proposal({"x": 0.5}), Proposal({"x": 0.75}, note={"a": 1})]
VERBS: dict[str, Callable[[Store, Path], object]] = {
    "create_study": lambda store, _: store.create_study("t", space={"x": 1}, objective={}, seed=1),
    "add_space": lambda store, _: store.add_space("s", {"x": 2}),
    "set_objective": lambda store, _: store.set_objective("s", {"y": 2}),
    "propose": lambda store, _: store.propose("s", PROPOSALS, worker="w", lease_seconds=5, request="k"),
    "enqueue": lambda store, _: store.enqueue("s", PROPOSALS, request="k"),
    "claim": lambda store, _: store.claim("s", 3, worker="v", lease_seconds=5, request="k"),
    "heartbeat": lambda store, path: store.heartbeat("s", 1, token_of(path, 1), lease_seconds=50),
    "observe": lambda store, path: store.observe(
        "s", 1, {"loss": 1.0, "c": Curve((1, 2), (3, 4))}, token=token_of(path, 1), request="k"
    ),
    "observe late": lambda store, path: store.observe("s", 2, {"loss": 9.0}, token=token_of(path, 2), request="k"),
    "observe after": lambda store, path: store.observe(
        "s", 4, {"c": {1: 2}}, token=token_of(path, 4), request="k"
    ),
    "release": lambda store, _: store.release("s", ["w"]),
    "import_observations": lambda store, _: store.import_observations(
        "s", [Observation({"x": 1}, {"c": Curve((1,), (2,))}), Observation({"x": 2}, {"loss": 3.0})], request="k"
    ),
    "backup": lambda store, path: store.backup(path.with_name("backup.db")),
}


def fail() -> None:
    error = sqlite3.OperationalError("struck")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    raise error


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class _Blow:
    """What strikes, and where; nothing while `at` is 0."""

    def __init__(self) -> None:
        self.at = 0
        self.strike: Callable[[], None] = fail
        self.seen: list[str] = []

    def count(self, what: str) -> None:
        self.seen.append(what)
        if len(self.seen) == self.at:
            self.strike()


_blow = _Blow()


class FragileCursor(sqlite3.Cursor):
    def execute(self, sql: str, *values: Any) -> Self:
        _blow.count(sql)
        return super().execute(sql, *values)

    def executemany(self, sql: str, *values: Any) -> Self:
        _blow.count(sql)
        return super().executemany(sql, *values)


class FragileConnection(sqlite3.Connection):
    """A connection that is struck before its n-th statement or commit."""

    def cursor(self, *_factory: Any) -> FragileCursor:  # type: ignore[override]  # always this kind of cursor
        return super().cursor(FragileCursor)

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        return self.cursor().execute(sql, *values)

    def executemany(self, sql: str, *values: Any) -> sqlite3.Cursor:
        return self.cursor().executemany(sql, *values)

    def commit(self) -> None:
        _blow.count("COMMIT")
        super().commit()


@contextmanager
def fragile() -> Iterator[None]:
    """Let every connection that is opened in this block be one that can be struck."""
    whole = sqlite3.connect
    sqlite3.connect = partial(whole, factory=FragileConnection)  # type: ignore[assignment]  # a test double
    try:
        yield
    finally:
        sqlite3.connect = whole


@contextmanager
def struck(strike: Callable[[], None], at: int) -> Iterator[list[str]]:
    """Call `strike` before the statement or commit number `at`; give the list of statements seen."""
    _blow.strike, _blow.at, _blow.seen = strike, at, []
    try:
        yield _blow.seen
    finally:
        _blow.at, _blow.seen = 0, []


def run_struck(verb: str, path: Path, at: int) -> None:
    """Run a verb in a process that dies at a statement; exit with 0 when it had fewer."""
    with fragile(), Store(without_fsync(path), clock=Clock(200.0)) as store, struck(die, at):
        VERBS[verb](store, path)
