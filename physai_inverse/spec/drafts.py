"""First study files, with comments: for a built-in task, or for a command of one's own."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from physai_inverse.errors import InvalidInput

GUESSES: dict[str, str] = {
    "batch_size": "{type: ordinal, levels: [16, 32, 64, 128, 256]}",
    "depth": "{type: integer, low: 1, high: 8}",
    "dropout": "{type: float, low: 0.0, high: 0.5}",
    "epochs": "{type: integer, low: 1, high: 100, log: true}",
    "learning_rate": "{type: float, low: 1e-5, high: 1.0, log: true}",
    "lr": "{type: float, low: 1e-5, high: 1.0, log: true}",
    "momentum": "{type: float, low: 0.0, high: 0.99}",
    "weight_decay": "{type: float, low: 1e-6, high: 0.1, log: true}",
    "width": "{type: integer, low: 8, high: 512, log: true}",
}
"""Ranges to start from, by the usual names; everything else starts as a number between 0 and 1."""

SCHEMA_LINES = (
    "# yaml-language-server: $schema=./study.schema.json",
    "# (for editors that complete and check: physai-inverse schema > study.schema.json)",
)
OTHERWISE_READ = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"})
"""Words that some reader of YAML takes for something else than a text."""
FIRST_WISHES = ("val_loss", "test_loss", "loss")


def draft_for_task(name: str, folder: Path = Path()) -> str:
    """Write a study file for a task.

    Args:
        name: of a built-in one, or the path of a file that holds one.
        folder: where the study file will lie, from which it names such a file.

    Raises:
        InvalidInput: there is no such task.
    """
    from physai_inverse.trainers import describe

    task = describe(name)
    first = next((metric for metric in FIRST_WISHES if metric in task.metrics), next(iter(task.metrics)))
    objective = task.objective or {"minimize": first}
    place = os.path.relpath(name, folder) if name.endswith(".py") else name
    lines = [
        *SCHEMA_LINES,
        *(f"# {line}" for line in _filled(task.description)),
        f"name: {flow(task.name)}",
        "",
        "# What may be configured. Narrow a range, or make it {type: constant, value: ..}.",
        "space:",
        *(f"  {knob}: {_parameter(body)}" for knob, body in task.knobs.items()),
        "",
        "# What must hold between parameters; may stay empty.",
        "constraints: []",
        "",
        "# What is wanted: minimize, maximize, target (rank = 20 +- 1), where (parameters <= 1e5).",
        f"objective: {flow(objective)}",
        "",
        "# What is recorded beside, for people.",
        "metrics:",
        *(f"  {metric}: {json.dumps(meaning)}" for metric, meaning in task.metrics.items()),
        "",
        f"# Settings: {', '.join(f'{key} ({json.dumps(value)})' for key, value in task.settings.items())}.",
        f"trainer: {{task: {flow(place)}}}",
    ]
    return "\n".join([*lines, *_ending()])


def draft_for_command(command: str, name: str) -> str:
    """Write a study file for a command with placeholders; the ranges are guesses from their names.

    Raises:
        InvalidInput: the command cannot be read, or has no parameter.
    """
    from physai_inverse.trainers import CommandTrainer
    from physai_inverse.trainers.command import OWN_NAMES

    names = [word for word in CommandTrainer(command).template.names if word not in OWN_NAMES]
    if not names:
        raise InvalidInput(
            f"`--command` has no parameter: write each as {{name}}, such as `python train.py --lr {{lr}}`, "
            f"not {command!r}."
        )
    lines = [
        *SCHEMA_LINES,
        f"name: {flow(name)}",
        "",
        "# What may be configured. The ranges are guesses from the names: set them.",
        "space:",
        *(f"  {flow(word)}: {GUESSES.get(word, '{type: float, low: 0.0, high: 1.0}')}" for word in names),
        "",
        "# What must hold between parameters; may stay empty.",
        "constraints: []",
        "",
        "# What is wanted: minimize, maximize, target (rank = 20 +- 1), where (parameters <= 1e5).",
        "objective: {minimize: val_loss}",
        "",
        '# The command prints a JSON line such as {"val_loss": 0.31}, or writes it to the path in `metrics`.',
        "trainer:",
        f"  command: {json.dumps(command)}",
        "  metrics: stdout",
    ]
    return "\n".join([*lines, *_ending()])


def _ending() -> list[str]:
    return [
        "",
        "budget: 40           # trainings of `run`",
        "workers: 2           # at a time",
        "timeout: 600         # seconds a training may take",
        "seed: 0",
        "baseline: random     # `run` gives random search the same budget",
        "confirm: 3           # fresh trainings of each pick at the end",
        "",
    ]


def _parameter(knob: Mapping[str, object]) -> str:
    keys = ("type", "low", "high", "log", "levels", "values", "when")
    return "{" + ", ".join(f"{key}: {flow(knob[key])}" for key in keys if key in knob) + "}"


def flow(value: object) -> str:
    """Write a value in YAML's flow style, texts without quotes where they are plain words."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flow(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str) and value.isascii() and value.isidentifier() and value.lower() not in OTHERWISE_READ:
        return value
    return json.dumps(value, ensure_ascii=not (isinstance(value, str) and value.isprintable()))


def _filled(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, 100)
