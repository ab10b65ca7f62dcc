"""Fits, kept as lines of JSON, so that a stopped benchmark goes on where it was.

Each line: regressor, task, rows, seed, and of the held-out values, with the metric divided by its standard
deviation: mean log density (nats), mean continuous ranked probability score, R2 of the medians, share of the
values in their 50 % and 90 % intervals; processor seconds of fit and prediction.

Some metrics repeat a value exactly (an accuracy of one half, by guessing). A density may then be as high as one
likes; each value's log density is cut above at that of a distribution `LEAST_WIDTH` wide, and below at
`LEAST_LOG_DENSITY`, the same for every regressor.
"""

import json
import os
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

SIZES = (16, 32, 64, 128, 256)
NUM_HELD = 400
"""Held-out rows, at most; as many as there are where a table has fewer."""
LEAST_HELD = 40
LEAST_LOG_DENSITY = -20.0
Line = dict[str, Any]
Key = tuple[str, str, int, int]
"""Regressor, task, rows, seed."""


def once(regressor: str, name: str, size: int, seed: int) -> Line:
    """Fit once; an error is a result, too."""
    import numpy as np
    from threadpoolctl import threadpool_limits

    from benchmarks.forward.predictives import LEAST_WIDTH
    from benchmarks.forward.regressors import REGRESSORS
    from benchmarks.forward.tables import made
    from physai_inverse.surrogates.scoring import quadrature, ranked_probability

    task = made(name)
    values = task.drawn(seed)
    order = np.random.default_rng([seed, 12]).permutation(len(values))
    train, test = order[:size], order[size : size + NUM_HELD]
    line: Line = {"regressor": regressor, "task": name, "kind": task.kind, "rows": size, "seed": seed}
    held, scale = values[test], float(values.std())
    began = time.process_time()
    try:
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            predicted = REGRESSORS[regressor](task.space, task.units[train], values[train], task.units[test], seed)
            levels, _ = quadrature()
            quantiles = predicted.quantiles([*levels, 0.05, 0.25, 0.5, 0.75, 0.95])
            density = predicted.log_density(held)
    except Exception as raised:  # whatever a peer raises is its result
        return line | {"error": f"{type(raised).__name__}: {raised}"[:300]}
    seconds = time.process_time() - began
    low, lower, middle, upper, high = quantiles[:, len(levels) :].T
    density = np.clip(np.nan_to_num(density, nan=-np.inf) + np.log(scale), LEAST_LOG_DENSITY, -np.log(LEAST_WIDTH))
    return line | {
        "log density": _kept(np.mean(density)),
        "crps": _kept(np.mean(ranked_probability(quantiles[:, : len(levels)], held)) / scale),
        "r2": _kept(1.0 - np.sum((middle - held) ** 2) / np.sum((held - held.mean()) ** 2)),
        "in 50 %": _kept(np.mean((held >= lower) & (held <= upper))),
        "in 90 %": _kept(np.mean((held >= low) & (held <= high))),
        "seconds": _kept(seconds),
    }


def _kept(value: Any) -> float:
    return float(f"{float(value):.6g}")


def load(path: Path) -> list[Line]:
    """Read the fits that were made; a line that was cut off is left out."""
    lines = []
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            lines.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return lines


def file(folder: Path, regressor: str) -> Path:
    """Give the file of a regressor's fits."""
    return folder / f"{regressor.lower().replace(', ', '-').replace(' ', '-')}.jsonl"


def run_all(
    folder: Path, regressors: Sequence[str], names: Sequence[str], sizes: Sequence[int], seeds: int, jobs: int
) -> None:
    """Make the fits that are missing, seeds outermost, so that any part of a benchmark is balanced.

    Args:
        folder: where the lines are kept.
        regressors: their names.
        names: of the tasks.
        sizes: training rows; left out where a task has too few to hold `LEAST_HELD` out.
        seeds: splits.
        jobs: processes at a time, one thread each.
    """
    from benchmarks.forward.regressors import MIXED
    from benchmarks.forward.tables import made
    from physai_inverse.space import Choice

    folder.mkdir(parents=True, exist_ok=True)
    done = {
        (line["regressor"], line["task"], line["rows"], line["seed"])
        for regressor in regressors
        for line in load(file(folder, regressor))
    }
    wanted: list[Key] = [
        (regressor, name, size, seed)
        for seed in range(seeds)
        for size in sizes
        for name in names
        if len(made(name).values) >= size + LEAST_HELD
        for regressor in regressors
        if regressor != MIXED or any(isinstance(parameter, Choice) for parameter in made(name).space.free)
    ]
    wanted = [key for key in wanted if key not in done]
    for position, line in enumerate(_results(wanted, jobs), 1):
        with file(folder, line["regressor"]).open("a") as stream:
            stream.write(json.dumps(line) + "\n")
        if "error" in line:
            print(f"{line['regressor']} on {line['task']}, {line['rows']} rows: {line['error']}", flush=True)
        if position % 200 == 0 or position == len(wanted):
            print(f"{position} of {len(wanted)} fits", flush=True)


def _results(wanted: Sequence[Key], jobs: int) -> Iterator[Line]:
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for finished in as_completed([pool.submit(once, *key) for key in wanted]):
            yield finished.result()
