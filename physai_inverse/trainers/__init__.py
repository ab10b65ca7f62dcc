"""What a configuration is turned into metrics by: a function, a shell command or a built-in training.

A trainer is any callable `(config, seed) -> metrics`; it may raise `TrialFailed`. Nothing heavy is imported
until one runs.
"""

from importlib import import_module

_HOMES = {
    "CommandTrainer": "command",
    "FunctionTrainer": "function",
    "as_trainer": "function",
    "load_function": "function",
    "Task": "tasks",
    "describe": "tasks",
    "load_task": "tasks",
    "task_names": "tasks",
}

__all__ = [
    "CommandTrainer",
    "FunctionTrainer",
    "Task",
    "as_trainer",
    "describe",
    "load_function",
    "load_task",
    "task_names",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
