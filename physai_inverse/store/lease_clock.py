"""The time of leases: never the wall clock, which jumps.

On one machine it is the monotonic clock, which all processes share, together with the boot that it counts from:
a lease of another boot has no living holder. On a server it is the server's own clock.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import Connection

from physai_inverse.store.tables import LeaseRow

SERVER_NOW = text("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS DOUBLE PRECISION)")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Moment:
    """A point in time: seconds since some moment of a boot."""

    boot: str
    seconds: float

    def left(self, lease: LeaseRow) -> float:
        """Give the seconds that a lease still has; negative when it is over."""
        left = lease.ends_at - self.seconds
        if lease.boot != self.boot or left > lease.lease_seconds:  # a clock that counts from another start
            return -1.0
        return left


class LeaseClock:
    """What `now` is for leases.

    Args:
        server: ask the database.
        clock: replaces the clock; seconds that never go back.
    """

    def __init__(self, *, server: bool, clock: Callable[[], float] | None = None) -> None:
        self._server = server and clock is None
        self._clock = clock or time.monotonic
        self._boot = "server" if server else _boot_id()

    def now(self, connection: Connection) -> Moment:
        """Read the clock within a transaction."""
        if self._server:
            return Moment(self._boot, float(connection.execute(SERVER_NOW).scalar_one()))
        return Moment(self._boot, self._clock())


def _boot_id() -> str:
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:  # not Linux: a restart shows as a lease that is longer than it was granted for
        return "this boot"
