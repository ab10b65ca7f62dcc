"""What was seen: configurations with the metrics that their trainings gave.

The letters of every shape in this package: `n` observations or points, `d` parameters (columns of the unit
cube), `f` features (columns of a model's encoding), `m` metrics, `q` proposals judged together, `s`
posterior samples, `k` models trained at once.

A metric is a number, a number with a standard error or censored (`Measurement`), or a curve (`Curve`).
NaN and infinities from a run are values like any other: they are recorded as what they are.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from numbers import Real
from typing import TypeAlias

from physai_inverse.errors import InvalidInput

Scalar: TypeAlias = bool | int | float | str
"""A value of one parameter."""

Config: TypeAlias = Mapping[str, Scalar]
"""Parameter name to value; active parameters only."""

MAX_NAME = 200
FAILURES = ("diverged", "out_of_memory", "timeout", "bug", "preempted", "unknown")
"""Classes of failure. `preempted` says nothing about the configuration; the others do."""


class TrialState(StrEnum):
    """Where a trial stands; the last four are final."""

    PROPOSED = "proposed"
    RUNNING = "running"
    DONE = "done"
    STOPPED_EARLY = "stopped_early"
    FAILED = "failed"
    DIVERGED = "diverged"

    @property
    def finished(self) -> bool:
        """Whether the state is final."""
        return self not in (TrialState.PROPOSED, TrialState.RUNNING)

    @property
    def bad(self) -> bool:
        """Whether the training failed or diverged."""
        return self in (TrialState.FAILED, TrialState.DIVERGED)


@dataclass(frozen=True)
class Measurement:
    """A number with what is known about it.

    Args:
        value: the number; the bound, where it is censored.
        standard_error: of `value`, in its units; None where it is not known.
        censored: `"above"` when the true value lies above `value` (a threshold not reached within the
            budget), `"below"` when it lies below, None when `value` is the value.
    """

    value: float
    standard_error: float | None = None
    censored: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", _number("value", self.value))
        if self.standard_error is not None:
            error = _number("standard_error", self.standard_error)
            if not (error >= 0 and math.isfinite(error)):
                raise InvalidInput(
                    f"`standard_error` must be a finite number of at least 0, not {error!r}; "
                    "leave it out where it is not known."
                )
            object.__setattr__(self, "standard_error", error)
        if self.censored not in (None, "above", "below"):
            raise InvalidInput(f'`censored` must be "above", "below" or None, not {self.censored!r}.')

    def __float__(self) -> float:
        return self.value


@dataclass(frozen=True)
class Curve:
    """A metric over the steps of one training.

    Args:
        steps: strictly increasing, at least 0.
        values: one a step.
    """

    steps: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        steps = tuple(_number("steps", step) for step in self.steps)
        values = tuple(_number("values", value) for value in self.values)
        if len(steps) != len(values) or not steps:
            raise InvalidInput(
                f"A curve needs one value a step and at least one step, "
                f"not {len(steps)} steps and {len(values)} values."
            )
        if not all(math.isfinite(step) and step >= 0 for step in steps) or any(
            later <= earlier for earlier, later in itertools.pairwise(steps)
        ):
            raise InvalidInput("`steps` of a curve must be finite, at least 0 and strictly increasing.")
        object.__setattr__(self, "steps", steps)
        object.__setattr__(self, "values", values)

    def __float__(self) -> float:
        """Give the last value: what a curve counts as where one number is wanted."""
        return self.values[-1]

    def __len__(self) -> int:
        return len(self.steps)


Metric: TypeAlias = float | Measurement | Curve
Metrics: TypeAlias = Mapping[str, Metric]
MetricsLike: TypeAlias = Mapping[str, "float | int | Measurement | Curve | Mapping[float, float]"]
"""What a user may give: plain numbers, measurements, curves, or a mapping of step to value for a curve."""

Trainer: TypeAlias = Callable[..., MetricsLike]
"""Any callable `(config, seed) -> metrics`; it may raise `TrialFailed`."""


def as_metrics(values: object, *, where: str = "metrics") -> dict[str, Metric]:
    """Check metrics at the door.

    Args:
        values: a mapping of name to number, `Measurement`, `Curve` or mapping of step to value.
        where: what to call them in an error.

    Raises:
        InvalidInput: not a mapping, a bad name, or a value that is no number.
    """
    if not isinstance(values, Mapping):
        raise InvalidInput(
            f"`{where}` must map metric names to numbers, for example {{'val_loss': 0.31}}; "
            f"got {type(values).__name__} {_short(values)}."
        )
    metrics: dict[str, Metric] = {}
    for name, value in values.items():
        check_name(name, "metric")
        if isinstance(value, Measurement | Curve):
            metrics[name] = value
        elif isinstance(value, Mapping):
            pairs = sorted((_number(f"{name} step", step), number) for step, number in value.items())
            metrics[name] = Curve(
                tuple(step for step, _ in pairs), tuple(_number(name, number) for _, number in pairs)
            )
        else:
            metrics[name] = _number(name, value)
    return metrics


def check_name(name: object, kind: str) -> str:
    """Check a name of a metric, parameter or study: 1 to 200 printable characters without surrounding blanks.

    Raises:
        InvalidInput: it is not.
    """
    if (
        not isinstance(name, str)
        or not 0 < len(name) <= MAX_NAME
        or not name.isprintable()
        or name.strip() != name
    ):
        raise InvalidInput(
            f"A {kind} name must be a text of 1 to {MAX_NAME} printable characters without blanks around it, "
            f"not {_short(name)}."
        )
    return name


@dataclass(frozen=True)
class Observation:
    """One training: what was configured, what came out, at what cost.

    Args:
        config: active parameters.
        metrics: what was measured; may be empty for a failed training.
        state: a final state.
        seed: the seed of the training.
        seconds: its cost.
        reason: why it failed or stopped, for people.
        kind: class of failure, one of `FAILURES`; None where it did not fail.
        number: the trial's number in its study; -1 outside of one.
        fidelity: how much the training was given (see `fidelity`); None for a full one.
        record: under which identity another tool knows it; two that are equal but for it are equal.
    """

    config: Config
    metrics: Metrics = field(default_factory=dict)
    state: TrialState = TrialState.DONE
    seed: int | None = None
    seconds: float | None = None
    reason: str | None = None
    kind: str | None = None
    number: int = -1
    fidelity: float | None = None
    record: str | None = field(default=None, compare=False)


def value_of(metrics: Metrics, name: str) -> float | None:
    """Give a metric as one number (a curve counts as its last value), or None where it was not recorded."""
    metric = metrics.get(name)
    return None if metric is None else float(metric)


def metric_names(observations: Iterable[Observation]) -> tuple[str, ...]:
    """List every metric that was recorded at least once, in order of first appearance."""
    names: dict[str, None] = {}
    for observation in observations:
        names.update(dict.fromkeys(observation.metrics))
    return tuple(names)


def diverging(metrics: Metrics, names: Sequence[str]) -> str | None:
    """Say which of the named metrics is NaN or infinite, as a reason; None where all are finite or absent."""
    for name in names:
        value = value_of(metrics, name)
        if value is not None and not math.isfinite(value):
            return f"metric `{name}` is {value}"
    return None


def _number(name: str, value: object) -> float:
    item = getattr(value, "item", None)
    if callable(item):  # a numpy or torch scalar; an array of more than one element refuses
        try:
            value = item()
        except (RuntimeError, ValueError, TypeError) as error:
            raise InvalidInput(f"`{name}` must be one number, not {_short(value)}.") from error
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InvalidInput(
            f"`{name}` must be a number, not {type(value).__name__} {_short(value)}. "
            "Convert it with float() where it is one."
        )
    try:
        return float(value)
    except OverflowError as error:
        raise InvalidInput(f"`{name}` is too large for a 64-bit float: {_short(value)}.") from error


def _short(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:  # an integer with more digits than Python prints
        text = "a huge integer"
    return text if len(text) <= 80 else text[:77] + "..."
