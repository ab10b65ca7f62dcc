"""Which trainings from elsewhere a study has already."""

import math
from dataclasses import replace

import pytest

from physai_inverse import Float, Space, Study
from physai_inverse.observations import Curve, Observation, TrialState

SEEN = Observation({"x": 0.5}, {"loss": 1.0, "time": 3.0}, seed=7, seconds=2.0)


@pytest.fixture
def study() -> Study:
    made = Study(Space(x=Float(0.0, 1.0)), "minimize loss")
    made.import_new([SEEN])
    return made


@pytest.mark.parametrize(
    "row",
    [
        SEEN,
        replace(SEEN, seed=None, seconds=None),
        replace(SEEN, metrics={"loss": 1.0, "another": 4.0}),
        replace(SEEN, metrics={"loss": Curve((1, 2), (5.0, 1.0))}),
        replace(SEEN, record="tool:1"),
    ],
)
def test_a_training_that_says_the_same_is_known(study: Study, row: Observation) -> None:
    assert study.import_new([row]).known == (0,)


@pytest.mark.parametrize(
    "row",
    [
        replace(SEEN, config={"x": 0.25}),
        replace(SEEN, seed=8),
        replace(SEEN, seconds=2.5),
        replace(SEEN, metrics={"loss": 1.5, "time": 3.0}),
        replace(SEEN, metrics={"time": 3.0}),
        replace(SEEN, state=TrialState.STOPPED_EARLY),
    ],
)
def test_a_training_that_says_something_else_is_new(study: Study, row: Observation) -> None:
    assert study.import_new([row]).numbers == (1,)


def test_replicates_of_one_source_stay_and_further_ones_are_new(study: Study) -> None:
    assert study.import_new([SEEN, SEEN]).numbers == (1,)
    assert study.import_new([SEEN, SEEN]).known == (0, 1)
    assert study.import_new([SEEN, SEEN, SEEN]).numbers == (2,)


def test_runs_that_are_equal_but_for_their_names_are_two_and_a_renamed_metric_is_no_new_run(study: Study) -> None:
    first, second = replace(SEEN, config={"x": 0.1}, record="tool:1"), replace(SEEN, config={"x": 0.1}, record="b")
    assert study.import_new([first]).numbers == (1,)
    assert study.import_new([second]).numbers == (2,)
    assert study.import_new([replace(first, metrics={"error": 9.0}), second]).known == (1, 2)


def test_trainings_without_a_number_are_told_apart_by_their_cost(study: Study) -> None:
    failed = Observation({"x": 0.9}, {"loss": math.nan}, TrialState.DIVERGED, seconds=1.0, kind="diverged")
    assert study.import_new([failed]).numbers == (1,)
    assert study.import_new([failed]).known == (1,)
    assert study.import_new([replace(failed, seconds=2.0)]).numbers == (2,)
    assert study.import_new([replace(failed, seconds=None)]).numbers == (3,)
