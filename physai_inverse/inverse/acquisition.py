"""What a training at a point is worth: log expected improvement, with what may go wrong and what it costs.

```
log a(x) = log EI(x) + sum over limits log P(limit met at x) + c log P(training succeeds at x) - g log E[cost at x]
```

`c` is the caution: one while trainings succeed, more the more of the latest failed, since then the promise of
the map beyond the border, or its picture of the border, has been wrong. `g` is one, times how much of the cost's
variance its model explains, so that a cost that cannot be told apart from a constant has no say.

The incumbent is the best *predicted* value among the trainings that were run, not the best measured one, so that
a lucky run does not stand in the way. While no training meets the limits, the first term is left out: feasibility
comes first. One wish has a closed form, averaged over the components of what is known of an expression; two to
four improve the hypervolume (`hypervolume`); more are joined by a weighted Chebyshev distance whose weights are
drawn anew for every proposal (ParEGO, Knowles 2006), over a fixed set of quasi-random normal draws.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from physai_inverse.forward import ForwardMap
from physai_inverse.inverse.derived import components, log_mean
from physai_inverse.inverse.goals import latent_bound, limits_log_probability
from physai_inverse.inverse.hypervolume import MOST_WISHES, Gain, HypervolumeImprovement
from physai_inverse.inverse.improvement import TINY, log_distance_improvement, log_expected_improvement
from physai_inverse.objective import Maximize, Objective, Target, Wish
from physai_inverse.seeds import generator

if TYPE_CHECKING:
    import numpy as np

NUM_DRAWS = 64
"""Normal draws for more than four wishes; the same at every point, so that the acquisition is smooth."""

RIDGE = 0.05
"""Weight of the sum beside the worst wish in the augmented Chebyshev distance (Knowles 2006)."""


@dataclass(frozen=True)
class Acquisition:
    """The value of a training, as a function of points.

    Args:
        forward: the forward map, conditioned on what is running.
        objective: what is wanted; its metrics may lack a model as long as nothing was recorded of them.
        evaluated: ``[n, d]`` points whose training ended with metrics, and those that are running: what the map
            expects of them counts as reached, so that a batch does not gather around one promise.
        seed: the stream of weights, for more than four wishes.
        caution: the weight of the log probability of success, at least one.
    """

    forward: ForwardMap
    objective: Objective
    evaluated: "np.ndarray"
    seed: int
    caution: float = 1.0

    def __call__(self, units: "np.ndarray") -> "np.ndarray":
        """Give log values ``[n]`` at snapped points ``[n, d]``."""
        import numpy as np

        value = limits_log_probability(self.forward, self.objective, units)
        value = value + self.caution * np.log(np.maximum(self.forward.success_probability(units), TINY))
        if self.forward.cost is not None:
            value = value - self.forward.cost.log_price(units)
        if not self._wishes or not self._feasible.any():
            return np.asarray(value)
        if len(self._wishes) == 1:
            return np.asarray(value + self._one_wish(self._wishes[0], units))
        if len(self._wishes) <= MOST_WISHES:
            return np.asarray(value + self._hypervolume(units))
        return np.asarray(value + self._weighted(units))

    @cached_property
    def _wishes(self) -> list[Wish]:
        return [wish for wish in self.objective.wishes if wish.metric in self.forward.models]

    @cached_property
    def _feasible(self) -> "np.ndarray":
        """Which evaluated points meet the limits, rather than not."""
        import numpy as np

        log_half = math.log(0.5) * max(len(self.objective.limits), 1)
        return np.asarray(limits_log_probability(self.forward, self.objective, self.evaluated) >= log_half)

    @cached_property
    def _incumbents(self) -> "np.ndarray":
        """What the map expects of the only wish at the feasible evaluated points, on the latent scale."""
        return self.forward.model(self._wishes[0].metric).latent(self.evaluated[self._feasible])[0]

    def _one_wish(self, wish: Wish, units: "np.ndarray") -> "np.ndarray":
        import numpy as np

        model = self.forward.model(wish.metric)
        incumbents = self._incumbents
        mean, deviation = components(model, units)
        deviation = np.maximum(deviation, 1e-9)
        if isinstance(wish, Target):
            target = latent_bound(model, wish.value)
            if not math.isfinite(target):  # the metric cannot go there: get as near as it goes
                sign = 1.0 if target > 0 else -1.0
                return log_mean(log_expected_improvement(sign * mean, deviation, (sign * incumbents).max()))
            distance = max(float(np.abs(incumbents - target).min()), 1e-6)
            return log_mean(log_distance_improvement(mean, deviation, target, distance))
        sign = 1.0 if isinstance(wish, Maximize) else -1.0
        return log_mean(log_expected_improvement(sign * mean, deviation, float((sign * incumbents).max())))

    @cached_property
    def _hypervolume(self) -> HypervolumeImprovement:
        return HypervolumeImprovement.over(
            self.forward, self.objective, self._wishes, self.evaluated[self._feasible]
        )

    def _weighted(self, units: "np.ndarray") -> "np.ndarray":
        import numpy as np

        from physai_inverse.normal import ndtri

        rng = generator(self.seed, "weights")
        weights = rng.dirichlet(np.ones(len(self._wishes)))
        steps = (np.arange(NUM_DRAWS) + rng.random()) / NUM_DRAWS
        joined, incumbents = [], []
        for wish in self._wishes:
            gain = Gain(wish, self.forward.model(wish.metric))
            seen, _ = gain.model.latent(self.evaluated[self._feasible])
            mean, deviation = gain.model.latent(units)
            draws = ndtri(rng.permutation(steps))
            gains = [gain.of(latent) for latent in (mean[:, None] + deviation[:, None] * draws, seen)]
            low, high = gains[1].min(), gains[1].max()
            scale = max(high - low, 1e-9)
            joined.append((gains[0] - high) / scale)
            incumbents.append((gains[1] - high) / scale)
        improvement = _chebyshev(joined, weights) - _chebyshev(incumbents, weights).max()
        # A soft maximum instead of max(., 0): never flat, so that the search has a slope to follow.
        soft = 1e-2 * np.logaddexp(0.0, improvement / 1e-2)
        return np.asarray(np.log(np.maximum(soft.mean(axis=1), TINY)))


def _chebyshev(gains: "list[np.ndarray]", weights: "np.ndarray") -> "np.ndarray":
    import numpy as np

    weighted = np.stack([weight * gain for weight, gain in zip(weights, gains, strict=True)])
    return np.asarray(weighted.min(axis=0) + RIDGE * weighted.sum(axis=0))
