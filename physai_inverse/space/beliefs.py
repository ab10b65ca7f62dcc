"""What a user believes of good configurations, as a density over the unit cube.

```
Belief("lr", near=1e-3, factor=3)                two thirds of the belief lie between 1e-3 / 3 and 1e-3 * 3
Belief("dropout", near=0.1, spread=0.05)         two thirds between 0.05 and 0.15
Belief("optimizer", weights={"adamw": 3})        three times as likely as each of the others
Belief({"lr": 1e-3, "width": 64}, factor=3)      a configuration that was good elsewhere, or a part of one
```

On a linear scale a factor means a share of the range, and 10 half of it; for a category, how many times likelier
than each other one it is. The density is that of independent parameters relative to the uniform one, never below
`FLOOR` in any of them: a belief may be wrong. A belief about a share is one about that share alone, on a linear
scale; the others of its mixture give way.

Symbols: u coordinate in [0, 1], m and s mean and standard deviation of the belief there, p its density.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Config, Scalar
from physai_inverse.space.parameters import Constant, Float, FreeParameter, Integer, Ordinal
from physai_inverse.space.space import Space

if TYPE_CHECKING:
    import numpy as np

FLOOR = 0.05
"""Share of the uniform density in each parameter's belief."""
DEFAULT_FACTOR = 3.0
FACTOR_OF_RANGE = 100.0
"""The factor that means the whole range of a linear parameter."""


@dataclass(frozen=True)
class Belief:
    """What a user believes of one parameter, or of several at once; see the module.

    Args:
        about: a parameter's name; or a configuration, or a part of one, whose values are what is near.
        near: the value, where `about` is a name.
        factor: by how much it may well be off, above 1; `DEFAULT_FACTOR` where neither this nor `spread` is given.
        spread: the standard deviation in the parameter's units, instead of `factor`; for numbers on a linear
            scale.
        weights: value to relative weight, at least 0, instead of `near`; values left out weigh 1. For choices,
            booleans and ordinals.

    Raises:
        InvalidInput: arguments that do not go together, or a number that is out of range.
    """

    about: str | Config
    near: Scalar | None = None
    _: KW_ONLY
    factor: float | None = None
    spread: float | None = None
    weights: Mapping[Scalar, float] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.about, str | Mapping) or not self.about:
            raise InvalidInput(
                "`about` must be a parameter's name or a configuration, "
                f"not {type(self.about).__name__} {self.about!r}."
            )
        if self.factor is not None and (not _is_number(self.factor) or not 1 < self.factor < math.inf):
            raise InvalidInput(f"`factor` must be a number above 1, not {self.factor!r}.")
        if self.spread is not None and (not _is_number(self.spread) or not 0 < self.spread < math.inf):
            raise InvalidInput(f"`spread` must be a number above 0, not {self.spread!r}.")
        if self.factor is not None and self.spread is not None:
            raise InvalidInput("give either `factor` or `spread`, not both.")
        if isinstance(self.about, Mapping):
            if self.near is not None or self.weights is not None or self.spread is not None:
                raise InvalidInput("a belief about a configuration takes `factor` alone.")
            object.__setattr__(self, "about", dict(self.about))
            return
        if (self.near is None) == (self.weights is None):
            raise InvalidInput(f"the belief about `{self.about}` needs either `near` or `weights`.")
        if self.weights is not None:
            if self.factor is not None or self.spread is not None:
                raise InvalidInput("`weights` says all; leave out `factor` and `spread`.")
            if not isinstance(self.weights, Mapping) or not self.weights:
                raise InvalidInput(f"`weights` must map values to numbers, not {self.weights!r}.")
            for value, weight in self.weights.items():
                if not _is_number(weight) or not 0 <= weight < math.inf:
                    raise InvalidInput(f"`weights`: the weight of {value!r} must be at least 0, not {weight!r}.")
            object.__setattr__(self, "weights", dict(self.weights))

    def parts(self) -> "tuple[tuple[str, Belief], ...]":
        """Give a belief about one parameter for each that this one speaks of."""
        if isinstance(self.about, str):
            return ((self.about, self),)
        return tuple((name, Belief(name, near, factor=self.factor)) for name, near in self.about.items())


@dataclass(frozen=True)
class _Bell:
    """A normal distribution of the coordinate, cut to [0, 1]."""

    centre: float
    spread: float

    @property
    def _ends(self) -> tuple[float, float]:
        from scipy.special import ndtr

        return float(ndtr(-self.centre / self.spread)), float(ndtr((1.0 - self.centre) / self.spread))

    def density(self, units: "np.ndarray") -> "np.ndarray":
        import numpy as np

        low, high = self._ends
        scaled = (units - self.centre) / self.spread
        return np.asarray(np.exp(-0.5 * scaled**2) / (math.sqrt(2.0 * math.pi) * self.spread * (high - low)))

    def quantile(self, shares: "np.ndarray") -> "np.ndarray":
        import numpy as np
        from scipy.special import ndtri

        low, high = self._ends
        return np.asarray(np.clip(self.centre + self.spread * ndtri(low + shares * (high - low)), 0.0, 1.0))


@dataclass(frozen=True)
class _Cells:
    """Weights of equal cells of [0, 1], which add up to one."""

    weights: tuple[float, ...]

    @property
    def centre(self) -> float:
        return (max(range(len(self.weights)), key=self.weights.__getitem__) + 0.5) / len(self.weights)

    def density(self, units: "np.ndarray") -> "np.ndarray":
        import numpy as np

        count = len(self.weights)
        places = np.minimum((units * count).astype(np.int64), count - 1)
        return np.array(self.weights)[places] * count

    def quantile(self, shares: "np.ndarray") -> "np.ndarray":
        import numpy as np

        count = len(self.weights)
        places = np.searchsorted(np.cumsum(self.weights)[:-1], shares, side="right")
        return np.asarray((places + 0.5) / count)


_Marginal: TypeAlias = _Bell | _Cells


@dataclass(frozen=True)
class Beliefs:
    """Beliefs brought to a space.

    Args:
        space: the space.
        listed: what is believed; at most one belief speaks of a parameter.

    Raises:
        InvalidInput: a belief about a parameter that there is not, that never varies, or that another belief
            speaks of, too; a value out of its range.
    """

    space: Space
    listed: tuple[Belief, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "listed", tuple(self.listed))
        for belief in self.listed:
            if not isinstance(belief, Belief):
                raise InvalidInput(
                    f'A belief must be a Belief, such as Belief("lr", near=1e-3, factor=3), not {belief!r}.'
                )
        _ = self._marginals

    @cached_property
    def _marginals(self) -> dict[int, _Marginal]:
        """Column to the density of its coordinate."""
        found: dict[int, _Marginal] = {}
        for name, belief in (part for item in self.listed for part in item.parts()):
            parameter = self.space.parameters.get(name)
            if parameter is None:
                raise InvalidInput(
                    f"A belief speaks of `{name}`, which is no parameter of this space "
                    f"({', '.join(self.space.names)})."
                )
            if isinstance(parameter, Constant):
                raise InvalidInput(f"A belief speaks of `{name}`, which is a constant; leave it out.")
            column = self.space.names.index(name)
            if column in found:
                raise InvalidInput(f"Two beliefs speak of `{name}`; give one.")
            try:
                found[column] = _marginal(parameter, belief)
            except InvalidInput as error:
                raise InvalidInput(f"The belief about `{name}`: {error}") from error
        return found

    def __bool__(self) -> bool:
        return bool(self.listed)

    @property
    def centre(self) -> "np.ndarray":
        """The point ``[d]`` that is believed in most, snapped; resting where nothing is believed."""
        import numpy as np

        point = self.space.rest.copy()
        for column, marginal in self._marginals.items():
            point[column] = marginal.centre
        return np.asarray(self.space.moved(self.space.rest[None], point[None])[0])

    def log_density(self, units: "np.ndarray") -> "np.ndarray":
        """Give the logarithm ``[n]`` of the density at points ``[n, d]``, relative to the uniform one.

        A parameter counts where it is active.
        """
        import numpy as np

        active = self.space.activity(units)
        total = np.zeros(len(units))
        for column, marginal in self._marginals.items():
            density = FLOOR + (1.0 - FLOOR) * marginal.density(units[:, column])
            total += np.where(active[:, column], np.log(density), 0.0)
        return total

    def drawn(self, units: "np.ndarray") -> "np.ndarray":
        """Bend even points ``[n, d]`` of the space to draws of the beliefs."""
        bent = units.copy()
        for column, marginal in self._marginals.items():
            bent[:, column] = marginal.quantile(self.space.cumulative(column, units[:, column]))
        return self.space.moved(units, bent)


def read_belief(text: str) -> Belief:
    """Read a belief: `lr near 1e-3 factor 3`, `dropout near 0.1 spread 0.05`, `optimizer near adamw`.

    Raises:
        InvalidInput: a text of another form.
    """
    words = text.split()
    known = {"near", "factor", "spread"}
    if len(words) < 3 or len(words) % 2 == 0 or not set(words[1::2]) <= known or words[1] != "near":
        raise InvalidInput(f"expected a belief such as 'lr near 1e-3 factor 3', got {text!r}.")
    given = dict(zip(words[1::2], words[2::2], strict=True))
    if len(given) < len(words) // 2:
        raise InvalidInput(f"the belief {text!r} says something twice.")
    numbers: dict[str, float] = {}
    for key in ("factor", "spread"):
        if key in given:
            try:
                numbers[key] = float(given[key])
            except ValueError:
                raise InvalidInput(f"`{key}` of the belief {text!r} must be a number.") from None
    return Belief(words[0], _scalar(given["near"]), factor=numbers.get("factor"), spread=numbers.get("spread"))


def _scalar(text: str) -> Scalar:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _marginal(parameter: FreeParameter, belief: Belief) -> _Marginal:
    factor = belief.factor or DEFAULT_FACTOR
    if isinstance(parameter, Float | Integer):
        if belief.weights is not None:
            raise InvalidInput("`weights` are for choices, booleans and ordinals; say `near` and `factor`.")
        return _bell(parameter, belief, factor)
    if belief.weights is not None:
        weights = dict.fromkeys(_keys(parameter.options), 1.0)
        for value, weight in belief.weights.items():
            weights[_keys([parameter.check(value)])[0]] = float(weight)
        if not sum(weights.values()) > 0:
            raise InvalidInput("`weights` are all zero.")
        return _normalised(list(weights.values()))
    if isinstance(parameter, Ordinal) and all(_is_number(level) for level in parameter.options):
        return _levels(parameter, belief, factor)
    if belief.spread is not None:
        raise InvalidInput("`spread` is for numbers; say `factor`, or `weights`.")
    chosen = parameter.check(belief.near)
    return _normalised([factor if _keys([option]) == _keys([chosen]) else 1.0 for option in parameter.options])


def _bell(parameter: Float | Integer, belief: Belief, factor: float) -> _Bell:
    import numpy as np

    near = float(parameter.check(belief.near))
    if belief.spread is not None:
        if parameter.log:
            raise InvalidInput("`spread` is for a linear scale; say `factor` on a logarithmic one.")
        return _Bell(
            float(parameter.to_unit(np.array([near]))[0]), belief.spread / (parameter.high - parameter.low)
        )
    whole = parameter.high / parameter.low if parameter.log else FACTOR_OF_RANGE
    return _Bell(float(parameter.to_unit(np.array([near]))[0]), math.log(factor) / math.log(whole))


def _levels(parameter: Ordinal, belief: Belief, factor: float) -> _Cells:
    """Weigh numeric levels by their distance from what is near: in ratios where a factor can mean that."""
    import numpy as np

    levels = np.array([float(level) for level in parameter.options])
    near = belief.near
    if not _is_number(near) or not levels.min() <= float(near) <= levels.max():  # type: ignore[arg-type]  # a number
        raise InvalidInput(f"expected a number in [{levels.min():g}, {levels.max():g}], got {near!r}.")
    middle = float(near)  # type: ignore[arg-type]  # a number
    if belief.spread is not None:
        steps = (levels - middle) / belief.spread
    elif levels.min() > 0:
        steps = np.log(levels / middle) / math.log(factor)
    else:
        steps = (levels - middle) / (math.log(factor) / math.log(FACTOR_OF_RANGE) * np.ptp(levels))
    return _normalised(np.exp(-0.5 * (steps**2 - np.min(steps**2))).tolist())


def _normalised(weights: "list[float]") -> _Cells:
    total = sum(weights)
    return _Cells(tuple(weight / total for weight in weights))


def _keys(options: Iterable[Scalar]) -> list[tuple[bool, Scalar]]:
    return [(isinstance(option, bool), option) for option in options]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
