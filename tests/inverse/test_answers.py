"""Answers to inverse queries, where the forward map is known exactly."""

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from physai_inverse.forward import AbstractMetricModel, Dataset, ForwardMap
from physai_inverse.inverse import Answered, answer
from physai_inverse.inverse.calibration import CHOSEN, careful, widening
from physai_inverse.objective import AtLeast, AtMost, Goal, Minimize, Objective, Target
from physai_inverse.observations import Observation
from physai_inverse.space import Choice, Float, Integer, Space
from physai_inverse.surrogates import GaussianProcess
from tests.fakes import Exponential, Known, KnownSuccess

SQUARE = Space(a=Float(0.0, 1.0), b=Float(0.0, 1.0))


def asked(
    model: AbstractMetricModel, *goals: Goal, space: Space = SQUARE, success: KnownSuccess | None = None
) -> Answered:
    configs = space.sample(12, seed=0)
    data = Dataset.from_observations(space, [Observation(config, {"y": 1.0}) for config in configs])
    return answer(ForwardMap(space, {"y": model}, success), data, Objective(goals), 4, seed=0)


def slope(u: np.ndarray) -> np.ndarray:
    return np.asarray(u[:, 0])


def test_the_mean_probability_and_the_volume_are_those_of_the_space() -> None:
    found = asked(Known(slope, 0.1), AtMost("y", 0.3))
    grid = (np.arange(20_000) + 0.5) / 20_000
    assert found.posterior.mean_probability == pytest.approx(ndtr((0.3 - grid) / 0.1).mean(), rel=0.05)
    assert found.posterior.volume() == pytest.approx(0.3, abs=0.02)  # where the mean is below the bound
    assert found.posterior.volume(0.9) == pytest.approx(0.3 - 0.1 * ndtri(0.9), abs=0.02)


def test_a_marginal_is_narrow_where_the_query_binds_and_wide_where_it_does_not() -> None:
    found = asked(Known(slope, 0.01), Target("y", 0.4, 0.05))
    bound, free = found.posterior.marginals
    assert (bound.quantiles[0.05], bound.quantiles[0.95]) == pytest.approx((0.355, 0.445), abs=0.01)
    assert (free.quantiles[0.05], free.quantiles[0.95]) == pytest.approx((0.05, 0.95), abs=0.03)
    assert bound.remaining < 0.15
    assert free.remaining > 0.95


def test_a_marginal_of_categories_gives_their_shares_and_of_a_condition_its_activity() -> None:
    space = Space(kind=Choice(["a", "b"]), boost=Float(0.0, 1.0, when={"kind": "b"}))
    found = asked(Known(lambda u: u[:, 0], 0.01), AtLeast("y", 0.5), space=space)
    kind, boost = found.posterior.marginals
    assert dict(kind.shares) == pytest.approx({"a": 0.0, "b": 1.0}, abs=1e-6)
    assert boost.active == pytest.approx(1.0, abs=1e-6)


def test_a_tolerance_ends_where_half_of_the_probability_is_gone() -> None:
    found = asked(Known(lambda u: (u[:, 0] - 0.5) ** 2, 0.01), AtMost("y", 0.02))
    first, free = found.tolerances
    best = found.probabilities[0]
    edge = np.sqrt(0.02 - 0.01 * ndtri(best / 2))
    assert (first.low, first.high) == pytest.approx((0.5 - edge, 0.5 + edge), abs=2e-3)
    assert (free.low, free.high, free.open_below, free.open_above) == (0.0, 1.0, True, True)


def test_a_tolerance_stops_at_a_constraint_and_names_the_categories_that_will_do() -> None:
    space = Space(n=Integer(1, 100), kind=Choice(["a", "b", "c"]), constraints=["n <= 60"])
    found = asked(Known(lambda u: 5.0 * (u[:, 1] > 0.7), 0.1), AtMost("y", 1.0), space=space)
    number, kind = found.tolerances
    assert (number.low, number.high, number.open_below, number.open_above) == (1, 60, True, True)
    assert kind.options == ("a", "b")


def test_a_coupling_is_told_as_a_ridge_that_reaches_farther_than_one_parameter() -> None:
    found = asked(Known(lambda u: u[:, 0] - u[:, 1], 0.02), Target("y", 0.0, 0.05))
    [ridge] = found.ridges
    assert set(ridge.moves) == {"a", "b"}
    (first_low, first_high), (second_low, second_high) = ridge.moves.values()
    assert isinstance(first_low, float)
    assert isinstance(first_high, float)
    assert isinstance(second_low, float)
    assert isinstance(second_high, float)
    assert first_high - first_low > 0.6
    assert second_high - second_low == pytest.approx(first_high - first_low, rel=0.15)
    assert ridge.alone is not None
    low, high = ridge.alone
    assert isinstance(low, float)
    assert isinstance(high, float)
    assert high - low < 0.2
    [pair] = found.posterior.correlations
    assert pair.value > 0.9
    assert " while " in str(ridge)


def test_parameters_that_act_apart_have_no_ridge() -> None:
    found = asked(Known(lambda u: (u[:, 0] - 0.5) ** 2 + (u[:, 1] - 0.5) ** 2, 0.01), AtMost("y", 0.02))
    assert found.ridges == ()
    assert found.posterior.correlations == ()


@pytest.mark.parametrize(
    ("deviation", "noise", "learnable"), [(0.2, 0.0, 1.0), (1e-9, 0.2, 0.0), (0.2, 0.2, 0.333)]
)
def test_a_doubt_is_split_into_what_data_could_change_and_what_is_noise(
    deviation: float, noise: float, learnable: float
) -> None:
    model = Known(lambda u: np.zeros(len(u)), deviation, noise_deviation=noise)
    chance = asked(model, AtMost("y", 0.0)).chances[0]
    # At the bound met and known probability are Phi of normals: the share is that of orthant probabilities.
    assert chance.probability == pytest.approx(0.5)
    assert chance.learnable == pytest.approx(learnable, abs=0.02)
    if noise == 0.0:
        assert (chance.low, chance.high) == (0.0, 1.0)
    if deviation < 1e-6:
        assert (chance.low, chance.high) == pytest.approx((0.5, 0.5), abs=1e-6)


def test_what_fails_is_not_promised() -> None:
    cliff = KnownSuccess(lambda u: np.where(u[:, 0] < 0.5, 0.9, 0.01))
    found = asked(Known(lambda u: -u[:, 0], 0.01), AtMost("y", -0.3), success=cliff)
    assert (found.units[:, 0] < 0.5).all()
    assert found.probabilities[0] == pytest.approx(0.9, abs=0.01)
    assert found.chances[0].learnable < 0.05


def test_out_of_reach_gives_the_closest_and_how_far_it_falls_short() -> None:
    model = Known(lambda u: 1.0 + 2.0 * u[:, 0], lambda u: 0.01 + 0.2 * u[:, 0])
    found = asked(model, AtMost("y", 0.2))
    assert not found.reachable
    assert found.plausibility < 0.1
    assert found.units[0, 0] < 0.01  # not where least is known
    [shortfall] = found.shortfalls
    assert shortfall.predicted == pytest.approx(1.0, abs=0.02)
    assert shortfall.missing == pytest.approx(0.8, abs=0.02)
    assert found.tolerances == ()


def test_a_value_that_the_metric_cannot_have_is_out_of_reach_and_has_a_closest() -> None:
    found = asked(Known(lambda u: u[:, 0], 0.1, Exponential()), AtMost("y", -1.0))
    assert not found.reachable
    assert found.probabilities.tolist() == [0.0] * 4
    assert found.units[0, 0] < 0.01
    assert found.shortfalls[0].missing == pytest.approx(2.0, abs=0.02)


def test_a_narrow_target_between_known_values_is_within_reach_though_no_single_training_is_likely_to_hit() -> None:
    found = asked(Known(slope, 0.3, noise_deviation=0.3), Target("y", 0.5, 0.02))
    assert found.probabilities.max() < 0.1
    assert found.reachable


def test_a_wish_is_met_at_the_best_predicted_value() -> None:
    found = asked(Known(slope, 0.05), Minimize("y"))
    best = min(config["a"] for config in SQUARE.sample(12, seed=0))
    assert found.bars == pytest.approx({"y": best})
    assert found.reachable
    assert found.plausibility == pytest.approx(1.0)


def test_a_wish_beside_a_limit_that_is_met_rather_than_not_is_within_reach() -> None:
    configs = SQUARE.sample(12, seed=0)
    data = Dataset.from_observations(SQUARE, [Observation(config, {"y": 1.0}) for config in configs])
    models = {"y": Known(lambda u: np.ones(len(u)), 0.1), "size": Known(lambda u: np.full(len(u), 0.9), 0.4)}
    query = Objective((Minimize("y"), AtMost("size", 1.0)))
    found = answer(ForwardMap(SQUARE, models), data, query, 2, seed=0)
    assert found.probabilities[0] == pytest.approx(0.5 * ndtr(0.25), rel=0.01)
    assert found.reachable


def test_a_map_is_made_careful_by_the_choice_and_by_its_own_errors() -> None:
    space = Space(x=Float(0.0, 1.0))
    rng = np.random.default_rng(0)
    configs = space.sample(30, seed=1)
    rows = [Observation(config, {"y": float(config["x"]) + 0.1 * rng.normal()}) for config in configs]
    forward = GaussianProcess().fit(Dataset.from_observations(space, rows), seed=0)
    model = forward.model("y")
    assert widening(model) >= CHOSEN
    mean, deviation = careful(forward).model("y").latent(space.encode(configs))
    assert np.array_equal(mean, model.latent(space.encode(configs))[0])
    assert deviation == pytest.approx(widening(model) * model.latent(space.encode(configs))[1])
    assert widening(Known(slope)) == 1.0  # nothing was held out


def test_a_thinned_sample_keeps_the_shape() -> None:
    posterior = asked(Known(slope, 0.05), AtMost("y", 0.3)).posterior
    thin = posterior.thinned(500)
    assert len(thin) <= 500
    assert thin.weights.sum() == pytest.approx(1.0)
    assert thin.weights @ thin.units == pytest.approx(posterior.weights @ posterior.units, abs=0.02)
    plain = posterior.as_plain(200)
    assert isinstance(plain["sample"], list)
    assert 0 < len(plain["sample"]) <= 200
