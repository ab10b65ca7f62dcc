"""Maximise a function of points over a mixed, conditional and constrained space.

Many random points, then the best few are varied with shrinking steps: a number moves by a normal step in its own
scale, a whole number or a level at least to its neighbour, a category to any other; a share moves and the others
of its mixture give way, or it is handed over to another one, in part or as a whole. No gradient is needed, so that
every kind of parameter is treated alike.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from physai_inverse.seeds import child, generator
from physai_inverse.space import Boolean, Choice, Float, Space
from physai_inverse.space.sampling import sample_units

if TYPE_CHECKING:
    import numpy as np

NUM_RANDOM = 768
NUM_LEADERS = 8
NUM_STEPS = 40
"""Variations of each leader in each round."""

MOST_LEVELS, MOST_SWEEPS = 32, 3
"""Number of values up to which all values of a parameter are tried, and how often."""

EXCHANGED, HANDED_OVER = 0.6, 0.2
"""How often two shares exchange rather than one moving, and how often all of a share is handed over."""

PARTS_A_ROUND = 4
"""Shares of a mixture that one round at each width is enough for."""

WIDTHS = (0.2, 0.1, 0.05, 0.02, 0.008, 0.003)
"""Steps of the rounds, as shares of the range."""


def maximise(
    function: "Callable[[np.ndarray], np.ndarray]",
    space: Space,
    starts: "np.ndarray",
    *,
    seed: int,
    effort: float = 1.0,
) -> "tuple[np.ndarray, np.ndarray]":
    """Search for the largest values.

    Args:
        function: snapped points ``[n, d]`` to values ``[n]``; minus infinity forbids a point.
        space: the space.
        starts: ``[k, d]`` snapped points from which variations start, too, such as the best known ones.
        seed: the stream.
        effort: share of the usual number of points; less where each is dear.

    Returns:
        Points ``[l, d]`` and their values ``[l]``, best first, at most one from each basin.
    """
    import numpy as np

    rng = generator(seed, "search")
    num_leaders, num_steps = max(3, round(NUM_LEADERS * effort**0.5)), max(12, round(NUM_STEPS * effort**0.5))
    points = sample_units(space, max(128, round(NUM_RANDOM * effort)), seed=child(seed, "candidates"))
    if len(starts):
        near = vary(space, np.repeat(starts[:num_leaders], num_steps, axis=0), 0.05, rng)
        points = np.concatenate([points, near])
    leaders, values = _leaders(points, function(points), num_leaders)
    for width in np.repeat(WIDTHS, _rounds(space)).tolist():
        steps = vary(space, np.repeat(leaders, num_steps, axis=0), width, rng)
        moved = function(steps).reshape(len(leaders), num_steps)
        best = moved.argmax(axis=1)
        rows = np.arange(len(leaders))
        better = moved[rows, best] > values
        steps = steps.reshape(len(leaders), num_steps, -1)
        leaders = np.where(better[:, None], steps[rows, best], leaders)
        values = np.where(better, moved[rows, best], values)
    leaders, values = _swept(function, space, leaders, values)
    order = np.argsort(-values, kind="stable")
    return leaders[order], values[order]


def _swept(
    function: "Callable[[np.ndarray], np.ndarray]", space: Space, points: "np.ndarray", values: "np.ndarray"
) -> "tuple[np.ndarray, np.ndarray]":
    """Try every other value of every parameter of few values, one parameter at a time, until nothing is better."""
    import numpy as np

    columns = [
        (column, (np.arange(levels) + 0.5) / levels)
        for column, levels in enumerate(parameter.num_levels for parameter in space.free)
        if levels is not None and levels <= MOST_LEVELS
    ]
    if not columns:
        return points, values
    for _ in range(MOST_SWEEPS):
        moved = []
        for column, cells in columns:
            part = np.repeat(points, len(cells), axis=0)
            part[:, column] = np.tile(cells, len(points))
            moved.append(part.reshape(len(points), len(cells), -1))
        tried = space.snap(np.concatenate(moved, axis=1).reshape(-1, points.shape[1]))
        found = np.where(space.feasible(tried), function(tried), -np.inf).reshape(len(points), -1)
        best, rows = found.argmax(axis=1), np.arange(len(points))
        better = found[rows, best] > values
        if not better.any():
            break
        points = np.where(better[:, None], tried.reshape(len(points), -1, points.shape[1])[rows, best], points)
        values = np.where(better, found[rows, best], values)
    return points, values


def vary(space: Space, points: "np.ndarray", width: float, rng: "np.random.Generator") -> "np.ndarray":
    """Vary snapped points ``[n, d]`` in a few coordinates each; what breaks a constraint stays as it was."""
    import numpy as np

    num, dimension = points.shape
    chosen = rng.random((num, dimension)) < min(1.0, 2.0 / dimension)
    chosen[np.arange(num), rng.integers(dimension, size=num)] = True
    chosen &= space.activity(points) | (rng.random((num, dimension)) < 0.1)
    moved = points + chosen * rng.normal(size=points.shape) * width
    for column, parameter in enumerate(space.free):
        rows = chosen[:, column]
        if isinstance(parameter, Choice | Boolean):
            flip = rows & (rng.random(num) < 0.35)
            moved[:, column] = np.where(flip, rng.random(num), points[:, column])
        elif not isinstance(parameter, Float):
            cell = 1.0 / (parameter.num_levels or 1)
            step = np.sign(moved[:, column] - points[:, column]) * cell
            short = rows & (np.abs(moved[:, column] - points[:, column]) < cell)
            moved[:, column] = np.where(short, points[:, column] + step, moved[:, column])
    reflected = np.abs(moved)  # reflect at the walls
    reflected = np.clip(1.0 - np.abs(1.0 - reflected), 0.0, 1.0)
    for _, columns in space.blocks:
        reflected[:, columns] = _varied_shares(points[:, columns], moved[:, columns], width, rng)
    moved = space.moved(points, reflected)
    return np.where(space.feasible(moved)[:, None], moved, points)


def _rounds(space: Space) -> int:
    """How many rounds at each width: a mixture has many directions, of which a round takes one."""
    return 1 + max((len(columns) // PARTS_A_ROUND for _, columns in space.blocks), default=0)


def _varied_shares(
    points: "np.ndarray", moved: "np.ndarray", width: float, rng: "np.random.Generator"
) -> "np.ndarray":
    """Vary mixtures ``[n, k]`` of which a coordinate was moved: as it was, or one part hands over to another.

    A share that would fall below zero stops there, since good mixtures lack parts.
    """
    import numpy as np

    num, rows = len(points), np.arange(len(points))
    luck = rng.random(points.shape)
    giver = np.where(points > 0, luck, -1.0).argmax(axis=1)
    luck[rows, giver] = -1.0
    taker = luck.argmax(axis=1)
    held = points[rows, giver]
    amount = np.where(rng.random(num) < HANDED_OVER, held, np.minimum(np.abs(rng.normal(size=num)) * width, held))
    exchanged = points.copy()
    exchanged[rows, giver] -= amount
    exchanged[rows, taker] += amount
    swaps = (rng.random(num) < EXCHANGED) & (moved != points).any(axis=1)
    return np.where(swaps[:, None], exchanged, np.clip(moved, 0.0, 1.0))


def _leaders(points: "np.ndarray", values: "np.ndarray", num: int) -> "tuple[np.ndarray, np.ndarray]":
    """Pick the best points that lie apart from each other."""
    import numpy as np

    order = np.argsort(-values, kind="stable")[: 8 * num]
    picked: list[int] = []
    for row in order:
        if len(picked) == num:
            break
        if all(np.abs(points[row] - points[other]).max() > 0.05 for other in picked):
            picked.append(int(row))
    picked += [int(row) for row in order if int(row) not in picked][: num - len(picked)]
    return points[picked], values[picked]
