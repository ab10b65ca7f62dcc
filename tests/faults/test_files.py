"""R6: a process killed while it writes a backup leaves the old one or the new one."""

import random
import time
from pathlib import Path

import pytest

from physai_inverse.observations import Observation
from physai_inverse.store import Store
from tests.faults import workers


@pytest.mark.parametrize(
    "kills", [pytest.param(8, id="short"), pytest.param(100, id="full", marks=pytest.mark.slow)]
)
def test_a_killed_backup_is_never_cut(url: str, tmp_path: Path, kills: int) -> None:
    draw = random.Random(3)
    with Store(url) as store:
        store.import_observations("s", [Observation({"x": draw.random()}, {"loss": 1.0}) for _ in range(300)])
        target = tmp_path / "backup.db"
        store.backup(target)
    for _ in range(kills):
        writer = workers.start(workers.back_up, url, str(target))
        time.sleep(0.05 + 0.1 * draw.random())
        writer.kill()
        writer.join()
        with Store(target, read_only=True) as copy:
            assert copy.check() == []
            assert len(copy.trials("s")) == 300
