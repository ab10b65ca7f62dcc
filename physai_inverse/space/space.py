"""The space of configurations: named parameters, who is active when, and which combinations are allowed.

Shapes: a point of the unit cube is a row of `U` ``[n, d]``, one column a free parameter in declared order
(constants have none). Columns of inactive parameters stand at a fixed default, so that two configurations are
the same row when their active parameters are the same.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast, overload

from physai_inverse.errors import InvalidInput
from physai_inverse.expressions import Expression
from physai_inverse.observations import Config, Scalar, check_name
from physai_inverse.space.parameters import (
    KINDS,
    Choice,
    Constant,
    Float,
    FreeParameter,
    Integer,
    Ordinal,
    Parameter,
    condition_of,
    kind_of,
)
from physai_inverse.space.sampling import sample_units
from physai_inverse.space.structure import by_parents

if TYPE_CHECKING:
    import numpy as np


class Space:
    """Typed, conditional and constrained parameters; immutable.

    Args:
        parameters: name to parameter; or give them by keyword.
        constraints: expressions that every configuration must fulfil, such as `"width * depth <= 2048"`. One
            that speaks of a parameter that is inactive in a configuration does not bind that configuration.
        named: parameters by keyword.

    Raises:
        InvalidInput: no free parameter, a condition on a missing parent or on oneself in a circle, a
            constraint with an unknown name.
    """

    def __init__(
        self,
        parameters: Mapping[str, Parameter] | None = None,
        /,
        *,
        constraints: Iterable[str] = (),
        **named: Parameter,
    ) -> None:
        combined = {**(parameters or {}), **named}
        for name, parameter in combined.items():
            check_name(name, "parameter")
            if not isinstance(parameter, tuple(KINDS.values())):
                raise InvalidInput(
                    f"Parameter `{name}` must be one of Float, Integer, Ordinal, Choice, Boolean, Constant, "
                    f"not {type(parameter).__name__}."
                )
        self._parameters: dict[str, Parameter] = dict(combined)
        if isinstance(constraints, str):
            constraints = (constraints,)
        self._constraints = tuple(Expression(text) for text in constraints)
        self._order = by_parents(self._parameters)
        if not self.names:
            raise InvalidInput("A space needs at least one parameter that varies; all given ones are constants.")
        for constraint in self._constraints:
            unknown = constraint.names - set(self._parameters)
            if unknown:
                raise InvalidInput(
                    f"The constraint {constraint.text!r} speaks of {sorted(unknown)}; "
                    f"the space has {list(self._parameters)}."
                )
            if not constraint.is_condition:
                raise InvalidInput(
                    f"The constraint {constraint.text!r} is a number; write a comparison such as '... <= 10'."
                )

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """Name to parameter, constants included."""
        return dict(self._parameters)

    @property
    def constraints(self) -> tuple[str, ...]:
        """The texts of the constraints."""
        return tuple(constraint.text for constraint in self._constraints)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the free parameters: the columns of the unit cube."""
        return tuple(name for name, parameter in self._parameters.items() if not isinstance(parameter, Constant))

    @cached_property
    def free(self) -> tuple[FreeParameter, ...]:
        """The free parameters, in the order of `names`."""
        return tuple(cast("FreeParameter", self._parameters[name]) for name in self.names)

    @property
    def dimension(self) -> int:
        """Number of free parameters, `d`."""
        return len(self.names)

    @cached_property
    def num_configs(self) -> int | None:
        """An upper bound of the number of different configurations; None for a continuum."""
        total = 1
        for parameter in self.free:
            if parameter.num_levels is None:
                return None
            total *= parameter.num_levels + (condition_of(parameter) is not None)
        return total

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Space) and self.as_plain() == other.as_plain()

    def __hash__(self) -> int:
        return hash(json.dumps(self.as_plain(), sort_keys=True))

    def __repr__(self) -> str:
        return f"Space({', '.join(self._parameters)}; {len(self._constraints)} constraints)"

    # -- configurations -------------------------------------------------------------------------------------

    def check(self, config: object, *, constraints: bool = True) -> dict[str, Scalar]:
        """Check a configuration and give it as the space keeps it: active parameters, in declared order.

        Constants may be left out; they are filled in.

        Args:
            config: parameter name to value.
            constraints: whether the constraints must hold.

        Raises:
            InvalidInput: names every parameter that is unknown, missing, inactive or out of range, and every
                broken constraint.
        """
        if not isinstance(config, Mapping):
            raise InvalidInput(f"A configuration must map parameter names to values, not {type(config).__name__}.")
        problems = [
            f"`{name}` is no parameter of this space ({', '.join(self._parameters)})"
            for name in config
            if name not in self._parameters
        ]
        result: dict[str, Scalar] = {}
        broken: set[str] = set()
        for name in self._order:
            parameter = self._parameters[name]
            condition = condition_of(parameter)
            if condition is not None and condition.parents & broken:
                broken.add(name)
                continue
            active = condition is None or (
                condition.parents <= set(result)
                and bool(condition.holds({p: result[p] for p in condition.parents}))
            )
            if not active:
                if name in config:
                    problems.append(f"`{name}` is only active when {condition}; leave it out here")
            elif name in config:
                try:
                    result[name] = parameter.check(_plain_scalar(config[name]))
                except InvalidInput as error:
                    problems.append(f"`{name}`: {error}")
                    broken.add(name)
            elif isinstance(parameter, Constant):
                result[name] = parameter.value
            else:
                problems.append(f"`{name}` is missing")
                broken.add(name)
        if constraints and not problems:
            problems += [
                f"the constraint {constraint.text!r} does not hold"
                for constraint in self._constraints
                if constraint.names <= set(result) and not bool(constraint.evaluate(result))
            ]
        if problems:
            raise InvalidInput(f"The configuration {_show(config)} does not fit the space: {'; '.join(problems)}.")
        return {name: result[name] for name in self._parameters if name in result}

    def complete(self, config: Config) -> dict[str, Scalar]:
        """Fit a configuration of an earlier version: add defaults, drop what is gone or inactive.

        Raises:
            InvalidInput: a parameter is missing that has no default, or a value is out of range.
        """
        values: dict[str, Scalar] = {}
        for name in self._order:
            parameter = self._parameters[name]
            condition = condition_of(parameter)
            if condition is not None and not (
                condition.parents <= set(values)
                and bool(condition.holds({p: values[p] for p in condition.parents}))
            ):
                continue
            if isinstance(parameter, Constant):
                values[name] = parameter.value
            elif name in config:
                values[name] = config[name]
            elif parameter.default is not None:
                values[name] = parameter.default
        return self.check(values, constraints=False)

    def key(self, config: Config) -> str:
        """Give a stable hash of a configuration by its active parameters: 32 hexadecimal digits.

        Raises:
            InvalidInput: the configuration does not fit the space; see `check`.
        """
        plain = self.check(config, constraints=False)
        text = json.dumps(sorted(plain.items()), ensure_ascii=True, allow_nan=False)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def same(self, first: Config, second: Config) -> bool:
        """Say whether two configurations are one: their active parameters are equal."""
        return self.check(first, constraints=False) == self.check(second, constraints=False)

    # -- the unit cube --------------------------------------------------------------------------------------

    def encode(self, configs: Config | Sequence[Config]) -> "np.ndarray":
        """Map one configuration to ``[d]``, or a sequence of them to ``[n, d]``, in the unit cube.

        Constraints are not checked.

        Raises:
            InvalidInput: a configuration does not fit the space.
        """
        if isinstance(configs, Mapping):
            return cast("np.ndarray", self.encode([configs])[0])
        return self.encode_checked([self.check(config, constraints=False) for config in configs])

    def encode_checked(self, checked: "Sequence[Mapping[str, Scalar]]") -> "np.ndarray":
        """Map configurations as `check` or `complete` gave them to ``[n, d]``."""
        import numpy as np

        units = np.tile(self.rest, (len(checked), 1))
        for column, (name, parameter) in enumerate(zip(self.names, self.free, strict=True)):
            rows = [row for row, config in enumerate(checked) if name in config]
            if rows:
                values = np.empty(len(rows), dtype=object)
                values[:] = [checked[row][name] for row in rows]
                units[rows, column] = parameter.to_unit(
                    values.astype(float) if isinstance(parameter, Float | Integer) else values
                )
        return units

    @overload
    def decode(self, units: "np.ndarray") -> Any: ...
    @overload
    def decode(self, units: Sequence[Sequence[float]]) -> Any: ...
    def decode(self, units: Any) -> Any:
        """Map ``[d]`` to one configuration, or ``[n, d]`` to a list of them; inactive parameters are dropped.

        Raises:
            InvalidInput: the wrong number of columns, or numbers outside of [0, 1].
        """
        import numpy as np

        units = np.asarray(units, dtype=float)
        if units.ndim == 1:
            return self.decode(units[None])[0]
        if units.ndim != 2 or units.shape[1] != self.dimension:
            raise InvalidInput(
                f"`units` must be [n, {self.dimension}] for {list(self.names)}, not {list(units.shape)}."
            )
        if not ((units >= 0) & (units <= 1)).all():  # also refuses NaN
            raise InvalidInput("`units` must lie in [0, 1].")
        active = self.activity(units)
        columns = {
            name: parameter.from_unit(units[:, column]).tolist()
            for column, (name, parameter) in enumerate(zip(self.names, self.free, strict=True))
        }
        place = {name: column for column, name in enumerate(self.names)}
        constants = self._constant_activity(units)
        return [
            {
                name: columns[name][row] if name in place else cast("Constant", parameter).value
                for name, parameter in self._parameters.items()
                if (active[row, place[name]] if name in place else constants[name][row])
            }
            for row in range(len(units))
        ]

    def activity(self, units: "np.ndarray") -> "np.ndarray":
        """Say which parameters are active: booleans ``[n, d]`` for points ``[n, d]``."""
        import numpy as np

        if not self.is_conditional:
            return np.ones(units.shape, dtype=bool)
        flags = self._activity(units)
        return np.stack([flags[name] for name in self.names], axis=1)

    @cached_property
    def is_conditional(self) -> bool:
        """Whether any parameter is active only under a condition."""
        return any(parameter.when is not None for parameter in self._parameters.values())

    def snap(self, units: "np.ndarray") -> "np.ndarray":
        """Move points ``[n, d]`` to where `encode(decode(units))` has them."""
        import numpy as np

        snapped = np.array(units, dtype=float)
        for column, parameter in enumerate(self.free):
            if isinstance(parameter, Float | Integer):
                snapped[:, column] = parameter.to_unit(parameter.from_unit(units[:, column]))
            else:
                snapped[:, column] = (parameter.places(units[:, column]) + 0.5) / len(parameter.options)
        return np.where(self.activity(snapped), snapped, self.rest)

    def feasible(self, units: "np.ndarray") -> "np.ndarray":
        """Say which points ``[n, d]`` fulfil every constraint: booleans ``[n]``."""
        import numpy as np

        result = np.ones(len(units), dtype=bool)
        for held in self.held(units).values():
            result &= held
        return result

    def held(self, units: "np.ndarray") -> "dict[str, np.ndarray]":
        """Say for every constraint, by its text, at which points ``[n, d]`` it is fulfilled: booleans ``[n]``."""
        import numpy as np

        if not self._constraints:
            return {}
        values, flags = self._values(units), self._activity(units)
        result: dict[str, np.ndarray] = {}
        for constraint in self._constraints:
            bound = np.logical_and.reduce([flags[name] for name in sorted(constraint.names)])
            holds = np.broadcast_to(constraint.evaluate({n: values[n] for n in constraint.names}), (len(units),))
            result[constraint.text] = ~bound | holds.astype(bool)
        return result

    def sample(self, num: int, *, seed: int, method: str = "uniform") -> list[dict[str, Scalar]]:
        """Draw configurations that respect conditions and constraints; see `sampling.sample_units`."""
        return cast("list[dict[str, Scalar]]", self.decode(sample_units(self, num, seed=seed, method=method)))

    @cached_property
    def rest(self) -> "np.ndarray":
        """Where the columns ``[d]`` of inactive parameters stand: the default, or the middle."""
        import numpy as np

        rest = np.full(self.dimension, 0.5)
        for column, parameter in enumerate(self.free):
            if parameter.default is not None:
                rest[column] = parameter.to_unit(
                    np.array(
                        [parameter.default],
                        dtype=object if not isinstance(parameter, Float | Integer) else float,
                    )
                )[0]
            else:
                rest[column] = parameter.to_unit(parameter.from_unit(np.array([0.5])))[0]
        return rest

    def values(self, units: "np.ndarray") -> dict[str, "np.ndarray"]:
        """Give every parameter's values ``[n]`` at points ``[n, d]``, also of those that are inactive there."""
        return self._values(units)

    def _values(self, units: "np.ndarray") -> dict[str, "np.ndarray"]:
        import numpy as np

        values: dict[str, np.ndarray] = {
            name: parameter.from_unit(units[:, column])
            for column, (name, parameter) in enumerate(zip(self.names, self.free, strict=True))
        }
        for name, parameter in self._parameters.items():
            if isinstance(parameter, Constant):
                values[name] = np.full(
                    len(units), parameter.value, dtype=object if isinstance(parameter.value, str) else None
                )
        return values

    def _activity(self, units: "np.ndarray") -> dict[str, "np.ndarray"]:
        import numpy as np

        values = self._values(units)
        flags: dict[str, np.ndarray] = {}
        for name in self._order:
            condition = condition_of(self._parameters[name])
            if condition is None:
                flags[name] = np.ones(len(units), dtype=bool)
                continue
            holds = np.broadcast_to(condition.holds({p: values[p] for p in condition.parents}), (len(units),))
            flags[name] = np.logical_and.reduce([holds, *(flags[parent] for parent in sorted(condition.parents))])
        return flags

    def _constant_activity(self, units: "np.ndarray") -> dict[str, "np.ndarray"]:
        constants = [name for name, parameter in self._parameters.items() if isinstance(parameter, Constant)]
        flags = self._activity(units) if constants else {}
        return {name: flags[name] for name in constants}

    # -- plain form and growth ------------------------------------------------------------------------------

    def as_plain(self) -> dict[str, Any]:
        """Give the space as plain lists, mappings, texts and numbers, as the store keeps it."""
        parameters: dict[str, Any] = {}
        for name, parameter in self._parameters.items():
            plain: dict[str, Any] = {"type": kind_of(parameter)}
            if isinstance(parameter, Float | Integer):
                plain |= {"low": parameter.low, "high": parameter.high, "log": parameter.log}
            elif isinstance(parameter, Ordinal):
                plain["levels"] = list(parameter.levels)
            elif isinstance(parameter, Choice):
                plain["values"] = list(parameter.values)
            elif isinstance(parameter, Constant):
                plain["value"] = parameter.value
            condition = condition_of(parameter)
            if condition is not None:
                plain["when"] = condition.as_plain()
            if not isinstance(parameter, Constant) and parameter.default is not None:
                plain["default"] = parameter.default
            parameters[name] = plain
        return {"parameters": parameters, "constraints": list(self.constraints)}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Space":
        """Build a space from `as_plain`.

        Raises:
            InvalidInput: an unknown kind or key, or anything that a constructor refuses.
        """
        parameters: dict[str, Parameter] = {}
        for name, body in plain["parameters"].items():
            body = dict(body)
            kind = body.pop("type", None)
            if kind not in KINDS:
                raise InvalidInput(f"Parameter `{name}` has the type {kind!r}; expected one of {list(KINDS)}.")
            try:
                parameters[name] = KINDS[kind](**body)
            except TypeError as error:
                raise InvalidInput(f"Parameter `{name}` of type {kind}: {error}.") from error
        return cls(parameters, constraints=plain.get("constraints", ()))


def _plain_scalar(value: object) -> object:
    """Take numpy scalars as the Python numbers that they are."""
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        return value.item()  # type: ignore[attr-defined]  # a numpy scalar
    return value


def _show(config: Mapping[Any, Any]) -> str:
    text = repr(dict(config))
    return text if len(text) <= 200 else text[:197] + "..."
