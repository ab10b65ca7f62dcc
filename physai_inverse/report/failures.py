"""Where trainings failed, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from physai_inverse.report.words import listing, number, scalar
from physai_inverse.space import Boolean, Choice, Space
from physai_inverse.store import Trial

if TYPE_CHECKING:
    import numpy as np

MIN_FAILURES = 3
"""Below this many failures of a class nothing is said about where they are."""

MAX_SHARE = 0.4
"""A region is named where at most this share of the good trainings lies in it, too."""


@dataclass(frozen=True)
class FailureClass:
    """Failed trainings of one class.

    Args:
        kind: the class.
        count: how many.
        reason: the most frequent reason.
        example: the number of a trial with that reason.
        where: what they have in common, in words; None where nothing sets them apart.
    """

    kind: str
    count: int
    reason: str
    example: int
    where: str | None


def failure_classes(space: Space, trials: Sequence[Trial]) -> list[FailureClass]:
    """Sort the failed trainings by class, the most frequent first."""
    good = [trial for trial in trials if trial.state.finished and not trial.state.bad]
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        if trial.state.bad:
            groups.setdefault(trial.kind or str(trial.state), []).append(trial)
    result = []
    for kind, group in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        reasons = [trial.reason or "" for trial in group]
        reason = max(dict.fromkeys(reasons), key=reasons.count)
        example = group[reasons.index(reason)].number
        where = None if kind == "preempted" else _where(space, group, good)
        result.append(FailureClass(kind, len(group), reason, example, where))
    return result


def _where(space: Space, bad: Sequence[Trial], good: Sequence[Trial]) -> str | None:
    """Find the one-sided range or the values of one parameter that hold every failure and the fewest others."""
    import numpy as np

    if len(bad) < MIN_FAILURES or len(good) < MIN_FAILURES:
        return None
    bad_units, good_units = (
        space.snap(space.encode([space.complete(trial.config) for trial in group])) for group in (bad, good)
    )
    bad_active, good_active = space.activity(bad_units), space.activity(good_units)
    found: list[tuple[int, str]] = []
    for column, (name, parameter) in enumerate(zip(space.names, space.free, strict=True)):
        if not bad_active[:, column].all():
            continue
        inside, outside = bad_units[:, column], good_units[good_active[:, column], column]
        if isinstance(parameter, Choice | Boolean):
            values = np.unique(inside)
            if len(values) < len(parameter.options):
                options = listing([scalar(value) for value in parameter.from_unit(values).tolist()])
                found.append((int(np.isin(outside, values).sum()), f"{name} = {options}"))
            continue
        for edge, beyond, sign in (
            (inside.min(), outside >= inside.min(), "≥"),
            (inside.max(), outside <= inside.max(), "≤"),
        ):
            found.append((int(beyond.sum()), f"{name} {sign} {_at(parameter.from_unit(np.array([edge])))}"))
    if not found:
        return None
    count, text = min(found, key=lambda item: item[0])
    if count > MAX_SHARE * len(good):
        return None
    return f"all at {text}; of the {len(good)} good trainings {count or 'none'} lie there"


def _at(values: "np.ndarray") -> str:
    value = values.tolist()[0]
    return number(value) if isinstance(value, int | float) else scalar(value)
