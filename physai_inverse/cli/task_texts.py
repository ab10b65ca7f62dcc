"""Tasks for people: a list of a line each, and all about one."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from physai_inverse.cli.tables import new_table

if TYPE_CHECKING:
    from physai_inverse.trainers.tasks import Knob, Task


def tasks_table(tasks: "Iterable[Task]") -> Table:
    """Show each task and what it shows, in one line."""
    table = new_table(caption="all about one: physai-inverse tasks NAME")
    table.expand = True
    table.add_column("task", no_wrap=True)
    table.add_column("shows", no_wrap=True, overflow="ellipsis", ratio=1)
    for task in tasks:
        table.add_row(task.name, Text(task.phenomenon or task.description))
    return table


def task_story(task: "Task") -> list[RenderableType]:
    """Tell all about a task, part by part."""
    from physai_inverse.trainers.tasks import MACHINE

    knobs = new_table(title="parameters")
    for column in ("parameter", "range", "default", "where"):
        knobs.add_column(column)
    for name, knob in task.knobs.items():
        knobs.add_row(name, Text(range_text(knob)), Text(_word(knob["default"])), Text(_condition(knob)))
    settings = new_table(title="settings")
    for column in ("setting", "default"):
        settings.add_column(column)
    for name, default in {**MACHINE, **task.settings}.items():
        settings.add_row(name, Text(_word(default)))
    metrics = new_table(title="metrics")
    for column in ("metric", "meaning"):
        metrics.add_column(column)
    for name, meaning in task.metrics.items():
        metrics.add_row(name, Text(meaning))
    source = Text.assemble(("source: ", "dim"), task.source)
    texts = [Text(task.name, style="bold"), Text(task.description), Text(task.phenomenon), source]
    return [*(text for text in texts if text), Text(), knobs, settings, metrics]


def range_text(knob: "Knob") -> str:
    """Write what a parameter may be."""
    if knob["type"] == "boolean":
        return "true, false"
    listed = knob.get("values", knob.get("levels"))
    if isinstance(listed, list):
        return ", ".join(map(_word, listed))
    whole = "whole, " if knob["type"] == "integer" else ""
    return f"{whole}{_word(knob['low'])} to {_word(knob['high'])}{', log' if knob.get('log') else ''}"


def _condition(knob: "Knob") -> str:
    when = knob.get("when")
    if not isinstance(when, Mapping):
        return ""
    return "; ".join(
        f"{name}: {', '.join(map(_word, values)) if isinstance(values, list) else _word(values)}"
        for name, values in when.items()
    )


def _word(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(map(_word, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)
