"""Numbers and findings in words."""

import math

import pytest

from physai_inverse.objective import AtMost, Maximize, Minimize, Objective, Target
from physai_inverse.report.words import better, goals, number, percent, visible


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.12345, "0.123"),
        (12.0, "12"),
        (1234.5, "1,234"),
        (1e-5, "1e-5"),
        (2.5e9, "2.5e9"),
        (-0.5, "-0.5"),
        (math.nan, "NaN"),
        (-math.inf, "-∞"),
        (60_000, "60,000"),
        (True, "true"),
    ],
)
def test_a_number_is_written_as_people_write_it(value: float, text: str) -> None:
    assert number(value) == text.replace("-", "\u2212")


@pytest.mark.parametrize("share", [0.001, 0.999])
def test_what_is_close_to_certain_is_not_written_as_certain(share: float) -> None:
    assert percent(share).startswith(("under", "over"))


def test_control_and_direction_marks_are_not_shown() -> None:
    assert visible("a\u202eb\x00c") == "a\ufffdb\ufffdc"


def test_the_objective_reads_as_a_sentence_without_its_signs() -> None:
    objective = Objective((Minimize("loss"), AtMost("params", 1e5)))
    assert goals(objective) == "Minimize loss with params ≤ 100,000"


@pytest.mark.parametrize(
    ("ours", "theirs", "text"),
    [(0.5, 1.0, "50\u202f% lower, which is better"), (1.5, 1.0, "50\u202f% higher, which is worse")],
)
def test_a_comparison_says_which_way_is_better(ours: float, theirs: float, text: str) -> None:
    assert better(Minimize("loss"), ours, theirs) == text


def test_a_comparison_of_what_is_maximized_prefers_the_higher() -> None:
    assert better(Maximize("gain"), -1.0, -3.0) == "2 higher, which is better"


def test_a_comparison_on_a_target_is_by_distance() -> None:
    assert better(Target("rank", 20.0, 1.0), 21.0, 15.0).startswith("nearer to the target")
