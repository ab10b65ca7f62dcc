"""`reproduce`: laws of the field, measured anew."""

import math
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Self

import typer

from physai_inverse.cli.options import AsJson
from physai_inverse.errors import InvalidInput, TrialFailed

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live
    from rich.table import Table

    from physai_inverse.reproduction import Law, Reproduced, Standing

COLOURS = {"holds": "green", "does not hold": "red", "not measured": "yellow"}


def reproduce(
    numbers: Annotated[
        list[int] | None, typer.Argument(metavar="[LAW]...", help="Numbers of laws. [default: all]")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="Only list the laws.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="Of every training.")] = 0,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Laws at a time. [default: one a core]", show_default=False)
    ] = None,
    page: Annotated[
        Path, typer.Option("--page", metavar="FILE", help="The page with a figure for each law.")
    ] = Path("laws.html"),
    figures: Annotated[
        Path | None, typer.Option("--figures", metavar="FOLDER", help="Also draw every figure to a file there.")
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", metavar="FORMAT", help="Of these files: svg, pdf or png. [default: svg]"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure laws of the field anew, and hold them against what is published.

    Every law runs its trainings on a built-in task, prints expected and measured numbers with a verdict, and is
    drawn on a page that works offline. Exit code 1 where a law does not hold.
    """
    from physai_inverse.cli.json_lines import print_json
    from physai_inverse.cli.tables import console
    from physai_inverse.reproduction import chosen_laws
    from physai_inverse.reproduction import reproduce as run

    if workers is not None and workers < 1:
        raise InvalidInput(f"`--workers` must be at least 1, not {workers}.")
    if form is not None and figures is None:
        raise InvalidInput("`--format` says how figures are drawn to files; give `--figures FOLDER`, too.")
    laws = chosen_laws(numbers or [])
    if listed:
        if as_json:
            for law in laws:
                print_json(_law_json(law))
        else:
            console().print(_list(laws))
        return
    with _View(console(stderr=True), len(laws)) as view:
        found = run([law.number for law in laws], seed=seed, workers=workers, on_progress=view.take)
    if as_json:
        for one in found:
            print_json(_outcome_json(one))
    else:
        console().print(_verdicts(found))
        for one in found:
            if one.outcome is not None and one.outcome.note:
                console().print(f"{one.law.number} {one.law.name}: {one.outcome.note}", markup=False)
    _draw(found, page, figures, form or "svg")
    fallen = [f"{one.law.number} ({one.law.name})" for one in found if one.verdict != "holds"]
    if fallen:
        raise TrialFailed(f"{len(found) - len(fallen)} of {len(found)} laws hold; not: {', '.join(fallen)}.")
    typer.echo(f"All {len(found)} laws hold." if len(found) > 1 else "The law holds.", err=True)


def _draw(found: "list[Reproduced]", page: Path, figures: Path | None, form: str) -> None:
    from physai_inverse.report import write_laws, write_laws_page

    typer.echo(f"Wrote {write_laws_page(found, page)}.", err=True)
    if figures is not None:
        typer.echo(f"Drew {len(write_laws(found, figures, form=form))} figures in {figures}.", err=True)


class _View:
    """Shows what is measured: a live line a law in a terminal, a line at each end anywhere else."""

    def __init__(self, terminal: "Console", total: int) -> None:
        self._terminal, self._total = terminal, total
        self._latest: Standing | None = None
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self._terminal.is_terminal:
            from rich.live import Live

            self._live = Live(console=self._terminal, refresh_per_second=4, get_renderable=self._shown)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def take(self, standing: "Standing") -> None:
        self._latest = standing
        last = standing.last
        if last is not None:
            line = (
                f"{len(standing.finished)}/{self._total} law {last.law.number} ({last.law.name}): {last.verdict}"
            )
            self._terminal.print(f"{line}, {last.seconds:.0f} s", markup=False, soft_wrap=True)

    def _shown(self) -> "RenderableType":
        from rich.text import Text

        if self._latest is None:
            return Text("")
        running = "; ".join(f"{law.number} {law.name} {seconds:.0f} s" for law, seconds in self._latest.running)
        waiting = f", {self._latest.waiting} waiting" if self._latest.waiting else ""
        line = Text(f"  {running}{waiting}", style="yellow")
        line.no_wrap, line.overflow = True, "ellipsis"
        return line


def _list(laws: "Sequence[Law]") -> "Table":
    from physai_inverse.cli.tables import new_table

    table = new_table()
    for heading in ("law", "name", "statement", "task"):
        table.add_column(heading)
    table.add_column("about", justify="right", no_wrap=True)
    for law in laws:
        table.add_row(str(law.number), law.name, law.statement, law.task, f"{law.seconds:.0f} s")
    return table


def _verdicts(found: "list[Reproduced]") -> "Table":
    from rich.text import Text

    from physai_inverse.cli.tables import new_table, number_text

    table = new_table("Laws, measured anew")
    table.add_column("law", ratio=2)
    table.add_column("what", ratio=3)
    table.add_column("expected", justify="right", no_wrap=True)
    table.add_column("measured", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for one in found:
        name = f"{one.law.number} {one.law.name}"
        if one.outcome is None:
            shown = Text(one.verdict, style=COLOURS[one.verdict])
            table.add_row(name, Text(_last_line(one.error)), "", "", shown, end_section=True)
            continue
        for place, check in enumerate(one.outcome.checks):
            verdict = "holds" if check.holds else "does not hold"
            table.add_row(
                name if place == 0 else "",
                Text(check.what),
                check.expected,
                number_text(check.measured),
                Text(verdict, style=COLOURS[verdict]),
                end_section=place + 1 == len(one.outcome.checks),
            )
    return table


def _last_line(error: str | None) -> str:
    """Give the line of an error that says what went wrong; the whole of it stands on the page and in JSON."""
    lines = (error or "").strip().splitlines()
    return lines[-1].strip() if lines else ""


def _law_json(law: "Law") -> dict[str, object]:
    return {
        "number": law.number,
        "name": law.name,
        "statement": law.statement,
        "conditions": law.conditions,
        "source": law.source,
        "task": law.task,
        "seconds": law.seconds,
    }


def _outcome_json(one: "Reproduced") -> dict[str, object]:
    checks = [] if one.outcome is None else one.outcome.checks
    return {
        **_law_json(one.law),
        "seconds": one.seconds,
        "verdict": one.verdict,
        "error": one.error,
        "note": "" if one.outcome is None else one.outcome.note,
        "checks": [
            {
                "what": check.what,
                "low": check.low if math.isfinite(check.low) else None,
                "high": check.high if math.isfinite(check.high) else None,
                "measured": check.measured if math.isfinite(check.measured) else None,
                "holds": check.holds,
            }
            for check in checks
        ],
    }
