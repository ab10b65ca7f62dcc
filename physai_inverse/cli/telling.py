"""What tells of the end of a metric, as tables and sentences."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.text import Text

from physai_inverse.cli.tables import new_table, number_text

if TYPE_CHECKING:
    from rich.table import Table

    from physai_inverse.understanding import Mediators
    from physai_inverse.understanding.telling import Gain

STYLES = {"mediator": "green", "own": "", "forerunner": "yellow", "silent": "dim"}
MOST_SPLITS = 4


def telling_parts(found: "Mediators") -> "Iterator[Table | Text | Padding]":
    """Give what is printed, one after the other: early observables, metrics at the end, and what they part."""
    if found.early:
        yield early_table(found)
    yield Text(found.statement, style="bold")
    yield from _splits([(item.observable, item.early.step, item.split) for item in found.best if item.found])
    if found.associations:
        yield ending_table(found)
        yield from _splits([(item.observable, None, item.split) for item in found.associations if item.found])
    if found.early or found.associations:
        for name, reason in found.left_out.items():
            yield Text(f"{name}: left out, since {reason}.")


def early_table(found: "Mediators") -> "Table":
    """Show each observable at the early step at which it tells most."""
    table = new_table(
        f"What tells early of {found.metric}, in {found.rows} trainings",
        "gain: nats of log density a held-out training, and R2 before and after; over own: beside the metric's "
        "own value at that step; from: the earliest step at which it tells; folds: share of ten parts without "
        "which it is found as well",
    )
    table.add_column("observable", overflow="fold")
    for heading in ("step", "from", "gain over config", "over own", "folds"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("direction")
    table.add_column("verdict")
    for item in found.best:
        first = found.earliest(item.observable)
        table.add_row(
            item.observable,
            number_text(item.early.step),
            "" if first is None else number_text(first),
            gain_text(item.over_config),
            "" if item.over_own is None else gain_text(item.over_own),
            f"{item.folds:.0%}",
            item.direction if item.found else "",
            Text(str(item.role), style=STYLES[item.role.name.lower()]),
        )
    return table


def ending_table(found: "Mediators") -> "Table":
    """Show each metric that was measured at the end."""
    table = new_table(
        f"What goes with {found.metric} at the end: no mediators",
        "measured too late to be mediators; rank: correlation whatever the configuration; gain: as above",
    )
    table.add_column("metric", overflow="fold")
    for heading in ("rank", "gain over config"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict")
    for item in found.associations:
        words, style = ("goes with it", "green") if item.found else ("no sign beyond the configuration", "dim")
        rank = f"{item.rank_correlation:.2f}"
        table.add_row(item.observable, rank, gain_text(item.over_config), Text(words, style=style))
    return table


def gain_text(gain: "Gain") -> str:
    """Write a gain."""
    return f"{gain.nats:+.2f}, {max(gain.r2_before, 0.0):.2f} to {max(gain.r2_after, 0.0):.2f}"


def _splits(listed: "list[tuple[str, float | None, object]]") -> "Iterator[Padding]":
    from physai_inverse.understanding import Split

    for name, step, split in listed[:MOST_SPLITS]:
        if isinstance(split, Split):
            where = name if step is None else f"{name} at step {number_text(step)}"
            yield Padding(Text(f"- {split.words(where)}"), (0, 0, 0, 2))
