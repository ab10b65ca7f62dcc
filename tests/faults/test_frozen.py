"""R13: a worker that hangs beyond its lease brings a late result, which is kept and changes nothing."""

import os
import signal
import time
from pathlib import Path

from physai_inverse.store import Proposal, Store
from tests.faults import history, workers


def test_the_result_of_a_frozen_worker_is_kept_as_late(url: str, tmp_path: Path) -> None:
    with Store(url) as store:
        store.enqueue("s", [Proposal({"x": 1})])
        frozen = workers.start(workers.freeze, url, str(tmp_path / "frozen.log"))
        assert frozen.pid is not None
        limit = time.monotonic() + 60
        while Path(f"/proc/{frozen.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            assert time.monotonic() < limit, "the worker did not stop itself"
            time.sleep(0.02)
        time.sleep(0.6)
        (again,) = store.claim("s", 1, worker="b", lease_seconds=60)
        store.observe("s", 0, {"loss": 2.0}, token=again.token)
        os.kill(frozen.pid, signal.SIGCONT)
        assert workers.join([frozen]) == [0]
        assert [line.late for line in history.read(tmp_path)["frozen"] if line.what == "told"] == [True]
        assert [late.metrics for late in store.late_observations("s")] == [{"loss": 1.0}]
        assert store.trial("s", 0).metrics == {"loss": 2.0}
        assert store.check() == []
