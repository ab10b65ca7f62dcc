"""The regressors: ours, and others at their defaults, on the same encoded points.

Ours gets the points of the space; the others its features (numbers scaled to 0 to 1 in their declared scale,
shares as they are, categories one-hot, flags of activity), MixedSingleTaskGP the categories as numbers in columns
of their own.
"""

import warnings
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from benchmarks.forward.predictives import LEAST_WIDTH, Normals, OfModel, Predictive, Steps
from physai_inverse.forward import AbstractSurrogate, Column, Dataset
from physai_inverse.space import Choice, Space
from physai_inverse.space.features import Features

Regressor = Callable[[Space, np.ndarray, np.ndarray, np.ndarray, int], Predictive]
"""Space, points ``[n, d]``, values ``[n]``, new points ``[m, d]`` and seed to what is predicted there."""
LEVELS = (0.02, 0.05, 0.15, 0.25, 0.5, 0.75, 0.85, 0.95, 0.98)
"""Quantiles that the boosted trees are fitted to, a model each."""


def dataset(space: Space, units: np.ndarray, values: np.ndarray) -> Dataset:
    """Make a dataset of one metric."""
    nothing = np.zeros(len(units))
    numbers = tuple(range(len(units)))
    return Dataset(
        space, units, {"y": Column(values, nothing, nothing.astype(int))}, nothing.astype(bool), numbers
    )


def _ours(recipe: Callable[[], AbstractSurrogate]) -> Regressor:
    def fitted(space: Space, units: np.ndarray, values: np.ndarray, new: np.ndarray, seed: int) -> Predictive:
        return OfModel(recipe().fit(dataset(space, units, values), seed=seed).model("y"), new)

    return fitted


def _mixture() -> AbstractSurrogate:
    from physai_inverse.surrogates import Mixture

    return Mixture()


def _process() -> AbstractSurrogate:
    from physai_inverse.surrogates import GaussianProcess

    return GaussianProcess()


def forest(space: Space, units: np.ndarray, values: np.ndarray, new: np.ndarray, seed: int) -> Predictive:
    """Fit scikit-learn's random forest.

    Its trees' leaves hold one value each, so that their spread predicts one more value.
    """
    from sklearn.ensemble import RandomForestRegressor

    features = Features(space, (1.0,))
    model = RandomForestRegressor(random_state=seed).fit(features.encode(units), values)
    found = np.stack([tree.predict(features.encode(new)) for tree in model.estimators_])
    return Normals(found.mean(axis=0), np.maximum(found.std(axis=0), LEAST_WIDTH * max(values.std(), 1e-12)))


def boosting(space: Space, units: np.ndarray, values: np.ndarray, new: np.ndarray, seed: int) -> Predictive:
    """Fit scikit-learn's gradient boosting to each quantile."""
    from sklearn.ensemble import GradientBoostingRegressor

    features = Features(space, (1.0,))
    x, z = features.encode(units), features.encode(new)
    found = [
        GradientBoostingRegressor(loss="quantile", alpha=level, random_state=seed).fit(x, values).predict(z)
        for level in LEVELS
    ]
    return _steps(found, values)


def lightgbm(space: Space, units: np.ndarray, values: np.ndarray, new: np.ndarray, seed: int) -> Predictive:
    """Fit LightGBM to each quantile."""
    from lightgbm import LGBMRegressor

    features = Features(space, (1.0,))
    x, z = features.encode(units), features.encode(new)
    found = []
    for level in LEVELS:
        model = LGBMRegressor(objective="quantile", alpha=level, random_state=seed, n_jobs=1, verbose=-1)
        found.append(np.asarray(model.fit(x, values).predict(z), dtype=float))
    return _steps(found, values)


def _steps(found: list[np.ndarray], values: np.ndarray) -> Steps:
    return Steps(np.array(LEVELS), np.stack(found, axis=1), LEAST_WIDTH * max(float(values.std()), 1e-12))


def single_task(space: Space, units: np.ndarray, values: np.ndarray, new: np.ndarray, seed: int) -> Predictive:
    """Fit BoTorch's SingleTaskGP to the features."""
    features = Features(space, (1.0,))
    return _botorch(features.encode(units), values, features.encode(new), [], seed)


def mixed(space: Space, units: np.ndarray, values: np.ndarray, new: np.ndarray, seed: int) -> Predictive:
    """Fit BoTorch's MixedSingleTaskGP; without a category it would be SingleTaskGP, and is not run."""
    columns = [place for place, parameter in enumerate(space.free) if isinstance(parameter, Choice)]
    return _botorch(units, values, new, columns, seed)


def _botorch(units: np.ndarray, values: np.ndarray, new: np.ndarray, columns: list[int], seed: int) -> Predictive:
    import torch
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import MixedSingleTaskGP, SingleTaskGP
    from gpytorch.mlls import ExactMarginalLogLikelihood

    torch.manual_seed(seed)
    x, y = torch.tensor(units), torch.tensor(values)[:, None]
    model = MixedSingleTaskGP(x, y, cat_dims=columns) if columns else SingleTaskGP(x, y)
    fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
    with torch.no_grad():
        found = model.posterior(torch.tensor(new), observation_noise=True)
        return Normals(found.mean[:, 0].numpy(), found.variance[:, 0].sqrt().numpy())


OURS = "ours"
ALONE = "ours, process alone"
SINGLE = "SingleTaskGP"
MIXED = "MixedSingleTaskGP"
REGRESSORS: dict[str, Regressor] = {
    OURS: _ours(_mixture),
    ALONE: _ours(_process),
    "random forest": forest,
    "gradient boosting": boosting,
    "LightGBM": lightgbm,
    SINGLE: single_task,
    MIXED: mixed,
}
PACKAGES = {
    "random forest": "scikit-learn",
    "gradient boosting": "scikit-learn",
    "LightGBM": "lightgbm",
    SINGLE: "botorch",
    MIXED: "botorch",
}


def installed() -> dict[str, str]:
    """Give the regressors that can run here, with the version of each one's package."""
    found = {}
    for name in REGRESSORS:
        try:
            found[name] = version(PACKAGES.get(name, "physai-inverse"))
        except PackageNotFoundError:
            warnings.warn(f"{name} is left out: {PACKAGES[name]} is not installed", stacklevel=2)
    return found
