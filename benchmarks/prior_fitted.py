"""Whether the prior-data fitted network earns its place: alone, and pooled with the Gaussian process.

The tasks, rows and scores of `benchmarks.forward` (log density and CRPS of one training's value, over the
metric's standard deviation; densities cut as there). Beside process and network stand:

    closed forms    what the network starts from: the closed forms' opinions, by their evidence, at the same warp
    equal pool      half process, half network
    weighed pool    by the weight that held-out densities of the training rows ask for: the process left out one
                    by one at the hyper-parameters that all rows gave, the network in ten folds

`better` is the share of tasks on which the log density is above the process's, `worst loss` the least difference.

    python -m benchmarks.prior_fitted
"""

import argparse
import time
import warnings
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.forward.predictives import LEAST_WIDTH
from benchmarks.forward.regressors import dataset
from benchmarks.forward.tables import made, sources
from benchmarks.forward.trials import LEAST_HELD, LEAST_LOG_DENSITY, NUM_HELD
from benchmarks.records import RESULTS, origin, rounded, write
from physai_inverse.errors import FitFailed
from physai_inverse.forward import AbstractMetricModel
from physai_inverse.normal import ndtr
from physai_inverse.surrogates import GaussianProcess
from physai_inverse.surrogates.metric import MetricProcess
from physai_inverse.surrogates.pool import Pool
from physai_inverse.surrogates.prior_fitted.hints import hints
from physai_inverse.surrogates.prior_fitted.metric import PriorFittedMetric
from physai_inverse.surrogates.prior_fitted.recipe import PriorFitted
from physai_inverse.surrogates.scoring import quadrature

SIZES = (16, 32, 64, 128, 256)
PROCESS, FORMS, NETWORK, EQUAL, WEIGHED = "process", "closed forms", "network", "equal pool", "weighed pool"
SCORES = ("log density", "crps", "r2", "in 90 %", "seconds")
MAX_STEPS = 200


@dataclass(frozen=True)
class Said:
    """What a member says of held-out values.

    Args:
        log_density: ``[m]`` of them.
        ranks: ``[m]`` probability below them.
        quantiles: ``[m, levels]`` at the levels of the quadrature.
        held_out: ``[n]`` log densities of the training values, each held out.
        seconds: processor time of fit and prediction.
    """

    log_density: np.ndarray
    ranks: np.ndarray
    quantiles: np.ndarray
    held_out: np.ndarray
    seconds: float


def of_process(model: AbstractMetricModel, units: np.ndarray, held: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give ranks of held-out values, and held-out log densities of the training values, in their order."""
    assert isinstance(model, MetricProcess)
    mean, deviation = model.latent(units)
    ranks = ndtr((model.warp.forward(held) - mean) / np.hypot(deviation, model.noise))
    error, variance = model.posterior.leave_one_out()
    spread = np.sqrt(variance - model.doubt)
    density = model.warp.log_slope(model.column.values) - np.log(spread) - 0.5 * (error / spread) ** 2
    return ranks, density - 0.5 * np.log(2.0 * np.pi)


def of_network(model: AbstractMetricModel, units: np.ndarray, held: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the same of the network."""
    assert isinstance(model, PriorFittedMetric)
    ranks = model.density(units).below(model.warp.forward(held)[:, None])[:, 0]
    density = model.held_out_density().log_density(model.context.latent)
    return ranks, density + model.warp.log_slope(model.column.values)


def of_forms(model: AbstractMetricModel, units: np.ndarray) -> Pool:
    """Give the closed forms' own density at points ``[m, d]``, on the latent scale."""
    assert isinstance(model, PriorFittedMetric)
    context, scale = model.context, model.context.scale
    rows = np.concatenate([context.columns, model.features.encode(units)])
    said = hints(rows[None], scale.forward(context.latent[None]), context.groups[None])
    num = len(context.latent)
    means = said.means[0, num:] * scale.spread[0] + scale.centre[0]
    return Pool(np.tile(said.weights[0], (len(means), 1)), means, said.deviations[0, num:] * scale.spread[0])


def weight(first: np.ndarray, second: np.ndarray) -> float:
    """Give the second member's weight by held-out log densities ``[n]``, with one row's worth of doubt each."""
    share = 0.5
    for _ in range(MAX_STEPS):
        own = 1.0 / (1.0 + (1.0 - share) / share * np.exp(np.clip(first - second, -50.0, 50.0)))
        share = float((own.sum() + 1.0) / (len(own) + 2.0))
    return share


def ranked_probability(atoms: np.ndarray, shares: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Give CRPS ``[m]`` of atoms ``[m, k]`` with shares ``[k]``: E|X - y| - E|X - X'| / 2."""
    order = np.argsort(atoms, axis=1)
    sorted_atoms, weights = np.take_along_axis(atoms, order, axis=1), shares[order]
    below = np.cumsum(weights, axis=1) - 0.5 * weights
    spread = 2.0 * (weights * sorted_atoms * (below - 0.5)).sum(axis=1)
    return np.asarray(np.abs(atoms - held[:, None]) @ shares - spread)


def once(name: str, size: int, seed: int) -> dict[str, dict[str, float]] | None:
    """Score both and their pools on rows that they have not seen; None where the network declines."""
    task = made(name)
    values = task.drawn(seed)
    order = np.random.default_rng([seed, 12]).permutation(len(values))
    train, test = order[:size], order[size : size + NUM_HELD]
    data, held, scale = dataset(task.space, task.units[train], values[train]), values[test], float(values.std())
    levels, parts = (np.array(item) for item in quadrature())
    said = {}
    for label, recipe, further in (
        (PROCESS, GaussianProcess(), of_process),
        (NETWORK, PriorFitted(), of_network),
    ):
        began = time.process_time()
        try:
            model = recipe.fit(data, seed=seed).model("y")
        except FitFailed:
            return None
        density, quantiles = (
            model.log_density(task.units[test], held),
            model.quantiles(task.units[test], levels.tolist()),
        )
        seconds = time.process_time() - began
        ranks, left_out = further(model, task.units[test], held)
        said[label] = Said(density, ranks, quantiles, left_out, seconds)
        if label == NETWORK:
            began = time.process_time()
            mixture, nothing = of_forms(model, task.units[test]), np.empty(0)
            quantiles = model.warp.inverse(mixture.quantiles(levels).ravel()).reshape(-1, len(levels))
            latent = model.warp.forward(held)
            density = mixture.log_density(latent) + model.warp.log_slope(held)
            seconds = time.process_time() - began
            said[FORMS] = Said(density, mixture.below(latent[:, None])[:, 0], quantiles, nothing, seconds)
    process, network, forms = said[PROCESS], said[NETWORK], said[FORMS]
    share = weight(process.held_out, network.held_out)
    scores = {}
    for label, other, part in (
        (PROCESS, network, 0.0),
        (FORMS, forms, 1.0),
        (NETWORK, network, 1.0),
        (EQUAL, network, 0.5),
        (WEIGHED, network, share),
    ):
        with np.errstate(divide="ignore"):
            density = np.logaddexp(
                np.log(1.0 - part) + process.log_density, np.log(part) + other.log_density
            ) + np.log(scale)
        shares = np.concatenate([(1.0 - part) * parts, part * parts])
        atoms = np.concatenate([process.quantiles, other.quantiles], axis=1)
        ranks = (1.0 - part) * process.ranks + part * other.ranks
        centre = median(atoms, shares)
        scores[label] = {
            "log density": float(np.clip(density, LEAST_LOG_DENSITY, -np.log(LEAST_WIDTH)).mean()),
            "crps": float(ranked_probability(atoms, shares, held).mean()) / scale,
            "r2": 1.0 - float(((centre - held) ** 2).sum() / ((held - held.mean()) ** 2).sum()),
            "in 90 %": float(np.mean(np.abs(ranks - 0.5) <= 0.45)),
            "seconds": (part < 1.0) * process.seconds + (part > 0.0) * other.seconds,
            "weight": part,
        }
    return scores


def median(atoms: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Give the medians ``[m]`` of atoms ``[m, k]`` with shares ``[k]``, straight between neighbours."""
    order = np.argsort(atoms, axis=1)
    weights = shares[order]
    below = np.cumsum(weights, axis=1) - 0.5 * weights
    ordered = np.take_along_axis(atoms, order, axis=1)
    return np.array([np.interp(0.5, level, row) for level, row in zip(below, ordered, strict=True)])


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--output", type=Path, default=RESULTS / "prior_fitted.json")
    options = parser.parse_args()
    names = list(sources())
    if not names:
        raise SystemExit("The public data is missing: ../shared/data beside this repository.")
    result: dict[str, object] = {}
    for size in options.sizes:
        tasks: dict[str, dict[str, dict[str, float]]] = {}
        for name in names:
            if len(made(name).values) < size + LEAST_HELD:
                continue
            with threadpool_limits(1), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = [once(name, size, seed) for seed in range(options.seeds)]
            kept = [scores for scores in found if scores is not None]
            if kept:
                tasks[name] = {
                    label: {score: float(np.mean([one[label][score] for one in kept])) for score in kept[0][label]}
                    for label in kept[0]
                }
        result[str(size)] = {"means over kinds": means(tasks), "tasks": rounded_all(tasks)}
        shown(size, tasks)
    write(options.output, origin(f"python -m benchmarks.prior_fitted --seeds {options.seeds}") | {"rows": result})


def means(tasks: dict[str, dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Average over tasks with equal weight for each kind; and compare log densities with the process's."""
    summary: dict[str, dict[str, float]] = {}
    for label in (PROCESS, FORMS, NETWORK, EQUAL, WEIGHED):
        summary[label] = {score: rounded(by_kind(tasks, label, score)) for score in (*SCORES, "weight")}
        over = [scores[label]["log density"] - scores[PROCESS]["log density"] for scores in tasks.values()]
        summary[label] |= {
            "better in log density": rounded(float(np.mean([gain > 0 for gain in over]))),
            "worst loss of log density": rounded(min(over)),
            "better in crps": rounded(
                float(np.mean([scores[label]["crps"] < scores[PROCESS]["crps"] for scores in tasks.values()]))
            ),
        }
    return summary


def by_kind(tasks: dict[str, dict[str, dict[str, float]]], label: str, score: str) -> float:
    """Average one score of one member."""
    grouped = defaultdict(list)
    for name, scores in tasks.items():
        grouped[made(name).kind].append(scores[label][score])
    return float(np.mean([np.mean(group) for group in grouped.values()]))


def rounded_all(tasks: dict[str, dict[str, dict[str, float]]]) -> dict[str, dict[str, dict[str, float]]]:
    """Keep six digits."""
    return {
        name: {label: {score: rounded(value) for score, value in part.items()} for label, part in scores.items()}
        for name, scores in tasks.items()
    }


def shown(size: int, tasks: dict[str, dict[str, dict[str, float]]]) -> None:
    """Print one size."""
    print(f"\n{size} rows, {len(tasks)} tasks", flush=True)
    print(f"{'':14s}" + "".join(f"{score:>13s}" for score in (*SCORES, "weight", "better", "worst loss")))
    for label, part in means(tasks).items():
        cells = [*(part[score] for score in (*SCORES, "weight")), part["better in log density"]]
        print(f"{label:14s}" + "".join(f"{cell:13.3f}" for cell in (*cells, part["worst loss of log density"])))


if __name__ == "__main__":
    main()
