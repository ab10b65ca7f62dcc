"""Whether a space is a grown version of an older one, so that no trial of the older one is lost."""

from collections.abc import Iterable

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Scalar
from physai_inverse.space.parameters import Constant, Float, Integer, Parameter
from physai_inverse.space.space import Space


def misfits(space: Space, older: Space) -> list[str]:
    """List what keeps a space from being a grown version of an older one; empty where it is one.

    A space may gain parameters that have a default, wider ranges and more values; it may turn a constant
    into a parameter. It may not lose what old trials have. A mixture may gain parts that need not be there: old
    trials had none of them.
    """
    problems = _regrouped(space, older)
    gained = {
        part
        for group in space.groups.values()
        if any(part in older.parameters for part in group.parts)
        for part in group.parts
        if group.floats[part].low == 0.0
    }
    parameters = space.parameters
    for name, old in older.parameters.items():
        new = parameters.get(name)
        if new is None:
            problems.append(f"`{name}` is gone")
        elif isinstance(old, Constant):
            problems += _refusals(name, new, [old.value])
        elif isinstance(old, Float | Integer):
            problems += _refusals(name, new, [old.low, old.high])
        else:
            problems += _refusals(name, new, old.options)
    for name, new in parameters.items():
        old_or_absent = name in older.parameters or name in gained
        if not old_or_absent and not isinstance(new, Constant) and new.default is None:
            problems.append(f"`{name}` is new and needs a default: what older trials had")
    return problems


def _regrouped(space: Space, older: Space) -> list[str]:
    """List what adds up to one now and did not before; shares that become free of each other are no problem."""
    problems = []
    for name, group in space.groups.items():
        known = {part for part in group.parts if part in older.parameters}
        if known and not any(known == set(old.parts) for old in older.groups.values()):
            problems.append(
                f"{sorted(known)} of `{name}` were not shares of one whole, which old trials need not fit"
            )
    return problems


def _refusals(name: str, parameter: Parameter, values: Iterable[Scalar]) -> list[str]:
    for value in values:
        try:
            parameter.check(value)
        except InvalidInput as error:
            return [f"`{name}` no longer takes {value!r} ({error})"]
    return []
