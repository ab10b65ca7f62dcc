"""Data mixtures to validation losses and back: 17 shares of The Pile, 13 losses of models of a million parameters.

512 published trainings fit the map, 256 others judge it: Spearman's rank correlation, R2 and log density (nats a
value) on average over the losses, and the rank correlation of loss_pile_cc by itself. Smaller samples of the 512
are judged by the same 256. Peers are those of scikit-learn at their defaults, normal about their prediction with
the spread of five-fold cross-validation. `shares`, `roots` and `fourth roots` are our process with that encoding
alone, where ours lets the evidence of the training rows choose for each loss.

The way back is asked for mixtures that bring loss_pile_cc below the best of the 512: the likeliest one, the middle
and the 90 % interval of the answer; and, as the paper does, the mean of the best 128 of 100,000 drawn mixtures.

Published (Liu et al. 2024, "RegMix", https://arxiv.org/abs/2407.01492, regression.ipynb): gradient-boosted trees
rank loss_pile_cc with 0.9892; their best mixture holds 0.891 of pile_cc and 0.061 of ubuntu_irc.
Data: https://github.com/sail-sg/regmix (MIT).

    python -m benchmarks.mixtures
"""

import argparse
import csv
import json
import platform
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from physai_inverse.forward import Column, Dataset
from physai_inverse.observations import Observation
from physai_inverse.seeds import child
from physai_inverse.space import Shares, Space
from physai_inverse.space.features import EXPONENTS, Features
from physai_inverse.space.sampling import sample_units
from physai_inverse.study import Study
from physai_inverse.surrogates.metric import fit_metric
from physai_inverse.surrogates.scoring import rank_correlation

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data" / "regmix"
LOSS = "loss_pile_cc"
NUM_DRAWN, NUM_BEST = 100_000, 128
ENCODINGS = {"ours": EXPONENTS, "shares": (1.0,), "roots": (0.5,), "fourth roots": (0.25,)}
Scores = dict[str, float]
"""Rank correlation, R2, log density, coverage of 90 % intervals, processor seconds."""


def load(name: str) -> list[Observation]:
    """Read a table as observations."""
    with (DATA / f"{name}.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    return [
        Observation(
            {key: float(value) for key, value in row.items() if key.startswith("w_")},
            {key: float(value) for key, value in row.items() if key.startswith("loss_")},
        )
        for row in rows
    ]


def ours(exponents: tuple[float, ...], train: Dataset, test: Dataset, loss: str) -> Scores:
    """Fit and score our process with an encoding, or several for the evidence to choose from."""
    began = time.process_time()
    features = Features(train.space, exponents)
    model = fit_metric(features, train.units, train.columns[loss], seed=child(0, "metric", loss))
    quantiles = model.predict(test.units).quantiles
    seconds = time.process_time() - began
    mean, deviation = model.latent(test.units)
    spread = np.hypot(deviation, model.noise)
    measured = test.columns[loss].values
    missed = (model.warp.forward(measured) - mean) / spread
    density = -0.5 * missed**2 - np.log(spread) - 0.5 * np.log(2 * np.pi) + model.warp.log_slope(measured)
    inside = (quantiles[0.05] <= measured) & (measured <= quantiles[0.95])
    return _scores(quantiles[0.5], measured, density, inside, seconds)


def peer(make: Callable[[], Any], train: Dataset, test: Dataset, loss: str) -> Scores:
    """Fit and score an estimator of scikit-learn."""
    from sklearn.model_selection import KFold, cross_val_predict

    began = time.process_time()
    values, measured = train.columns[loss].values, test.columns[loss].values
    folds = KFold(5, shuffle=True, random_state=0)
    spread = float(np.std(values - cross_val_predict(make(), train.units, values, cv=folds)))
    predicted = make().fit(train.units, values).predict(test.units)
    seconds = time.process_time() - began
    missed = (measured - predicted) / spread
    density = -0.5 * missed**2 - np.log(spread) - 0.5 * np.log(2 * np.pi)
    return _scores(predicted, measured, density, np.abs(missed) <= 1.6449, seconds)


def _scores(
    predicted: np.ndarray, measured: np.ndarray, density: np.ndarray, inside: np.ndarray, seconds: float
) -> Scores:
    return {
        "rank": rank_correlation(predicted, measured),
        "r2": 1 - float(np.sum((predicted - measured) ** 2) / np.sum((measured - measured.mean()) ** 2)),
        "log density": float(density.mean()),
        "in 90 %": float(inside.mean()),
        "seconds": seconds,
    }


def peers() -> Mapping[str, Callable[[], Any]]:
    """Give the estimators of scikit-learn."""
    from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
    from sklearn.linear_model import RidgeCV

    return {
        "gradient boosting": lambda: GradientBoostingRegressor(random_state=0),
        "random forest": lambda: RandomForestRegressor(random_state=0),
        "ridge": lambda: RidgeCV(np.logspace(-6, 2, 17)),
    }


def taken(data: Dataset, rows: np.ndarray) -> Dataset:
    """Keep some rows."""
    columns = {
        name: Column(column.values[rows], column.errors[rows], column.censored[rows])
        for name, column in data.columns.items()
    }
    return Dataset(data.space, data.units[rows], columns, data.failed[rows])


def forward(train: Dataset, test: Dataset, sizes: list[int], repeats: int) -> dict[str, Any]:
    """Score every method at every size, on average over samples and losses."""
    methods: dict[str, Callable[[Dataset, Dataset, str], Scores]] = {}
    for name, exponents in ENCODINGS.items():
        methods[name] = lambda *data, exponents=exponents: ours(exponents, *data)
    for name, make in peers().items():
        methods[name] = lambda *data, make=make: peer(make, *data)
    results: dict[str, Any] = {}
    print("rows  method             rank pile_cc    rank      R2  density  in 90 %")
    for size in sizes:
        samples = [
            np.random.default_rng(repeat).permutation(len(train.units))[:size]
            for repeat in range(1 if size == len(train.units) else repeats)
        ]
        for name, method in methods.items():
            table = {
                loss: [method(taken(train, np.sort(rows)), test, loss) for rows in samples]
                for loss in train.columns
            }
            by_loss = {
                loss: {key: float(np.mean([score[key] for score in scores])) for key in scores[0]}
                for loss, scores in table.items()
            }
            mean = {key: float(np.mean([score[key] for score in by_loss.values()])) for key in by_loss[LOSS]}
            results[f"{size} rows, {name}"] = {"samples": len(samples), "mean": mean, "by loss": by_loss}
            cells = (by_loss[LOSS]["rank"], mean["rank"], mean["r2"], mean["log density"], mean["in 90 %"])
            widths = (12, 7, 7, 8, 8)
            figures = (f"{cell:{width}.4f}" for cell, width in zip(cells, widths, strict=True))
            print(f"{size:4d}  {name:18s}", *figures, f"  {mean['seconds']:.2f} s", flush=True)
    return results


def inverse(observations: list[Observation], space: Space) -> dict[str, Any]:
    """Ask for the best mixture."""
    study = Study(space, f"minimize {LOSS}", seed=0)
    study.import_observations(observations)
    least = min(float(observation.metrics[LOSS]) for observation in observations)
    answer = study.invert(f"{LOSS} <= {least}")
    units = sample_units(space, NUM_DRAWN, seed=0, sparse=False)
    predicted = study.forward_map().model(LOSS).latent(units)[0]
    found = {
        "query": f"{LOSS} <= {least}",
        "likeliest": _large(answer.configs[0]),
        "its probability": answer.probabilities[0],
        "its prediction": answer.predictions[0][LOSS].mean,
        "marginals": {
            item.name: [round(item.quantiles[level], 4) for level in (0.05, 0.5, 0.95)]
            for item in answer.marginals
            if item.quantiles[0.95] >= 0.05
        },
        f"mean of the best {NUM_BEST} of {NUM_DRAWN:,}": _large(
            dict(zip(space.names, units[np.argsort(predicted)[:NUM_BEST]].mean(axis=0).tolist(), strict=True))
        ),
    }
    for name, value in found.items():
        print(f"{name}: {value}")
    return found


def _large(mixture: Mapping[str, Any]) -> dict[str, float]:
    return {name: round(share, 4) for name, share in mixture.items() if share >= 0.005}


def main() -> None:
    """Run both ways, print the tables, write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[64, 128, 256, 512])
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results" / "mixtures.json")
    options = parser.parse_args()
    observations = load("train_1m")
    space = Space(mixture=Shares(list(observations[0].config)))
    train, test = (Dataset.from_observations(space, rows) for rows in (observations, load("test_1m")))
    results = {
        "forward": forward(train, test, options.rows, options.repeats),
        "inverse": inverse(observations, space),
    }
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    rows = " ".join(map(str, options.rows))
    summary = {
        "command": f"python -m benchmarks.mixtures --rows {rows} --repeats {options.repeats}",
        "commit": commit.stdout.strip(),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "results": results,
    }
    options.output.write_text(json.dumps(summary, indent=1) + "\n")


if __name__ == "__main__":
    main()
