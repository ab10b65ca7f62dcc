"""How often the measured value lies below each quantile of its held-out prediction.

Symbols: `r` ``[n]`` where each value lies in its prediction, 0 to 1. Where the predictions are right, `r` is even,
and the share of values with `r <= p` is `p` up to chance, for every `p`.

Source: Dawid 1984; Gneiting, Balabdaoui & Raftery 2007, https://doi.org/10.1111/j.1467-9868.2007.00587.x
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from physai_inverse.report.figures import OURS, RANDOM_BAND, SOFT, Figure, axis, layout, thinned
from physai_inverse.study import Study

if TYPE_CHECKING:
    import numpy as np

    from physai_inverse.forward import Scores

CHANCE = 0.9
"""The probability with which the whole curve of right predictions stays inside the band."""

MOST_STEPS = 400


def chance_band(rows: int) -> float:
    """Give how far the curve of `rows` values may be from the diagonal by chance, all along, nine times of ten.

    Source:
        Massart 1990, "The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality",
        https://doi.org/10.1214/aop/1176990746. It holds for independent values; held-out ones nearly are.
    """
    return math.sqrt(math.log(2.0 / (1.0 - CHANCE)) / (2.0 * max(rows, 1)))


def departure(ranks: "np.ndarray") -> float:
    """Give how far the curve of ``[n]`` ranks is from the diagonal, at its farthest."""
    import numpy as np

    ordered = np.sort(ranks[np.isfinite(ranks)])
    if not len(ordered):
        return 0.0
    steps = np.arange(len(ordered) + 1) / len(ordered)
    return float(max((steps[1:] - ordered).max(), (ordered - steps[:-1]).max()))


def plot_calibration(study: Study, metric: str, *, labels: Mapping[str, str] | None = None) -> Figure:
    """Plot how often held-out values of a metric lie below each quantile of their prediction.

    Args:
        study: the study.
        metric: any recorded metric.
        labels: metric to the name shown.

    Raises:
        NotFound: no finite value of the metric was recorded.
        FitFailed: the forward map of it could not be fitted.
    """
    scores = study.forward_map([metric]).model(metric).held_out()
    return calibration_figure(scores, (labels or {}).get(metric, metric))


def calibration_figure(scores: "Scores", name: str) -> Figure:
    """Make the figure from scores."""
    import numpy as np

    ordered = np.sort(scores.ranks[np.isfinite(scores.ranks)])
    kept = np.array(thinned(len(ordered), MOST_STEPS), dtype=int)
    at = [0.0, *ordered[kept].tolist(), 1.0]
    share = [0.0, *((kept + 1) / len(ordered)).tolist(), 1.0] if len(ordered) else [0.0, 1.0]
    reach = chance_band(len(ordered))
    upper = [(0.0, min(reach, 1.0)), (max(1.0 - reach, 0.0), 1.0), (1.0, 1.0)]
    lower = [(1.0, max(1.0 - reach, 0.0)), (min(reach, 1.0), 0.0), (0.0, 0.0)]
    outline = [*upper, *lower]
    return Figure(
        data=[
            {
                "type": "scatter",
                "mode": "lines",
                "name": "what chance allows (90 %)",
                "x": [x for x, _ in outline],
                "y": [y for _, y in outline],
                "fill": "toself",
                "fillcolor": RANDOM_BAND,
                "line": {"width": 0, "color": SOFT},
                "hoverinfo": "skip",
            },
            {
                "type": "scatter",
                "mode": "lines",
                "x": [0.0, 1.0],
                "y": [0.0, 1.0],
                "line": {"color": SOFT, "width": 1, "dash": "dot"},
                "hoverinfo": "skip",
                "showlegend": False,
            },
            {
                "type": "scatter",
                "mode": "lines",
                "name": "held-out values",
                "x": at,
                "y": share,
                "line": {"color": OURS, "width": 2.4, "shape": "hv"},
                "hovertemplate": "below the %{x:.0%} quantile: %{y:.0%} of the values<extra></extra>",
            },
        ],
        layout=layout(
            height=420,
            xaxis=_percent("quantile predicted for it"),
            yaxis=_percent(f"values of {name} below it"),
        ),
    )


def _percent(title: str) -> dict[str, object]:
    ticks = [0.0, 0.25, 0.5, 0.75, 1.0]
    texts = [f"{100 * tick:.0f} %" for tick in ticks]
    return axis(title, within=(-0.01, 1.03), tickmode="array", tickvals=ticks, ticktext=texts)
