"""Logged points of a metric to a number or a curve, and the choice of one experiment among several."""

from collections.abc import Mapping, Sequence

from physai_inverse.errors import InvalidInput, NotFound
from physai_inverse.observations import Curve, Metric


def metric_of(points: Sequence[tuple[float, float]]) -> Metric:
    """Make a metric of points in the order in which they were logged.

    A step that was logged twice keeps its last value; where every point has the same step, their order counts.

    Args:
        points: step and value; at least one.
    """
    if len(points) == 1:
        return float(points[0][1])
    steps = {step for step, _ in points}
    if len(steps) == 1 or any(not step >= 0 for step in steps):
        return Curve(tuple(map(float, range(len(points)))), tuple(float(value) for _, value in points))
    last = dict(points)
    ordered = sorted(last)
    return Curve(tuple(map(float, ordered)), tuple(float(last[step]) for step in ordered))


def chosen(what: str, title: str, counts: Mapping[str, int], wanted: str | None) -> str:
    """Choose the experiment, study or project to import.

    Args:
        what: the noun.
        title: of the source.
        counts: name to its number of trainings.
        wanted: what the user asked for.

    Raises:
        NotFound: there is none of that name.
        InvalidInput: there is none at all, or several, and the user does not say which.
    """
    listed = ", ".join(f"`{name}` ({count})" for name, count in list(counts.items())[:20])
    if wanted is not None:
        if wanted not in counts:
            raise NotFound(f"{title} has no {what} `{wanted}`; it has {listed or 'none'}.")
        return wanted
    filled = [name for name, count in counts.items() if count]
    if len(filled) == 1:
        return filled[0]
    if not filled:
        raise InvalidInput(
            f"{title}: expected at least one {what} with trainings, got none{f' ({listed})' if listed else ''}."
        )
    raise InvalidInput(f"{title} holds several: {listed}. Say which {what}: --experiment NAME.")
