"""Expected improvements in closed form and in log form, so that none underflows and none is flat.

Symbols: m mean and s standard deviation of a normal value, b what it has to beat, h(z) = phi(z) + z Phi(z).

Sources: Ament et al. 2023, "Unexpected improvements to expected improvement", eq. 9; Astudillo & Frazier 2019,
"Bayesian optimization of composite functions" (targets: improve the distance, model the metric).
"""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

TINY = 1e-300


def log_expected_improvement(
    mean: "np.ndarray", deviation: "np.ndarray", best: "float | np.ndarray"
) -> "np.ndarray":
    """Give ``log E[max(y - best, 0)]`` for ``y ~ N(mean, deviation**2)``, without underflow.

    Args:
        mean: any shape.
        deviation: of the same shape, above 0.
        best: the incumbent; one, or several that the shapes of mean and deviation allow for.
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
    mean: "np.ndarray", deviation: "np.ndarray", target: float, distance: "float | np.ndarray"
) -> "np.ndarray":
    """Give ``log E[max(distance - |z - target|, 0)]`` for ``z ~ N(mean, deviation**2)``, in closed form.

    With ``Z`` standard normal and the band ``[target - distance, target + distance]`` cut at the target, the
    expectation is a sum of two truncated first moments.

    Args:
        mean: any shape.
        deviation: of the same shape, above 0.
        target: the value to hit, on the same scale.
        distance: of the incumbent, above 0; one, or several that the shapes of mean and deviation allow for.
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
