"""Foreign values to plain ones: texts that stand for numbers or truth, empty cells, nested settings, names."""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from physai_inverse.observations import MAX_NAME, Scalar

EMPTY = frozenset({"", "nan", "none", "null", "na", "n/a", "<na>", "#n/a", "nat"})
"""Texts that stand for nothing, in lower case."""
BLANK = frozenset({"", "nan", "na", "n/a", "<na>", "#n/a", "nat"})
"""Those that stand for nothing also among texts, where `none` is a value like another."""
TRUTH = {"true": True, "false": False, "yes": True, "no": False}
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
MEASURED = re.compile(rf"({NUMBER.pattern})\s*([A-Za-zµ%°/]{{1,12}})")
INFINITE = re.compile(r"([-+]?)(?:inf|infinity)", re.IGNORECASE)
TIME_SPAN = re.compile(r"(?:(\d+) days?,? )?(\d+):(\d{2}):(\d{2}(?:\.\d+)?)")
BAD_SHARE = 0.1
"""Share of cells that may be no number in a column that is taken for one of numbers; those rows are left out."""
MAX_DEPTH = 8
"""Levels of nested settings that become names of their own."""


@dataclass(frozen=True)
class Column:
    """The values of one column, each of one type.

    Args:
        kind: `number`, `boolean` or `text`.
        values: None where there is none.
        bad: place in `values` to the text that does not fit the kind; such a value is None.
        unit: what stood behind every number, such as `s`.
        written_none: whether some cell says none rather than being empty.
    """

    kind: str
    values: tuple[Scalar | None, ...]
    bad: Mapping[int, str]
    unit: str = ""
    written_none: bool = False

    @property
    def present(self) -> list[Scalar]:
        """The values that are there."""
        return [value for value in self.values if value is not None]


def plain_text(value: object) -> str:
    """Give a value as a cell of a table would hold it; a list or a mapping as JSON."""
    if isinstance(value, str):
        text = value.strip()
        return text[1:-1].strip() if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    try:
        return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):
        return str(value)


def read_number_text(text: str) -> float | int | None:
    """Read a number as programs write it; None where the text is none. Thousands are not separated."""
    if NUMBER.fullmatch(text):
        if len(text) < 20 and text.lstrip("+-").isdigit():
            return int(text)
        return float(text)
    infinite = INFINITE.fullmatch(text)
    if infinite:
        return -math.inf if infinite[1] == "-" else math.inf
    return None


def read_number_value(value: object) -> float | int | None:
    """Read a number from a typed value or a text; NaN stays NaN, what is no number is None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, str):
        text = plain_text(value)
        return math.nan if text.lower() in ("nan", "-nan") else read_number_text(text)
    return None


def read_seconds_value(value: object) -> float | None:
    """Read a duration: a number of seconds, `12 s`, or `0 days 00:01:02.5`; None where it is none."""
    number = read_number_value(value)
    if number is None and isinstance(value, str):
        text = plain_text(value)
        span = TIME_SPAN.fullmatch(text)
        measured = MEASURED.fullmatch(text)
        factors = {"s": 1, "sec": 1, "ms": 1e-3, "min": 60, "m": 60, "h": 3600}
        if span:
            number = int(span[1] or 0) * 86400 + int(span[2]) * 3600 + int(span[3]) * 60 + float(span[4])
        elif measured and measured[2] in factors:
            number = float(measured[1]) * factors[measured[2]]
    return float(number) if number is not None and 0 <= number < math.inf else None


def is_missing(value: object, *, text: bool = False) -> bool:
    """Whether a value stands for nothing.

    Args:
        value: the value.
        text: whether its column holds texts, of which `none` is one.
    """
    if value is None:
        return True
    if isinstance(value, float):
        return math.isnan(value)
    if isinstance(value, str):
        return plain_text(value).lower() in (BLANK if text else EMPTY)
    return False


def typed(raw: Sequence[object]) -> Column:
    """Find the type of a column and give its values in it."""
    given: list[int] = []
    texts: dict[int, str] = {}
    numbers: dict[int, float | int | None] = {}
    none = False
    seen: dict[str, tuple[bool, str, float | int | None]] = {}  # of texts, which repeat
    for place, value in enumerate(raw):
        if isinstance(value, str):
            if value not in seen:
                text = plain_text(value)
                seen[value] = (text.lower() in EMPTY, text, read_number_text(text))
                none = none or text.lower() in ("none", "null")  # written out
            missing, text, number = seen[value]
        else:
            missing = is_missing(value)
            text, number = ("", None) if missing else (plain_text(value), _number(value))
        if not missing:
            given.append(place)
            texts[place], numbers[place] = text, number
    if given and all(text.lower() in TRUTH for text in set(texts.values())):
        found: dict[int, Scalar] = {place: TRUTH[text.lower()] for place, text in texts.items()}
        return _column("boolean", raw, found, {}, none=none)
    good = {place: number for place, number in numbers.items() if number is not None}
    bad = {place: texts[place] for place in given if place not in good}
    if good and len(bad) <= (BAD_SHARE * len(given) if len(given) > 4 else 0):
        return _column("number", raw, good, bad, none=none)
    matches = {text: MEASURED.fullmatch(text) for text in set(texts.values())}
    measured = {place: matches[text] for place, text in texts.items()}
    units = {match[2] for match in measured.values() if match}
    if given and len(units) == 1 and all(match or numbers[place] == 0 for place, match in measured.items()):
        values = {place: read_number_text(match[1]) if match else 0 for place, match in measured.items()}
        return _column("number", raw, {p: v for p, v in values.items() if v is not None}, {}, units.pop(), none)
    words: dict[int, Scalar] = {
        place: plain_text(value) for place, value in enumerate(raw) if not is_missing(value, text=True)
    }
    return _column("text", raw, words, {})


def flattened(settings: Mapping[str, object], prefix: str = "", depth: int = 0) -> dict[str, object]:
    """Give nested settings as one level of names joined by dots; lists stay as they are."""
    found: dict[str, object] = {}
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value and depth < MAX_DEPTH:
            found |= flattened(value, f"{name}.", depth + 1)
        else:
            found[name] = value
    return found


def plain_name(name: str) -> str:
    """Give a name that stands in an expression and on a command line: letters, digits and `_`."""
    plain = re.sub(r"\W+", "_", name.strip(), flags=re.ASCII).strip("_")[: MAX_NAME - 10]
    if not plain:
        return "unnamed"
    return f"_{plain}" if plain[0].isdigit() else plain


def plain_names(names: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Give each name a plain one of its own."""
    used = set(taken)
    found: dict[str, str] = {}
    for name in names:
        plain = candidate = plain_name(name)
        count = 2
        while candidate in used:
            candidate = f"{plain}_{count}"
            count += 1
        used.add(candidate)
        found[name] = candidate
    return found


def _number(value: object) -> float | int | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _column(
    kind: str,
    raw: Sequence[object],
    values: Mapping[int, Scalar],
    bad: Mapping[int, str],
    unit: str = "",
    none: bool = False,
) -> Column:
    return Column(kind, tuple(values.get(place) for place in range(len(raw))), bad, unit, none)
