"""R1: workers are killed at random moments, and nothing that they told is lost."""

import random
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

from physai_inverse.store import Store
from tests.faults import history, workers


@pytest.mark.parametrize(
    ("num_workers", "kills", "pause", "lease"),
    [
        pytest.param(4, 10, 0.15, 0.5, id="short"),
        pytest.param(8, 200, 0.25, 3.0, id="full", marks=pytest.mark.slow),
    ],
)
def test_killed_workers_lose_nothing(
    url: str, tmp_path: Path, num_workers: int, kills: int, pause: float, lease: float
) -> None:
    draw = random.Random(7)
    stop = tmp_path / "stop"
    names = iter(range(10_000))

    def hire() -> ForkServerProcess:
        name = next(names)
        log = str(tmp_path / f"worker-{name}.log")
        return workers.start(workers.work, url, log, name, lease, str(stop))

    team = [hire() for _ in range(num_workers)]
    for _ in range(kills):
        time.sleep(pause * 2 * draw.random())
        index = draw.randrange(num_workers)
        team[index].kill()
        team[index].join()
        team[index] = hire()
    time.sleep(1.0)
    stop.touch()
    assert workers.join(team) == [0] * num_workers
    said = history.read(tmp_path)
    with Store(url) as store:
        assert history.broken_rules(store, "s", said, lease) == []
        orphans = [number for number, _, _ in store.leases("s")]
    # Nobody works any more: an hour later every orphan, and nothing else, is offered again.
    with Store(url, clock=lambda: time.monotonic() + 3600) as later:
        offered = later.claim("s", len(orphans) + 1, worker="late", lease_seconds=10)
        assert [trial.number for trial in offered] == orphans
    assert sum(line.what == "told" for lines in said.values() for line in lines) > kills
