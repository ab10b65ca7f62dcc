"""Commands to begin with: init, tasks, observables, schema, version."""

from pathlib import Path
from typing import Annotated

import typer

from physai_inverse.cli.options import AsJson
from physai_inverse.errors import Conflict, InvalidInput


def init(
    path: Annotated[Path, typer.Argument(help="The study file to write.")] = Path("study.yaml"),
    task: Annotated[
        str | None, typer.Option("--task", help="A built-in training (see `tasks`), or a file that holds one.")
    ] = None,
    command: Annotated[
        str | None,
        typer.Option("--command", help='Your program, such as "python train.py --lr {lr} --seed {seed}".'),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a first study file, with comments."""
    from physai_inverse.files import write_text
    from physai_inverse.spec import draft_for_command, draft_for_task, read_spec

    if task is not None and command is not None:
        raise InvalidInput("give either --task or --command; a study has one trainer.")
    if path.exists() and not force:
        raise Conflict(f"`{path}` is there already; give another path, or --force to replace it.")
    if command is not None:
        text = draft_for_command(command, path.stem)
    else:
        text = draft_for_task(task or "digits", path.parent)
    read_spec(path, text.encode())
    write_text(path, text)
    typer.echo(f"Wrote {path}. Look at it, then: physai-inverse run {path}")


def tasks(
    name: Annotated[
        str | None, typer.Argument(help="Tell all about this one; or about that in a file such as my_task.py.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the built-in trainings, or tell all about one."""
    from physai_inverse.cli.json_lines import print_json
    from physai_inverse.trainers import describe, task_names

    found = [describe(each) for each in (task_names() if name is None else [name])]
    if as_json:
        for task in found:
            print_json(
                {
                    "name": task.name,
                    "description": task.description,
                    "phenomenon": task.phenomenon,
                    "source": task.source,
                    "parameters": dict(task.knobs),
                    "settings": dict(task.settings),
                    "metrics": dict(task.metrics),
                }
            )
        return
    from physai_inverse.cli.tables import console
    from physai_inverse.cli.task_texts import task_story, tasks_table

    terminal = console()
    for part in [tasks_table(found)] if name is None else task_story(found[0]):
        terminal.print(part)


def observables(
    task: Annotated[
        str | None,
        typer.Option("--task", help="Say which of them this task has; a name of `tasks`, or a file of one's own."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List what can be observed of a training, by groups: name, cost, unit, meaning; sources with --json."""
    from physai_inverse.cli.json_lines import print_json
    from physai_inverse.trainers import listed_observables

    found = listed_observables(task)
    if as_json:
        for item, lack in found:
            print_json(
                {
                    "name": item.name,
                    "group": item.group,
                    "cost": item.cost,
                    "unit": item.unit,
                    "meaning": item.meaning,
                    "source": item.source,
                    "layers": bool(item.summary),
                    **({} if task is None else {"available": not lack, "lacks": lack}),
                }
            )
        return
    from physai_inverse.cli.tables import console, observables_table

    console().print(observables_table(found, of_task=task is not None))


def schema() -> None:
    """Print the JSON Schema of study files, for editors."""
    import json

    from physai_inverse.spec import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))


def version() -> None:
    """Print the version."""
    from physai_inverse import __version__

    typer.echo(__version__)
