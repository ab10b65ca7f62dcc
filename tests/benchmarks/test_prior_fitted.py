import math

import numpy as np
import pytest

from benchmarks.prior_fitted import median, ranked_probability, weight
from physai_inverse.surrogates.scoring import quadrature


def test_the_score_of_atoms_at_a_normals_quantiles_is_about_the_normals() -> None:
    from physai_inverse.forward import normal_quantile

    levels, parts = quadrature()
    atoms = np.array([[normal_quantile(level) for level in levels]])
    expected = 2.0 / math.sqrt(2.0 * math.pi) - 1.0 / math.sqrt(math.pi)  # of a standard normal at its mean
    assert ranked_probability(atoms, np.array(parts), np.zeros(1))[0] == pytest.approx(expected, abs=2e-3)


def test_the_weight_goes_to_the_member_that_foresaw_the_rows() -> None:
    good, bad = np.zeros(30), np.full(30, -2.0)
    assert weight(bad, good) > 0.9
    assert weight(good, bad) < 0.1
    assert weight(good, good) == pytest.approx(0.5)


def test_the_median_of_a_pool_without_one_member_is_the_others() -> None:
    atoms = np.array([[0.0, 1.0, 2.0, 9.0, 9.0, 9.0]])
    assert median(atoms, np.array([0.3, 0.4, 0.3, 0.0, 0.0, 0.0]))[0] == pytest.approx(1.0)
