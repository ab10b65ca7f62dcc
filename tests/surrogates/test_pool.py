"""Mixtures of normals: quantiles and densities belong to one distribution."""

import numpy as np
import pytest

from physai_inverse.surrogates.pool import Pool


def random_pool(seed: int, num: int = 40, normals: int = 9) -> Pool:
    random = np.random.default_rng(seed)
    return Pool(
        random.dirichlet(np.full(normals, 0.3), num),
        random.normal(size=(num, normals)),
        np.exp(random.normal(-2.0, 1.5, (num, normals))),
    )


def test_the_distribution_at_a_quantile_is_its_level() -> None:
    pool, levels = random_pool(0), np.array([1e-4, 0.05, 0.37, 0.5, 0.95, 0.9999])
    assert pool.below(pool.quantiles(levels)) == pytest.approx(np.tile(levels, (len(pool), 1)), abs=1e-4)


def test_levels_may_differ_from_point_to_point() -> None:
    pool = random_pool(1)
    levels = np.random.default_rng(2).uniform(0.01, 0.99, (len(pool), 3))
    found = pool.quantiles(levels)
    alone = [pool.take(np.array([row])).quantiles(levels[row])[0] for row in range(len(pool))]
    assert found == pytest.approx(np.array(alone), abs=1e-5)


def test_the_density_is_the_slope_of_the_distribution() -> None:
    pool = random_pool(3)
    places = pool.quantiles(np.array([0.3]))
    step = 1e-5
    slope = (pool.below(places + step) - pool.below(places - step)) / (2 * step)
    assert np.exp(pool.log_density(places[:, 0])) == pytest.approx(slope[:, 0], rel=1e-3)


def test_a_bound_has_the_probability_of_the_side_on_which_the_truth_lies() -> None:
    pool, latent = random_pool(9, num=3), np.array([0.3, 0.3, 0.3])
    found = pool.log_likelihood(latent, np.array([0, 1, -1]))
    below = pool.below(latent[:, None])[:, 0]
    assert found == pytest.approx([pool.log_density(latent)[0], np.log(1 - below[1]), np.log(below[2])])
    far = Pool.normal(np.zeros(1), np.ones(1)).log_likelihood(np.array([20.0]), np.array([1]))
    assert far[0] == pytest.approx(-203.917, abs=1e-2)  # 1 minus the probability below would be zero


def test_moments_are_those_of_the_distribution() -> None:
    pool = random_pool(4, num=3)
    nodes, weights = np.polynomial.legendre.leggauss(400)
    draws = pool.quantiles(0.5 * (nodes + 1.0))
    mean, deviation = pool.moments()
    assert draws @ weights / 2 == pytest.approx(mean, abs=1e-3)
    assert (draws - mean[:, None]) ** 2 @ weights / 2 == pytest.approx(deviation**2, rel=2e-2)


def test_joined_pools_are_weighted_sums_also_point_by_point() -> None:
    one, two = random_pool(5), random_pool(6)
    weights = np.random.default_rng(7).dirichlet([1.0, 1.0], len(one))
    places = np.zeros((len(one), 1))
    expected = weights[:, :1] * one.below(places) + weights[:, 1:] * two.below(places)
    assert Pool.joined([one, two], weights).below(places) == pytest.approx(expected)
    assert Pool.joined([one, two], np.array([1.0, 0.0])).means.shape == one.means.shape


def test_a_narrowed_pool_keeps_its_mean_and_has_that_part_of_its_deviation() -> None:
    pool, ratio = random_pool(8), np.linspace(0.1, 1.0, 40)
    mean, deviation = pool.moments()
    new_mean, new_deviation = pool.narrowed(ratio).moments()
    assert new_mean == pytest.approx(mean)
    assert new_deviation == pytest.approx(ratio * deviation)
