"""What a configuration is turned into metrics by: a function, a shell command or a built-in training.

A trainer is any callable `(config, seed) -> metrics`; it may raise `TrialFailed`. Importing this package
imports neither torch nor numpy: what is heavy is loaded when a training runs.
"""

from physai_inverse.trainers.batched import BatchedTrainer, Recipe
from physai_inverse.trainers.bills import Bill, foresee, foresees
from physai_inverse.trainers.command import CommandTrainer
from physai_inverse.trainers.extras import Extras, Trained, bound, may_stop, taken, train
from physai_inverse.trainers.function import FunctionTrainer, as_trainer, load_function
from physai_inverse.trainers.tasks import Task, describe, listed_observables, load_task, task_names
from physai_inverse.trainers.together import train_together, trains_together

__all__ = [
    "BatchedTrainer",
    "Bill",
    "CommandTrainer",
    "Extras",
    "FunctionTrainer",
    "Recipe",
    "Task",
    "Trained",
    "as_trainer",
    "bound",
    "describe",
    "foresee",
    "foresees",
    "listed_observables",
    "load_function",
    "load_task",
    "may_stop",
    "taken",
    "task_names",
    "train",
    "train_together",
    "trains_together",
]
