"""Draw from a density over a mixed, conditional and constrained space: sequential Monte Carlo.

The prior is uniform over the cube where the constraints allow; a configuration's share of it is the volume of its
cell. Even draws of it are weighted by the density. Where that leaves too few that count, the density is approached
by powers of itself: reweight, resample, and move by steps that leave the power unchanged (Metropolis-Hastings).

The steps are made before snapping, and before shares are made to add up to one, where every one is as likely as
its reverse: the difference of two other points (which follows ridges), a few coordinates at the scale of the
spread, or another category.

Symbols: `v` log density, `b` the power between 0 (prior) and 1 (density).

Sources: Del Moral, Doucet & Jasra 2006, "Sequential Monte Carlo samplers", sections 3.1 to 3.3 (weights, and the
estimate of the normaliser); Jasra et al. 2011, "Inference for Levy-driven stochastic volatility models via
adaptive sequential Monte Carlo", section 3.3 (the next power by the effective number); ter Braak 2006, "A Markov
chain Monte Carlo version of the genetic algorithm Differential Evolution" (steps by differences, the factor 2.38).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from physai_inverse.seeds import child, generator
from physai_inverse.space import Boolean, Choice, Space
from physai_inverse.space.sampling import sample_cube

if TYPE_CHECKING:
    import numpy as np

NUM_DRAWS = 6144
"""Even draws of the prior."""
NUM_PARTICLES = 1536
NUM_SWEEPS = 3
"""Steps of every particle at one power."""
NUM_KEPT = 3
"""Sweeps at the density itself whose particles are kept."""
LEAST_EFFECTIVE = 0.65
"""Effective draws, as a share of the particles, from which the prior's are sample enough."""
LEAST_DRAWS, LEAST_PARTICLES = 1024, 384
"""However dear a point is."""
MAX_POWERS = 16
LEAST_LOG = -1e4
"""Log density where there is none: a floor keeps weights and powers finite."""
SMALL_STEP = 1e-4
"""Spread that is added to differences, so that no direction is closed for good."""
REDRAW = 0.3
"""Share of steps in which a category is drawn anew."""


@dataclass(frozen=True)
class Sample:
    """A weighted sample of a density over a space.

    Args:
        units: ``[n, d]`` different snapped points.
        weights: ``[n]``, adding up to one.
        log_values: ``[n]`` log density, not normalised.
        log_mean: log of the density's mean under the prior, its normaliser.
        effective: how many independent draws the weights are worth.
    """

    units: "np.ndarray"
    weights: "np.ndarray"
    log_values: "np.ndarray"
    log_mean: float
    effective: float


def sample_density(
    log_density: "Callable[[np.ndarray], np.ndarray]", space: Space, *, seed: int, effort: float = 1.0
) -> Sample:
    """Draw a weighted sample of the normalised density over a space.

    Args:
        log_density: snapped points ``[n, d]`` to log values ``[n]``; minus infinity where there is none.
        space: the space.
        seed: the stream.
        effort: share of the usual number of points; less where each is dear.

    Raises:
        InvalidInput: no point of the space fulfils its constraints.
    """
    import numpy as np

    def value(cube: "np.ndarray") -> "np.ndarray":
        found = np.full(len(cube), LEAST_LOG)
        snapped = space.snap(space.even(cube))
        inside = space.feasible(snapped)
        found[inside] = np.maximum(log_density(snapped[inside]), LEAST_LOG)
        return np.where(inside, found, -np.inf)

    rng = generator(seed, "moves")
    num_draws = max(LEAST_DRAWS, round(NUM_DRAWS * effort))
    num = max(LEAST_PARTICLES, round(NUM_PARTICLES * effort))
    cube = sample_cube(space, num_draws, seed=child(seed, "prior"), method="additive")
    values = value(cube)
    power, log_mean = 0.0, 0.0
    effective = effective_number(values)
    if effective >= LEAST_EFFECTIVE * num:
        return _merged(space, cube, values, values, log_mean_exp(values), effective)
    kept: list[tuple[np.ndarray, np.ndarray]] = []
    for stage in range(MAX_POWERS):
        step = 1.0 - power if stage == MAX_POWERS - 1 else _next_step(values, power, num / 2)
        log_mean += log_mean_exp(step * values)
        rows = _resampled(step * values, num, rng)
        cube, values = cube[rows], values[rows]
        power = 1.0 if power + step >= 1.0 - 1e-12 else power + step
        for sweep in range(NUM_SWEEPS + (NUM_KEPT if power == 1.0 else 0)):
            cube, values = _moved(value, space, cube, values, power, rng)
            if power == 1.0 and sweep >= NUM_SWEEPS:
                kept.append((cube, values))
        if power == 1.0:
            break
    cube = np.concatenate([points for points, _ in kept])
    values = np.concatenate([found for _, found in kept])
    different = len(np.unique(cube[-num:], axis=0))
    return _merged(space, cube, values, np.zeros(len(values)), log_mean, float(different))


def effective_number(log_weights: "np.ndarray") -> float:
    """Give the effective number of draws, the squared sum of weights over the sum of their squares (Kong 1992)."""
    import numpy as np

    weights = np.exp(log_weights - log_weights.max())
    return float(weights.sum() ** 2 / (weights @ weights))


def log_mean_exp(values: "np.ndarray") -> float:
    """Give the logarithm of the mean of exponentials, without overflow."""
    import numpy as np

    largest = float(values.max())
    return largest + math.log(float(np.exp(values - largest).mean()))


def _next_step(values: "np.ndarray", power: float, enough: float) -> float:
    """Give the largest step of the power that leaves enough effective draws, by bisection."""
    rest = 1.0 - power
    if effective_number(rest * values) >= enough:
        return rest
    low, high = 0.0, rest
    for _ in range(40):
        middle = 0.5 * (low + high)
        if effective_number(middle * values) >= enough:
            low = middle
        else:
            high = middle
    return max(low, 1e-9)


def _resampled(log_weights: "np.ndarray", num: int, rng: "np.random.Generator") -> "np.ndarray":
    """Draw rows in proportion to their weights, by one random shift of an even comb (systematic resampling)."""
    import numpy as np

    total = np.cumsum(np.exp(log_weights - log_weights.max()))
    comb = (np.arange(num) + rng.random()) / num
    return np.minimum(np.searchsorted(total / total[-1], comb), len(total) - 1)


def _moved(
    value: "Callable[[np.ndarray], np.ndarray]",
    space: Space,
    cube: "np.ndarray",
    values: "np.ndarray",
    power: float,
    rng: "np.random.Generator",
) -> "tuple[np.ndarray, np.ndarray]":
    """Step every particle once; the step is taken with the probability that leaves the power unchanged."""
    import numpy as np

    num, dimension = cube.shape
    unordered = np.array([isinstance(parameter, Choice | Boolean) for parameter in space.free])
    cell = np.array([1.0 / (parameter.num_levels or np.inf) for parameter in space.free])
    ordered = max(1, int((~unordered).sum()))
    one, two = (cube[rng.integers(num, size=num)] for _ in range(2))
    factor = np.where(rng.random((num, 1)) < 0.1, 1.0, 2.38 / math.sqrt(2.0 * ordered))
    by_difference = factor * (one - two) + SMALL_STEP * rng.normal(size=cube.shape)
    spread = np.maximum(cube.std(axis=0), np.maximum(cell, SMALL_STEP))
    chosen = rng.random((num, dimension)) < 1.5 / dimension
    chosen[np.arange(num), rng.integers(dimension, size=num)] = True
    # Far and near steps: a coordinate's spread over all particles may be wide where its own valley is narrow.
    reach = np.exp(rng.uniform(np.log(0.05), np.log(1.5), size=(num, 1)))
    by_coordinate = chosen * rng.normal(size=cube.shape) * spread * reach
    few = rng.random((num, 1)) < 0.5
    moved = cube + np.where(unordered, 0.0, np.where(few, by_coordinate, by_difference))
    redrawn = unordered & np.where(few, chosen, rng.random((num, dimension)) < REDRAW / dimension)
    moved = np.where(redrawn, rng.random(cube.shape), moved)
    moved = 1.0 - np.abs(1.0 - np.mod(moved, 2.0))  # folded at the walls: a step back stays as likely
    found = value(moved)
    with np.errstate(invalid="ignore"):
        taken = np.log(rng.random(num)) < power * (found - values)
    return np.where(taken[:, None], moved, cube), np.where(taken, found, values)


def _merged(
    space: Space,
    cube: "np.ndarray",
    values: "np.ndarray",
    log_weights: "np.ndarray",
    log_mean: float,
    effective: float,
) -> Sample:
    """Join what snaps to one configuration."""
    import numpy as np

    units, first, place = np.unique(space.snap(space.even(cube)), axis=0, return_index=True, return_inverse=True)
    weights = np.exp(log_weights - log_weights.max())
    weights = np.bincount(place.ravel(), weights=weights, minlength=len(units))
    kept = weights > 1e-9 * weights.sum()
    weights = weights[kept] / weights[kept].sum()
    return Sample(units[kept], weights, values[first][kept], log_mean, effective)
