"""The application: every command with its name and an example; nothing heavy is imported here."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from physai_inverse.cli import (
    import_command,
    loop_commands,
    question_commands,
    record_commands,
    reproduce_command,
    start_commands,
)
from physai_inverse.cli.guard import GuardedGroup

EXIT_CODES = (
    "Exit codes: 0 ok, 1 a training or the run failed, 2 bad input, 3 not found or nothing there yet, "
    "4 conflict (finished, lease lost, another space), 5 store damaged or unavailable, 70 a bug in this program, "
    "130 interrupted."
)

COMMANDS: dict[str, tuple[Callable[..., None], tuple[str, ...]]] = {
    "init": (start_commands.init, ("init study.yaml --task digits",)),
    "run": (loop_commands.run, ("run study.yaml --budget 40",)),
    "suggest": (
        loop_commands.suggest,
        ("suggest study.yaml -n 4", "suggest study.yaml --explain", "suggest study.yaml --json"),
    ),
    "observe": (
        loop_commands.observe,
        (
            "observe study.yaml 7 val_loss=0.31 sharpness=12 --seconds 41",
            "observe study.yaml 8 --failed 'loss is NaN' --kind diverged",
            "suggest study.yaml --json | ./train.sh | physai-inverse observe study.yaml --json-lines -",
        ),
    ),
    "heartbeat": (loop_commands.heartbeat, ("heartbeat study.yaml 7 --token TOKEN",)),
    "enqueue": (loop_commands.enqueue, ("enqueue study.yaml lr=0.01 width=64 optimizer=adamw",)),
    "recommend": (question_commands.recommend, ("recommend study.yaml",)),
    "fit": (question_commands.fit, ("fit study.yaml", "fit study.yaml --metric val_loss --json")),
    "mediators": (
        question_commands.mediators,
        ("mediators study.yaml", "mediators study.yaml --metric val_loss --json"),
    ),
    "predict": (
        question_commands.predict,
        ("predict study.yaml lr=0.01 width=64 optimizer=adamw", "predict study.yaml configs.jsonl --json"),
    ),
    "invert": (
        question_commands.invert,
        (
            'invert study.yaml --minimize val_loss --where "parameters <= 1e4"',
            'invert study.yaml --target "effective_rank = 20 +- 1" -n 4 --verify 4',
        ),
    ),
    "pareto": (question_commands.pareto, ("pareto study.yaml", "pareto study.yaml --json")),
    "show": (record_commands.show, ("show study.yaml --last 10", "show study.yaml --trial 7")),
    "report": (record_commands.report, ("report study.yaml page.html",)),
    "import": (
        import_command.import_records,
        (
            "import runs.csv --map learning_rate=lr --dry-run",
            "import mlruns --out resnet.yaml",
            "import grokking.csv --censored steps_to_test=above:100000",
            "import study.yaml more_runs.csv",
        ),
    ),
    "export": (record_commands.export_table, ("export study.yaml trials.csv", "export study.yaml - | head -1")),
    "backup": (record_commands.backup, ("backup study.yaml copy.db",)),
    "check": (record_commands.check, ("check study.yaml",)),
    "restore": (record_commands.restore, ("restore study.yaml copy.db",)),
    "reproduce": (
        reproduce_command.reproduce,
        ("reproduce", "reproduce 7 16 17 --figures laws", "reproduce --list"),
    ),
    "observables": (
        start_commands.observables,
        ("observables", "observables --task modular_addition", "observables --json"),
    ),
    "tasks": (start_commands.tasks, ("tasks", "tasks double_descent", "tasks my_task.py --json")),
    "schema": (start_commands.schema, ("schema > study.schema.json",)),
    "version": (start_commands.version, ("version",)),
}

app = typer.Typer(
    cls=GuardedGroup,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        start_commands.version()
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Learn the map from training configurations to metrics, and use it in both directions."""


def _help(function: Callable[..., Any], examples: tuple[str, ...]) -> str:
    # \b keeps click from filling the lines of a paragraph.
    lines = "\n".join(f"  physai-inverse {example}" for example in examples)
    return f"{inspect.getdoc(function)}\n\n\b\nExample{'s' if len(examples) > 1 else ''}:\n{lines}"


for _name, (_function, _examples) in COMMANDS.items():
    app.command(_name, help=_help(_function, _examples))(_function)


def main() -> None:
    """Run the command line."""
    app(prog_name="physai-inverse")
