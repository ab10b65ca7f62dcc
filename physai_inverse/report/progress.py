"""Best so far against the number of trainings, beside random search."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from physai_inverse.errors import InvalidInput, NotFound
from physai_inverse.objective import Objective, Wish, measured
from physai_inverse.report.figures import (
    MOST_DOTS,
    OURS,
    OURS_FAINT,
    PICK,
    RANDOM,
    RANDOM_FAINT,
    WRONG,
    Figure,
    Trace,
    axis,
    bounds,
    finite,
    goal_shapes,
    is_log,
    layout,
    plain,
    thinned,
)
from physai_inverse.report.words import number
from physai_inverse.store import Trial
from physai_inverse.study import Study, comparable

NAMES = ("This study", "Random search")
LINES = (OURS, RANDOM)
DOTS = (OURS_FAINT, RANDOM_FAINT)


@dataclass(frozen=True)
class Track:
    """What one study saw of one wish, training by training.

    Args:
        trials: finished trials in order.
        values: the wish's metric; NaN where it is not there.
        allowed: whether every limit is met.
        best: the value that is best so far among the allowed; NaN before the first.
    """

    trials: tuple[Trial, ...]
    values: tuple[float, ...]
    allowed: tuple[bool, ...]
    best: tuple[float, ...]


def value(trial: Trial, metric: str) -> float:
    """Give a metric or an expression of a trial that did not fail, NaN where there is none."""
    return math.nan if trial.state.bad else measured(metric, trial.metrics, trial.config)


def allowed(trial: Trial, objective: Objective) -> bool:
    """Say whether a trial meets every limit of an objective."""
    import numpy as np

    if not objective.limits:
        return not trial.state.bad
    limits = Objective(tuple(objective.limits))
    values = {name: np.array([value(trial, name)]) for name in limits.quantities}
    return bool((limits.slack(values) >= 0).all())  # NaN is not


def track(study: Study, wish: Wish) -> Track:
    """Follow one wish through a study."""
    import numpy as np

    trials = tuple(trial for trial in study.trials if trial.state.finished)
    values = tuple(value(trial, wish.metric) for trial in trials)
    counted = {trial.number for trial in comparable(study.fidelity, list(trials))}
    met = tuple(trial.number in counted and allowed(trial, study.objective) for trial in trials)
    best: list[float] = []
    so_far, top = math.nan, -math.inf
    utilities = Objective((wish,)).utility({wish.metric: np.array(values, dtype=float)})[:, 0].tolist()
    for number_, utility, may in zip(values, utilities, met, strict=True):
        if may and math.isfinite(utility) and utility > top:
            so_far, top = number_, float(utility)
        best.append(so_far)
    return Track(trials, values, met, tuple(best))


def plot_progress(
    study: Study,
    baseline: Study | None = None,
    *,
    metric: str | None = None,
    labels: Mapping[str, str] | None = None,
) -> Figure:
    """Plot the best value so far of one wish against the number of trainings.

    Args:
        study: the study.
        baseline: random search on the same problem.
        metric: the metric of the wish; the objective's first where it is left out.
        labels: metric to the name shown.

    Raises:
        InvalidInput: the objective has no such wish.
    """
    wishes = {wish.metric: wish for wish in study.objective.wishes}
    if not wishes and metric is None:
        return _plot_limits(study, baseline)
    wish = wishes.get(metric) if metric is not None else study.objective.wishes[0]
    if wish is None:
        raise InvalidInput(f"`metric` must be one that the objective wishes for, {list(wishes)}, not {metric!r}.")
    tracks = [track(each, wish) for each in (study, baseline) if each is not None]
    values = [one for each in tracks for one in each.values]
    log = is_log(values)
    traces: list[Trace] = []
    for place, each in reversed(list(enumerate(tracks))):  # random search lies below
        traces += _traces(each, place)
    try:
        chosen: int | None = study.recommend().number
    except NotFound:
        chosen = None
    for count, trial in enumerate(tracks[0].trials):
        if trial.number == chosen and math.isfinite(tracks[0].values[count]):
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": "Recommended",
                    "legendrank": 3,
                    "x": [count + 1],
                    "y": [tracks[0].values[count]],
                    "marker": {"symbol": "star", "size": 15, "color": PICK, "line": {"width": 1, "color": OURS}},
                    "hovertemplate": f"recommended: trial {trial.number}<extra></extra>",
                }
            )
    shown = [one for one in values if math.isfinite(one)]
    return Figure(
        data=traces,
        layout=layout(
            height=420,
            xaxis=_counts(max(len(each.trials) for each in tracks)),
            yaxis=axis((labels or {}).get(wish.metric, wish.metric), log=log, within=_above_foot(shown, log=log)),
            yaxis2={"overlaying": "y", "visible": False, "range": [0, 1], "fixedrange": True},
            shapes=[
                shape
                for goal in study.objective.goals
                if goal.metric == wish.metric
                for shape in goal_shapes(goal, "y")
            ],
        ),
    )


def _above_foot(values: Sequence[float], *, log: bool) -> tuple[float, float]:
    """Leave room below the values for the crosses of failed trainings."""
    ends = bounds(values, log=log)
    if ends is None:  # nothing but failures
        return 0.0, 1.0
    low, high = ends
    return (low * (low / high) ** 0.12, high) if log else (low - 0.12 * (high - low), high)


def _counts(most: int) -> dict[str, object]:
    step = next(size for size in (1, 2, 5, 10, 20, 50, 100, 200, 500, 10**4) if most / size <= 12)
    return axis("trainings", within=(0.2, max(most, 1) + 0.8), showgrid=False, tick0=0, dtick=step)


def _traces(each: Track, place: int) -> list[Trace]:
    counts = list(range(1, len(each.trials) + 1))
    drawn = thinned(len(each.trials), MOST_DOTS)
    steps = [
        row for row in range(len(counts)) if row in (0, len(counts) - 1) or each.best[row] != each.best[row - 1]
    ]
    failed = [count for count, trial in zip(counts, each.trials, strict=True) if trial.state.bad]
    traces: list[Trace] = (
        []
        if not any(math.isfinite(one) for one in each.values)
        else [
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"{NAMES[place]}, each training",
                "showlegend": False,
                "x": [counts[row] for row in drawn],
                "y": finite(each.values[row] for row in drawn),
                "marker": {
                    "color": DOTS[place],
                    "size": 7,
                    "symbol": ["circle" if each.allowed[row] else "circle-open" for row in drawn],
                },
                "customdata": [each.trials[row].number for row in drawn],
                "hovertemplate": f"{NAMES[place]}, trial %{{customdata}}<br>%{{y:.4~g}}<extra></extra>",
            },
            {
                "type": "scatter",
                "mode": "lines",
                "name": f"{NAMES[place]}, best so far",
                "legendrank": 1 + place,
                "x": [counts[row] for row in steps],
                "y": finite(each.best[row] for row in steps),
                "line": {"color": LINES[place], "width": 2.6 if place == 0 else 2.0, "shape": "hv"},
                "hovertemplate": f"{NAMES[place]}, best of %{{x}}<br>%{{y:.4~g}}<extra></extra>",
            },
        ]
    )
    if failed:
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "Failed" if place == 0 else "Failed (random search)",
                "legendrank": 4 + place,
                "x": failed,
                "y": [0.035 if place == 0 else 0.085] * len(failed),
                "yaxis": "y2",
                "marker": {"symbol": "x-thin", "size": 7, "line": {"width": 1.8, "color": (WRONG, RANDOM)[place]}},
                "text": [plain(trial.kind or "failed") for trial in each.trials if trial.state.bad],
                "hovertemplate": "training %{x}: %{text}<extra></extra>",
            }
        )
    return traces


def _plot_limits(study: Study, baseline: Study | None) -> Figure:
    """Without a wish, count the trainings that meet every limit."""
    traces: list[Trace] = []
    most = 1
    for place, each in reversed([(p, s) for p, s in enumerate((study, baseline)) if s is not None]):
        trials = [trial for trial in each.trials if trial.state.finished]
        met = _running_sum([allowed(trial, study.objective) for trial in trials])
        most = max(most, len(trials))
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": NAMES[place],
                "x": list(range(1, len(trials) + 1)),
                "y": met,
                "line": {"color": LINES[place], "width": 2.4, "shape": "hv"},
                "hovertemplate": f"{NAMES[place]}: %{{y}} of %{{x}}<extra></extra>",
            }
        )
    return Figure(
        data=traces,
        layout=layout(
            height=360,
            xaxis=_counts(most),
            yaxis=axis("trainings that meet the limits", rangemode="tozero", tickformat="d"),
        ),
    )


def _running_sum(flags: Sequence[bool]) -> list[int]:
    total, sums = 0, []
    for flag in flags:
        total += flag
        sums.append(total)
    return sums


def best_text(each: Track) -> str:
    """Write the best value at the end of a track."""
    return number(each.best[-1]) if each.best and math.isfinite(each.best[-1]) else "none"
