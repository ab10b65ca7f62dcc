"""Every metric against every other: dots below the diagonal, rank correlations above it."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from physai_inverse.errors import NotFound
from physai_inverse.forward import Dataset
from physai_inverse.observations import TrialState
from physai_inverse.report.figures import (
    INK,
    OURS,
    OURS_BAND,
    OURS_CORE,
    OURS_FAINT,
    PICK,
    SOFT,
    WRONG_BAND,
    WRONG_CORE,
    WRONG_FAINT,
    Figure,
    Trace,
    axis,
    bounds,
    even_ticks,
    is_log,
    layout,
    plain,
    thinned,
)
from physai_inverse.report.words import MINUS, number, visible
from physai_inverse.store import Trial
from physai_inverse.study import Study, comparable

if TYPE_CHECKING:
    import numpy as np

MOST_METRICS = 14
MOST_MARKERS = 7000
"""In all panels together, so that a browser draws them at once."""

WIDTH = 84
"""Pixels across for each metric, in a file; a page is as wide as it is."""

FEWEST_DOTS = 60
"""In a panel, however many there are."""

WORTH = ((0.7, OURS_FAINT, WRONG_FAINT), (0.4, OURS_CORE, WRONG_CORE), (0.2, OURS_BAND, WRONG_BAND))
"""Size of a rank correlation from which its tile is coloured so, for one above zero and one below."""


def matrix_trials(study: Study) -> list[Trial]:
    """Give the full trainings that ended well, in order."""
    good = [trial for trial in study.trials if trial.state is TrialState.DONE]
    return comparable(study.fidelity, good)


def plot_metrics(
    study: Study, metrics: Sequence[str] | None = None, *, labels: Mapping[str, str] | None = None
) -> Figure:
    """Plot every metric against every other over the trainings that ended well, on the scales the values ask for.

    Args:
        study: the study.
        metrics: which; the objective's first, then the others, at most `MOST_METRICS`, where it is left out.
        labels: metric to the name shown.

    Raises:
        NotFound: fewer than two of them have finite values.
    """
    trials = matrix_trials(study)
    recorded = list(Dataset.from_observations(study.space, [trial.observation() for trial in trials]).columns)
    first = [name for name in study.objective.metrics if name in recorded]
    wanted = list(metrics) if metrics is not None else list(dict.fromkeys([*first, *recorded]))
    names = [name for name in wanted if any(math.isfinite(each) for each in _column(trials, name))]
    if len(names) < 2:
        raise NotFound(f"Two metrics with finite values are needed, there is {names or 'none'}; observe more.")
    try:
        chosen: int | None = study.recommend().number
    except NotFound:
        chosen = None
    return matrix_figure(trials, names[:MOST_METRICS] if metrics is None else names, chosen, labels or {})


def dots_shown(trials: int, metrics: int) -> int:
    """Give how many trainings each panel shows."""
    panels = max(metrics * (metrics - 1) // 2, 1)
    return min(trials, max(FEWEST_DOTS, MOST_MARKERS // panels))


def matrix_figure(
    trials: Sequence[Trial], names: Sequence[str], chosen: int | None, labels: Mapping[str, str]
) -> Figure:
    """Make the figure of some metrics over trials; `chosen` is the number of the one to point out."""
    import numpy as np

    from physai_inverse.inverse.order import rank_correlation

    table = np.array([_column(trials, name) for name in names])
    logs = [is_log(values.tolist()) for values in table]
    kept = np.array(thinned(len(trials), dots_shown(len(trials), len(names))))
    size = len(names)
    cell, gap = 1.0 / size, 0.06 / size
    axes: dict[str, object] = {}
    for place in range(size):
        suffix = "" if place == 0 else str(place + 1)
        within = bounds(table[place].tolist(), log=logs[place])
        side = axis("", log=logs[place], within=within, tickfont={"size": 10, "color": SOFT}, showgrid=False)
        side = _few_ticks(side, within, 3 if size <= 6 else 2)
        start = place * cell
        axes[f"xaxis{suffix}"] = side | {
            "domain": [start + gap, start + cell - gap],
            "anchor": f"y{size}",
            "showticklabels": place < size - 1,
            "tickangle": 0 if size <= 6 else 60,
        }
        axes[f"yaxis{suffix}"] = side | {
            "domain": [1 - start - cell + gap, 1 - start - gap],
            "anchor": "x",
            "showticklabels": place > 0,
        }
    traces: list[Trace] = []
    shapes: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    for row in range(size):
        for column in range(size):
            refs = (f"x{column + 1}" if column else "x", f"y{row + 1}" if row else "y")
            if row == column:
                traces.append(_nothing(refs))
                title = _wrapped(labels.get(names[row], names[row]), size)
                notes.append(_tile_text(title, refs, INK, 12 if size <= 8 else 10))
                continue
            both = np.isfinite(table[row]) & np.isfinite(table[column])
            if row > column:
                rows = kept[both[kept]]
                traces.append(_dots(table, row, column, rows, refs, trials, 5 if size <= 6 else 3.5))
                star = [place for place, trial in enumerate(trials) if trial.number == chosen and both[place]]
                if star:
                    traces.append(_star(table, row, column, star, refs))
                continue
            found = rank_correlation(table[row][both], table[column][both]) if both.sum() > 2 else math.nan
            colour = next((pair[found < 0] for least, *pair in WORTH if abs(found) >= least), None)
            if colour is not None:
                shapes.append(_tile(refs, colour))
            text = "" if math.isnan(found) else f"{found:.2f}".replace("-", MINUS)
            notes.append(_tile_text(text, refs, INK if colour else SOFT, 13 if size <= 8 else 10))
    return Figure(
        data=traces,
        layout=layout(
            height=max(300, min(130, 1040 // size) * size),
            meta={"width": max(720, WIDTH * size)},
            showlegend=False,
            shapes=shapes,
            annotations=notes,
            **axes,
        ),
    )


def _column(trials: Sequence[Trial], name: str) -> list[float]:
    return [float(trial.metrics[name]) if name in trial.metrics else math.nan for trial in trials]


def _few_ticks(side: dict[str, Any], within: tuple[float, float] | None, most: int) -> dict[str, Any]:
    """Leave an axis as few ticks as a small panel holds."""
    if within is None:
        return side
    values = side.get("tickvals") or even_ticks(*within)
    step = max(1, math.ceil(len(values) / most))
    texts = [_short(value) for value in values[::step]]
    return side | {"tickmode": "array", "tickvals": values[::step], "ticktext": texts}


def _short(value: float) -> str:
    """Write a tick in few signs: 100k for 100,000."""
    for size, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size <= abs(value) < 1e3 * size:
            return number(value / size) + sign
    return number(value)


def _wrapped(name: str, size: int) -> str:
    """Break a long name at its joints, to fit a tile of a matrix of some size."""
    width = max(8, 90 // size)
    lines = [""]
    for part in visible(name, 3 * width).replace("_", "_\0").replace(" ", " \0").replace("/", "/\0").split("\0"):
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append("")
        lines[-1] += part
    return "<br>".join(plain(line, None) for line in lines)


def _dots(
    table: "np.ndarray",
    row: int,
    column: int,
    rows: "np.ndarray",
    refs: tuple[str, str],
    trials: Sequence[Trial],
    size: float,
) -> Trace:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": table[column][rows].tolist(),
        "y": table[row][rows].tolist(),
        "xaxis": refs[0],
        "yaxis": refs[1],
        "marker": {"color": OURS, "size": size, "opacity": 0.55},
        "customdata": [trials[place].number for place in rows.tolist()],
        "hovertemplate": "trial %{customdata}<br>%{x:.4~g} | %{y:.4~g}<extra></extra>",
    }


def _nothing(refs: tuple[str, str]) -> Trace:
    """Keep the axes of a panel: plotly drops those that no trace stands on, and what is placed by them."""
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [None],
        "y": [None],
        "xaxis": refs[0],
        "yaxis": refs[1],
        "marker": {"color": OURS, "size": 1},
        "hoverinfo": "skip",
    }


def _star(table: "np.ndarray", row: int, column: int, at: Sequence[int], refs: tuple[str, str]) -> Trace:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [float(table[column][place]) for place in at],
        "y": [float(table[row][place]) for place in at],
        "xaxis": refs[0],
        "yaxis": refs[1],
        "marker": {"symbol": "star", "size": 11, "color": PICK, "line": {"width": 1, "color": OURS}},
        "hoverinfo": "skip",
    }


def _tile(refs: tuple[str, str], colour: str) -> dict[str, Any]:
    return {
        "type": "rect",
        "xref": f"{refs[0]} domain",
        "yref": f"{refs[1]} domain",
        "x0": 0,
        "x1": 1,
        "y0": 0,
        "y1": 1,
        "layer": "below",
        "fillcolor": colour,
        "line": {"width": 0},
    }


def _tile_text(text: str, refs: tuple[str, str], colour: str, size: int) -> dict[str, Any]:
    return {
        "text": text,
        "xref": f"{refs[0]} domain",
        "yref": f"{refs[1]} domain",
        "x": 0.5,
        "y": 0.5,
        "xanchor": "center",
        "yanchor": "middle",
        "showarrow": False,
        "font": {"size": size, "color": colour},
    }
