"""What a trainer may be told beside configuration and seed, if it takes it.

    fidelity      under the fidelity's own name (`epochs`), as `fidelity`, or as a third argument of any name
    checkpoint    a folder (`Path`) of this configuration and seed that stays from one rung to the next, and from a
                  killed training to its next attempt; what lies in it is the trainer's own business
    resume_from   the number of the trial whose training this one takes further, or None
    report        `report(step, {"val_loss": 0.3}) -> bool`: tells a point of the curves; True asks to stop, and
                  the training then gives back the metrics that it has

A function takes them by its signature, a command by its placeholders, a built-in task by its settings. A trainer
that takes no `checkpoint` trains every rung anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Config, Curve, MetricsLike, Trainer, as_metrics
from physai_inverse.trainers.command import CommandTrainer
from physai_inverse.trainers.function import FunctionTrainer, as_trainer
from physai_inverse.trainers.tasks.task import TaskTrainer


class Report(Protocol):
    """What takes the points of a training's curves."""

    @property
    def stopped(self) -> str | None:
        """Why the training was asked to stop; None where it was not."""

    @property
    def curves(self) -> Mapping[str, Curve]:
        """What was told so far."""

    def __call__(self, step: float, metrics: Mapping[str, float]) -> bool:
        """Take in the metrics at one step, and say whether to stop."""


@dataclass(frozen=True)
class Extras:
    """What one training is told beside configuration and seed.

    Args:
        fidelity: how much it is given; None in a study without.
        checkpoint: the folder; made before the training begins.
        resume_from: the number of the trial that it continues.
        report: takes the points of its curves.
    """

    fidelity: int | float | None = None
    checkpoint: str | None = None
    resume_from: int | None = None
    report: Report | None = None


@dataclass(frozen=True)
class Trained:
    """What a training gave that was told more.

    Args:
        metrics: with the curves that it reported.
        stopped: why it was stopped early; None where it was not.
    """

    metrics: MetricsLike
    stopped: str | None = None


@dataclass(frozen=True)
class SettingTrainer:
    """A trainer with a setting of the fidelity's name, such as a built-in task: trained anew at each rung."""

    trainer: TaskTrainer
    name: str
    takes: frozenset[str] = frozenset({"fidelity"})

    def __call__(self, config: Config, seed: int, *, fidelity: float) -> MetricsLike:
        """Train with the setting at the fidelity."""
        value = int(fidelity) if fidelity == int(fidelity) else fidelity
        metrics: MetricsLike = self.trainer.with_settings(**{self.name: value})(config, seed)
        return metrics


def bound(trainer: object, fidelity: str | None) -> Trainer:
    """Make a trainer of what a user gives, for a study with a fidelity or without.

    Args:
        trainer: a function, a `CommandTrainer`, a `FunctionTrainer` or a built-in task.
        fidelity: its name; None for a study without.

    Raises:
        InvalidInput: it is no trainer, or takes no fidelity in a study that has one.
    """
    if isinstance(trainer, CommandTrainer | FunctionTrainer):
        made: Trainer = replace(trainer, fidelity=fidelity)
    elif fidelity is not None and isinstance(trainer, TaskTrainer) and fidelity in dict(trainer.settings):
        made = SettingTrainer(trainer, fidelity)
    else:
        made = as_trainer(trainer, fidelity)
    if fidelity is not None and "fidelity" not in taken(made):
        raise InvalidInput(
            f"The study has the fidelity `{fidelity}`, and its trainer does not take it. Give a function "
            f"`train(config, seed, {fidelity})`, a command with the placeholder {{{fidelity}}}, or a task "
            "with such a setting."
        )
    return made


def taken(trainer: Trainer) -> frozenset[str]:
    """Name the extras that a trainer takes.

    Raises:
        InvalidInput: a function that is named cannot be loaded.
    """
    found: frozenset[str] = getattr(trainer, "takes", frozenset())
    return found


def train(trainer: Trainer, config: Config, seed: int, extras: Extras) -> Trained:
    """Train once, with what the trainer takes of the extras.

    Curves that were reported are added to the metrics as `NAME_curve`, their last values as `NAME`, where the
    trainer does not give them itself.
    """
    takes = taken(trainer)
    given: dict[str, object] = {name: getattr(extras, name) for name in takes}
    if "checkpoint" in takes:
        assert extras.checkpoint is not None
        given["checkpoint"] = folder = Path(extras.checkpoint)
        folder.mkdir(parents=True, exist_ok=True)
    metrics = trainer(config, seed, **given)
    report = extras.report
    if report is None:
        return Trained(metrics)
    reported: dict[str, object] = {}
    for name, curve in report.curves.items():
        reported |= {name: curve.values[-1], f"{name}_curve": curve}
    own = metrics if metrics is not None or not reported else {}
    return Trained({**as_metrics(reported), **as_metrics(own)}, report.stopped)
