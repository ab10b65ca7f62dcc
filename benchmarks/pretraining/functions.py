"""Random functions of numbers in [0, 1]: the shapes of which landscapes are made.

Each takes a stream and ``[n, p]`` numbers, and gives ``[n]`` values of any scale.
"""

from collections.abc import Callable

import numpy as np

Function = Callable[[np.random.Generator, np.ndarray], np.ndarray]
NUM_WAVES = 96


def process(random: np.random.Generator, V: np.ndarray) -> np.ndarray:
    """Draw from a Gaussian process by random waves: Matern 3/2 or 5/2 or smooth, a lengthscale a column.

    Source: Rahimi & Recht (2007); frequencies of a Matern kernel are those of Student's t.
    """
    count = V.shape[1]
    lengths = 0.3 * np.sqrt(count) * np.exp(random.normal(random.normal(0.0, 0.4), 0.8, count))
    waves = random.standard_normal((count, NUM_WAVES)) / lengths[:, None]
    degrees = random.choice([3.0, 5.0, np.inf])
    if np.isfinite(degrees):
        waves = waves / np.sqrt(random.chisquare(degrees, NUM_WAVES) / degrees)
    return np.asarray(
        np.cos(V @ waves + random.uniform(0.0, 2.0 * np.pi, NUM_WAVES)) @ random.standard_normal(NUM_WAVES)
    )


def network(random: np.random.Generator, V: np.ndarray) -> np.ndarray:
    """Draw a network of one to three layers."""
    width = int(random.integers(4, 33))
    hidden = (V - 0.5) * np.exp(random.normal(0.0, 0.7, V.shape[1])) * 3.0
    kind = int(random.integers(4))
    for _ in range(int(random.integers(1, 4))):
        weights = random.standard_normal((hidden.shape[1], width)) * np.sqrt(1.0 / hidden.shape[1])
        hidden = hidden @ (weights * np.exp(random.normal(0.3, 0.4))) + random.normal(0.0, 0.7, width)
        if kind == 0:
            hidden = np.tanh(hidden)
        elif kind == 1:
            hidden = np.maximum(hidden, 0.0)
        elif kind == 2:
            hidden = np.sin(hidden)
        else:
            hidden = hidden / (1.0 + np.exp(-hidden))
    return np.asarray(hidden @ random.standard_normal(width))


def trees(random: np.random.Generator, V: np.ndarray) -> np.ndarray:
    """Draw a sum of symmetric trees: steps parallel to the axes."""
    total = np.zeros(len(V))
    depth = int(random.integers(1, 5))
    for _ in range(int(random.integers(1, 9))):
        chosen = random.integers(0, V.shape[1], depth)
        leaf = (V[:, chosen] > random.uniform(0.05, 0.95, depth)) @ (1 << np.arange(depth))
        total += random.standard_normal(1 << depth)[leaf]
    return total


def valley(random: np.random.Generator, V: np.ndarray) -> np.ndarray:
    """Draw a valley whose place in one parameter moves with others, steeper on one side; perhaps a cliff."""
    count = V.shape[1]
    shift = np.triu(random.normal(0.0, 0.5, (count, count)) * (random.random((count, count)) < 2.0 / count), 1)
    away = V - random.uniform(0.05, 0.95, count) + (V - 0.5) @ shift
    weights = np.exp(random.normal(0.0, 1.2, count))
    sides = np.exp(random.normal(0.0, 0.5, (2, count)))
    power = random.choice([1.0, 2.0, 2.0, 4.0])
    total = (weights * np.abs(away * np.where(away > 0, sides[0], sides[1])) ** power).sum(axis=1)
    if random.random() < 0.5:
        steep = random.uniform(4.0, 25.0)
        over = np.minimum(steep * np.maximum(away[:, 0] - random.uniform(0.1, 0.4), 0.0), 6.0)
        total = total / max(float(np.std(total)), 1e-9) + np.exp(random.normal(-1.0, 1.0)) * np.expm1(over)
    if random.random() < 0.3:
        total = np.log(total + np.exp(random.normal(-3.0, 1.0)) * max(float(np.mean(total)), 1e-9) + 1e-12)
    return np.asarray(total)


def laws(random: np.random.Generator, V: np.ndarray) -> np.ndarray:
    """Draw power laws of sizes given as logarithms: a floor, one term a size, or what the scarcest allows."""
    decades = random.uniform(0.5, 4.0, V.shape[1])
    exponents = random.uniform(0.05, 1.0, V.shape[1])
    terms = np.exp(random.normal(0.0, 1.0, V.shape[1])) * 10.0 ** (-exponents * decades * V)
    kind = random.random()
    if kind < 0.5:
        return np.asarray(terms.sum(axis=1))
    if kind < 0.75:
        return np.asarray(terms.max(axis=1))
    return np.asarray(np.log(terms.sum(axis=1) + np.exp(random.normal(-2.0, 1.0))))


def additive(random: np.random.Generator, V: np.ndarray) -> np.ndarray:
    """Draw a sum of functions of one parameter each."""
    count = V.shape[1]
    kinds, places = random.integers(0, 6, count), random.uniform(0.0, 1.0, count)
    rates, weights = (
        np.exp(random.normal(1.0, 0.7, count)),
        random.normal(0.0, 1.0, count) * np.exp(random.normal(0.0, 0.5, count)),
    )
    away = V - places
    parts = np.stack(
        [
            away,
            rates * away**2,
            np.sin(rates * away * 2.0),
            np.tanh(rates * away * 2.0),
            (away > 0).astype(float),
            np.exp(-rates * V),
        ]
    )
    return np.asarray((parts[kinds, :, np.arange(count)] * weights[:, None]).sum(axis=0))


def constant_parts(random: np.random.Generator, V: np.ndarray) -> np.ndarray:
    """Draw phases: regions around a few centres, each with a value of its own and a slope within."""
    number = int(random.integers(2, 6))
    weights = np.exp(random.normal(0.0, 0.7, V.shape[1]))
    centres = random.random((number, V.shape[1]))
    nearest = (((V[:, None] - centres) ** 2) @ weights**2 + random.normal(0.0, 0.1, number)).argmin(axis=1)
    slopes = random.normal(0.0, random.uniform(0.0, 1.0), (number, V.shape[1]))
    return np.asarray(random.standard_normal(number)[nearest] + ((V - 0.5) * slopes[nearest]).sum(axis=1))


FUNCTIONS: tuple[tuple[float, Function], ...] = (
    (0.28, process),
    (0.16, network),
    (0.1, trees),
    (0.2, valley),
    (0.08, laws),
    (0.12, additive),
    (0.06, constant_parts),
)
"""Each with its share."""
