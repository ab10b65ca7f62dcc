"""Many trainings in one call, for trainers that can: each is told what it takes, and ends by itself.

A trainer that can has `trains_together` true and takes lists: `(configs, seeds) -> results`, in which a training
that failed stands as its `TrialFailed`. What it is told beside them (see `extras`) comes as lists, too, but the
fidelity, which all share; its `report` is told which training speaks: `report(index, step, metrics)`.
"""

from collections.abc import Mapping, Sequence

from physai_inverse.errors import InvalidInput, TrialFailed
from physai_inverse.executors.outcome import explain
from physai_inverse.observations import Config, Trainer
from physai_inverse.trainers.extras import Extras, Trained, folder_of, settled, taken
from physai_inverse.trainers.streaming import Stream


def trains_together(trainer: Trainer) -> bool:
    """Say whether a trainer takes many configurations in one call.

    Raises:
        InvalidInput: a function that is named cannot be loaded.
    """
    return bool(getattr(trainer, "trains_together", False))


def train_together(
    trainer: Trainer, configs: Sequence[Config], seeds: Sequence[int], extras: Sequence[Extras]
) -> list[Trained | TrialFailed]:
    """Train many in one call, with what the trainer takes of the extras.

    Args:
        trainer: one that can.
        configs: of the trainings.
        seeds: one each.
        extras: one each, all of one fidelity.

    Returns:
        What each gave, or how it failed.

    Raises:
        InvalidInput: the trainer gives another number of results; and whatever it raises.
    """
    takes = taken(trainer)
    given: dict[str, object] = {}
    if "fidelity" in takes:
        given["fidelity"] = extras[0].fidelity
    if "checkpoint" in takes:
        given["checkpoint"] = [folder_of(item) for item in extras]
    if "resume_from" in takes:
        given["resume_from"] = [item.resume_from for item in extras]
    if "report" in takes:
        stream = Stream()

        def report(index: int, step: float, metrics: Mapping[str, float]) -> bool:
            told = extras[index].report
            if told is None:
                return False
            stop = told(step, metrics)
            stream.add(index, step, metrics)
            return stop

        given["report"] = report
    results = trainer(configs, seeds, **given)
    if not isinstance(results, Sequence) or len(results) != len(configs):
        raise InvalidInput(
            f"The trainer was given {len(configs)} configurations and must give as many results, "
            f"not {len(results) if isinstance(results, Sequence) else type(results).__name__}."
        )
    return [
        _own(result) if isinstance(result, TrialFailed) else settled(result, item.report, trainer)
        for result, item in zip(results, extras, strict=True)
    ]


def _own(failed: TrialFailed) -> TrialFailed:
    """Give a failure in its own words: its place among those that it was trained with says nothing later on."""
    return failed if failed.__cause__ is None else TrialFailed(*explain(failed.__cause__))
