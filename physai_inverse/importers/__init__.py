"""Foreign records to observations, and observations to records that other programs read.

`read_records` makes a study of what another tool wrote; its readers are loaded when they are used.
"""

from typing import TYPE_CHECKING

from physai_inverse.importers.forms import plain_metric, read_metric, read_metrics
from physai_inverse.importers.table import (
    FORMATS,
    InvalidTable,
    Table,
    TrialRow,
    format_of,
    read_table,
    table_text,
)

if TYPE_CHECKING:
    from physai_inverse.importers.reading import Reading
    from physai_inverse.importers.recognition import read_records, read_records_into
    from physai_inverse.importers.relations import ShareGroup, shares

__all__ = [
    "FORMATS",
    "InvalidTable",
    "Reading",
    "ShareGroup",
    "Table",
    "TrialRow",
    "format_of",
    "plain_metric",
    "read_metric",
    "read_metrics",
    "read_records",
    "read_records_into",
    "read_table",
    "shares",
    "table_text",
]

_HOMES = {
    "Reading": "reading",
    "ShareGroup": "relations",
    "read_records": "recognition",
    "read_records_into": "recognition",
    "shares": "relations",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(f"physai_inverse.importers.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'physai_inverse.importers' has no attribute {name!r}")
