"""Why a configuration was proposed, in the metrics' own units: what is expected of it, and what speaks against it.

Symbols: `f` the noise-free metric, `bar` the best of its predicted values among trainings that were run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from physai_inverse.forward import Dataset, ForwardMap
from physai_inverse.inverse.goals import goal_log_probability, latent_bound
from physai_inverse.inverse.improvement import log_distance_improvement, log_expected_improvement
from physai_inverse.inverse.order import finite_rows
from physai_inverse.inverse.posterior import value_at
from physai_inverse.inverse.proposals import leading_rows
from physai_inverse.objective import Minimize, Objective, Target, Wish
from physai_inverse.space import Boolean, Choice, FreeParameter, Integer, Space
from physai_inverse.space.sampling import sample_units

if TYPE_CHECKING:
    import numpy as np

NUM_NODES = 41
MOST_DEVIATIONS = 4.0
"""Nodes of the quadrature of a gain, and how far they reach: the tail beyond of a log-normal metric, which no data
ever showed, would otherwise decide its mean."""

MOST_JUDGED = 512
"""Trainings from which the spread of a metric is taken; a prediction at each of thousands would be dear."""
NUM_ORDINARY = 64
"""Even points of the space whose median stands for an ordinary configuration."""

EXPLOITING = 0.5
"""Share of what lifts the expected gain above an ordinary one, owed to the mean, from which a proposal
exploits."""

BORDER = 0.02
"""Step, as a share of the range, that is tried to see whether a constraint holds a configuration back."""

NEARLY_CERTAIN = 0.95
"""Probability of meeting a limit below which the limit is said to be active."""


@dataclass(frozen=True)
class Reason:
    """Why a configuration was proposed.

    Args:
        predicted: metric to the 5 %, 50 % and 95 % quantile of one training, in its units.
        success: probability of ending with finite metrics.
        failing: class of failure to its probability; empty while nothing failed.
        expected_gain: metric of a wish to the expected improvement of its noise-free value on the best predicted
            one so far, in its units; for a target, of the distance to it.
        exploit: of what lifts that gain above the one of an ordinary configuration, the share owed to the mean;
            the rest is owed to the spread. None where there is no wish, or nothing was measured of it.
        nearest: number of the nearest trial that was run, and its distance in lengthscales of the objective's
            first metric (at 1 it may well differ); None where nothing was run.
        limits: limit to the probability that the noise-free metric meets it.
        active: limits that are not nearly certain to be met, and constraints that a small step would break.
        ends: parameter that stands at an end of its range, to `"low"` or `"high"`.
        price: what a training is expected to cost, as a multiple of an ordinary configuration's; None where the
            objective asks for no cost, or none is known.
    """

    predicted: Mapping[str, tuple[float, float, float]]
    success: float
    failing: Mapping[str, float]
    expected_gain: Mapping[str, float]
    exploit: float | None
    nearest: tuple[int, float] | None
    limits: Mapping[str, float]
    active: tuple[str, ...]
    ends: Mapping[str, str]
    price: float | None = None

    @property
    def intent(self) -> str | None:
        """What the proposal does, in a word: `"exploit"` or `"explore"`; None where neither can be said."""
        if self.exploit is None:
            return None
        return "exploit" if self.exploit >= EXPLOITING else "explore"

    def as_plain(self) -> dict[str, object]:
        """Give the reason as plain values, empty parts left out."""
        nearest = None if self.nearest is None else {"number": self.nearest[0], "distance": self.nearest[1]}
        plain: dict[str, object] = {
            "predicted": {name: list(interval) for name, interval in self.predicted.items()},
            "success": self.success,
            "failing": dict(self.failing),
            "expected_gain": dict(self.expected_gain),
            "intent": self.intent,
            "exploit": self.exploit,
            "nearest": nearest,
            "limits": dict(self.limits),
            "active": list(self.active),
            "ends": dict(self.ends),
            "price": self.price,
        }
        return {key: value for key, value in plain.items() if value is not None and value != {} and value != []}


def reasons(
    forward: ForwardMap,
    data: Dataset,
    objective: Objective,
    units: "np.ndarray",
    *,
    judged: ForwardMap | None = None,
) -> list[Reason]:
    """Say why, for points ``[q, d]`` that were proposed.

    Args:
        forward: the forward map of the objective's metrics and expressions, and of failing: what is predicted.
        data: the observations that it was fitted to.
        objective: what is wanted.
        units: snapped points.
        judged: the map by which the objective judges configurations, for gains, limits and the price; `forward`
            where it is left out.
    """
    import numpy as np

    judged = judged or forward
    predicted = forward.predict(units)
    success = forward.success_probability(units)
    failing = forward.failure_probabilities(units)
    gains, exploit = _gains(judged, data, objective, units)
    limits = {
        str(limit): np.exp(goal_log_probability(judged, limit, units, noise=False))
        for limit in objective.limits
        if limit.metric in judged.models
    }
    prices = _prices(judged, units)
    nearest = _nearest(forward, data, objective, units)
    broken = _at_border(data.space, units)
    return [
        Reason(
            predicted={
                name: (
                    float(prediction.quantiles[0.05][row]),
                    float(prediction.quantiles[0.5][row]),
                    float(prediction.quantiles[0.95][row]),
                )
                for name, prediction in predicted.items()
            },
            success=float(success[row]),
            failing={kind: float(values[row]) for kind, values in failing.items()},
            expected_gain={name: float(values[row]) for name, values in gains.items() if np.isfinite(values[row])},
            exploit=None if exploit is None else float(exploit[row]),
            nearest=nearest[row],
            limits={text: float(values[row]) for text, values in limits.items()},
            active=(
                *(text for text, values in limits.items() if values[row] < NEARLY_CERTAIN),
                *(text for text, flags in broken.items() if flags[row]),
            ),
            ends=_ends(data.space, units[row]),
            price=None if prices is None else float(prices[row]),
        )
        for row in range(len(units))
    ]


def _gains(
    forward: ForwardMap, data: Dataset, objective: Objective, units: "np.ndarray"
) -> "tuple[dict[str, np.ndarray], np.ndarray | None]":
    """Give the expected gain ``[q]`` of each wish, and the share of it that is owed to the mean.

    Of several wishes the share is that of the one with the largest gain, in units of its spread among the
    trainings.
    """
    import numpy as np

    run = data.units[~data.failed]
    if not len(run):
        return {}, None
    some = run[:: 1 + len(run) // MOST_JUDGED]
    leading = leading_rows(data, objective, finite_rows(data, objective))
    run = data.units[leading] if len(leading) else some
    feasible = np.ones(len(run), dtype=bool)
    for limit in objective.limits:
        if limit.metric in forward.models:
            feasible &= goal_log_probability(forward, limit, run, noise=False) >= np.log(0.5)
    incumbents = run[feasible] if feasible.any() else run
    ordinary = sample_units(data.space, NUM_ORDINARY, seed=0, method="additive")
    gains: dict[str, np.ndarray] = {}
    largest, share = np.full(len(units), -np.inf), np.zeros(len(units))
    for wish in objective.wishes:
        if wish.metric not in forward.models:
            continue
        gains[wish.metric] = _gain(forward, wish, incumbents, units)
        scaled = gains[wish.metric] / _spread_of(forward, wish, some)
        better = scaled > largest
        largest = np.where(better, scaled, largest)
        share = np.where(better, _owed_to_mean(forward, wish, incumbents, ordinary, units), share)
    return gains, share if gains else None


def _prices(forward: ForwardMap, units: "np.ndarray") -> "np.ndarray | None":
    """Give the expected cost ``[q]`` as a multiple of an ordinary configuration's."""
    import numpy as np

    if forward.cost is None:
        return None
    ordinary = sample_units(forward.space, NUM_ORDINARY, seed=0, method="additive")
    usual = float(np.median(forward.cost.log_price(ordinary)))
    return np.asarray(np.exp(np.clip(forward.cost.log_price(units) - usual, -100.0, 100.0)))


def _spread_of(forward: ForwardMap, wish: Wish, run: "np.ndarray") -> float:
    import numpy as np

    model = forward.model(wish.metric)
    return max(float(np.std(model.warp.inverse(model.latent(run)[0]))), 1e-300)


def _gain(forward: ForwardMap, wish: Wish, incumbents: "np.ndarray", units: "np.ndarray") -> "np.ndarray":
    """Give the expected improvement ``[q]`` on the best predicted value of points ``[k, d]``, in metric units."""
    import numpy as np

    model = forward.model(wish.metric)
    seen = model.warp.inverse(model.latent(incumbents)[0])
    mean, deviation = model.latent(units)
    nodes = np.linspace(-MOST_DEVIATIONS, MOST_DEVIATIONS, NUM_NODES)
    weights = np.exp(-0.5 * nodes**2)
    drawn = model.warp.inverse((mean[:, None] + deviation[:, None] * nodes).ravel()).reshape(len(units), -1)
    if isinstance(wish, Target):
        gain = np.abs(seen - wish.value).min() - np.abs(drawn - wish.value)
    else:
        gain = seen.min() - drawn if isinstance(wish, Minimize) else drawn - seen.max()
    return np.asarray(np.maximum(gain, 0.0) @ weights / weights.sum())


def _owed_to_mean(
    forward: ForwardMap, wish: Wish, incumbents: "np.ndarray", ordinary: "np.ndarray", units: "np.ndarray"
) -> "np.ndarray":
    """Give the share ``[q]`` of the gain over an ordinary configuration that is owed to the mean, not the spread.

    The logarithm of the expected improvement on the latent scale is split between the two by Shapley's value
    (1953): each is exchanged for that of an ordinary configuration, before and after the other.
    """
    import numpy as np

    model = forward.model(wish.metric)
    (seen, _), (mean, deviation), (usual, spread) = (model.latent(each) for each in (incumbents, units, ordinary))
    deviation = np.maximum(deviation, 1e-9)
    usual_deviation = np.full(len(units), max(float(np.median(spread)), 1e-9))
    target = latent_bound(model, wish.value) if isinstance(wish, Target) else 0.0
    if isinstance(wish, Target) and np.isfinite(target):
        # On the side of the target where a configuration is, an ordinary distance away from it.
        side = np.where(mean >= target, 1.0, -1.0)
        usual_mean = target + side * float(np.median(np.abs(usual - target)))
        distance = max(float(np.abs(seen - target).min()), 1e-6)

        def log_gain(middle: "np.ndarray", width: "np.ndarray") -> "np.ndarray":
            return log_distance_improvement(middle, width, target, distance)

    else:
        up = target > 0 if isinstance(wish, Target) else not isinstance(wish, Minimize)
        sign = 1.0 if up else -1.0
        usual_mean = np.full(len(units), float(np.median(usual)))
        best = float((sign * seen).max())

        def log_gain(middle: "np.ndarray", width: "np.ndarray") -> "np.ndarray":
            return log_expected_improvement(sign * middle, width, best)

    both, neither = log_gain(mean, deviation), log_gain(usual_mean, usual_deviation)
    only_mean, only_spread = log_gain(mean, usual_deviation), log_gain(usual_mean, deviation)
    by_mean = np.maximum(0.5 * (only_mean - neither + both - only_spread), 0.0)
    by_spread = np.maximum(0.5 * (only_spread - neither + both - only_mean), 0.0)
    total = by_mean + by_spread
    return np.asarray(np.where(total > 0, by_mean / np.maximum(total, 1e-300), 0.5))


def _nearest(
    forward: ForwardMap, data: Dataset, objective: Objective, units: "np.ndarray"
) -> list[tuple[int, float] | None]:
    import numpy as np

    if not len(data):
        return [None] * len(units)
    names = [name for name in objective.metrics if name in forward.models] or list(forward.models)
    distances = (
        forward.model(names[0]).distances(units, data.units)
        if names
        else np.linalg.norm(units[:, None] - data.units, axis=2)
    )
    rows = distances.argmin(axis=1)
    return [
        (data.numbers[row] if data.numbers else int(row), float(distances[place, row]))
        for place, row in enumerate(rows.tolist())
    ]


def _at_border(space: Space, units: "np.ndarray") -> "dict[str, np.ndarray]":
    """Say for each constraint at which points ``[q, d]`` a small step in one parameter would break it."""
    import numpy as np

    if not space.constraints:
        return {}
    num, dimension = units.shape
    moved = np.repeat(units[:, None], 2 * dimension, axis=1)
    for column, parameter in enumerate(space.free):
        if not isinstance(parameter, Choice | Boolean):
            moved[:, 2 * column, column] = _stepped(parameter, units[:, column], -1)
            moved[:, 2 * column + 1, column] = _stepped(parameter, units[:, column], 1)
    moved = space.moved(np.repeat(units, 2 * dimension, axis=0), np.clip(moved.reshape(-1, dimension), 0.0, 1.0))
    return {text: np.any(~held.reshape(num, -1), axis=1) for text, held in space.held(moved).items()}


def _stepped(parameter: FreeParameter, units: "np.ndarray", side: int) -> "np.ndarray":
    """Give numbers ``[q]`` of the unit interval a small step away: the next whole number or level, at least."""
    import numpy as np

    if isinstance(parameter, Integer):
        values = np.clip(parameter.from_unit(units) + side, parameter.low, parameter.high)
        return np.asarray(side * np.maximum(side * parameter.to_unit(values), side * (units + side * BORDER)))
    return np.asarray(units + side * max(BORDER, 1.0 / parameter.num_levels if parameter.num_levels else 0.0))


def _ends(space: Space, unit: "np.ndarray") -> dict[str, str]:
    """Say which parameters stand at an end of their range; none and all of a whole are no ends of a range."""
    parts = {name: part.low > 0.0 for group in space.groups.values() for name, part in group.floats.items()}
    active = space.activity(unit[None])[0]
    found: dict[str, str] = {}
    for column, (name, parameter) in enumerate(zip(space.names, space.free, strict=True)):
        if not active[column] or isinstance(parameter, Choice | Boolean):
            continue
        value, low, high = (value_at(parameter, place) for place in (float(unit[column]), 0.0, 1.0))
        ends = (low, high) if name not in parts else (low,) if parts[name] else ()
        if value in ends:
            found[name] = "low" if value == low else "high"
    return found
