"""The vocabulary of what is wanted."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from physai_inverse.errors import InvalidInput
from physai_inverse.objective import (
    AtLeast,
    AtMost,
    Between,
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
    st.tuples(names, numbers, numbers).filter(lambda each: each[1] < each[2]).map(lambda each: Between(*each)),
    st.sampled_from(["a + 0.1 * log10(b)", "(val/loss - train/loss) / top-k", "2 * x.y"]).map(Minimize),
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
        ("0.2 <= x <= 0.4", Between("x", 0.2, 0.4)),
        ("0.4 >= x > 0.2", Between("x", 0.2, 0.4)),
        ("1e5 >= params", AtMost("params", 1e5)),
        ("minimize loss (nats)", Minimize("loss (nats)")),
        ("minimize loss + 0.1 * log10(params)", Minimize("loss + 0.1 * log10(params)")),
        ("log10(params) - depth <= 3", AtMost("log10(params) - depth", 3.0)),
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
        ("minimize a + ", "Cannot read the expression"),
        ("minimize 2 * 3", "speaks of no metric"),
        ("minimize (a < 2)", "true or false"),
        ("minimize log(a) + __import__(a)", "only these functions are known"),
        ("1 <= a >= 0", "must point the same way"),
        ("0.4 <= a <= 0.2", "needs low < high"),
        ("0.1 <= a <= 0.2 <= 0.3", "Cannot read the goal"),
        ({"minimize": "a", "robust": {"lr": 2.0}}, "`robust` of `lr` must be a share"),
        ({"minimize": "a", "worst": True}, "`worst` needs `robust`"),
        ({"minimize": "a", "seeds": 0.3}, "quantile between 0.5 and 1"),
        ({"target": "a = 1", "seeds": 0.9}, "one way is worse"),
        ({"minimize": "a", "where": "a >= 1", "seeds": 0.9}, "points the other way"),
        ({"minimize": "a", "reference": {"b": 1.0}}, "`reference` speaks of `b`"),
        ({"minimize": "a", "cost": "a * b"}, "`cost` must be"),
    ],
)
def test_what_is_no_objective_is_refused_with_an_example(given_: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        as_objective(given_)


def test_a_target_band_aims_at_its_middle() -> None:
    assert Objective.from_plain({"target": "18 <= rank <= 22"}) == as_objective(Target("rank", 20.0, 2.0))


def test_an_expression_is_computed_from_metrics_and_parameters() -> None:
    objective = (Minimize("loss + 2 * width") & Between("val/loss", 0.0, 1.0)).over(["width", "depth"])
    assert objective.metrics == ("loss", "val/loss")
    assert objective.derived == ("loss + 2 * width",)
    assert objective.shown == ("loss + 2 * width", "val/loss", "loss")
    values = {"loss": np.array([1.0]), "width": np.array([3]), "val/loss": np.array([1.5])}
    assert objective.utility(values).tolist() == [[-7.0]]
    assert objective.slack(values).tolist() == [[-0.5]]
    assert objective.measured({"loss": 1.0, "val/loss": 0.5}, {"width": 3}) == {
        "loss + 2 * width": 7.0,
        "val/loss": 0.5,
        "loss": 1.0,
    }
    assert math.isnan(objective.measured({"val/loss": 0.5}, {"width": 3})["loss + 2 * width"])


def test_a_word_with_a_slash_or_a_dash_is_one_name_and_blanks_make_operators() -> None:
    assert Minimize("val/loss").quantity.names == ("val/loss",)
    assert Minimize("val/loss + top-1").quantity.names == ("top-1", "val/loss")
    assert Minimize("val / loss").quantity.names == ("loss", "val")


def test_a_metric_comes_before_a_parameter_of_its_name() -> None:
    assert as_objective("minimize width").over(["width"]).metrics == ("width",)
    assert as_objective("minimize width").over(["width"], recorded=["loss"]).metrics == ()


def test_the_ways_of_judging_come_back_from_the_plain_form_and_are_joined() -> None:
    first = Objective((Minimize("a"),), robust={"lr": 0.1}, worst=True, reference={"a": 2.0})
    joined = first & Objective((AtMost("b", 1.0),), seeds=0.9, cost="seconds")
    assert Objective.from_plain(joined.as_plain()) == joined
    assert str(joined) == "minimize a where b <= 1.0, at worst over lr +- 0.1, for 0.9 of the seeds, per seconds"
    with pytest.raises(InvalidInput, match="different `cost`"):
        _ = joined & Objective((Minimize("c"),), cost="tokens")
