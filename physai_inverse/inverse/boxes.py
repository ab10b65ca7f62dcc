"""The region that no point of a front dominates, as disjoint boxes; and the volume that a front dominates.

Larger is better in every column. A sweep goes down the last column: between two of its values the same points
count, so the slab is a decomposition in one column less times an interval. A box that is still there in the next
slab is carried on instead of cut, so that few boxes come out: about the number of points for two columns, twice
that for three.

Symbols: k points of the front, w columns, b boxes.
"""

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np

Corners: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]
INFINITE = float("inf")


def front_of(values: "np.ndarray") -> "np.ndarray":
    """Say which rows ``[n]`` of values ``[n, w]`` no other row dominates; of equal rows all are."""
    import numpy as np

    kept = np.ones(len(values), dtype=bool)
    for row in np.lexsort(values.T)[::-1]:
        if kept[row]:
            better = (values >= values[row]).all(axis=1) & (values > values[row]).any(axis=1)
            kept[row] = not better.any()
            kept &= ~((values <= values[row]).all(axis=1) & (values < values[row]).any(axis=1))
    return kept


def open_boxes(front: "np.ndarray", reference: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Decompose what lies above a reference point and is not dominated by a front.

    Args:
        front: ``[k, w]``, w of at least 1.
        reference: ``[w]`` the worst value that counts in each column.

    Returns:
        Lower and upper corners ``[b, w]``; upper ones may be infinite.
    """
    import numpy as np

    points = [tuple(map(float, point)) for point in np.unique(front, axis=0) if (point > reference).all()]
    boxes = _decompose(points, tuple(map(float, reference)))
    return np.array([low for low, _ in boxes]), np.array([high for _, high in boxes])


def _decompose(points: list[tuple[float, ...]], reference: tuple[float, ...]) -> list[Corners]:
    if len(reference) == 1:
        return [((max([reference[0], *(point[0] for point in points)]),), (INFINITE,))]
    if len(reference) == 2:
        return _columns(points, reference)
    inner = reference[:-1]
    levels = sorted({point[-1] for point in points}, reverse=True)
    above = INFINITE
    held: dict[Corners, float] = dict.fromkeys(_decompose([], inner), above)  # box to where it began
    boxes: list[Corners] = []
    for place, level in enumerate(levels):
        active = _undominated([point[:-1] for point in points if point[-1] >= level])
        now = dict.fromkeys(_decompose(active, inner))
        for box in [box for box in held if box not in now]:
            boxes.append(((*box[0], level), (*box[1], held.pop(box))))
        for box in now:
            held.setdefault(box, levels[place])
    boxes += [((*low, reference[-1]), (*high, top)) for (low, high), top in held.items()]
    return boxes


def _columns(points: list[tuple[float, ...]], reference: tuple[float, ...]) -> list[Corners]:
    """Cut the plane into upright columns, from left to right."""
    boxes: list[Corners] = []
    left = reference[0]
    for point in sorted(_undominated(points)):
        if point[0] > left:
            boxes.append(((left, point[1]), (point[0], INFINITE)))
            left = point[0]
    boxes.append(((left, reference[1]), (INFINITE, INFINITE)))
    return boxes


def _undominated(points: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
    unique = list(dict.fromkeys(points))
    return [
        point
        for point in unique
        if not any(other != point and all(a >= b for a, b in zip(other, point, strict=True)) for other in unique)
    ]


def volume(front: "np.ndarray", reference: "np.ndarray") -> float:
    """Give the hypervolume that a front ``[k, w]`` dominates above a reference point ``[w]``."""
    import numpy as np

    points = front[(front > reference).all(axis=1)]
    if not len(points):
        return 0.0
    return _volume(points[np.argsort(-points[:, -1], kind="stable")], reference)


def _volume(points: "np.ndarray", reference: "np.ndarray") -> float:
    """Sweep down the last column; `points` are in its order, highest first."""
    import numpy as np

    if points.shape[1] == 1:
        return float(points[:, 0].max() - reference[0])
    ends = np.append(points[1:, -1], reference[-1])
    heights = points[:, -1] - ends
    if points.shape[1] == 2:
        return float((np.maximum.accumulate(points[:, 0] - reference[0]) * heights).sum())
    total = 0.0
    for place in np.flatnonzero(heights > 0):
        inner = points[: place + 1, :-1]
        inner = inner[front_of(inner)]
        total += heights[place] * _volume(inner[np.argsort(-inner[:, -1], kind="stable")], reference[:-1])
    return float(total)
