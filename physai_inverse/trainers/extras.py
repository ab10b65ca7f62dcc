"""What a trainer may be told beside configuration and seed, if it takes it.

    fidelity      under the fidelity's own name (`epochs`), as `fidelity`, or as a third argument of any name
    checkpoint    a folder (`Path`) of this configuration and seed that stays from one rung to the next, and from a
                  killed training to its next attempt; what lies in it is the trainer's own business
    resume_from   the number of the trial whose training this one takes further, or None
    report        `report(step, {"val_loss": 0.3}) -> bool`: tells a point of the curves; True asks to stop, and
                  the training then gives back the metrics that it has

A function takes them by its signature, a command by its placeholders, a built-in task by its settings; other
objects name them in `takes`. A trainer that takes no `checkpoint` trains every rung anew.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Config, Curve, Measurement, MetricsLike, Trainer, as_metrics
from physai_inverse.trainers.command import CommandTrainer
from physai_inverse.trainers.function import FunctionTrainer, as_trainer
from physai_inverse.trainers.streaming import Stream


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


def may_stop(trainer: Trainer) -> bool:
    """Say whether a study may stop the hopeless trainings of a trainer that reports its curves.

    So it is unless the trainer has `stop_early` false, as the built-in tasks have it where nothing else was asked
    for: a map of every metric is learned from whole trainings.

    Raises:
        InvalidInput: a function that is named cannot be loaded.
    """
    return bool(getattr(trainer, "stop_early", True))


def train(trainer: Trainer, config: Config, seed: int, extras: Extras) -> Trained:
    """Train once, with what the trainer takes of the extras; see `settled` for what comes back."""
    takes = taken(trainer)
    given: dict[str, object] = {name: getattr(extras, name) for name in takes}
    if "checkpoint" in takes:
        given["checkpoint"] = folder_of(extras)
    if "report" in takes and extras.report is not None:
        given["report"] = streamed(extras.report)
    return settled(trainer(config, seed, **given), extras.report, trainer)


def streamed(report: Report) -> Callable[[float, Mapping[str, float]], bool]:
    """Give a report that also sends its points to whoever submitted the job."""
    stream = Stream()

    def told(step: float, metrics: Mapping[str, float]) -> bool:
        stop = report(step, metrics)
        stream.add(0, step, metrics)
        return stop

    return told


def folder_of(extras: Extras) -> Path:
    """Give the folder of a training's checkpoint, made where it is not there."""
    assert extras.checkpoint is not None
    folder = Path(extras.checkpoint)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def settled(metrics: MetricsLike | None, report: Report | None, trainer: Trainer) -> Trained:
    """Put together what one training gave and what it reported.

    Curves that were reported are added to the metrics as `NAME_curve`, their last values as `NAME`, where the
    trainer does not give them itself. Of a training that was stopped, the metrics in the trainer's `lasting` are
    marked as known (a `Measurement` without error): they do not depend on how far it got.
    """
    if report is None:
        return Trained(metrics)  # type: ignore[arg-type]  # `observe` refuses none
    reported: dict[str, object] = {}
    for name, curve in report.curves.items():
        reported |= {name: curve.values[-1], f"{name}_curve": curve}
    own = metrics if metrics is not None or not reported else {}
    found = {**as_metrics(reported), **as_metrics(own)}
    if report.stopped is not None:
        for name in frozenset(getattr(trainer, "lasting", ())) & set(found):
            if isinstance(found[name], float):
                found[name] = Measurement(float(found[name]), standard_error=0.0)
    return Trained(found, report.stopped)
