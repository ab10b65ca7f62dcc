"""Which trainings from elsewhere a study has already, so that one source can be imported again and again.

A training is known by the identity that its tool gave it; where the tool gives none, by what it says: one
configuration, end and seed, one value of every metric that both name. Each trial stands for one row, so that two
equal rows of one source, which are two replicates, stay two.
"""

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

from physai_inverse.objective import Objective
from physai_inverse.observations import Measurement, Metric, Observation
from physai_inverse.space import Space
from physai_inverse.store import Trial


def recognised(
    rows: Sequence[Observation], trials: Iterable[Trial], space: Space, objective: Objective
) -> list[int | None]:
    """Find the trial of each row that a study has already.

    Args:
        rows: trainings that fit the space.
        trials: of the study; those that have not ended do not count.
        space: configurations of its earlier versions count as completed by it.
        objective: its metrics must be there on both sides or on neither.

    Returns:
        For each row the number of its trial, each trial at most once; None for a row that is new.
    """
    found: list[int | None] = [None] * len(rows)
    named: dict[str, list[Trial]] = defaultdict(list)
    alike: dict[object, list[Trial]] = defaultdict(list)
    for trial in trials:
        if trial.state.finished:
            record = record_of(trial)
            if record is not None:
                named[record].append(trial)
            alike[_kind(trial.observation(), space)].append(trial)
    taken: set[int] = set()
    for place, row in enumerate(rows):
        if row.record is not None and named.get(row.record):
            found[place] = named[row.record].pop(0).number
            taken.add(found[place] or 0)
    for place, row in enumerate(rows):
        if found[place] is None:
            for trial in alike.get(_kind(row, space), ()):
                # A row and a trial that are both named are told apart by their names.
                own = row.record is None or record_of(trial) is None
                if trial.number not in taken and own and _agree(row, trial.observation(), objective):
                    found[place] = trial.number
                    taken.add(trial.number)
                    break
    return found


def record_of(trial: Trial) -> str | None:
    """Give the identity under which another tool knows a trial that was imported from it."""
    record = trial.note.get("record")
    return record if isinstance(record, str) else None


def request_of(rows: Sequence[Observation], num_trials: int) -> str:
    """Name an import, so that two processes that begin the same one at the same time write it once."""
    said = [
        (sorted(row.config.items()), sorted((name, _plain(metric)) for name, metric in row.metrics.items()),
         str(row.state), row.seed, row.seconds, row.fidelity, row.record)
        for row in rows
    ]  # fmt: skip
    return f"import-{hashlib.blake2b(repr((num_trials, said)).encode(), digest_size=16).hexdigest()}"


def _kind(row: Observation, space: Space) -> object:
    """What two trainings that are one must share, whatever else their sources say."""
    known = {name: value for name, value in row.config.items() if name in space.parameters}
    return tuple(sorted(space.complete(known).items())), row.state, row.fidelity


def _agree(row: Observation, other: Observation, objective: Objective) -> bool:
    """Say whether two trainings say the same wherever both say something."""
    common = row.metrics.keys() & other.metrics.keys()
    if any((name in row.metrics) != (name in other.metrics) for name in objective.metrics):
        return False
    if any(_plain(row.metrics[name]) != _plain(other.metrics[name]) for name in common):
        return False
    pairs = ((row.seed, other.seed), (row.seconds, other.seconds))
    if not any(math.isfinite(float(row.metrics[name])) for name in common):
        # Many trainings fail in one way: without a number that they share, all else must be there and equal.
        return row.kind == other.kind and all(left == right for left, right in pairs)
    return all(left is None or right is None or left == right for left, right in pairs)


def _plain(metric: Metric) -> tuple[str, float | None, str | None]:
    """Give a metric as one number, as a table holds it; a text, since NaN is NaN here."""
    if isinstance(metric, Measurement):
        return repr(float(metric.value)), metric.standard_error, metric.censored
    return repr(float(metric)), None, None
