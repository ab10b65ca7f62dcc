from dataclasses import replace

import numpy as np

from physai_inverse.forward import Dataset
from physai_inverse.observations import Observation, TrialState
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


def _kinds(units: np.ndarray, kinds: list[str | None], points: np.ndarray) -> dict[str, np.ndarray]:
    space = cube(units.shape[1])
    failed = np.array([kind is not None for kind in kinds])
    data = replace(
        dataset(space, units, np.where(failed, np.nan, smooth(units)), failed=failed), kinds=tuple(kinds)
    )
    forward = GaussianProcess().fit(data, seed=0)
    found = forward.failure_probabilities(points)
    assert np.allclose(sum(found.values()), 1.0 - forward.success_probability(points))
    return found


def test_each_class_has_its_region() -> None:
    units = np.random.default_rng(6).random((80, 3))
    kinds = ["diverged" if x > 0.75 else "out_of_memory" if y > 0.75 else None for x, y, _ in units.tolist()]
    points = np.array([[0.95, 0.3, 0.5], [0.3, 0.95, 0.5], [0.3, 0.3, 0.5]])
    found = _kinds(units, kinds, points)
    assert set(found) == {"diverged", "out_of_memory"}
    assert found["diverged"][0] > 0.6 > 0.2 > found["out_of_memory"][0]
    assert found["out_of_memory"][1] > 0.6 > 0.2 > found["diverged"][1]
    assert found["diverged"][2] + found["out_of_memory"][2] < 0.1


def test_scattered_bugs_are_laid_to_no_configuration() -> None:
    random = np.random.default_rng(7)
    units = random.random((60, 3))
    kinds: list[str | None] = ["bug" if number % 10 == 0 else None for number in range(60)]
    found = _kinds(units, kinds, random.random((50, 3)))
    assert np.ptp(found["bug"]) == 0.0
    assert abs(found["bug"][0] - 0.1) < 0.02


def test_bugs_that_the_configuration_explains_have_a_region() -> None:
    units = np.random.default_rng(8).random((60, 3))
    kinds = ["bug" if x > 0.7 else None for x in units[:, 0].tolist()]
    found = _kinds(units, kinds, np.array([[0.95, 0.5, 0.5], [0.2, 0.5, 0.5]]))
    assert found["bug"][0] > 0.7
    assert found["bug"][1] < 0.1


def test_preempted_trainings_teach_nothing() -> None:
    space = cube(2)
    seen = [Observation({"x0": 0.1 * place, "x1": 0.5}, {"y": 1.0 * place}) for place in range(6)]
    lost = Observation({"x0": 0.9, "x1": 0.9}, state=TrialState.FAILED, kind="preempted")
    data = Dataset.from_observations(space, [*seen, lost])
    assert GaussianProcess().fit(data, seed=0).failure_probabilities(data.units) == {}


def test_a_failure_without_a_class_is_unknown_and_a_divergence_is_one() -> None:
    config = {"x0": 0.5, "x1": 0.5}
    states = (TrialState.FAILED, TrialState.DIVERGED, TrialState.DONE)
    data = Dataset.from_observations(cube(2), [Observation(config, state=state) for state in states])
    assert data.kinds == ("unknown", "diverged", None)
