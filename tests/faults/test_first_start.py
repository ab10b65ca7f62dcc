"""R3: processes that open a new store at the same moment all succeed."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from physai_inverse.store import Store
from tests.faults import workers
from tests.store.places import file, postgres


@pytest.mark.parametrize(
    ("place", "rounds"),
    [
        pytest.param(file, 2, id="short"),
        pytest.param(file, 50, id="full", marks=pytest.mark.slow),
        pytest.param(postgres, 2, id="postgres", marks=pytest.mark.server),
    ],
)
def test_eight_processes_start_a_store_together(place: Callable[[Path], str], tmp_path: Path, rounds: int) -> None:
    for index in range(rounds):
        folder = tmp_path / str(index)
        folder.mkdir()
        url = place(folder)
        at = time.monotonic() + 0.3
        assert workers.join([workers.start(workers.create, url, at) for _ in range(8)]) == [0] * 8
        with Store(url) as store:
            assert store.check() == []
            assert store.studies() == ("s",)
            assert len(store.trials("s")) == 8
        assert [path.name for path in folder.iterdir() if path.name.endswith(".part")] == []
