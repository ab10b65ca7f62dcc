from dataclasses import replace

import numpy as np
import pytest

from physai_inverse.reproduction.laws.kernel_regression import (
    LAWS,
    RIDGES,
    SAMPLES,
    Found,
    effective_regularisation,
    learnabilities,
    learned,
    outcome,
    parities,
    predicted_error,
)

EIGENVALUES = 1.0 / np.arange(1, 65) ** 2


def test_parities_are_orthogonal_products_of_coordinates() -> None:
    H = parities(4)
    np.testing.assert_array_equal(H @ H.T, 16 * np.eye(16))
    np.testing.assert_array_equal(H[:, 0b0110], H[:, 0b0100] * H[:, 0b0010])


@pytest.mark.parametrize(("n", "ridge"), [(5, 0.0), (40, 0.0), (5, 0.01), (100, 2.0)])
def test_the_regularisation_balances_learnability_and_ridge(n: int, ridge: float) -> None:
    k = effective_regularisation(EIGENVALUES, n, ridge)
    assert float(learned(EIGENVALUES, n, ridge).sum()) + ridge / k == pytest.approx(n, rel=1e-9)


def test_learnability_is_conserved_in_any_orthogonal_basis_and_for_any_sample() -> None:
    H = parities(6)
    kernel = (H * EIGENVALUES) @ H.T
    turned = 8 * np.linalg.qr(np.random.default_rng(0).standard_normal((64, 64)))[0]
    for basis in (H, turned):
        found = learnabilities(kernel, basis, np.array([3, 9, 20, 41, 63]), 0.0)
        assert found.sum() == pytest.approx(5, rel=1e-9)
    assert learnabilities(kernel, H, np.array([3, 9, 20]), 0.5).sum() < 3


def test_the_error_of_nothing_learned_is_signal_and_noise() -> None:
    v = np.zeros(64)
    v[3] = 2.0
    assert predicted_error(np.zeros(64), v, 10, 0.1) == pytest.approx(4.1)
    assert predicted_error(np.where(v > 0, 1.0, 0.0), v, 10, 0.1) == pytest.approx(0.1 / 0.9)


@pytest.mark.parametrize(
    ("total", "error", "holds"), [(1.0, 1.05, True), (1.0, 1.2, False), (0.99, 1.0, False), (1.0, 0.85, False)]
)
def test_the_law_holds_for_an_exact_sum_and_errors_near_the_prediction(
    total: float, error: float, holds: bool
) -> None:
    found = [Found(n, ridge, n * total, float(n), error, 1.0) for ridge in RIDGES for n in SAMPLES]
    assert outcome(found).holds is holds
    assert len(outcome(found).checks) == 3


@pytest.mark.parametrize("place", range(8))
def test_one_case_that_is_far_from_the_theory_speaks_for_all(place: int) -> None:
    found = [Found(n, ridge, float(n), float(n), 1.01, 1.0) for ridge in RIDGES for n in SAMPLES]
    found[place] = replace(found[place], error=1.3, total=2.0 * found[place].total)
    measured = outcome(found)
    assert [check.holds for check in measured.checks] == [place >= 4, place < 4, False]
    assert measured.checks[2].measured == pytest.approx(1.3)


def test_the_law_is_listed_with_its_number() -> None:
    assert [law.number for law in LAWS] == [41]
