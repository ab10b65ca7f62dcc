"""Figures of a study, and one page made of them.

A figure is a plain mapping in plotly's JSON form: `plotly.graph_objects.Figure(figure)` shows it in a notebook,
and making it needs no plotly. `figure.write("figure.svg")` draws it for a paper, and `write_figures` all of them.
`write_report` joins them to a page that works offline in any browser.
"""

from physai_inverse.report.calibration import plot_calibration
from physai_inverse.report.effects import plot_effects, plot_shares
from physai_inverse.report.figures import Figure
from physai_inverse.report.gallery import write_figures
from physai_inverse.report.laws import plot_law, write_laws, write_laws_page
from physai_inverse.report.maps import plot_map
from physai_inverse.report.matrix import plot_metrics
from physai_inverse.report.page import write_report
from physai_inverse.report.progress import plot_progress
from physai_inverse.report.slices import plot_slices
from physai_inverse.report.telling import plot_mediators
from physai_inverse.report.tradeoffs import plot_tradeoff
from physai_inverse.report.trust import plot_predicted

__all__ = [
    "Figure",
    "plot_calibration",
    "plot_effects",
    "plot_law",
    "plot_map",
    "plot_mediators",
    "plot_metrics",
    "plot_predicted",
    "plot_progress",
    "plot_shares",
    "plot_slices",
    "plot_tradeoff",
    "write_figures",
    "write_laws",
    "write_laws_page",
    "write_report",
]
