"""A prediction along a parameter: a line with bands, or points with bars for a list of values."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from physai_inverse.observations import Scalar
from physai_inverse.report.figures import OURS, OURS_BAND, OURS_CORE, Trace, finite, places
from physai_inverse.report.words import interval, number, percent
from physai_inverse.space import Float, Integer
from physai_inverse.space.parameters import FreeParameter

if TYPE_CHECKING:
    import numpy as np

BANDS = ((0.05, 0.95, OURS_BAND), (0.25, 0.75, OURS_CORE))

BAR_WIDTH = 9


def band_traces(
    parameter: FreeParameter,
    values: Sequence[Scalar],
    middle: "np.ndarray",
    quantiles: "Mapping[float, np.ndarray]",
    success: "np.ndarray",
) -> list[Trace]:
    """Draw a prediction.

    Args:
        parameter: along which.
        values: ``[g]`` of it.
        middle: ``[g]``.
        quantiles: level to ``[g]``, at the ends of `BANDS`.
        success: ``[g]`` probability of ending well.
    """
    if not values:
        return []
    at = places(parameter, values)
    note = [f"<br>{percent(chance)} end well" if chance < 0.995 else "" for chance in success.tolist()]
    line: Trace = {
        "type": "scatter",
        "x": at,
        "y": finite(middle),
        "text": [
            f"{number(median)} ({interval(lower, upper)}){more}"
            for median, lower, upper, more in zip(
                middle.tolist(), quantiles[0.05].tolist(), quantiles[0.95].tolist(), note, strict=True
            )
        ],
        "hovertemplate": "%{text}<extra></extra>",
    }
    if isinstance(parameter, Float | Integer) and len(at) > 1:
        bands: list[Trace] = [
            {
                "type": "scatter",
                "mode": "lines",
                "x": [*at, *reversed(at)],
                "y": [*finite(quantiles[low]), *reversed(finite(quantiles[high]))],
                "fill": "toself",
                "fillcolor": colour,
                "line": {"width": 0},
                "hoverinfo": "skip",
            }
            for low, high, colour in BANDS
        ]
        return [*bands, line | {"mode": "lines", "line": {"color": OURS, "width": 2.4}}]
    bars: list[Trace] = []
    for low, high, colour in BANDS:
        x: list[float | None] = []
        y: list[float | None] = []
        for place, lower, upper in zip(at, finite(quantiles[low]), finite(quantiles[high]), strict=True):
            x += [place, place, None]
            y += [lower, upper, None]
        bars.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": x,
                "y": y,
                "line": {"color": colour, "width": BAR_WIDTH},
                "hoverinfo": "skip",
            }
        )
    return [*bars, line | {"mode": "markers", "marker": {"color": OURS, "size": 9}}]
