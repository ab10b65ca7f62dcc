"""Observables that tell of a metric beyond the configuration: early ones mediate, final ones only go with it.

What is measured at the end is no mediator, however closely it goes with the metric: it is reported apart. How they
are found is in `mediation`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from physai_inverse.understanding.early import Early
from physai_inverse.understanding.splits import Split
from physai_inverse.understanding.telling import Gain

CHANCE = 0.05
"""Probability with which anything at all is reported where nothing tells of the end."""


class Role(StrEnum):
    """What an early value is good for."""

    MEDIATOR = "tells more than the metric's own early value"
    FORERUNNER = "tells of the end, as the metric's own early value does"
    OWN = "the metric itself, already telling of its end"
    SILENT = "no sign that it tells of the end"


@dataclass(frozen=True)
class Mediator:
    """What one observable at one early step tells of the end of a metric.

    Args:
        observable: its name.
        early: its values at the step.
        rows: trainings that have it.
        over_config: what it adds to the configuration, held out.
        over_own: what it adds to the configuration and the metric's own value at that step; None for the metric
            itself, or where the metric has no value there.
        chance_config: probability that chance would show anything that large among all that was tried, for the
            first; `chance_own` for the second.
        chance_own: see there.
        folds: share of the folds left out without which it is found as well, by the question of its role.
        role: what it is good for.
        split: where its values part the trainings best; None where they do not.
    """

    observable: str
    early: Early = field(repr=False)
    rows: int
    over_config: Gain
    over_own: Gain | None
    chance_config: float
    chance_own: float | None
    folds: float
    role: Role
    split: Split | None

    @property
    def found(self) -> bool:
        """Whether it tells anything."""
        return self.role is not Role.SILENT

    @property
    def direction(self) -> str:
        """Which way it points, in words."""
        gain = self.over_own if self.role is Role.MEDIATOR and self.over_own is not None else self.over_config
        return f"higher early, {'higher' if gain.slope > 0 else 'lower'} in the end"

    def as_plain(self) -> dict[str, object]:
        """Give it as plain values, without the values of single trainings."""
        own = self.over_own
        return {
            "observable": self.observable,
            "share": self.early.share,
            "step": self.early.step,
            "rows": self.rows,
            "role": self.role.name.lower(),
            "verdict": str(self.role),
            "direction": self.direction,
            "over_config": self.over_config.as_plain(self.chance_config),
            "over_own": None if own is None or self.chance_own is None else own.as_plain(self.chance_own),
            "folds": self.folds,
            "split": None if self.split is None else self.split.as_plain(),
        }


@dataclass(frozen=True)
class Association:
    """A metric at the end that goes with another one, beyond the configuration.

    Args:
        observable: its name.
        rows: trainings that have both.
        rank_correlation: Spearman's, whatever the configuration.
        over_config: what it adds to the configuration, held out.
        chance: that chance would show anything that large among all of them.
        split: where its values part the trainings best; None where they do not.
    """

    observable: str
    rows: int
    rank_correlation: float
    over_config: Gain
    chance: float
    split: Split | None

    @property
    def found(self) -> bool:
        """Whether it goes with the metric."""
        return self.chance <= CHANCE and self.over_config.nats > 0

    def as_plain(self) -> dict[str, object]:
        """Give it as plain values."""
        return {
            "observable": self.observable,
            "rows": self.rows,
            "found": self.found,
            "rank_correlation": self.rank_correlation,
            "over_config": self.over_config.as_plain(self.chance),
            "split": None if self.split is None else self.split.as_plain(),
        }


@dataclass(frozen=True)
class Mediators:
    """What tells of the end of a metric.

    Args:
        metric: the metric.
        rows: finished trainings with a value of it.
        early: every observable at every early step, the most telling first.
        associations: metrics at the end, those that go with it closest first.
        left_out: observable to the reason why nothing is said of it.
    """

    metric: str
    rows: int
    early: tuple[Mediator, ...]
    associations: tuple[Association, ...]
    left_out: Mapping[str, str]

    @property
    def found(self) -> tuple[Mediator, ...]:
        """The observables that tell more than the metric's own early value."""
        return tuple(item for item in self.early if item.role is Role.MEDIATOR)

    @property
    def best(self) -> tuple[Mediator, ...]:
        """One row an observable: at the step where it tells most, those that tell more first."""
        first: dict[str, Mediator] = {}
        for item in self.early:
            first.setdefault(item.observable, item)
        return tuple(first.values())

    def earliest(self, observable: str) -> float | None:
        """Give the earliest step at which an observable is found to tell of the end; None where it is at none."""
        steps = [item.early.step for item in self.early if item.observable == observable and item.found]
        return min(steps, default=None)

    @property
    def statement(self) -> str:
        """What was found, in a sentence."""
        if not self.early and not self.associations:
            reason = next(iter(self.left_out.values()), "nothing else was recorded")
            return f"Nothing can be said of what tells of {self.metric}: {reason}."
        if not self.early:
            return f"No curve was recorded, so that nothing early can tell of {self.metric}."
        names = list(dict.fromkeys(item.observable for item in self.found))
        if names:
            tell = "tells" if len(names) == 1 else "tell"
            if all(item.observable != self.metric for item in self.early):
                return f"{_listed(names)} {tell} early of {self.metric}, which has no curve of its own."
            return f"{_listed(names)} {tell} more of {self.metric} than its own early value."
        told = [item for item in self.best if item.found]
        if not told:
            return f"Nothing that was recorded early tells of {self.metric} beyond the configuration."
        others = [item.observable for item in told if item.role is Role.FORERUNNER]
        return f"Nothing early tells more of {self.metric} than its own early value" + (
            f"; {_listed(others)} tell{'s' if len(others) == 1 else ''} of it as well." if others else "."
        )

    def as_plain(self) -> dict[str, object]:
        """Give everything as plain values, without those of single trainings."""
        return {
            "metric": self.metric,
            "rows": self.rows,
            "statement": self.statement,
            "best": [item.as_plain() for item in self.best],
            "early": [item.as_plain() for item in self.early],
            "associations": [item.as_plain() for item in self.associations],
            "left_out": dict(self.left_out),
        }


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
