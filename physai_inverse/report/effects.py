"""How each parameter acts on a metric: small figures on one scale, and shares of the variance."""

import math
from collections.abc import Mapping, Sequence

from physai_inverse.report.figures import (
    OURS,
    OURS_BAND,
    OURS_CORE,
    SOFT,
    Axis,
    Figure,
    Trace,
    axis,
    bounds,
    finite,
    is_log,
    layout,
    parameter_axis,
    places,
    plain,
)
from physai_inverse.report.words import percent
from physai_inverse.seeds import child
from physai_inverse.space import Float, Integer, Space
from physai_inverse.space.parameters import FreeParameter
from physai_inverse.study import Study
from physai_inverse.understanding import Effect, main_effects

BANDS = ((0.05, 0.95, OURS_BAND), (0.25, 0.75, OURS_CORE))


def effects_of(study: Study, metric: str) -> list[Effect]:
    """Give the effects of every parameter on a metric, the largest first.

    Raises:
        NotFound: no finite value of the metric was recorded.
        FitFailed: the forward map of it could not be fitted.
    """
    effects = main_effects(study.forward_map([metric]), metric, seed=child(study.seed, "report"))
    return sorted(effects, key=lambda effect: (-effect.total_share, -effect.share))


def plot_effects(
    study: Study, metric: str, *, columns: int = 3, labels: Mapping[str, str] | None = None
) -> Figure:
    """Plot the effect of each parameter on a metric, the largest first, all on one scale.

    Args:
        study: the study.
        metric: any recorded metric.
        columns: small figures in a row.
        labels: parameter and metric to the names shown.

    Raises:
        NotFound, FitFailed: see `effects_of`.
    """
    effects, names = effects_of(study, metric), labels or {}
    rows = math.ceil(len(effects) / columns)
    height, gap = 240, 0.28
    traces: list[Trace] = []
    axes: dict[str, object] = {}
    titles: list[object] = []
    scale = metric_axis(effects, names.get(metric, metric))
    for place, effect in enumerate(effects):
        row, column = divmod(place, columns)
        suffix = "" if place == 0 else str(place + 1)
        left, top = column / columns, 1 - row / rows
        right, bottom = left + (1 - gap / 2) / columns, top - (1 - gap) / rows
        axes[f"xaxis{suffix}"] = parameter_axis(
            _parameter(study.space, effect.parameter), domain=[left, right], anchor=f"y{suffix}"
        )
        axes[f"yaxis{suffix}"] = scale | {
            "domain": [bottom, top],
            "anchor": f"x{suffix}",
            "matches": None if place == 0 else "y",
            "showticklabels": column == 0,
            "title": scale["title"] if column == 0 else {"text": ""},
        }
        for trace in effect_traces(study.space, effect):
            traces.append(trace | {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"})
        titles.append(
            {
                "text": f"{plain(names.get(effect.parameter, effect.parameter))} · {percent(effect.share)}",
                "x": (left + right) / 2,
                "y": top,
                "xref": "paper",
                "yref": "paper",
                "xanchor": "center",
                "yanchor": "bottom",
                "showarrow": False,
            }
        )
    margin = {"l": 60, "r": 16, "t": 40, "b": 40}
    return {
        "data": traces,
        "layout": layout(height=height * rows + 60, annotations=titles, margin=margin, showlegend=False, **axes),
    }


def effect_figure(study: Study, effect: Effect, scale: Axis, tried: Sequence[float]) -> Figure:
    """Make the figure of one effect; `tried` are the places at which trainings were run."""
    traces = effect_traces(study.space, effect)
    if tried:
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": list(tried),
                "y": [0.02] * len(tried),
                "yaxis": "y2",
                "marker": {"symbol": "line-ns", "size": 6, "line": {"width": 1, "color": SOFT}, "opacity": 0.55},
                "hoverinfo": "skip",
            }
        )
    return {
        "data": traces,
        "layout": layout(
            height=220,
            showlegend=False,
            xaxis=parameter_axis(_parameter(study.space, effect.parameter)),
            yaxis=scale | {"title": {"text": ""}, "nticks": 5},
            yaxis2={"overlaying": "y", "visible": False, "range": [0, 1], "fixedrange": True},
            margin={"l": 6, "r": 8, "t": 6, "b": 6},
        ),
    }


def metric_axis(effects: Sequence[Effect], title: str) -> Axis:
    """Describe the scale that all effects on a metric share."""
    ends = [end for effect in effects for level in (0.05, 0.95) for end in effect.quantiles[level].tolist()]
    log = is_log([*ends, *(value for effect in effects for value in effect.average.tolist())])
    return axis(title, log=log, within=bounds(ends, log=log))


def effect_traces(space: Space, effect: Effect) -> list[Trace]:
    """Draw one effect: a line with bands, or points with bars for a list of values."""
    if not effect.values:
        return []
    parameter = _parameter(space, effect.parameter)
    at = places(parameter, effect.values)
    note = [f"<br>{percent(chance)} end well" if chance < 0.995 else "" for chance in effect.success.tolist()]
    shared: Trace = {
        "type": "scatter",
        "x": at,
        "y": finite(effect.average),
        "customdata": [
            [lower, upper, text]
            for lower, upper, text in zip(
                finite(effect.quantiles[0.05]), finite(effect.quantiles[0.95]), note, strict=True
            )
        ],
        "hovertemplate": "%{y:.4~g}<br>90 %: %{customdata[0]:.3~g} to %{customdata[1]:.3~g}"
        "%{customdata[2]}<extra></extra>",
    }
    if isinstance(parameter, Float | Integer) and len(at) > 1:
        bands: list[Trace] = [
            {
                "type": "scatter",
                "mode": "lines",
                "x": [*at, *reversed(at)],
                "y": [*finite(effect.quantiles[low]), *reversed(finite(effect.quantiles[high]))],
                "fill": "toself",
                "fillcolor": colour,
                "line": {"width": 0},
                "hoverinfo": "skip",
            }
            for low, high, colour in BANDS
        ]
        return [*bands, shared | {"mode": "lines", "line": {"color": OURS, "width": 2.4}}]
    bars: list[Trace] = []
    for (low, high, colour), width in zip(BANDS, (9, 9), strict=True):
        x: list[float | None] = []
        y: list[float | None] = []
        for place, lower, upper in zip(
            at, finite(effect.quantiles[low]), finite(effect.quantiles[high]), strict=True
        ):
            x += [place, place, None]
            y += [lower, upper, None]
        bars.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": x,
                "y": y,
                "line": {"color": colour, "width": width},
                "hoverinfo": "skip",
            }
        )
    return [*bars, shared | {"mode": "markers", "marker": {"color": OURS, "size": 9}}]


def plot_shares(study: Study, metric: str, *, labels: Mapping[str, str] | None = None) -> Figure:
    """Plot how much of the variance of a metric over the space each parameter explains.

    Args:
        study: the study.
        metric: any recorded metric.
        labels: parameter to the name shown.

    Raises:
        NotFound, FitFailed: see `effects_of`.
    """
    return shares_figure(effects_of(study, metric), labels or {})


def shares_figure(effects: Sequence[Effect], labels: Mapping[str, str]) -> Figure:
    """Make the figure of the shares; effects come the largest first."""
    turned = list(reversed(effects))
    names = [plain(labels.get(effect.parameter, effect.parameter)) for effect in turned]
    at = list(range(len(turned)))

    def bars(title: str, shares: Sequence[float], colour: str, texts: Sequence[str]) -> Trace:
        return {
            "type": "bar",
            "orientation": "h",
            "name": title,
            "x": list(shares),
            "y": at,
            "marker": {"color": colour},
            "width": 0.62,
            "text": list(texts),
            "textposition": "outside",
            "textfont": {"size": 12, "color": SOFT},
            "cliponaxis": False,
            "customdata": names,
            "hovertemplate": f"%{{customdata}}<br>{title}: %{{x:.1%}}<extra></extra>",
        }

    # The label stands behind the longer of the two bars.
    totals = [max(effect.total_share, effect.share) for effect in turned]
    return {
        "data": [
            bars("with interactions", totals, OURS_CORE, [_share(effect) for effect in turned]),
            bars("by itself", [effect.share for effect in turned], OURS, [""] * len(turned)),
        ],
        "layout": layout(
            height=90 + 30 * len(turned),
            barmode="overlay",
            xaxis=axis(
                "share of the variance over the space",
                within=(0, 1.3 * max([*totals, 0.1])),
                tickformat=".0%",
                nticks=5,
            ),
            yaxis=axis(
                "",
                within=(-0.6, len(turned) - 0.4),
                tickmode="array",
                tickvals=at,
                ticktext=names,
                showgrid=False,
                ticklabelstandoff=6,
            ),
        ),
    }


def _share(effect: Effect) -> str:
    alone, together = percent(effect.share), percent(effect.total_share)
    return alone if alone == together else f"{alone} / {together}"


def _parameter(space: Space, name: str) -> FreeParameter:
    return space.free[space.names.index(name)]
