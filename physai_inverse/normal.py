"""The standard normal distribution over arrays, in numpy alone: `scipy.special` takes a tenth of a cold start.

Everything hangs on the scaled complement of the error function, smooth and without underflow:

    erfcx(x) = exp(x^2) erfc(x) = 2 p(Z) / (L + x)^2 + 1 / (sqrt(pi) (L + x)),    Z = (L - x) / (L + x),  x >= 0

with a polynomial p whose coefficients are those of a Fourier series. At 40 terms it agrees with scipy's to a few
units of the last place.

Source: Weideman, "Computation of the complex error function" (SIAM Journal on Numerical Analysis 31, 1994), here
on the imaginary axis.
"""

import math
from functools import cache
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

NUM_TERMS = 40
REACH = math.sqrt(NUM_TERMS / math.sqrt(2.0))
"""L."""


def erfcx(x: "np.ndarray") -> "np.ndarray":
    """Give ``exp(x**2) erfc(x)`` for x ``[...]`` of at least 0."""
    import numpy as np

    x = np.asarray(x, dtype=float)
    near = 1.0 / (REACH + x)
    place = (2.0 * REACH) * near - 1.0  # (L - x) / (L + x), also where x is infinite
    total = np.full_like(place, _coefficients()[0])
    for coefficient in _coefficients()[1:]:
        total *= place
        total += coefficient
    total *= 2.0 * near
    total += 1.0 / math.sqrt(math.pi)
    total *= near
    return np.asarray(total)


@cache
def _coefficients() -> tuple[float, ...]:
    """The coefficients of p, the highest power first."""
    import numpy as np

    half = 2 * NUM_TERMS
    angle = np.arange(-half + 1, half) * (math.pi / half)
    squared = (REACH * np.tan(0.5 * angle)) ** 2
    series = np.cos(np.multiply.outer(np.arange(NUM_TERMS, 0, -1), angle)) @ (
        np.exp(-squared) * (REACH**2 + squared)
    )
    return tuple((series / (2 * half)).tolist())


def ndtr(z: "np.ndarray") -> "np.ndarray":
    """Give the probability below z ``[...]``."""
    import numpy as np

    z = np.asarray(z, dtype=float)
    half, decay = _tail(z)
    tail = half * decay
    return np.asarray(np.where(z > 0, 1.0 - tail, tail))


def log_ndtr(z: "np.ndarray") -> "np.ndarray":
    """Give the logarithm of the probability below z ``[...]``, without underflow."""
    import numpy as np

    z = np.asarray(z, dtype=float)
    half, decay = _tail(z)
    with np.errstate(divide="ignore", over="ignore"):
        return np.asarray(np.where(z > 0, np.log1p(-half * decay), np.log(half) - 0.5 * z * z))


def _tail(z: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """The probability beyond |z| in two factors: the first falls slowly, the second is exp(-z^2 / 2)."""
    import numpy as np

    with np.errstate(over="ignore", under="ignore"):
        return 0.5 * erfcx(np.abs(z) * math.sqrt(0.5)), np.asarray(np.exp(-0.5 * z * z))


def ndtri(probability: "np.ndarray") -> "np.ndarray":
    """Give the quantiles of probabilities ``[n]`` between 0 and 1, both excluded; one by one, meant for a few."""
    import numpy as np

    standard = NormalDist()
    return np.array([standard.inv_cdf(part) for part in np.asarray(probability, dtype=float).tolist()])
