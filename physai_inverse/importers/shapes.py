"""Values of a column to a parameter: its type, its scale, and a range a little outwards to round numbers."""

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from physai_inverse.importers.naming import LABELS, REAL, words
from physai_inverse.importers.values import Column
from physai_inverse.observations import Scalar
from physai_inverse.space import Boolean, Choice, Constant, Float, Integer, Ordinal, Parameter
from physai_inverse.space.parameters import MAX_INTEGER

LEAST_RATIO = 10.0
"""Of the largest to the smallest value on a logarithmic scale."""
CLEAR_RATIO = 1000.0
"""Ratio from which the values are taken for logarithmic where they are too few to say."""
FEW = 5
"""Different values that say nothing about how they are spread."""
GRID_SHARE = 0.2
"""Different values per row below which the table is a grid: its ends were chosen and are kept."""
MAX_ORDINAL = 12
RATES = frozenset({"lr", "learning", "decay", "wd", "eps", "epsilon", "penalty", "l1", "l2"})
"""Quantities of which ratios count; few values say no more than that."""
MANTISSAS = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0)
"""Round numbers of a logarithmic scale, within a decade."""
ORDERS = (
    ("tiny", "mini", "small", "base", "medium", "large", "xlarge", "huge", "giant"),
    ("very low", "low", "medium", "high", "very high"),
    ("none", "light", "weak", "moderate", "strong", "heavy"),
    ("xs", "s", "m", "l", "xl", "xxl"),
)
SIZED = re.compile(r"(\d+(?:\.\d+)?)\s*([kmbt])b?", re.IGNORECASE)
FACTORS = {"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}


@dataclass(frozen=True)
class Shape:
    """A parameter with the evidence for it.

    Args:
        parameter: the parameter.
        why: what in the values says so.
    """

    parameter: Parameter
    why: str


def shape_of(name: str, column: Column) -> Shape | None:
    """Give the parameter that a column's values are drawn from.

    Args:
        name: of the column.
        column: its values; those of rows where it is inactive are None.

    Returns:
        None where a text has too many different values or a number none that is finite.
    """
    present = column.present
    distinct = list(dict.fromkeys(present))
    if not distinct:
        return None
    if len(distinct) == 1:
        only = distinct[0]
        if isinstance(only, float) and not math.isfinite(only):
            return None
        return Shape(Constant(only), f"the same in {len(present)} rows")
    if column.kind == "boolean":
        return Shape(Boolean(), "true or false")
    if column.kind == "text":
        return _texts([str(value) for value in distinct])
    numbers = [value for value in distinct if isinstance(value, int | float) and math.isfinite(value)]
    if len(numbers) < 2:
        return None
    every = sorted(value for value in present if isinstance(value, int | float) and math.isfinite(value))
    return _numbers(name, sorted(numbers), every, column.unit)


def mixed_shape(column: Column) -> Shape:
    """Give the choice among numbers and none."""
    numbers = sorted({value for value in column.present if not isinstance(value, str)})
    return Shape(Choice([*numbers, "none"]), "numbers, and none written out")


def detail_of(parameter: Parameter) -> str:
    """Describe a parameter in a few words."""
    if isinstance(parameter, Float | Integer):
        kind = "float" if isinstance(parameter, Float) else "integer"
        return f"{kind} {parameter.low:g} to {parameter.high:g}{', log' if parameter.log else ''}"
    if isinstance(parameter, Constant):
        return f"constant {_short(parameter.value)}"
    if isinstance(parameter, Boolean):
        return "boolean"
    kind = "ordinal" if isinstance(parameter, Ordinal) else "choice"
    listed = ", ".join(_short(option) for option in parameter.options[:6])
    return f"{kind} of {len(parameter.options)}: {listed}{', ..' if len(parameter.options) > 6 else ''}"


def _texts(levels: list[str]) -> Shape | None:
    lower = {level.lower() for level in levels}
    for order in ORDERS:
        if lower <= set(order) and len(levels) > 2:
            ordered = sorted(levels, key=lambda level: order.index(level.lower()))
            return Shape(Ordinal(ordered), "words with an order")
    sized = {level: match for level in levels if (match := SIZED.fullmatch(level))}
    if len(sized) == len(levels) and len(levels) > 2:
        sizes = {level: float(match[1]) * FACTORS[match[2].lower()] for level, match in sized.items()}
        if len(set(sizes.values())) == len(sizes):
            ordered = sorted(levels, key=sizes.__getitem__)
            return Shape(Ordinal(ordered), "sizes, in their order")
    return Shape(Choice(levels), f"{len(levels)} different words")


def _numbers(name: str, values: list[int | float], every: list[int | float], unit: str) -> Shape:
    rows, low, high = len(every), values[0], values[-1]
    spoken = set(words(name))
    whole = all(float(value).is_integer() and abs(value) <= MAX_INTEGER for value in values)
    behind = f", in {unit}" if unit else ""
    if whole and (spoken & LABELS or (words(name)[-1:] == ("id",))):
        labels: list[Scalar] = [int(value) for value in values]
        if len(labels) <= max(64, rows // 10):
            return Shape(Choice(labels), f"{len(labels)} numbers that are labels")
    integer = whole and not spoken & REAL
    if integer and 3 <= len(values) <= MAX_ORDINAL and all(_is_power_of_two(int(value)) for value in values):
        levels: list[Scalar] = [int(value) for value in values]
        return Shape(Ordinal(levels), f"{len(levels)} powers of two{behind}")
    grid = len(values) <= GRID_SHARE * rows and len(values) <= 50
    log, spread = _is_log(values, values if grid else every)
    if not log and 1 < len(values) < FEW and low > 0 and high / low >= LEAST_RATIO and spoken & RATES:
        log, spread = True, f"; a factor of {high / low:.3g} in a rate"
    if integer:
        bottom, top = int(low), int(high)
        if log and not grid and len(values) > FEW:
            bottom, top = _outward_integers(bottom, top)
        seen = f"whole numbers {low:g} to {high:g}{behind}{spread}"
        return Shape(Integer(bottom, top, log=log), seen)
    if grid or (len(values) <= FEW and all(float(f"{value:.2g}") == value for value in values)):
        ends = (float(low), float(high))
    else:
        ends = _outward_log(float(low), float(high)) if log else _outward(float(low), float(high))
    levels_text = f"{len(values)} values " if grid else ""
    return Shape(Float(*ends, log=log), f"{levels_text}{low:g} to {high:g}{behind}{spread}")


def _is_log(values: Sequence[int | float], every: Sequence[int | float]) -> tuple[bool, str]:
    """Say whether values lie more evenly on a logarithmic scale, and with what evidence.

    Args:
        values: the different ones, sorted.
        every: with repetitions, sorted; the different ones alone where they are a grid.
    """
    low, high = values[0], values[-1]
    if low <= 0:
        positive = [value for value in values if value > 0]
        if low == 0 and len(positive) > 2 and positive[-1] / positive[0] >= CLEAR_RATIO:
            return False, "; spread over decades, but with 0, which no logarithm has"
        return False, ""
    ratio = high / low
    if ratio < LEAST_RATIO:
        return False, ""
    if len(values) < FEW:
        return ratio >= CLEAR_RATIO or _is_geometric(values), f"; a factor of {ratio:.3g}"
    even = _unevenness([math.log(value) for value in every]) < _unevenness(every)
    return even, f"; more even {'in their logarithm' if even else 'as they are'}"


def _is_geometric(values: Sequence[int | float]) -> bool:
    """Whether at least three values grow by nearly one factor."""
    factors = [later / earlier for earlier, later in itertools.pairwise(values)]
    return len(factors) > 1 and max(factors) <= 2.1 * min(factors)


def _unevenness(values: Sequence[float]) -> float:
    """Give the largest distance between the distribution of values and an even one between their ends."""
    low, span = values[0], values[-1] - values[0]
    count = len(values)
    return max(abs((value - low) / span - place / (count - 1)) for place, value in enumerate(values))


def _is_power_of_two(value: int) -> bool:
    return value > 0 and value & (value - 1) == 0


def _outward(low: float, high: float) -> tuple[float, float]:
    exponent = math.floor(math.log10(high - low)) - 1
    step = 10.0**exponent
    bottom, top = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    digits = max(-exponent, 0)
    return round(bottom, digits), round(top, digits)


def _outward_log(low: float, high: float) -> tuple[float, float]:
    return _round_down(low), _round_up(high)


def _outward_integers(low: int, high: int) -> tuple[int, int]:
    if _is_power_of_two(low) and _is_power_of_two(high):
        return low, high
    return max(int(_round_down(low)), 1), int(_round_up(high))


def _round_down(value: float) -> float:
    exponent = math.floor(math.log10(value) + 1e-9)
    mantissa = max((m for m in MANTISSAS if m * 10.0**exponent <= value * (1 + 1e-9)), default=1.0)
    return float(f"{mantissa:g}e{exponent}")


def _round_up(value: float) -> float:
    exponent = math.floor(math.log10(value) - 1e-9)
    mantissa = min((m for m in MANTISSAS if m * 10.0**exponent >= value * (1 - 1e-9)), default=10.0)
    return float(f"{mantissa:g}e{exponent}")


def _short(value: Scalar) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 24 else text[:21] + "..."
