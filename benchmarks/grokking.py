"""The forward map on published grokking phase diagrams: steps until the test set is solved, censored at 1e5.

Random rows train the map, the rest is held out, over many splits. R2 is that of log10(steps), read in two ways:

    all      every held-out row; a censored one counts as 1e5, and predictions are cut at 1e5
    solved   only held-out rows that solved the test set, predictions not cut

`rank` is Spearman's correlation of all held-out rows, read as for `all`. A held-out censored row lies in its 90 %
interval when the upper end reaches 1e5.

`phase` is the share of held-out rows whose phase is predicted right. Phases follow from the steps until the
training set and until the test set are solved, measured ones or the medians of two maps:

    does not learn    the training set is not solved within 1e5 steps
    memorises         the training set is, the test set is not
    learns at once    both are, the test set less than 1,000 steps after the training set
    groks             both are, further apart

`ours` is the mix of surrogates, `process` its Gaussian process alone. Beside them the process of scikit-learn
(Matern 5/2, a lengthscale each, white noise) on log10(steps), censored rows taken as 1e5.

Data: Liu et al. 2022, "Towards understanding grokking", https://github.com/ejmichaud/grokking-squared (MIT).

    python benchmarks/grokking.py --splits 20
"""

import argparse
import csv
import json
import platform
import subprocess
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from physai_inverse.forward import AbstractSurrogate, Dataset
from physai_inverse.observations import Measurement, Observation
from physai_inverse.space import Float, Space
from physai_inverse.surrogates import GaussianProcess, Mixture
from physai_inverse.surrogates.scoring import rank_correlation

ROOT = Path(__file__).parents[1]
Method = Callable[[Space, list[Observation], list[Observation], int], dict[str, float]]
"""Space, rows to fit to, rows held out and seed to figures."""
DATA = ROOT.parent / "shared" / "data" / "grokking"
BOUND = 1e5
AT_ONCE = 1e3
"""Steps between training and test set within which a run learns at once."""
METRICS = {"test_steps": "steps_to_test_acc", "train_steps": "steps_to_train_acc"}
"""Metric to the column of the tables."""


def load(name: str) -> tuple[Space, list[Observation]]:
    """Read a table as a space of two parameters and one observation a row."""
    with (DATA / f"{name}.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    rates = [float(row["decoder_learning_rate"]) for row in rows]
    decays = [float(row["decoder_weight_decay"]) for row in rows]
    space = Space(lr=Float(min(rates), max(rates), log=True), weight_decay=Float(min(decays), max(decays)))
    observations = []
    for rate, decay, row in zip(rates, decays, rows, strict=True):
        metrics = {
            name: float(row[column]) if row[column] else Measurement(BOUND, censored="above")
            for name, column in METRICS.items()
        }
        observations.append(Observation({"lr": rate, "weight_decay": decay}, metrics))
    return space, observations


def log_steps(observations: list[Observation], name: str) -> np.ndarray:
    """Give log10 of the steps, of the bound where they are censored."""
    return np.log10([float(observation.metrics[name]) for observation in observations])


def phases(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Name phases: 0 does not learn, 1 memorises, 2 learns at once, 3 groks.

    Args:
        train: ``[n]`` log10 of the steps until the training set is solved.
        test: ``[n]`` the same for the test set.
    """
    solved = np.log10(BOUND)
    gap = 10.0 ** np.minimum(test, solved) - 10.0 ** np.minimum(train, solved)
    return np.where(train >= solved, 0, np.where(test >= solved, 1, np.where(gap < AT_ONCE, 2, 3)))


def r2(predicted: np.ndarray, measured: np.ndarray) -> float:
    """Give the share of the variance explained."""
    return 1 - float(np.sum((predicted - measured) ** 2) / np.sum((measured - measured.mean()) ** 2))


def judge(
    median: np.ndarray, low: np.ndarray, high: np.ndarray, train: np.ndarray, held: list[Observation]
) -> dict[str, float]:
    """Score predictions of the test steps, and the phases that they give with `train`; all in log10(steps)."""
    steps = log_steps(held, "test_steps")
    censored = np.array([isinstance(observation.metrics["test_steps"], Measurement) for observation in held])
    inside = np.where(censored, high >= steps, (low <= steps) & (steps <= high))
    return {
        "r2 all": r2(np.minimum(median, np.log10(BOUND)), steps),
        "r2 solved": r2(median[~censored], steps[~censored]),
        "rank": rank_correlation(np.minimum(median, np.log10(BOUND)), steps),
        "in 90 %": float(inside.mean()),
        "in 90 %, solved": float(inside[~censored].mean()),
        "phase": float(np.mean(phases(train, median) == phases(log_steps(held, "train_steps"), steps))),
    }


def mapped(recipe: AbstractSurrogate) -> Method:
    """Make the method of one of our recipes."""

    def scored(space: Space, train: list[Observation], held: list[Observation], seed: int) -> dict[str, float]:
        forward = recipe.fit(Dataset.from_observations(space, train), seed=seed)
        units = space.encode([observation.config for observation in held])
        # With few rows the evidence may prefer a scale on which a count of steps can fall below one.
        test, trained = (
            {
                level: np.log10(np.maximum(values, 1.0))
                for level, values in forward.model(name).predict(units).quantiles.items()
            }
            for name in METRICS
        )
        return judge(test[0.5], test[0.05], test[0.95], trained[0.5], held)

    return scored


def sklearn(space: Space, train: list[Observation], held: list[Observation], seed: int) -> dict[str, float]:
    """Fit and score scikit-learn's process, censored rows as values."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    kernel = ConstantKernel() * Matern([0.3, 0.3], nu=2.5) + WhiteKernel(0.1)
    points, new = (space.encode([observation.config for observation in part]) for part in (train, held))
    found = {}
    for name in METRICS:
        model = GaussianProcessRegressor(kernel, normalize_y=True, n_restarts_optimizer=2, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found[name] = model.fit(points, log_steps(train, name)).predict(new, return_std=True)
    mean, deviation = found["test_steps"]
    width = 1.6449 * deviation
    return judge(mean, mean - width, mean + width, found["train_steps"][0], held)


METHODS = {"ours": mapped(Mixture()), "process": mapped(GaussianProcess()), "sklearn": sklearn}


def main() -> None:
    """Run all splits, print the table, write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results" / "grokking.json")
    options = parser.parse_args()
    results: dict[str, Any] = {}
    print(f"{'table':24s} {'rows':>4s}  {'map':8s}", end="")
    for figure in ("r2 all", "r2 solved", "rank", "in 90 %", "in 90 %, solved", "phase"):
        print(f" {figure:>20s}", end="")
    print("   seconds")
    for name in ("addition_regression", "addition_classification"):
        space, observations = load(name)
        for size in (20, 40, 80, 120):
            for label, method in METHODS.items():
                began = time.perf_counter()
                scores = []
                for split in range(options.splits):
                    order = np.random.default_rng(split).permutation(len(observations))
                    train, held = ([observations[row] for row in part] for part in (order[:size], order[size:]))
                    scores.append(method(space, train, held, split))
                seconds = (time.perf_counter() - began) / options.splits
                table = {key: [score[key] for score in scores] for key in scores[0]}
                results[f"{name}, {size} rows, {label}"] = {
                    **{
                        key: {"mean": float(np.mean(values)), "spread": float(np.std(values)), "values": values}
                        for key, values in table.items()
                    },
                    "seconds": seconds,
                }
                cells = [f"{np.mean(values):8.3f} +- {np.std(values):.3f}" for values in table.values()]
                print(f"{name:24s} {size:4d}  {label:8s}", *(f"{cell:>20s}" for cell in cells), f"  {seconds:.2f}")
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    summary = {
        "command": f"python benchmarks/grokking.py --splits {options.splits}",
        "commit": commit.stdout.strip(),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "results": results,
    }
    options.output.write_text(json.dumps(summary, indent=1) + "\n")


if __name__ == "__main__":
    main()
