"""What the curves of many trainings had at one early step.

A budget is a share of the usual length of a curve, in the curve's own steps: curves counted in epochs and curves
counted in updates are read at the same share of their way, not at the same number. A value is the latest one at or
before the step, never a later one, and no older than half of the step. A training that ended before the step has
none: its length would tell of its end.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from physai_inverse.observations import Curve

if TYPE_CHECKING:
    import numpy as np

SHARES = (0.03, 0.05, 0.1, 0.2, 0.3)
"""Of the steps."""
OLDEST = 0.5
"""Share of a step at which a value still stands for it."""


@dataclass(frozen=True)
class Early:
    """The values of one observable at one early step.

    Args:
        observable: its name.
        share: of the usual length.
        step: in the curve's own unit; the median of the steps that were measured.
        length: the usual length of the curve, in the same unit.
        values: ``[n]`` one a training; NaN where it has none.
    """

    observable: str
    share: float
    step: float
    length: float
    values: "np.ndarray" = field(repr=False)


def early_values(curves: Mapping[str, Sequence[Curve | None]], *, shares: Sequence[float] = SHARES) -> list[Early]:
    """Read every curve at every budget.

    Args:
        curves: observable to its curve in each of `n` trainings; None where there is none.
        shares: the budgets.

    Returns:
        In the order of observables and budgets; without budgets that lie before the first point, or at which the
        points are those of an earlier budget.
    """
    import numpy as np

    found = []
    for name, listed in curves.items():
        known = [curve for curve in listed if curve is not None]
        if not known:
            continue
        length = float(np.median([curve.steps[-1] for curve in known]))
        before: tuple[float, ...] | None = None
        for share in sorted(shares):
            read = [None if curve is None else value_at(curve, share * length) for curve in listed]
            steps = tuple(math.nan if point is None else point[0] for point in read)
            if before is not None and np.array_equal(steps, before, equal_nan=True):
                continue
            before = steps
            if np.isnan(steps).all():
                continue
            values = np.array([math.nan if point is None else point[1] for point in read])
            found.append(Early(name, share, float(np.nanmedian(steps)), length, values))
    return found


def value_at(curve: Curve, step: float) -> tuple[float, float] | None:
    """Give step and value of the point that stands for a step; None where there is none, or the curve ends."""
    from bisect import bisect_right

    place = bisect_right(curve.steps, step * (1.0 + 1e-9)) - 1
    if place < 0 or curve.steps[-1] < step * (1.0 - 1e-9) or curve.steps[place] < OLDEST * step:
        return None
    return curve.steps[place], curve.values[place]
