"""Earlier studies: the mean leans on those that the data agree with, and on no others."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from physai_inverse.errors import FitFailed
from physai_inverse.forward import AbstractSurrogate, Dataset, ForwardMap
from physai_inverse.space import Choice, Float, Space
from physai_inverse.surrogates import Earlier, GaussianProcess, Transferred
from physai_inverse.surrogates.fit import Priors
from physai_inverse.surrogates.kernel import Covariance
from physai_inverse.surrogates.likelihood import evidence
from physai_inverse.surrogates.stack import MOST_SHIFTED, WEIGHT_SPREAD, WEIGHT_SUM, climb_stack, shifts
from physai_inverse.surrogates.transfer import predicts_itself
from tests.surrogates.problems import cube, dataset, random_rows

SPACE = cube(3)


def valley(units: np.ndarray, place: float = 0.3) -> np.ndarray:
    return np.asarray(
        np.sin(7.0 * units[:, 0]) + 3.0 * (units[:, 1] - place) ** 2 + np.cos(5.0 * units[:, 2] * units[:, 0])
    )


def rows(num: int, seed: int, *, sign: float = 1.0, shuffled: bool = False, space: Space = SPACE) -> Dataset:
    random = np.random.default_rng(seed)
    units = space.snap(random.random((num, space.dimension)))
    values = sign * valley(units) + 0.02 * random.standard_normal(num)
    return dataset(space, units, random.permutation(values) if shuffled else values)


def weights(earlier: list[Dataset], data: Dataset) -> list[float]:
    recipe = Transferred(tuple(Earlier(f"s{place}", item) for place, item in enumerate(earlier)))
    return list(recipe.fit(data, seed=0).model("y").leaning.values())


def error(recipe: GaussianProcess | Transferred, data: Dataset) -> float:
    units = np.random.default_rng(99).random((400, 3))
    mean = recipe.fit(data, seed=0).model("y").predict(units).mean
    return float(np.sqrt(np.mean((mean - valley(units)) ** 2)))


@pytest.mark.parametrize("censored", [False, True])
def test_the_gradient_by_the_values_is_that_of_differences(censored: bool) -> None:
    rows_ = random_rows(1, censored=censored)
    covariance = Covariance.from_logs(np.array([-1.0, -0.5, -1.0, 0.1, -3.0]))
    found = evidence(rows_, covariance)
    direction = np.random.default_rng(2).normal(size=len(rows_))
    step = 1e-5
    above, below = (
        evidence(replace(rows_, values=rows_.values + sign * step * direction), covariance).value
        for sign in (1, -1)
    )
    assert -found.weights @ direction == pytest.approx((above - below) / (2 * step), rel=1e-3)


def test_the_climb_ends_where_no_weight_would_do_better() -> None:
    rows_ = random_rows(1)
    means = np.random.default_rng(2).normal(size=(2, len(rows_)))
    priors, shift, start = Priors(3), np.array([0.3, 0.0, -0.2]), np.array([-1.0, -1.0, 0.0, 0.0, -3.0])
    found = climb_stack(rows_, priors, shift, means, start, np.array([0.4, 0.4]))
    for step in (np.array([0.1, 0.0]), np.array([0.0, 0.1]), np.array([-0.1, 0.1])):
        weights_ = np.maximum(found.weights + step, 0.0)
        offset = (np.stack([weights_, found.weights]) - WEIGHT_SUM / 2) / WEIGHT_SPREAD
        values = [
            evidence(replace(rows_, values=rows_.values - w @ means), found.covariance).value
            for w in (weights_, found.weights)
        ]
        moved, held = np.array(values) - 0.5 * (offset**2).sum(axis=1)
        assert moved <= held + 1e-6


def test_with_few_rows_an_earlier_study_of_the_same_metric_halves_the_error() -> None:
    data = rows(8, seed=5)
    recipe = Transferred((Earlier("s", rows(50, seed=1)),))
    assert error(recipe, data) < 0.5 * error(GaussianProcess(), data)


def test_a_study_of_the_same_metric_gets_weight_and_a_negated_one_next_to_none() -> None:
    data = rows(25, seed=5)
    same, negated = weights([rows(50, seed=1), rows(50, seed=2, sign=-1.0)], data)
    assert same > 0.6
    assert negated < 0.05


def test_results_that_say_nothing_leave_no_weight_to_earlier_studies() -> None:
    plateau = rows(20, seed=5)
    noise = 0.5 + 1e-3 * np.random.default_rng(7).standard_normal(20)
    assert weights([rows(50, seed=1), rows(50, seed=2)], dataset(SPACE, plateau.units, noise)) == [0.0, 0.0]


def test_a_study_whose_results_were_shuffled_does_not_predict_itself_and_says_nothing() -> None:
    for seed in range(4):
        recipe = GaussianProcess()
        assert predicts_itself(recipe, rows(40, seed), "y", seed=0)
        assert not predicts_itself(recipe, rows(40, seed, shuffled=True), "y", seed=0)
    transferred = Transferred((Earlier("old", rows(40, 0)), Earlier("shuffled", rows(40, 1, shuffled=True))))
    assert [len(data) for data, _ in transferred.maps(["y"])] == [40]
    assert [name for name, _ in transferred.fit(rows(8, 9), seed=0).model("y").leaning.items()] == ["old"]


def test_too_few_trainings_to_judge_are_believed() -> None:
    few = rows(14, 1, shuffled=True)
    assert predicts_itself(GaussianProcess(), few, "y", seed=0)


def test_misleading_studies_leave_the_map_as_it_is_without_them() -> None:
    data = rows(20, seed=5)
    recipe = Transferred(tuple(Earlier(f"s{seed}", rows(50, seed=seed, sign=-1.0)) for seed in (1, 2, 3)))
    assert error(recipe, data) == pytest.approx(error(GaussianProcess(), data), rel=0.1)


def test_level_and_unit_of_an_earlier_study_do_not_matter() -> None:
    data, other = rows(8, seed=5), rows(50, seed=1)
    scaled = dataset(SPACE, other.units, 1000.0 + 50.0 * other.columns["y"].values)
    recipes = (Transferred((Earlier("s", item),)) for item in (other, scaled))
    first, second = (error(recipe, data) for recipe in recipes)
    assert second == pytest.approx(first, rel=0.1)


def test_lengthscales_of_earlier_studies_move_the_priors_as_far_as_those_studies_predict() -> None:
    lengths = np.array([[0.0, 1.0, 9.0], [0.0, -1.0, 9.0]])
    np.testing.assert_allclose(shifts(lengths, np.array([0.0, 0.0]), 0.0), 0.0)
    np.testing.assert_allclose(shifts(lengths, np.array([1.0, 0.0]), 0.0), [0.0, 0.5, MOST_SHIFTED / 2])
    np.testing.assert_allclose(shifts(lengths, np.array([1.0, 1.0]), 0.0), [0.0, 0.0, MOST_SHIFTED * 2 / 3])


def test_a_prediction_is_the_weighted_sum_plus_the_process_of_what_is_left() -> None:
    data = rows(12, seed=5)
    model = Transferred((Earlier("s", rows(50, seed=1)),)).fit(data, seed=0).model("y")
    units = np.random.default_rng(3).random((5, 3))
    mean, deviation = model.latent(units)
    joint_mean, joint = model.joint(units)
    np.testing.assert_allclose(mean, joint_mean)
    np.testing.assert_allclose(deviation, np.sqrt(np.diag(joint)), rtol=1e-6)
    conditioned, _ = model.conditioned(units[:2]).latent(units)
    np.testing.assert_allclose(conditioned, mean, atol=1e-6)


def test_metrics_that_earlier_studies_lack_are_fitted_as_without_them() -> None:
    data = rows(12, seed=5)
    other = rows(50, seed=1)
    renamed = Dataset(SPACE, other.units, {"z": other.columns["y"]}, other.failed)
    recipe = Transferred((Earlier("s", renamed),))
    plain = GaussianProcess().fit(data, seed=0).model("y")
    units = np.random.default_rng(3).random((5, 3))
    np.testing.assert_array_equal(recipe.fit(data, seed=0).model("y").latent(units), plain.latent(units))
    assert recipe.maps(["y"]) == []
    assert len(recipe.maps(["z"])) == 1


def test_points_beyond_the_cube_still_teach() -> None:
    space = Space(x=Float(0.0, 1.0), kind=Choice(["a", "b"]))
    x = np.linspace(-1.0, 2.0, 40)
    units = np.stack([x, np.where(np.arange(40) % 2, 0.25, 0.75)], axis=1)
    earlier = Earlier("wider", dataset(space, units, np.sin(4.0 * x)))
    few = space.snap(np.array([[0.1, 0.25], [0.5, 0.75], [0.9, 0.25], [0.3, 0.75]]))
    data = dataset(space, few, np.sin(4.0 * few[:, 0]))
    ask = space.snap(np.random.default_rng(0).random((50, 2)))
    truth = np.sin(4.0 * ask[:, 0])
    with_, without = (
        float(np.std(recipe.fit(data, seed=0).model("y").predict(ask).mean - truth))
        for recipe in (Transferred((earlier,)), GaussianProcess())
    )
    assert with_ < 0.4 * without


@dataclass(frozen=True)
class Failing(AbstractSurrogate):
    """Refuses points beyond the cube."""

    def fit(self, data: Dataset, *, seed: int, metrics: Sequence[str] | None = None) -> ForwardMap:
        if (data.units > 1.0).any():
            raise FitFailed("too far out")
        return GaussianProcess().fit(data, seed=seed, metrics=metrics)


def test_an_earlier_study_that_cannot_be_fitted_is_done_without() -> None:
    data, bad = rows(12, seed=5), rows(20, seed=1)
    bad = replace(bad, units=bad.units + 1.0)
    recipe = Transferred((Earlier("bad", bad), Earlier("good", rows(50, seed=1))), base=Failing())
    assert list(recipe.fit(data, seed=0).model("y").leaning) == ["good"]
