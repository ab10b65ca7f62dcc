import math

import numpy as np
import pytest

from physai_inverse.observations import Measurement
from physai_inverse.trainers import load_task
from physai_inverse.trainers.tasks.catalogue.double_descent import ridge_fit, theory_risk


def test_a_fit_solves_the_normal_equations_of_ridge_regression() -> None:
    draw = np.random.default_rng(0)
    X, y = draw.standard_normal((30, 7)), draw.standard_normal(30)
    expected = np.linalg.solve(X.T @ X + 30 * 0.2 * np.eye(7), X.T @ y)
    np.testing.assert_allclose(ridge_fit(X, y, 0.2), expected, rtol=1e-10)


def test_a_fit_with_more_features_than_samples_interpolates_with_the_least_norm() -> None:
    draw = np.random.default_rng(1)
    X, y = draw.standard_normal((6, 20)), draw.standard_normal(6)
    found = ridge_fit(X, y, 0.0)
    np.testing.assert_allclose(X @ found, y, atol=1e-12)
    np.testing.assert_allclose(found, np.linalg.pinv(X) @ y, atol=1e-12)


@pytest.mark.parametrize("ratio", [0.3, 0.9, 1.2, 4.0])
def test_the_risk_of_a_vanishing_ridge_is_that_of_least_norm(ratio: float) -> None:
    assert theory_risk(ratio, 0.5, 1.5, 1e-9) == pytest.approx(theory_risk(ratio, 0.5, 1.5, 0.0), rel=1e-4)


def test_a_huge_ridge_leaves_the_whole_signal_unlearned() -> None:
    assert theory_risk(2.0, 0.5, 1.5, 1e6) == pytest.approx(1.5**2, rel=1e-4)


def test_the_risk_of_least_norm_is_infinite_at_the_peak() -> None:
    assert theory_risk(1.0, 0.5, 1.0, 0.0) == math.inf
    assert "theory_risk" not in load_task("double_descent", {"samples": 10, "repeats": 2})({"ratio": 1.0}, 0)


@pytest.mark.parametrize(
    "config", [{"ratio": 0.5}, {"ratio": 3.0}, {"ratio": 1.0, "ridge": 0.5}, {"ratio": 2.0, "ridge": 0.1}]
)
def test_the_measured_risk_is_that_of_the_formula(config: dict[str, float]) -> None:
    metrics = load_task("double_descent", {"samples": 200, "repeats": 10})(config, 0)
    risk = metrics["excess_risk"]
    assert isinstance(risk, Measurement)
    assert risk.standard_error is not None
    assert risk.value == pytest.approx(float(metrics["theory_risk"]), rel=0.12)
    assert risk.standard_error < 0.1 * risk.value


def test_random_features_are_worst_where_they_are_as_many_as_the_samples() -> None:
    train = load_task("double_descent", {"samples": 50, "repeats": 5, "test_rows": 100})
    risks = [float(train({"ratio": ratio, "features": "relu"}, 0)["excess_risk"]) for ratio in (0.4, 1.0, 4.0)]
    assert risks[1] > 5 * max(risks[0], risks[2])


def test_without_noise_and_with_fewer_features_than_samples_the_truth_is_found() -> None:
    metrics = load_task("double_descent", {"samples": 30, "repeats": 2})({"ratio": 0.5, "noise": 0.0}, 0)
    assert float(metrics["excess_risk"]) < 1e-20
    assert metrics["parameters"] == 15
    assert metrics["coefficient_norm"] == pytest.approx(1.0)
