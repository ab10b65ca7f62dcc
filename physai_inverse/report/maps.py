"""What the forward map says over two parameters: the prediction, and beside it how uncertain it is."""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, cast

from physai_inverse.observations import Config
from physai_inverse.report.arrangement import arranged
from physai_inverse.report.figures import (
    INK,
    MAP,
    PAPER,
    PICK,
    SOFT,
    UNSURE,
    Figure,
    Trace,
    bounds,
    even_ticks,
    finite,
    is_log,
    layout,
    log_ticks,
    parameter_axis,
    places,
)
from physai_inverse.report.slices import Near, centre_of, near, trained
from physai_inverse.report.words import number
from physai_inverse.space import Float, Integer
from physai_inverse.study import Study
from physai_inverse.understanding import Surface, two_parameter_slices

if TYPE_CHECKING:
    import numpy as np

HEIGHT = 340
TIMES = "\u00d7"


def plot_map(
    study: Study,
    metric: str,
    first: str,
    second: str,
    *,
    config: Config | None = None,
    labels: Mapping[str, str] | None = None,
) -> Figure:
    """Plot a metric over two parameters around a configuration, and beside it how uncertain that is.

    Args:
        study: the study.
        metric: any recorded metric.
        first: the parameter across.
        second: the parameter up.
        config: around which; the recommended one where it is left out.
        labels: parameter and metric to the names shown.

    Raises:
        NotFound: no finite value of the metric was recorded, or nothing ended well.
        FitFailed: the forward map of it could not be fitted.
        InvalidInput: the configuration does not fit the space, or the two are not two free parameters.
    """
    around = config if config is not None else centre_of(study)
    forward = study.forward_map([metric])
    [surface] = two_parameter_slices(forward, metric, around, [(first, second)])
    beside = near(study, trained(study), metric, around, [first, second])
    names = labels or {}
    figures = map_figures(study, surface, beside, around, labels=names)
    titles = [f"{names.get(metric, metric)}, predicted", uncertainty_title(surface)]
    return arranged(figures, titles, columns=2, height=HEIGHT + 40, gap=(0.24, 0.06), shared=True)


def telling_surfaces(
    study: Study, metric: str, config: Config, parameters: Sequence[str], most: int
) -> list[Surface]:
    """Give the surfaces of the pairs that matter most.

    Args:
        study: the study.
        metric: any metric with a forward map.
        config: around which.
        parameters: by how much they matter, the most first; those that are not active there are passed over.
        most: how many surfaces.
    """
    forward = study.forward_map([metric])
    space = study.space
    active = space.activity(space.snap(space.encode([space.complete(config)])))[0]
    able = [name for name in parameters if active[space.names.index(name)]]
    ranked = sorted(combinations(range(len(able)), 2), key=lambda pair: (sum(pair), pair[1]))[:most]
    pairs = [_listed_up(study, (able[first], able[second])) for first, second in ranked]
    return two_parameter_slices(forward, metric, config, pairs)


def _listed_up(study: Study, pair: tuple[str, str]) -> tuple[str, str]:
    """Put a list of values up and a number across, where there is one of each."""
    kinds = [isinstance(study.space.parameters[name], Float | Integer) for name in pair]
    return (pair[1], pair[0]) if kinds == [False, True] else pair


def uncertainty_title(surface: Surface) -> str:
    """Say what the second figure shows."""
    return "half of the 90 % interval" + (", as a factor" if _is_log(surface) else "")


def _is_log(surface: Surface) -> bool:
    return is_log([*surface.median.ravel().tolist(), *surface.low.ravel().tolist()])


def map_figures(
    study: Study, surface: Surface, beside: Near, config: Config, *, labels: Mapping[str, str] | None = None
) -> list[Figure]:
    """Make the two figures of a surface: the prediction, and its uncertainty."""
    import numpy as np

    log = _is_log(surface)
    with np.errstate(invalid="ignore", divide="ignore"):
        if log:
            shown = np.log10(surface.median)
            unsure = (np.log10(surface.high) - np.log10(surface.low)) / 2.0
        else:
            shown, unsure = surface.median, (surface.high - surface.low) / 2.0
    names = labels or {}
    middle = _figure(study, surface, shown, MAP, _value_bar(shown, log=log), beside, config, names)
    [value, *_] = cast("list[Trace]", middle["data"])
    del value["hoverinfo"]
    value |= {"text": _hover(surface), "hovertemplate": "%{x:.4~g} | %{y:.4~g}<br>%{text}<extra></extra>"}
    return [
        middle,
        _figure(study, surface, unsure, UNSURE, _spread_bar(unsure, log=log), beside, config, names),
    ]


def _figure(
    study: Study,
    surface: Surface,
    z: "np.ndarray",
    colours: Sequence[str],
    bar: dict[str, Any],
    beside: Near,
    config: Config,
    labels: Mapping[str, str],
) -> Figure:
    space = study.space
    free = [space.free[space.names.index(name)] for name in surface.parameters]
    smooth = all(isinstance(parameter, Float | Integer) for parameter in free)
    low, high = bar.pop("ends")
    last = len(colours) - 1
    trace: Trace = {
        "type": "contour" if smooth else "heatmap",
        "x": places(free[0], surface.across),
        "y": places(free[1], surface.up),
        "z": [finite(row) for row in z],
        "zmin": low,
        "zmax": high,
        "colorscale": [[place / last, colour] for place, colour in enumerate(colours)],
        "hoverinfo": "skip",
        "colorbar": {
            "thickness": 10,
            "outlinewidth": 0,
            "tickmode": "array",
            "tickfont": {"size": 11, "color": SOFT},
            **bar,
        },
    }
    if smooth:
        trace |= {
            "contours": {"coloring": "fill", "start": low, "end": high, "size": (high - low) / 12},
            "line": {"width": 0.4, "color": PAPER},
        }
    else:
        for key, parameter in (("xgap", free[0]), ("ygap", free[1])):
            trace[key] = 0 if isinstance(parameter, Float | Integer) else 1
    complete = space.complete(config)
    traces = [trace]
    for name, configs, marker in (
        ("trainings near by", beside.configs, {"size": 6, "color": INK, "line": {"width": 1, "color": PAPER}}),
        ("here", [complete], {"size": 14, "symbol": "star", "color": PICK, "line": {"width": 1, "color": INK}}),
    ):
        if configs:
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": name,
                    "x": places(free[0], [each[surface.parameters[0]] for each in configs]),
                    "y": places(free[1], [each[surface.parameters[1]] for each in configs]),
                    "marker": marker,
                    "cliponaxis": False,
                    "hoverinfo": "skip",
                }
            )
    sides = [
        parameter_axis(parameter, labels.get(name, name), showgrid=False)
        for parameter, name in zip(free, surface.parameters, strict=True)
    ]
    return Figure(
        data=traces,
        layout=layout(
            height=HEIGHT, showlegend=False, xaxis=_tight(sides[0], free[0]), yaxis=_tight(sides[1], free[1])
        ),
    )


def _tight(side: dict[str, object], parameter: object) -> dict[str, object]:
    """Let the axis of a number end where its range ends, so that the map fills it."""
    if not isinstance(parameter, Float | Integer):
        return side
    low, high = float(parameter.low), float(parameter.high)
    return side | {"range": [math.log10(low), math.log10(high)] if parameter.log else [low, high]}


def _hover(surface: Surface) -> list[list[str]]:
    return [
        [
            f"{number(middle)} (90 %: {number(low)} to {number(high)})" if math.isfinite(middle) else "not allowed"
            for middle, low, high in zip(*rows, strict=True)
        ]
        for rows in zip(surface.median.tolist(), surface.low.tolist(), surface.high.tolist(), strict=True)
    ]


def _value_bar(shown: "np.ndarray", *, log: bool) -> dict[str, Any]:
    low, high = _ends(shown)
    ticks = log_ticks(10.0**low, 10.0**high) if log else even_ticks(low, high)
    return {
        "ends": (low, high),
        "tickvals": [math.log10(tick) if log else tick for tick in ticks],
        "ticktext": [number(tick) for tick in ticks],
    }


def _spread_bar(unsure: "np.ndarray", *, log: bool) -> dict[str, Any]:
    _, high = _ends(unsure)
    high = max(high, 1e-12)
    if log:  # factors, with round numbers
        ticks = log_ticks(1.0, 10.0**high)
        texts = [f"{TIMES} {number(tick)}" for tick in ticks]
        return {"ends": (0.0, high), "tickvals": [math.log10(tick) for tick in ticks], "ticktext": texts}
    ticks = even_ticks(0.0, high)
    return {"ends": (0.0, high), "tickvals": ticks, "ticktext": [f"± {number(tick)}" for tick in ticks]}


def _ends(values: "np.ndarray") -> tuple[float, float]:
    import numpy as np

    kept = values[np.isfinite(values)]
    ends = (float(kept.min()), float(kept.max())) if len(kept) else (0.0, 1.0)
    if ends[1] - ends[0] > 1e-9 * max(abs(ends[0]), abs(ends[1]), 1e-12):
        return ends
    found = bounds(ends, log=False)
    assert found is not None
    return found
