"""How far to believe the forward map, as tables and sentences."""

import itertools
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.text import Text

from physai_inverse.cli.tables import new_table, number_text

if TYPE_CHECKING:
    from rich.table import Table

    from physai_inverse.study import FitReport, MetricFit

COLOURS = {"inside the data": "green", "only as a ranking": "yellow", "not at all": "red"}
MOST_OUTLIERS = 3


def fit_parts(report: "FitReport") -> "Iterator[Table | Text | Padding]":
    """Give what is printed of a fit, one after the other: a table of all metrics, then each one's verdict."""
    yield scores_table(report)
    for fit in report.values():
        yield from verdict_lines(fit)
    for name, reason in report.left_out.items():
        yield Text(f"{name}: left out, since {reason}.")


def scores_table(report: "FitReport") -> "Table":
    """Show the held-out scores of every metric."""
    table = new_table(
        "How well held-out trainings were predicted",
        "log score: nats a value, in the metric's units; crps in them, too; noise: between trainings of one "
        "configuration, error: of held-out predictions, both over the spread of all values",
    )
    table.add_column("metric", overflow="fold")
    for heading in ("rows", "R2", "rank", "log score", "crps", "in 50, 90 %", "noise, error"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("calibration", no_wrap=True)
    table.add_column("trust")
    for name, fit in report.items():
        scores, noise = fit.scores, fit.noise
        guessed = "" if noise.replicates else "~"
        table.add_row(
            name,
            str(scores.rows),
            _number(scores.r2, ".2f"),
            _number(scores.rank_correlation, ".2f"),
            _number(scores.log_density, ".2f"),
            number_text(scores.crps) if math.isfinite(scores.crps) else "",
            f"{_number(100 * scores.coverage_50, '.0f')}, {_number(100 * scores.coverage_90, '.0f')}",
            guessed
            + _number(noise.trainings / noise.spread if noise.spread else math.nan, ".2f")
            + ", "
            + _number(noise.error / noise.spread if noise.spread else math.nan, ".2f"),
            calibration_text(fit),
            Text(str(fit.verdict.trust), style=COLOURS.get(str(fit.verdict.trust), "dim")),
        )
    return table


def verdict_lines(fit: "MetricFit") -> "Iterator[Text | Padding]":
    """Say in words how far to believe the map of one metric."""
    colour = COLOURS.get(str(fit.verdict.trust), "")
    known = str(fit.verdict.trust) in COLOURS
    line = Text()
    line.append(fit.metric, style="bold")
    line.append(": trust the map of it " if known else ": ")
    line.append(str(fit.verdict.trust), style=colour)
    line.append(f"; {'; '.join(fit.verdict.reasons)}.")
    yield line
    notes = [misfit.statement for misfit in fit.misfits]
    notes += [
        f"#{trial} measured {number_text(outlier.measured)} where {number_text(outlier.predicted)} was expected, "
        f"{abs(outlier.offset):.1f} standard deviations off"
        for trial, outlier in zip(fit.outlying, fit.outliers, strict=True)
    ][:MOST_OUTLIERS]
    if fit.members:
        shares = sorted(fit.members.items(), key=lambda item: -item[1])
        notes.append("mixed of " + ", ".join(f"{name} {share:.0%}" for name, share in shares if share >= 0.005))
    for note in notes:
        yield Padding(Text(f"- {note}"), (0, 0, 0, 2))


def calibration_text(fit: "MetricFit") -> str:
    """Draw the calibration curve: a bar for each tenth of the predictions, even where they are right."""
    from physai_inverse.cli.tables import BARS

    if fit.scores.rows < 8 or not fit.calibration:
        return ""
    shares = [0.0, *(share for _, share in fit.calibration), 1.0]
    tenths = [later - earlier for earlier, later in itertools.pairwise(shares)]
    return "".join(BARS[min(int(tenth / 0.2 * (len(BARS) - 1) + 0.5), len(BARS) - 1)] for tenth in tenths)


def _number(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else ""
