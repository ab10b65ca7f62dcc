"""The forward map as a whole: fitted to functions that are known, and to numbers that break a careless one."""

import csv
from pathlib import Path

import numpy as np
import pytest

from physai_inverse.forward import Dataset, ForwardMap
from physai_inverse.observations import Measurement, Metric, Observation, TrialState
from physai_inverse.space import Choice, Float, Integer, Space
from physai_inverse.surrogates import GaussianProcess

GROKKING = Path(__file__).parents[3] / "shared" / "data" / "grokking" / "addition_regression.csv"


def space() -> Space:
    return Space(
        lr=Float(1e-4, 1.0, log=True),
        width=Integer(8, 128, log=True),
        optimizer=Choice(["sgd", "adamw"]),
        momentum=Float(0.0, 0.99, when={"optimizer": ["sgd"]}),
    )


def truth(units: np.ndarray) -> np.ndarray:
    return np.asarray(np.sin(3 * units[:, 0]) + units[:, 1] ** 2 + 0.3 * (units[:, 2] > 0.5))


def fitted(values: "list[Metric]", units: np.ndarray, failed: np.ndarray | None = None) -> ForwardMap:
    configs = space().decode(units)
    bad = np.zeros(len(units), dtype=bool) if failed is None else failed
    observations = [
        Observation(
            config, {} if fails else {"y": value}, TrialState.FAILED if fails else TrialState.DONE, number=i
        )
        for i, (config, value, fails) in enumerate(zip(configs, values, bad, strict=True))
    ]
    return GaussianProcess().fit(Dataset.from_observations(space(), observations), seed=0)


def points(num: int, seed: int = 0) -> np.ndarray:
    return space().encode(space().sample(num, seed=seed))


@pytest.mark.parametrize(("num", "columns"), [(5, 1), (20, 3), (60, 6)])
def test_the_posterior_is_that_of_gpytorch(num: int, columns: int) -> None:
    torch = pytest.importorskip("torch")
    gpytorch = pytest.importorskip("gpytorch")
    from physai_inverse.surrogates.kernel import MEAN_VARIANCE, Covariance
    from physai_inverse.surrogates.likelihood import Posterior, Rows, evidence

    rng = np.random.default_rng(num)
    features, new, targets = rng.random((num, columns)), rng.random((7, columns)), rng.normal(size=num)
    covariance = Covariance(rng.uniform(0.2, 2.0, columns), 1.7, 0.05)
    rows = Rows(features, np.arange(columns), targets, np.zeros(num), np.zeros(num, dtype=int))

    matern = gpytorch.kernels.MaternKernel(nu=2.5, ard_num_dims=columns)
    scaled = gpytorch.kernels.ScaleKernel(matern).double()
    matern.lengthscale = torch.tensor(covariance.lengthscales)
    scaled.outputscale = torch.tensor(covariance.scale, dtype=torch.float64)
    with torch.no_grad():
        x, y, z = torch.tensor(features), torch.tensor(targets), torch.tensor(new)
        seen = scaled(x).to_dense() + MEAN_VARIANCE
        cross, prior = (
            scaled(x, z).to_dense() + MEAN_VARIANCE,
            torch.diagonal(scaled(z).to_dense()) + MEAN_VARIANCE,
        )
        noisy = seen + covariance.noise * torch.eye(num, dtype=torch.float64)
        solved = torch.linalg.solve(noisy, cross)
        expected = torch.distributions.MultivariateNormal(torch.zeros(num, dtype=torch.float64), noisy).log_prob(y)
    mean, variance = Posterior.given(rows, covariance).moments(new)
    assert mean == pytest.approx((solved.T @ y).numpy(), abs=1e-6)
    assert variance == pytest.approx((prior - (cross * solved).sum(0)).numpy(), abs=1e-6)
    assert evidence(rows, covariance).value == pytest.approx(float(expected), abs=1e-6)


def test_a_smooth_function_is_learned_and_its_uncertainty_is_honest() -> None:
    inside, r2 = [], []
    for seed in range(5):
        units, new = points(60, seed), points(200, 100 + seed)
        noise = 0.1 * np.random.default_rng(seed).normal(size=60)
        forward = fitted(list(truth(units) + noise), units)
        prediction = forward.model("y").predict(new, noise=False)
        inside.append(
            np.mean((prediction.quantiles[0.05] <= truth(new)) & (truth(new) <= prediction.quantiles[0.95]))
        )
        r2.append(1 - np.mean((prediction.mean - truth(new)) ** 2) / np.var(truth(new)))
    assert np.mean(r2) > 0.9
    assert 0.8 < np.mean(inside) <= 1.0


def test_losses_over_orders_of_magnitude_are_predicted_as_positive_numbers() -> None:
    units, new = points(50), points(100, 1)
    forward = fitted(list(np.exp(4 * truth(units))), units)
    prediction = forward.model("y").predict(new)
    assert all((values > 0).all() for values in prediction.quantiles.values())
    assert np.corrcoef(np.log(prediction.quantiles[0.5]), truth(new))[0, 1] > 0.95
    assert forward.model("y").held_out().r2 > 0.9


def test_a_warp_is_increasing_and_comes_back() -> None:
    for values in (np.exp(4 * truth(points(40))), truth(points(40)), 1 / (1 + np.exp(-truth(points(40))))):
        warp = fitted(list(values), points(40)).model("y").warp
        grid = np.linspace(values.min(), values.max(), 200)
        latent = warp.forward(grid)
        assert (np.diff(latent) > 0).all()
        assert warp.inverse(latent) == pytest.approx(grid, rel=1e-9)
        step = 1e-6 * (values.max() - values.min())
        slope = (warp.forward(grid[1:-1] + step) - warp.forward(grid[1:-1] - step)) / (2 * step)
        assert warp.log_slope(grid[1:-1]) == pytest.approx(np.log(slope), abs=1e-3)


def test_censored_values_are_neither_dropped_nor_taken_as_values() -> None:
    units, new = points(80), points(300, 1)
    values, bound = 2 * truth(units), 1.5
    late = values > bound

    def error(metrics: "list[Metric]", rows: np.ndarray) -> float:
        forward = fitted(metrics, units[rows])
        beyond = 2 * truth(new) > bound
        median = forward.model("y").predict(new[beyond]).quantiles[0.5]
        return float(np.sqrt(np.mean((median - 2 * truth(new[beyond])) ** 2)))

    everything = np.arange(80)
    censored: list[Metric] = [
        Measurement(bound, censored="above") if hidden else float(value)
        for value, hidden in zip(values, late, strict=True)
    ]
    taken_as_values: list[Metric] = [min(float(value), bound) for value in values]
    assert error(censored, everything) < error(taken_as_values, everything)


def test_replicates_tell_the_noise() -> None:
    rng = np.random.default_rng(0)
    units = np.repeat(points(15), 4, axis=0)
    forward = fitted(list(truth(units) + 0.2 * rng.normal(size=60)), units)
    model = forward.model("y")
    spread = model.predict(units[:1]).standard_deviation[0]
    assert 0.2 / 1.5 < spread < 0.2 * 1.5


def test_what_is_running_shrinks_the_uncertainty_and_leaves_the_mean() -> None:
    units, pending, new = points(30), points(3, 7), points(50, 8)
    model = fitted(list(truth(units)), units).model("y")
    after = model.conditioned(pending)
    assert after.latent(new)[0] == pytest.approx(model.latent(new)[0], abs=1e-9)
    assert (after.latent(new)[1] <= model.latent(new)[1] + 1e-9).all()
    assert (after.latent(pending)[1] < 0.5 * model.latent(pending)[1]).any()


def test_a_failing_region_is_learned_from_the_first_failure_on() -> None:
    units, new = points(40), points(300, 1)
    failed = units[:, 0] > 0.7
    forward = fitted(list(truth(units)), units, failed)
    chance = forward.success_probability(new)
    assert chance[new[:, 0] > 0.85].mean() < 0.35
    assert chance[new[:, 0] < 0.5].mean() > 0.8
    first = fitted(list(truth(units[:6])), units[:6], np.arange(6) == 2)
    assert first.success_probability(units[2:3])[0] < first.success_probability(units[:6]).max()


@pytest.mark.parametrize(
    "values",
    [
        [1.0],
        [0.0],
        [1.0, 1.0],
        [1.0] * 12,
        [0.0] * 12,
        [1e-300 * (1 + i) for i in range(12)],
        [1e300 * (1 + i % 3) for i in range(12)],
        [-1e300, 1e300] * 6,
        [1.0] * 11 + [1e12],
        [5e-324, 1e-320] * 6,
        [float(i % 2) for i in range(12)],
        [1.0 + 1e-15 * i for i in range(12)],
    ],
)
def test_no_numbers_break_the_fit(values: list[float]) -> None:
    units = points(len(values))
    forward = fitted(list(values), units)
    model = forward.model("y")
    prediction = model.predict(points(20, 1))
    assert np.isfinite(prediction.mean).all()
    assert np.isfinite(prediction.standard_deviation).all()
    assert all(np.isfinite(level).all() for level in prediction.quantiles.values())
    assert model.held_out().rows == len(values)


def test_duplicates_with_different_results_are_noise() -> None:
    units = np.repeat(points(1), 10, axis=0)
    forward = fitted([float(i) for i in range(10)], units)
    assert forward.model("y").predict(units[:1], noise=False).mean[0] == pytest.approx(4.5, abs=0.5)


def test_the_same_data_and_seed_give_the_same_map() -> None:
    units, new = points(300), points(20, 1)
    first, second = (fitted(list(truth(units)), units).model("y").latent(new) for _ in range(2))
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])


def test_a_known_standard_error_counts_less() -> None:
    units = np.concatenate([points(20), points(1, 5), points(1, 5)])
    values: list[Metric] = [*map(float, truth(units[:20])), Measurement(10.0, 5.0), float(truth(units[20:21])[0])]
    forward = fitted(values, units)
    assert forward.model("y").predict(units[20:21], noise=False).mean[0] < 2.5


def test_preempted_trainings_teach_nothing_and_failed_ones_have_no_value() -> None:
    configs = space().decode(points(10))
    observations = [
        Observation(config, {"y": 1.0}, TrialState.FAILED, kind="preempted" if i < 5 else "bug")
        for i, config in enumerate(configs)
    ]
    data = Dataset.from_observations(space(), observations)
    assert len(data) == 5
    assert data.failed.all()


@pytest.mark.skipif(not GROKKING.exists(), reason="the published grokking table is not on this machine")
def test_grokking_times_are_explained_from_120_rows() -> None:
    with GROKKING.open() as stream:
        table = list(csv.DictReader(stream))
    plane = Space(lr=Float(1e-5, 1e-2, log=True), decay=Float(0.0, 20.0))
    observations = []
    for row in table:
        steps = row["steps_to_test_acc"]
        metric = float(steps) if steps else Measurement(1e5, censored="above")
        rate = min(max(float(row["decoder_learning_rate"]), 1e-5), 1e-2)
        observations.append(Observation({"lr": rate, "decay": float(row["decoder_weight_decay"])}, {"y": metric}))
    inside, r2 = [], []
    for split in range(4):
        order = np.random.default_rng(split).permutation(len(observations))
        train, held = [[observations[i] for i in part] for part in (order[:120], order[120:])]
        model = GaussianProcess().fit(Dataset.from_observations(plane, train), seed=0).model("y")
        quantiles = model.predict(plane.encode([o.config for o in held])).quantiles
        steps = np.array([float(o.metrics["y"]) for o in held])
        late = np.array([isinstance(o.metrics["y"], Measurement) for o in held])
        low, median, high = (np.log10(quantiles[level]) for level in (0.05, 0.5, 0.95))
        goal = np.log10(steps)
        inside.append(np.where(late, high >= goal, (low <= goal) & (goal <= high)).mean())
        r2.append(1 - np.sum((np.minimum(median, 5) - goal) ** 2) / np.sum((goal - goal.mean()) ** 2))
    assert np.mean(r2) >= 0.83
    assert np.mean(inside) >= 0.85
