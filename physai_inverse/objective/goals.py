"""The goals: one thing wanted of one quantity, which is a metric or an expression over metrics and parameters.

An expression has blanks around its operators: `val_loss + 0.1 * log10(params)`. A text without blank, parenthesis,
`*` and `+` is a name, and so is what cannot be read as an expression, so that `loss (nats)`, `val/loss` and
`top-1` stay the names that loggers give; inside an expression they are names too, while `val / loss` divides.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from physai_inverse.errors import InvalidInput
from physai_inverse.expressions import FUNCTIONS, Expression
from physai_inverse.observations import Config, Metrics, check_name, value_of

if TYPE_CHECKING:
    import numpy as np

TARGET_SHARE = 0.05
"""Tolerance of a target that states none, as a share of the target's size."""

_SIGN_OF_EXPRESSION = re.compile(r"[\s()*+]")
_SURELY_EXPRESSION = re.compile(rf"\s(?:\*\*?|[-+/])(?:\s|$)|\b(?:{'|'.join(FUNCTIONS)})\(")
"""An operator with blanks around it, or a call of a known function: a mistake in it is told."""
_JOINED_NAME = re.compile(r"(?<![\w.])[^\W\d]\w*(?:\.\w+)*(?:[/-]\w+(?:\.\w+)*)+(?![\w(])")
"""`val/loss` and `top-k`: words joined by a slash or a dash without blanks."""


@dataclass(frozen=True)
class Quantity:
    """What a goal speaks of.

    Args:
        text: a metric's name, or an expression.

    Raises:
        InvalidInput: the text is neither.
    """

    text: str

    def __post_init__(self) -> None:
        check_name(self.text, "metric")
        _ = self._parsed

    @cached_property
    def _parsed(self) -> tuple[Expression | None, dict[str, str]]:
        """The expression with stand-ins for joined names, and what each stands for."""
        if not _SIGN_OF_EXPRESSION.search(self.text):
            return None, {}
        stand_ins: dict[str, str] = {}

        def stand_in(match: re.Match[str]) -> str:
            return stand_ins.setdefault(match[0], f"joined_{len(stand_ins)}_")

        try:
            expression = Expression(_JOINED_NAME.sub(stand_in, self.text))
        except InvalidInput:
            if _SURELY_EXPRESSION.search(self.text):
                raise
            return None, {}  # a metric's name, such as `loss (nats)`
        if not expression.names:
            raise InvalidInput(f"The expression {self.text!r} speaks of no metric.")
        if expression.is_condition:
            raise InvalidInput(
                f"The expression {self.text!r} is true or false; a goal needs a number, such as 'a + 2 * b'."
            )
        return expression, {short: name for name, short in stand_ins.items()}

    @property
    def is_name(self) -> bool:
        """Whether the text is a name rather than an expression."""
        return self._parsed[0] is None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of metrics and parameters, in order of the alphabet."""
        expression, stand_ins = self._parsed
        return (self.text,) if expression is None else tuple(sorted(stand_ins.get(n, n) for n in expression.names))

    def evaluate(self, values: "Mapping[str, np.ndarray]") -> "np.ndarray":
        """Give the quantity for values ``[n]`` of its names; a value under its own text is taken as it is.

        Raises:
            InvalidInput: a name has no value, or is no number where a number is needed.
        """
        import numpy as np

        if self.text in values:
            return np.asarray(values[self.text], dtype=float)
        expression, stand_ins = self._parsed
        if expression is None:
            raise InvalidInput(f"The metric `{self.text}` has no value here; there is {sorted(values)}.")
        back = {name: short for short, name in stand_ins.items()}
        missing = [name for name in self.names if name not in values]
        if missing:
            raise InvalidInput(f"The expression {self.text!r} needs {missing}, which have no value here.")
        found = expression.evaluate({back.get(name, name): values[name] for name in self.names})
        return np.asarray(found, dtype=float)

    def measured(self, metrics: Metrics, config: Config) -> float:
        """Give the quantity of one training; NaN where a name has no value or a text for one."""
        if self.text in metrics:
            return float(metrics[self.text])
        if self.is_name and self.text not in config:
            return math.nan
        import numpy as np

        values: dict[str, Any] = {}
        for name in self.names:
            value = value_of(metrics, name)
            given = config.get(name) if value is None else value
            if given is None:
                return math.nan
            values[name] = np.array([given])
        if self.is_name:
            given = config[self.text]
            return math.nan if isinstance(given, str) else float(given)
        try:
            return float(np.broadcast_to(self.evaluate(values), (1,))[0])
        except InvalidInput:
            return math.nan

    @cached_property
    def line(self) -> tuple[str, float, float] | None:
        """Name, slope and offset where the expression is a straight line in one name; None where it is not."""
        expression, stand_ins = self._parsed
        if expression is None:
            return self.text, 1.0, 0.0
        found = expression.line
        return None if found is None else (stand_ins.get(found[0], found[0]), found[1], found[2])


def measured(text: str, metrics: Metrics, config: Config) -> float:
    """Give a metric or an expression of one training; NaN where there is none."""
    if text in metrics:
        return float(metrics[text])
    return Quantity(text).measured(metrics, config)


class AbstractGoal:
    """What all goals share: the quantity that they speak of, and that `&` joins them."""

    metric: str

    join: ClassVar[Callable[[Any, Any], Any]]
    """What `&` makes of two goals: an `Objective`, whose module stands above this one and sets it."""

    def __and__(self, other: Any) -> Any:
        return type(self).join(self, other)

    @cached_property
    def quantity(self) -> Quantity:
        """The metric or expression that the goal speaks of."""
        return Quantity(self.metric)


@dataclass(frozen=True)
class Minimize(AbstractGoal):
    """As small as possible.

    Args:
        metric: a metric, or an expression such as `"val_loss + 0.1 * log10(params)"`.
    """

    metric: str

    def __post_init__(self) -> None:
        _ = self.quantity

    def __str__(self) -> str:
        return f"minimize {self.metric}"


@dataclass(frozen=True)
class Maximize(AbstractGoal):
    """As large as possible.

    Args:
        metric: a metric, or an expression.
    """

    metric: str

    def __post_init__(self) -> None:
        _ = self.quantity

    def __str__(self) -> str:
        return f"maximize {self.metric}"


@dataclass(frozen=True)
class Target(AbstractGoal):
    """As close to a value as possible.

    Args:
        metric: a metric, or an expression.
        value: the value to hit, in the metric's units.
        tolerance: how far off still counts as hit; a twentieth of the value's size where it is left out.
    """

    metric: str
    value: float
    tolerance: float | None = None

    def __post_init__(self) -> None:
        _ = self.quantity
        object.__setattr__(self, "value", finite("value", self.value))
        if self.tolerance is None:
            if self.value == 0:
                raise InvalidInput(f"A target of 0 for `{self.metric}` needs a `tolerance`, such as '= 0 +- 0.1'.")
            object.__setattr__(self, "tolerance", TARGET_SHARE * abs(self.value))
        elif not finite("tolerance", self.tolerance) > 0:
            raise InvalidInput(f"`tolerance` must be above 0, not {self.tolerance!r}.")

    @property
    def half_width(self) -> float:
        """The tolerance in force."""
        assert self.tolerance is not None
        return self.tolerance

    def __str__(self) -> str:
        return f"{self.metric} = {self.value!r} +- {self.tolerance!r}"


@dataclass(frozen=True)
class AtMost(AbstractGoal):
    """A limit from above: `metric <= bound`."""

    metric: str
    bound: float

    def __post_init__(self) -> None:
        _ = self.quantity
        object.__setattr__(self, "bound", finite("bound", self.bound))

    def __str__(self) -> str:
        return f"{self.metric} <= {self.bound!r}"


@dataclass(frozen=True)
class AtLeast(AbstractGoal):
    """A limit from below: `metric >= bound`."""

    metric: str
    bound: float

    def __post_init__(self) -> None:
        _ = self.quantity
        object.__setattr__(self, "bound", finite("bound", self.bound))

    def __str__(self) -> str:
        return f"{self.metric} >= {self.bound!r}"


@dataclass(frozen=True)
class Between(AbstractGoal):
    """A band: `low <= metric <= high`, one limit.

    Raises:
        InvalidInput: `low` is not below `high`.
    """

    metric: str
    low: float
    high: float

    def __post_init__(self) -> None:
        _ = self.quantity
        object.__setattr__(self, "low", finite("low", self.low))
        object.__setattr__(self, "high", finite("high", self.high))
        if not self.low < self.high:
            raise InvalidInput(f"A band of `{self.metric}` needs low < high, not {self.low!r} and {self.high!r}.")

    def __str__(self) -> str:
        return f"{self.low!r} <= {self.metric} <= {self.high!r}"


Wish: TypeAlias = Minimize | Maximize | Target
Limit: TypeAlias = AtMost | AtLeast | Between
Goal: TypeAlias = Minimize | Maximize | Target | AtMost | AtLeast | Between


def edges(goal: Limit | Target) -> tuple[float, float]:
    """Give the lowest and highest value that meets a limit or a target; infinite where one side is open."""
    if isinstance(goal, Target):
        return goal.value - goal.half_width, goal.value + goal.half_width
    if isinstance(goal, Between):
        return goal.low, goal.high
    return (-math.inf, goal.bound) if isinstance(goal, AtMost) else (goal.bound, math.inf)


def finite(name: str, value: object) -> float:
    """Take a finite number.

    Raises:
        InvalidInput: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidInput(f"`{name}` of a goal must be a finite number, not {type(value).__name__} {value!r}.")
    return float(value)
