"""A law: what is claimed, under which conditions, and the trainings that hold it against what comes out.

What is drawn is plain data; `report` makes a figure of it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from physai_inverse.errors import InvalidInput

STYLES = ("points", "line", "dashed")


@dataclass(frozen=True)
class Check:
    """One number that a law predicts, beside the one that was measured.

    Args:
        what: the number, in words with its unit: "slope of log delay over log weight decay".
        measured: what came out; NaN where it could not be measured, which does not hold.
        low: the least that agrees with the law.
        high: the most.
    """

    what: str
    measured: float
    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        if not self.low <= self.high or (math.isinf(self.low) and math.isinf(self.high)):
            raise InvalidInput(f"A check needs a lower or an upper bound in order, not {self.low} to {self.high}.")

    @property
    def holds(self) -> bool:
        """Whether the measured number lies between the bounds."""
        return self.low <= self.measured <= self.high

    @property
    def expected(self) -> str:
        """The bounds in words."""
        if self.low == self.high:
            return f"{self.low:.4g}"
        if math.isinf(self.low):
            return f"at most {self.high:.4g}"
        return f"at least {self.low:.4g}" if math.isinf(self.high) else f"{self.low:.4g} to {self.high:.4g}"


@dataclass(frozen=True)
class Line:
    """One series of a picture.

    Args:
        label: for the legend; "" for none.
        x: [n].
        y: [n].
        style: `points` for what was measured, `line` for what joins it, `dashed` for what theory says.
    """

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    style: str = "points"

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y):
            raise InvalidInput(f"A line needs as many `x` as `y`, not {len(self.x)} and {len(self.y)}.")
        if self.style not in STYLES:
            raise InvalidInput(f"`style` must be one of {', '.join(STYLES)}, not {self.style!r}.")


@dataclass(frozen=True)
class Picture:
    """What is drawn of a law.

    Args:
        x: label of the axis, with its unit.
        y: likewise.
        lines: the series.
        log_x: whether the axis is logarithmic.
        log_y: likewise.
    """

    x: str
    y: str
    lines: tuple[Line, ...]
    log_x: bool = False
    log_y: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came out of measuring a law.

    Args:
        checks: at least one.
        picture: what one sees it by.
        note: what else was seen, such as where the law ends; one or two sentences, or "".
    """

    checks: tuple[Check, ...]
    picture: Picture
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether all checks hold."""
        return all(check.holds for check in self.checks)


@dataclass(frozen=True)
class Law:
    """A law of the field.

    Args:
        number: in the list of the field's laws, by which `physai-inverse reproduce` names it.
        name: short: "edge of stability".
        statement: one sentence, with its numbers.
        conditions: under which it is claimed and measured here; where it is known to end.
        source: who found it, with a link where there is one.
        task: the built-in task that it is measured on; "" for none.
        seconds: about what it takes on one core.
        measure: seed to outcome; runs the trainings.
    """

    number: int
    name: str
    statement: str
    conditions: str
    source: str
    task: str
    seconds: float
    measure: Callable[[int], Outcome]


def slope(x: tuple[float, ...], y: tuple[float, ...]) -> float:
    """Fit the slope of `log y` over `log x` by least squares; NaN with fewer than two points above zero."""
    points = [(math.log(a), math.log(b)) for a, b in zip(x, y, strict=True) if a > 0 and b > 0]
    points = [point for point in points if all(map(math.isfinite, point))]
    if len({a for a, _ in points}) < 2:
        return math.nan
    middle = math.fsum(a for a, _ in points) / len(points)
    mean = math.fsum(b for _, b in points) / len(points)
    spread = math.fsum((a - middle) ** 2 for a, _ in points)
    return math.fsum((a - middle) * (b - mean) for a, b in points) / spread
