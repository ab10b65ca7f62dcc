"""How parameters hang on each other: the order in which conditions can be decided, and configurations checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Config, Scalar
from physai_inverse.space.parameters import Constant, Parameter, condition_of
from physai_inverse.space.shares import Shares


@dataclass(frozen=True)
class Structure:
    """Parameters with their conditions and groups.

    Args:
        parameters: name to parameter, constants and parts included.
        group_of: part to its group of shares.

    Raises:
        InvalidInput: see `by_parents`.
    """

    parameters: Mapping[str, Parameter]
    group_of: Mapping[str, Shares]

    def __post_init__(self) -> None:
        _ = self.order

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The names, parents before children."""
        return by_parents(self.parameters)

    def checked(self, config: Mapping[str, object]) -> tuple[dict[str, Scalar], list[str]]:
        """Give the values of a configuration as the space keeps them, and what is wrong with it."""
        problems = [
            f"`{name}` is no parameter of this space ({', '.join(self.parameters)})"
            for name in config
            if name not in self.parameters
        ]
        result: dict[str, Scalar] = {}
        broken: set[str] = set()
        for name in self.order:
            parameter = self.parameters[name]
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
            elif name in self.group_of:
                group = self.group_of[name]
                if name == group.parts[0]:  # the others follow it, since one condition holds for all
                    given = {part: _plain_scalar(config[part]) for part in group.parts if part in config}
                    shares, refused = group.check(given)
                    result |= shares
                    problems += refused
                    broken.update(group.parts if refused else ())
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
        return result, problems

    def completed(self, config: Config) -> dict[str, Scalar]:
        """Add what a configuration of an earlier version lacks, drop what is gone or inactive; not checked."""
        values: dict[str, Scalar] = {}
        for name in self.order:
            parameter = self.parameters[name]
            condition = condition_of(parameter)
            if condition is not None and not (
                condition.parents <= set(values)
                and bool(condition.holds({p: values[p] for p in condition.parents}))
            ):
                continue
            if isinstance(parameter, Constant):
                values[name] = parameter.value
            elif name in self.group_of:
                if name == self.group_of[name].parts[0]:
                    values |= self.group_of[name].completed(config)
            elif name in config:
                values[name] = config[name]
            elif parameter.default is not None:
                values[name] = parameter.default
        return values


def by_parents(parameters: Mapping[str, Parameter]) -> tuple[str, ...]:
    """Order names so that parents come before children.

    Raises:
        InvalidInput: a condition names no parameter or a value that its parent cannot have, or conditions form
            a circle.
    """
    parents: dict[str, frozenset[str]] = {}
    for name, parameter in parameters.items():
        condition = condition_of(parameter)
        parents[name] = condition.parents if condition else frozenset()
        missing = parents[name] - set(parameters)
        if missing:
            raise InvalidInput(
                f"`when` of `{name}` names {sorted(missing)}, which is no parameter of this space; "
                f"it has {list(parameters)}."
            )
        if condition is not None:
            for parent, allowed in condition.allowed:
                for value in allowed:
                    try:
                        parameters[parent].check(value)
                    except InvalidInput as error:
                        raise InvalidInput(
                            f"`when` of `{name}` asks for {parent} = {value!r}, which cannot be: {error}."
                        ) from error
    order: list[str] = []
    waiting = dict(parents)
    while waiting:
        ready = [name for name, needed in waiting.items() if needed <= set(order)]
        if not ready:
            raise InvalidInput(f"The conditions of {sorted(waiting)} form a circle; each waits for another.")
        order += ready
        for name in ready:
            del waiting[name]
    return tuple(order)


def _plain_scalar(value: object) -> object:
    """Take numpy scalars as the Python numbers that they are."""
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        return value.item()  # type: ignore[attr-defined]  # a numpy scalar
    return value
