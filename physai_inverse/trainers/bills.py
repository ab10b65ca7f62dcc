"""What a training will take, as far as that is known before it begins, from its network, batches and steps."""

from collections.abc import Sequence
from dataclasses import dataclass

from physai_inverse.observations import Config, Trainer


@dataclass(frozen=True)
class Bill:
    """The seconds of one training on a machine like that on which the costs were measured; only ratios count.

    Args:
        alone: what it takes by itself.
        own: what it adds to a stack that is under way anyway.
        shared: what a stack of its length takes beside, whatever is in it.
    """

    alone: float
    own: float
    shared: float


def foresees(trainer: Trainer) -> bool:
    """Say whether a trainer knows before a training what it will take."""
    return callable(getattr(trainer, "foresee", None))


def foresee(trainer: Trainer, configs: Sequence[Config]) -> list[Bill | None]:
    """Ask a trainer that can what trainings will take; None for those that it cannot say."""
    found: list[Bill | None] = trainer.foresee(configs)  # type: ignore[attr-defined]  # one that `foresees`
    return found
