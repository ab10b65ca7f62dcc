"""The calibration curve."""

import dataclasses
from typing import Any, cast

import numpy as np
import pytest

from physai_inverse.forward import Scores
from physai_inverse.report.calibration import calibration_figure, chance_band, departure


def scores(ranks: np.ndarray) -> Scores:
    empty = np.empty(0)
    names = [field.name for field in dataclasses.fields(Scores)]
    return Scores(**{name: {"rows": len(ranks), "ranks": ranks}.get(name, empty) for name in names})


def curve(ranks: np.ndarray) -> list[tuple[float, float]]:
    traces = cast("list[dict[str, Any]]", calibration_figure(scores(ranks), "loss")["data"])
    [found] = [trace for trace in traces if trace.get("name") == "held-out values"]
    return list(zip(found["x"], found["y"], strict=True))


def test_the_curve_is_the_share_of_ranks_below_each_level() -> None:
    assert curve(np.array([0.5, 0.1, 0.9, 0.2])) == [
        (0, 0),
        (0.1, 0.25),
        (0.2, 0.5),
        (0.5, 0.75),
        (0.9, 1),
        (1, 1),
    ]


def test_even_ranks_are_as_near_to_the_diagonal_as_ranks_can_be() -> None:
    assert departure((np.arange(50) + 0.5) / 50) == pytest.approx(0.01)


def test_ranks_of_right_predictions_leave_the_band_at_most_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    outside = [departure(random.random(30)) > chance_band(30) for _ in range(2000)]
    assert np.mean(outside) < 0.1 + 3 * np.sqrt(0.1 * 0.9 / 2000)


def test_predictions_that_lie_too_low_leave_the_band() -> None:
    assert departure(np.random.default_rng(1).random(60) ** 0.3) > chance_band(60)


def test_a_metric_without_a_rank_has_the_diagonal_alone() -> None:
    assert curve(np.array([np.nan])) == [(0.0, 0.0), (1.0, 1.0)]


def test_thousands_of_ranks_are_thinned_and_keep_both_ends() -> None:
    found = curve(np.linspace(0.001, 0.999, 5000))
    assert len(found) < 500
    assert found[1] == (0.001, 1 / 5000)
    assert found[-2] == (0.999, 1.0)
