"""What the store speaks in: a study's record, a proposal, a trial as a snapshot, an event.

All are values. Changing one changes nothing in the store.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from physai_inverse.errors import Conflict
from physai_inverse.observations import Metric, Observation, Scalar, TrialState
from physai_inverse.store.encoding import JSON

MAX_ATTEMPTS = 3
"""How often a trial is handed out at most, where a study's settings do not say."""


@dataclass(frozen=True)
class Proposal:
    """A config that shall become a trial.

    Args:
        config: active parameters.
        seed: the seed of its training.
        origin: where it comes from, free short text: `"suggested"`, `"queued"`, `"baseline"`.
        note: anything in JSON that shall be kept with the trial, for example what was predicted.
        fidelity: how much its training is given; None for a full one.
        continues: the number of the trial whose training this one takes further.
    """

    config: Mapping[str, Scalar]
    seed: int | None = None
    origin: str = "suggested"
    note: Mapping[str, object] = field(default_factory=dict)
    fidelity: float | None = None
    continues: int | None = None


@dataclass(frozen=True)
class Trial:
    """A snapshot of one trial.

    Args:
        number: 0, 1, 2, ... in its study, without gaps.
        config: active parameters.
        state: where it stands.
        metrics: empty until it is observed; a curve is its last value unless curves were asked for.
        seed: the seed of its training.
        seconds: the cost of its training.
        reason: why it failed or stopped, for people.
        kind: the class of its failure.
        attempt: how often it has been handed out; 0 while it was never.
        space_version: the version of the space that its config belongs to.
        origin: where its config comes from.
        note: what the proposer attached.
        token: the proof of the lease; only in what `claim` and `propose` return.
        late: the result came after the lease was lost; only in what `observe` returns.
        fidelity: how much its training is given; None for a full one.
        continues: the number of the trial whose training this one takes further.
    """

    number: int
    config: dict[str, Scalar]
    state: TrialState
    metrics: dict[str, Metric] = field(default_factory=dict)
    seed: int | None = None
    seconds: float | None = None
    reason: str | None = None
    kind: str | None = None
    attempt: int = 0
    space_version: int = 1
    origin: str = "suggested"
    note: dict[str, JSON] = field(default_factory=dict)
    token: str | None = field(default=None, repr=False)
    late: bool = False
    fidelity: float | None = None
    continues: int | None = None

    @property
    def id(self) -> int:
        """The number, under the name that other tools use."""
        return self.number

    @property
    def status(self) -> str:
        """The state as text."""
        return str(self.state)

    def observation(self) -> Observation:
        """Give what was seen; meant for finished trials."""
        return Observation(
            self.config,
            self.metrics,
            self.state,
            self.seed,
            self.seconds,
            self.reason,
            self.kind,
            self.number,
            self.fidelity,
        )


@dataclass(frozen=True)
class StudyRecord:
    """What is known of a study beside its trials.

    Args:
        name: its name in the store.
        seed: the parent of all its seeds.
        spaces: every version of its space; version 1 comes first.
        objective: what is wanted.
        settings: whatever else belongs to it.
        version: grows with every write.
        created_at: UTC, ISO 8601.
        num_trials: how many trials there are.
    """

    name: str
    seed: int
    spaces: tuple[dict[str, JSON], ...]
    objective: dict[str, JSON]
    settings: dict[str, JSON]
    version: int
    created_at: str
    num_trials: int = 0

    @property
    def max_attempts(self) -> int:
        """How often a trial is handed out at most."""
        limit = self.settings.get("max_attempts", MAX_ATTEMPTS)
        assert isinstance(limit, int)
        return limit


@dataclass(frozen=True)
class Event:
    """What one write did.

    Args:
        seq: the study version that it made: 1, 2, 3, ... without gaps.
        kind: `created`, `space`, `objective`, `proposed`, `queued`, `claimed`, `observed`, `late`, `imported` or
            `released`.
        at: UTC, ISO 8601; for people, no rule depends on it.
        body: the details; `trials` and `observations` hold the checksums of the rows that it wrote.
    """

    seq: int
    kind: str
    at: str
    body: dict[str, JSON]

    @property
    def numbers(self) -> list[int]:
        """The trials that were written."""
        trials = self.body.get("trials")
        return [int(number) for number in trials] if isinstance(trials, Mapping) else []


class Stale(Conflict):
    """A proposal computed from fewer trials than there are by now; compute it again and propose that."""
