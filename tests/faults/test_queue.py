"""R2: every queued config is handed out exactly once."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from physai_inverse.store import Proposal, Store
from tests.faults import history, workers
from tests.faults.workers import without_fsync
from tests.store.places import postgres


def file(folder: Path) -> str:
    return without_fsync(folder / "study.db")


@pytest.mark.parametrize(
    ("place", "num_workers", "size"),
    [
        pytest.param(file, 4, 60, id="short"),
        *(pytest.param(file, 8, 200, id=f"run {run}", marks=pytest.mark.slow) for run in range(10)),
        pytest.param(postgres, 4, 60, id="postgres", marks=pytest.mark.server),
        pytest.param(postgres, 8, 200, id="postgres full", marks=[pytest.mark.server, pytest.mark.slow]),
    ],
)
def test_each_queued_config_is_handed_out_once(
    place: Callable[[Path], str], tmp_path: Path, num_workers: int, size: int
) -> None:
    url = place(tmp_path)
    with Store(url) as store:
        store.create_study("s", space={}, objective={}, seed=0)
        store.enqueue("s", [Proposal({"x": index}) for index in range(size)])
    team = [workers.start(workers.drain, url, str(tmp_path / f"{index}.log")) for index in range(num_workers)]
    assert workers.join(team) == [0] * num_workers
    said = history.read(tmp_path)
    given = Counter(line.number for lines in said.values() for line in lines if line.what == "asked")
    assert given == Counter(range(size))
    with Store(url) as store:
        assert history.broken_rules(store, "s", said, 600) == []
