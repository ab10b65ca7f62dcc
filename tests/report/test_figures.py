"""Figures as plotly's JSON."""

import json
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest

from physai_inverse.errors import InvalidInput
from physai_inverse.objective import AtMost, Minimize
from physai_inverse.report import (
    plot_calibration,
    plot_effects,
    plot_map,
    plot_mediators,
    plot_metrics,
    plot_predicted,
    plot_progress,
    plot_shares,
    plot_slices,
    plot_tradeoff,
)
from physai_inverse.report.effects import effects_of
from physai_inverse.report.figures import DARK, Figure, is_log, log_ticks, parameter_axis, plain
from physai_inverse.space import Integer
from physai_inverse.study import Study
from tests.report.demo import demo_study, watched_study


@pytest.fixture(scope="module")
def study() -> Study:
    return demo_study(40)


def traces(figure: Figure) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", figure["data"])


FIGURES: dict[str, Callable[[Study], Figure]] = {
    "progress": lambda study: plot_progress(study, study),
    "predicted": lambda study: plot_predicted(study, "val_loss"),
    "calibration": lambda study: plot_calibration(study, "val_loss"),
    "shares": lambda study: plot_shares(study, "val_loss"),
    "slices": lambda study: plot_slices(study, "val_loss"),
    "effects": lambda study: plot_effects(study, "val_loss"),
    "areas": lambda study: plot_map(study, "val_loss", "lr", "width"),
    "cells": lambda study: plot_map(study, "val_loss", "lr", "optimizer"),
    "metrics": plot_metrics,
    "mediators": lambda study: plot_mediators(watched_study()),
    "tradeoff": lambda study: plot_tradeoff(study, "val_loss", "params", baseline=study),
}
"""Every kind of figure."""


def test_every_figure_is_plain_json(study: Study) -> None:
    for figure in (make(study) for make in FIGURES.values()):
        assert json.loads(json.dumps(figure, allow_nan=False)) == figure


def test_plotly_takes_every_figure(study: Study) -> None:
    """Its own constructor knows every setting, and refuses what it does not know."""
    graph_objects = pytest.importorskip("plotly.graph_objects")
    for figure in (make(study) for make in FIGURES.values()):
        graph_objects.Figure(figure)


def test_best_so_far_never_gets_worse(study: Study) -> None:
    [best] = [trace for trace in traces(plot_progress(study)) if trace["name"] == "This study, best so far"]
    values = [value for value in best["y"] if value is not None]
    assert values == sorted(values, reverse=True)


def test_best_so_far_keeps_the_limits() -> None:
    study = demo_study(30, objective=(Minimize("val_loss"), AtMost("params", 5000)), lucky=30)
    met = [
        float(trial.metrics["val_loss"])
        for trial in study.trials
        if trial.metrics and float(trial.metrics["params"]) <= 5000
    ]
    [best] = [trace for trace in traces(plot_progress(study)) if trace["name"] == "This study, best so far"]
    assert best["y"][-1] == min(met)


def test_every_failure_is_marked(study: Study) -> None:
    [failed] = [trace for trace in traces(plot_progress(study)) if trace["name"] == "Failed"]
    assert failed["x"] == [count + 1 for count, trial in enumerate(study.trials) if trial.state.bad]


def test_a_metric_that_is_no_wish_has_no_progress(study: Study) -> None:
    with pytest.raises(InvalidInput, match="`metric`"):
        plot_progress(study, metric="sharpness")


def test_points_inside_and_outside_are_all_points(study: Study) -> None:
    shown = [trace for trace in traces(plot_predicted(study, "val_loss")) if trace["mode"] == "markers"]
    good = [trial for trial in study.trials if not trial.state.bad]
    assert sum(len(trace["x"]) for trace in shown) == len(good)


def test_effects_come_the_largest_first(study: Study) -> None:
    shares = [effect.total_share for effect in effects_of(study, "val_loss")]
    assert shares == sorted(shares, reverse=True)


def test_joined_configurations_of_two_wishes_are_not_beaten() -> None:
    study = demo_study(30, objective=(Minimize("val_loss"), Minimize("params")), lucky=30)
    figure = plot_tradeoff(study, "val_loss", "params")
    [front] = [trace for trace in traces(figure) if trace["name"] == "Not beaten in both"]
    pairs = list(zip(front["x"], front["y"], strict=True))
    assert pairs == sorted(pairs)
    assert [up for _, up in pairs] == sorted((up for _, up in pairs), reverse=True)


@pytest.mark.parametrize(("low", "high"), [(0.08, 2.3), (1e-6, 1e3), (0.9, 1.1), (30.0, 45.0)])
def test_ticks_of_a_logarithmic_axis_are_few_and_inside(low: float, high: float) -> None:
    ticks = log_ticks(low, high)
    assert 2 <= len(ticks) <= 9
    assert all(low <= tick <= high for tick in ticks)


def test_a_few_whole_numbers_have_a_tick_each_and_none_between() -> None:
    assert parameter_axis(Integer(1, 3))["tickvals"] == [1, 2, 3]


def test_a_logarithmic_axis_needs_positive_values() -> None:
    assert not is_log([-1.0, 1e6])
    assert is_log([1e-3, 1.0])


def test_plotly_sees_neither_markup_nor_templates_in_a_name() -> None:
    assert plain("<b>%{x}$a$") == "&lt;b&gt;%&#123;x}&#36;a&#36;"


def test_each_colour_has_one_counterpart_in_the_dark() -> None:
    assert len(set(DARK.values())) == len(DARK)
    assert not set(DARK) & set(DARK.values())


def test_a_diverged_value_leaves_a_gap() -> None:
    study = demo_study(12)
    [trial] = study.suggest(1)
    study.observe(trial, {"val_loss": float("inf"), "params": 100.0})
    figure = plot_progress(study)
    assert "Infinity" not in json.dumps(figure)
    assert np.isfinite(cast("Any", figure["layout"])["yaxis"]["range"]).all()
