"""R4: two clients on one study keep all observations of both."""

from pathlib import Path

from physai_inverse.store import Store
from tests.faults import history, workers


def test_two_clients_keep_all_observations(url: str, tmp_path: Path) -> None:
    team = [workers.start(workers.tell, url, str(tmp_path / f"{name}.log"), 100) for name in ("a", "b")]
    assert workers.join(team) == [0, 0]
    with Store(url) as store:
        assert history.broken_rules(store, "s", history.read(tmp_path), 600) == []
        assert [trial.state for trial in store.trials("s")] == ["done"] * 200
