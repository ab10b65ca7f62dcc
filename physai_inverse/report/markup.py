"""HTML that cannot be broken by what it shows: every text is escaped unless this module made it."""

import html
import json
import re
from collections.abc import Iterable, Mapping

from physai_inverse.report.words import visible

DIGITS = 6
_JOINTS = re.compile(r"(?<=\w)([_./-]+)(?=\w)")

VOID = frozenset({"meta", "br", "hr", "wbr"})


class Markup(str):
    """A piece of HTML that was built here."""

    __slots__ = ()


def text(value: object) -> Markup:
    """Give a text as HTML; markup stays what it is."""
    return value if isinstance(value, Markup) else Markup(html.escape(visible(str(value))))


def element(tag: str, *children: object, **attributes: object) -> Markup:
    """Build an element.

    Args:
        tag: its name.
        children: texts, markup, or iterables of these; None is left out.
        attributes: a trailing underscore is dropped, others become hyphens; True stands for the bare name, None
            and False for nothing.
    """
    head = tag
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        key = name.rstrip("_").replace("_", "-")
        head += f" {key}" if value is True else f' {key}="{text(value)}"'
    return Markup(f"<{head}>" if tag in VOID else f"<{head}>{join(*children)}</{tag}>")


def breakable(name: object) -> Markup:
    """Give a name that may break after its joints, on a narrow screen."""
    if isinstance(name, Markup):
        return name
    return join(
        *(
            part if even % 2 == 0 else join(part, element("wbr"))
            for even, part in enumerate(_JOINTS.split(str(name)))
        )
    )


def join(*children: object) -> Markup:
    """Put pieces one after the other."""
    parts: list[str] = []
    for child in children:
        if child is None:
            continue
        if isinstance(child, Iterable) and not isinstance(child, str):
            parts.append(join(*child))
        else:
            parts.append(text(child))
    return Markup("".join(parts))


def rounded(data: object) -> object:
    """Round every number to `DIGITS` digits: more than a screen shows, and half of the bytes."""
    if isinstance(data, float):
        return float(f"{data:.{DIGITS}g}")
    if isinstance(data, Mapping):
        return {key: rounded(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [rounded(value) for value in data]
    return data


def embedded(data: object) -> Markup:
    """Write data as JSON that no HTML parser takes for markup."""
    plain = json.dumps(data, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        plain = plain.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(plain)
