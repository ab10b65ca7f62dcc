"""Figures of a study, and one page made of them.

A figure is a plain mapping in plotly's JSON form: `plotly.graph_objects.Figure(figure)` shows it in a notebook,
and making it needs no plotly. `write_report` joins them to a page that works offline in any browser.
"""

from physai_inverse.report.effects import plot_effects, plot_shares
from physai_inverse.report.page import write_report
from physai_inverse.report.progress import plot_progress
from physai_inverse.report.tradeoffs import plot_tradeoff
from physai_inverse.report.trust import plot_predicted

__all__ = [
    "plot_effects",
    "plot_predicted",
    "plot_progress",
    "plot_shares",
    "plot_tradeoff",
    "write_report",
]
