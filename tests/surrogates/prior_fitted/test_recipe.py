from dataclasses import replace

import numpy as np
import pytest

from physai_inverse.errors import FitFailed
from physai_inverse.forward import Column, Dataset
from physai_inverse.space import Choice, Float, Space
from physai_inverse.surrogates.prior_fitted.metric import PriorFittedMetric
from physai_inverse.surrogates.prior_fitted.recipe import PriorFitted
from physai_inverse.surrogates.scoring import explained

SPACE = Space(
    lr=Float(1e-5, 1e-1, log=True), width=Float(0.0, 1.0), kind=Choice(["a", "b", "c"]), idle=Float(0, 1)
)


def truth(units: np.ndarray) -> np.ndarray:
    kinds = np.minimum((3.0 * units[:, 2]).astype(int), 2)
    return np.asarray(np.exp(4.0 * (units[:, 0] - 0.6) ** 2 + 0.5 * units[:, 1] + 0.3 * kinds))


def dataset(num: int, *, noise: float = 0.02, seed: int = 0) -> Dataset:
    random = np.random.default_rng(seed)
    units = SPACE.snap(random.random((num, 4)))
    values = truth(units) * np.exp(noise * random.standard_normal(num))
    nothing = np.zeros(num)
    return Dataset(SPACE, units, {"loss": Column(values, nothing, nothing.astype(int))}, nothing.astype(bool))


def model(data: Dataset, seed: int = 0) -> PriorFittedMetric:
    found = PriorFitted().fit(data, seed=seed).model("loss")
    assert isinstance(found, PriorFittedMetric)
    return found


POINTS = SPACE.snap(np.random.default_rng(7).random((300, 4)))


def test_it_learns_a_smooth_law_without_a_fit() -> None:
    predicted = model(dataset(64)).quantiles(POINTS, (0.05, 0.5, 0.95))
    values = truth(POINTS)
    assert explained(values, predicted[:, 1]) > 0.9
    assert 0.8 < np.mean((values > predicted[:, 0]) & (values < predicted[:, 2])) <= 1.0


def test_the_order_of_rows_does_not_matter() -> None:
    data = dataset(40)
    order = np.random.default_rng(1).permutation(40)
    column = data.columns["loss"]
    turned = replace(
        data,
        units=data.units[order],
        columns={"loss": Column(column.values[order], column.errors, column.censored)},
    )
    np.testing.assert_allclose(model(data).latent(POINTS)[0], model(turned).latent(POINTS)[0], atol=1e-4)


def test_the_same_seed_and_rows_give_the_same_answer() -> None:
    data = dataset(300)
    first, second = (model(data, seed=3).quantiles(POINTS, (0.1, 0.9)) for _ in range(2))
    assert np.array_equal(first, second)


def test_points_asked_together_are_answered_as_one_by_one() -> None:
    found = model(dataset(30))
    together = found.log_density(POINTS[:5], truth(POINTS[:5]))
    alone = [
        found.log_density(POINTS[place : place + 1], truth(POINTS[place : place + 1]))[0] for place in range(5)
    ]
    np.testing.assert_allclose(together, alone, atol=1e-3)


def test_the_density_in_the_metrics_units_integrates_to_one() -> None:
    found = model(dataset(40))
    low, high = found.quantiles(POINTS[:1], (1e-5, 1.0 - 1e-5))[0]
    values = np.linspace(low, high, 4001)
    mixture = found.density(POINTS[:1])
    density = [
        float(np.exp(mixture.log_density(found.warp.forward(value))[0] + found.warp.log_slope(value)[0]))
        for value in values[:, None]
    ]
    assert np.trapezoid(density, values) == pytest.approx(1.0, abs=2e-3)
    assert found.log_density(POINTS[:1], values[2000:2001])[0] == pytest.approx(np.log(density[2000]))


def test_quantiles_and_density_are_of_one_distribution() -> None:
    found = model(dataset(40))
    near = found.quantiles(POINTS[:20], (0.499, 0.5, 0.501))
    slope = 0.002 / (near[:, 2] - near[:, 0])
    np.testing.assert_allclose(np.exp(found.log_density(POINTS[:20], near[:, 1])), slope, rtol=0.02)


def test_latent_moments_with_the_noise_are_about_those_of_the_density() -> None:
    found = model(dataset(60, noise=0.2))
    mean, deviation = found.latent(POINTS)
    whole_mean, whole = found.density(POINTS).moments()
    np.testing.assert_allclose(mean, whole_mean)
    assert np.all(deviation <= whole)
    assert np.median(np.hypot(deviation, found.noise) / whole) == pytest.approx(1.0, abs=0.15)


def test_what_is_running_keeps_the_mean_and_takes_doubt_away() -> None:
    found = model(dataset(20))
    mean, deviation = found.latent(POINTS)
    running = POINTS[np.argsort(-deviation)[:3]]
    kept, left = found.conditioned(running).latent(POINTS)
    np.testing.assert_allclose(kept, mean, atol=1e-9)
    assert np.all(left <= deviation * (1 + 1e-9))
    near = found.conditioned(running).latent(running)[1] / found.latent(running)[1]
    assert np.all(near < 0.8)


def test_all_folds_in_one_pass_say_what_each_says_alone() -> None:
    found = model(dataset(25))
    together = found.held_out_density()
    context = found.context
    shown = np.setdiff1d(np.arange(25), _fold_of(found, 4))
    alone = replace(
        context, columns=context.columns[shown], latent=context.latent[shown], censored=context.censored[shown]
    ).answer(context.columns[4:5])
    np.testing.assert_allclose(together.means[4], alone.means[0], atol=1e-3)


def _fold_of(found: PriorFittedMetric, row: int) -> np.ndarray:
    return next(fold for fold in found.context.folds() if row in fold)


def test_held_out_scores_are_about_those_on_new_rows() -> None:
    scores = model(dataset(100)).held_out()
    fresh = dataset(300, seed=5)
    density = model(dataset(100)).log_density(fresh.units, fresh.columns["loss"].values)
    assert scores.rows == 100
    assert scores.log_density == pytest.approx(float(density.mean()), abs=0.35)
    assert scores.rank_correlation > 0.9
    assert np.array_equal(np.sort(scores.places), np.arange(100))


def test_censored_rows_count_and_are_not_scored() -> None:
    data = dataset(40)
    column = data.columns["loss"]
    limit = float(np.quantile(column.values, 0.7))
    beyond = column.values > limit
    cut = Column(np.minimum(column.values, limit), column.errors, beyond.astype(int))
    plain = Column(np.minimum(column.values, limit), column.errors, column.censored)
    told, untold = (model(replace(data, columns={"loss": part})) for part in (cut, plain))
    assert told.held_out().rows == 40 - beyond.sum()
    hidden = data.units[beyond]
    assert told.latent(hidden)[0].mean() > untold.latent(hidden)[0].mean()


def test_more_rows_than_it_reads_are_drawn_from() -> None:
    found = model(dataset(400))
    assert len(found.places) == 256
    assert len(np.unique(found.places)) == 256
    assert found.held_out().rows == 256


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (dataset(4), "there are 4 values, and the network needs 6"),
        (
            replace(dataset(9), columns={"loss": Column(np.ones(9), np.zeros(9), np.zeros(9, dtype=int))}),
            "all values are equal",
        ),
    ],
)
def test_what_it_declines_it_declines_with_the_reason(data: Dataset, reason: str) -> None:
    with pytest.raises(FitFailed, match=f"`loss` is not one for the prior-data fitted network: {reason}"):
        PriorFitted().fit(data, seed=0)


def test_too_many_columns_are_declined() -> None:
    space = Space({f"x{place}": Float(0.0, 1.0) for place in range(33)})
    units = np.random.default_rng(0).random((8, 33))
    column = Column(units[:, 0], np.zeros(8), np.zeros(8, dtype=int))
    with pytest.raises(FitFailed, match="33 encoded columns, and the network has room for 32"):
        PriorFitted().fit(Dataset(space, units, {"loss": column}, np.zeros(8, dtype=bool)), seed=0)


@pytest.mark.parametrize("scale", [1e-280, 1e280])
def test_values_at_the_ends_of_the_floats_have_finite_predictions(scale: float) -> None:
    data = dataset(20)
    column = data.columns["loss"]
    far = Column(column.values / 10.0 * scale, column.errors, column.censored)
    found = model(replace(data, columns={"loss": far})).predict(POINTS[:10])
    assert np.isfinite(found.mean).all()
    assert np.isfinite(found.standard_deviation).all()
    assert np.isfinite(found.quantiles[0.5]).all()
