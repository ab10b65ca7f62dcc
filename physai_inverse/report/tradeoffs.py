"""One metric against another: what is paid for what."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from physai_inverse.errors import FitFailed, NotFound
from physai_inverse.objective import Maximize, Minimize
from physai_inverse.report.figures import (
    MOST_DOTS,
    OURS,
    OURS_FAINT,
    PICK,
    RANDOM_FAINT,
    Figure,
    Trace,
    axis,
    bounds,
    finite,
    goal_shapes,
    is_log,
    layout,
    thinned,
)
from physai_inverse.report.progress import allowed, value
from physai_inverse.store import Trial
from physai_inverse.study import Study


def plot_tradeoff(
    study: Study,
    metric: str,
    other: str,
    *,
    baseline: Study | None = None,
    labels: Mapping[str, str] | None = None,
) -> Figure:
    """Plot one measured metric against another, with the limits and targets that lie on them.

    Where the objective minimizes or maximizes both, the configurations that none is predicted to beat in both,
    noise taken off, are joined.

    Args:
        study: the study.
        metric: across.
        other: up.
        baseline: random search on the same problem.
        labels: metric to the name shown.
    """
    try:
        chosen: int | None = study.recommend().number
    except NotFound:
        chosen = None
    names = labels or {}
    finished = [trial for trial in study.trials if trial.state.finished]
    theirs = [] if baseline is None else [trial for trial in baseline.trials if trial.state.finished]
    across = [value(trial, metric) for trial in (*finished, *theirs)]
    up = [value(trial, other) for trial in (*finished, *theirs)]
    log_across, log_up = is_log(across), is_log(up)
    met = [allowed(trial, study.objective) for trial in finished]
    traces: list[Trace] = []
    if theirs:
        traces.append(_dots(theirs, metric, other, "Random search", RANDOM_FAINT, "circle"))
    for flag, name, symbol in ((True, "This study", "circle"), (False, "Limit broken", "circle-open")):
        some = [trial for trial, may in zip(finished, met, strict=True) if may == flag and not trial.state.bad]
        if some:
            traces.append(_dots(some, metric, other, name, OURS, symbol))
    front = _front(study, metric, other)
    if front:
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": "Not beaten in both",
                "x": [x for x, _ in front],
                "y": [y for _, y in front],
                "line": {"color": OURS_FAINT, "width": 2},
                "hoverinfo": "skip",
            }
        )
    for trial in finished:
        if trial.number == chosen:
            traces.append(
                _dots([trial], metric, other, "Recommended", PICK, "star")
                | {
                    "marker": {"symbol": "star", "size": 14, "color": PICK, "line": {"width": 1, "color": OURS}},
                }
            )
    goals = study.objective.goals
    return Figure(
        data=traces,
        layout=layout(
            height=320,
            xaxis=axis(names.get(metric, metric), log=log_across, within=bounds(across, log=log_across)),
            yaxis=axis(names.get(other, other), log=log_up, within=bounds(up, log=log_up)),
            shapes=[
                *(shape for goal in goals if goal.metric == metric for shape in goal_shapes(goal, "x")),
                *(shape for goal in goals if goal.metric == other for shape in goal_shapes(goal, "y")),
            ],
        ),
    )


def _dots(every: Sequence[Trial], metric: str, other: str, name: str, colour: str, symbol: str) -> Trace:
    trials = [every[row] for row in thinned(len(every), MOST_DOTS)]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": finite(value(trial, metric) for trial in trials),
        "y": finite(value(trial, other) for trial in trials),
        "marker": {"color": colour, "size": 7, "symbol": symbol},
        "customdata": [trial.number for trial in trials],
        "hovertemplate": f"{name}, trial %{{customdata}}<br>%{{x:.4~g}} | %{{y:.4~g}}<extra></extra>",
    }


def _front(study: Study, metric: str, other: str) -> list[tuple[float, float]]:
    """Give what none is predicted to beat in both wishes, in order of the first; nothing for other metrics."""
    wishes = {wish.metric: wish for wish in study.objective.wishes if isinstance(wish, Minimize | Maximize)}
    if metric not in wishes or other not in wishes:
        return []
    pair = replace(study.objective, goals=(wishes[metric], wishes[other], *study.objective.limits), reference={})
    try:
        found = study.pareto(pair)
    except (NotFound, FitFailed):
        return []
    return sorted((point.predictions[metric].median, point.predictions[other].median) for point in found)
