"""Our posterior as a model of BoTorch: the same numbers, right slopes, and BoTorch's own search on it."""

import importlib
import sys
import warnings
from collections.abc import Iterator

import numpy as np
import pytest

# BoTorch and its dependencies import deprecated names of each other.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import torch
    from botorch.acquisition import (
        AcquisitionFunction,
        LogExpectedImprovement,
        PosteriorMean,
        qLogNoisyExpectedImprovement,
    )
    from botorch.acquisition.objective import ScalarizedPosteriorTransform
    from botorch.models import ModelList
    from botorch.optim import optimize_acqf
    from botorch.sampling import SobolQMCNormalSampler

from physai_inverse.errors import InvalidInput, MissingPackage
from physai_inverse.space import Choice, Float, Integer, Shares, Space
from physai_inverse.surrogates import GaussianProcess, Mixture
from physai_inverse.surrogates.botorch_model import LatentModel, MetricUnits
from physai_inverse.surrogates.metric import CENTRE, MetricProcess
from tests.fakes import Known
from tests.surrogates.problems import cube, dataset, smooth


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def conditional() -> Space:
    return Space(
        rate=Float(1e-5, 1e-1, log=True),
        kind=Choice(["a", "b", "c"]),
        layers=Integer(1, 4),
        width=Float(0.0, 1.0, when="layers >= 2"),
        momentum=Float(0.0, 1.0, when={"kind": "a"}),
    )


def model_of(space: Space, *, num: int = 30, positive: bool = False) -> LatentModel:
    units = np.asarray(space.encode(space.sample(num, seed=0)))
    values = smooth(units) + 0.05 * np.random.default_rng(0).standard_normal(num)
    data = dataset(space, units, np.exp(3.0 * values) if positive else values)
    return LatentModel(GaussianProcess().fit(data, seed=0).model("y"))


def test_the_view_of_a_mix_is_that_of_its_process() -> None:
    space = cube(2)
    units = np.asarray(space.encode(space.sample(30, seed=0)))
    data = dataset(space, units, smooth(units))
    alone = LatentModel(GaussianProcess().fit(data, seed=0).model("y"))
    mixed = LatentModel(Mixture().fit(data, seed=0).model("y"))
    at = points(space, 5)
    assert torch.equal(mixed.posterior(at).mean, alone.posterior(at).mean)


def points(space: Space, num: int, seed: int = 1) -> torch.Tensor:
    return torch.tensor(np.asarray(space.encode(space.sample(num, seed=seed))), dtype=torch.double)


@pytest.mark.parametrize("space", [cube(3), conditional()], ids=["numbers", "conditional"])
def test_mean_and_covariance_are_those_of_our_own_model(space: Space) -> None:
    model = model_of(space)
    X = points(space, 12)
    mean, deviation = model.metric.latent(X.numpy())
    joint_mean, joint = model.metric.joint(X.numpy())
    found = model.posterior(X)
    np.testing.assert_allclose(found.mean[:, 0], mean, atol=1e-9)
    np.testing.assert_allclose(found.variance[:, 0], deviation**2, atol=1e-9)
    np.testing.assert_allclose(found.distribution.covariance_matrix, joint, atol=1e-9)  # type: ignore[union-attr]  # GPyTorch's
    np.testing.assert_allclose(found.mean[:, 0], joint_mean, atol=1e-9)


def test_batches_of_points_are_judged_each_on_its_own() -> None:
    space = conditional()
    model = model_of(space)
    X = points(space, 24).reshape(2, 3, 4, -1)
    found = model.posterior(X, observation_noise=True)
    assert found.mean.shape == (2, 3, 4, 1)
    alone = model.posterior(X[1, 2], observation_noise=True)
    torch.testing.assert_close(found.mean[1, 2], alone.mean)
    torch.testing.assert_close(found.variance[1, 2], alone.variance)
    without = model.posterior(X[1, 2]).variance
    torch.testing.assert_close(alone.variance - without, torch.full_like(without, model.metric.noise**2))


def test_slopes_are_those_of_finite_differences_and_none_where_a_parameter_is_inactive() -> None:
    space = conditional()
    model = model_of(space)
    X = torch.tensor([[0.31, 0.5, 0.13, 0.5, 0.5], [0.62, 0.2, 0.86, 0.4, 0.7]], dtype=torch.double)
    X.requires_grad_()

    def value(at: torch.Tensor) -> torch.Tensor:
        found = model.posterior(at)
        total: torch.Tensor = found.mean[:, 0] + found.variance[:, 0]
        return total

    (slope,) = torch.autograd.grad(value(X).sum(), X)
    for column in (0, 2, 3, 4):
        step = torch.zeros_like(X)
        step[:, column] = 1e-6
        with torch.no_grad():
            expected = (value(X + step) - value(X - step)) / 2e-6
        torch.testing.assert_close(slope[:, column], expected, atol=1e-5, rtol=1e-5)
    assert slope[0, 3] == slope[0, 4] == 0.0  # one layer, and kind b
    assert slope[1, 3] != 0.0
    assert slope[1, 4] != 0.0


def test_slopes_at_a_training_row_are_finite() -> None:
    model = model_of(cube(3))
    X = torch.tensor(model.metric.posterior.scaled[:2] * model._lengths.numpy() + 0.5, dtype=torch.double)
    X.requires_grad_()
    (slope,) = torch.autograd.grad(model.posterior(X).variance.sum(), X)
    assert torch.isfinite(slope).all()


@pytest.mark.parametrize("kind", ["LogEI", "qLogNEI"])
def test_acquisition_functions_of_botorch_optimise_on_it(kind: str) -> None:
    space = cube(3)
    model = model_of(space)
    down = ScalarizedPosteriorTransform(torch.tensor([-1.0], dtype=torch.double))
    seen = points(space, 30, seed=0)
    if kind == "LogEI":
        best = -model.posterior(seen).mean.min()
        function: AcquisitionFunction = LogExpectedImprovement(model, best_f=best, posterior_transform=down)
    else:
        sampler = SobolQMCNormalSampler(torch.Size([32]), seed=0)
        function = qLogNoisyExpectedImprovement(model, seen, sampler=sampler, posterior_transform=down)
    torch.manual_seed(0)
    bounds = torch.tensor([[0.0] * 3, [1.0] * 3], dtype=torch.double)
    found, value = optimize_acqf(function, bounds, q=1, num_restarts=2, raw_samples=32, options={"maxiter": 30})
    assert found.shape == (1, 3)
    random = function(points(space, 64, seed=2).unsqueeze(-2))
    assert value > random.max()


def test_several_metrics_are_joined_by_a_model_list() -> None:
    space = cube(3)
    models = ModelList(model_of(space), model_of(space, positive=True))
    X = points(space, 4)
    assert models.posterior(X).mean.shape == (4, 2)  # type: ignore[attr-defined]  # any posterior of BoTorch has one


def test_metric_units_are_those_of_our_own_prediction() -> None:
    space = cube(3)
    model = model_of(space, positive=True)
    X = points(space, 6)
    X.requires_grad_()
    found = model.posterior(X, posterior_transform=MetricUnits(model))
    own = model.metric.predict(X.detach().numpy(), noise=False)
    np.testing.assert_allclose(found.mean[:, 0].detach(), own.mean, rtol=1e-3)
    np.testing.assert_allclose(found.variance[:, 0].detach().sqrt(), own.standard_deviation, rtol=1e-2)
    samples = found.rsample(torch.Size([512]))
    median = samples.median(dim=0).values[:, 0].detach()
    np.testing.assert_allclose(median, own.quantiles[0.5], rtol=0.2)
    (slope,) = torch.autograd.grad(PosteriorMean(model, posterior_transform=MetricUnits(model))(X[:1]), X)
    assert torch.isfinite(slope[0]).all()
    assert slope[0].abs().max() > 0


def test_slopes_in_metric_units_follow_the_chain_rule() -> None:
    model = model_of(cube(3), positive=True)
    units = MetricUnits(model)
    latent = torch.linspace(-1.5, 1.5, 7, dtype=torch.double).unsqueeze(-1)
    assert torch.autograd.gradcheck(units.evaluate, latent.requires_grad_(), eps=1e-6, atol=1e-4)


def test_what_is_no_process_of_ours_is_refused() -> None:
    with pytest.raises(InvalidInput, match="must be a MetricProcess"):
        LatentModel(Known(lambda units: units[:, 0]))


@pytest.mark.parametrize("shape", [(3,), (2, 4)])
def test_points_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInput, match=r"must be \[..., q, 3\]"):
        model_of(cube(3)).posterior(torch.zeros(shape, dtype=torch.double))


def test_without_botorch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botorch.models.model", None)
    monkeypatch.delitem(sys.modules, "physai_inverse.surrogates.botorch_model")
    with pytest.raises(MissingPackage, match=r"physai-inverse\[botorch\]"):
        importlib.import_module("physai_inverse.surrogates.botorch_model")


def test_a_reference_by_gpytorch_has_the_same_posterior_in_a_mixed_space() -> None:
    space = conditional()
    for seed in range(3):
        units = np.asarray(space.encode(space.sample(25, seed=seed)))
        values = smooth(units) + 0.1 * np.random.default_rng(seed).standard_normal(25)
        metric = LatentModel(GaussianProcess().fit(dataset(space, units, values), seed=0).model("y")).metric
        at = np.asarray(space.encode(space.sample(20, seed=99)))
        mean, deviation = metric.latent(at)
        expected_mean, expected_variance = reference(metric, units, values, at)
        np.testing.assert_allclose(mean, expected_mean, atol=1e-6)
        np.testing.assert_allclose(deviation**2, expected_variance, atol=1e-6)


def reference(
    metric: MetricProcess, units: np.ndarray, values: np.ndarray, at: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """An exact process of GPyTorch with the hyper-parameters that we found, on our encoding."""
    import gpytorch

    covariance = metric.posterior.covariance
    train = torch.tensor(metric.features.encode(units) - CENTRE)
    test = torch.tensor(metric.features.encode(at) - CENTRE)
    targets = torch.tensor(metric.warp.forward(values))
    noise = torch.tensor(covariance.noise + metric.doubt)

    class Exact(gpytorch.models.ExactGP):  # type: ignore[misc]  # GPyTorch ships no types
        def __init__(self) -> None:
            likelihood = gpytorch.likelihoods.FixedNoiseGaussianLikelihood(noise)
            super().__init__(train, targets, likelihood)
            self.mean_module = gpytorch.means.ZeroMean()
            matern = gpytorch.kernels.ScaleKernel(
                gpytorch.kernels.MaternKernel(nu=2.5, ard_num_dims=train.shape[1])
            )
            matern.base_kernel.lengthscale = torch.tensor(covariance.lengthscales[metric.posterior.groups])
            matern.outputscale = covariance.scale
            constant = gpytorch.kernels.ConstantKernel()
            constant.constant = torch.tensor(1.0, dtype=torch.double)
            self.covar_module = matern + constant

        def forward(self, x: torch.Tensor) -> object:
            return gpytorch.distributions.MultivariateNormal(self.mean_module(x), self.covar_module(x))

    process = Exact().double().eval()
    process.likelihood.eval()
    with torch.no_grad(), gpytorch.settings.fast_computations(False, False, False):
        found = process(test)
        return found.mean.numpy(), found.variance.numpy()


def test_slopes_along_a_mixture_are_those_of_finite_differences() -> None:
    space = Space(mixture=Shares(["a", "b", "c"]), rate=Float(0.0, 1.0))
    model = model_of(space)
    X = torch.tensor([[0.3, 0.5, 0.2, 0.4], [0.0, 0.9, 0.1, 0.6]], dtype=torch.double, requires_grad=True)
    (slope,) = torch.autograd.grad(model.posterior(X).mean.sum(), X)
    assert torch.isfinite(slope).all()
    step = torch.tensor([[0.0, 1e-6, -1e-6, 0.0]], dtype=torch.double)
    with torch.no_grad():
        expected = (model.posterior(X + step).mean - model.posterior(X - step).mean).sum() / 2e-6
    torch.testing.assert_close((slope[:, 1] - slope[:, 2]).sum(), expected, atol=1e-5, rtol=1e-5)
