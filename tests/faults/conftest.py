"""Stores for the fault tests. They survive a killed process without fsync, so most of them do without."""

from pathlib import Path

import pytest

from physai_inverse.store import Store
from tests.faults.workers import without_fsync


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = without_fsync(tmp_path / "study.db")
    with Store(url) as store:
        store.create_study("s", space={"x": [0, 1]}, objective={}, seed=1, settings={"max_attempts": 1000})
    return url
