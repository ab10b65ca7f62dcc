"""What the forward map says around one configuration: along each parameter, with the trainings near by."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from physai_inverse.errors import NotFound
from physai_inverse.observations import Config, Scalar
from physai_inverse.report.arrangement import arranged
from physai_inverse.report.bands import band_traces
from physai_inverse.report.figures import (
    INK,
    PICK,
    Axis,
    Figure,
    Trace,
    around,
    axis,
    is_log,
    layout,
    parameter_axis,
    places,
)
from physai_inverse.store import Trial
from physai_inverse.study import Study, comparable
from physai_inverse.understanding import Slice, distances_beside, one_parameter_slices

if TYPE_CHECKING:
    import numpy as np

MOST_NEAR = 24
"""Trainings shown beside a slice, the nearest of them."""

NEAR = 1.0
"""Lengthscales from which a training says little of the configuration."""


@dataclass(frozen=True)
class Near:
    """Trainings beside a slice, the nearest first.

    Args:
        numbers: of their trials.
        configs: completed.
        values: what they measured.
        distances: from the slice, in lengthscales.
    """

    numbers: tuple[int, ...]
    configs: tuple[dict[str, Scalar], ...]
    values: tuple[float, ...]
    distances: tuple[float, ...]

    @property
    def opacity(self) -> list[float]:
        """How strongly each is drawn: the nearer, the stronger."""
        return [round(max(0.9 * math.exp(-((away / NEAR) ** 2)), 0.15), 3) for away in self.distances]


@dataclass(frozen=True)
class Trained:
    """Every full training that ended well.

    Args:
        trials: the trials.
        configs: completed.
        units: ``[n, d]`` their points.
    """

    trials: tuple[Trial, ...]
    configs: tuple[dict[str, Scalar], ...]
    units: "np.ndarray"


def trained(study: Study) -> Trained:
    """Gather the full trainings that ended well."""
    import numpy as np

    good = [trial for trial in study.trials if trial.state.finished and not trial.state.bad]
    kept = comparable(study.fidelity, good)
    configs = [study.space.complete(trial.config) for trial in kept]
    units = study.space.snap(study.space.encode(configs)) if kept else np.empty((0, study.space.dimension))
    return Trained(tuple(kept), tuple(configs), units)


def near(study: Study, seen: Trained, metric: str, config: Config, parameters: Sequence[str]) -> Near:
    """Give the trainings with a finite value of a metric that are nearest to a slice."""
    import numpy as np

    values = np.array([float(trial.metrics.get(metric, math.nan)) for trial in seen.trials])
    rows = np.flatnonzero(np.isfinite(values))
    if not len(rows):
        return Near((), (), (), ())
    away = distances_beside(study.forward_map([metric]), metric, seen.units[rows], config, parameters)
    order = [place for place in np.argsort(away, kind="stable")[:MOST_NEAR].tolist() if math.isfinite(away[place])]
    chosen = [int(rows[place]) for place in order]
    return Near(
        tuple(seen.trials[row].number for row in chosen),
        tuple(seen.configs[row] for row in chosen),
        tuple(float(values[row]) for row in chosen),
        tuple(float(away[place]) for place in order),
    )


def centre_of(study: Study) -> dict[str, Scalar]:
    """Give the configuration to look around: the recommended one, else the latest that ended well.

    Raises:
        NotFound: nothing has ended well yet.
    """
    try:
        return study.recommend().config
    except NotFound:
        good = [trial for trial in study.trials if trial.state.finished and not trial.state.bad]
        if not good:
            raise
        return study.space.complete(good[-1].config)


def plot_slices(
    study: Study,
    metric: str,
    *,
    config: Config | None = None,
    columns: int = 3,
    labels: Mapping[str, str] | None = None,
) -> Figure:
    """Plot a metric along each parameter around a configuration, with the trainings near by.

    Args:
        study: the study.
        metric: any recorded metric.
        config: around which; the recommended one where it is left out.
        columns: small figures in a row.
        labels: parameter and metric to the names shown.

    Raises:
        NotFound: no finite value of the metric was recorded, or nothing ended well.
        FitFailed: the forward map of it could not be fitted.
        InvalidInput: the configuration does not fit the space.
    """
    names = labels or {}
    around = config if config is not None else centre_of(study)
    slices = one_parameter_slices(study.forward_map([metric]), metric, around)
    seen = trained(study)
    beside = {each.parameter: near(study, seen, metric, around, [each.parameter]) for each in slices}
    slices = widest_first(slices)
    scale = slice_axis(slices, beside, names.get(metric, metric))
    figures = [slice_figure(study, each, beside[each.parameter], scale) for each in slices]
    titles = [names.get(each.parameter, each.parameter) for each in slices]
    return arranged(figures, titles, columns=columns, height=240, shared=True)


def widest_first(slices: Sequence[Slice]) -> list[Slice]:
    """Order slices by how far the prediction moves along them."""
    import numpy as np

    def moves(each: Slice) -> float:
        middle = each.median[np.isfinite(each.median)]
        if not len(middle):
            return 0.0
        return float(np.ptp(np.log(middle) if is_log(_ends(slices)) and (middle > 0).all() else middle))

    return sorted(slices, key=moves, reverse=True)


def _ends(slices: Sequence[Slice]) -> list[float]:
    return [end for each in slices for level in (0.05, 0.5, 0.95) for end in each.quantiles[level].tolist()]


def slice_axis(slices: Sequence[Slice], beside: Mapping[str, Near], title: str) -> Axis:
    """Describe the scale that all slices of a metric share."""
    beyond = _ends(slices)
    core = [value for each in slices for value in each.median.tolist()]
    for near_by in beside.values():
        for value, away in zip(near_by.values, near_by.distances, strict=True):
            (core if away <= NEAR else beyond).append(value)
    log = is_log(core)
    return axis(title, log=log, within=around(core, beyond, log=log))


def slice_figure(study: Study, each: Slice, beside: Near, scale: Axis) -> Figure:
    """Make the figure of one slice."""
    parameter = study.space.free[study.space.names.index(each.parameter)]
    traces: list[Trace] = band_traces(parameter, each.values, each.median, each.quantiles, each.success)
    if beside.numbers:
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "trainings near by",
                "x": places(parameter, [config[each.parameter] for config in beside.configs]),
                "y": list(beside.values),
                "marker": {"color": INK, "size": 6, "opacity": beside.opacity},
                "customdata": [
                    [number, away] for number, away in zip(beside.numbers, beside.distances, strict=True)
                ],
                "hovertemplate": "trial %{customdata[0]}, %{customdata[1]:.2f} lengthscales away"
                "<br>measured %{y:.4~g}<extra></extra>",
            }
        )
    [here] = places(parameter, [each.here])
    return Figure(
        data=traces,
        layout=layout(
            height=220,
            showlegend=False,
            xaxis=parameter_axis(parameter),
            yaxis=scale | {"title": {"text": ""}, "nticks": 5},
            shapes=[
                {
                    "type": "line",
                    "xref": "x",
                    "yref": "y domain",
                    "x0": here,
                    "x1": here,
                    "y0": 0,
                    "y1": 1,
                    "layer": "below",
                    "line": {"color": PICK, "width": 1.6},
                }
            ],
            margin={"l": 6, "r": 8, "t": 6, "b": 6},
        ),
    )
