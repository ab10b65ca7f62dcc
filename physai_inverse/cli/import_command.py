"""The command `import`: records of other tools to a study of their own, or into one that exists."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from physai_inverse.cli.options import AsJson, Grow
from physai_inverse.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from physai_inverse.importers import Table
    from physai_inverse.importers.reading import Reading
    from physai_inverse.space import Space

MAX_SHOWN = 20
"""Rows that cannot be used which are named on the screen."""


def import_records(
    places: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="A file, a folder, or the URL of an Optuna storage; with a study file before it, STUDY SOURCE, "
            "the trainings are added to that study.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="STUDY", help="The study file to write. [default: SOURCE.yaml]", show_default=False
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            help="Where SOURCE leaves a doubt: csv, json, parquet, optuna, mlflow, tensorboard, wandb, ray, "
            "lightning.",
        ),
    ] = None,
    experiment: Annotated[
        str | None,
        typer.Option("--experiment", metavar="NAME", help="Which experiment, study or project of SOURCE."),
    ] = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="COLUMN=NAME",
            help="What a column is: parameter, metric, parameter:NAME, metric:NAME, another name, seed, ...; "
            "COLUMN= leaves it out.",
        ),
    ] = None,
    censored: Annotated[
        list[str] | None,
        typer.Option(
            "--censored", metavar="METRIC=above:BOUND",
            help="An empty cell of this metric means: above (or below) the bound.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and decide, write nothing.")] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="With a study: leave out rows that do not fit its space.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="With a study: also import trainings that it has already.")
    ] = False,
    grow: Grow = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Import trainings that were run elsewhere.

    Of a table, an Optuna storage, an MLflow store, a folder of TensorBoard events, of W&B offline runs, of Ray
    Tune results or of Lightning logs a study file and a database are made. Every decision is shown with its
    reason; the objective is a guess to be corrected in the file. With a study file before SOURCE the trainings
    are added to that study: columns named like its parameters are parameters; rows that do not fit are named, and
    nothing is imported then, unless --skip-bad is given. Trainings that the study has already are recognised and
    left out, so that a source that has grown can be imported again.
    """
    columns = _mapping(mapping or [])
    bounds = _censored(censored or [])
    if len(places) > 2:
        raise InvalidInput(
            f"expected SOURCE, or STUDY SOURCE, got {len(places)} places; import one after the other."
        )
    if len(places) == 2:
        if out is not None or bounds:
            raise InvalidInput(
                "--out and --censored make a new study; leave them out, or the study before SOURCE."
            )
        _into(
            Path(places[0]),
            places[1],
            kind,
            experiment,
            columns,
            dry_run=dry_run,
            skip_bad=skip_bad,
            again=again,
            grow=grow,
            as_json=as_json,
        )
        return
    if skip_bad or grow or again:
        raise InvalidInput(
            "--skip-bad, --again and --grow need a study to add to: physai-inverse import STUDY SOURCE."
        )
    [source] = places
    _refuse_study(source)
    from physai_inverse.importers.recognition import read_records
    from physai_inverse.spec.imported import free_path, require_free, write_study

    path = out or free_path(source)
    if not dry_run:
        require_free(path)
    reading = read_records(source, kind=kind, mapping=columns, censored=bounds, experiment=experiment)
    if not dry_run:
        write_study(reading, path).close()
    if as_json:
        from physai_inverse.cli.json_lines import print_json, reading_json

        print_json({"study": None if dry_run else str(path), **reading_json(reading)})
    else:
        _show(reading, path, dry_run=dry_run)


def _show(reading: "Reading", path: Path, *, dry_run: bool) -> None:
    from physai_inverse.cli.tables import console, decisions_table

    terminal = console()
    terminal.print(decisions_table(reading))
    wish = ", ".join(reading.wish.goals)
    terminal.print(f"Objective: {wish} ({reading.wish.why}).", markup=False)
    for group in reading.shares:
        terminal.print(
            f"Shares: {', '.join(group.names)} add up to {group.total:g} in every training.", markup=False
        )
    for line in reading.hints:
        terminal.print(f"Note: {line}", markup=False)
    if reading.left_out:
        terminal.print(f"Left out: {len(reading.left_out)}", markup=False)
        for line in reading.left_out[:MAX_SHOWN]:
            terminal.print(f"  {line}", markup=False)
        more = len(reading.left_out) - MAX_SHOWN
        if more > 0:
            terminal.print(f"  and {more} more; --json lists all.", markup=False)
    count = len(reading.observations)
    if dry_run:
        terminal.print(f"{count} trainings can be used; nothing was written (--dry-run).", markup=False)
        return
    terminal.print(f"Wrote {path} and {path.with_suffix('.db')} with {count} trainings.", markup=False)
    terminal.print(
        f"Look at it, then: physai-inverse suggest {path}, or physai-inverse report {path}", markup=False
    )


def _into(
    study: Path,
    source: str,
    kind: str | None,
    experiment: str | None,
    mapping: dict[str, str],
    *,
    dry_run: bool,
    skip_bad: bool,
    again: bool,
    grow: bool,
    as_json: bool,
) -> None:
    from physai_inverse.cli.json_lines import print_json
    from physai_inverse.cli.opening import load, open_new
    from physai_inverse.importers import InvalidTable

    table = _table(load(study).space, source, kind, experiment, mapping)
    if table.problems and not skip_bad:
        more = len(table.problems) - MAX_SHOWN
        shown = list(table.problems[:MAX_SHOWN])
        shown += [f"{source}: and {more} more rows do not fit."] if more > 0 else []
        shown.append(f"{source}: nothing was imported; correct the rows, or leave them out with --skip-bad.")
        raise InvalidTable(tuple(shown))
    for line in (*table.notes, *(f"left out: {problem}" for problem in table.problems)):
        typer.echo(f"Note: {line}", err=True)
    numbers: tuple[int, ...] = ()
    known: tuple[int, ...] = ()
    if not dry_run and table.observations:
        _, opened = open_new(study, grow=grow)
        if again:
            numbers = tuple(opened.import_observations(table.observations))
        else:
            imported = opened.import_new(table.observations)
            numbers, known = imported.numbers, imported.known
    if as_json:
        print_json(
            {
                "rows": len(table.observations),
                "numbers": list(numbers),
                "known": list(known),
                "left_out": list(table.problems),
                "notes": list(table.notes),
            }
        )
    elif dry_run:
        typer.echo(f"{len(table.observations)} trainings fit; nothing was written (--dry-run).")
    else:
        span = f": trials {numbers[0]} to {numbers[-1]}" if numbers else ""
        had = f" The study had {len(known)} already (--again imports these, too)." if known else ""
        typer.echo(f"Imported {len(numbers)} {'new ' if known else ''}trainings{span}.{had}")


def _table(
    space: "Space", source: str, kind: str | None, experiment: str | None, mapping: dict[str, str]
) -> "Table":
    """Read a table of our own form strictly, and what other tools write as they write it."""
    from physai_inverse.importers import FORMATS, read_table
    from physai_inverse.importers.recognition import read_records_into

    ending = Path(source).suffix.lower().lstrip(".")
    if kind is None and ending in FORMATS and not Path(source).is_dir():
        return read_table(source, space, mapping=mapping)
    return read_records_into(source, space, kind=kind, mapping=mapping, experiment=experiment)


def _refuse_study(source: str) -> None:
    if source.endswith((".yaml", ".yml")):
        raise InvalidInput(
            f"`{source}` is a study file; give what is to be imported into it, too: "
            f"physai-inverse import {source} SOURCE."
        )
    if not source:
        raise NotFound("expected a file, a folder or a URL to import, got an empty text.")


def _mapping(arguments: list[str]) -> dict[str, str]:
    mapping: dict[str, str] = {}
    for argument in arguments:
        column, sign, target = argument.rpartition("=")
        if not sign or not column:
            raise InvalidInput(f"`--map` takes COLUMN=NAME, such as learning_rate=lr, not {argument!r}.")
        if column in mapping:
            raise InvalidInput(f"`--map` names the column `{column}` twice.")
        mapping[column] = target
    return mapping


def _censored(arguments: list[str]) -> dict[str, tuple[str, float]]:
    found: dict[str, tuple[str, float]] = {}
    for argument in arguments:
        metric, sign, meaning = argument.rpartition("=")
        side, _, bound = meaning.partition(":")
        try:
            number = float(bound)
        except ValueError:
            number = float("nan")
        if not sign or side not in ("above", "below") or number != number:
            raise InvalidInput(
                "`--censored` takes METRIC=above:BOUND or METRIC=below:BOUND, such as "
                f"steps_to_test=above:100000, not {argument!r}."
            )
        found[metric] = (side, number)
    return found
