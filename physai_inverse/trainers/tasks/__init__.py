"""Built-in trainings: real PyTorch trainings of seconds, one file a task, with their knobs as plain data.

Nothing heavy is imported until a training runs.
"""

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Trainer
from physai_inverse.trainers.tasks.knobs import Knob, Setting, Task

__all__ = ["Knob", "Setting", "Task", "describe", "load_task", "task_names"]

TASKS = {"digits": "digits", "modular_addition": "modular_addition"}
"""Name of a task to its module in this folder."""


def task_names() -> tuple[str, ...]:
    """List the built-in trainings."""
    return tuple(TASKS)


def describe(name: str) -> Task:
    """Give description, source, knobs, settings and metrics of a task.

    Raises:
        InvalidInput: there is no such task.
    """
    task = _module(name).TASK
    assert isinstance(task, Task)
    return task


def load_task(name: str, settings: Mapping[str, object] | None = None, *, stop_early: bool = False) -> Trainer:
    """Give the trainer of a task.

    Args:
        name: out of `task_names()`.
        settings: fixed settings that differ from their defaults; `describe(name).settings` lists them.
        stop_early: whether a study may stop hopeless trainings, see `AbstractBatched`.

    Raises:
        InvalidInput: there is no such task or setting, or a setting cannot be meant.

    Example:
        >>> load_task("digits", {"epochs": 3, "observables": False})
        DigitsTrainer(epochs=3, device='auto', observables=())
    """
    trainer: Trainer = _module(name).make(settings or {})
    return replace(trainer, stop_early=True) if stop_early else trainer  # type: ignore[type-var]  # each is one


def _module(name: str):  # type: ignore[no-untyped-def]  # a module, whose members mypy cannot know
    if name not in TASKS:
        raise InvalidInput(f"There is no task `{name}`; there are {', '.join(f'`{task}`' for task in TASKS)}.")
    return import_module(f"physai_inverse.trainers.tasks.{TASKS[name]}")
