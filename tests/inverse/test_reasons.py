"""Why a proposal: the same numbers as by hand, where the forward map is known."""

import math

import numpy as np
import pytest

from physai_inverse.forward import Dataset, ForwardMap
from physai_inverse.inverse import Reason, reasons
from physai_inverse.objective import AtMost, Goal, Maximize, Minimize, Objective, Target
from physai_inverse.observations import Observation, TrialState
from physai_inverse.space import Choice, Float, Integer, Shares, Space
from tests.fakes import Exponential, Known, KnownSuccess

LINE = Space(x=Float(0.0, 1.0))
RUN = ({"x": 0.2}, {"x": 0.6})


def reason(model: Known, *goals: Goal, x: float = 0.4, success: KnownSuccess | None = None) -> Reason:
    rows = [Observation(config, {"y": 1.0}, number=number + 5) for number, config in enumerate(RUN)]
    data = Dataset.from_observations(LINE, rows)
    [found] = reasons(ForwardMap(LINE, {"y": model}, success), data, Objective(goals), np.array([[x]]))
    return found


@pytest.mark.parametrize("goal", [Minimize("y"), Maximize("y")], ids=["minimize", "maximize"])
def test_the_expected_gain_is_the_expected_improvement_in_units_of_the_metric(goal: Goal) -> None:
    found = reason(Known(lambda u: u[:, 0], 0.1), goal, x=0.4)
    z = -2.0  # the mean, 0.4, lies two deviations behind the best: 0.2 or 0.6
    density, below = math.exp(-0.5 * z * z) / math.sqrt(2 * math.pi), 0.5 * math.erfc(-z / math.sqrt(2))
    assert found.expected_gain["y"] == pytest.approx(0.1 * (density + z * below), rel=0.1)


def test_the_gain_of_a_metric_on_a_logarithmic_scale_is_in_its_own_units() -> None:
    found = reason(Known(lambda u: np.log(1000.0 * u[:, 0]), 1e-6, Exponential()), Minimize("y"), x=0.05)
    assert found.expected_gain["y"] == pytest.approx(150.0, rel=1e-3)


def test_the_gain_of_a_target_is_that_of_the_distance() -> None:
    found = reason(Known(lambda u: u[:, 0], 1e-6), Target("y", 0.35, 0.01), x=0.4)
    assert found.expected_gain["y"] == pytest.approx(0.15 - 0.05, abs=1e-4)


@pytest.mark.parametrize("goal", [Minimize("y"), Target("y", 0.05, 0.01)], ids=str)
def test_a_better_mean_exploits_and_a_wider_spread_explores(goal: Goal) -> None:
    better = reason(Known(lambda u: u[:, 0], 0.05), goal, x=0.1)
    assert better.intent == "exploit"
    assert better.exploit == pytest.approx(1.0)
    wider = reason(Known(lambda u: np.full(len(u), 0.5), lambda u: 0.02 + 0.5 * (u[:, 0] > 0.9)), goal, x=0.95)
    assert wider.intent == "explore"
    assert wider.exploit == pytest.approx(0.0)


def test_failing_the_nearest_run_and_the_limits_are_told() -> None:
    found = reason(
        Known(lambda u: u[:, 0], 0.1), AtMost("y", 0.4), x=0.5, success=KnownSuccess(lambda u: 1.0 - 0.4 * u[:, 0])
    )
    assert found.success == pytest.approx(0.8)
    assert found.failing == {"unknown": pytest.approx(0.2)}
    assert found.nearest is not None
    assert found.nearest == pytest.approx((6, 0.1))
    assert found.limits == {"y <= 0.4": pytest.approx(0.1587, abs=1e-3)}
    assert found.active == ("y <= 0.4",)
    assert found.exploit is None
    assert found.intent is None


def test_a_constraint_is_active_where_the_next_step_would_break_it() -> None:
    space = Space(
        width=Integer(1, 64, log=True),
        depth=Integer(1, 8),
        kind=Choice(["a", "b"]),
        constraints=["width * depth <= 64"],
    )
    data = Dataset.from_observations(space, [Observation({"width": 1, "depth": 1, "kind": "a"}, {"y": 1.0})])
    forward = ForwardMap(space, {"y": Known(lambda u: u[:, 0])})
    points = space.encode(
        [
            {"width": 8, "depth": 8, "kind": "a"},
            {"width": 9, "depth": 7, "kind": "a"},
            {"width": 2, "depth": 2, "kind": "b"},
        ]
    )
    held, next_to, free = reasons(forward, data, Objective((Minimize("y"),)), points)
    assert held.active == ("width * depth <= 64",)
    assert held.ends == {"depth": "high"}
    assert next_to.active == ("width * depth <= 64",)
    assert free.active == ()
    assert free.ends == {}


def test_shares_stand_at_an_end_where_one_was_set_and_give_way_at_constraints() -> None:
    space = Space(mixture=Shares(["a", "b", "c"], least={"b": 0.1}), constraints=["c <= 0.5"])
    data = Dataset.from_observations(space, [Observation({"a": 0.4, "b": 0.3, "c": 0.3}, {"y": 1.0})])
    forward = ForwardMap(space, {"y": Known(lambda u: u[:, 0])})
    points = space.encode([{"a": 0.9, "b": 0.1, "c": 0.0}, {"a": 0.3, "b": 0.2, "c": 0.5}])
    bound, next_to = reasons(forward, data, Objective((Minimize("y"),)), points)
    assert bound.ends == {"b": "low"}
    assert bound.active == ()
    assert next_to.ends == {}
    assert next_to.active == ("c <= 0.5",)


def test_a_reason_is_plain_and_leaves_out_what_is_empty() -> None:
    plain = reason(Known(lambda u: u[:, 0]), Minimize("y")).as_plain()
    assert set(plain) == {"predicted", "success", "expected_gain", "intent", "exploit", "nearest"}
    low, middle, high = plain["predicted"]["y"]  # type: ignore[index]  # a mapping
    assert low < middle < high


def test_nothing_is_to_be_gained_where_everything_failed() -> None:
    data = Dataset.from_observations(LINE, [Observation({"x": 0.2}, {}, TrialState.FAILED, number=3)])
    forward = ForwardMap(LINE, {"y": Known(lambda u: u[:, 0])})
    [found] = reasons(forward, data, Objective((Minimize("y"),)), np.array([[0.4]]))
    assert found.expected_gain == {}
    assert found.nearest is not None
    assert found.nearest == pytest.approx((3, 0.2))
