"""How much a training is given: epochs, a share of the data, a width; configurations are compared at the highest.

A fidelity is no parameter that is tuned. A configuration is tried at a low one first and promoted from rung to
rung while it is worth it; a *rung* is one of a few levels between the lowest and the highest, each about `eta`
times the one before. A trial without a fidelity counts as one at the highest.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import check_name

ETA = 3.0
KEYS = ("name", "low", "high", "integer", "log", "eta", "resume")


@dataclass(frozen=True)
class Fidelity:
    """What every training is given more or less of.

    Args:
        name: what trainers call it, such as `epochs`.
        low: of the cheapest training that is worth looking at, above 0.
        high: of a full training, above `low`.
        integer: whether it is a whole number; so where `low` and `high` are, if it is left out.
        log: whether rungs are spaced by a ratio, or evenly.
        eta: ratio of a rung to the one before, above 1.
        resume: whether a training goes on from where the lower rung stopped, so that only the rest is paid;
            otherwise each begins anew. `run` looks at the trainer itself; this is for those who train elsewhere.

    Raises:
        InvalidInput: an argument cannot be meant.

    Example:
        >>> Fidelity("epochs", 1, 81).rungs
        (1.0, 3.0, 9.0, 27.0, 81.0)
        >>> Fidelity("share", 0.05, 1.0, eta=4).rungs
        (0.05, 0.2, 1.0)
    """

    name: str
    low: float
    high: float
    integer: bool | None = None
    log: bool = True
    eta: float = ETA
    resume: bool = True

    def __post_init__(self) -> None:
        check_name(self.name, "fidelity")
        for key in ("low", "high", "eta"):
            value = getattr(self, key)
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise InvalidInput(f"`{key}` of a fidelity must be a finite number, not {value!r}.")
        for key in ("integer", "log", "resume"):
            value = getattr(self, key)
            if not isinstance(value, bool) and not (key == "integer" and value is None):
                raise InvalidInput(f"`{key}` of a fidelity must be true or false, not {value!r}.")
        whole = float(self.low).is_integer() and float(self.high).is_integer()
        if self.integer is None:
            object.__setattr__(self, "integer", whole and not isinstance(self.low, float))
        if not 0 < self.low < self.high:
            raise InvalidInput(
                f"A fidelity needs 0 < low < high, got low={self.low!r} and high={self.high!r}: the cheapest "
                "training worth looking at, and a full one."
            )
        if self.integer and not whole:
            raise InvalidInput(f"`low` and `high` of `{self.name}` must be whole numbers where `integer` is true.")
        if not self.eta > 1:
            raise InvalidInput(f"`eta` must be above 1, not {self.eta!r}; 3 trains a third of each rung further.")
        object.__setattr__(self, "low", float(self.low))
        object.__setattr__(self, "high", float(self.high))
        object.__setattr__(self, "eta", float(self.eta))

    @cached_property
    def rungs(self) -> tuple[float, ...]:
        """The levels, lowest first; the last is the highest.

        A level that would come within the square root of `eta` of the highest is left out: it would cost nearly
        as much and tell nearly the same.
        """
        count = max(1, math.ceil(math.log(self.high / self.low) / math.log(self.eta) - 0.5 - 1e-9))
        if self.log:
            levels = [self.low * self.eta**step for step in range(count)]
        else:
            levels = [self.low + (self.high - self.low) * step / count for step in range(count)]
        if self.integer:
            levels = [float(round(level)) for level in levels]
        levels = [float(f"{level:.12g}") for level in levels]
        return (*dict.fromkeys(level for level in levels if level < self.high), self.high)

    @property
    def top(self) -> int:
        """The number of the highest rung."""
        return len(self.rungs) - 1

    def rung(self, value: float | None) -> int:
        """Give the highest rung that a training of this fidelity has reached; -1 below the lowest.

        None, a training that knows of no fidelity, is a full one.
        """
        if value is None:
            return self.top
        return sum(level <= value * (1 + 1e-9) for level in self.rungs) - 1

    def check(self, value: object) -> float:
        """Check a value at the door.

        Raises:
            InvalidInput: no number within the range, or no whole one where it must be.
        """
        number = float("nan")
        if isinstance(value, int | float) and not isinstance(value, bool):
            number = float(value)
        if not self.low <= number <= self.high:
            raise InvalidInput(
                f"`fidelity` ({self.name}) must be a number from {self.low:g} to {self.high:g}, not {value!r}."
            )
        if self.integer and not number.is_integer():
            raise InvalidInput(f"`fidelity` ({self.name}) must be a whole number, not {value!r}.")
        return number

    def plain(self, value: float | None) -> int | float:
        """Give a value as trainers get it: a whole number as `int`; the highest for None."""
        number = self.high if value is None else value
        return int(number) if self.integer else number

    def as_plain(self) -> dict[str, object]:
        """Give the fidelity as a study file writes it."""
        return {key: getattr(self, key) for key in KEYS}

    @classmethod
    def from_plain(cls, plain: Mapping[str, object]) -> "Fidelity":
        """Build a fidelity from `as_plain`.

        Raises:
            InvalidInput: an unknown or missing key, or a value that cannot be meant.
        """
        unknown, missing = set(plain) - set(KEYS), {"name", "low", "high"} - set(plain)
        if unknown or missing:
            raise InvalidInput(
                f"A fidelity has {', '.join(KEYS)}; unknown: {sorted(unknown)}, missing: {sorted(missing)}."
            )
        return cls(**plain)  # type: ignore[arg-type]  # the constructor checks them
