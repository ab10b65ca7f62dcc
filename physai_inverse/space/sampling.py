"""Points of the unit cube that respect conditions and constraints, by rejection and, where that is slow, by steps.

Rejection keeps the distribution exact. Where the constraints leave so little that rejection does not fill the
request within `MAX_DRAWS`, the points found so far are varied in one coordinate at a time; that is uniform only
in the long run, but it fulfils every constraint.
"""

from typing import TYPE_CHECKING, Protocol

from physai_inverse.errors import InvalidInput
from physai_inverse.seeds import child, generator

if TYPE_CHECKING:
    import numpy as np

MAX_DRAWS = 2**18
METHODS = ("uniform", "sobol", "additive")


class Cube(Protocol):
    """What sampling needs of a space."""

    @property
    def dimension(self) -> int:
        """Number of columns, `d`."""

    @property
    def constraints(self) -> tuple[str, ...]:
        """The texts of the constraints."""

    @property
    def blocks(self) -> "tuple[tuple[object, np.ndarray], ...]":
        """The groups of shares, each with its columns ``[k]``."""

    def even(self, cube: "np.ndarray") -> "np.ndarray":
        """Map points ``[n, d]`` of the whole cube evenly to the points that there are."""

    def snap(self, units: "np.ndarray") -> "np.ndarray":
        """Move points ``[n, d]`` to configurations."""

    def feasible(self, units: "np.ndarray") -> "np.ndarray":
        """Say which points ``[n, d]`` fulfil the constraints."""


def sample_units(
    space: Cube, num: int, *, seed: int, method: str = "uniform", sparse: bool = True
) -> "np.ndarray":
    """Draw points.

    Args:
        space: the space.
        num: how many, at least 0.
        seed: the stream; the same seed gives the same points.
        method: `"uniform"`; `"sobol"` for a scrambled Sobol sequence (Owen 1998, by scipy), which fills the
            cube more evenly; `"additive"` for the additive recurrence in the generalised golden ratio (Roberts
            2018, "The unreasonable effectiveness of quasirandom sequences"), nearly as even, and without the
            second that scipy takes to import.
        sparse: whether parts of mixtures are absent from every second point, as they are from many good ones;
            without, mixtures are as `shares` expects them beforehand.

    Returns:
        Snapped points ``[num, d]``.

    Raises:
        InvalidInput: an unknown method, or no point among `MAX_DRAWS` fulfils the constraints.
    """
    return space.snap(space.even(sample_cube(space, num, seed=seed, method=method, sparse=sparse)))


def sample_cube(
    space: Cube, num: int, *, seed: int, method: str = "uniform", sparse: bool = False
) -> "np.ndarray":
    """Draw points of the cube as they are before `Space.even` and before they are snapped; see `sample_units`.

    A step between two of them, unlike one between snapped points, is as likely as the step back.

    Returns:
        Points ``[num, d]`` whose configurations fulfil the constraints.

    Raises:
        InvalidInput: see `sample_units`.
    """
    import numpy as np

    if method not in METHODS:
        raise InvalidInput(f"`method` must be one of {list(METHODS)}, not {method!r}.")
    if num < 0:
        raise InvalidInput(f"`num` must be at least 0, not {num}.")
    if not num:
        return np.empty((0, space.dimension))
    if method == "sobol":
        from scipy.stats import qmc

        sobol = qmc.Sobol(space.dimension, rng=np.random.default_rng(child(seed, "sobol")))
    rng = generator(seed, "uniform")
    steps, shift = _golden_steps(space.dimension), generator(seed, "shift").random(space.dimension)
    found: list[np.ndarray] = []
    accepted, drawn, size = 0, 0, num
    while accepted < num and drawn < MAX_DRAWS:
        if method == "sobol":
            size = 1 << (size - 1).bit_length()  # a power of two keeps the sequence balanced
            draw = sobol.random(size)
        elif method == "additive":
            draw = (shift + (drawn + 1 + np.arange(size))[:, None] * steps) % 1.0
        else:
            draw = rng.random((size, space.dimension))
        if sparse:
            draw = _without_parts(space, draw, generator(seed, "parts", drawn))
        drawn += size
        points = draw[space.feasible(space.snap(space.even(draw)))]
        found.append(points)
        accepted += len(points)
        size = min(4 * size, 2**14)
    points = np.concatenate(found)[:num]
    if not len(points):
        raise InvalidInput(
            f"None of {drawn:,} points fulfils the constraints {list(space.constraints)}; "
            "loosen them or narrow the ranges to where they hold."
        )
    return points if len(points) == num else _vary(space, points, num, rng)


def _without_parts(space: Cube, draw: "np.ndarray", rng: "np.random.Generator") -> "np.ndarray":
    """Take some parts out of the mixtures of every second point: all numbers of parts left are as likely."""
    import numpy as np

    draw = draw.copy()
    for _, columns in space.blocks:
        left = np.where(rng.random(len(draw)) < 0.5, rng.integers(1, len(columns) + 1, len(draw)), len(columns))
        rank = rng.random((len(draw), len(columns))).argsort(axis=1).argsort(axis=1)
        draw[:, columns] = np.where(rank < left[:, None], draw[:, columns], 0.0)
    return draw


def _golden_steps(dimension: int) -> "np.ndarray":
    """Give the steps ``[d]`` of the additive recurrence: powers of the root of x**(d + 1) = x + 1."""
    import numpy as np

    root = 2.0
    for _ in range(64):
        root = (1.0 + root) ** (1.0 / (dimension + 1))
    return np.asarray((1.0 / root) ** np.arange(1, dimension + 1) % 1.0)


def _vary(space: Cube, points: "np.ndarray", num: int, rng: "np.random.Generator") -> "np.ndarray":
    import numpy as np

    walkers = points[rng.integers(len(points), size=num)]
    for _ in range(8 * space.dimension):
        moved = walkers.copy()
        column = rng.integers(space.dimension, size=num)
        moved[np.arange(num), column] = rng.random(num)
        walkers = np.where(space.feasible(space.snap(space.even(moved)))[:, None], moved, walkers)
    walkers[: len(points)] = points
    return walkers
