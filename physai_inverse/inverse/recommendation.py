"""Which of the trained configurations to use in the end: the best by the forward map, not the luckiest run."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from physai_inverse.errors import NotFound
from physai_inverse.forward import Dataset, ForwardMap, normal_quantile
from physai_inverse.inverse.goals import goal_log_probability, limits_log_probability
from physai_inverse.objective import Maximize, Objective, Target
from physai_inverse.seeds import generator

if TYPE_CHECKING:
    import numpy as np

NUM_DRAWS = 2000


@dataclass(frozen=True)
class Recommended:
    """A row of the dataset.

    Args:
        row: its index.
        probability: see `meaning`.
        meaning: what the probability is of, in words.
    """

    row: int
    probability: float
    meaning: str


def recommend(forward: ForwardMap, data: Dataset, objective: Objective, *, seed: int) -> Recommended:
    """Choose among the configurations that were trained.

    Those that meet the limits rather than not come first; among them the best by the pessimistic quartile of the
    noise-free prediction, so that a configuration of which little is known does not win by its uncertainty.
    Several wishes are compared by the worst of them, each scaled by the range among the candidates.

    Raises:
        NotFound: no training has given every metric of the objective yet.
    """
    import numpy as np

    good = ~data.failed
    for name in objective.metrics:
        column = data.columns.get(name)
        good &= np.isfinite(column.values) if column is not None else False
        if name not in forward.models:
            good[:] = False
    rows = np.flatnonzero(good)
    if not len(rows):
        raise NotFound(
            f"Nothing to recommend yet: no training has given finite {list(objective.metrics)}. Observe one."
        )
    points, first = np.unique(data.units[rows], axis=0, return_index=True)
    rows = rows[first]
    log_met = limits_log_probability(forward, objective, points)
    for wish in objective.wishes:
        if isinstance(wish, Target):
            log_met += goal_log_probability(forward, wish, points, noise=False)
    limits_only = limits_log_probability(forward, objective, points)
    feasible = limits_only >= np.log(0.5) * max(len(objective.limits), 1)
    if not objective.wishes or not feasible.any():
        best = int(np.argmax(log_met))
    else:
        utility = _pessimistic(forward, objective, points)
        best = int(np.argmax(np.where(feasible, utility, -np.inf)))
    if objective.limits or any(isinstance(wish, Target) for wish in objective.wishes):
        return Recommended(int(rows[best]), float(np.exp(log_met[best])), f"that {_met(objective)}")
    chance = _chance_of_best(forward, objective, points, best, seed=seed)
    return Recommended(int(rows[best]), chance, "that no other configuration trained so far is better")


def _pessimistic(forward: ForwardMap, objective: Objective, points: "np.ndarray") -> "np.ndarray":
    import numpy as np

    worst = []
    for wish in objective.wishes:
        model = forward.model(wish.metric)
        mean, deviation = model.latent(points)
        quartile = normal_quantile(0.75) * deviation
        if isinstance(wish, Target):
            target = float(np.clip(model.warp.forward(np.array([wish.value]))[0], -1e6, 1e6))
            gain = -np.hypot(mean - target, deviation)
        else:
            gain = (mean if isinstance(wish, Maximize) else -mean) - quartile
        if len(objective.wishes) > 1:
            span = max(float(gain.max() - gain.min()), 1e-12)
            gain = (gain - gain.max()) / span
        worst.append(gain)
    return np.asarray(np.min(worst, axis=0))


def _chance_of_best(
    forward: ForwardMap, objective: Objective, points: "np.ndarray", best: int, *, seed: int
) -> float:
    """Draw the noise-free metrics of every configuration, each on its own, and count how often `best` wins."""
    import numpy as np

    rng = generator(seed, "recommend")
    worst: list[np.ndarray] = []
    for wish in objective.wishes:
        mean, deviation = forward.model(wish.metric).latent(points)
        sign = 1.0 if isinstance(wish, Maximize) else -1.0
        draws = sign * (mean + deviation * rng.normal(size=(NUM_DRAWS, len(points))))
        worst.append((draws - draws.max()) / max(float(np.ptp(sign * mean)), 1e-12))
    return float((np.min(worst, axis=0).argmax(axis=1) == best).mean())


def _met(objective: Objective) -> str:
    targets = [wish for wish in objective.wishes if isinstance(wish, Target)]
    return " and ".join(map(str, (*objective.limits, *targets))) + " holds"
