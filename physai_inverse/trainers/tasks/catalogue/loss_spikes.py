"""Two parameters under Adam: as they go along a valley that gets steeper, the loss spikes again and again.

Between spikes the gradient is small, and Adam's mean of its squares shrinks by `beta2` a step: the steps grow
until they are unstable, the loss shoots up, the mean with it, and all begins again.
"""

import time
from itertools import pairwise
from typing import TYPE_CHECKING

from physai_inverse.observations import Config, Curve, Measurement, Metric
from physai_inverse.trainers.batched import BatchedTrainer, Finished, Recipe
from physai_inverse.trainers.batched.problem import Views
from physai_inverse.trainers.tasks.knobs import Knob, Setting, Values, complete, count
from physai_inverse.trainers.tasks.task import Task

if TYPE_CHECKING:
    import torch

DESCRIPTION = (
    "The model a (silu(w x) + silu(-w x)) learns x^2 on an even grid of [-1, 1] with Adam on all points and the "
    "mean squared error, from a = 0 and w = 1, a little noise aside. One training takes about two seconds on "
    "one CPU core, dozens together hardly more."
)
PHENOMENON = (
    "Loss spikes without any noise in the data: after a first one (`first_spike`) they come back at about even "
    "distances (`spike_gap`), which grow with `beta2`: about 250 steps at 0.999."
)
SOURCE = (
    'Ziming Liu 2026, "Optimization 4 -- Loss Spikes", https://kindxiaoming.github.io/blog/2026/optimization-4/'
)
KNOBS: dict[str, Knob] = {
    "lr": {"type": "float", "low": 0.01, "high": 0.3, "log": True, "default": 0.1},
    "beta1": {"type": "float", "low": 0.0, "high": 0.95, "below": 1, "default": 0.9},
    "beta2": {"type": "float", "low": 0.98, "high": 0.9999, "below": 1, "default": 0.999},
    "init_noise": {"type": "float", "low": 0.0, "high": 0.1, "default": 0.01},
}
SETTINGS: dict[str, Setting] = {"steps": 5000, "points": 100}
METRICS: dict[str, str] = {
    "train_loss": "mean squared error over the grid at the last step",
    "train_loss_curve": "largest mean squared error of each 10 steps, over steps",
    "spikes": "number of spikes: excursions of the loss above 10 times the median of the 50 steps before; those "
    "less than 30 steps apart count as one",
    "spikes_curve": "number of spikes so far, with a point at each spike's highest step",
    "first_spike": "step of the first spike; censored at the budget",
    "spike_gap": "median number of steps between spikes; with one spike censored at what was left of the budget, "
    "with none at the budget",
    "seconds": "wall time of the training, in seconds",
}
FACTOR, WINDOW, APART = 10.0, 50, 30
EVERY = 10
"""Steps to one point of the loss curve: their largest loss, so that no spike is missed."""


def _trainer(settings: Values) -> BatchedTrainer:
    steps, points = settings.whole("steps"), count("points", settings["points"], 2)

    def rows(config: Config, seed: int) -> "tuple[torch.Tensor, ...]":  # noqa: ARG001 - the data are not random
        import torch

        x = torch.linspace(-1, 1, points)
        return x, x.square()

    return BatchedTrainer(
        build=_build,
        loss=lambda module, batch: (module(batch[0]) - batch[1]).square(),
        rows=rows,
        steps=steps,
        recipe=_recipe,
        log=range(1, steps + 1),  # of all points at every step, so that the loss of a step is exact
        finish=lambda finished: _finish(finished, steps),
        views=Views(hidden=False, rows=rows),
    )


def _build(config: Config) -> "torch.nn.Module":
    from physai_inverse.trainers.tasks.networks.valley import Valley

    return Valley(complete(config, KNOBS).number("init_noise"))


def _recipe(config: Config) -> Recipe:
    values = complete(config, KNOBS)
    return Recipe(values.number("lr"), "adam", betas=(values.number("beta1"), values.number("beta2")))


def _finish(finished: Finished, budget: int) -> dict[str, Metric]:
    from physai_inverse.trainers.observables.curves import spikes

    start = time.perf_counter()
    loss = finished.curves["loss"]
    found = spikes(loss, factor=FACTOR, window=WINDOW, apart=APART)
    gaps = sorted(later - earlier for earlier, later in pairwise(found))
    left = budget - found[0] if found else float(budget)
    counted = (
        {0.0: 0.0} | {step: index + 1.0 for index, step in enumerate(found)} | {loss.steps[-1]: float(len(found))}
    )
    return {
        "train_loss": float(loss),
        "train_loss_curve": highest(loss),
        "spikes": float(len(found)),
        "spikes_curve": Curve(tuple(counted), tuple(counted.values())),
        "first_spike": Measurement(found[0]) if found else Measurement(budget, censored="above"),
        "spike_gap": Measurement(gaps[len(gaps) // 2]) if gaps else Measurement(left, censored="above"),
        "seconds": finished.seconds + time.perf_counter() - start,
    }


def highest(curve: Curve) -> Curve:
    """Give the largest of each `EVERY` values, at the last step of them."""
    starts = range(0, len(curve), EVERY)
    return Curve(
        tuple(curve.steps[min(start + EVERY, len(curve)) - 1] for start in starts),
        tuple(max(curve.values[start : start + EVERY]) for start in starts),
    )


TASK = Task("loss_spikes", DESCRIPTION, SOURCE, KNOBS, SETTINGS, METRICS, _trainer, PHENOMENON)
