"""Shares: numbers that add up to one, such as a data mixture or the weights of losses.

A group of shares stands in a configuration as one number a part, under the part's own name. Each part is a `Float`
and a column of the unit cube; the group lies on the simplex there, whatever the least shares are:

    c  ``[n, k]``   even coordinates: a uniform cube becomes the mixtures that are expected beforehand (`even`)
    u  ``[n, k]``   coordinates on the simplex, (v - least) / room, adding up to one
    v  ``[n, k]``   shares, adding up to one to twelve digits

Normalised exponential variates are uniform on the simplex, so that what samples the cube samples the simplex, and
steps in the cube are as likely as the steps back. A coordinate of zero is a part that is absent.

Of up to `MOST_EVEN` parts mixtures are uniform beforehand. Of more parts uniform ones all look alike: a little of
each. There the variates are raised to the power 1 + `GROWTH` log(k / `MOST_EVEN`), which holds the expected sum of
squared shares at 0.40, its value for four uniform parts: the largest part is then a half on average, and every
mixture remains possible.

Source: Devroye, "Non-Uniform Random Variate Generation" (1986), theorem V.2.1, for uniform spacings.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import check_name
from physai_inverse.seeds import generator
from physai_inverse.space.conditions import When, as_condition
from physai_inverse.space.parameters import DIGITS, POWERS, Float

if TYPE_CHECKING:
    import numpy as np

SLACK = 0.01
"""How far a sum may be off one and still be rounding: seventeen shares of three digits may be off by 0.0085."""
KEPT = 1e-12
"""A sum that is off by no more than this a part is left as it is: so much comes from keeping twelve digits."""
LEAST_ROOM = 1e-3
"""What the least shares must leave to be distributed, so that twelve digits tell the mixtures apart."""
MOST_EVEN = 4
GROWTH = 1.6
"""By simulation: the expected sum of squares is within 0.01 of 0.40 from 4 to 60 parts. (The 512 mixtures of 17
parts that RegMix trained have 0.402: Liu et al. 2024, https://arxiv.org/abs/2407.01492.)"""
NUM_SUMS = 1024
"""Draws over which the distribution of one share is averaged."""


@dataclass(frozen=True)
class Shares:
    """Parts of a whole: each in [least, 1], all of them adding up to one.

    Args:
        parts: at least two names; a configuration has one number under each.
        least: the smallest share of every part, or of some by name; the others may be absent.
        when: the condition under which the group is active; None for always.
        default: part to share: the mixture to start from, and what older trials had before the group was added.

    Raises:
        InvalidInput: names that are no names, or fewer than two different ones; a least share out of range or for
            no part, or least shares that leave nothing to vary; a default that is no mixture.
    """

    parts: Sequence[str]
    least: float | Mapping[str, float] = 0.0
    _: KW_ONLY
    when: When = None
    default: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.parts, str) or not isinstance(self.parts, Sequence):
            raise InvalidInput(f"`parts` must be a list of names such as ['web', 'code'], not {self.parts!r}.")
        for name in self.parts:
            check_name(name, "part")
        if len(set(self.parts)) < len(self.parts) or len(self.parts) < 2:
            raise InvalidInput(f"`parts` must be at least two different names, got {list(self.parts)}.")
        object.__setattr__(self, "parts", tuple(self.parts))
        object.__setattr__(self, "when", as_condition(self.when))
        if isinstance(self.least, Mapping):
            self._known("least", self.least)
            object.__setattr__(self, "least", dict(self.least))
        for share in self.least.values() if isinstance(self.least, Mapping) else [self.least]:
            if not _is_number(share) or not 0.0 <= share < 1.0:
                raise InvalidInput(f"`least` must be a number in [0, 1), not {share!r}.")
        if self.room < LEAST_ROOM:
            raise InvalidInput(
                f"`least` adds up to {1.0 - self.room:g} over {len(self.parts)} parts, which leaves nothing to "
                f"vary; it must stay below {1.0 - LEAST_ROOM:g}."
            )
        if self.default is not None:
            if not isinstance(self.default, Mapping):
                raise InvalidInput(f"`default` must map every part to its share, not {self.default!r}.")
            self._known("default", self.default)
            shares, problems = self.check(self.default)
            if problems:
                raise InvalidInput(f"`default`: {'; '.join(problems)}.")
            object.__setattr__(self, "default", shares)

    def _known(self, argument: str, given: Mapping[str, object]) -> None:
        unknown = [name for name in given if name not in self.parts]
        if unknown:
            raise InvalidInput(f"`{argument}` speaks of {unknown}; the parts are {list(self.parts)}.")

    @cached_property
    def _leasts(self) -> dict[str, float]:
        given = self.least if isinstance(self.least, Mapping) else dict.fromkeys(self.parts, self.least)
        return {name: round(float(given.get(name, 0.0)), DIGITS) for name in self.parts}

    @cached_property
    def room(self) -> float:
        """What the least shares leave to be distributed."""
        return round(1.0 - math.fsum(self._leasts.values()), DIGITS)

    @cached_property
    def floats(self) -> dict[str, Float]:
        """Part to its parameter."""
        default: Mapping[str, float | None] = self.default or dict.fromkeys(self.parts)
        return {
            name: Float(part.low, part.high, when=self.when, default=default[name])
            for name, part in self._ranges.items()
        }

    @cached_property
    def _ranges(self) -> dict[str, Float]:
        """Part to its range alone."""
        return {
            name: Float(least, min(round(least + self.room, DIGITS), 1.0)) for name, least in self._leasts.items()
        }

    # -- configurations -------------------------------------------------------------------------------------

    def check_part(self, name: str, value: object) -> float:
        """Check one share by itself; it may be beyond its range by rounding.

        Raises:
            InvalidInput: no number, or farther beyond its range.
        """
        part = self._ranges[name]
        if not _is_number(value) or not part.low - SLACK <= value <= part.high + SLACK:  # type: ignore[operator]  # a number
            raise InvalidInput(f"expected a share in [{part.low:g}, {part.high:g}], got {value!r}")
        return float(value)  # type: ignore[arg-type]  # a number

    def check(self, config: Mapping[str, object]) -> tuple[dict[str, float], list[str]]:
        """Give the shares of a configuration as they are kept, adding up to one; or what is wrong with them."""
        import numpy as np

        problems, shares = [], []
        given = [value for value in map(config.get, self.parts) if _is_number(value)]
        if abs(math.fsum(given) - 100.0) <= 100.0 * SLACK:  # type: ignore[arg-type]  # numbers
            return {}, [f"the shares {', '.join(f'`{name}`' for name in self.parts)} are percent; divide by 100"]
        for name in self.parts:
            if name not in config:
                problems.append(f"`{name}` is missing; write 0 where a part is absent")
                continue
            try:
                shares.append(self.check_part(name, config[name]))
            except InvalidInput as error:
                problems.append(f"`{name}`: {error}")
        total = math.fsum(shares)
        if not problems and not abs(total - 1.0) <= SLACK + KEPT:
            listed = ", ".join(f"`{name}`" for name in self.parts)
            problems.append(f"{listed} must add up to 1, to within {SLACK:g} of rounding, but add up to {total:g}")
        if problems:
            return {}, problems
        kept = self.kept(np.array([shares]))[0]
        return dict(zip(self.parts, kept.tolist(), strict=True)), []

    def completed(self, config: Mapping[str, Any]) -> dict[str, float]:
        """Give the shares of a configuration of an earlier version: parts that it lacks are absent, not checked.

        The default where it has none of the parts; nothing where there is no default.
        """
        given = {name: config[name] for name in self.parts if name in config}
        if not given:
            return dict(self.default or {})
        absent = {name: 0.0 for name in self.parts if name not in given and self._leasts[name] == 0.0}
        shares, problems = self.check({**given, **absent})
        return {**given, **absent} if problems else shares

    def kept(self, shares: "np.ndarray") -> "np.ndarray":
        """Bring numbers ``[n, k]`` to shares of twelve digits that add up to one; such ones stay as they are."""
        import numpy as np

        lows, highs, powers = self._arrays

        def rounded(values: "np.ndarray") -> "np.ndarray":
            return np.asarray(np.clip(np.rint(values * powers) / powers + 0.0, lows, highs))

        shares = rounded(shares)
        off = np.abs(shares.sum(axis=1) - 1.0) > KEPT * len(self.parts)
        if off.any():
            shares[off] = rounded(lows + self.room * on_simplex(shares[off] - lows))
        return np.asarray(shares)

    # -- the unit cube --------------------------------------------------------------------------------------

    def snapped(self, units: "np.ndarray") -> "np.ndarray":
        """Move coordinates ``[n, k]`` to where those of the kept shares are."""
        import numpy as np

        lows, highs, _ = self._arrays
        ranges = highs - lows
        return np.asarray(np.clip((self.kept(lows + units * ranges) - lows) / ranges, 0.0, 1.0))

    @cached_property
    def _arrays(self) -> "tuple[np.ndarray, np.ndarray, np.ndarray]":
        """Lowest and highest share, and the power of ten of the last digit kept ``[k]``."""
        import numpy as np

        parts = list(self._ranges.values())
        lows, highs = np.array([part.low for part in parts]), np.array([part.high for part in parts])
        return lows, highs, np.array([POWERS[part.decimals] for part in parts])


def on_simplex(weights: "np.ndarray") -> "np.ndarray":
    """Scale weights ``[n, k]`` to add up to one: none below zero, all equal where all are zero."""
    import numpy as np

    weights = np.maximum(weights, 0.0)
    total = weights.sum(axis=1, keepdims=True)
    return np.asarray(
        np.divide(weights, total, out=np.full(weights.shape, 1.0 / weights.shape[1]), where=total > 0)
    )


def even(cube: "np.ndarray") -> "np.ndarray":
    """Map even coordinates ``[n, k]`` to the simplex: uniform ones to the prior's, zero to an absent part."""
    import numpy as np

    return on_simplex((-np.log1p(-np.minimum(cube, 1.0 - 2.0**-53))) ** _power(cube.shape[1]))


def cumulative(units: "np.ndarray", num_parts: int) -> "np.ndarray":
    """Give the probability ``[n]`` that a share lies below coordinates ``[n]`` beforehand.

    Of a uniform mixture it is that of Beta(1, k - 1); of others it is averaged over sums of the other variates.
    """
    import numpy as np

    if num_parts <= MOST_EVEN:
        return np.asarray(1.0 - (1.0 - units) ** (num_parts - 1))
    power, uniform = _power(num_parts), generator(0, "sums", num_parts).random((NUM_SUMS, num_parts - 1))
    sums = ((-np.log1p(-uniform)) ** power).sum(axis=1)
    with np.errstate(divide="ignore"):
        ratio = units / (1.0 - units)
    return np.asarray(-np.expm1(-((ratio[:, None] * sums) ** (1.0 / power))).mean(axis=1))


def _power(num_parts: int) -> float:
    return 1.0 + GROWTH * math.log(max(num_parts, MOST_EVEN) / MOST_EVEN)


def given_way(before: "np.ndarray", after: "np.ndarray") -> "np.ndarray":
    """Let the coordinates ``[n, k]`` that were not moved give way to those that were.

    They keep their proportions; where there are none left, they share equally. Those that were moved keep their
    place unless they add up to more than one, or to less where all were moved.

    Args:
        before: ``[n, k]`` on the simplex.
        after: ``[n, k]`` where some were moved.
    """
    import numpy as np

    held = after != before
    moved = np.where(held, np.clip(after, 0.0, 1.0), 0.0)
    rest = np.maximum(1.0 - moved.sum(axis=1, keepdims=True), 0.0)
    others = np.where(held, 0.0, before)
    total = others.sum(axis=1, keepdims=True)
    count = np.maximum((~held).sum(axis=1, keepdims=True), 1)
    part = np.where(held, 0.0, np.divide(others, total, out=np.full(others.shape, 1.0) / count, where=total > 0))
    return np.where(held.any(axis=1, keepdims=True), on_simplex(moved + rest * part), before)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def overlaps(groups: Mapping[str, Shares], names: Iterable[str]) -> list[str]:
    """List the names that groups and other parameters have in common."""
    taken = [*groups, *names, *(part for group in groups.values() for part in group.parts)]
    return sorted({name for name in taken if taken.count(name) > 1})
