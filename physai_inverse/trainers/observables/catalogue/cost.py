"""What the training took."""

from typing import TYPE_CHECKING

from physai_inverse.trainers.observables.registry import of_ending

if TYPE_CHECKING:
    from physai_inverse.trainers.observables.ending import Ending


@of_ending("cost", "steps", needs=("facts",))
def training_steps(ending: "Ending") -> float:
    """Give the number of steps that were taken.

    Source: own.
    """
    return float(ending.steps)


@of_ending("cost", "second", needs=("facts",))
def step_seconds(ending: "Ending") -> float:
    """Give the wall time of a step, of this model's share of its stack, observables included.

    Source: own.
    """
    return ending.seconds / max(ending.steps, 1)


@of_ending("cost", "parameters", needs=("facts",))
def trained_parameters(ending: "Ending") -> float:
    """Give the number of trained parameters.

    Source: own.
    """
    return float(ending.parameters)


@of_ending("cost", "flop", needs=("facts",))
def training_flops(ending: "Ending") -> float:
    """Give the floating-point operations of the training: three times the products of a forward pass, each step.

    Counted on one batch by its matrix products and convolutions; a batch at the end of an epoch may be smaller.

    Source: Kaplan et al. 2020, https://arxiv.org/abs/2001.08361, section 2.1, whose 6ND is this for a transformer.
    """
    return ending.flops * ending.steps
