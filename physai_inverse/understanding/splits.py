"""Where the values of an observable part trainings that come to something from those that do not.

The threshold is the one whose two sides tell most of an event: that a metric was reached at all where some did
not reach it, else that it is among its lowest or highest quarter, whichever is told better.

Source: the choice by information is that of trees, Quinlan, "Induction of decision trees" (Machine Learning 1,
1986).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

LEAST_SIDE = 5
"""Trainings on either side."""
QUARTER = 0.25
LEAST_INFORMATION = 4.0
"""Nats over all trainings below which no threshold is worth naming: twice what the best of many gets by chance."""


@dataclass(frozen=True)
class Split:
    """A threshold, and what became of the trainings on its sides.

    Args:
        threshold: of the observable.
        event: what is counted: `reached`, `lowest quarter` or `highest quarter`.
        below: trainings below the threshold, and how many of them had the event.
        above: trainings at or above it, and how many had it.
        information: that the side gives about the event, in nats over all trainings.
    """

    threshold: float
    event: str
    below: tuple[int, int]
    above: tuple[int, int]
    information: float

    def words(self, observable: str) -> str:
        """Say it in a sentence, without a full stop."""
        comes = "got there" if self.event == "reached" else f"came into the {self.event}"
        (few, hits), (more, others) = self.below, self.above
        return (
            f"Of {few} trainings with {observable} below {self.threshold:g}, {hits or 'none'} {comes}; "
            f"of {more} at or above, {others or 'none'}"
        )

    def as_plain(self) -> dict[str, object]:
        """Give it as plain values."""
        return {
            "threshold": self.threshold,
            "event": self.event,
            "below": {"trainings": self.below[0], "with_event": self.below[1]},
            "above": {"trainings": self.above[0], "with_event": self.above[1]},
        }


def best_split(observed: "np.ndarray", metric: "np.ndarray", reached: "np.ndarray | None") -> Split | None:
    """Find the threshold that tells most.

    Args:
        observed: ``[n]``; NaN where it is missing.
        metric: ``[n]``.
        reached: ``[n]`` booleans, whether the metric was reached; None where all did.

    Returns:
        None where no threshold tells `LEAST_INFORMATION`.
    """
    import numpy as np

    there = np.isfinite(observed)
    x, y = observed[there], metric[there]
    events = {"reached": reached[there]} if reached is not None else {
        "lowest quarter": y <= np.quantile(y, QUARTER),
        "highest quarter": y >= np.quantile(y, 1.0 - QUARTER),
    }  # fmt: skip
    best: Split | None = None
    order = np.argsort(x, kind="stable")
    cuts = np.flatnonzero(np.diff(x[order]) > 0) + 1
    cuts = cuts[(cuts >= LEAST_SIDE) & (cuts <= len(x) - LEAST_SIDE)]
    for name, event in events.items():
        if not len(cuts) or event.all() or not event.any():
            continue
        hits = np.concatenate([[0], np.cumsum(event[order])])
        num, all_hits = len(x), int(event.sum())
        information = (
            _likelihood(hits[cuts], cuts)
            + _likelihood(all_hits - hits[cuts], num - cuts)
            - _likelihood(np.array([all_hits]), np.array([num]))
        )
        place = int(np.argmax(information))
        cut, gained = int(cuts[place]), float(information[place])
        if gained >= LEAST_INFORMATION and (best is None or gained > best.information):
            low, high = float(x[order[cut - 1]]), float(x[order[cut]])
            best = Split(
                threshold=_between(low, high),
                event=name,
                below=(cut, int(hits[cut])),
                above=(num - cut, all_hits - int(hits[cut])),
                information=gained,
            )
    return best


def _likelihood(hits: "np.ndarray", num: "np.ndarray") -> "np.ndarray":
    """Give the largest log likelihood of so many hits."""
    import numpy as np

    share = hits / num
    with np.errstate(divide="ignore", invalid="ignore"):
        found = hits * np.log(share) + (num - hits) * np.log1p(-share)
    return np.where((hits == 0) | (hits == num), 0.0, found)


def _between(low: float, high: float) -> float:
    """Give the number with the fewest digits that is above `low` and at most `high`."""
    for digits in range(1, 17):
        for middle in (0.5 * low + 0.5 * high, high):
            found = float(f"{middle:.{digits}g}")
            if low < found <= high:
                return found
    return high
