"""Metrics out of the JSON lines that a training prints, in bounded memory.

Every line that is a JSON object contributes; all other lines are somebody's log. The last line with a key wins. A
line with a number `step` also adds a point to the curve `<name>_curve` of each of its names. A value is a
number (NaN and Infinity as Python writes them), true or false (1 or 0), `{"value": 5000, "censored": "above"}`,
or a mapping of step to value, which is a curve. Texts, nulls and lists are passed over.
"""

import json
from collections.abc import Callable, Iterator, Mapping

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Curve, Measurement, Metric, as_metrics

MAX_LINE = 2**20  # bytes; a longer line is no metric
MAX_POINTS = 100_000  # of a curve; then every second one is dropped
MAX_NAMES = 10_000
TAIL_BYTES = 2**16


class Reports:
    """What has been reported so far.

    Args:
        listener: is told the numbers of every line with a step; once it gives True, the training is `hopeless`.
    """

    def __init__(self, listener: Callable[[float, Mapping[str, float]], bool] | None = None) -> None:
        self.hopeless = False
        self._listener = listener
        self._last: dict[str, object] = {}
        self._curves: dict[str, dict[float, float]] = {}

    def add_line(self, line: bytes) -> None:
        """Take in one line, whatever it is."""
        line = line.strip()
        if not (line.startswith(b"{") and line.endswith(b"}")):
            return
        try:
            report = json.loads(line)
        except (ValueError, RecursionError):  # also text that is no UTF-8, or brackets without end
            return
        self.add(report)

    def add(self, report: Mapping[str, object]) -> None:
        """Take in one object."""
        step = _number(report.get("step"))
        for name, value in report.items():
            if name == "step" or (name not in self._last and len(self._last) >= MAX_NAMES):
                continue
            number = _number(value)
            if number is not None:
                self._last[name] = number
                if step is not None:
                    self._add_point(f"{name}_curve", step, number)
            elif isinstance(value, Mapping):
                self._last[name] = value
        if step is not None and self._listener is not None:
            numbers = {name: number for name, value in report.items() if (number := _number(value)) is not None}
            numbers.pop("step")
            self.hopeless |= self._listener(step, numbers)

    def metrics(self) -> dict[str, Metric]:
        """Give the metrics.

        Raises:
            InvalidInput: a name, step or measurement that cannot be one.
        """
        values: dict[str, Metric | Mapping[float, float]] = {}
        values.update(self._curves)
        for name, value in self._last.items():
            if isinstance(value, Mapping):
                nested = _nested(value)
                if nested is not None:
                    values[name] = nested
            else:
                assert isinstance(value, float)
                values[name] = value
        return as_metrics(values)

    def _add_point(self, name: str, step: float, value: float) -> None:
        curve = self._curves.setdefault(name, {})
        curve[step] = value
        if len(curve) > MAX_POINTS:
            kept = sorted(curve)[1::2]  # the last point stays
            self._curves[name] = {point: curve[point] for point in kept}


class Lines:
    """Bytes to lines, and the last bytes of all; memory stays bounded whatever comes."""

    def __init__(self) -> None:
        self._part = bytearray()
        self._too_long = False
        self._tail = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Give the lines that this piece completes."""
        self._tail += data
        del self._tail[:-TAIL_BYTES]
        *ends, rest = data.split(b"\n")
        for end in ends:
            if not self._too_long:
                yield bytes(self._part) + end
            self._part.clear()
            self._too_long = False
        self._part += rest
        if len(self._part) > MAX_LINE:
            self._part.clear()
            self._too_long = True

    def rest(self) -> bytes:
        """Give the last line where no line end closed it."""
        return bytes(self._part)

    def last_lines(self, count: int, width: int = 300) -> str:
        """Give the last lines that are not blank, each cut to `width` characters, control characters shown."""
        lines = [line.rstrip() for line in self._tail.decode("utf-8", "replace").splitlines()]
        lines = [line if len(line) <= width else line[: width - 3] + "..." for line in lines if line.strip()]
        return "\n".join(
            "".join(letter if letter.isprintable() or letter == "\t" else "?" for letter in line)
            for line in lines[-count:]
        )


def _number(value: object) -> float | None:
    if not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError as error:
        raise InvalidInput("A reported number is too large for a 64-bit float.") from error


def _nested(value: Mapping[str, object]) -> Metric | None:
    if "value" in value and set(value) <= {"value", "standard_error", "censored"}:
        number, error, censored = _number(value["value"]), value.get("standard_error"), value.get("censored")
        if number is None or not isinstance(censored, str | None):
            return None
        return Measurement(number, _number(error), censored)
    points: dict[float, float] = {}
    for step, point in value.items():
        number = _number(point)
        try:
            if number is not None:
                points[float(step)] = number
        except ValueError:
            return None
    steps = sorted(points)
    return Curve(tuple(steps), tuple(points[step] for step in steps)) if steps else None
