"""Built-in trainings: real PyTorch trainings of seconds, one file a task, with their knobs as plain data.

Nothing heavy is imported until a training runs.
"""

from collections.abc import Mapping
from dataclasses import replace

from physai_inverse.trainers.batched import BatchedTrainer
from physai_inverse.trainers.observables.choice import lack, met_by
from physai_inverse.trainers.observables.registry import Observable, observables
from physai_inverse.trainers.tasks.knobs import Knob, Setting, Values, complete
from physai_inverse.trainers.tasks.task import (
    MACHINE,
    Task,
    TaskTrainer,
    curves_of,
    find_task,
    make,
    task_names,
)

__all__ = [
    "MACHINE",
    "Knob",
    "Setting",
    "Task",
    "TaskTrainer",
    "Values",
    "complete",
    "describe",
    "listed_observables",
    "load_task",
    "task_names",
]


def describe(name: str, settings: Mapping[str, object] | None = None) -> Task:
    """Give description, source, knobs, settings and metrics of a task, those of its observables included.

    Args:
        name: of a built-in one, or the path of a Python file that holds `TASK`.
        settings: as in `load_task`; they say which observables there are.

    Raises:
        InvalidInput: there is no such task, or the file holds none; or such setting.
    """
    return replace(find_task(name), metrics=make(name, settings or {}).metrics)


def listed_observables(task: str | None = None) -> list[tuple[Observable, str]]:
    """List all observables, each with why a task has it not; with an empty text where it has, or none is named.

    Raises:
        InvalidInput: there is no such task.
    """
    known = list(observables().values())
    if task is None:
        return [(item, "") for item in known]
    described, trainer = find_task(task), make(task, {"observables": False}).trainer()
    if not isinstance(trainer, BatchedTrainer):
        return [(item, "this task trains no network") for item in known]
    met = met_by(trainer.views, curves_of(described))
    return [
        (item, "a metric of the task itself" if item.name in described.metrics else lack(item, met))
        for item in known
    ]


def load_task(name: str, settings: Mapping[str, object] | None = None, *, stop_early: bool = False) -> TaskTrainer:
    """Give the trainer of a task.

    Args:
        name: as in `describe`.
        settings: fixed settings that differ from their defaults; `describe(name).settings` lists them, and every
            task that trains networks has those of `MACHINE`.
        stop_early: whether a study may stop hopeless trainings, see `AbstractBatched`.

    Raises:
        InvalidInput: there is no such task or setting, or a setting cannot be meant.

    Example:
        >>> load_task("digits", {"epochs": 3, "observables": False}).name
        'digits'
    """
    return make(name, settings or {}, stop_early=stop_early)
