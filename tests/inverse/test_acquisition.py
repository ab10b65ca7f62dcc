"""Closed forms of the acquisition against simulation, and what it prefers."""

import numpy as np
import pytest

from physai_inverse.forward import ForwardMap
from physai_inverse.inverse.acquisition import Acquisition
from physai_inverse.inverse.improvement import log_distance_improvement, log_expected_improvement
from physai_inverse.objective import AtMost, Maximize, Minimize, Target, as_objective
from physai_inverse.space import Float, Space
from tests.fakes import Exponential, Known, KnownSuccess

SPACE = Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0))
SEEN = np.array([[0.2, 0.2], [0.5, 0.5], [0.8, 0.8]])


def draws(mean: float, deviation: float) -> np.ndarray:
    from scipy.stats import norm

    return np.asarray(norm.ppf((np.arange(200_000) + 0.5) / 200_000)) * deviation + mean


@pytest.mark.parametrize(
    ("mean", "deviation", "best"), [(0.0, 1.0, 0.5), (2.0, 0.5, 1.0), (-1.0, 0.7, 0.3), (5.0, 1.0, 0.0)]
)
def test_expected_improvement_is_the_mean_gain(mean: float, deviation: float, best: float) -> None:
    value = log_expected_improvement(np.array([mean]), np.array([deviation]), best)
    assert np.exp(value[0]) == pytest.approx(np.maximum(draws(mean, deviation) - best, 0).mean(), rel=1e-3)


def test_expected_improvement_is_finite_and_rising_far_below_the_incumbent() -> None:
    mean = -np.logspace(0, 8, 200)[::-1]
    value = log_expected_improvement(mean, np.ones(200), 0.0)
    assert np.isfinite(value).all()
    assert (np.diff(value) > 0).all()


def test_log_expected_improvement_has_no_jump_where_its_branches_meet() -> None:
    mean = np.linspace(-1.001, -0.999, 201)
    steps = np.diff(log_expected_improvement(mean, np.ones(201), 0.0))
    assert steps.max() < 1.5 * steps.min()


@pytest.mark.parametrize(
    ("mean", "deviation", "target", "distance"),
    [(0.0, 1.0, 0.5, 0.7), (2.0, 0.5, 1.9, 0.1), (-1.0, 0.7, 0.3, 2.0)],
)
def test_distance_improvement_is_the_mean_gain(
    mean: float, deviation: float, target: float, distance: float
) -> None:
    value = log_distance_improvement(np.array([mean]), np.array([deviation]), target, distance)
    gain = np.maximum(distance - np.abs(draws(mean, deviation) - target), 0).mean()
    assert np.exp(value[0]) == pytest.approx(gain, rel=2e-3)


def test_distance_improvement_falls_with_distance_even_where_it_underflows() -> None:
    value = log_distance_improvement(np.linspace(0, 200, 100), np.full(100, 0.5), 0.0, 0.1)
    assert np.isfinite(value).all()
    assert (np.diff(value) < 0).all()


def acquisition(models: dict[str, Known], goals: object, success: KnownSuccess | None = None) -> Acquisition:
    return Acquisition(ForwardMap(SPACE, models, success), as_objective(goals), SEEN, seed=0)


def test_a_better_mean_is_worth_more_at_equal_uncertainty() -> None:
    value = acquisition({"loss": Known(lambda u: u[:, 0])}, Minimize("loss"))(SEEN)
    assert value[0] > value[1] > value[2]
    value = acquisition({"loss": Known(lambda u: u[:, 0])}, Maximize("loss"))(SEEN)
    assert value[0] < value[1] < value[2]


def test_more_uncertainty_is_worth_more_at_equal_mean() -> None:
    model = Known(lambda u: np.zeros(len(u)), lambda u: 0.1 + u[:, 1])
    value = acquisition({"loss": model}, Minimize("loss"))(SEEN)
    assert value[0] < value[1] < value[2]


def test_a_target_draws_towards_its_value_in_the_metrics_own_units() -> None:
    model = Known(lambda u: u[:, 0], 0.02, Exponential())
    units = np.stack([np.linspace(0, 1, 101), np.full(101, 0.5)], axis=1)
    value = acquisition({"rank": model}, Target("rank", float(np.exp(0.35)), 0.01))(units)
    assert units[value.argmax(), 0] == pytest.approx(0.35, abs=0.02)


def test_a_limit_that_cannot_hold_makes_a_point_worthless() -> None:
    models = {"loss": Known(lambda u: u[:, 0]), "size": Known(lambda u: 1 - u[:, 0], 0.01)}
    units = np.stack([np.linspace(0, 1, 101), np.full(101, 0.5)], axis=1)
    value = acquisition(models, [Minimize("loss"), AtMost("size", 0.4)])(units)
    assert units[value.argmax(), 0] == pytest.approx(0.6, abs=0.03)


def test_feasibility_comes_first_while_nothing_is_feasible() -> None:
    models = {"loss": Known(lambda u: u[:, 0]), "size": Known(lambda u: 2 - u[:, 0], 0.01)}
    value = acquisition(models, [Minimize("loss"), AtMost("size", 0.9)])(SEEN)
    assert value[2] > value[1] > value[0]


def test_a_region_that_fails_is_avoided() -> None:
    success = KnownSuccess(lambda u: np.where(u[:, 0] < 0.3, 1e-6, 1.0))
    value = acquisition({"loss": Known(lambda u: u[:, 0])}, Minimize("loss"), success)(SEEN)
    assert value.argmax() == 1


def test_several_wishes_prefer_a_point_that_is_better_in_both() -> None:
    models = {"a": Known(lambda u: u[:, 0]), "b": Known(lambda u: u[:, 1])}
    units = np.array([[0.1, 0.1], [0.1, 0.6], [0.6, 0.1], [0.9, 0.9]])
    value = acquisition(models, [Minimize("a"), Minimize("b")])(units)
    assert value.argmax() == 0
    assert value.argmin() == 3
