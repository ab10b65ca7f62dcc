import numpy as np
import pytest

from physai_inverse.surrogates.fit import Priors
from physai_inverse.surrogates.kernel import MEAN_VARIANCE, Covariance
from physai_inverse.surrogates.likelihood import PENDING_NOISE, Posterior, Rows, evidence
from tests.surrogates.problems import random_rows

SEEDS = [0, 1, 2, 3]


def covariance(seed: int) -> Covariance:
    random = np.random.default_rng(seed)
    return Covariance(
        np.exp(random.normal(-0.5, 0.5, 3)), float(random.uniform(0.5, 2)), float(random.uniform(0.01, 0.2))
    )


def reference(rows: Rows, at: Covariance, points: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Evidence, posterior mean and variance from GPyTorch."""
    gpytorch = pytest.importorskip("gpytorch")
    import torch

    inputs, targets = torch.tensor(rows.features), torch.tensor(rows.values)
    noise = torch.tensor(at.noise + rows.extra)
    likelihood = gpytorch.likelihoods.FixedNoiseGaussianLikelihood(noise=noise)
    matern = gpytorch.kernels.MaternKernel(nu=2.5, ard_num_dims=rows.features.shape[1])
    scaled, constant = gpytorch.kernels.ScaleKernel(matern), gpytorch.kernels.ConstantKernel()

    class Exact(gpytorch.models.ExactGP):  # type: ignore[name-defined, misc]  # gpytorch ships no types
        def __init__(self) -> None:
            super().__init__(inputs, targets, likelihood)
            self.mean_module = gpytorch.means.ZeroMean()
            self.covar_module = scaled + constant

        def forward(self, features: "torch.Tensor") -> object:
            return gpytorch.distributions.MultivariateNormal(
                self.mean_module(features), self.covar_module(features)
            )

    model = Exact().double()
    matern.lengthscale = torch.tensor(at.lengthscales[rows.groups])
    scaled.outputscale, constant.constant = at.scale, torch.tensor(MEAN_VARIANCE, dtype=torch.float64)
    model.train()
    with torch.no_grad(), gpytorch.settings.fast_computations(False, False, False):
        marginal = gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, model)(model(inputs), targets)
        model.eval()
        found = model(torch.tensor(points))
        return float(marginal) * len(rows), found.mean.numpy(), found.variance.numpy()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", SEEDS)
def test_evidence_and_posterior_are_those_of_gpytorch(seed: int) -> None:
    rows, at = random_rows(seed), covariance(seed)
    points = np.random.default_rng(seed + 100).random((10, 4)) - 0.5
    value, mean, variance = reference(rows, at, points)
    found = Posterior.given(rows, at).moments(points)
    assert evidence(rows, at).value == pytest.approx(value, abs=1e-6)
    np.testing.assert_allclose(found[0], mean, atol=1e-6)
    np.testing.assert_allclose(found[1], variance, atol=1e-6)


@pytest.mark.parametrize("censored", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_gradient_is_that_of_finite_differences(seed: int, censored: bool) -> None:
    rows, logs = random_rows(seed, censored=censored), covariance(seed).logs
    tight, step = 1e-11, 1e-5
    exact = evidence(rows, Covariance.from_logs(logs), tolerance=tight).gradient
    for place in range(len(logs)):
        shift = step * np.eye(len(logs))[place]
        above = evidence(rows, Covariance.from_logs(logs + shift), tolerance=tight).value
        below = evidence(rows, Covariance.from_logs(logs - shift), tolerance=tight).value
        assert exact[place] == pytest.approx((above - below) / (2 * step), abs=2e-4, rel=1e-4)


def test_gradient_of_the_priors_is_that_of_finite_differences() -> None:
    priors, logs, step = Priors(3, replicates=(0.02, 4)), np.array([-0.3, 0.2, 1.0, 0.4, -3.0]), 1e-6
    exact = priors(logs)[1]
    for place, shift in enumerate(step * np.eye(5)):
        slope = (priors(logs + shift)[0] - priors(logs - shift)[0]) / (2 * step)
        assert exact[place] == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_leave_one_out_is_what_a_fit_without_the_row_predicts(seed: int) -> None:
    rows, at = random_rows(seed, 12), covariance(seed)
    error, variance = Posterior.given(rows, at).leave_one_out()
    for row in range(len(rows)):
        others = Posterior.given(rows.take(np.delete(np.arange(len(rows)), row)), at)
        mean, spread = others.moments(rows.features[[row]])
        assert error[row] == pytest.approx(mean[0] - rows.values[row], abs=1e-8)
        assert variance[row] == pytest.approx(spread[0] + at.noise + rows.extra[row], abs=1e-8)


@pytest.mark.parametrize("censored", [False, True])
def test_appended_rows_are_a_refit_with_what_was_expected_of_them(censored: bool) -> None:
    rows, at = random_rows(3, censored=censored), covariance(3)
    posterior = Posterior.given(rows, at)
    random = np.random.default_rng(9)
    new, points = random.random((3, 4)) - 0.5, random.random((20, 4)) - 0.5
    appended = posterior.appended(new)
    mean, variance = posterior.moments(points)
    new_mean, new_variance = appended.moments(points)
    np.testing.assert_allclose(new_mean, mean, atol=1e-12)
    assert (new_variance <= variance + 1e-12).all()
    if not censored:
        nothing = np.zeros(3)
        refit = Rows(
            np.concatenate([rows.features, new]),
            rows.groups,
            np.concatenate([rows.values, posterior.moments(new)[0]]),
            np.concatenate([rows.extra, nothing + (PENDING_NOISE - 1.0) * at.noise]),
            np.concatenate([rows.side, nothing.astype(int)]),
        )
        for found, expected in zip(
            appended.moments(points), Posterior.given(refit, at).moments(points), strict=True
        ):
            np.testing.assert_allclose(found, expected, atol=1e-9)
