"""Stores of earlier versions open, keep what they hold, and take what is new."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from physai_inverse.errors import StoreUnavailable
from physai_inverse.store import Proposal, Store

GOLDEN = Path(__file__).parent


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return Path(shutil.copy(GOLDEN / "schema_1.db", tmp_path / "study.db"))


def test_a_store_of_schema_1_opens_with_every_checksum_right(path: Path) -> None:
    with Store(path) as store:
        assert store.check() == []
        trials = store.trials("old")
        assert [(trial.status, trial.fidelity, trial.continues) for trial in trials] == [
            ("done", None, None),
            ("done", None, None),
            ("running", None, None),
            ("proposed", None, None),
        ]
        assert [trial.metrics for trial in trials[:2]] == [{"loss": 0.5}, {"loss": 0.25}]
    assert path.with_name("study.db.schema-1").exists()


def test_a_store_of_schema_1_takes_trials_with_a_fidelity(path: Path) -> None:
    with Store(path) as store:
        [new] = store.propose(
            "old", [Proposal({"x": 0.1}, fidelity=3.0, continues=0)], worker="w", lease_seconds=9.0
        )
        store.observe("old", new.number, {"loss": 0.1}, token=new.token)
    with Store(path) as store:
        again = store.trial("old", new.number)
        assert (again.fidelity, again.continues) == (3.0, 0)
        assert store.check() == []


def test_a_fidelity_that_was_changed_in_the_file_is_noticed(path: Path) -> None:
    with Store(path) as store:
        store.propose("old", [Proposal({"x": 0.1}, fidelity=3.0)], worker="w", lease_seconds=9.0)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE trial SET fidelity = 9.0 WHERE number = 4")
    connection.close()
    with Store(path) as store:
        assert any("checksum" in problem for problem in store.check())


def test_a_store_of_schema_1_is_not_read_before_it_is_brought_up_to_date(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="has schema 1 and must be brought to 3"):
        Store(path, read_only=True).studies()
