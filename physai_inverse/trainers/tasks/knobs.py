"""What a task lets one set, as plain data, and the check of a configuration and of settings against it.

A knob is a mapping: `type` (`float`, `integer`, `ordinal`, `choice`, `boolean`), `low` and `high` and `log`
or `levels` or `values`, `default`, and `when`: the values of other knobs for which it is active.
The range is a proposal for a study, which may be widened; what a knob can mean at all is checked here.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Config, Scalar

Knob: TypeAlias = Mapping[str, object]
Setting: TypeAlias = Scalar | Sequence[str]


class Values(dict[str, Setting]):
    """Values by name, read by the type that they must have: of knobs or of settings, checked before."""

    def number(self, name: str) -> float:
        """Give a number."""
        value = self[name]
        assert isinstance(value, int | float)
        return float(value)

    def whole(self, name: str) -> int:
        """Give a whole number."""
        value = self[name]
        assert isinstance(value, int)
        return value

    def word(self, name: str) -> str:
        """Give a text."""
        value = self[name]
        assert isinstance(value, str)
        return value

    def flag(self, name: str) -> bool:
        """Give a truth value."""
        value = self[name]
        assert isinstance(value, bool)
        return value

    def names(self, name: str) -> tuple[str, ...]:
        """Give a list of texts."""
        value = self[name]
        assert isinstance(value, tuple)
        return value


def complete(config: Config, knobs: Mapping[str, Knob]) -> Values:
    """Check a configuration and add the defaults of what it leaves out.

    A value for a knob that is inactive (see `when`) is accepted, and the training does not use it.

    Returns:
        Every knob with a value.

    Raises:
        InvalidInput: an unknown name, or a value that the knob cannot take.
    """
    unknown = [name for name in config if name not in knobs]
    if unknown:
        raise InvalidInput(f"`config` has no parameter {_names(unknown)}; there are {_names(knobs)}.")
    values = Values()
    for name, knob in knobs.items():
        value = config.get(name, knob["default"])
        values[name] = _value(name, value, knob)
    return values


def settle(settings: Mapping[str, object], defaults: Mapping[str, Setting], task: str) -> Values:
    """Check settings and add the defaults.

    A setting has the type of its default: whole numbers are at least 1, numbers finite and at least 0. What else
    it must be is the task's to say.

    Raises:
        InvalidInput: an unknown name, or a value of another type.
    """
    unknown = [name for name in settings if name not in defaults]
    if unknown:
        raise InvalidInput(f"Task `{task}` has no setting {_names(unknown)}; there are {_names(defaults)}.")
    return Values(
        {name: _setting(name, settings.get(name, default), default) for name, default in defaults.items()}
    )


def count(name: str, value: object, least: int = 1) -> int:
    """Check a whole number of at least `least`.

    Raises:
        InvalidInput: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InvalidInput(f"`{name}` must be a whole number of at least {least}, not {value!r}.")
    return value


def share(name: str, value: object) -> float:
    """Check a number between 0 and 1, both excluded.

    Raises:
        InvalidInput: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise InvalidInput(f"`{name}` must be a number between 0 and 1, not {value!r}.")
    return float(value)


def check_device(device: object) -> str:
    """Check the name of a device without asking whether it is there.

    Raises:
        InvalidInput: it is none of `auto`, `cpu` and `cuda`.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise InvalidInput(f"`device` must be `auto`, `cpu` or `cuda`, not {device!r}.")
    assert isinstance(device, str)
    return device


def _value(name: str, value: object, knob: Knob) -> Scalar:
    kind = knob["type"]
    if kind == "boolean":
        if not isinstance(value, bool):
            raise InvalidInput(f"`{name}` must be true or false, not {value!r}.")
        return value
    if kind == "choice":
        values = knob["values"]
        assert isinstance(values, list)
        if value not in values:
            raise InvalidInput(f"`{name}` must be one of {_names(values)}, not {value!r}.")
        assert isinstance(value, str)
        return value
    least = knob.get("least", 0)
    assert isinstance(least, int | float)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidInput(f"`{name}` must be a finite number, not {value!r}.")
    if value < least or (knob.get("log") and value <= 0):
        raise InvalidInput(
            f"`{name}` must be {'above 0' if knob.get('log') else f'at least {least}'}, not {value!r}."
        )
    below = knob.get("below", math.inf)
    assert isinstance(below, int | float)
    if value >= below:
        raise InvalidInput(f"`{name}` must be below {below}, not {value!r}.")
    if kind == "float":
        return float(value)
    if value != int(value):
        raise InvalidInput(f"`{name}` must be a whole number, not {value!r}.")
    return int(value)


def _names(names: object) -> str:
    assert isinstance(names, Mapping | Sequence)
    return ", ".join(f"`{name}`" for name in names)


def _setting(name: str, value: object, default: Setting) -> Setting:
    if isinstance(default, bool) or not isinstance(default, int | float | str):  # for the task to judge
        return tuple(value) if isinstance(value, list) else value  # type: ignore[return-value]
    if name == "observe_at" and isinstance(value, int):  # a word, or a number of steps
        return value
    if isinstance(default, int):
        return count(name, value)
    if isinstance(default, float):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise InvalidInput(f"`{name}` must be a finite number of at least 0, not {value!r}.")
        return float(value)
    if not isinstance(value, str):
        raise InvalidInput(f"`{name}` must be a text, not {value!r}.")
    return value
