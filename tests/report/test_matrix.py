"""Every metric against every other."""

from collections.abc import Sequence
from typing import Any, cast

import pytest

from physai_inverse.errors import NotFound
from physai_inverse.observations import MetricsLike
from physai_inverse.report import Figure, plot_metrics
from physai_inverse.report.matrix import MOST_METRICS, dots_shown, matrix_figure
from physai_inverse.space import Float, Space
from physai_inverse.study import Study
from tests.report.demo import SmallSurrogate


def study_of(rows: Sequence[MetricsLike]) -> Study:
    study = Study(Space(x=Float(0.0, 1.0)), "minimize a", surrogate=SmallSurrogate(), method="random")
    study.import_observations([({"x": place / len(rows)}, row) for place, row in enumerate(rows)])
    return study


def drawn(figure: Figure) -> list[dict[str, Any]]:
    """The traces with trainings: no star, no placeholder."""
    traces = cast("list[dict[str, Any]]", figure["data"])
    return [trace for trace in traces if "customdata" in trace]


ROWS = [{"a": float(place + 1), "b": 10.0 ** (place % 5), "c": float(-place)} for place in range(12)]


def test_each_pair_of_metrics_has_one_panel() -> None:
    figure = plot_metrics(study_of(ROWS))
    assert sorted((trace["xaxis"], trace["yaxis"]) for trace in drawn(figure)) == [
        ("x", "y2"),
        ("x", "y3"),
        ("x2", "y3"),
    ]


def test_the_other_half_tells_the_rank_correlations() -> None:
    notes = cast("list[dict[str, Any]]", plot_metrics(study_of(ROWS))["layout"]["annotations"])  # type: ignore[index]
    texts = {(note["xref"], note["yref"]): note["text"] for note in notes}
    assert texts["x3 domain", "y domain"] == "\u22121.00"


def test_values_over_orders_of_magnitude_are_on_a_logarithmic_scale() -> None:
    sides = cast("dict[str, Any]", plot_metrics(study_of(ROWS))["layout"])
    assert [sides[name]["type"] for name in ("xaxis2", "xaxis3")] == ["log", "linear"]


def test_failed_trainings_are_left_out() -> None:
    study = study_of(ROWS)
    for trial in study.suggest(3):
        study.fail(trial, "diverged", metrics={"a": 5.0, "b": 5.0, "c": 5.0})
    assert {len(trace["x"]) for trace in drawn(plot_metrics(study))} == {12}


def test_a_training_without_one_of_the_two_metrics_is_left_out_of_their_panel_only() -> None:
    rows = [dict(row) for row in ROWS]
    del rows[3]["c"]
    counts = {(trace["xaxis"], trace["yaxis"]): len(trace["x"]) for trace in drawn(plot_metrics(study_of(rows)))}
    assert counts == {("x", "y2"): 12, ("x", "y3"): 11, ("x2", "y3"): 11}


def test_many_trainings_are_thinned_evenly() -> None:
    trials = study_of([{"a": float(place), "b": float(place)} for place in range(300)]).trials
    names = ["a", "b"] * 7
    [first, *_] = drawn(matrix_figure(trials, names, None, {}))
    assert len(first["x"]) == dots_shown(300, 14) < 300
    assert (first["y"][0], first["y"][-1]) == (0.0, 299.0)


def test_of_very_many_metrics_the_first_are_shown() -> None:
    figure = plot_metrics(study_of([{f"m{place}": row["a"] for place in range(20)} | row for row in ROWS]))
    assert len(drawn(figure)) == MOST_METRICS * (MOST_METRICS - 1) // 2


def test_a_curve_is_not_set_against_the_metric_that_it_leads_to() -> None:
    figure = plot_metrics(study_of([row | {"a_curve": {1: 9.0, 2: row["a"]}} for row in ROWS]))
    assert len(drawn(figure)) == 3


def test_one_metric_has_nothing_to_be_set_against() -> None:
    with pytest.raises(NotFound, match="Two metrics with finite values are needed"):
        plot_metrics(study_of([{"a": 1.0}, {"a": 2.0}]))
