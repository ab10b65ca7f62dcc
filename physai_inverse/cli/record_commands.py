"""Commands over what is recorded: show, export, report, backup, check, restore."""

from pathlib import Path
from typing import Annotated

import typer

from physai_inverse.cli.options import AsJson, StudyFile, whole
from physai_inverse.errors import InvalidInput, NotFound


def show(
    study: StudyFile,
    trial: Annotated[
        int | None, typer.Option("--trial", parser=whole, metavar="N", help="Show one trial in full.")
    ] = None,
    last: Annotated[
        int | None, typer.Option("--last", parser=whole, metavar="N", help="Show the last N trials only.")
    ] = None,
    sort: Annotated[
        str | None, typer.Option("--sort", metavar="METRIC", help="Sort by a metric, the smallest first.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a study and its trials."""
    from physai_inverse.cli.json_lines import print_json, trial_json
    from physai_inverse.cli.opening import open_existing

    spec, opened = open_existing(study)
    if trial is not None:
        one, so_far = opened.trial(trial), opened.store.noted(opened.name, trial)
        if as_json:
            print_json(trial_json(one, so_far))
            return
        from physai_inverse.cli.tables import console, trial_table

        console().print(trial_table(one, spec.metrics, so_far))
        return
    if last is not None and last < 1:
        raise InvalidInput(f"`--last` must be at least 1, not {last}.")
    trials = opened.trials
    recorded = list(dict.fromkeys(name for item in trials for name in item.metrics))
    if sort is not None:
        if sort not in recorded:
            known = ", ".join(recorded) or "none"
            raise NotFound(f"No training has given the metric `{sort}`; recorded are: {known}.")
        values = {item.number: float(item.metrics[sort]) for item in trials if sort in item.metrics}
        trials = sorted(
            (item for item in trials if item.number in values and values[item.number] == values[item.number]),
            key=lambda item: values[item.number],
        )
    shown = trials[-last:] if last and sort is None else trials[:last]
    if as_json:
        for item in shown:
            print_json(trial_json(item))
        return
    from physai_inverse.cli.overview import print_overview
    from physai_inverse.cli.tables import console, shown_metrics, trials_table

    terminal = console()
    print_overview(terminal, spec, opened)
    names = dict.fromkeys([*([sort] if sort else []), *shown_metrics(spec.objective, recorded)])
    if shown:
        terminal.print(trials_table(shown, list(names)))


def export_table(
    study: StudyFile,
    file: Annotated[str, typer.Argument(help="A .csv or .jsonl file, or - for JSON lines on standard output.")],
    every: Annotated[bool, typer.Option("--all", help="Also trials that have not ended.")] = False,
) -> None:
    """Export trainings as CSV or JSON lines.

    Numbers keep all their digits; JSON lines hold curves, too. `import` reads both.
    """
    from physai_inverse.cli.opening import open_existing
    from physai_inverse.files import write_text
    from physai_inverse.importers import TrialRow, format_of, table_text

    form = "jsonl" if file == "-" else format_of(file)
    _, opened = open_existing(study)
    trials = opened.store.trials(opened.name, curves=form == "jsonl")
    rows = [TrialRow(trial.observation(), trial.origin) for trial in trials if every or trial.state.finished]
    text = table_text(rows, opened.space, form)
    if file == "-":
        typer.echo(text, nl=False)
    else:
        write_text(file, text)
        typer.echo(f"Wrote {len(rows)} trainings to {file}.", err=True)


def report(
    study: StudyFile,
    path: Annotated[
        Path | None, typer.Argument(help="The page. [default: STUDY.html]", show_default=False)
    ] = None,
    figures: Annotated[
        Path | None, typer.Option("--figures", metavar="FOLDER", help="Also draw every figure to a file there.")
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", metavar="FORMAT", help="Of these files: svg, pdf or png. [default: svg]"),
    ] = None,
) -> None:
    """Write a page of figures and tables.

    It is one HTML file that needs nothing else. Figures as files need the extra `figures` (matplotlib).

    Example:
        physai-inverse report study.yaml --figures figures --format png
    """
    from physai_inverse.cli.opening import open_existing
    from physai_inverse.report import write_figures, write_report
    from physai_inverse.study import baseline_study, past_campaign
    from physai_inverse.study.campaign import BASELINE_SUFFIX

    if form is not None and figures is None:
        raise InvalidInput("`--format` is of the files that `--figures FOLDER` asks for; give that, too.")
    spec, opened = open_existing(study)
    compared = opened.name + BASELINE_SUFFIX in opened.store.studies()
    baseline = baseline_study(opened) if compared else None
    labels = dict(spec.metrics)
    if figures is not None:
        files = write_figures(opened, figures, form=form or "svg", baseline=baseline)
        typer.echo(f"Drew {len(files)} figures in {figures}.", err=True)
    page = path or study.with_suffix(".html")
    typer.echo(write_report(opened, page, baseline=baseline, campaign=past_campaign(opened), labels=labels))


def backup(study: StudyFile, path: Annotated[Path, typer.Argument(help="The copy.")]) -> None:
    """Copy the database, while others write to it."""
    from physai_inverse.cli.opening import open_store

    _, store = open_store(study)
    typer.echo(f"Copied to {store.backup(path)}.")


def check(study: StudyFile, as_json: AsJson = False) -> None:
    """Check the database against its checksums.

    Also every rule that must hold between its rows. Exit code 5 where something is wrong.
    """
    from physai_inverse.cli.json_lines import print_json
    from physai_inverse.cli.opening import open_store

    spec, store = open_store(study)
    problems = store.check()
    if as_json:
        for problem in problems:
            print_json({"problem": problem})
    elif not problems:
        typer.echo(f"{store.path or spec.name} is sound.")
    else:
        for problem in problems:
            typer.echo(f"Error: {problem}", err=True)
    if problems:
        raise typer.Exit(5)


def restore(
    study: StudyFile, copy: Annotated[Path, typer.Argument(metavar="BACKUP", help="A file that `backup` wrote.")]
) -> None:
    """Put a backup in the place of the database.

    The old one is kept beside it.
    """
    from physai_inverse.cli.opening import load
    from physai_inverse.store import restore as put_back

    spec = load(study)
    if not isinstance(spec.store, Path):
        raise InvalidInput("`restore` works on a database file; restore a server with its own tools.")
    old = put_back(spec.store, copy)
    typer.echo(f"Restored {spec.store}." + (f" The old database is {old}." if old else ""))
