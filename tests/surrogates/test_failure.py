import numpy as np

from physai_inverse.surrogates import GaussianProcess
from tests.surrogates.problems import cube, dataset, smooth


def _probability(units: np.ndarray, failed: np.ndarray, points: np.ndarray) -> np.ndarray:
    space = cube(units.shape[1])
    values = np.where(failed, np.nan, smooth(units))
    return GaussianProcess().fit(dataset(space, units, values, failed=failed), seed=0).success_probability(points)


def test_nothing_failed_means_success_everywhere() -> None:
    units = np.random.default_rng(0).random((10, 2))
    assert _probability(units, np.zeros(10, dtype=bool), units).tolist() == [1.0] * 10


def test_the_first_failure_already_tells() -> None:
    units = np.random.default_rng(1).random((12, 2))
    failed = np.arange(12) == 4
    probability = _probability(units, failed, units)
    assert probability[4] < 0.35
    assert probability[~failed].mean() > 0.8


def test_a_cliff_is_found() -> None:
    random = np.random.default_rng(2)
    units, points = random.random((60, 3)), random.random((500, 3))
    probability = _probability(units, units[:, 0] > 0.7, points)
    assert np.mean((probability < 0.5) == (points[:, 0] > 0.7)) > 0.92


def test_probabilities_are_calibrated_on_random_failures() -> None:
    random = np.random.default_rng(3)
    units = random.random((150, 2))
    failed = random.random(150) < 0.3
    probability = _probability(units, failed, random.random((200, 2)))
    assert abs(probability.mean() - 0.7) < 0.1


def test_all_failed_means_low_probability() -> None:
    units = np.random.default_rng(4).random((6, 2))
    assert (_probability(units, np.ones(6, dtype=bool), units) < 0.5).all()


def test_far_from_everything_the_probability_tends_to_the_base_rate() -> None:
    random = np.random.default_rng(5)
    units = 0.1 * random.random((40, 2))
    failed = np.arange(40) % 4 == 0
    far = _probability(units, failed, np.array([[1.0, 1.0]]))[0]
    assert 0.5 < far < 0.95
