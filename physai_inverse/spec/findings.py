"""From pydantic's list of errors to lines that a person can act on: place, key, expected, came, what to do."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from physai_inverse.spec.document import Document, Keys

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "keys with values",
    "finite_number": "a finite number",
    "float_type": "a number",
    "int_type": "a whole number",
    "list_type": "a list such as [a, b]",
    "model_type": "keys with values",
    "model_attributes_type": "keys with values",
    "string_type": "a text",
}
NUMERIC = ("finite_number", "float_type", "int_type")


def findings(document: Document, error: "ValidationError", known: Mapping[str, Collection[str]]) -> list[str]:
    """Write every error as one line, in the order of the file.

    Args:
        document: the file.
        error: what the models found.
        known: the keys of each section, for suggestions: section (its keys without names, such as `space.float`)
            to its keys.
    """
    grouped: dict[tuple[Keys, bool], list[ErrorDetails]] = {}
    for item in error.errors(include_url=False):
        keys = _keys(document, item["loc"])
        if item["type"] == "missing":
            keys = (*keys, str(item["loc"][-1])) if not keys or keys[-1] != item["loc"][-1] else keys
        grouped.setdefault((keys, item["type"] == "extra_forbidden"), []).append(item)
    lines: list[tuple[int, int, str]] = []
    for (keys, at_key), items in grouped.items():
        place = document.keys if at_key else document.values
        line, column = place.get(keys) or document.values.get(keys[:-1]) or (1, 1)
        lines.append((line, column, document.line(keys, _say(document, keys, items, known), at_key=at_key)))
    return [text for _, _, text in sorted(lines)]


def suggestion(word: str, known: Collection[str]) -> str:
    """Give ` Did you mean ...?` with a leading blank, or nothing."""
    close = get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f" Did you mean `{close[0]}`?" if close else ""


def came(value: object) -> str:
    """Say what a value is, for the middle of a sentence."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "keys with values"
    if isinstance(value, list):
        return "a list"
    text = repr(value)
    text = text if len(text) <= 60 else text[:57] + "..."
    return f"the text {text}" if isinstance(value, str) else text


def _keys(document: Document, location: tuple[int | str, ...], keys: Keys = ()) -> Keys:
    """Leave out of pydantic's location what is not in the file: names of union members.

    Such a name may also be a key there (`command` is both), so the reading that explains most parts is taken.
    """
    if not location:
        return keys
    without = _keys(document, location[1:], keys)
    inner = (*keys, location[0])
    if inner not in document.values:
        return without
    return max(_keys(document, location[1:], inner), without, key=len)


def _say(document: Document, keys: Keys, items: "list[ErrorDetails]", known: Mapping[str, Collection[str]]) -> str:
    item = items[0]
    kind, value = item["type"], item.get("input")
    context: dict[str, Any] = item.get("ctx", {})
    section = _section(document, keys[:-1])
    if kind == "missing":
        return f"this key is missing{_needs(section, str(keys[-1]))}."
    if kind == "extra_forbidden":
        names = [name for name in known.get(section, ()) if (*keys[:-1], name) not in document.values]
        here = f" in {section.replace('.', ' of type ', 1)}" if section else ""
        return (
            f"no such key{here}.{suggestion(str(keys[-1]), names)} Expected: {', '.join(known.get(section, ()))}."
        )
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _say_union(keys, value, known)
    if kind == "literal_error":
        return f"expected {context['expected'].replace(chr(39), '`')}, got {came(value)}."
    if kind.startswith(("greater_than", "less_than")):
        bound = {
            "greater_than": "above {gt:g}",
            "greater_than_equal": "of at least {ge}",
            "less_than": "below {lt}",
        }
        return f"expected a number {bound[kind].format(**context)}, got {came(value)}."
    expected = list(dict.fromkeys(EXPECTED[other["type"]] for other in items if other["type"] in EXPECTED))
    if not expected:
        return f"{item['msg']}, got {came(value)}."
    advice = ""
    if isinstance(value, str) and any(other["type"] in NUMERIC for other in items) and _is_number(value):
        advice = " Write the number without quotes."
    elif value is None:
        advice = " Give a value, or remove the key."
    elif not isinstance(value, str) and expected == ["a text"] and not isinstance(value, dict | list):
        advice = " Put it in quotes."
    return f"expected {' or '.join(expected)}, got {came(value)}.{advice}"


def _say_union(keys: Keys, value: object, known: Mapping[str, Collection[str]]) -> str:
    kinds = known["types"]
    if keys[:1] == ("space",):
        if not isinstance(value, Mapping):
            return f"expected a parameter such as {{type: float, low: 0.1, high: 1}}, got {came(value)}."
        if "type" not in value:
            return f"`type` is missing; expected one of {', '.join(kinds)}."
        given = value["type"]
        close = suggestion(str(given), list(kinds))
        return f"expected as `type` one of {', '.join(kinds)}, got {came(given)}.{close}"
    names = ", ".join(map(str, value)) if isinstance(value, Mapping) and value else came(value)
    close = suggestion(names.split(",")[0], ["task", "command", "function"])
    return f"expected one of `task:`, `command:` or `function:`, got {names}.{close}"


def _section(document: Document, keys: Keys) -> str:
    """Name the model that a mapping of the file belongs to, as in `known`."""
    if keys[:1] == ("space",) and len(keys) == 2:
        return f"space.{_at(document, (*keys, 'type'))}"
    if keys == ("trainer",):
        for kind in ("task", "command", "function"):
            if ("trainer", kind) in document.values:
                return f"trainer.{kind}"
    return ".".join(key for key in keys if isinstance(key, str))  # items of a list share a model


def _needs(section: str, key: str) -> str:
    if not section:
        return "; a study file needs `space` and `objective`"
    return (
        f"; a parameter of type {section.partition('.')[2]} needs `{key}`" if section.startswith("space.") else ""
    )


def _at(document: Document, keys: Keys) -> object:
    value: Any = document.content
    for key in keys:
        value = value[key]
    return value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
