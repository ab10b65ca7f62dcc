"""How each parameter acts on a metric: small figures on one scale, and shares of the variance."""

from collections.abc import Mapping, Sequence

from physai_inverse.report.arrangement import arranged
from physai_inverse.report.bands import band_traces
from physai_inverse.report.figures import (
    OURS,
    OURS_CORE,
    SOFT,
    Axis,
    Figure,
    Trace,
    around,
    axis,
    is_log,
    layout,
    parameter_axis,
    plain,
)
from physai_inverse.report.words import percent
from physai_inverse.seeds import child
from physai_inverse.space import Space
from physai_inverse.space.parameters import FreeParameter
from physai_inverse.study import Study
from physai_inverse.understanding import Effect, main_effects
from physai_inverse.understanding.effects import NUM_SAMPLES


def effects_of(study: Study, metric: str, *, num_samples: int = NUM_SAMPLES) -> list[Effect]:
    """Give the effects of every parameter on a metric, the largest first.

    Raises:
        NotFound: no finite value of the metric was recorded.
        FitFailed: the forward map of it could not be fitted.
    """
    effects = main_effects(
        study.forward_map([metric]), metric, seed=child(study.seed, "report"), num_samples=num_samples
    )
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
    scale = metric_axis(effects, names.get(metric, metric))
    figures = [effect_figure(study, effect, scale, ()) for effect in effects]
    titles = [f"{names.get(effect.parameter, effect.parameter)} · {percent(effect.share)}" for effect in effects]
    return arranged(figures, titles, columns=columns, height=240, shared=True)


def effect_figure(study: Study, effect: Effect, scale: Axis, tried: Sequence[float]) -> Figure:
    """Make the figure of one effect; `tried` are the places at which trainings were run."""
    traces = band_traces(
        _parameter(study.space, effect.parameter),
        effect.values,
        effect.average,
        effect.quantiles,
        effect.success,
    )
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
    return Figure(
        data=traces,
        layout=layout(
            height=220,
            showlegend=False,
            xaxis=parameter_axis(_parameter(study.space, effect.parameter)),
            yaxis=scale | {"title": {"text": ""}, "nticks": 5},
            yaxis2={"overlaying": "y", "visible": False, "range": [0, 1], "fixedrange": True},
            margin={"l": 6, "r": 8, "t": 6, "b": 6},
        ),
    )


def metric_axis(effects: Sequence[Effect], title: str) -> Axis:
    """Describe the scale that all effects on a metric share."""
    ends = [end for effect in effects for level in (0.05, 0.95) for end in effect.quantiles[level].tolist()]
    core = [value for effect in effects for value in effect.average.tolist()]
    log = is_log([*ends, *core])
    return axis(title, log=log, within=around(core, ends, log=log))


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
    return Figure(
        data=[
            bars("with interactions", totals, OURS_CORE, [_share(effect) for effect in turned]),
            bars("by itself", [effect.share for effect in turned], OURS, [""] * len(turned)),
        ],
        layout=layout(
            height=90 + 30 * len(turned),
            barmode="overlay",
            xaxis=axis(
                "share of the variance",
                within=(0, 1.55 * max([*totals, 0.1])),
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
    )


def _share(effect: Effect) -> str:
    alone, together = percent(effect.share), percent(effect.total_share)
    return alone if alone == together else f"{alone} / {together}"


def _parameter(space: Space, name: str) -> FreeParameter:
    return space.free[space.names.index(name)]
