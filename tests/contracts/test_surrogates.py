"""What every recipe for a forward map promises, whatever it is made of."""

import numpy as np
import pytest

from physai_inverse.errors import NotFound
from physai_inverse.forward import AbstractSurrogate
from physai_inverse.surrogates import Earlier, GaussianProcess, Mixture, Transferred
from tests.surrogates.problems import dataset, mixed, smooth

SPACE = mixed()


def drawn(num: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    units = SPACE.snap(random.random((num, SPACE.dimension)))
    return units, np.exp(smooth(units)) + 0.05 * random.standard_normal(num)


RECIPES: dict[str, AbstractSurrogate] = {
    "process": GaussianProcess(),
    "mixture": Mixture(),
    "transferred": Transferred((Earlier("before", dataset(SPACE, *drawn(20, seed=9))),)),
    "mixture of transferred": Mixture(
        Transferred((Earlier("before", dataset(SPACE, *drawn(20, seed=9))),)),
    ),
}
EVERY = pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES.keys())


@EVERY
@pytest.mark.parametrize("num", [1, 2, 12, 40])
def test_predictions_are_finite_and_quantiles_ascend(recipe: AbstractSurrogate, num: int) -> None:
    units, values = drawn(num)
    model = recipe.fit(dataset(SPACE, units, values), seed=0).model("y")
    points, held = drawn(15, seed=1)
    prediction = model.predict(points)
    assert np.isfinite(prediction.mean).all()
    assert (prediction.standard_deviation >= 0).all()
    assert (np.diff(model.quantiles(points, (0.01, 0.2, 0.5, 0.8, 0.99)), axis=1) >= 0).all()
    assert np.isfinite(model.log_density(points, held)).all()
    assert prediction.quantiles[0.5] == pytest.approx(model.quantiles(points, (0.5,))[:, 0], rel=1e-4)


@EVERY
def test_one_more_training_is_less_certain_than_the_mean_over_many(recipe: AbstractSurrogate) -> None:
    model = recipe.fit(dataset(SPACE, *drawn(40)), seed=0).model("y")
    points, _ = drawn(15, seed=1)
    one, many = (np.diff(model.quantiles(points, (0.1, 0.9), noise=noise), axis=1) for noise in (True, False))
    assert (many <= one * (1 + 1e-6)).all()


@EVERY
def test_the_joint_spread_has_the_single_ones_on_its_diagonal(recipe: AbstractSurrogate) -> None:
    model = recipe.fit(dataset(SPACE, *drawn(40)), seed=0).model("y")
    points, _ = drawn(8, seed=1)
    mean, covariance = model.joint(points)
    assert mean == pytest.approx(model.latent(points)[0], abs=1e-8)
    assert np.sqrt(np.diagonal(covariance)) == pytest.approx(model.latent(points)[1], rel=1e-4)
    assert np.linalg.eigvalsh(covariance).min() > -1e-8


@EVERY
def test_the_same_seed_gives_the_same_predictions(recipe: AbstractSurrogate) -> None:
    data, (points, _) = dataset(SPACE, *drawn(30)), drawn(5, seed=1)
    first, second = (recipe.fit(data, seed=4).model("y").quantiles(points, (0.1, 0.9)) for _ in range(2))
    assert (first == second).all()


@EVERY
def test_held_out_scores_are_of_every_row_with_a_value(recipe: AbstractSurrogate) -> None:
    units, values = drawn(40)
    values[3] = np.nan
    scores = recipe.fit(dataset(SPACE, units, values), seed=0).model("y").held_out()
    assert scores.places.tolist() == [row for row in range(40) if row != 3]
    assert (scores.low < scores.high).all()
    assert scores.measured == pytest.approx(np.delete(values, 3))
    assert 0.7 < scores.coverage_90 <= 1.0
    assert scores.rank_correlation > 0.7


@EVERY
def test_a_metric_that_was_never_recorded_is_not_found(recipe: AbstractSurrogate) -> None:
    with pytest.raises(NotFound, match="no forward map of the metric `z`"):
        recipe.fit(dataset(SPACE, *drawn(12)), seed=0).model("z")
