"""Models of expressions, neighbourhoods and bad seeds, against closed forms and sampling."""

from collections.abc import Mapping
from typing import cast

import numpy as np
import pytest
from scipy.stats import norm

from physai_inverse.errors import InvalidInput, NotFound
from physai_inverse.forward import Column, Dataset, ForwardMap
from physai_inverse.inverse.acquisition import Acquisition
from physai_inverse.inverse.derived import Composite, Line, components, log_mean, normal_draws, with_derived
from physai_inverse.inverse.exploration import WIDENING, trainings_without_progress, widened
from physai_inverse.inverse.goals import goal_log_probability
from physai_inverse.inverse.improvement import log_expected_improvement
from physai_inverse.inverse.judging import Neighbourhood, SeedQuantile, judged, neighbours
from physai_inverse.objective import AtMost, Between, Maximize, Minimize, Objective, as_objective
from physai_inverse.observations import Observation
from physai_inverse.space import Choice, Float, Shares, Space
from tests.fakes import Known
from tests.inverse.test_hypervolume import SPACE, Plane

UNITS = np.array([[0.1, 0.2], [0.5, 0.9], [0.8, 0.3]])


def data(units: np.ndarray = UNITS, columns: Mapping[str, Column] | None = None) -> Dataset:
    zeros = np.zeros(len(units))
    given = {name: Column(zeros, zeros, zeros.astype(int)) for name in ("a", "b")}
    return Dataset(SPACE, units, given if columns is None else columns, np.zeros(len(units), dtype=bool))


def forward() -> ForwardMap:
    return ForwardMap(SPACE, {"a": Plane((1.0, 0.2)), "b": Plane((-1.0, 0.5), 0.5)})


def derived(text: str) -> ForwardMap:
    objective = as_objective(f"minimize {text}").over(SPACE.parameters)
    return with_derived(forward(), objective, data())


def test_a_line_in_one_metric_keeps_its_closed_form() -> None:
    text = "1 - 2 * a"
    model = derived(text).model(text)
    assert isinstance(model, Line)
    mean, deviation = model.latent(UNITS)
    value, _ = forward().model("a").latent(UNITS)
    assert np.allclose(model.warp.inverse(mean), 1 - 2 * value)
    assert np.allclose(deviation, 0.3)
    direct = Acquisition(forward(), as_objective("maximize a"), UNITS, 0)(UNITS)
    assert np.allclose(Acquisition(derived(text), as_objective(f"minimize {text}"), UNITS, 0)(UNITS), direct)


def test_a_sum_of_metrics_has_the_moments_and_the_improvement_of_their_sum() -> None:
    text = "a + 2 * b"
    found = derived(text)
    model = cast(Composite, found.model(text))
    mean, deviation = model.latent(UNITS)
    exact = UNITS @ np.array([1.0, 0.2]) + 2 * UNITS @ np.array([-1.0, 0.5])
    spread = np.hypot(0.3, 1.0)
    assert np.allclose(model.warp.inverse(mean), exact, atol=0.02)
    assert np.allclose(deviation * model.warp_.scale, spread, rtol=0.05)
    logs = Acquisition(found, as_objective(f"minimize {text}"), UNITS, 0)(UNITS) + np.log(model.warp_.scale)
    assert np.allclose(logs, log_expected_improvement(-exact, np.full(3, spread), -exact.min()), atol=0.1)
    low, high = exact[0] - 0.5, exact[0] + 1.0
    chance = np.exp(goal_log_probability(found, Between(text, low, high), UNITS[:1], noise=False))
    assert chance[0] == pytest.approx(norm.cdf(1.0 / spread) - norm.cdf(-0.5 / spread), abs=0.03)


def test_an_expression_may_speak_of_parameters_and_is_predicted_in_its_own_units() -> None:
    text = "a + 10 * x"
    prediction = derived(text).model(text).predict(UNITS, noise=False)
    assert np.allclose(prediction.quantiles[0.5], UNITS @ np.array([11.0, 0.2]), atol=0.02)
    noisy = derived(text).model(text).predict(UNITS, noise=True)
    assert (noisy.standard_deviation > prediction.standard_deviation).all()


def test_what_is_not_defined_for_some_draws_leaves_every_value_finite() -> None:
    text = "log10(a - 0.5) / b"
    found = derived(text)
    grid = np.random.default_rng(0).random((50, 2))
    assert np.isfinite(Acquisition(found, as_objective(f"minimize {text}"), UNITS, 0)(grid)).all()
    assert np.isfinite(found.model(text).predict(grid).mean).all()


def test_an_unknown_metric_of_an_expression_is_named() -> None:
    with pytest.raises(NotFound, match=r"speaks of \['los'\].*metrics \['a', 'b'\]"):
        derived("los + 2 * x")


def test_components_average_in_log_form() -> None:
    logs = np.log(np.array([[1.0, 3.0], [1e-300, 3e-300]])) - 500
    assert np.allclose(log_mean(logs), np.log([2.0, 2e-300]) - 500)
    assert np.allclose(normal_draws(64, 3).mean(axis=0), 0)


def test_a_neighbourhood_averages_a_bump_away_and_the_worst_is_worse() -> None:
    average, worst = (
        judged(forward(), Objective((Minimize("a"),), robust={"x": 0.1}, worst=flag), data()).model("a")
        for flag in (False, True)
    )
    assert isinstance(average, Neighbourhood)
    plain, _ = forward().model("a").latent(UNITS)
    inner = UNITS[:2]  # the third reaches no wall either, the first touches it
    assert np.allclose(average.latent(inner)[0], plain[:2], atol=1e-9)
    assert np.allclose(worst.latent(inner)[0], plain[:2] + 0.1)


def test_a_bad_seed_is_worse_by_the_noise_and_more_where_repeats_scatter() -> None:
    units = np.array([[0.1, 0.1]] * 6 + [[0.9, 0.9]] * 6)
    values = np.array([0.0, 0.01] * 3 + [-2.0, 2.0] * 3)
    columns = {"a": Column(values, np.zeros(12), np.zeros(12, dtype=int))}
    objective = Objective((Minimize("a"), AtMost("a", 3.0)), seeds=0.9)
    model = judged(forward(), objective, data(units, columns)).model("a")
    assert isinstance(model, SeedQuantile)
    calm, wild = model.noise_at(np.array([[0.1, 0.1], [0.9, 0.9]]))
    assert 2 * calm < 1.0 < wild
    shifted, _ = model.latent(units[-1:])
    assert shifted[0] == pytest.approx(forward().model("a").latent(units[-1:])[0][0] + 1.2816 * wild, abs=1e-3)
    plain = judged(forward(), Objective((Maximize("b"),), seeds=0.9), data()).model("b")
    assert np.allclose(plain.latent(UNITS)[0], forward().model("b").latent(UNITS)[0] - 0.12816, atol=1e-4)


def test_a_parameter_without_an_order_has_no_neighbours() -> None:
    space = Space(x=Float(0, 1), kind=Choice(["a", "b"]))
    with pytest.raises(InvalidInput, match=r"`kind`, a Choice, which has no neighbours; expected some of \['x'\]"):
        neighbours(space, {"kind": 0.1})
    steps = neighbours(space, {"x": 0.2})
    assert np.allclose(steps.mean(axis=0), 0)
    assert np.abs(steps).max(axis=0).tolist() == [0.2, 0.0]


def test_a_constant_mean_over_components_matches_the_plain_model() -> None:
    mean, deviation = components(forward().model("a"), UNITS, noise=True)
    assert mean.shape == (3,)
    assert np.allclose(deviation, np.hypot(0.3, 0.1))


def test_a_widened_expression_is_that_of_widened_metrics() -> None:
    text = "a * b"
    found = derived(text)
    wide = widened(found)
    straight = Composite.components(cast(Composite, found.models[text]), UNITS)[0].std(axis=1)
    wider = components(wide.models[text], UNITS)[0].std(axis=1)
    assert isinstance(wide.models[text], Composite)
    assert np.all(wider > 1.5 * straight)
    line = derived("1 - 2 * a")
    assert np.allclose(
        widened(line).models["1 - 2 * a"].latent(UNITS)[1], WIDENING * line.models["1 - 2 * a"].latent(UNITS)[1]
    )


def test_a_judged_metric_is_scored_as_the_metric_itself() -> None:
    objective = Objective((Minimize("a"),), robust={"x": 0.1}, seeds=0.9)
    model = judged(forward(), objective, data()).models["a"]
    assert isinstance(model, Neighbourhood)
    with pytest.raises(NotImplementedError):  # the metric's own; an expression would not be found
        model.held_out()


def test_progress_is_counted_by_the_values_of_an_expression() -> None:
    rows = [({"x": 0.1, "y": 0.1}, 1.0, 5.0), ({"x": 0.2, "y": 0.2}, 2.0, 1.0), ({"x": 0.3, "y": 0.3}, 0.5, 9.0)]
    seen = Dataset.from_observations(SPACE, [Observation(c, {"a": a, "b": b}) for c, a, b in rows])
    over = as_objective("minimize a + b").over(SPACE.parameters)
    assert trainings_without_progress(seen, over) == 1  # 6, 3, 9.5
    assert trainings_without_progress(seen, as_objective("minimize a")) == 0


def test_the_neighbours_of_a_mixture_are_mixtures_in_which_one_share_moved() -> None:
    space = Space(mixture=Shares(["a", "b", "c"]))
    steps = neighbours(space, {"a": 0.1})
    model = Neighbourhood(Known(lambda units: units[:, 0] + 10.0 * (units.sum(axis=1) - 1.0)), space, steps, 1)
    worst, _ = model.components(space.encode([{"a": 0.5, "b": 0.5, "c": 0.0}]))
    assert worst[0] == pytest.approx(0.6, abs=1e-9)
