"""Goals against a forward map: with what probability is each met, in closed form on the latent scale.

Metrics are taken as independent given the configuration; those of one expression are drawn together, and several
goals of which one is an expression count as independent, too. Symbols: `m` latent mean, `s` latent standard
deviation, `b` a bound carried to the latent scale by the metric's warp, which is increasing.
"""

import math
from typing import TYPE_CHECKING

from physai_inverse.forward import AbstractMetricModel, ForwardMap
from physai_inverse.inverse.derived import components, log_mean
from physai_inverse.objective import Goal, Maximize, Minimize, Objective, edges

if TYPE_CHECKING:
    import numpy as np


def latent_bound(model: AbstractMetricModel, value: float) -> float:
    """Carry a value in the metric's units to the latent scale; infinite where the metric cannot go."""
    import numpy as np

    return float(model.warp.forward(np.array([value]))[0])


def goal_log_probability(
    forward: ForwardMap, goal: Goal, units: "np.ndarray", *, noise: bool, bar: float | None = None
) -> "np.ndarray":
    """Give the log probability ``[n]`` that a goal is met at points ``[n, d]``, without underflow.

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

    from physai_inverse.normal import log_ndtr

    model = forward.model(goal.metric)
    mean, deviation = components(model, units, noise=noise)
    spread = np.maximum(deviation, 1e-12)
    if isinstance(goal, Minimize | Maximize):
        assert bar is not None
        low, high = (-np.inf, bar) if isinstance(goal, Minimize) else (bar, np.inf)
    else:
        low, high = edges(goal)
    if math.isinf(low):
        return log_mean(log_ndtr((latent_bound(model, high) - mean) / spread))
    if math.isinf(high):
        return log_mean(log_ndtr((mean - latent_bound(model, low)) / spread))
    return log_mean(_log_interval(*((latent_bound(model, edge) - mean) / spread for edge in (low, high))))


def _log_interval(low: "np.ndarray", high: "np.ndarray") -> "np.ndarray":
    """Give ``log(Phi(high) - Phi(low))``; in the upper tail by symmetry, where both would round to one."""
    import numpy as np

    from physai_inverse.normal import log_ndtr

    upper = low > 0
    low, high = np.where(upper, -high, low), np.where(upper, -low, high)
    outer, inner = log_ndtr(high), log_ndtr(low)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(np.isneginf(outer), -np.inf, outer + np.log(-np.expm1(inner - outer))))


def limits_log_probability(forward: ForwardMap, objective: Objective, units: "np.ndarray") -> "np.ndarray":
    """Give the log probability ``[n]`` that the noise-free metrics meet every limit; 0 where there are none."""
    import numpy as np

    total = np.zeros(len(units))
    for limit in objective.limits:
        if limit.metric in forward.models:
            total += goal_log_probability(forward, limit, units, noise=False)
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
