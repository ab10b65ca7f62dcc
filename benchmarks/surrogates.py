"""The Gaussian process by itself: seconds of a fit and of a prediction by size, and its worth on public tables.

`seconds`: one metric over ten numeric parameters (seven at 20 rows), a fit with its choice of warp, and the latent
mean and spread of 2,000 points; processor seconds with one BLAS thread (the same as wall time on a machine with
nothing else to do), the median over repetitions.

`tables`: random rows train, up to 400 others are held out. Beside ours scikit-learn's Gaussian process (Matern
5/2, a lengthscale each, white noise, standardised values), GPyTorch's (Matern 5/2, its defaults, Adam) and a
random forest of 300 trees, on the same encoded inputs. R2 and log density are in the metric's own units; each
held-out log density is cut below at -10, so that one miss does not decide.

    python benchmarks/surrogates.py
"""

import argparse
import csv
import gzip
import json
import platform
import statistics
import subprocess
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from physai_inverse.forward import Column, Dataset
from physai_inverse.space import Choice, Float, Integer, Space
from physai_inverse.space.features import Features
from physai_inverse.surrogates import GaussianProcess

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
SIZES = ((20, 7), (100, 10), (300, 10), (2000, 10), (10_000, 10))
LEAST_LOG_DENSITY = -10.0
Predicted = tuple[np.ndarray, np.ndarray | None, np.ndarray | None]
"""Medians, log densities of the held-out values, whether these lie in their 90 % intervals; ``[n]`` each."""


def synthetic(num: int, dimension: int) -> Dataset:
    """Draw a smooth function with noise."""
    random = np.random.default_rng(0)
    space = Space({f"x{column}": Float(0.0, 1.0) for column in range(dimension)})
    units = space.snap(random.random((num, dimension)))
    values = np.exp(np.sin(5 * units[:, 0]) + units[:, 1] ** 2 + 0.5 * units[:, 2] * units[:, 0])
    return dataset(space, units, values * np.exp(0.05 * random.standard_normal(num)))


def dataset(space: Space, units: np.ndarray, values: np.ndarray) -> Dataset:
    """Make a dataset of one metric."""
    nothing = np.zeros(len(units))
    return Dataset(space, units, {"y": Column(values, nothing, nothing.astype(int))}, nothing.astype(bool))


def seconds(num: int, dimension: int, repetitions: int) -> dict[str, float]:
    """Time fits and predictions."""
    data, points = synthetic(num, dimension), np.random.default_rng(1).random((2000, dimension))
    fits, latents = [], []
    for _ in range(repetitions):
        began = time.process_time()
        model = GaussianProcess().fit(data, seed=0).model("y")
        fits.append(time.process_time() - began)
        began = time.process_time()
        model.latent(points)
        latents.append(time.process_time() - began)
    return {"fit": statistics.median(fits), "latent of 2,000 points": statistics.median(latents)}


def read(path: str) -> list[dict[str, str]]:
    """Read a table."""
    content = (DATA / path).read_bytes()
    text = (gzip.decompress(content) if path.endswith(".gz") else content).decode()
    return list(csv.DictReader(text.splitlines()))


def perceptron(name: str) -> tuple[Space, list[dict[str, str]], str]:
    """Give a table of perceptron trainings."""
    space = Space(
        alpha=Float(1e-8, 1.0, log=True),
        batch_size=Integer(4, 256, log=True),
        depth=Integer(1, 3),
        learning_rate_init=Float(1e-5, 1.0, log=True),
        width=Integer(16, 1024, log=True),
    )
    return space, read(f"hpobench_mlp/{name}.csv.gz"), "val_bal_acc_seed0"


def fcnet() -> tuple[Space, list[dict[str, str]], str]:
    """Give a table of regression networks with mixed inputs."""
    space = Space(
        activation_fn_1=Choice(["relu", "tanh"]),
        activation_fn_2=Choice(["relu", "tanh"]),
        batch_size=Integer(8, 64, log=True),
        dropout_1=Float(0.0, 0.6),
        dropout_2=Float(0.0, 0.6),
        init_lr=Float(5e-4, 1e-1, log=True),
        lr_schedule=Choice(["cosine", "const"]),
        n_units_1=Integer(16, 512, log=True),
        n_units_2=Integer(16, 512, log=True),
    )
    return space, read("fcnet/parkinsons_telemonitoring.csv.gz"), "val_mse_seed0"


def mixture(metric: str) -> tuple[Space, list[dict[str, str]], str]:
    """Give the table of data mixtures."""
    rows = read("regmix/train_1m.csv")
    return Space({name: Float(0.0, 1.0) for name in rows[0] if name.startswith("w_")}), rows, metric


TABLES: dict[str, Callable[[], tuple[Space, list[dict[str, str]], str]]] = {
    "hpobench_mlp phoneme": lambda: perceptron("phoneme"),
    "hpobench_mlp kc1": lambda: perceptron("kc1"),
    "hpobench_mlp australian": lambda: perceptron("australian"),
    "fcnet parkinsons": fcnet,
    "regmix wikipedia": lambda: mixture("loss_wikipedia_en"),
    "regmix github": lambda: mixture("loss_github"),
}


def as_arrays(space: Space, rows: list[dict[str, str]], metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Encode at most 3,000 random rows."""
    drawn = [rows[row] for row in np.random.default_rng(5).permutation(len(rows))[:3000]]
    configs: list[dict[str, Any]] = []
    for row in drawn:
        config: dict[str, Any] = {}
        for name, parameter in space.parameters.items():
            if isinstance(parameter, Choice):
                config[name] = row[name]
            else:
                config[name] = int(row[name]) if isinstance(parameter, Integer) else min(float(row[name]), 1.0)
        configs.append(config)
    return space.snap(space.encode(configs)), np.array([float(row[metric]) for row in drawn])


def gaussian(mean: np.ndarray, deviation: np.ndarray, held: np.ndarray) -> Predicted:
    """Score normals."""
    offset = (held - mean) / deviation
    return mean, -0.5 * offset**2 - np.log(deviation) - 0.5 * np.log(2 * np.pi), np.abs(offset) <= 1.6449


def ours(space: Space, units: np.ndarray, values: np.ndarray, new: np.ndarray, held: np.ndarray) -> Predicted:
    """Fit ours."""
    model = GaussianProcess().fit(dataset(space, units, values), seed=0).model("y")
    mean, deviation = model.latent(new)
    _, density, inside = gaussian(mean, np.hypot(deviation, model.noise), model.warp.forward(held))
    assert density is not None, "normals have a density"
    return model.warp.inverse(mean), density + model.warp.log_slope(held), inside


def scikit(space: Space, units: np.ndarray, values: np.ndarray, new: np.ndarray, held: np.ndarray) -> Predicted:
    """Fit scikit-learn's process."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    features = Features(space)
    kernel = ConstantKernel() * Matern(np.full(len(features.groups), 0.5), nu=2.5) + WhiteKernel(0.01)
    model = GaussianProcessRegressor(kernel, normalize_y=True, n_restarts_optimizer=1, random_state=0)
    model.fit(features.encode(units), values)
    mean, deviation = model.predict(features.encode(new), return_std=True)
    return gaussian(mean, deviation, held)


def torch_process(
    space: Space, units: np.ndarray, values: np.ndarray, new: np.ndarray, held: np.ndarray
) -> Predicted:
    """Fit GPyTorch's process."""
    import gpytorch
    import torch

    features, centre, spread = Features(space), values.mean(), values.std()
    x = torch.tensor(features.encode(units))
    y = torch.tensor((values - centre) / spread)

    class Exact(gpytorch.models.ExactGP):  # type: ignore[misc]  # gpytorch ships no types
        def __init__(self) -> None:
            super().__init__(x, y, gpytorch.likelihoods.GaussianLikelihood())
            self.mean_module = gpytorch.means.ConstantMean()
            matern = gpytorch.kernels.MaternKernel(nu=2.5, ard_num_dims=x.shape[1])
            self.covar_module = gpytorch.kernels.ScaleKernel(matern)

        def forward(self, inputs: torch.Tensor) -> object:
            return gpytorch.distributions.MultivariateNormal(self.mean_module(inputs), self.covar_module(inputs))

    model = Exact().double()
    objective = gpytorch.mlls.ExactMarginalLogLikelihood(model.likelihood, model)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    model.train()
    for _ in range(150):
        optimizer.zero_grad()
        loss = -objective(model(x), y)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        found = model.likelihood(model(torch.tensor(features.encode(new))))
    return gaussian(centre + spread * found.mean.numpy(), spread * found.stddev.numpy(), held)


def forest(space: Space, units: np.ndarray, values: np.ndarray, new: np.ndarray, held: np.ndarray) -> Predicted:  # noqa: ARG001 (one signature)
    """Fit a random forest; it has no density."""
    from sklearn.ensemble import RandomForestRegressor

    features = Features(space)
    model = RandomForestRegressor(300, random_state=0).fit(features.encode(units), values)
    return model.predict(features.encode(new)), None, None


METHODS = {"ours": ours, "scikit-learn": scikit, "gpytorch": torch_process, "forest": forest}


def compare(splits: int) -> dict[str, dict[str, float]]:
    """Compare on every table."""
    results = {}
    print(f"{'table':24s} {'rows':>4s}  {'method':12s} {'r2':>18s} {'log density':>12s}", end="")
    print(f" {'in 90 %':>8s} {'seconds':>8s}")
    for name, source in TABLES.items():
        space, rows, metric = source()
        units, values = as_arrays(space, rows, metric)
        for size in (64, 128):
            for label, method in METHODS.items():
                r2, density, inside, began = [], [], [], time.perf_counter()
                for split in range(splits):
                    order = np.random.default_rng(split).permutation(len(values))
                    train, test = order[:size], order[size : size + 400]
                    held = values[test]
                    found = method(space, units[train], values[train], units[test], held)
                    r2.append(1 - float(np.sum((found[0] - held) ** 2) / np.sum((held - held.mean()) ** 2)))
                    if found[1] is not None and found[2] is not None:
                        density.append(float(np.mean(np.maximum(found[1], LEAST_LOG_DENSITY))))
                        inside.append(float(np.mean(found[2])))
                score = {"r2": float(np.mean(r2)), "r2 spread": float(np.std(r2))}
                if density:
                    score |= {"log density": float(np.mean(density)), "in 90 %": float(np.mean(inside))}
                score["seconds"] = (time.perf_counter() - began) / splits
                results[f"{name}, {size} rows, {label}"] = score
                print(
                    f"{name:24s} {size:4d}  {label:12s} {score['r2']:9.3f} +- {score['r2 spread']:.3f}"
                    f" {score.get('log density', float('nan')):12.3f} {score.get('in 90 %', float('nan')):8.3f}"
                    f" {score['seconds']:8.2f}",
                    flush=True,
                )
    return results


def main() -> None:
    """Measure, print the tables, write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results" / "surrogates.json")
    options = parser.parse_args()
    timed = {}
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for num, dimension in SIZES:
            timed[f"n={num}, d={dimension}"] = found = seconds(num, dimension, options.repetitions)
            print(
                f"n={num:6d} d={dimension:3d}",
                *(f"{key} {value:.3f} s" for key, value in found.items()),
                flush=True,
            )
        tables = compare(options.splits)
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    summary = {
        "command": f"python benchmarks/surrogates.py --splits {options.splits}",
        "commit": commit.stdout.strip(),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "seconds": timed,
        "tables": tables,
    }
    options.output.write_text(json.dumps(summary, indent=1) + "\n")


if __name__ == "__main__":
    main()
