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
    assert np.median(spread / deviation) == pytest.approx(1.0, abs=0.15)  # exact for a pool that is normal


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
    alone = GaussianProcess().fit(data, seed=0).model("y").log_density(new, clean)
    together = Mixture().fit(data, seed=0).model("y").log_density(new, clean)
    assert together.mean() > alone.mean() + 0.5
    assert together.min() > -30.0


def test_the_same_seed_gives_the_same_map_and_another_seed_nearly_the_same() -> None:
    units, values = noisy(40)
    points, _ = noisy(10, seed=8)
    one, two, other = (fitted(units, values, seed).quantiles(points, (0.1, 0.9)) for seed in (0, 0, 1))
    assert (one == two).all()
    assert other == pytest.approx(one, abs=0.3)


@pytest.mark.parametrize("num", [1, 2, 5, 9])
def test_a_few_rows_have_the_process_alone(num: int) -> None:
    units, values = noisy(num)
    model = Mixture().fit(dataset(SPACE, units, values), seed=0).model("y")
    assert isinstance(model, MetricProcess)
    assert model.members == {}


@pytest.mark.parametrize(
    "change",
    [
        lambda values: np.full_like(values, 3.0),
        lambda values: values * 1e200,
        lambda values: values * 1e-200,
        lambda values: np.round(3 * values),
        lambda values: np.where(np.arange(len(values)) == 4, 7.0, 1.0),
        lambda values: np.exp(20 * values),
    ],
    ids=["constant", "huge", "tiny", "whole", "one different", "many decades"],
)
def test_strange_values_break_nothing(change: object) -> None:
    units, values = noisy(40)
    values = change(values)  # type: ignore[operator]  # a table of functions
    model = Mixture().fit(dataset(SPACE, units, values), seed=0).model("y")
    prediction = model.predict(units[:5])
    scores = model.held_out()
    assert np.isfinite(prediction.mean).all()
    assert np.isfinite(prediction.standard_deviation).all()
    assert np.isfinite(model.log_density(units[:5], values[:5])).all()
    assert np.isfinite(scores.log_density)


def test_censored_rows_lift_what_is_expected_there() -> None:
    units, values = noisy(60, seed=9)
    values = 3.0 * values
    bound = float(np.quantile(values, 0.7))
    hidden = values > bound
    data = dataset(SPACE, units, np.minimum(values, bound), censored=hidden.astype(int))
    model = Mixture().fit(data, seed=0).model("y")
    assert isinstance(model, MixedModel)
    median = model.predict(units[hidden]).quantiles[0.5]
    assert np.mean(median > bound) > 0.8
    assert model.process.column.censored.sum() == hidden.sum()
    assert model.held_out().rows == int((~hidden).sum())


def test_rows_without_the_metric_are_left_out_and_places_are_those_of_the_dataset() -> None:
    units, values = noisy(40)
    values[7] = np.nan
    model = Mixture().fit(dataset(SPACE, units, values), seed=0).model("y")
    assert model.held_out().places.tolist() == [row for row in range(40) if row != 7]


def test_known_errors_widen_what_is_expected_of_those_rows_alone() -> None:
    units, values = noisy(40)
    errors = np.where(np.arange(40) % 2 == 0, 2.0, 0.0)
    values = values + errors * np.random.default_rng(3).standard_normal(40)
    model = Mixture().fit(dataset(SPACE, units, values, errors=errors), seed=0).model("y")
    assert isinstance(model, MixedModel)
    widths = np.stack([candidate.held_out.moments()[1] for candidate in model.candidates])
    assert (np.median(widths[:, ::2], axis=1) > np.median(widths[:, 1::2], axis=1)).mean() > 0.7


def test_only_the_wanted_metrics_are_fitted_and_failures_are_modelled() -> None:
    units, values = noisy(30)
    zeros = np.zeros(30)
    columns = {name: Column(values, zeros, zeros.astype(int)) for name in ("a", "b")}
    data = Dataset(SPACE, units, columns, units[:, 0] > 0.8)
    forward = Mixture().fit(data, seed=0, metrics=["b"])
    assert list(forward.models) == ["b"]
    assert forward.success is not None


def test_ranks_of_held_out_values_are_even(model: MixedModel) -> None:
    ranks = np.sort(model.held_out().ranks)
    assert np.abs(ranks - (np.arange(len(ranks)) + 0.5) / len(ranks)).max() < 0.2


def test_beyond_the_rows_a_law_that_proved_itself_speaks_alone() -> None:
    space = Space(tokens=Float(1e6, 1e12, log=True), width=Float(16, 1024, log=True))
    random = np.random.default_rng(0)
    sizes, widths = 10 ** random.uniform(6, 9, 40), 2 ** random.uniform(4, 10, 40)

    def truth(tokens: np.ndarray) -> np.ndarray:
        return np.asarray(1.7 + 60.0 * tokens**-0.2)

    values = truth(sizes) * (1 + 0.003 * random.standard_normal(40))
    units = space.encode([{"tokens": t, "width": w} for t, w in zip(sizes.tolist(), widths.tolist(), strict=True)])
    far = space.encode([{"tokens": t, "width": 100.0} for t in (1e10, 1e11, 1e12)])
    low, middle, high = (
        Mixture().fit(dataset(space, units, values), seed=0).model("y").quantiles(far, (0.05, 0.5, 0.95)).T
    )
    wanted = truth(np.array([1e10, 1e11, 1e12]))
    assert middle == pytest.approx(wanted, rel=0.03)
    assert ((low <= wanted) & (wanted <= high)).all()
    assert (high - low < 0.5).all()
    process = GaussianProcess().fit(dataset(space, units, values), seed=0).model("y")
    assert np.abs(process.quantiles(far, (0.5,))[:, 0] / wanted - 1.0).max() > 0.03


def test_quantiles_do_not_run_decades_beyond_the_values_of_a_few_rows() -> None:
    random = np.random.default_rng(5)
    units = SPACE.snap(random.random((16, 3)))
    values = np.where(units[:, 0] < 0.7, 0.5 + 1e-3 * random.random(16), 0.5 + 0.3 * units[:, 1])
    model = Mixture().fit(dataset(SPACE, units, values), seed=0).model("y")
    points = SPACE.snap(random.random((200, 3)))
    quantiles = model.quantiles(points, (0.001, 0.5, 0.999))
    span = np.ptp(values)
    assert quantiles.max() <= values.max() + span + 1e-12
    assert quantiles.min() >= values.min() - span - 1e-12
