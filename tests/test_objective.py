"""The vocabulary of what is wanted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from physai_inverse.errors import InvalidInput
from physai_inverse.objective import (
    AtLeast,
    AtMost,
    Maximize,
    Minimize,
    Objective,
    Target,
    as_objective,
    parse_goal,
)

names = st.text("abcdefghijklmnop_/.-", min_size=1, max_size=12)
numbers = st.floats(allow_nan=False, allow_infinity=False)
goals = st.one_of(
    names.map(Minimize),
    names.map(Maximize),
    st.builds(AtMost, names, numbers),
    st.builds(AtLeast, names, numbers),
    st.builds(Target, names, numbers, st.floats(1e-300, 1e300)),
)


@given(goals)
def test_a_goal_comes_back_from_its_text(goal: object) -> None:
    assert parse_goal(str(goal)) == goal


@given(st.lists(goals, min_size=1, max_size=5))
def test_an_objective_comes_back_from_its_plain_form(listed: list[object]) -> None:
    try:
        objective = as_objective(listed)
    except InvalidInput:
        return
    assert Objective.from_plain(objective.as_plain()) == objective


def test_goals_are_joined_by_and_in_any_order() -> None:
    assert Minimize("a") & AtMost("b", 1.0) == as_objective(["b <= 1", "minimize a"])
    assert str(Minimize("a") & AtMost("b", 1.0)) == "minimize a where b <= 1.0"


@pytest.mark.parametrize(
    ("text", "goal"),
    [
        ("minimize val_loss", Minimize("val_loss")),
        ("maximise top-1 accuracy", Maximize("top-1 accuracy")),
        ("val/loss<=1e5", AtMost("val/loss", 1e5)),
        ("acc > 0.9", AtLeast("acc", 0.9)),
        ("rank = 20 +- 1", Target("rank", 20.0, 1.0)),
        ("rank == 20 ± 1", Target("rank", 20.0, 1.0)),
        ("rank = 20", Target("rank", 20.0, 1.0)),
    ],
)
def test_texts_are_read_as_people_write_them(text: str, goal: object) -> None:
    assert parse_goal(text) == goal


def test_utility_is_larger_for_better_and_slack_is_zero_at_the_bound() -> None:
    objective = as_objective(
        [Minimize("a"), Maximize("b"), Target("c", 2.0, 0.5), AtMost("d", 3.0), AtLeast("e", 1.0)]
    )
    values = {
        "a": np.array([1.0, 2.0]),
        "b": np.array([1.0, 2.0]),
        "c": np.array([2.5, 1.0]),
        "d": np.array([3.0, 4.0]),
        "e": np.array([1.0, 0.0]),
    }
    assert objective.utility(values).tolist() == [[-1.0, 1.0, -0.5], [-2.0, 2.0, -1.0]]
    assert objective.slack(values).tolist() == [[0.0, 0.0, 0.0], [-1.0, -1.0, -0.5]]


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ("val_loss", "Cannot read the goal"),
        ("minimize", "Cannot read the goal"),
        ("a <= b", "Cannot read the number 'b'"),
        ("a = 1 +- x", "Cannot read the number 'x'"),
        ("a <= nan", "must be a finite number"),
        ("a = 0", "needs a `tolerance`"),
        ("a = 1 +- 0", "must be above 0"),
        (["minimize a", "maximize a"], "more than once"),
        (["a >= 2", "a <= 1"], "exclude each other"),
        ([], "at least one goal"),
        (3, "must be a goal"),
        ([3], "A goal must be"),
        ({"minimise": "a"}, "not \\['minimise'\\]"),
        ({"minimize": 3}, "text or a list of texts"),
        ({"where": "minimize a"}, "`where` takes texts such as"),
        ({"target": "a <= 1"}, "`target` takes texts such as"),
    ],
)
def test_what_is_no_objective_is_refused_with_an_example(given_: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        as_objective(given_)
