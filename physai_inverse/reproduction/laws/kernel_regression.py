"""Kernel regression: eigenfunctions share a fixed supply of learnability, which foretells the test error.

Symbols: `M` points of the space, `n` of them sampled, `H` [M, M] the eigenfunctions at all points, `v` [M] the
target's coefficients, `L` [M] the learnabilities.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from physai_inverse.reproduction.law import Check, Law, Line, Outcome, Picture

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = "NDArray[np.float64]"

BITS = 11
"""Dimension of the cube {-1, 1}^d."""
SAMPLES = (16, 32, 64, 128)
RIDGES = (0.0, 0.1)
REPEATS = 20
POWER = {1: 0.6, 2: 0.3, 3: 0.1}
"""Share of the target's variance in each order of parities."""
NOISE = 0.1
"""Variance of the labels' noise."""
TOLERANCE = 0.1
EXACT = 1e-6
"""Relative error of a sum that is exact, by rounding."""


@dataclass(frozen=True)
class Found:
    """What came out for one number of samples and one ridge.

    Args:
        samples: `n`.
        ridge: added to the kernel matrix.
        total: sum of all measured learnabilities, of the first repeat.
        supply: the same by the theory.
        error: mean test error, noise included.
        predicted: the same by the theory.
    """

    samples: int
    ridge: float
    total: float
    supply: float
    error: float
    predicted: float


def _measure(seed: int) -> Outcome:
    import numpy as np

    from physai_inverse.seeds import generator

    H = parities(BITS)
    orders = np.array([number.bit_count() for number in range(len(H))])
    row = np.exp((BITS - 2.0 * orders) / BITS)  # of the kernel exp(x.y / d), at the point of ones
    eigenvalues = H @ row / len(H)
    kernel = (H * eigenvalues) @ H.T
    v = np.zeros(len(H))
    for order, power in POWER.items():
        chosen = orders == order
        signs = generator(seed, "target", order).choice([-1.0, 1.0], chosen.sum())
        v[chosen] = signs * math.sqrt(power / chosen.sum())
    truth = H @ v
    found = []
    for ridge in RIDGES:
        for n in SAMPLES:
            draws = [generator(seed, "kernel_regression", n, repr(ridge), repeat) for repeat in range(REPEATS)]
            errors = [_test_error(kernel, truth, n, ridge, draw) for draw in draws]
            rows = generator(seed, "sample", n).choice(len(H), n, replace=False)
            total = float(learnabilities(kernel, H, rows, ridge).sum())
            L = learned(eigenvalues, n, ridge)
            expected = predicted_error(L, v, n, NOISE)
            found.append(Found(n, ridge, total, float(L.sum()), math.fsum(errors) / REPEATS, expected))
    return outcome(found)


def parities(bits: int) -> "Array":
    """Give all products of coordinates at all points of the cube, [points, products], named by their bits."""
    import numpy as np

    H = np.ones((1, 1))
    for _ in range(bits):
        H = np.block([[H, H], [H, -H]])
    return H


def _weights(kernel: "Array", rows: "NDArray[np.intp]", ridge: float) -> "Array":
    """Give what each label counts in the prediction at each point, [M, n]."""
    import numpy as np

    matrix = kernel[np.ix_(rows, rows)] + ridge * np.eye(len(rows))
    return np.asarray(np.linalg.solve(matrix, kernel[rows]).T, dtype=np.float64)


def learnabilities(kernel: "Array", H: "Array", rows: "NDArray[np.intp]", ridge: float) -> "Array":
    """Measure how much of each eigenfunction a fit to it on these rows finds, [M]."""
    found: Array = (H * (_weights(kernel, rows, ridge) @ H[rows])).sum(axis=0) / len(H)
    return found


def _test_error(kernel: "Array", truth: "Array", n: int, ridge: float, draw: "np.random.Generator") -> float:
    """Fit one sample with noisy labels; give the mean squared error on noisy labels of all points."""
    import numpy as np

    rows = draw.choice(len(truth), n, replace=False)
    labels = truth[rows] + math.sqrt(NOISE) * draw.standard_normal(n)
    return float(np.square(_weights(kernel, rows, ridge) @ labels - truth).mean()) + NOISE


def learned(eigenvalues: "Array", n: int, ridge: float) -> "Array":
    """Give the learnabilities of the theory."""
    return eigenvalues / (eigenvalues + effective_regularisation(eigenvalues, n, ridge))


def effective_regularisation(eigenvalues: "Array", n: int, ridge: float) -> float:
    """Solve `n = sum_i l_i / (l_i + k) + ridge / k` for `k`, which falls with `n`.

    Source: Simon, Dickens, Karkada and DeWeese 2023, https://arxiv.org/abs/2110.03922, for all `n` and ridges.

    Args:
        eigenvalues: more than `n` above zero, or a ridge above 0.
        n: number of samples.
        ridge: at least 0.
    """
    low, high = -60.0, 60.0  # of log k
    for _ in range(200):
        middle = (low + high) / 2
        k = math.exp(middle)
        if float((eigenvalues / (eigenvalues + k)).sum()) + ridge / k > n:
            low = middle
        else:
            high = middle
    return math.exp((low + high) / 2)


def predicted_error(L: "Array", v: "Array", n: int, noise: float) -> float:
    """Give the mean test error, noise included.

    Source: Simon et al. 2023, https://arxiv.org/abs/2110.03922: modes are learned by `L`, and over-fitting raises
    what is left by `n / (n - sum L^2)`.
    """
    left = float(((1 - L) ** 2 * v**2).sum()) + noise
    return n / (n - float((L**2).sum())) * left


def outcome(found: Sequence[Found]) -> Outcome:
    """Hold sums and errors against the theory: the one that is farthest from it speaks for all of its kind."""
    checks = []
    for ridge in dict.fromkeys(one.ridge for one in found):
        within = TOLERANCE if ridge else EXACT
        ratios = [one.total / one.supply for one in found if one.ridge == ridge]
        text = f"sum of learnabilities over the predicted, ridge {ridge:g}: the farthest from 1 of {len(ratios)}"
        checks.append(Check(text, _farthest(ratios), 1 - within, 1 + within))
    ratios = [one.error / one.predicted for one in found]
    text = f"test error over the predicted: the farthest from 1 of {len(ratios)}"
    checks.append(Check(text, _farthest(ratios), 1 - TOLERANCE, 1 + TOLERANCE))
    lines = []
    for ridge in dict.fromkeys(one.ridge for one in found):
        part = [one for one in found if one.ridge == ridge]
        x = tuple(float(one.samples) for one in part)
        lines.append(Line(f"ridge {ridge}", x, tuple(one.error for one in part)))
        lines.append(Line(f"ridge {ridge}, theory", x, tuple(one.predicted for one in part), "dashed"))
    return Outcome(tuple(checks), Picture("samples", "test error", tuple(lines), log_x=True, log_y=True))


def _farthest(ratios: Sequence[float]) -> float:
    """Give the ratio that is farthest from 1; NaN where one is."""
    return max(ratios, key=lambda ratio: math.inf if math.isnan(ratio) else abs(ratio - 1))


LAWS = (
    Law(
        41,
        "conservation of learnability",
        "In kernel regression without ridge the learnabilities of all eigenfunctions add up to the number of "
        "samples, with a ridge to less; as l / (l + k) for each eigenvalue l they foretell the test error "
        "within 10 %.",
        "The sum: exact in any finite space, for any sample. The error: a mean over samples, here on the cube of "
        "11 bits with the kernel exp(x.y / 11), and few of its points sampled: with a quarter of them and no "
        "ridge the error is some 13 % lower, since they are judged, too.",
        "Simon, Dickens, Karkada and DeWeese 2023, https://arxiv.org/abs/2110.03922",
        "",
        2.0,
        _measure,
    ),
)
