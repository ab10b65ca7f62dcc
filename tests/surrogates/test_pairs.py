import numpy as np
import pytest

from physai_inverse.surrogates.pairs import (
    Pairs,
    order,
    packed_factor,
    packed_inverse,
    packed_solution,
    unpacked,
)

SIZES = [1, 2, 3, 8, 13]


def positive(size: int) -> np.ndarray:
    """Draw a positive definite matrix."""
    half = np.random.default_rng(size).normal(size=(size, size + 2))
    return half @ half.T + 0.1 * np.eye(size)


@pytest.mark.parametrize("size", SIZES)
def test_packed_factor_inverse_and_solution_are_those_of_the_full_matrix(size: int) -> None:
    full, places = positive(size), order(size)
    packed, right = full[places.first, places.second], np.arange(1.0, size + 1.0)
    lower = packed_factor(packed, places)
    _, log_determinant = np.linalg.slogdet(full)
    assert 2.0 * np.sum(np.log(lower[places.diagonal])) == pytest.approx(log_determinant, abs=1e-9)
    np.testing.assert_allclose(packed_solution(lower, places, right), np.linalg.solve(full, right), rtol=1e-8)
    np.testing.assert_allclose(unpacked(packed_inverse(lower, places), places) @ full, np.eye(size), atol=1e-9)
    np.testing.assert_array_equal(unpacked(packed, places), full)


def test_a_singular_matrix_gets_the_least_jitter_and_a_negative_one_is_refused() -> None:
    places = order(3)
    lower = packed_factor(np.ones(6), places)
    assert unpacked(packed_inverse(lower, places), places).max() > 1e8
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        packed_factor(-np.ones(6), places)


def test_squared_distances_add_up_the_columns_of_each_lengthscale() -> None:
    features, groups = np.random.default_rng(0).random((7, 4)), np.array([0, 1, 1, 2])
    pairs = Pairs.of(features, groups)
    offsets = (features[:, None] - features) ** 2
    expected = np.stack([offsets[:, :, groups == group].sum(axis=2) for group in range(3)], axis=2)
    for group in range(3):
        found = unpacked(np.ascontiguousarray(pairs.squares[:, group]), pairs.order)
        np.testing.assert_allclose(found, expected[:, :, group], atol=1e-15)
