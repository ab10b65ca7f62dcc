"""Climbing a smooth function inside a box: BFGS with a backtracking line search.

For a dozen variables and a function of a tenth of a millisecond; importing `scipy.optimize` would cost more than a
hundred fits.

Symbols: x place ``[p]``, g gradient, H estimate of the inverse of minus the Hessian, s and y last
steps of x and g.

Source: Nocedal & Wright, "Numerical Optimization" (2006), algorithm 6.1 and equations 6.17, 6.20 and 3.6a.
"""

from collections.abc import Callable

import numpy as np

SUFFICIENT = 1e-4
"""Share of the rise promised by the gradient that a step must bring (Armijo)."""
MAX_HALVINGS = 12
FIRST_LENGTH = 0.7
"""Length of the first step; variables are logarithms, so this is a factor of two."""
LONGEST = 3.0
"""Length of the longest step in one variable: a factor of twenty."""


def ascend(
    function: Callable[[np.ndarray], tuple[float, np.ndarray]],
    start: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    *,
    max_steps: int,
    rise: float,
    slope: float,
    curvature: np.ndarray | None = None,
) -> tuple[np.ndarray, float, np.ndarray | None]:
    """Climb to a maximum.

    Args:
        function: gives value and gradient ``[p]``; minus infinity where it is not defined.
        start: ``[p]``.
        low: ``[p]`` smallest values.
        high: ``[p]`` largest values.
        max_steps: number of steps.
        rise: the climb ends when a step brings less than this,
        slope: or when no part of the gradient is larger than this.
        curvature: ``[p, p]`` estimate of H to start from, such as that of a similar function.

    Returns:
        The highest place ``[p]``, its value, and the last estimate of H; None where no step gave one.
    """
    place = np.clip(start, low, high)
    value, gradient = function(place)
    if not np.isfinite(value):
        return place, value, curvature
    for _ in range(max_steps):
        free = ~(((place <= low) & (gradient < 0)) | ((place >= high) & (gradient > 0)))
        steepest = gradient * free
        if np.max(np.abs(steepest)) < slope:
            break
        if curvature is None:
            direction = steepest * (FIRST_LENGTH / np.linalg.norm(steepest))
        else:
            direction = (curvature @ steepest) * free
            direction *= min(1.0, LONGEST / float(np.max(np.abs(direction))))
        promised = float(direction @ gradient)
        if promised <= 0:
            curvature, direction = None, steepest * (FIRST_LENGTH / np.linalg.norm(steepest))
            promised = float(direction @ gradient)
        length, accepted = 1.0, False
        for _ in range(MAX_HALVINGS):
            candidate = np.clip(place + length * direction, low, high)
            new_value, new_gradient = function(candidate)
            if new_value >= value + SUFFICIENT * length * promised:
                accepted = True
                break
            if np.isfinite(new_value):  # the top of the parabola through both values and the slope
                top = 0.5 * length**2 * promised / (value + length * promised - new_value)
                length = float(np.clip(top, 0.1 * length, 0.5 * length))
            else:
                length *= 0.2
        if not accepted:
            if curvature is None:
                break
            curvature = None
            continue
        step, turn = candidate - place, gradient - new_gradient
        gained = new_value - value
        place, value, gradient = candidate, new_value, new_gradient
        curvature = _updated(curvature, step, turn)
        if gained < rise:
            break
    return place, value, curvature


def _updated(curvature: np.ndarray | None, step: np.ndarray, turn: np.ndarray) -> np.ndarray | None:
    along = float(step @ turn)
    if along <= 1e-10 * float(step @ step) ** 0.5 * float(turn @ turn) ** 0.5:
        return curvature
    if curvature is None:
        curvature = np.eye(len(step)) * (along / float(turn @ turn))
    turned = curvature @ turn
    cross = np.multiply.outer(step, turned)
    cross += cross.T
    cross /= -along
    cross += curvature
    cross += np.multiply.outer(step, step * ((1.0 + float(turn @ turned) / along) / along))
    return np.asarray(cross)
