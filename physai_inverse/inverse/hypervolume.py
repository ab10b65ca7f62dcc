"""What a training adds to a trade-off: the expected improvement of the hypervolume, in closed form.

The region that the front does not dominate is cut into disjoint boxes (`boxes`); given the configuration the
wishes are independent, so that

```
E[improvement at x] = sum over boxes of the product over wishes of (G(low) - G(high)),   G(c) = E[max(gain - c, 0)]
```

with a closed form of `G` for Gaussian gains and for distances to a target. Gains are counted on the
latent scale of each metric, on which equal steps are equally likely: parameters over four decades weigh as
decades. (In the metrics' units the front came out worse on the trade-off of loss and parameters in
`benchmarks/tradeoffs.py`, and about the same on the two others.) The front is that of the *predicted* values,
noise taken off, of trainings that were run or are running, so that neither a lucky run nor a promise stands in
the way or is sought twice.

Symbols: n points, w wishes, b boxes, e edges of boxes in one column. Sources: Yang et al. 2019, "Efficient
computation of expected hypervolume improvement using box decomposition algorithms"; Daulton et al. 2021, "Parallel
Bayesian optimization of multiple noisy objectives with expected hypervolume improvement"; the reference point by
Ishibuchi et al. 2011, as a tenth of the front's range beyond its worst values.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from physai_inverse.forward import AbstractMetricModel, ForwardMap
from physai_inverse.inverse.boxes import front_of, open_boxes
from physai_inverse.inverse.derived import components, moments
from physai_inverse.inverse.goals import latent_bound
from physai_inverse.inverse.improvement import log_distance_improvement, log_expected_improvement
from physai_inverse.objective import Maximize, Objective, Target, Wish

if TYPE_CHECKING:
    import numpy as np

MOST_WISHES = 4
"""Beyond, the boxes grow too many; see `Acquisition`."""
MAX_FRONT = {1: 1, 2: 64, 3: 40, 4: 24}
"""Number of wishes to the points of the front that are kept, those that lie farthest apart."""
BEYOND = 0.1
"""How far the reference point lies beyond the worst values of the front, as a share of its range."""
BLEND = 0.01
"""Share of the normal closed form in the gain of an expression, whose draws alone would be flat far away."""
HARDLY, MUCH = 0.02, 0.2
"""Shares of the front's range by which a point is hardly worse, and much better."""
LEAST = 1e-250
"""Below, sums of products are taken anew in log form."""


@dataclass(frozen=True)
class Gain:
    """One wish, larger is better, on the latent scale of its model.

    Args:
        wish: the wish.
        model: its model.
    """

    wish: Wish
    model: AbstractMetricModel

    @cached_property
    def target(self) -> float:
        """The value to hit; far away where the metric cannot go."""
        import numpy as np

        assert isinstance(self.wish, Target)
        return float(np.clip(latent_bound(self.model, self.wish.value), -1e6, 1e6))

    def of(self, latent: "np.ndarray") -> "np.ndarray":
        """Give the gain of latent values."""
        import numpy as np

        if isinstance(self.wish, Target):
            return np.asarray(-np.abs(latent - self.target))
        return latent if isinstance(self.wish, Maximize) else -latent

    def bound(self, value: float) -> float:
        """Carry a value in the metric's units to the scale of the gain."""
        import numpy as np

        return float(self.of(np.array([latent_bound(self.model, value)]))[0])

    def log_excess(self, units: "np.ndarray", edges: "np.ndarray") -> "np.ndarray":
        """Give ``log E[max(gain - c, 0)]`` ``[n, e]`` at points ``[n, d]`` for finite edges ``c`` ``[e]``."""
        import numpy as np

        draws, width = components(self.model, units)
        mean, deviation = (part[:, None] for part in moments(draws, np.maximum(width, 1e-9)))
        if isinstance(self.wish, Target):
            inside = np.where(edges < 0, -edges, 1.0)
            found = log_distance_improvement(mean, deviation, self.target, inside)
            return np.where(edges < 0, found, -np.inf)
        sign = 1.0 if isinstance(self.wish, Maximize) else -1.0
        normal = log_expected_improvement(sign * mean, deviation, edges)
        if draws.ndim == 1:
            return normal
        gains = np.sort(sign * draws, axis=1)
        found = np.stack([np.maximum(gains - edge, 0.0).mean(axis=1) for edge in edges], axis=1)
        with np.errstate(divide="ignore"):
            return np.asarray(np.logaddexp(np.log(found) + np.log1p(-BLEND), normal + np.log(BLEND)))


@dataclass(frozen=True)
class HypervolumeImprovement:
    """The expected improvement of the hypervolume, as a function of points.

    Args:
        gains: one for each wish, up to `MOST_WISHES`.
        front: ``[k, w]`` gains that no other evaluated point beats in all.
        reference: ``[w]`` the worst gains that count.
    """

    gains: Sequence[Gain]
    front: "np.ndarray"
    reference: "np.ndarray"

    @classmethod
    def over(
        cls, forward: ForwardMap, objective: Objective, wishes: Sequence[Wish], evaluated: "np.ndarray"
    ) -> "HypervolumeImprovement":
        """Build it over what was reached at evaluated points ``[n, d]``, at least one."""
        import numpy as np

        gains = [Gain(wish, forward.model(wish.metric)) for wish in wishes]
        points = np.unique(evaluated, axis=0)
        reached = np.stack([gain.of(gain.model.latent(points)[0]) for gain in gains], axis=1)
        front = reached[front_of(reached)]
        reference = inferred_reference(front, reached)
        for column, gain in enumerate(gains):
            given = objective.reference.get(gain.wish.metric)
            bound = gain.bound(given) if given is not None else np.nan
            if np.isfinite(bound):
                reference[column] = bound
        return cls(gains, _apart(front[(front > reference).all(axis=1)], MAX_FRONT[len(gains)]), reference)

    @cached_property
    def _boxes(self) -> "tuple[np.ndarray, np.ndarray]":
        return open_boxes(self.front, self.reference)

    def __call__(self, units: "np.ndarray") -> "np.ndarray":
        """Give log values ``[n]`` at snapped points ``[n, d]``."""
        import numpy as np

        lower, upper = self._boxes
        logs, lows, highs = [], [], []
        for column, gain in enumerate(self.gains):
            edges = np.unique(np.concatenate([lower[:, column], upper[np.isfinite(upper[:, column]), column]]))
            logs.append(gain.log_excess(units, edges))
            lows.append(np.searchsorted(edges, lower[:, column]))
            highs.append(np.searchsorted(edges, upper[:, column]))  # one past the end where it is infinite
        tops = [found[:, :1] for found in logs]
        total = np.ones((len(units), len(lower)))
        for found, top, low, high in zip(logs, tops, lows, highs, strict=True):
            share = np.concatenate([np.exp(found - top), np.zeros((len(units), 1))], axis=1)
            total *= np.maximum(share[:, low] - share[:, high], 0.0)
        total = total.sum(axis=1)
        with np.errstate(divide="ignore"):
            value = np.log(total) + sum(top[:, 0] for top in tops)
        drowned = np.flatnonzero(~(total > LEAST))
        if len(drowned):
            value[drowned] = self._log_sum([found[drowned] for found in logs], lows, highs)
        return np.asarray(value)

    def _log_sum(
        self, logs: "list[np.ndarray]", lows: "list[np.ndarray]", highs: "list[np.ndarray]"
    ) -> "np.ndarray":
        """Take the sum over boxes in log form throughout."""
        import numpy as np

        terms = np.zeros((len(logs[0]), len(lows[0])))
        for found, low, high in zip(logs, lows, highs, strict=True):
            padded = np.concatenate([found, np.full((len(found), 1), -np.inf)], axis=1)
            near, far = padded[:, low], padded[:, high]
            with np.errstate(divide="ignore", invalid="ignore"):
                terms += np.where(far < near, near + np.log(-np.expm1(far - near)), -np.inf)
        top = np.maximum(terms.max(axis=1), -1e300)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(np.exp(terms - top[:, None]).sum(axis=1)) + top)


def inferred_reference(front: "np.ndarray", reached: "np.ndarray") -> "np.ndarray":
    """Give the worst gains ``[w]`` that count: a tenth of the front's range beyond its worst.

    A point of the front ``[k, w]`` is left out where another is much better in one wish and hardly worse in any:
    such points would move the reference far away, and the search with it. Where the front has no range, that of
    everything reached ``[n, w]`` counts, at least a thousandth of the values' size.
    """
    import numpy as np

    span, wide = np.ptp(front, axis=0), np.ptp(reached, axis=0)
    ahead = (front[:, None] - front) / np.maximum(span, 1e-300)  # of the first before the second
    idle = ((ahead <= HARDLY) & (front[:, None] != front).any(axis=2, keepdims=True)).all(axis=2)
    front = front[~(idle & (ahead.min(axis=2) < -MUCH)).any(axis=1)]
    span = np.ptp(front, axis=0)
    floor = 1e-3 * np.maximum(np.abs(reached).max(axis=0), 1e-6)
    return np.asarray(front.min(axis=0) - BEYOND * np.where(span > 1e-9 * wide, span, np.maximum(wide, floor)))


def _apart(front: "np.ndarray", most: int) -> "np.ndarray":
    """Keep the best of every column and then, one by one, what lies farthest from those kept."""
    import numpy as np

    if len(front) <= most:
        return front
    scaled = (front - front.min(axis=0)) / np.maximum(np.ptp(front, axis=0), 1e-300)
    kept = list(dict.fromkeys(int(row) for row in front.argmax(axis=0)))
    distance = np.min([np.abs(scaled - scaled[row]).max(axis=1) for row in kept], axis=0)
    while len(kept) < most:
        kept.append(int(distance.argmax()))
        distance = np.minimum(distance, np.abs(scaled - scaled[kept[-1]]).max(axis=1))
    return np.asarray(front[kept])
