"""Predicted against measured, on values that the model did not see."""

from collections.abc import Mapping, Sequence

from physai_inverse.forward import Scores
from physai_inverse.report.figures import (
    MOST_DOTS,
    OURS,
    OURS_FAINT,
    SOFT,
    WRONG,
    Figure,
    Trace,
    axis,
    bounds,
    is_log,
    layout,
    thinned,
    widened,
)
from physai_inverse.study import Study


def plot_predicted(study: Study, metric: str, *, labels: Mapping[str, str] | None = None) -> Figure:
    """Plot held-out predictions of a metric, with their 90 % intervals, against what was measured.

    Args:
        study: the study.
        metric: any recorded metric.
        labels: metric to the name shown.

    Raises:
        NotFound: no finite value of the metric was recorded.
        FitFailed: the forward map of it could not be fitted.
    """
    scores = study.forward_map([metric]).model(metric).held_out()
    return predicted_figure(scores, (labels or {}).get(metric, metric))


def predicted_figure(scores: Scores, name: str, numbers: Sequence[int] = ()) -> Figure:
    """Make the figure from scores; `numbers` are the trials of the dataset's rows, where they are known."""
    import numpy as np

    kept = np.isfinite(scores.measured) & np.isfinite(scores.predicted)
    trials = [
        f"trial {numbers[place]}<br>" if 0 <= place < len(numbers) else ""
        for place in scores.places[kept].tolist()
    ]
    measured, predicted = scores.measured[kept], scores.predicted[kept]
    low, high = scores.low[kept], scores.high[kept]
    core = [*measured.tolist(), *predicted.tolist()]
    log = is_log(core)
    ends = bounds(core, log=log)
    if ends is not None:  # an interval may reach far beyond what is worth showing, and below zero
        low, high = (np.clip(edge, *widened(ends, 1.0, log=log)) for edge in (low, high))
        near = np.clip([*low, *high], *widened(ends, 0.15, log=log))
        ends = bounds([*core, *near.tolist()], log=log)
    inside = (measured >= low) & (measured <= high)
    traces: list[Trace] = []
    if ends is not None:
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": list(ends),
                "y": list(ends),
                "line": {"color": SOFT, "width": 1, "dash": "dot"},
                "hoverinfo": "skip",
                "showlegend": False,
            }
        )
    for flag, title, colour, bar, symbol in (
        (True, "Inside its interval", OURS, OURS_FAINT, "circle"),
        (False, "Outside", WRONG, WRONG, "diamond"),
    ):
        every = np.flatnonzero(inside == flag)
        if not len(every):
            continue
        share = max(round(MOST_DOTS * len(every) / len(inside)), 2)
        rows = every[thinned(len(every), share)]
        title = f"{title} ({len(every):,}" + (f", {len(rows):,} drawn)" if len(rows) < len(every) else ")")
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": title,
                "x": measured[rows].tolist(),
                "y": predicted[rows].tolist(),
                "marker": {"color": colour, "size": 7, "symbol": symbol},
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": np.maximum(high[rows] - predicted[rows], 0).tolist(),
                    "arrayminus": np.maximum(predicted[rows] - low[rows], 0).tolist(),
                    "color": bar,
                    "thickness": 1.3,
                    "width": 0,
                },
                "text": [trials[row] for row in rows.tolist()],
                "hovertemplate": "%{text}measured %{x:.4~g}<br>predicted %{y:.4~g}<extra></extra>",
            }
        )
    return Figure(
        data=traces,
        layout=layout(
            height=420,
            xaxis=axis(f"{name}, measured", log=log, within=ends),
            yaxis=axis(f"{name}, predicted without it", log=log, within=ends),
        ),
    )
