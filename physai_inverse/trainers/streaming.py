"""The points of running curves, on their way to whoever submitted the job.

They are sent at most once in `SECONDS`, so that a short training sends nothing and a long one little: what comes
in between waits. The end of a curve is in the result of its training.
"""

import time
from collections.abc import Mapping
from typing import TypeAlias

from physai_inverse.executors.notes import note

SECONDS = 1.0

Points: TypeAlias = dict[int, list[tuple[float, dict[str, float]]]]
"""Place of a training in its job to its new points: step and metrics."""


class Stream:
    """Sends points.

    Args:
        seconds: that lie between two notes, and before the first.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self._seconds = SECONDS if seconds is None else seconds
        self._waiting: Points = {}
        self._last = time.monotonic()

    def add(self, place: int, step: float, metrics: Mapping[str, float]) -> None:
        """Take in one point, and send what waits when it is time."""
        point = (float(step), {name: float(value) for name, value in metrics.items()})
        self._waiting.setdefault(place, []).append(point)
        now = time.monotonic()
        if now - self._last >= self._seconds:
            note(self._waiting)
            self._waiting, self._last = {}, now
