"""How much of the end of a metric is known early: by the configuration, by its own curve, by other observables."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from physai_inverse.report.figures import INK, OURS, PICK, RANDOM, SOFT, WRONG, Figure, axis, finite, layout, plain
from physai_inverse.study import Study

if TYPE_CHECKING:
    from physai_inverse.understanding import Mediators

STYLES = ((WRONG, "solid"), (PICK, "solid"), (INK, "dash"), (RANDOM, "dash"))
"""Of the observables beside the metric itself: as many are drawn."""


def plot_mediators(study: Study, metric: str | None = None, *, labels: Mapping[str, str] | None = None) -> Figure:
    """Plot how much of the end of a metric is known at each early step, by what.

    Args:
        study: the study.
        metric: that of the first wish where it is left out.
        labels: metric to the name shown.

    Raises:
        NotFound: no finished training has the metric.
        FitFailed: the process of the metric could not be fitted.
    """
    return telling_figure(study.mediators(metric), labels or {})


def telling_figure(found: "Mediators", labels: Mapping[str, str]) -> Figure:
    """Make the figure from what was found; without lines where no curve was recorded."""
    names = [item.observable for item in found.best if item.observable != found.metric]
    drawn = [(found.metric, OURS, "solid"), *((name, *style) for name, style in zip(names, STYLES, strict=False))]
    data: list[dict[str, object]] = []
    shares = sorted({item.early.share for item in found.early})
    if found.early:
        alone = found.early[0].over_config.r2_before
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": "the configuration alone",
                "x": [shares[0], shares[-1]],
                "y": finite([alone, alone]),
                "line": {"color": SOFT, "width": 1.4, "dash": "dot"},
                "hovertemplate": "the configuration alone: %{y:.2f}<extra></extra>",
            }
        )
    for name, colour, dash in drawn:
        items = sorted(
            (item for item in found.early if item.observable == name), key=lambda item: item.early.share
        )
        if not items:
            continue
        shown = plain(labels.get(name, name))
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": shown,
                "x": [item.early.share for item in items],
                "y": finite([item.over_config.r2_after for item in items]),
                "line": {"color": colour, "width": 2.2, "dash": dash},
                "marker": {
                    "color": colour,
                    "size": 8,
                    "symbol": ["circle" if item.found else "circle-open" for item in items],
                },
                "text": [f"step {item.early.step:g}: {item.role}" for item in items],
                "hovertemplate": f"{shown}, %{{text}}<br>R2 %{{y:.2f}}<extra></extra>",
            }
        )
    return Figure(
        data=data,
        layout=layout(
            height=380,
            xaxis=axis(
                "share of the training",
                tickmode="array",
                tickvals=shares,
                ticktext=[f"{100 * share:g} %" for share in shares],
            ),
            yaxis=axis(f"R2 of the final {labels.get(found.metric, found.metric)}, held out"),
        ),
    )
