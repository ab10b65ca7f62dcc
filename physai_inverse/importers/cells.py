"""Cells of a CSV file: numbers in their shortest form, and texts that no spreadsheet takes for a formula.

A text that begins with `= + - @`, a tab or a line break, also after blanks, gets a leading `'`; so does one that
already has such a `'`, so that taking one off always gives the text back. Numbers are never touched.
"""

import math
import re

from physai_inverse.importers.forms import plain_number, read_number

DANGEROUS = re.compile(r"'*(?:\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n])")
GUARDED = re.compile(r"'" + DANGEROUS.pattern)


def guard(text: str) -> str:
    """Write a text."""
    return "'" + text if DANGEROUS.match(text) else text


def unguard(cell: str) -> str:
    """Read a text that `guard` wrote."""
    return cell[1:] if GUARDED.match(cell) else cell


def number_cell(value: float) -> str:
    """Write a number so that it reads back with the same bits."""
    plain = plain_number(value)
    if isinstance(plain, str):
        return {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}.get(plain, plain)
    return repr(value)


def read_number_cell(cell: str) -> float:
    """Read a number.

    Raises:
        ValueError: it is none.
    """
    text = cell.strip()
    if text.startswith("NaN:"):
        return read_number(text, "cell")
    if "_" in text:  # Python would take 1_000 as a number, no other program does
        raise ValueError
    return float(text)


def is_number_cell(cell: str) -> bool:
    """Whether a cell holds a number; NaN and infinities are numbers."""
    try:
        return not math.isnan(read_number_cell(cell)) or cell.strip() != ""
    except ValueError:
        return False
