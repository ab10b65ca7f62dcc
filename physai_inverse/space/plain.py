"""Parameters as plain mappings, texts and numbers, as the store and a study file have them."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from physai_inverse.errors import InvalidInput
from physai_inverse.space.conditions import as_condition
from physai_inverse.space.parameters import (
    KINDS,
    Choice,
    Constant,
    Float,
    Integer,
    Ordinal,
    Parameter,
    kind_of,
)
from physai_inverse.space.shares import Shares

Declared: TypeAlias = Parameter | Shares
"""What stands under a name in a space."""


def as_plain(declared: Declared) -> dict[str, Any]:
    """Give what was declared as a study file writes it."""
    plain: dict[str, Any] = {"type": "shares" if isinstance(declared, Shares) else kind_of(declared)}
    if isinstance(declared, Float | Integer):
        plain |= {"low": declared.low, "high": declared.high, "log": declared.log}
    elif isinstance(declared, Ordinal):
        plain["levels"] = list(declared.levels)
    elif isinstance(declared, Choice):
        plain["values"] = list(declared.values)
    elif isinstance(declared, Constant):
        plain["value"] = declared.value
    elif isinstance(declared, Shares):
        least = declared.least
        plain |= {"parts": list(declared.parts), "least": dict(least) if isinstance(least, Mapping) else least}
    condition = as_condition(declared.when)
    if condition is not None:
        plain["when"] = condition.as_plain()
    if not isinstance(declared, Constant) and declared.default is not None:
        default = declared.default
        plain["default"] = dict(default) if isinstance(default, Mapping) else default
    return plain


def from_plain(name: str, plain: Mapping[str, Any]) -> Declared:
    """Build what `as_plain` gave.

    Raises:
        InvalidInput: an unknown kind or key, or anything that a constructor refuses.
    """
    body = dict(plain)
    kind = body.pop("type", None)
    kinds: dict[str, type[Declared]] = {**KINDS, "shares": Shares}
    if kind not in kinds:
        raise InvalidInput(f"Parameter `{name}` has the type {kind!r}; expected one of {list(kinds)}.")
    try:
        return kinds[kind](**body)
    except TypeError as error:
        raise InvalidInput(f"Parameter `{name}` of type {kind}: {error}.") from error
