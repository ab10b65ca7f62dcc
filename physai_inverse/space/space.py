"""The space of configurations: named parameters, who is active when, and which combinations are allowed.

Shapes: a point of the unit cube is a row of `U` ``[n, d]``, one column a free parameter in declared order
(constants have none). Columns of inactive parameters stand at a fixed default, so that two configurations are
the same row when their active parameters are the same. The columns of a group of shares add up to one.
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
    Constant,
    Float,
    FreeParameter,
    Integer,
    Parameter,
    condition_of,
)
from physai_inverse.space.plain import Declared, as_plain, from_plain
from physai_inverse.space.sampling import sample_units
from physai_inverse.space.shares import Shares, cumulative, even, given_way, overlaps
from physai_inverse.space.structure import Structure

if TYPE_CHECKING:
    import numpy as np


class Space:
    """Typed, conditional and constrained parameters; immutable.

    Args:
        parameters: name to parameter, or to a group of shares; or give them by keyword.
        constraints: expressions that every configuration must fulfil, such as `"width * depth <= 2048"`. One
            that speaks of a parameter that is inactive in a configuration does not bind that configuration.
        named: parameters by keyword.

    Raises:
        InvalidInput: no free parameter, a condition on a missing parent or on oneself in a circle, a
            constraint with an unknown name, a share with the name of another parameter.
    """

    def __init__(
        self,
        parameters: Mapping[str, Declared] | None = None,
        /,
        *,
        constraints: Iterable[str] = (),
        **named: Declared,
    ) -> None:
        combined = {**(parameters or {}), **named}
        for name, parameter in combined.items():
            check_name(name, "parameter")
            if not isinstance(parameter, (*KINDS.values(), Shares)):
                raise InvalidInput(
                    f"Parameter `{name}` must be one of Float, Integer, Ordinal, Choice, Boolean, Constant, "
                    f"Shares, not {type(parameter).__name__}."
                )
        self._declared: dict[str, Declared] = dict(combined)
        self._groups = {name: item for name, item in combined.items() if isinstance(item, Shares)}
        twice = overlaps(self._groups, [name for name in combined if name not in self._groups])
        if twice:
            raise InvalidInput(
                f"{twice} stand twice among the parameters, groups and parts of this space; each needs a name of "
                "its own, such as early_web and late_web."
            )
        self._parameters: dict[str, Parameter] = {}
        for name, item in combined.items():
            self._parameters |= item.floats if isinstance(item, Shares) else {name: item}
        self._group_of = {part: group for group in self._groups.values() for part in group.parts}
        if isinstance(constraints, str):
            constraints = (constraints,)
        self._constraints = tuple(Expression(text) for text in constraints)
        self._structure = Structure(self._parameters, self._group_of)
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
    def groups(self) -> Mapping[str, Shares]:
        """Name to group of shares; each of its parts is a parameter, too."""
        return dict(self._groups)

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
        result, problems = self._structure.checked(config)
        if constraints and not problems:
            problems += [
                f"the constraint {constraint.text!r} does not hold"
                for constraint in self._constraints
                if constraint.names <= set(result) and not bool(constraint.evaluate(result))
            ]
        if problems:
            raise InvalidInput(f"The configuration {_show(config)} does not fit the space: {'; '.join(problems)}.")
        return {name: result[name] for name in self._parameters if name in result}

    def check_value(self, name: str, value: object) -> Scalar:
        """Check a value of one parameter by itself; a share may still be off by rounding.

        Raises:
            InvalidInput: the parameter has no such value.
        """
        group = self._group_of.get(name)
        return self._parameters[name].check(value) if group is None else group.check_part(name, value)

    def complete(self, config: Config) -> dict[str, Scalar]:
        """Fit a configuration of an earlier version: add defaults, drop what is gone or inactive.

        A part that a mixture of the configuration lacks is absent from it.

        Raises:
            InvalidInput: a parameter is missing that has no default, or a value is out of range.
        """
        return self.check(self._structure.completed(config), constraints=False)

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
        if self._groups:
            units = self.snap(units)
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
        for group, columns in self.blocks:
            snapped[:, columns] = group.snapped(units[:, columns])
        for column, (name, parameter) in enumerate(zip(self.names, self.free, strict=True)):
            if name in self._group_of:
                continue
            if isinstance(parameter, Float | Integer):
                snapped[:, column] = parameter.to_unit(parameter.from_unit(units[:, column]))
            else:
                snapped[:, column] = (parameter.places(units[:, column]) + 0.5) / len(parameter.options)
        return np.where(self.activity(snapped), snapped, self.rest)

    @cached_property
    def blocks(self) -> "tuple[tuple[Shares, np.ndarray], ...]":
        """The groups of shares, each with its columns ``[k]``."""
        import numpy as np

        return tuple(
            (group, np.array([self.names.index(part) for part in group.parts])) for group in self._groups.values()
        )

    def even(self, cube: "np.ndarray") -> "np.ndarray":
        """Map points ``[n, d]`` of the whole cube evenly to points that are not snapped yet."""
        if not self._groups:
            return cube
        points = cube.copy()
        for _, columns in self.blocks:
            points[:, columns] = even(cube[:, columns])
        return points

    def moved(self, before: "np.ndarray", after: "np.ndarray") -> "np.ndarray":
        """Snap points ``[n, d]`` some of whose coordinates were moved.

        Of a group of shares those that were not moved give way to those that were.

        Args:
            before: ``[n, d]``, or one that stands for all, ``[1, d]``.
            after: ``[n, d]``.
        """
        if self._groups:
            after = after.copy()
            for _, columns in self.blocks:
                after[:, columns] = given_way(before[:, columns], after[:, columns])
        return self.snap(after)

    def cumulative(self, column: int, units: "np.ndarray") -> "np.ndarray":
        """Give the share ``[n]`` of the space in which one coordinate lies below some ``[n]``."""
        group = self._group_of.get(self.names[column])
        return units if group is None else cumulative(units, len(group.parts))

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
        """Where the columns ``[d]`` of inactive parameters stand: the default, or the middle, or equal shares."""
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
        for group, columns in self.blocks:
            if group.default is None:
                rest[columns] = 1.0 / len(columns)
            rest[columns] = group.snapped(rest[None, columns])[0]
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
        for name in self._structure.order:
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
        parameters = {name: as_plain(item) for name, item in self._declared.items()}
        return {"parameters": parameters, "constraints": list(self.constraints)}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Space":
        """Build a space from `as_plain`.

        Raises:
            InvalidInput: an unknown kind or key, or anything that a constructor refuses.
        """
        parameters = {name: from_plain(name, body) for name, body in plain["parameters"].items()}
        return cls(parameters, constraints=plain.get("constraints", ()))


def _show(config: Mapping[Any, Any]) -> str:
    text = repr(dict(config))
    return text if len(text) <= 200 else text[:197] + "..."
