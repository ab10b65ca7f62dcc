"""Weights and sharpness from held-out values."""

import numpy as np
import pytest
from scipy.special import betainc

from physai_inverse.surrogates.stacking import folds, sharpened, stacked


def normal(values: np.ndarray, mean: float, deviation: float) -> np.ndarray:
    return np.asarray(-0.5 * ((values - mean) / deviation) ** 2 - np.log(deviation))


def test_weights_lie_on_the_simplex_and_without_rows_are_the_prior() -> None:
    prior = np.array([3.0, 1.0, 0.5])
    weights = stacked(np.random.default_rng(0).normal(size=(30, 3)), prior)
    assert weights.sum() == pytest.approx(1.0)
    assert (weights > 0).all()
    assert stacked(np.empty((0, 3)), prior) == pytest.approx(prior / prior.sum())


def test_a_member_that_is_right_alone_gets_nearly_all_weight() -> None:
    values = np.random.default_rng(1).normal(size=300)
    densities = np.stack([normal(values, 0.0, 1.0), normal(values, 3.0, 1.0), normal(values, 0.0, 9.0)], axis=1)
    assert stacked(densities, np.full(3, 0.5))[0] > 0.95


def test_weights_recover_a_mixture_and_no_other_weights_are_better() -> None:
    random = np.random.default_rng(2)
    values = np.where(random.random(4000) < 0.3, random.normal(-4.0, 1.0, 4000), random.normal(4.0, 1.0, 4000))
    densities = np.stack([normal(values, -4.0, 1.0), normal(values, 4.0, 1.0)], axis=1)
    weights = stacked(densities, np.full(2, 1e-3))
    assert weights[0] == pytest.approx(0.3, abs=0.02)
    merits = [np.sum(np.log(np.exp(densities) @ [share, 1 - share])) for share in (weights[0], 0.2, 0.4)]
    assert merits[0] == max(merits)


def test_the_order_of_rows_does_not_matter_to_weights() -> None:
    densities = np.random.default_rng(3).normal(size=(50, 4))
    prior = np.full(4, 0.5)
    assert stacked(densities[::-1], prior) == pytest.approx(stacked(densities, prior), abs=1e-9)


def test_a_value_that_only_one_member_thinks_possible_breaks_nothing() -> None:
    densities = np.array([[-np.inf, -2.0], [-1.0, -900.0], [-1.0, -900.0]])
    assert np.isfinite(stacked(densities, np.full(2, 0.1))).all()


@pytest.mark.parametrize("shape", [0.7, 1.0, 1.8])
def test_sharpness_is_the_shape_that_makes_ranks_even(shape: float) -> None:
    # ranks are drawn such that their distribution is Beta(shape, shape)
    grid = np.linspace(0.0, 1.0, 20_001)
    ranks = np.interp(np.random.default_rng(4).random(3000), betainc(shape, shape, grid), grid)
    assert sharpened(ranks, np.zeros(len(ranks))) == pytest.approx(shape, rel=0.1)


def test_a_few_ranks_hardly_move_the_sharpness() -> None:
    beforehand = sharpened(np.array([]), np.array([]))
    assert beforehand < sharpened(np.array([0.45, 0.5, 0.55]), np.zeros(3)) < 1.3 * beforehand
    assert sharpened(np.array([0.0, 1.0]), np.zeros(2)) > 0.5


def test_a_pool_counts_as_too_wide_beforehand_the_more_the_fewer_rows_judged_it() -> None:
    even = [sharpened((np.arange(num) + 0.5) / num, np.zeros(num)) for num in (12, 40, 400)]
    assert even[0] > even[1] + 0.02 > even[2] + 0.02
    assert even[2] == pytest.approx(1.0, abs=0.03)


def test_bounds_say_as_much_of_the_sharpness_as_the_values_that_they_hide() -> None:
    grid = np.linspace(0.0, 1.0, 20_001)
    ranks = np.interp(np.random.default_rng(4).random(3000), betainc(1.8, 1.8, grid), grid)
    hidden = ranks > 0.7
    assert sharpened(np.minimum(ranks, 0.7), hidden.astype(int)) == pytest.approx(1.8, rel=0.1)
    assert sharpened(1.0 - np.minimum(ranks, 0.7), -hidden.astype(int)) == pytest.approx(1.8, rel=0.1)


def test_folds_are_even_and_a_function_of_the_seed() -> None:
    part = folds(23, 5, seed=1)
    assert np.bincount(part).tolist() in ([5, 5, 5, 4, 4],)
    assert (part == folds(23, 5, seed=1)).all()
    assert (part != folds(23, 5, seed=2)).any()
