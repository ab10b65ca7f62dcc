import math
from typing import cast

import numpy as np
import pytest

from physai_inverse.errors import InvalidInput
from physai_inverse.trainers import load_task
from physai_inverse.trainers.tasks.catalogue.scaling_law import ScalingLaw

LAW = cast(ScalingLaw, load_task("scaling_law").trainer())


def test_a_loss_is_the_sum_of_three_terms() -> None:
    metrics = load_task("scaling_law", {"E": 1.0, "A": 200.0, "B": 300.0, "alpha": 0.5, "beta": 0.25})(
        {"model_size": 1e8, "data_size": 1e12}, 0
    )
    assert metrics["expected_loss"] == pytest.approx(1.0 + 200 / 1e4 + 300 / 1e3)
    assert metrics["compute"] == pytest.approx(6e20)
    assert metrics["tokens_per_parameter"] == pytest.approx(1e4)


def test_the_optimum_is_the_least_loss_along_a_line_of_equal_compute() -> None:
    N, D = LAW.optimum(1e21)
    assert pytest.approx(1e21) == 6 * N * D
    best = LAW.loss(N, D)
    assert all(LAW.loss(N * factor, D / factor) > best for factor in (0.1, 0.8, 1.25, 10.0))
    (metrics,) = load_task("scaling_law")([{"model_size": N, "data_size": D}], [0])
    assert isinstance(metrics, dict)
    assert float(metrics["excess_loss"]) == pytest.approx(0, abs=1e-9)


def test_the_compute_of_chinchilla_is_best_spent_at_the_published_ratio_of_the_refit() -> None:
    N, D = LAW.optimum(5.76e23)
    assert 17 < D / N < 20  # Besiroglu et al. 2024: about 20 tokens a parameter, as Chinchilla was trained


def test_noise_is_of_the_stated_size_and_belongs_to_configuration_and_seed() -> None:
    train = load_task("scaling_law", {"noise": 0.05})
    config = {"model_size": 1e9, "data_size": 1e10}
    expected = float(train(config, 0)["expected_loss"])
    deviations = np.log([float(train(config, seed)["loss"]) / expected for seed in range(200)])
    assert deviations.std() == pytest.approx(0.05, rel=0.15)
    assert abs(deviations.mean()) < 0.015
    assert train(config, 5)["loss"] == train(config, 5)["loss"]
    assert train({**config, "data_size": 2e10}, 5)["loss"] != train(config, 5)["loss"]


def test_without_noise_the_loss_is_what_is_expected() -> None:
    metrics = load_task("scaling_law", {"noise": 0.0})({}, 0)
    assert metrics["loss"] == metrics["expected_loss"]


def test_a_law_without_a_valley_is_refused() -> None:
    with pytest.raises(InvalidInput, match="`beta` must be above 0"):
        load_task("scaling_law", {"beta": 0.0})


def test_a_fit_of_what_it_gives_finds_its_exponents_again() -> None:
    train = load_task("scaling_law", {"noise": 0.0})
    sizes = np.logspace(7, 11, 9)
    losses = np.array([float(train({"model_size": size, "data_size": 1e13}, 0)["loss"]) for size in sizes])
    rest = losses - LAW.E - LAW.B / 1e13**LAW.beta
    slope = np.polyfit(np.log(sizes), np.log(rest), 1)[0]
    assert slope == pytest.approx(-LAW.alpha, abs=1e-6)
    assert math.isclose(float(np.exp(np.log(rest[0]) + LAW.alpha * math.log(1e7))), LAW.A, rel_tol=1e-6)
