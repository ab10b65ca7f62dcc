"""R10: a jump of the wall clock ends no lease early and keeps none longer; a restart ends them all."""

import time
from pathlib import Path

import pytest

from physai_inverse.store import Proposal, Store, lease_clock

DAY = 86_400.0


class Clock:
    seconds = 50.0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize("jump", [-DAY, -3600.0, 3600.0, DAY])
def test_a_jump_of_the_wall_clock_changes_no_lease(url: str, jump: float, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    with Store(url, clock=clock) as store:
        store.propose("s", [Proposal({"x": 1})], worker="w", lease_seconds=10)
        wall = time.time()
        monkeypatch.setattr(time, "time", lambda: wall + jump)
        clock.seconds += 9.999
        assert store.claim("s", 1, worker="v", lease_seconds=10) == []
        clock.seconds += 0.002
        assert len(store.claim("s", 1, worker="v", lease_seconds=10)) == 1


def test_a_lease_from_before_a_restart_has_ended(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(url) as store:
        store.propose("s", [Proposal({"x": 1})], worker="w", lease_seconds=3600)
    other = tmp_path / "boot_id"
    other.write_text("another boot\n")
    monkeypatch.setattr(lease_clock, "BOOT_ID", other)
    with Store(url) as store:
        assert [trial.attempt for trial in store.claim("s", 1, worker="v", lease_seconds=10)] == [2]


def test_a_clock_that_starts_again_at_zero_ends_the_leases(url: str) -> None:
    with Store(url, clock=lambda: 1e6) as store:
        store.propose("s", [Proposal({"x": 1})], worker="w", lease_seconds=10)
    with Store(url, clock=lambda: 5.0) as store:
        assert len(store.claim("s", 1, worker="v", lease_seconds=10)) == 1
