"""Goals against a forward map: with what probability is each met, in closed form on the latent scale.

Metrics are taken as independent given the configuration. Symbols: `m` latent mean, `s` latent standard deviation,
`b` a bound carried to the latent scale by the metric's warp, which is increasing.
"""

from typing import TYPE_CHECKING

from physai_inverse.forward import AbstractMetricModel, ForwardMap
from physai_inverse.objective import AtLeast, AtMost, Goal, Minimize, Objective, Target

if TYPE_CHECKING:
    import numpy as np

TINY = 1e-300


def latent_bound(model: AbstractMetricModel, value: float) -> float:
    """Carry a value in the metric's units to the latent scale; infinite where the metric cannot go."""
    import numpy as np

    return float(model.warp.forward(np.array([value]))[0])


def goal_probability(
    forward: ForwardMap, goal: Goal, units: "np.ndarray", *, noise: bool, bar: float | None = None
) -> "np.ndarray":
    """Give the probability ``[n]`` that a goal is met at points ``[n, d]``.

    Args:
        forward: the forward map.
        goal: a limit or a target, or a wish to minimize or maximize, which is met at `bar` or better.
        units: the points.
        noise: of one training (with its noise), or of the mean over many.
        bar: for Minimize and Maximize, in the metric's units.

    Raises:
        NotFound: the metric has no model.
    """
    import numpy as np
    from scipy.special import ndtr

    model = forward.model(goal.metric)
    mean, deviation = model.latent(units)
    spread = np.sqrt(deviation**2 + model.noise**2) if noise else deviation
    spread = np.maximum(spread, 1e-12)
    if isinstance(goal, Target):
        low = latent_bound(model, goal.value - goal.half_width)
        high = latent_bound(model, goal.value + goal.half_width)
        return np.asarray(ndtr((high - mean) / spread) - ndtr((low - mean) / spread))
    if isinstance(goal, AtMost | AtLeast):
        bound = latent_bound(model, goal.bound)
        below = isinstance(goal, AtMost)
    else:
        assert bar is not None
        bound = latent_bound(model, bar)
        below = isinstance(goal, Minimize)
    return np.asarray(ndtr((bound - mean) / spread) if below else ndtr((mean - bound) / spread))


def limits_log_probability(forward: ForwardMap, objective: Objective, units: "np.ndarray") -> "np.ndarray":
    """Give the log probability ``[n]`` that the noise-free metrics meet every limit; 0 where there are none."""
    import numpy as np

    total = np.zeros(len(units))
    for limit in objective.limits:
        if limit.metric in forward.models:
            total += np.log(np.maximum(goal_probability(forward, limit, units, noise=False), TINY))
    return total


def bar_of(forward: ForwardMap, goal: Goal, units: "np.ndarray", feasible: "np.ndarray") -> float:
    """Give what a wish has to reach: the best predicted value, noise taken off, among trainings that were run.

    Args:
        forward: the forward map.
        goal: Minimize or Maximize.
        units: ``[n, d]`` where trainings ended with metrics.
        feasible: ``[n]`` booleans: which of them count; all do where none does.
    """
    import numpy as np

    model = forward.model(goal.metric)
    mean, _ = model.latent(units[feasible] if feasible.any() else units)
    best = mean.min() if isinstance(goal, Minimize) else mean.max()
    return float(model.warp.inverse(np.array([best]))[0])
