"""The mix of surrogates: one calibrated distribution a metric, automatic, and the same every time."""

import numpy as np
import pytest

from physai_inverse.forward import Column, Dataset
from physai_inverse.space import Float, Space
from physai_inverse.surrogates import GaussianProcess, Mixture
from physai_inverse.surrogates.metric import MetricProcess
from physai_inverse.surrogates.mixed import MixedModel
from tests.surrogates.problems import cube, dataset, smooth

SPACE = cube(3)


def noisy(num: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    units = SPACE.snap(random.random((num, 3)))
    return units, smooth(units) + 0.1 * random.standard_normal(num)


def steps(num: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Plateaus with exact values, and a step between them: what trees see and a process does not."""
    units, _ = noisy(num, seed)
    return units, np.where(units[:, 0] < 0.5, 0.5, np.where(units[:, 1] < 0.3, 0.7, 0.9))


def fitted(units: np.ndarray, values: np.ndarray, seed: int = 0) -> MixedModel:
    model = Mixture().fit(dataset(SPACE, units, values), seed=seed).model("y")
    assert isinstance(model, MixedModel)
    return model


@pytest.fixture(scope="module")
def model() -> MixedModel:
    return fitted(*noisy(60))


def test_members_state_their_shares(model: MixedModel) -> None:
    assert sum(model.members.values()) == pytest.approx(1.0)
    assert {"process", "trees"} <= set(model.members)


def test_a_metric_of_plateaus_believes_trees_and_a_smooth_one_the_process(model: MixedModel) -> None:
    assert fitted(*steps(60)).members["trees"] > 0.5
    assert model.members["trees"] < 0.3


def test_the_density_integrates_to_one_and_agrees_with_the_quantiles(model: MixedModel) -> None:
    unit = np.array([[0.4, 0.5, 0.6]])
    low, high = model.quantiles(unit, (1e-5, 1 - 1e-5))[0]
    values = np.linspace(low, high, 6001)
    density = np.exp(model.log_density(np.repeat(unit, len(values), axis=0), values))
    below = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(values))])
    assert below[-1] == pytest.approx(1.0, abs=2e-3)
    for level in (0.05, 0.3, 0.9):
        assert np.interp(model.quantiles(unit, (level,))[0, 0], values, below) == pytest.approx(level, abs=2e-3)


def test_latent_moments_are_those_of_the_quantiles_nearly(model: MixedModel) -> None:
    units, _ = noisy(20, seed=5)
    mean, deviation = model.latent(units)
    nodes, weights = np.polynomial.legendre.leggauss(300)
    draws = model.warp.forward(model.quantiles(units, 0.5 * (nodes + 1.0), noise=False))
    average = draws @ weights / 2
    assert np.abs(average - mean).max() < 0.2 * np.median(deviation)
    spread = np.sqrt((draws - average[:, None]) ** 2 @ weights / 2)
    assert np.median(spread / deviation) == pytest.approx(1.0, abs=0.1)


def test_what_is_pending_leaves_the_mean_and_narrows_the_rest(model: MixedModel) -> None:
    units, _ = noisy(20, seed=6)
    known = model.conditioned(units[:3])
    before, after = model.latent(units), known.latent(units)
    assert after[0] == pytest.approx(before[0])
    assert (after[1] <= before[1] * (1 + 1e-9)).all()
    assert after[1][0] < 0.7 * before[1][0]
    mean, covariance = known.joint(units)
    assert np.sqrt(np.diagonal(covariance)) == pytest.approx(after[1])
    assert mean == pytest.approx(after[0])


def test_held_out_scores_are_close_to_those_on_new_rows() -> None:
    model = fitted(*noisy(120, seed=1))
    scores = model.held_out()
    units, values = noisy(600, seed=2)
    assert scores.rows == 120
    assert scores.log_density == pytest.approx(float(np.mean(model.log_density(units, values))), abs=0.2)
    assert 0.82 < scores.coverage_90 <= 0.97
    low, high = model.quantiles(units, (0.05, 0.95)).T
    assert 0.82 < np.mean((low <= values) & (values <= high)) < 0.97


def test_outliers_do_not_ruin_the_density_of_new_outliers() -> None:
    units, values = noisy(80, seed=3)
    values[::16] += 40.0
    new, clean = noisy(200, seed=4)
    clean[::16] += 40.0
    data = dataset(SPACE, units, values)
    alone = GaussianProcess().fit(dataset(space, units, values), seed=0).model("y")
    assert (np.abs(alone.quantiles(far, (0.5,))[:, 0] / wanted - 1.0) > 0.03).any()
