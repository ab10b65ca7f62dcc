"""The history checker: what workers say they did, held against what the store says.

Each worker appends a line before and after each call to a file of its own. What was acknowledged must be there
with the same bits; what was not acknowledged may have happened or not. The rules stand in `broken_rules`.
"""

import json
import os
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from physai_inverse.observations import TrialState
from physai_inverse.store import Store, Trial


@dataclass(frozen=True)
class Line:
    """One thing that a worker said: `asking`, `asked`, `telling` or `told`."""

    what: str
    at: float
    number: int = -1
    attempt: int = 0
    value: float = 0.0
    late: bool = False


class Log:
    """The append-only file of one worker; each line is one write, so a kill cannot cut it."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def say(self, what: str, trial: Trial | None = None, value: float = 0.0, late: bool = False) -> None:
        number, attempt = (trial.number, trial.attempt) if trial is not None else (-1, 0)
        os.write(self._handle, f"{json.dumps([what, time.monotonic(), number, attempt, value, late])}\n".encode())


def read(folder: Path) -> dict[str, list[Line]]:
    """Read what every worker said, by worker."""
    return {
        path.stem: [Line(*json.loads(line)) for line in path.read_text().splitlines()]
        for path in sorted(folder.glob("*.log"))
    }


def broken_rules(store: Store, study: str, said: dict[str, list[Line]], lease_seconds: float) -> list[str]:
    """List every rule that does not hold; empty when all do."""
    trials = store.trials(study)
    broken = [f"check: {problem}" for problem in store.check()]
    if [trial.number for trial in trials] != list(range(len(trials))):
        broken.append("numbers have gaps or repeats")
    if any(not trial.config for trial in trials):
        broken.append("a trial has no parameters")
    if any(trial.state.finished != bool(trial.metrics) for trial in trials):
        broken.append("a finished trial has no observation, or an open one has")
    told: dict[int, float] = {}
    for line in (line for lines in said.values() for line in lines if line.what == "told" and not line.late):
        if line.number in told:
            broken.append(f"trial {line.number} was told twice")
        told[line.number] = line.value
    for number, value in told.items():
        kept = trials[number] if number < len(trials) else None
        if kept is None or kept.state is not TrialState.DONE or kept.metrics.get("loss") != value:
            broken.append(f"what was told of trial {number} is lost")
    late = {(seen.number, seen.metrics.get("loss")) for seen in store.late_observations(study)}
    late |= {(trial.number, trial.metrics.get("loss")) for trial in trials}
    for line in (line for lines in said.values() for line in lines if line.what == "told" and line.late):
        if (line.number, line.value) not in late:
            broken.append(f"the late result of trial {line.number} is lost")
    return broken + _early_offers(said, lease_seconds)


def _early_offers(said: dict[str, list[Line]], lease_seconds: float) -> list[str]:
    """Find trials that were given to a second worker before the first lease can have ended."""
    spans: dict[int, list[tuple[int, float, float]]] = {}
    for lines in said.values():
        asking = 0.0
        for line in lines:
            if line.what == "asking":
                asking = line.at
            elif line.what == "asked":
                spans.setdefault(line.number, []).append((line.attempt, asking, line.at))
    broken = []
    for number, offers in spans.items():
        offers.sort()
        if len({attempt for attempt, _, _ in offers}) < len(offers):
            broken.append(f"an attempt of trial {number} was given to two workers")
        for (_, asking, _), (_, _, asked) in pairwise(offers):
            if asked < asking + lease_seconds:
                broken.append(f"trial {number} was given away {asked - asking:.3f} s after it was asked for")
    return broken
