"""Runs of tuners on problems, kept as lines of JSON, so that a stopped benchmark goes on where it was.

Each line: tuner, problem, seed, the excess of the recommendation over the best known value after so many
evaluations (null: it fails, or there is none yet), the excess of the best measured one, how many proposals failed
(in all, and of a model), seconds of wall and processor time of all suggestions. A tuner that raises ends there:
the line says `error`, and its last pick counts on to the end.
"""

import json
import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

READ_AT = (5, 10, 15, 20, 25, 30, 35, 40, 45, 50)
Run = dict[str, Any]
Key = tuple[str, str, int]
"""Tuner, problem, seed."""


def once(tuner: str, name: str, seed: int, budget: int) -> Run:
    """Run one tuner on one problem.

    Noise comes from one stream per seed, the same for every tuner, one draw an evaluation.
    """
    import numpy as np
    from threadpoolctl import threadpool_limits

    from benchmarks.regret.problems import problem
    from benchmarks.regret.tuners import TUNERS

    task = problem(name, seed)
    noise = np.random.default_rng([seed, 1234])
    sign = -1.0 if task.maximize else 1.0
    picked: list[float | None] = []
    lucky: list[float | None] = []
    failed = modelled = failed_modelled = 0
    best, best_config, error = math.inf, None, ""
    wall = cpu = 0.0
    asked = TUNERS[tuner].make(task, seed, budget)
    for number in range(1, budget + 1):
        try:
            # Set anew each time: some peers set the number of threads themselves.
            with threadpool_limits(1):
                began, began_cpu = time.perf_counter(), time.process_time()
                config = asked.ask()
                wall, cpu = wall + time.perf_counter() - began, cpu + time.process_time() - began_cpu
                value = task.measure(config, noise)
                broken, of_model = not math.isfinite(value), asked.modelled()
                asked.tell(config, value)
                chosen = asked.recommend() if number in READ_AT else None
        except Exception as raised:  # whatever a peer raises is its result
            error = f"evaluation {number}: {type(raised).__name__}: {raised}"[:300]
            break
        failed, modelled = failed + broken, modelled + of_model
        failed_modelled += broken and of_model
        if not broken and sign * value < best:
            best, best_config = sign * value, config
        if number in READ_AT:
            picked.append(_excess(task, chosen or best_config))
            lucky.append(_excess(task, best_config))
    reads = sum(number <= budget for number in READ_AT)
    picked += [picked[-1] if picked else None] * (reads - len(picked))
    lucky += [_excess(task, best_config)] * (reads - len(lucky))
    return {
        "tuner": tuner, "problem": name, "seed": seed, "kind": task.kind, "noisy": task.noisy,
        "excess": picked, "best measured": lucky,
        "failed": failed, "modelled": modelled, "failed modelled": failed_modelled,
        "wall": round(wall, 4), "cpu": round(cpu, 4), "version": TUNERS[tuner].version(),
        **({"error": error} if error else {}),
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


def run_all(folder: Path, seeds: Mapping[str, int], names: Sequence[str], *, budget: int, jobs: int) -> None:
    """Make the runs that are missing, seeds outermost, so that any part of a benchmark is balanced.

    Args:
        folder: where the lines are kept.
        seeds: tuner to how many seeds it gets.
        names: of the problems.
        budget: evaluations a run.
        jobs: processes at a time, one thread each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done = {(run["tuner"], run["problem"], run["seed"]) for tuner in seeds for run in load(file(folder, tuner))}
    wanted: list[Key] = [
        (tuner, name, seed)
        for seed in range(max(seeds.values(), default=0))
        for name in names
        for tuner, number in seeds.items()
        if seed < number
    ]
    wanted = [key for key in wanted if key not in done]
    for position, run in enumerate(_results(wanted, budget, jobs), 1):
        with file(folder, run["tuner"]).open("a") as stream:
            stream.write(json.dumps(run) + "\n")
        if "error" in run:
            print(f"{run['tuner']} on {run['problem']}, seed {run['seed']}: {run['error']}", flush=True)
        if position % 20 == 0 or position == len(wanted):
            print(f"{position} of {len(wanted)} runs", flush=True)


def _results(wanted: Sequence[Key], budget: int, jobs: int) -> Iterator[Run]:
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for finished in as_completed([pool.submit(once, *key, budget) for key in wanted]):
            yield finished.result()


def file(folder: Path, tuner: str) -> Path:
    """Give the file of a tuner's runs."""
    return folder / f"{tuner.lower().replace(' ', '-')}.jsonl"
