"""Answers to inverse queries: from a wanted property of the metrics to configurations that have it.

The probability that one training at `x` meets the query, `P(query | x)`, is taken as a density over the space,
beside the uniform prior over what the constraints allow. A weighted sample of it gives marginals, tolerances and
ridges; a diverse few of its best points are named, each with its probability, split into what more data could
change and what is noise. Probabilities are those of the map made careful, since the points are chosen by their
promise.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from physai_inverse.forward import AbstractMetricModel, Dataset, ForwardMap
from physai_inverse.inverse.calibration import Pinned, careful
from physai_inverse.inverse.derived import AbstractDerived
from physai_inverse.inverse.goals import bar_of, goal_log_probability
from physai_inverse.inverse.judging import Neighbourhood
from physai_inverse.inverse.posterior import ConfigPosterior, Ridge
from physai_inverse.inverse.sampling import sample_density
from physai_inverse.inverse.search import maximise
from physai_inverse.inverse.tolerance import Tolerance, ridges, tolerances
from physai_inverse.objective import AtLeast, AtMost, Between, Goal, Maximize, Minimize, Objective, Target, edges
from physai_inverse.seeds import child, generator

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

PLAUSIBLE = 0.4
"""A query is out of reach when the noise-free metrics of no configuration may meet it with this probability.

On public tables and formulas at 40 to 60 rows, of queries planted beyond the best value by 0.15, 0.3, 0.6 and 1 of
its distance to the median 89, 92, 97 and 99 % are refused by it, and none that a training already run truly
meets."""

LIKELY = 0.5
"""A query that one training meets with this probability is within reach, whatever the noise-free metrics are."""

DEAR_ROWS = 500
"""Observations from which a prediction is dear (its cost grows with their square): fewer points are asked for."""

NUM_DRAWS = 256
"""Draws of the noise-free metrics behind the split of a probability."""

MISS_WEIGHT = 10.0
"""What a miss by one standard deviation of the metric costs, beside the log probability of success: the closest
configurations are then those within a few hundredths of a standard deviation."""

NUM_STARTS = 8
"""Best points of the sample from which the peak is climbed."""


@dataclass(frozen=True)
class Chance:
    """The probability that one training of a configuration meets the query, and what it hangs on.

    Args:
        probability: that it does, noise included.
        low: the 5 % quantile of what that probability would turn out to be if the noise-free metrics were known.
        high: the 95 % quantile.
        learnable: the share of the doubt that more data could take away; the rest is noise from training to
            training (by the law of total variance: of the variance of met or not met, that of the known
            probability).
    """

    probability: float
    low: float
    high: float
    learnable: float

    def as_plain(self) -> dict[str, object]:
        """Give the chance as plain numbers."""
        return {
            "probability": self.probability,
            "low": self.low,
            "high": self.high,
            "learnable": self.learnable,
            "noise": 1.0 - self.learnable,
        }


@dataclass(frozen=True)
class Shortfall:
    """How far the likeliest configuration is from a goal.

    Args:
        goal: the goal, in words.
        metric: what it speaks of.
        predicted: the median of one training, in the metric's units.
        missing: how far that falls short; 0 where it meets the goal.
    """

    goal: str
    metric: str
    predicted: float
    missing: float

    def as_plain(self) -> dict[str, object]:
        """Give the shortfall as plain values."""
        return {"goal": self.goal, "metric": self.metric, "predicted": self.predicted, "missing": self.missing}


@dataclass(frozen=True)
class Answered:
    """What an inverse query gave.

    Args:
        units: ``[n, d]`` diverse points, most probable first; the closest first where none is likely to meet it.
        probabilities: ``[n]`` that one training there meets the query.
        chances: one each: the probability and its parts.
        reachable: whether any configuration of the space may well meet it.
        plausibility: the largest probability that a configuration's noise-free metrics meet it.
        bars: for each metric that the query minimizes or maximizes, what had to be reached, in its units.
        shortfalls: for each goal, how far the first point is from it.
        posterior: the weighted sample of configurations.
        tolerances: of the first point; none where the query is out of reach.
        ridges: around the first point; none where the query is out of reach.
    """

    units: "np.ndarray"
    probabilities: "np.ndarray"
    chances: tuple[Chance, ...]
    reachable: bool
    plausibility: float
    bars: dict[str, float]
    shortfalls: tuple[Shortfall, ...]
    posterior: ConfigPosterior
    tolerances: tuple[Tolerance, ...]
    ridges: tuple[Ridge, ...]


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
    asked = _Asked(careful(forward), query, _bars(forward, data, query))
    run = data.units[~data.failed]
    effort = min(1.0, DEAR_ROWS / max(len(data), 1))
    sample = sample_density(asked.log_probability, space, seed=child(seed, "posterior"), effort=effort)
    posterior = ConfigPosterior.from_sample(space, sample)
    points = np.concatenate([sample.units, run])
    starts = points[np.argsort(-asked.log_probability(points), kind="stable")[:NUM_STARTS]]
    best, _ = maximise(asked.log_probability, space, starts, seed=child(seed, "peak"), effort=effort)
    points = np.unique(np.concatenate([points, best]), axis=0)
    points = points[space.feasible(points)]
    values = asked.log_probability(points)
    plausibility = float(np.exp(asked.log_plausibility(points).max()))
    reachable = plausibility >= PLAUSIBLE or bool(values.max() >= np.log(LIKELY))
    if not reachable:  # the likeliest may be where least is known; what is asked for now is the nearest
        closest = asked.closeness(run)
        starts = points[np.argsort(-closest(points), kind="stable")[:NUM_STARTS]]
        best, _ = maximise(closest, space, starts, seed=child(seed, "closest"), effort=effort)
        points = np.concatenate([starts, best])
        values = closest(points)
    picked = _diverse(points, values, num)
    probabilities = np.exp(asked.log_probability(points[picked]))
    first = points[picked[0]]
    kept = tolerances(asked.log_probability, space, first) if reachable else ()
    return Answered(
        units=points[picked],
        probabilities=probabilities,
        chances=asked.chances(points[picked], seed=child(seed, "chances")),
        reachable=reachable,
        plausibility=plausibility,
        bars=asked.bars,
        shortfalls=asked.shortfalls(first),
        posterior=posterior,
        tolerances=kept,
        ridges=ridges(asked.log_probability, posterior, first, kept) if reachable else (),
    )


def _bars(forward: ForwardMap, data: Dataset, query: Objective) -> dict[str, float]:
    import numpy as np

    run = data.units[~data.failed]
    feasible = np.ones(len(run), dtype=bool)
    for limit in query.limits:
        feasible &= goal_log_probability(forward, limit, run, noise=False) >= np.log(0.5)
    return {
        goal.metric: bar_of(forward, goal, run, feasible)
        for goal in query.wishes
        if isinstance(goal, Minimize | Maximize)
    }


@dataclass(frozen=True)
class _Asked:
    """A query as functions of points.

    Args:
        forward: the careful map.
        query: what is wanted.
        bars: what its wishes have to reach.
    """

    forward: ForwardMap
    query: Objective
    bars: dict[str, float]

    def log_probability(self, units: "np.ndarray") -> "np.ndarray":
        """Give the log probability ``[n]`` that one training meets the query."""
        import numpy as np

        return np.asarray(self._log_success(units) + self._log_met(self.forward, units))

    def _log_met(self, forward: ForwardMap, units: "np.ndarray") -> "np.ndarray":
        import numpy as np

        total = np.zeros(len(units))
        for goal in self.query.goals:
            bar = self.bars.get(goal.metric)
            total = total + goal_log_probability(forward, goal, units, noise=True, bar=bar)
        return total

    def _log_success(self, units: "np.ndarray") -> "np.ndarray":
        import numpy as np

        return np.asarray(np.log(np.maximum(self.forward.success_probability(units), 1e-300)))

    def log_plausibility(self, units: "np.ndarray") -> "np.ndarray":
        """Give the log probability ``[n]`` that the noise-free metrics may be where the query wants them.

        A target between values that are known to be there is within reach however little is known of where: its
        two edges are asked for one by one, and of the goals on one metric the hardest counts. A wish is within
        reach where the bar was set, at a configuration that is as good with a probability of one half.
        """
        import numpy as np

        by_metric: dict[str, np.ndarray] = {}
        for goal in self.query.goals:
            for edge in _edges(goal):
                bar = self.bars.get(goal.metric)
                value = goal_log_probability(self.forward, edge, units, noise=False, bar=bar)
                if bar is not None:
                    value = np.minimum(value + np.log(2.0), 0.0)
                hardest = by_metric.get(goal.metric)
                by_metric[goal.metric] = value if hardest is None else np.minimum(hardest, value)
        return np.asarray(self._log_success(units) + sum(by_metric.values(), np.zeros(len(units))))

    def chances(self, units: "np.ndarray", *, seed: int) -> tuple[Chance, ...]:
        """Split the probabilities at points ``[n, d]``, by draws of the noise-free metrics."""
        import numpy as np

        from physai_inverse.normal import ndtri

        rng = generator(seed, "draws")
        steps = ndtri((np.arange(NUM_DRAWS) + 0.5) / NUM_DRAWS)
        done: dict[int, AbstractMetricModel] = {}

        def pinned(model: AbstractMetricModel) -> AbstractMetricModel:
            if isinstance(model, AbstractDerived) and not isinstance(model, Neighbourhood):
                return model.remade(pinned)
            if id(model) not in done:
                mean, deviation = model.latent(units)
                draws = mean + np.stack([rng.permutation(steps) for _ in units], axis=1) * deviation
                done[id(model)] = Pinned(model, draws.ravel())
            return done[id(model)]

        drawn = replace(self.forward, models={name: pinned(model) for name, model in self.forward.models.items()})
        met = np.exp(self._log_met(drawn, np.tile(units, (NUM_DRAWS, 1)))).reshape(NUM_DRAWS, len(units))
        known = met * self.forward.success_probability(units)
        probability = np.exp(self.log_probability(units))
        low, high = np.quantile(known, (0.05, 0.95), axis=0)
        doubt = probability * (1.0 - probability)
        learnable = np.clip(known.var(axis=0) / np.maximum(doubt, 1e-12), 0.0, 1.0)
        return tuple(
            Chance(*(float(part) for part in parts))
            for parts in zip(probability, low, high, learnable, strict=True)
        )

    def shortfalls(self, unit: "np.ndarray") -> tuple[Shortfall, ...]:
        """Say how far one configuration ``[d]`` is from every goal."""
        medians = self._medians(unit[None])
        return tuple(
            Shortfall(
                str(goal) if goal.metric not in self.bars else f"{goal} to {self.bars[goal.metric]:.4g}",
                goal.metric,
                float(medians[goal.metric][0]),
                max(float(self._missing(goal, medians)[0]), 0.0),
            )
            for goal in self.query.goals
        )

    def closeness(self, run: "np.ndarray") -> "Callable[[np.ndarray], np.ndarray]":
        """Give a function of points ``[n, d]``: the larger, the less their predicted metrics miss the goals.

        Args:
            run: ``[k, d]`` points whose spread is the unit in which a miss is counted.
        """
        import numpy as np

        seen = self._medians(run)
        units_of = [max(float(np.std(self._missing(goal, seen))), 1e-12) for goal in self.query.goals]

        def closeness(units: "np.ndarray") -> "np.ndarray":
            medians = self._medians(units)
            total = self._log_success(units)
            for goal, size in zip(self.query.goals, units_of, strict=True):
                total = total - MISS_WEIGHT * np.maximum(self._missing(goal, medians), 0.0) / size
            return np.asarray(total)

        return closeness

    def _medians(self, units: "np.ndarray") -> "dict[str, np.ndarray]":
        return {name: model.warp.inverse(model.latent(units)[0]) for name, model in self.forward.models.items()}

    def _missing(self, goal: Goal, medians: "dict[str, np.ndarray]") -> "np.ndarray":
        import numpy as np

        bar = self.bars.get(goal.metric)
        if isinstance(goal, Minimize | Maximize):
            assert bar is not None
            sign = 1.0 if isinstance(goal, Minimize) else -1.0
            return np.asarray(sign * (medians[goal.metric] - bar))
        return np.asarray(-Objective((goal,)).slack(medians)[:, 0])


def _edges(goal: Goal) -> tuple[Goal, ...]:
    """Give the goals that a target or a band, which have two sides, consist of; another goal is one itself."""
    if isinstance(goal, Target | Between):
        low, high = edges(goal)
        return AtLeast(goal.metric, low), AtMost(goal.metric, high)
    return (goal,)


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
