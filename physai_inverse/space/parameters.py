"""The kinds of parameters. Each maps its values to [0, 1] and back, for arrays at once.

Numbers are kept to a resolution of twelve digits (of the value on a logarithmic scale, of the range on a linear
one): what is finer than that no training can tell, and only so is `from_unit(to_unit(value)) == value` exact.
"""

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Scalar
from physai_inverse.space.conditions import Condition, When, as_condition

if TYPE_CHECKING:
    import numpy as np

DIGITS = 12
POWERS = tuple(float(f"1e{exponent}") for exponent in range(309))
"""Of ten, each the nearest float: `10.0**23` differs between libraries in its last bit."""
MAX_INTEGER = 10**12
"""Above this an integer would not survive the way to the unit cube and back in float64."""


@dataclass(frozen=True)
class Float:
    """A real number in [low, high].

    Args:
        low: the smallest value.
        high: the largest value, above `low`.
        log: whether ratios count rather than differences; needs `low > 0`.
        when: the condition under which the parameter is active; None for always.
        default: the value to start from, and what older trials had before the parameter was added.
    """

    low: float
    high: float
    log: bool = False
    _: KW_ONLY
    when: When = None
    default: float | None = None

    def __post_init__(self) -> None:
        low, high = _finite("low", self.low), _finite("high", self.high)
        _check_range(low, high, self.log)
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)
        _finish(self)

    @cached_property
    def decimals(self) -> int:
        """Decimal places that are kept on a linear scale."""
        return DIGITS - math.ceil(math.log10(max(abs(self.low), abs(self.high), self.high - self.low)))

    def check(self, value: object) -> float:
        """Give the value as this parameter keeps it.

        Raises:
            InvalidInput: no number, or outside of [low, high].
        """
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidInput(f"expected a number in [{self.low:g}, {self.high:g}], got {_show(value)}")
        number = float(value)
        if not self.low <= number <= self.high:  # also refuses NaN
            raise InvalidInput(f"expected a number in [{self.low:g}, {self.high:g}], got {number!r}")
        return self._round_one(number)

    def _round_one(self, value: float) -> float:
        """The same arithmetic as `_round`, without the price of an array."""
        exponent = DIGITS - 1 - math.floor(math.log10(value)) if self.log else self.decimals
        power = POWERS[min(abs(exponent), len(POWERS) - 1)]
        rounded = round(value * power) / power if exponent >= 0 else round(value / power) * power
        return min(max(rounded + 0.0, self.low), self.high)

    def _round(self, values: "np.ndarray") -> "np.ndarray":
        import numpy as np

        values = np.asarray(values, dtype=float)
        if self.log:
            with np.errstate(divide="ignore"):
                exponent = DIGITS - 1 - np.floor(np.log10(values)).astype(np.int64)
        else:
            exponent = np.asarray(self.decimals)
        # Times or over a whole power of ten: exact up to 1e22, so that 0.1 comes back as 0.1.
        power = np.array(POWERS)[np.minimum(np.abs(exponent), len(POWERS) - 1)]
        rounded = np.where(exponent >= 0, np.rint(values * power) / power, np.rint(values / power) * power)
        return np.asarray(np.clip(rounded + 0.0, self.low, self.high))  # no negative zero

    def to_unit(self, values: "np.ndarray") -> "np.ndarray":
        """Map values ``[n]`` to [0, 1]."""
        import numpy as np

        values = np.asarray(values, dtype=float)
        if self.log:
            return np.asarray(np.clip(np.log(values / self.low) / math.log(self.high / self.low), 0.0, 1.0))
        return np.asarray(np.clip((values - self.low) / (self.high - self.low), 0.0, 1.0))

    def from_unit(self, units: "np.ndarray") -> "np.ndarray":
        """Map ``[n]`` numbers of [0, 1] to values."""
        import numpy as np

        units = np.asarray(units, dtype=float)
        if self.log:
            return self._round(self.low * np.exp(units * math.log(self.high / self.low)))
        return self._round(self.low + units * (self.high - self.low))

    @property
    def num_levels(self) -> int | None:
        """How many values there are; None for a continuum."""
        return None


@dataclass(frozen=True)
class Integer:
    """A whole number in [low, high]; see `Float` for the arguments."""

    low: int
    high: int
    log: bool = False
    _: KW_ONLY
    when: When = None
    default: int | None = None

    def __post_init__(self) -> None:
        for name, value in (("low", self.low), ("high", self.high)):
            if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MAX_INTEGER:
                raise InvalidInput(
                    f"`{name}` of an integer must be a whole number of at most {MAX_INTEGER:.0e} in size, "
                    f"not {_show(value)}."
                )
        _check_range(self.low, self.high, self.log)
        _finish(self)

    def check(self, value: object) -> int:
        """Give the value; an integral float is taken as the integer.

        Raises:
            InvalidInput: no whole number, or outside of [low, high].
        """
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if isinstance(value, bool) or not whole or not self.low <= value <= self.high:  # type: ignore[operator]  # whole
            raise InvalidInput(f"expected a whole number in [{self.low}, {self.high}], got {_show(value)}")
        return int(value)  # type: ignore[call-overload, no-any-return]  # whole

    @cached_property
    def _edges(self) -> tuple[float, float]:
        """Half a step beyond the ends, so that every integer has a cell of its own."""
        if self.log:
            return math.log(self.low - 0.5), math.log(self.high + 0.5)
        return self.low - 0.5, self.high + 0.5

    def to_unit(self, values: "np.ndarray") -> "np.ndarray":
        """Map values ``[n]`` to (0, 1)."""
        import numpy as np

        low, high = self._edges
        values = np.asarray(values, dtype=float)
        return np.asarray(((np.log(values) if self.log else values) - low) / (high - low))

    def from_unit(self, units: "np.ndarray") -> "np.ndarray":
        """Map ``[n]`` numbers of [0, 1] to whole numbers."""
        import numpy as np

        low, high = self._edges
        raw = low + np.asarray(units, dtype=float) * (high - low)
        return np.clip(np.rint(np.exp(raw) if self.log else raw), self.low, self.high).astype(np.int64)

    @property
    def num_levels(self) -> int | None:
        """How many values there are."""
        return self.high - self.low + 1


class _Listed:
    """What parameters with a list of values share; a value's cell is its place in the list."""

    @property
    def options(self) -> tuple[Scalar, ...]:
        raise NotImplementedError  # abstract

    def check(self, value: object) -> Scalar:
        """Give the value as it stands in the list; 1 and 1.0 are one, 1 and true are not.

        Raises:
            InvalidInput: the list does not hold it.
        """
        for option in self.options:
            if option == value and isinstance(option, bool) == isinstance(value, bool):
                return option
        raise InvalidInput(f"expected one of {list(self.options)}, got {_show(value)}")

    def to_unit(self, values: "np.ndarray") -> "np.ndarray":
        """Map values ``[n]`` to the middles of equal cells of [0, 1]."""
        import numpy as np

        places = {(isinstance(option, bool), option): place for place, option in enumerate(self.options)}
        listed = np.asarray(values, dtype=object).ravel().tolist()
        return (np.array([places[isinstance(v, bool), v] for v in listed], dtype=float) + 0.5) / len(self.options)

    def from_unit(self, units: "np.ndarray") -> "np.ndarray":
        """Map ``[n]`` numbers of [0, 1] to values, as an array of objects."""
        import numpy as np

        table = np.empty(len(self.options), dtype=object)
        table[:] = self.options
        return np.asarray(table[self.places(units)])

    def places(self, units: "np.ndarray") -> "np.ndarray":
        """Map ``[n]`` numbers of [0, 1] to places in the list."""
        import numpy as np

        count = len(self.options)
        return np.minimum((np.asarray(units, dtype=float) * count).astype(np.int64), count - 1)

    @property
    def num_levels(self) -> int | None:
        """How many values there are."""
        return len(self.options)


@dataclass(frozen=True)
class Ordinal(_Listed):
    """One of several ordered levels, equally far apart whatever their values.

    Args:
        levels: at least two different values, in their order.
        when: see `Float`.
        default: see `Float`.
    """

    levels: Sequence[Scalar]
    _: KW_ONLY
    when: When = None
    default: Scalar | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", _distinct("levels", self.levels))
        _finish(self)

    @property
    def options(self) -> tuple[Scalar, ...]:
        """The levels."""
        return tuple(self.levels)


@dataclass(frozen=True)
class Choice(_Listed):
    """One of several values without an order.

    Args:
        values: at least two different values.
        when: see `Float`.
        default: see `Float`.
    """

    values: Sequence[Scalar]
    _: KW_ONLY
    when: When = None
    default: Scalar | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _distinct("values", self.values))
        _finish(self)

    @property
    def options(self) -> tuple[Scalar, ...]:
        """The values."""
        return tuple(self.values)


@dataclass(frozen=True)
class Boolean(_Listed):
    """True or false; see `Float` for the arguments."""

    _: KW_ONLY
    when: When = None
    default: bool | None = None

    def __post_init__(self) -> None:
        _finish(self)

    @property
    def options(self) -> tuple[Scalar, ...]:
        """False, then true."""
        return (False, True)


@dataclass(frozen=True)
class Constant:
    """A value that every configuration has; it is handed to the trainer and never varied.

    Args:
        value: the value.
        when: see `Float`.
    """

    value: Scalar
    _: KW_ONLY
    when: When = None

    def __post_init__(self) -> None:
        if not isinstance(self.value, bool | int | float | str) or (
            isinstance(self.value, float) and not math.isfinite(self.value)
        ):
            raise InvalidInput(f"`value` must be a finite number, a text or a boolean, not {_show(self.value)}.")
        object.__setattr__(self, "when", as_condition(self.when))

    def check(self, value: object) -> Scalar:
        """Give the value.

        Raises:
            InvalidInput: any other value.
        """
        if value == self.value and isinstance(value, bool) == isinstance(self.value, bool):
            return self.value
        raise InvalidInput(f"expected the constant {self.value!r}, got {_show(value)}")


Parameter: TypeAlias = Float | Integer | Ordinal | Choice | Boolean | Constant
FreeParameter: TypeAlias = Float | Integer | Ordinal | Choice | Boolean
KINDS: dict[str, type[Parameter]] = {
    "float": Float,
    "integer": Integer,
    "ordinal": Ordinal,
    "choice": Choice,
    "boolean": Boolean,
    "constant": Constant,
}


def kind_of(parameter: Parameter) -> str:
    """Name the kind of a parameter as a study file does."""
    return type(parameter).__name__.lower()


def condition_of(parameter: Parameter) -> Condition | None:
    """Give the condition of a parameter, None for always active."""
    return as_condition(parameter.when)


def _finish(parameter: FreeParameter) -> None:
    object.__setattr__(parameter, "when", as_condition(parameter.when))
    if parameter.default is not None:
        try:
            object.__setattr__(parameter, "default", parameter.check(parameter.default))
        except InvalidInput as error:
            raise InvalidInput(f"`default`: {error}.") from error


def _check_range(low: float, high: float, log: object) -> None:
    if not isinstance(log, bool):
        raise InvalidInput(f"`log` must be true or false, not {_show(log)}.")
    if not low < high:
        raise InvalidInput(
            f"`low` must be below `high`, got low={low!r} and high={high!r}; use a Constant for one value."
        )
    if log and low <= 0:
        raise InvalidInput(f"`low` must be above 0 on a logarithmic scale, not {low!r}; raise it or drop `log`.")
    if not math.isfinite(high - low):
        raise InvalidInput(f"The range from {low!r} to {high!r} is too wide for 64-bit floats.")


def _finite(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        hint = "; write the number without quotes" if isinstance(value, str) else ""
        raise InvalidInput(f"`{name}` must be a number, not {_show(value)}{hint}.")
    try:
        number = float(value)
    except OverflowError as error:
        raise InvalidInput(f"`{name}` is too large for a 64-bit float.") from error
    if not math.isfinite(number):
        raise InvalidInput(f"`{name}` must be finite, not {number}.")
    return number + 0.0


def _distinct(name: str, values: object) -> tuple[Scalar, ...]:
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise InvalidInput(f"`{name}` must be a list such as ['sgd', 'adamw'], not {_show(values)}.")
    for value in values:
        if not isinstance(value, bool | int | float | str) or (
            isinstance(value, float) and not math.isfinite(value)
        ):
            raise InvalidInput(f"`{name}` may hold finite numbers, texts and booleans, not {_show(value)}.")
    keys = {(isinstance(value, bool), value) for value in values}
    if len(keys) < len(values):
        raise InvalidInput(f"`{name}` must be different from each other, got {list(values)}.")
    if len(values) < 2:
        raise InvalidInput(f"`{name}` must be at least two, got {list(values)}; use a Constant for one value.")
    return tuple(values)


def _show(value: object) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"
