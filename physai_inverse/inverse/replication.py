"""Another training of a configuration, or a new one: whichever is worth more.

The value of a training is what knowing its result is expected to add to the best *predicted* value, the knowledge
gradient over a finite set of configurations (the leading ones and the new one). With noise, a second training of
a promising configuration tells a good one from a lucky one; without noise it is worth nothing.

Symbols, for `k` configurations of which number `i` would be trained once more:
    m  ``[k]``      latent means, larger is better
    S  ``[k, k]``   latent covariance
    e               variance of one training's noise
    s  ``[k]``      S[:, i] / sqrt(S[i, i] + e), what the means move by for one standard deviation of the result
    value           E[max(m + s Z)] - max(m), Z standard normal, by quadrature

Source: Frazier, Powell & Dayanik, "The knowledge-gradient policy for correlated normal beliefs" (INFORMS Journal
on Computing 21, 2009), equation 7.
"""

from typing import TYPE_CHECKING

from physai_inverse.forward import AbstractMetricModel, ForwardMap
from physai_inverse.inverse.derived import AbstractDerived, Line
from physai_inverse.inverse.goals import latent_bound
from physai_inverse.inverse.judging import SeedQuantile
from physai_inverse.objective import Maximize, Objective, Target, Wish

if TYPE_CHECKING:
    import numpy as np

NUM_RIVALS = 32
"""Leading configurations that are compared."""
NUM_NODES = 41
"""Nodes of the quadrature over Z, evenly spaced in probability's tails up to `REACH`."""
REACH = 4.0
LEAST_VALUE = 1e-4
"""Standard deviations of the noise that a repetition must be expected to gain: below, the quadrature's own error
would choose it, and any configuration."""
MOST_REPLICATES = 5
"""Trainings of one configuration beyond which another is not offered."""


def knowledge_gradients(mean: "np.ndarray", covariance: "np.ndarray", noise: float) -> "np.ndarray":
    """Give the value ``[k]`` of one more training of each configuration.

    Args:
        mean: ``[k]`` latent means, larger is better.
        covariance: ``[k, k]`` of the noise-free latent values.
        noise: variance of one training's noise, at least 0.
    """
    import numpy as np

    nodes = np.linspace(-REACH, REACH, NUM_NODES)
    weights = np.exp(-0.5 * nodes**2)
    weights /= weights.sum()
    total = np.sqrt(np.maximum(np.diagonal(covariance) + noise, 1e-300))
    moves = covariance / total[None]  # column i: s of a training of i
    best = (mean[:, None, None] + moves[:, :, None] * nodes).max(axis=0)
    return np.asarray(np.maximum(best @ weights - mean.max(), 0.0))


def worth_repeating(
    forward: ForwardMap, objective: Objective, trained: "np.ndarray", counts: "np.ndarray", new: "np.ndarray"
) -> "np.ndarray | None":
    """Give the trained configuration whose repetition is worth more than training the new one; None if none is.

    Only a single wish to minimize or maximize, or to hit a target, without limits is judged, and only where the
    model of it says how configurations hang together: of a metric, or of a straight line in one. Values are taken
    for what they cost, where that is known.

    Args:
        forward: the forward map, conditioned on what is running.
        objective: what is wanted.
        trained: ``[k, d]`` distinct points that were trained and did not fail.
        counts: ``[k]`` how often each was, or is being, trained.
        new: ``[d]`` the point that would be trained instead.

    Returns:
        ``[d]``, or None.
    """
    import numpy as np

    if objective.limits or len(objective.wishes) != 1 or not len(trained):
        return None
    wish = objective.wishes[0]
    model = forward.models.get(wish.metric)
    if model is None or not _joined(model) or model.noise == 0.0:
        return None
    leading = np.argsort(-_oriented(wish, model, model.latent(trained)[0])[0], kind="stable")[:NUM_RIVALS]
    points = np.concatenate([trained[leading], new[None]])
    mean, covariance = model.joint(points)
    mean, signs = _oriented(wish, model, mean)
    values = knowledge_gradients(mean, covariance * np.outer(signs, signs), model.noise**2)
    if forward.cost is not None:
        prices = forward.cost.log_price(points)
        values = values * np.exp(np.clip(prices[-1] - prices, -100.0, 100.0))
    old = np.where(counts[leading] < MOST_REPLICATES, values[:-1], -np.inf)
    best = int(np.argmax(old))
    return np.asarray(points[best]) if old[best] > max(values[-1], LEAST_VALUE * model.noise) else None


def _joined(model: AbstractMetricModel) -> bool:
    """Say whether a model knows how the values of configurations hang together."""
    if isinstance(model, Line):
        return _joined(model.part)
    if isinstance(model, SeedQuantile):
        return _joined(model.model)
    return not isinstance(model, AbstractDerived)


def _oriented(wish: Wish, model: AbstractMetricModel, mean: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Give means ``[k]`` for which larger is better, and the signs ``[k]`` that the latent values were taken by.

    A target's distance is taken as linear on the side of the target where the mean lies.
    """
    import numpy as np

    if isinstance(wish, Target):
        target = float(np.clip(latent_bound(model, wish.value), -1e6, 1e6))
        return -np.abs(mean - target), np.where(mean > target, -1.0, 1.0)
    sign = 1.0 if isinstance(wish, Maximize) else -1.0
    return sign * mean, np.full(len(mean), sign)
