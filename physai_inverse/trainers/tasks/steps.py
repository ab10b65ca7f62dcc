"""Steps at which tasks are measured."""

import math

POINTS_PER_DECADE = 20


def log_steps(budget: int) -> tuple[int, ...]:
    """List the steps to log: 0, then about 20 a decade, and the last."""
    last = math.ceil(POINTS_PER_DECADE * math.log10(budget)) if budget > 1 else 0
    steps = {min(budget, round(10 ** (index / POINTS_PER_DECADE))) for index in range(last + 1)}
    return tuple(sorted({0, budget, *steps}))
