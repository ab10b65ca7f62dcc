import itertools
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest

from physai_inverse.forward import AbstractMetricModel
from physai_inverse.space import Shares, Space
from physai_inverse.space.sampling import sample_units
from physai_inverse.surrogates import GaussianProcess
from physai_inverse.surrogates.kernel import Covariance
from physai_inverse.surrogates.metric import MetricProcess, kept_rows
from physai_inverse.surrogates.scoring import rank_correlation
from tests.surrogates.problems import cube, dataset, mixed, smooth


def fit(units: np.ndarray, values: np.ndarray, **more: np.ndarray) -> AbstractMetricModel:
    return GaussianProcess().fit(dataset(cube(units.shape[1]), units, values, **more), seed=0).model("y")


def random_problem(seed: int, num: int = 60, dimension: int = 3) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    units = random.random((num, dimension))
    return units, smooth(units) + 0.1 * random.standard_normal(num)


def test_pending_trainings_leave_the_mean_and_shrink_the_spread() -> None:
    model = fit(*random_problem(0))
    points, pending = np.random.default_rng(1).random((50, 3)), np.random.default_rng(2).random((3, 3))
    mean, deviation = model.latent(points)
    new_mean, new_deviation = model.conditioned(pending).latent(points)
    np.testing.assert_allclose(new_mean, mean, atol=1e-9)
    assert (new_deviation <= deviation + 1e-9).all()
    assert model.conditioned(pending).latent(pending)[1].max() < model.latent(pending)[1].max()
    assert model.conditioned(pending).held_out().rows == 60


def test_the_joint_posterior_has_the_moments_of_the_single_points() -> None:
    model = fit(*random_problem(3))
    points = np.random.default_rng(4).random((20, 3))
    mean, covariance = model.joint(points)
    np.testing.assert_allclose(mean, model.latent(points)[0], atol=1e-9)
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), model.latent(points)[1], rtol=1e-6)
    # Knowing one point shrinks another by what their covariance says.
    left = covariance[0, 0] - covariance[0, 1] ** 2 / covariance[1, 1]
    assert left <= model.conditioned(points[1:2]).latent(points[:1])[1][0] ** 2 + 1e-9
    assert np.linalg.eigvalsh(covariance).min() > -1e-9


def test_the_same_seed_gives_the_same_result() -> None:
    units, values = random_problem(1, 300)
    first, second = fit(units, values), fit(units, values)
    for one, other in zip(first.latent(units), second.latent(units), strict=True):
        np.testing.assert_array_equal(one, other)


TRANSFORMS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "identity": lambda values: values,
    "exp": lambda values: np.asarray(np.exp(values)),
    "square": lambda values: np.asarray((values + 1.0) ** 2),
}


@pytest.mark.parametrize("transform", list(TRANSFORMS))
def test_nine_tenths_of_held_out_values_lie_inside_their_interval(transform: str) -> None:
    inside, fresh = [], []
    for seed in range(5):
        units, values = random_problem(seed, 120)
        change = TRANSFORMS[transform]
        model = fit(units[:80], change(values[:80]))
        inside.append(model.held_out().coverage_90)
        predicted = model.predict(units[80:]).quantiles
        measured = change(values[80:])
        fresh.append(np.mean((predicted[0.05] <= measured) & (measured <= predicted[0.95])))
    assert 0.8 <= float(np.mean(inside)) <= 0.98
    assert 0.8 <= float(np.mean(fresh)) <= 0.98


def test_planted_noise_is_recovered_from_replicates() -> None:
    planted = 0.2
    for seed in range(3):
        random = np.random.default_rng(seed)
        units = np.repeat(random.random((20, 2)), 4, axis=0)
        values = smooth(units) + planted * random.standard_normal(len(units))
        model = fit(units, values)
        spread = model.predict(units[:1]).standard_deviation[0]
        noise_free = model.predict(units[:1], noise=False).standard_deviation[0]
        found = float(np.sqrt(spread**2 - noise_free**2))
        assert planted / 1.5 < found < planted * 1.5


def test_known_errors_make_a_value_count_less() -> None:
    units = np.linspace(0, 1, 12)[:, None]
    values = units[:, 0].copy()
    values[6] += 0.5
    errors = np.zeros(12)
    errors[6] = 1.0
    trusting, doubting = fit(units, values), fit(units, values, errors=errors)
    at = units[[6]]
    truth = units[6, 0]
    doubted = abs(doubting.predict(at).quantiles[0.5][0] - truth)
    assert doubted < abs(trusting.predict(at).quantiles[0.5][0] - truth)
    assert doubted < 0.1


def test_an_outlier_does_not_set_the_noise_of_all_others() -> None:
    random = np.random.default_rng(3)
    units = random.random((60, 2))
    values = smooth(units) + 0.03 * random.standard_normal(60)
    values[7] += 8.0
    points = random.random((200, 2))
    error = fit(units, values).predict(points).quantiles[0.5] - smooth(points)
    assert float(np.sqrt(np.mean(error**2))) < 0.1


def test_a_warp_makes_losses_over_orders_of_magnitude_predictable() -> None:
    units, values = random_problem(4, 80)
    model = fit(units, np.exp(6.0 * values))
    assert model.held_out().r2 > 0.8


def test_zeros_but_for_rounding_spoil_a_map_no_more_than_exact_ones() -> None:
    units, values = random_problem(4, 40)
    values = np.exp(4.0 * values)
    nothing = units[:, 0] < 0.15
    rounded, exact = (fit(units, np.where(nothing, zero, values)) for zero in (6e-17, 0.0))
    even = np.random.default_rng(5).random((50, units.shape[1]))
    expected, found = (model.warp.inverse(model.latent(even)[0]) for model in (exact, rounded))
    np.testing.assert_allclose(found, expected, rtol=0.02, atol=0.02 * float(np.median(values)))


def test_prediction_of_a_heavy_tail_is_finite_and_ordered() -> None:
    random = np.random.default_rng(5)
    units = random.random((10, 2))
    model = fit(units, 10.0 ** random.uniform(-8, 8, 10))
    predicted = model.predict(random.random((50, 2)))
    assert np.isfinite(predicted.mean).all()
    assert predicted.mean.max() < 1e30
    levels = [predicted.quantiles[level] for level in sorted(predicted.quantiles)]
    assert all((low <= high).all() for low, high in itertools.pairwise(levels))


EXTREME = {
    "constant": np.full(9, 3.0),
    "zero": np.zeros(9),
    "huge": np.linspace(-1e300, 1e300, 9),
    "tiny": np.linspace(1e-300, 9e-300, 9),
    "both": np.array([1e-300, 1e300] * 4 + [1.0]),
    "outlier": np.array([1.0, 1.1, 0.9, 1.0, 1.05, 0.95, 1.0, 1.02, 1e12]),
    "almost constant": 1.0 + 1e-13 * np.arange(9.0),
}


@pytest.mark.parametrize("values", EXTREME.values(), ids=EXTREME.keys())
@pytest.mark.parametrize("num", [2, 3, 9])
def test_extreme_values_are_modelled_without_a_crash(values: np.ndarray, num: int) -> None:
    units = np.random.default_rng(6).random((9, 2))
    model = fit(units[:num], values[-num:])
    predicted = model.predict(np.random.default_rng(7).random((20, 2)))
    for part in (predicted.mean, predicted.standard_deviation, *predicted.quantiles.values()):
        assert np.isfinite(part).all()
    assert model.held_out().rows == num


def test_a_constant_metric_is_predicted_as_that_constant() -> None:
    predicted = fit(np.random.default_rng(8).random((20, 2)), np.full(20, 0.5)).predict(np.array([[0.5, 0.5]]))
    assert predicted.mean[0] == pytest.approx(0.5, abs=1e-3)
    assert predicted.standard_deviation[0] < 0.05


@pytest.mark.parametrize("num", [2, 10, 40])
def test_equal_rows_are_no_trouble(num: int) -> None:
    units = np.full((num, 1), 0.3)
    for values in (np.ones(num), np.arange(num, dtype=float)):
        mean, deviation = fit(units, values).latent(np.array([[0.3], [0.9]]))
        assert np.isfinite(mean).all()
        assert (deviation > 0).all()


def test_categories_and_numbers_are_fitted_together() -> None:
    space = mixed()
    units = np.asarray(space.encode(space.sample(60, seed=0)))
    kind = np.floor(3 * units[:, 1])
    values = np.where(kind == 1, 2.0, 0.0) + np.sin(4 * units[:, 0])
    assert GaussianProcess().fit(dataset(space, units, values), seed=0).model("y").held_out().r2 > 0.9


def test_metrics_without_a_finite_value_are_left_out() -> None:
    units = np.random.default_rng(0).random((5, 2))
    values = np.full(5, np.nan)
    assert not GaussianProcess().fit(dataset(cube(2), units, values), seed=0).models


def test_only_the_wanted_metrics_are_fitted() -> None:
    data = dataset(cube(2), np.random.default_rng(0).random((5, 2)), np.arange(5.0))
    assert not GaussianProcess().fit(data, seed=0, metrics=["other"]).models


def test_many_rows_are_thinned_to_a_known_number() -> None:
    units = np.random.default_rng(0).random((5000, 1))
    values = units[:, 0]
    column = dataset(cube(1), units, values).columns["y"]
    kept = kept_rows(column, seed=0)
    assert len(kept) == 3000
    assert {int(np.argmin(values)), int(np.argmax(values))} <= set(kept.tolist())


def test_logs_of_a_covariance_come_back() -> None:
    covariance = Covariance(np.array([0.1, 2.0]), 0.7, 0.02)
    again = Covariance.from_logs(covariance.logs)
    np.testing.assert_allclose(again.lengthscales, covariance.lengthscales)
    assert again.noise == pytest.approx(covariance.noise)


def test_rank_correlation_is_that_of_scipy() -> None:
    from scipy.stats import spearmanr

    random = np.random.default_rng(0)
    first, second = random.integers(0, 6, 40).astype(float), random.standard_normal(40)
    assert rank_correlation(first, second) == pytest.approx(float(spearmanr(first, second).statistic))


def test_fitting_imports_no_heavy_package() -> None:
    code = (
        "import sys, numpy as np\n"
        "from tests.surrogates.problems import cube, dataset\n"
        "from physai_inverse.surrogates import GaussianProcess\n"
        "data = dataset(cube(1), np.linspace(0, 1, 9)[:, None], np.arange(9.0), failed=np.arange(9) == 3)\n"
        "GaussianProcess().fit(data, seed=0)\n"
        "heavy = {'torch', 'gpytorch', 'sklearn', 'scipy.stats', 'scipy.optimize'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_blas_threads_are_as_before_after_a_fit() -> None:
    from threadpoolctl import threadpool_info

    fit(*random_problem(0))
    before = [pool["num_threads"] for pool in threadpool_info()]
    fit(*random_problem(1))
    assert [pool["num_threads"] for pool in threadpool_info()] == before


def polynomial(units: np.ndarray) -> np.ndarray:
    return np.asarray((units[:, 0] - 0.4) ** 2 + units[:, 1] * units[:, 2])


def law(units: np.ndarray) -> np.ndarray:
    return np.asarray(((units[:, :2] + 0.01) ** -0.3).sum(axis=1))


@pytest.mark.parametrize(("function", "exponents"), [(polynomial, {1.0}), (law, {0.5, 0.25})])
def test_the_evidence_chooses_how_shares_are_encoded(
    function: Callable[[np.ndarray], np.ndarray], exponents: set[float]
) -> None:
    space = Space(mixture=Shares(["a", "b", "c", "d"]))
    units, held = (sample_units(space, num, seed=seed) for num, seed in ((48, 0), (200, 1)))
    noise = 0.01 * function(held).std() * np.random.default_rng(0).standard_normal(48)
    model = GaussianProcess().fit(dataset(space, units, function(units) + noise), seed=0).model("y")
    assert isinstance(model, MetricProcess)
    assert model.features.exponent in exponents
    assert rank_correlation(model.predict(held).quantiles[0.5], function(held)) > 0.97
