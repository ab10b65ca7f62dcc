"""What running trials tell of their curves, into the store while they run.

Points are written at most every `SECONDS`, and so rarely that writing takes at most `SHARE` of the time.
"""

import contextlib
import time
from collections.abc import Collection, Mapping, Sequence
from typing import cast

from physai_inverse.errors import PhysaiInverseError
from physai_inverse.observations import Curve
from physai_inverse.store import Store, Trial
from physai_inverse.trainers.streaming import Points

SECONDS = 2.0
SHARE = 0.02


class Told:
    """The points that trials have told and that have not ended.

    Args:
        store: of the study.
        name: of the study.
    """

    def __init__(self, store: Store, name: str) -> None:
        self._store, self._name = store, name
        self._points: dict[int, dict[str, dict[float, float]]] = {}
        self._trials: dict[int, Trial] = {}
        self._changed: set[int] = set()
        self._last = time.monotonic()
        self._wait = SECONDS

    def add(self, trials: Sequence[Trial], value: object) -> None:
        """Take in what the job of some trials told, and write when it is time."""
        for place, points in cast(Points, value).items():
            trial = trials[place]
            self._trials[trial.number] = trial
            self._changed.add(trial.number)
            own = self._points.setdefault(trial.number, {})
            for step, metrics in points:
                for metric, number in metrics.items():
                    own.setdefault(metric, {})[step] = number
        if time.monotonic() - self._last >= self._wait:
            self.write()

    def curves(self, number: int) -> dict[str, Curve]:
        """Give the curves of one trial."""
        found = {}
        for metric, points in self._points.get(number, {}).items():
            steps = sorted(points)
            found[metric] = Curve(tuple(steps), tuple(points[step] for step in steps))
        return found

    def write(self, only: Collection[int] | None = None) -> None:
        """Write what is new."""
        chosen = sorted(self._changed if only is None else self._changed & set(only))
        if not chosen:
            return
        start = time.monotonic()
        tokens = {number: self._trials[number].token or "" for number in chosen}
        curves: Mapping[int, Mapping[str, Curve]] = {number: self.curves(number) for number in chosen}
        # A store that cannot be written now will say so where a result is recorded, which is not lost for this.
        with contextlib.suppress(PhysaiInverseError):
            self._store.note(self._name, curves, tokens)
        self._changed -= set(chosen)
        self._last = time.monotonic()
        self._wait = max(SECONDS, (self._last - start) / SHARE)

    def forget(self, number: int) -> None:
        """Forget a trial that has ended or begins again."""
        self._points.pop(number, None)
        self._trials.pop(number, None)
        self._changed.discard(number)
