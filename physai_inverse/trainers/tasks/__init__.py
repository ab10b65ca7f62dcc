"""Built-in trainings: real PyTorch trainings of seconds, one file a task, with their knobs as plain data.

Nothing heavy is imported until a training runs.
"""

from collections.abc import Mapping

from physai_inverse.trainers.tasks.knobs import Knob, Setting, Values, complete
from physai_inverse.trainers.tasks.task import MACHINE, Task, TaskTrainer, find_task, make, task_names

__all__ = [
    "MACHINE",
    "Knob",
    "Setting",
    "Task",
    "TaskTrainer",
    "Values",
    "complete",
    "describe",
    "load_task",
    "task_names",
]


def describe(name: str) -> Task:
    """Give description, source, knobs, settings and metrics of a task.

    Args:
        name: of a built-in one, or the path of a Python file that holds `TASK`.

    Raises:
        InvalidInput: there is no such task, or the file holds none.
    """
    return find_task(name)


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
