"""What every reader gives: trainings as another tool wrote them down, before anything is decided about them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from physai_inverse.observations import Metric, TrialState
from physai_inverse.space import Parameter

MAX_IDENTITY = 120


@dataclass(frozen=True)
class Decision:
    """What was made of one column.

    Args:
        column: its name in the source.
        role: `parameter`, `constant`, `metric`, `curve`, `seed`, `seconds`, `state`, `reason`, `step`, `name` or
            `left out`.
        detail: what it is, for people: type, range and scale of a parameter, the range of a metric.
        why: the evidence.
        name: what it is called from now on; empty where it is left out.
    """

    column: str
    role: str
    detail: str
    why: str
    name: str = ""


@dataclass(frozen=True)
class Run:
    """One training as another tool wrote it down.

    Args:
        place: where it stands, such as `runs.csv:12`.
        params: parameter name to value, of any type that JSON has; texts may stand for numbers.
        metrics: what was measured.
        state: how it ended.
        seed: of the training.
        seconds: its cost.
        reason: why it failed or stopped.
        kind: class of failure, one of `FAILURES`; None where it did not fail.
        record: identity that the tool gave it, the same wherever its records are copied to; None for none.
    """

    place: str
    params: Mapping[str, object]
    metrics: Mapping[str, Metric]
    state: TrialState = TrialState.DONE
    seed: int | None = None
    seconds: float | None = None
    reason: str | None = None
    kind: str | None = None
    record: str | None = None


def identity(tool: str, *parts: object) -> str:
    """Give the identity of a training from what its tool calls it; a short text, whatever is in the parts."""
    text = ":".join([tool, *map(str, parts)])
    if len(text) <= MAX_IDENTITY and text.isprintable() and text.strip() == text:
        return text
    return f"{tool}:{blake2b(text.encode('utf-8', 'replace'), digest_size=16).hexdigest()}"


@dataclass(frozen=True)
class Source:
    """Everything that a reader found.

    Args:
        kind: one of `KINDS` of `recognition`.
        title: what it is, for people, such as `MLflow file store, experiment "resnet"`.
        runs: the trainings, in the order of the source.
        left_out: a line for each training that cannot be used: `place: reason`.
        decisions: what the reader itself decided about columns.
        declared: parameters that the source declares with type and range.
        wishes: metric name to `minimize` or `maximize`, where the source says so.
        limits: goals such as `constraint_0 <= 0` that the source declares.
        why: column to why it is a parameter or a metric; by default what the tool calls it.
        hints: what the user may want to know, a line each.
    """

    kind: str
    title: str
    runs: tuple[Run, ...]
    left_out: tuple[str, ...] = ()
    decisions: tuple[Decision, ...] = ()
    declared: Mapping[str, Parameter] = field(default_factory=dict)
    wishes: Mapping[str, str] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    why: Mapping[str, str] = field(default_factory=dict)
    hints: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """What the user says about a source.

    Args:
        mapping: column to what it is: `parameter`, `parameter:NAME`, `metric`, `metric:NAME`, `seed`, `seconds`,
            `state`, `reason`, `step`, `name`, another name, or empty to leave it out.
        censored: metric to `(side, bound)`: what an empty cell of it means.
        experiment: which experiment, study or project, where the source holds several.
    """

    mapping: Mapping[str, str] = field(default_factory=dict)
    censored: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    experiment: str | None = None
