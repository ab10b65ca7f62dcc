"""Runs of tuners on problems, kept as lines of JSON, so that a stopped benchmark goes on where it was.

Each line: tuner, problem, seed, the excess of the recommendation over the best known value after so many
evaluations (NaN as null: it fails), the excess of the best measured one, how many proposals failed (in all, and of
a model), seconds of wall and processor time of all suggestions.
"""

import json
import math
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

READ_AT = (5, 10, 15, 20, 25, 30, 35, 40, 45, 50)
Run = dict[str, Any]


def once(tuner: str, name: str, seed: int, budget: int) -> Run:
    """Run one tuner on one problem."""
    import numpy as np
    from threadpoolctl import threadpool_limits

    from benchmarks.regret.problems import problem
    from benchmarks.regret.tuners import TUNERS

    task = problem(name, seed)
    noise = np.random.default_rng([seed, 1234])
    sign = -1.0 if task.maximize else 1.0
    picked, lucky, failed, modelled, failed_modelled = [], [], 0, 0, 0
    best, best_config = math.inf, None
    wall = cpu = 0.0
    with threadpool_limits(1):
        asked = TUNERS[tuner](task, seed, budget)
        for number in range(1, budget + 1):
            began, began_cpu = time.perf_counter(), time.process_time()
            config = asked.ask()
            wall, cpu = wall + time.perf_counter() - began, cpu + time.process_time() - began_cpu
            value = task.measure(config, noise)
            broken = not math.isfinite(value)
            failed += broken
            modelled += asked.modelled()
            failed_modelled += broken and asked.modelled()
            asked.tell(config, value)
            if not broken and sign * value < best:
                best, best_config = sign * value, config
            if number in READ_AT:
                chosen = asked.recommend() or best_config
                picked.append(_excess(task, chosen))
                lucky.append(_excess(task, best_config))
    return {
        "tuner": tuner, "problem": name, "seed": seed, "kind": task.kind, "noisy": task.noisy,
        "excess": picked, "best measured": lucky,
        "failed": failed, "modelled": modelled, "failed modelled": failed_modelled,
        "wall": round(wall, 4), "cpu": round(cpu, 4),
    }  # fmt: skip


def _excess(task: Any, config: Any) -> float | None:
    if config is None:
        return None
    value = task.excess(config)
    return float(f"{value:.6g}") if math.isfinite(value) else None


def load(path: Path) -> list[Run]:
    """Read the runs that were made; a line that was cut off is left out."""
    runs = []
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            runs.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return runs


def run_all(
    folder: Path, tuners: Sequence[str], names: Sequence[str], seeds: Sequence[int], *, budget: int, jobs: int
) -> None:
    """Make the runs that are missing, seeds outermost, so that any part of a benchmark is balanced."""
    folder.mkdir(parents=True, exist_ok=True)
    done = {(run["tuner"], run["problem"], run["seed"]) for tuner in tuners for run in load(file(folder, tuner))}
    wanted = [(tuner, name, seed) for seed in seeds for name in names for tuner in tuners]
    wanted = [key for key in wanted if key not in done]
    for position, run in enumerate(_results(wanted, budget, jobs), 1):
        with file(folder, run["tuner"]).open("a") as stream:
            stream.write(json.dumps(run) + "\n")
        if position % 20 == 0 or position == len(wanted):
            print(f"{position} of {len(wanted)} runs", flush=True)


def _results(wanted: Sequence[tuple[str, str, int]], budget: int, jobs: int) -> Iterator[Run]:
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for finished in as_completed([pool.submit(once, *key, budget) for key in wanted]):
            yield finished.result()


def file(folder: Path, tuner: str) -> Path:
    """Give the file of a tuner's runs."""
    return folder / f"{tuner.lower().replace(' ', '-')}.jsonl"
