import numpy as np
import pytest

from physai_inverse.forward import Dataset
from physai_inverse.surrogates import GaussianProcess
from physai_inverse.surrogates.censoring import propagate, truncated
from physai_inverse.surrogates.kernel import distances, matern
from tests.surrogates.problems import cube, dataset, smooth


def test_one_censored_row_has_the_moments_of_a_truncated_normal() -> None:
    from scipy.stats import truncnorm

    mean, variance, bound = 0.4, 2.0, 1.1
    log_probability, precision, shift = truncated(
        np.array([mean]), np.array([variance]), np.array([bound]), np.array([1.0])
    )
    spread = 1.0 / (1.0 / variance + precision[0])
    exact = truncnorm((bound - mean) / variance**0.5, np.inf, loc=mean, scale=variance**0.5)
    assert spread * (mean / variance + shift[0]) == pytest.approx(exact.mean())
    assert spread == pytest.approx(exact.var())
    assert np.exp(log_probability[0]) == pytest.approx(
        1 - 0.5 * (1 + _erf((bound - mean) / (2 * variance) ** 0.5))
    )


def _erf(value: float) -> float:
    import math

    return math.erf(value)


@pytest.mark.parametrize("distance", [-40.0, -5.0, 0.0, 5.0, 40.0])
def test_sites_stay_finite_however_far_the_bound(distance: float) -> None:
    found = truncated(np.array([0.0]), np.array([1.0]), np.array([distance]), np.array([1.0]))
    assert all(np.isfinite(part).all() for part in found)
    assert found[1][0] > 0


def test_the_probability_of_an_orthant_is_the_closed_form() -> None:
    correlation = 0.6
    covariance = np.array([[1.0, correlation], [correlation, 1.0]])
    sites = propagate(covariance, np.zeros(2), np.array([1, 1]))
    total = covariance + np.diag(sites.variances)
    log_density = -0.5 * (
        sites.values @ np.linalg.solve(total, sites.values) + np.linalg.slogdet(2 * np.pi * total)[1]
    )
    exact = 0.25 + np.arcsin(correlation) / (2 * np.pi)
    assert np.exp(log_density + sites.log_correction) == pytest.approx(
        exact, rel=5e-3
    )  # propagation is near, not exact


def _error(data: Dataset, points: np.ndarray, truth: np.ndarray) -> float:
    predicted = GaussianProcess().fit(data, seed=0).model("y").predict(points).quantiles[0.5]
    return float(np.sqrt(np.mean((predicted - truth) ** 2)))


@pytest.mark.parametrize("side", [1, -1])
def test_censored_rows_beat_dropping_them_and_taking_bounds_as_values(side: int) -> None:
    drop, bound, censored = 0.0, 0.0, 0.0
    for seed in range(4):
        random = np.random.default_rng(seed)
        space = cube(2)
        units, points = space.snap(random.random((60, 2))), random.random((300, 2))
        truth = side * smooth(points)
        values = side * smooth(units) + 0.05 * random.standard_normal(60)
        limit = side * 0.9
        hidden = side * values > side * limit
        values[hidden] = limit
        flags = np.where(hidden, side, 0)
        drop += _error(dataset(space, units[~hidden], values[~hidden]), points, truth)
        bound += _error(dataset(space, units, values), points, truth)
        censored += _error(dataset(space, units, values, censored=flags), points, truth)
    assert censored < 0.9 * drop
    assert censored < 0.9 * bound


def test_censored_rows_are_predicted_beyond_their_bound() -> None:
    space = cube(1)
    units = np.linspace(0, 1, 21)[:, None]
    values = np.minimum(4.0 * units[:, 0], 2.0)
    data = dataset(space, units, values, censored=(units[:, 0] > 0.5).astype(int))
    predicted = GaussianProcess().fit(data, seed=0).model("y").predict(units).quantiles[0.5]
    assert (predicted[units[:, 0] > 0.6] > 2.0).all()


def test_only_bounds_still_give_a_model() -> None:
    space = cube(1)
    data = dataset(space, np.array([[0.1], [0.5], [0.9]]), np.ones(3), censored=np.ones(3, dtype=int))
    model = GaussianProcess().fit(data, seed=0).model("y")
    assert np.isfinite(model.latent(np.array([[0.3]]))[0]).all()
    assert model.held_out().rows == 0


def test_the_sites_of_hundreds_of_labels_settle() -> None:
    features = np.random.default_rng(0).random((300, 3))
    side = np.where(features[:, 0] + 0.3 * features[:, 1] > 0.9, -1, 1)
    covariance = 2.0 * matern(distances(2.0 * features, 2.0 * features)) + 1.0 + 0.037 * np.eye(300)
    sites = propagate(covariance, np.zeros(300), side)
    again = propagate(covariance, np.zeros(300), side, sites)
    np.testing.assert_allclose(again.precision, sites.precision, rtol=3e-5, atol=1e-7)
