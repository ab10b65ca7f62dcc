"""Eight trainings always running, their results in random order, against one at a time, at equal evaluations.

Asynchronous: eight suggestions are out from the start; a random one of them returns, and one more is asked for, so
that the engine always decides with seven results missing. What counts is the noise-free value of what the study
recommends after the last result, as regret in units of what random search's pick has after ten evaluations (median
over 20 seeds), cut at 3 as in `benchmarks.regret`.

    python -m benchmarks.asynchronous
"""

import argparse
import math
import time
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.records import RESULTS, origin, rounded, write
from benchmarks.regret.problems import Problem, names, problem
from benchmarks.regret.scores import WORST, units
from benchmarks.regret.trials import once
from physai_inverse import Study
from physai_inverse.errors import NotFound

PROBLEMS = (
    "hartmann6", "rosenbrock5", "learning_rate", "optimizers",
    "hpobench_mlp/phoneme", "nasbench201/cifar10", "lcbench/3945", "rbv2_xgboost/38",
)  # fmt: skip
NUM_RUNNING = 8
UNIT_SEEDS = 20


def pursue(task: Problem, seed: int, budget: int, running: int) -> float:
    """Run a study with so many trainings out at a time; give the excess of its recommendation."""
    study = Study(task.space, f"{'maximize' if task.maximize else 'minimize'} y", seed=seed)
    noise, order = np.random.default_rng([seed, 1234]), np.random.default_rng([seed, 5678])
    out = study.suggest(running)
    for number in range(1, budget + 1):
        trial = out.pop(int(order.integers(len(out))))
        value = task.measure(dict(trial.config), noise)
        if math.isfinite(value):
            study.observe(trial, {"y": value})
        else:
            study.fail(trial, "diverged")
        if number + len(out) < budget:
            out += study.suggest(1)
    try:
        excess = task.excess(dict(study.recommend().config))
    except NotFound:
        return math.inf
    return excess if math.isfinite(excess) else math.inf


def main() -> None:
    """Run, print the table, write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--budget", type=int, default=50)
    parser.add_argument("--output", type=Path, default=RESULTS / "asynchronous.json")
    options = parser.parse_args()
    available = names()
    chosen = [name for name in options.problems if name in available]
    for name in set(options.problems) - set(chosen):
        print(f"{name} is left out: its table is not here.")
    rows: dict[str, dict[str, list[float]]] = {}
    seconds = {"sequential": 0.0, "asynchronous": 0.0}
    print(f"{'regret, mean over seeds':24} {'sequential':>12} {'asynchronous':>13}")
    with threadpool_limits(1):
        for name in chosen:
            unit = units(once("random", name, seed, 50) for seed in range(UNIT_SEEDS))[name]
            rows[name] = {}
            for label, running in (("sequential", 1), ("asynchronous", NUM_RUNNING)):
                began = time.process_time()
                rows[name][label] = [
                    min(pursue(problem(name, seed), seed, options.budget, running) / unit, WORST)
                    for seed in range(options.seeds)
                ]
                seconds[label] += time.process_time() - began
            print(f"{name:24}", *(f"{np.mean(values):12.3f}" for values in rows[name].values()), flush=True)
    means = {label: float(np.mean([np.mean(row[label]) for row in rows.values()])) for label in seconds}
    gaps = np.array([np.mean(row["asynchronous"]) - np.mean(row["sequential"]) for row in rows.values()])
    ratio = means["asynchronous"] / means["sequential"]
    print(f"{'mean':24} {means['sequential']:12.3f} {means['asynchronous']:13.3f}   ratio {ratio:.2f}")
    summary = {
        **origin(f"python -m benchmarks.asynchronous --seeds {options.seeds} --budget {options.budget}"),
        "seeds": options.seeds,
        "evaluations": options.budget,
        "running": NUM_RUNNING,
        "mean regret": {label: rounded(value) for label, value in means.items()},
        "ratio": rounded(ratio),
        "standard error of the difference over problems": rounded(float(gaps.std() / math.sqrt(len(gaps)))),
        "processor seconds": {label: rounded(value) for label, value in seconds.items()},
        "by problem, one number a seed": {
            name: {label: [rounded(value) for value in values] for label, values in row.items()}
            for name, row in rows.items()
        },
    }
    write(options.output, summary)


if __name__ == "__main__":
    main()
