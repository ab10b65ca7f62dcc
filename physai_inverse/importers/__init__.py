"""Foreign records to observations, and observations to records that other programs read."""

from physai_inverse.importers.forms import plain_metric, read_metric, read_metrics
from physai_inverse.importers.table import InvalidTable, Table, TrialRow, format_of, read_table, table_text

__all__ = [
    "InvalidTable",
    "Table",
    "TrialRow",
    "format_of",
    "plain_metric",
    "read_metric",
    "read_metrics",
    "read_table",
    "table_text",
]
