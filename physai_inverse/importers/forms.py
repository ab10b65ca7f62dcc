"""The written forms of values: a metric in strict JSON, a value of a parameter as text. Each reads back the same.

JSON has no NaN and no infinities; they are written as the strings `"NaN"`, `"Infinity"` and `"-Infinity"`
(`"NaN:<hex>"` for a NaN with other bits than Python's own), as the store does.
"""

import json
import math
import struct
from collections.abc import Mapping
from typing import TypeAlias

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Curve, Measurement, Metric, Scalar, as_metrics
from physai_inverse.space import Float, Integer, Parameter, Space

NAN_BITS = struct.pack(">d", math.nan)
MEASUREMENT_KEYS = ("value", "standard_error", "censored")
CURVE_KEYS = ("steps", "values")

Plain: TypeAlias = "float | str | list[float | str] | dict[str, Plain] | None"


def plain_number(value: float) -> float | str:
    """Write a number for JSON."""
    if math.isfinite(value):
        return value
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    bits = struct.pack(">d", value)
    return "NaN" if bits == NAN_BITS else f"NaN:{bits.hex()}"


def read_number(value: object, name: str) -> float:
    """Read a number of JSON, or one of the strings that stand for what JSON has no number for.

    Raises:
        InvalidInput: it is neither.
    """
    if isinstance(value, str):
        if value in ("NaN", "Infinity", "-Infinity"):
            return float(value)
        if value.startswith("NaN:"):
            try:
                number: float = struct.unpack(">d", bytes.fromhex(value[4:]))[0]
            except (ValueError, struct.error):
                number = 0.0
            if math.isnan(number):
                return number
        hint = "; write it without quotes" if _is_number(value) else ""
        raise InvalidInput(f"`{name}` must be a number, not the text {value[:60]!r}{hint}.")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"`{name}` must be a number, not {_show(value)}.")
    try:
        return float(value)
    except OverflowError as error:
        raise InvalidInput(f"`{name}` is too large for a 64-bit float.") from error


def plain_metric(metric: Metric) -> Plain:
    """Write a metric for JSON."""
    if isinstance(metric, Curve):
        return {
            "steps": [plain_number(step) for step in metric.steps],
            "values": [plain_number(value) for value in metric.values],
        }
    if isinstance(metric, Measurement):
        plain: dict[str, Plain] = {"value": plain_number(metric.value)}
        if metric.standard_error is not None:
            plain["standard_error"] = metric.standard_error
        if metric.censored is not None:
            plain["censored"] = metric.censored
        return plain
    return plain_number(float(metric))


def read_metric(value: object, name: str) -> Metric:
    """Read a metric: a number, `{"value": .., "censored": "above"}` or the like, or `{"steps": .., "values": ..}`.

    Raises:
        InvalidInput: it is none of these.
    """
    if not isinstance(value, Mapping):
        return read_number(value, name)
    keys = CURVE_KEYS if "steps" in value or "values" in value else MEASUREMENT_KEYS
    unknown = [key for key in value if key not in keys]
    if unknown or keys[0] not in value or (keys is CURVE_KEYS and "values" not in value):
        raise InvalidInput(
            f'`{name}` must be a number, {{"value": 0.3, "standard_error": 0.1, "censored": "above"}} or '
            f'{{"steps": [1, 2], "values": [0.5, 0.3]}}, not {_show(value)}.'
        )
    try:
        if keys is CURVE_KEYS:
            steps, values = value["steps"], value["values"]
            if not isinstance(steps, list) or not isinstance(values, list):
                raise InvalidInput("steps and values of a curve must be lists.")
            return Curve(
                tuple(read_number(step, "steps") for step in steps),
                tuple(read_number(number, "values") for number in values),
            )
        error = value.get("standard_error")
        return Measurement(
            read_number(value["value"], "value"),
            None if error is None else read_number(error, "standard_error"),
            value.get("censored"),
        )
    except InvalidInput as error:
        raise InvalidInput(f"`{name}`: {error}") from error


def read_metrics(values: object) -> dict[str, Metric]:
    """Read metrics of JSON.

    Raises:
        InvalidInput: not a mapping of names to what `read_metric` reads.
    """
    if not isinstance(values, Mapping):
        raise InvalidInput(
            f'`metrics` must be names with numbers, such as {{"val_loss": 0.31}}, not {_show(values)}.'
        )
    return as_metrics({str(name): read_metric(value, str(name)) for name, value in values.items()})


def read_value(space: Space, name: str, text: str) -> Scalar:
    """Read a value of a parameter of a space from text; a share may still be off by rounding.

    Raises:
        InvalidInput: the parameter has no such value.
    """
    if any(name in group.parts for group in space.groups.values()):
        return space.check_value(name, _number_of(text))
    return read_scalar(space.parameters[name], text)


def read_scalar(parameter: Parameter, text: str) -> Scalar:
    """Read a value of a parameter from text.

    Raises:
        InvalidInput: the parameter has no such value.
    """
    if isinstance(parameter, Float | Integer):
        return parameter.check(_number_of(text))
    readings = _readings(text)
    for value in readings[:-1]:
        try:
            return parameter.check(value)
        except InvalidInput:
            continue
    return parameter.check(readings[-1])


def scalar_text(parameter: Parameter, value: Scalar) -> str:
    """Write a value of a parameter as text that `read_scalar` reads as the same."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    try:
        same = value != "" and read_scalar(parameter, value) == value and not _is_json_text(value)
    except InvalidInput:
        same = False
    return value if same else json.dumps(value)


def _number_of(text: str) -> Scalar:
    """Read a number; the text itself where it is none, to be refused as such."""
    numbers = [
        value for value in _readings(text) if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    return numbers[0] if numbers else text


def _readings(text: str) -> list[Scalar]:
    """List what a text may mean, the likeliest first; the text itself comes last."""
    readings: list[Scalar] = []
    if _is_json_text(text):
        return [json.loads(text), text]
    if text.lower() in ("true", "false"):
        readings.append(text.lower() == "true")
    try:
        readings.append(int(text))
    except ValueError:
        if _is_number(text):
            readings.append(float(text))
    return [*readings, text]


def _is_json_text(text: str) -> bool:
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return False
    try:
        return isinstance(json.loads(text), str)
    except ValueError:
        return False


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _show(value: object) -> str:
    text = "null" if value is None else repr(value)
    return f"{type(value).__name__} {text if len(text) <= 80 else text[:77] + '...'}"
