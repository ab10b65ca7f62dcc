"""What is wanted: one vocabulary over any recorded metrics, the same in Python, YAML and on the command line.

```
Minimize("val_loss")                     minimize: val_loss               --minimize val_loss
Maximize("accuracy")                     maximize: accuracy               --maximize accuracy
Target("rank", 20, tolerance=1)          target: rank = 20 +- 1           --target "rank = 20 +- 1"
AtMost("params", 1e5)                    where: params <= 1e5             --where "params <= 1e5"
AtLeast("accuracy", 0.9)                 where: accuracy >= 0.9           --where "accuracy >= 0.9"
```

Several are joined by `&` or given as a list. Minimize, Maximize and Target are *wishes*: the more the better.
AtMost and AtLeast are *limits*: met or not. A target is met within its tolerance.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import check_name

if TYPE_CHECKING:
    import numpy as np

TARGET_SHARE = 0.05
"""Tolerance of a target that states none, as a share of the target's size."""


class _Joinable:
    def __and__(self, other: "Goal | Objective") -> "Objective":
        return Objective((*as_objective(self).goals, *as_objective(other).goals))


@dataclass(frozen=True)
class Minimize(_Joinable):
    """As small as possible."""

    metric: str

    def __post_init__(self) -> None:
        check_name(self.metric, "metric")

    def __str__(self) -> str:
        return f"minimize {self.metric}"


@dataclass(frozen=True)
class Maximize(_Joinable):
    """As large as possible."""

    metric: str

    def __post_init__(self) -> None:
        check_name(self.metric, "metric")

    def __str__(self) -> str:
        return f"maximize {self.metric}"


@dataclass(frozen=True)
class Target(_Joinable):
    """As close to a value as possible.

    Args:
        metric: the metric.
        value: the value to hit, in the metric's units.
        tolerance: how far off still counts as hit; a twentieth of the value's size where it is left out.
    """

    metric: str
    value: float
    tolerance: float | None = None

    def __post_init__(self) -> None:
        check_name(self.metric, "metric")
        object.__setattr__(self, "value", _finite("value", self.value))
        if self.tolerance is None:
            if self.value == 0:
                raise InvalidInput(f"A target of 0 for `{self.metric}` needs a `tolerance`, such as '= 0 +- 0.1'.")
            object.__setattr__(self, "tolerance", TARGET_SHARE * abs(self.value))
        elif not _finite("tolerance", self.tolerance) > 0:
            raise InvalidInput(f"`tolerance` must be above 0, not {self.tolerance!r}.")

    @property
    def half_width(self) -> float:
        """The tolerance in force."""
        assert self.tolerance is not None
        return self.tolerance

    def __str__(self) -> str:
        return f"{self.metric} = {self.value!r} +- {self.tolerance!r}"


@dataclass(frozen=True)
class AtMost(_Joinable):
    """A limit from above: `metric <= bound`."""

    metric: str
    bound: float

    def __post_init__(self) -> None:
        check_name(self.metric, "metric")
        object.__setattr__(self, "bound", _finite("bound", self.bound))

    def __str__(self) -> str:
        return f"{self.metric} <= {self.bound!r}"


@dataclass(frozen=True)
class AtLeast(_Joinable):
    """A limit from below: `metric >= bound`."""

    metric: str
    bound: float

    def __post_init__(self) -> None:
        check_name(self.metric, "metric")
        object.__setattr__(self, "bound", _finite("bound", self.bound))

    def __str__(self) -> str:
        return f"{self.metric} >= {self.bound!r}"


Wish: TypeAlias = Minimize | Maximize | Target
Limit: TypeAlias = AtMost | AtLeast
Goal: TypeAlias = Minimize | Maximize | Target | AtMost | AtLeast


@dataclass(frozen=True)
class Objective:
    """Several goals together.

    Args:
        goals: at least one; a metric may be wished for once.

    Raises:
        InvalidInput: no goal, something that is no goal, two wishes for one metric, or limits that exclude
            each other.
    """

    goals: tuple[Goal, ...]

    def __post_init__(self) -> None:
        goals = tuple(self.goals)
        if not goals:
            raise InvalidInput("An objective needs at least one goal, such as Minimize('val_loss').")
        for goal in goals:
            if not isinstance(goal, Goal):
                raise InvalidInput(
                    "A goal must be Minimize, Maximize, Target, AtMost or AtLeast, not "
                    f"{type(goal).__name__} {str(goal)[:60]!r}."
                )
        kinds = (Minimize, Maximize, Target, AtMost, AtLeast)
        ordered = sorted(goals, key=lambda goal: kinds.index(type(goal)))  # one order for one meaning
        object.__setattr__(self, "goals", tuple(ordered))
        wished = [wish.metric for wish in self.wishes]
        if len(set(wished)) < len(wished):
            twice = sorted({name for name in wished if wished.count(name) > 1})
            raise InvalidInput(f"The objective wishes for {twice} more than once; one wish a metric, please.")
        for name in self.metrics:
            low = max(
                (limit.bound for limit in self.limits if isinstance(limit, AtLeast) and limit.metric == name),
                default=-math.inf,
            )
            high = min(
                (limit.bound for limit in self.limits if isinstance(limit, AtMost) and limit.metric == name),
                default=math.inf,
            )
            if low > high:
                raise InvalidInput(f"The limits {name} >= {low!r} and {name} <= {high!r} exclude each other.")

    @cached_property
    def wishes(self) -> tuple[Wish, ...]:
        """The goals of which more is better."""
        return tuple(goal for goal in self.goals if isinstance(goal, Minimize | Maximize | Target))

    @cached_property
    def limits(self) -> tuple[Limit, ...]:
        """The goals that are met or not."""
        return tuple(goal for goal in self.goals if isinstance(goal, AtMost | AtLeast))

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that the goals speak of, each once."""
        return tuple(dict.fromkeys(goal.metric for goal in self.goals))

    def __and__(self, other: "Goal | Objective") -> "Objective":
        return Objective((*self.goals, *as_objective(other).goals))

    def __str__(self) -> str:
        wishes = " and ".join(map(str, self.wishes))
        limits = " and ".join(map(str, self.limits))
        return f"{wishes} where {limits}" if wishes and limits else wishes or limits

    def utility(self, values: Mapping[str, "np.ndarray"]) -> "np.ndarray":
        """Give each wish as larger-is-better, in the metric's units.

        Args:
            values: metric to values ``[n]``.

        Returns:
            ``[n, w]`` for `w` wishes; a target counts its distance beyond nothing, that is minus the distance.
        """
        import numpy as np

        columns = []
        for wish in self.wishes:
            value = np.asarray(values[wish.metric], dtype=float)
            if isinstance(wish, Target):
                columns.append(-np.abs(value - wish.value))
            else:
                columns.append(value if isinstance(wish, Maximize) else -value)
        return np.stack(columns, axis=-1)

    def slack(self, values: Mapping[str, "np.ndarray"]) -> "np.ndarray":
        """Give for each limit, and each target's tolerance, how far it is met: feasible at zero or above.

        Args:
            values: metric to values ``[n]``.

        Returns:
            ``[n, l]``, in the metrics' units.
        """
        import numpy as np

        columns = []
        for goal in (*self.limits, *(wish for wish in self.wishes if isinstance(wish, Target))):
            value = np.asarray(values[goal.metric], dtype=float)
            if isinstance(goal, Target):
                columns.append(goal.half_width - np.abs(value - goal.value))
            else:
                columns.append(goal.bound - value if isinstance(goal, AtMost) else value - goal.bound)
        shape = np.shape(next(iter(values.values())))
        return np.stack(columns, axis=-1) if columns else np.zeros((*shape, 0))

    def as_plain(self) -> dict[str, list[str]]:
        """Give the objective as a study file writes it."""
        plain: dict[str, list[str]] = {}
        for goal in self.goals:
            if isinstance(goal, Minimize | Maximize):
                plain.setdefault(type(goal).__name__.lower(), []).append(goal.metric)
            else:
                plain.setdefault("target" if isinstance(goal, Target) else "where", []).append(str(goal))
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Objective":
        """Build an objective from `as_plain`, or from the options of the command line.

        Args:
            plain: `minimize`, `maximize`, `target`, `where`, each a text or a list of texts.

        Raises:
            InvalidInput: an unknown key, or a text that is no goal.
        """
        unknown = set(plain) - {"minimize", "maximize", "target", "where"}
        if unknown:
            raise InvalidInput(f"An objective has minimize, maximize, target and where, not {sorted(unknown)}.")
        goals: list[Goal] = [Minimize(name) for name in _texts(plain, "minimize")]
        goals += [Maximize(name) for name in _texts(plain, "maximize")]
        for key in ("target", "where"):
            for text in _texts(plain, key):
                goal = parse_goal(text)
                if isinstance(goal, Minimize | Maximize) or (key == "target") != isinstance(goal, Target):
                    example = "rank = 20 +- 1" if key == "target" else "params <= 1e5"
                    raise InvalidInput(f"`{key}` takes texts such as {example!r}, not {text!r}.")
                goals.append(goal)
        return cls(tuple(goals))


ObjectiveLike: TypeAlias = "Goal | Objective | Sequence[Goal] | str"

_WISH = re.compile(r"\s*(minimi[sz]e|maximi[sz]e)\s+(\S.*?)\s*")
_RELATION = re.compile(r"\s*(\S.*?)\s*(<=|>=|==|=|<|>)\s*(\S.*?)\s*")
_TOLERANCE = re.compile(r"\s*(?:\+-|\+/-|±)\s*")


def parse_goal(text: str) -> Goal:
    """Read one goal: `minimize X`, `maximize X`, `X <= 1`, `X >= 1`, `X = 1 +- 0.1`.

    Raises:
        InvalidInput: the text is no goal; shows what one looks like.
    """
    if not isinstance(text, str):
        raise InvalidInput(
            f"A goal must be a text such as 'minimize val_loss', not {type(text).__name__} {text!r}."
        )
    wish = _WISH.fullmatch(text)
    if wish:
        return (Minimize if wish[1].startswith("min") else Maximize)(wish[2])
    relation = _RELATION.fullmatch(text)
    if relation:
        name, sign, rest = relation.groups()
        if sign in ("=", "=="):
            value, *tolerance = _TOLERANCE.split(rest, maxsplit=1)
            return Target(name, _read(value, text), _read(tolerance[0], text) if tolerance else None)
        return (AtMost if sign.startswith("<") else AtLeast)(name, _read(rest, text))
    raise InvalidInput(
        f"Cannot read the goal {text!r}. Expected one of: 'minimize val_loss', 'maximize accuracy', "
        "'params <= 1e5', 'accuracy >= 0.9', 'rank = 20 +- 1'."
    )


def as_objective(given: object) -> Objective:
    """Take a goal, several, a text or an objective as an objective.

    Raises:
        InvalidInput: none of these.
    """
    if isinstance(given, Objective):
        return given
    if isinstance(given, Goal):
        return Objective((given,))
    if isinstance(given, str):
        return Objective((parse_goal(given),))
    if isinstance(given, Mapping):
        return Objective.from_plain(given)
    if isinstance(given, Iterable):
        return Objective(tuple(parse_goal(goal) if isinstance(goal, str) else goal for goal in given))
    raise InvalidInput(
        f"An objective must be a goal such as Minimize('val_loss') or several, not {type(given).__name__}."
    )


def _texts(plain: Mapping[str, Any], key: str) -> list[str]:
    given = plain.get(key) or []
    texts = [given] if isinstance(given, str) or not isinstance(given, Iterable) else list(given)
    for text in texts:
        if not isinstance(text, str):
            raise InvalidInput(f"`{key}` takes a text or a list of texts, not {type(text).__name__} {text!r}.")
    return texts


def _read(text: str, goal: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InvalidInput(f"Cannot read the number {text!r} in the goal {goal!r}.") from error


def _finite(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidInput(f"`{name}` of a goal must be a finite number, not {type(value).__name__} {value!r}.")
    return float(value)
