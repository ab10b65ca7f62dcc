"""How parameters hang on each other: the order in which conditions can be decided."""

from collections.abc import Mapping

from physai_inverse.errors import InvalidInput
from physai_inverse.space.parameters import Parameter, condition_of


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
