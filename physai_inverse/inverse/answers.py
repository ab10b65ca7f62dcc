"""Answers to inverse queries: from a wanted property of the metrics to configurations that have it.

The probability that one training at `x` meets the query, `P(query | x)`, is taken as a density over the space,
beside the uniform prior over what the constraints allow. It is sampled by a sequential Monte Carlo of a few
rounds (Del Moral, Doucet & Jasra 2006, with shrinking moves), and from the sample a diverse few are picked, each
with its probability.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from physai_inverse.forward import Dataset, ForwardMap
from physai_inverse.inverse.goals import bar_of, goal_log_probability
from physai_inverse.inverse.search import maximise, vary
from physai_inverse.objective import Maximize, Minimize, Objective
from physai_inverse.seeds import child, generator
from physai_inverse.space.sampling import sample_units

if TYPE_CHECKING:
    import numpy as np

NUM_PARTICLES = 3072
WIDTHS = (0.1, 0.05, 0.02)

LIKELY = 0.1
"""A query is called out of reach when no configuration meets it with at least this probability."""


@dataclass(frozen=True)
class Answered:
    """What an inverse query gave.

    Args:
        units: ``[n, d]`` diverse points, most probable first.
        probabilities: ``[n]`` that one training there meets the query.
        reachable: whether any reaches `LIKELY`.
        bars: for each metric that the query minimizes or maximizes, what had to be reached, in its units.
    """

    units: "np.ndarray"
    probabilities: "np.ndarray"
    reachable: bool
    bars: dict[str, float]


def answer(forward: ForwardMap, data: Dataset, query: Objective, num: int, *, seed: int) -> Answered:
    """Answer a query from the forward map alone.

    A wish to minimize or maximize is met by a training that comes out at least as good as the best predicted value
    among those already run; limits and targets are met as they say. Metrics are taken as independent.

    Args:
        forward: a map of every metric of the query.
        data: the observations behind it.
        query: what is wanted.
        num: how many configurations.
        seed: the stream.

    Raises:
        NotFound: a metric of the query has no model.
    """
    import numpy as np

    space = data.space
    run = data.units[~data.failed]
    feasible = np.ones(len(run), dtype=bool)
    for limit in query.limits:
        feasible &= goal_log_probability(forward, limit, run, noise=False) >= np.log(0.5)
    bars = {
        goal.metric: bar_of(forward, goal, run, feasible)
        for goal in query.wishes
        if isinstance(goal, Minimize | Maximize)
    }

    def log_probability(units: "np.ndarray") -> "np.ndarray":
        total = np.log(np.maximum(forward.success_probability(units), 1e-300))
        for goal in query.goals:
            total = total + goal_log_probability(forward, goal, units, noise=True, bar=bars.get(goal.metric))
        return np.asarray(total)

    rng = generator(seed, "invert")
    best, best_values = maximise(log_probability, space, np.unique(run, axis=0)[:64], seed=child(seed, "peak"))
    points = np.concatenate([sample_units(space, NUM_PARTICLES, seed=child(seed, "particles")), run, best])
    values = log_probability(points)
    pool, pool_values = [points, best], [values, best_values]
    for width in WIDTHS:
        weights = np.exp(values - values.max())
        chosen = rng.choice(len(points), size=NUM_PARTICLES, p=weights / weights.sum())
        points = vary(space, points[chosen], width, rng)
        values = log_probability(points)
        pool.append(points)
        pool_values.append(values)
    points, first = np.unique(np.concatenate(pool), axis=0, return_index=True)
    picked = _diverse(points, np.concatenate(pool_values)[first], num)
    probabilities = np.exp(np.concatenate(pool_values)[first][picked])
    return Answered(points[picked], probabilities, bool(probabilities.max() >= LIKELY), bars)


def _diverse(points: "np.ndarray", log_values: "np.ndarray", num: int) -> "np.ndarray":
    """Pick rows greedily: probability times distance to those already picked, among the better ones.

    Only points of at least half the best probability take part, so that diversity is never paid for with
    much of the promise; distance is Euclidean in the unit cube.
    """
    import numpy as np

    eligible = np.flatnonzero(log_values >= log_values.max() + np.log(0.5))
    if len(eligible) < num:
        eligible = np.argsort(-log_values, kind="stable")[:num]
    picked = [int(eligible[np.argmax(log_values[eligible])])]
    distance = np.full(len(eligible), np.inf)
    while len(picked) < min(num, len(eligible)):
        distance = np.minimum(distance, np.linalg.norm(points[eligible] - points[picked[-1]], axis=1))
        score = np.where(distance > 0, log_values[eligible] + np.log(np.maximum(distance, 1e-12)), -np.inf)
        if not np.isfinite(score.max()):
            break
        picked.append(int(eligible[np.argmax(score)]))
    return np.array(sorted(picked, key=lambda row: -log_values[row]))
