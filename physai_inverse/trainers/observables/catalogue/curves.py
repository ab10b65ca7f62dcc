"""What the learning curves say at the end; thresholds are part of every definition."""

from typing import TYPE_CHECKING

from physai_inverse.trainers.observables.registry import of_ending

if TYPE_CHECKING:
    from physai_inverse.observations import Measurement
    from physai_inverse.trainers.observables.ending import Ending

REACHED = 0.9
LONGEST_DELAY = 1000
PHASES = ("comprehension", "grokking", "memorisation", "confusion")
"""The label of `phase` is a place in this list."""


@of_ending("curves", "steps", needs=("curves", "test_accuracy"))
def time_to_threshold(ending: "Ending") -> "Measurement":
    """Give the first logged step with an accuracy on other data of at least 0.9; censored at the last step.

    Source: Liu et al. 2022, https://arxiv.org/abs/2205.10343.
    """
    from physai_inverse.trainers.observables.curves import first_reaching

    return first_reaching(ending.test_accuracy, REACHED)


@of_ending("curves", "steps", needs=("curves", "train_accuracy"))
def time_to_train_threshold(ending: "Ending") -> "Measurement":
    """Give the first logged step with a training accuracy of at least 0.9; censored at the last step.

    Source: Liu et al. 2022, https://arxiv.org/abs/2205.10343.
    """
    from physai_inverse.trainers.observables.curves import first_reaching

    return first_reaching(ending.train_accuracy, REACHED)


@of_ending("curves", "steps", needs=("curves", "train_accuracy", "test_accuracy"))
def generalisation_delay(ending: "Ending") -> "Measurement | None":
    """Give the steps from a training accuracy of 0.9 to one of 0.9 on other data; censored with the latter.

    Missing where not even the training accuracy got there.

    Source: Liu et al. 2022, https://arxiv.org/abs/2205.10343.
    """
    from physai_inverse.trainers.observables.curves import delay, first_reaching

    return delay(first_reaching(ending.train_accuracy, REACHED), first_reaching(ending.test_accuracy, REACHED))


@of_ending("curves", "1", needs=("curves", "train_accuracy", "test_accuracy"))
def phase(ending: "Ending") -> float:
    """Give the phase of learning: 0 comprehension, 1 grokking, 2 memorisation, 3 confusion.

    By an accuracy of 0.9 and a delay of at most 1000 steps for comprehension.

    Source: Liu et al. 2022, https://arxiv.org/abs/2205.10343, table 1.
    """
    from physai_inverse.trainers.observables import curves

    train = curves.first_reaching(ending.train_accuracy, REACHED)
    test = curves.first_reaching(ending.test_accuracy, REACHED)
    return float(PHASES.index(curves.phase(train, test, longest_delay=LONGEST_DELAY)))


@of_ending("curves", "loss", needs=("curves", "test_loss"))
def plateau_level(ending: "Ending") -> float:
    """Give the mean loss on the longest stretch with `|d log loss / d log step| < 0.05`.

    Source: Saad and Solla 1995, https://doi.org/10.1103/PhysRevE.52.4225, for plateaus; the threshold is ours.
    """
    from physai_inverse.trainers.observables.curves import plateau

    return plateau(ending.test_loss)[0]


@of_ending("curves", "steps", needs=("curves", "test_loss"))
def plateau_length(ending: "Ending") -> float:
    """Give the length of the longest stretch with `|d log loss / d log step| < 0.05`; 0 where there is none.

    Source: Saad and Solla 1995, https://doi.org/10.1103/PhysRevE.52.4225, for plateaus; the threshold is ours.
    """
    from physai_inverse.trainers.observables.curves import plateau

    return plateau(ending.test_loss)[1]


@of_ending("curves", "1", needs=("curves", "test_loss"))
def local_exponent(ending: "Ending") -> float:
    """Give `d log(loss - floor) / d log step` over the last decade of steps; floor 0 where none is known.

    Least squares.

    Source: Kaplan et al. 2020, https://arxiv.org/abs/2001.08361, section 5, for loss over steps.
    """
    from physai_inverse.trainers.observables.curves import local_exponent as fitted

    curve = ending.test_loss
    last = curve.steps[-1]
    return fitted(curve, low=last / 10, high=last, floor=ending.floor or 0.0)


@of_ending("curves", "1", needs=("curves", "test_loss"))
def curve_family(ending: "Ending") -> float:
    """Give the family that fits the loss curve best: 0 sigmoid in log step, 1 exponential, 2 power, 3 log-power.

    See `curve_fit`.

    Source: "Research agent 1" (kindxiaoming.github.io).
    """
    from physai_inverse.trainers.observables.families import FAMILIES, best_family

    return float(FAMILIES.index(best_family(ending.test_loss)[0]))


@of_ending("curves", "1", needs=("curves", "test_loss"))
def curve_fit(ending: "Ending") -> float:
    """Give R2 of the family that fits the loss curve best.

    `a + b f(t)` by least squares, with `f` one of `1 / (1 + (t/c)^d)`, `exp(-t/c)`, `(t + 1)^-c` and
    `log(t + e)^-c`, `c` (and `d`) by search.

    Source: "Research agent 1" (kindxiaoming.github.io).
    """
    from physai_inverse.trainers.observables.families import best_family

    return best_family(ending.test_loss)[1]


@of_ending("curves", "spikes", needs=("curves", "train_loss"))
def spike_count(ending: "Ending") -> float:
    """Give the number of local maxima of the training loss above 20 times the median of the 50 points before.

    Source: "Optimization 4 -- Loss Spikes" (kindxiaoming.github.io).
    """
    from physai_inverse.trainers.observables.curves import spikes

    return float(len(spikes(ending.train_loss)))


@of_ending("curves", "steps", needs=("curves", "train_loss"))
def spike_period(ending: "Ending") -> float | None:
    """Give the median distance between loss spikes (see `spike_count`); missing with fewer than two.

    Source: "Optimization 4 -- Loss Spikes" (kindxiaoming.github.io).
    """
    from itertools import pairwise
    from statistics import median

    from physai_inverse.trainers.observables.curves import spikes

    gaps = [later - earlier for earlier, later in pairwise(spikes(ending.train_loss))]
    return median(gaps) if gaps else None


@of_ending("curves", "1", needs=("curves", "train_loss"))
def spike_size(ending: "Ending") -> float | None:
    """Give the largest loss spike over the median of the 50 points before it; missing where there is none.

    Source: "Optimization 4 -- Loss Spikes" (kindxiaoming.github.io).
    """
    from statistics import median

    from physai_inverse.trainers.observables.curves import spikes

    curve = ending.train_loss
    sizes = []
    for step in spikes(curve):
        index = curve.steps.index(step)
        sizes.append(curve.values[index] / median(curve.values[max(0, index - 50) : index]))
    return max(sizes) if sizes else None
