"""What a training at a point is worth: expected improvement in log form, times what may go wrong.

```
log a(x) = log EI(x) + sum over limits log P(limit met at x) + c log P(training succeeds at x)
```

`c` is the caution: one while trainings succeed, more the more of the latest failed, since then the promise of
the map beyond the border, or its picture of the border, has been wrong.

The incumbent is the best *predicted* value among the trainings that were run, not the best measured one, so that
a lucky run does not stand in the way. While no training meets the limits, the first term is left out: feasibility
comes first. One wish has a closed form; several are joined by a weighted Chebyshev distance whose weights are
drawn anew for every proposal (ParEGO, Knowles 2006), over a fixed set of quasi-random normal draws.

Sources: Ament et al. 2023, "Unexpected improvements to expected improvement", eq. 9 (log EI); Astudillo & Frazier
2019, "Bayesian optimization of composite functions" (targets: improve the distance, model the metric).
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from physai_inverse.forward import ForwardMap
from physai_inverse.inverse.goals import latent_bound, limits_log_probability
from physai_inverse.objective import Maximize, Objective, Target, Wish
from physai_inverse.seeds import generator

if TYPE_CHECKING:
    import numpy as np

TINY = 1e-300
NUM_DRAWS = 64
"""Normal draws for several wishes; the same at every point, so that the acquisition is smooth."""

RIDGE = 0.05
"""Weight of the sum beside the worst wish in the augmented Chebyshev distance (Knowles 2006)."""


def log_expected_improvement(mean: "np.ndarray", deviation: "np.ndarray", best: float) -> "np.ndarray":
    """Give ``log E[max(y - best, 0)]`` for ``y ~ N(mean, deviation**2)``, without underflow.

    Args:
        mean: ``[n]``.
        deviation: ``[n]``, above 0.
        best: the incumbent.
    """
    import numpy as np

    scaled = (mean - best) / deviation
    return np.asarray(_log_h(scaled) + np.log(deviation))


def _log_h(z: "np.ndarray") -> "np.ndarray":
    """Give ``log(phi(z) + z Phi(z))``; for z below -1 through erfcx, where the sum would cancel."""
    import numpy as np

    from physai_inverse.normal import erfcx, ndtr

    result = np.empty_like(z)
    high = z > -1.0
    part = z[high]
    result[high] = np.log(np.exp(-0.5 * part**2) / math.sqrt(2 * math.pi) + part * ndtr(part))
    low = ~high
    part = np.abs(z[low])
    # 1 - |z| sqrt(pi/2) erfcx(|z|/sqrt 2) tends to 1/z**2; below 1e-12 its digits are gone.
    rest = np.where(part < 1e5, 1.0 - part * math.sqrt(math.pi / 2) * erfcx(part / math.sqrt(2)), 0.0)
    rest = np.where(rest > 1e-10, rest, 1.0 / part**2)
    result[low] = -0.5 * part**2 - 0.5 * math.log(2 * math.pi) + np.log(rest)
    return result


def log_distance_improvement(
    mean: "np.ndarray", deviation: "np.ndarray", target: float, distance: float
) -> "np.ndarray":
    """Give ``log E[max(distance - |z - target|, 0)]`` for ``z ~ N(mean, deviation**2)``, in closed form.

    With ``Z`` standard normal and the band ``[target - distance, target + distance]`` cut at the target, the
    expectation is a sum of two truncated first moments.

    Args:
        mean: ``[n]``.
        deviation: ``[n]``, above 0.
        target: the value to hit, on the same scale.
        distance: of the incumbent, above 0.
    """
    import numpy as np

    from physai_inverse.normal import ndtr

    def density(z: "np.ndarray") -> "np.ndarray":
        return np.asarray(np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi))

    low, middle, high = ((edge - mean) / deviation for edge in (target - distance, target, target + distance))
    left = (distance - target + mean) * (ndtr(middle) - ndtr(low)) - deviation * (density(middle) - density(low))
    right = (distance + target - mean) * (ndtr(high) - ndtr(middle)) + deviation * (
        density(high) - density(middle)
    )
    value = left + right
    # Far away the difference of tails drowns in rounding; the log of the nearest edge's density ranks there.
    gap = np.maximum(np.abs(mean - target) - distance, 0.0) / deviation
    floor = -0.5 * gap**2 + np.log(deviation) - 2 * np.log1p(gap)
    accurate = value > 1e-12 * (deviation + distance)
    drowned = np.minimum(floor, np.log(1e-12 * (deviation + distance)))
    return np.asarray(np.where(accurate, np.log(np.maximum(value, TINY)), drowned))


@dataclass(frozen=True)
class Acquisition:
    """The value of a training, as a function of points.

    Args:
        forward: the forward map, conditioned on what is running.
        objective: what is wanted; its metrics may lack a model as long as nothing was recorded of them.
        evaluated: ``[n, d]`` points whose training ended with metrics, and those that are running: what the map
            expects of them counts as reached, so that a batch does not gather around one promise.
        seed: the stream of weights, for several wishes.
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
        wishes = [wish for wish in self.objective.wishes if wish.metric in self.forward.models]
        if not wishes or not self._feasible.any():
            return np.asarray(value)
        if len(wishes) == 1:
            return np.asarray(value + self._one_wish(wishes[0], units))
        return np.asarray(value + self._several(wishes, units))

    @cached_property
    def _feasible(self) -> "np.ndarray":
        """Which evaluated points meet the limits, rather than not."""
        import numpy as np

        log_half = math.log(0.5) * max(len(self.objective.limits), 1)
        return np.asarray(limits_log_probability(self.forward, self.objective, self.evaluated) >= log_half)

    def _one_wish(self, wish: Wish, units: "np.ndarray") -> "np.ndarray":
        import numpy as np

        model = self.forward.model(wish.metric)
        incumbents, _ = model.latent(self.evaluated[self._feasible])
        mean, deviation = model.latent(units)
        deviation = np.maximum(deviation, 1e-9)
        if isinstance(wish, Target):
            target = latent_bound(model, wish.value)
            if not math.isfinite(target):  # the metric cannot go there: get as near as it goes
                sign = 1.0 if target > 0 else -1.0
                return log_expected_improvement(sign * mean, deviation, float((sign * incumbents).max()))
            distance = max(float(np.abs(incumbents - target).min()), 1e-6)
            return log_distance_improvement(mean, deviation, target, distance)
        sign = 1.0 if isinstance(wish, Maximize) else -1.0
        return log_expected_improvement(sign * mean, deviation, float((sign * incumbents).max()))

    def _several(self, wishes: list[Wish], units: "np.ndarray") -> "np.ndarray":
        import numpy as np

        from physai_inverse.normal import ndtri

        rng = generator(self.seed, "weights")
        weights = rng.dirichlet(np.ones(len(wishes)))
        steps = (np.arange(NUM_DRAWS) + rng.random()) / NUM_DRAWS
        joined, incumbents = [], []
        for wish in wishes:
            model = self.forward.model(wish.metric)
            seen, _ = model.latent(self.evaluated[self._feasible])
            mean, deviation = model.latent(units)
            draws = ndtri(rng.permutation(steps))
            samples = mean[:, None] + deviation[:, None] * draws
            gains = [
                _gain(wish, latent_bound(model, wish.value) if isinstance(wish, Target) else 0.0, z)
                for z in (samples, seen)
            ]
            low, high = gains[1].min(), gains[1].max()
            scale = max(high - low, 1e-9)
            joined.append((gains[0] - high) / scale)
            incumbents.append((gains[1] - high) / scale)
        improvement = _chebyshev(joined, weights) - _chebyshev(incumbents, weights).max()
        # A soft maximum instead of max(., 0): never flat, so that the search has a slope to follow.
        soft = 1e-2 * np.logaddexp(0.0, improvement / 1e-2)
        return np.asarray(np.log(np.maximum(soft.mean(axis=1), TINY)))


def _gain(wish: Wish, target: float, latent: "np.ndarray") -> "np.ndarray":
    import numpy as np

    if isinstance(wish, Target):
        return np.asarray(-np.abs(latent - np.clip(target, -1e6, 1e6)))
    return latent if isinstance(wish, Maximize) else -latent


def _chebyshev(gains: "list[np.ndarray]", weights: "np.ndarray") -> "np.ndarray":
    import numpy as np

    weighted = np.stack([weight * gain for weight, gain in zip(weights, gains, strict=True)])
    return np.asarray(weighted.min(axis=0) + RIDGE * weighted.sum(axis=0))
