"""Between our spaces and those of peers: levels as indices, and parameters that are not active left out."""

from collections.abc import Mapping
from typing import Any

from benchmarks.regret.problems import Config
from physai_inverse.space import Choice, Float, Integer, Ordinal, Space
from physai_inverse.space.conditions import Condition
from physai_inverse.space.parameters import Parameter


def allowed_by(parameter: Parameter) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    """Give the parents of a parameter with the values that allow it."""
    when = parameter.when
    return when.allowed if isinstance(when, Condition) else ()


def active(parameter: Parameter, config: Config) -> bool:
    """Say whether a parameter is active, given those before it."""
    return all(config.get(parent) in allowed for parent, allowed in allowed_by(parameter))


def options(parameter: Parameter) -> list[Any]:
    """Give the values of a parameter without an order."""
    return list(parameter.options) if isinstance(parameter, Choice) else [False, True]


def from_flat(space: Space, flat: Mapping[str, Any]) -> Config:
    """Turn indices to levels, and leave out what is not active."""
    config: Config = {}
    for name, parameter in space.parameters.items():
        if name not in flat or not active(parameter, config):
            continue
        value = flat[name]
        if isinstance(parameter, Ordinal):
            config[name] = parameter.options[int(value)]
        elif isinstance(parameter, Integer):
            config[name] = min(max(int(value), parameter.low), parameter.high)
        elif isinstance(parameter, Float):
            config[name] = min(max(float(value), parameter.low), parameter.high)
        else:
            config[name] = str(value) if isinstance(parameter, Choice) else bool(value)
    return config
