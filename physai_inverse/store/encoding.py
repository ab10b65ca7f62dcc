"""Values to text and back with the same bits, and the checksum of a row.

Texts are strict JSON in the shortest form that reads back exactly. JSON has no NaN and no infinities, so a
metric that is one is written as a string, which no metric can be otherwise: `"NaN"`, `"Infinity"`,
`"-Infinity"`, or `"NaN:<hex>"` for a NaN with other bits than Python's own.
"""

import hashlib
import json
import math
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from physai_inverse.errors import InvalidInput, StoreDamaged
from physai_inverse.observations import Curve, Measurement, Metric, Scalar

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"
"""What a note, a space or an objective may hold."""

MAX_DEPTH = 64
NAN_BITS = struct.pack(">d", math.nan)


def crc(*columns: object) -> int:
    """Give the checksum of a row: CRC-32 of the columns' ASCII text, the same on every Python and machine."""
    return zlib.crc32(ascii(columns).encode())


def json_text(value: object, name: str) -> str:
    """Write a value as strict JSON.

    Args:
        value: mappings with text keys, sequences, texts, finite numbers, booleans and None.
        name: what to call it in an error.

    Raises:
        InvalidInput: it holds anything else, or is nested more than 64 deep.
    """
    _check_json(value, name, 0)
    return json.dumps(value, separators=(",", ":"))


def read_json(text: str) -> dict[str, JSON]:
    """Read back a mapping that `json_text` wrote."""
    value: dict[str, JSON] = json.loads(text)
    return value


def fingerprint(value: object) -> str:
    """Give a short text that is the same for equal requests: BLAKE2b over JSON with sorted keys."""
    return hashlib.blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=16).hexdigest()


def config_text(config: object) -> str:
    """Write a config.

    Raises:
        InvalidInput: not a mapping of names to booleans, integers, finite floats and texts.
    """
    if not isinstance(config, Mapping):
        raise InvalidInput(f"`config` must map parameter names to values, not {type(config).__name__}.")
    for name, value in config.items():
        if not isinstance(value, bool | int | float | str):
            raise InvalidInput(
                f"Parameter {name!r} in `config` must be a boolean, integer, float or text, "
                f"not {type(value).__name__}."
            )
    return json_text(dict(config), "config")


def read_config(text: str) -> dict[str, Scalar]:
    """Read back a config."""
    config: dict[str, Scalar] = json.loads(text)
    return config


def metrics_text(metrics: Mapping[str, Metric]) -> tuple[str, dict[str, str]]:
    """Write metrics that `as_metrics` has checked.

    Returns:
        The text of all metrics, where a curve is its last value, its length and its checksum; and the text
        of each curve.
    """
    values: dict[str, object] = {}
    curves: dict[str, str] = {}
    for name, metric in metrics.items():
        if isinstance(metric, Curve):
            points = [[_written(step) for step in metric.steps], [_written(value) for value in metric.values]]
            curves[name] = json.dumps(points, separators=(",", ":"), allow_nan=False)
            values[name] = {"curve": _written(metric.values[-1]), "points": len(metric), "crc": crc(curves[name])}
        elif isinstance(metric, Measurement):
            values[name] = {
                "value": _written(metric.value),
                "standard_error": metric.standard_error,
                "censored": metric.censored,
            }
        else:
            values[name] = _written(float(metric))
    return json.dumps(values, separators=(",", ":"), allow_nan=False), curves


def read_metrics(text: str, curves: Mapping[str, str] | None = None) -> dict[str, Metric]:
    """Read back metrics.

    Args:
        text: the text of all metrics.
        curves: the text of each curve; None gives a curve as its last value.

    Raises:
        StoreDamaged: a curve is missing or has another checksum.
    """
    metrics: dict[str, Metric] = {}
    for name, value in json.loads(text).items():
        if not isinstance(value, dict):
            metrics[name] = value if type(value) is float else _read(value)
        elif "curve" not in value:
            metrics[name] = Measurement(_read(value["value"]), value["standard_error"], value["censored"])
        elif curves is None:
            metrics[name] = _read(value["curve"])
        else:
            points = curves.get(name)
            if points is None or crc(points) != value["crc"]:
                raise StoreDamaged(f"the curve of metric `{name}` is {'missing' if points is None else 'changed'}")
            metrics[name] = read_curve(points)
    return metrics


def read_curve(points: str) -> Curve:
    """Read back a curve."""
    steps, values = json.loads(points)
    return Curve(tuple(map(_read, steps)), tuple(map(_read, values)))


def curve_names(text: str) -> Iterable[str]:
    """Name the curves that a text of metrics refers to."""
    return [name for name, value in json.loads(text).items() if isinstance(value, dict) and "curve" in value]


def _written(value: float) -> float | str:
    if math.isfinite(value):
        return value
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    bits = struct.pack(">d", value)
    return "NaN" if bits == NAN_BITS else f"NaN:{bits.hex()}"


def _read(value: float | str) -> float:
    if isinstance(value, str) and value.startswith("NaN:"):
        number: float = struct.unpack(">d", bytes.fromhex(value[4:]))[0]
        return number
    return float(value)


def _check_json(value: object, name: str, depth: int) -> None:
    if value is None or isinstance(value, bool | str):
        return
    if depth > MAX_DEPTH:
        raise InvalidInput(f"`{name}` is nested more than {MAX_DEPTH} deep.")
    if isinstance(value, int | float):
        if isinstance(value, int):
            if value.bit_length() > 1024:
                raise InvalidInput(f"`{name}` holds an integer of more than 1024 bits.")
        elif not math.isfinite(value):
            raise InvalidInput(f"`{name}` must hold finite numbers only, not {value}.")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise InvalidInput(f"`{name}` must have texts as keys, not {type(key).__name__} {key!r}.")
            _check_json(item, name, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_json(item, name, depth + 1)
    else:
        raise InvalidInput(f"`{name}` must hold JSON values only, not {type(value).__name__}.")
