"""Whether inverse queries keep what they promise, and refuse what cannot be.

A study holds 60 random trainings of a table. Queries ask for values above or below a limit, or within a band, of
its metric; every configuration that an answer promises with a probability in [0.7, 0.9] is trained once more, with
noise, and either meets the query or does not. Planted queries ask for values beyond the best that any training of
the whole table gave, by a margin in units of the interquartile range of the trainings seen; they must be refused.

    python -m benchmarks.queries
"""

import argparse
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.records import RESULTS, origin, rounded, write
from benchmarks.regret.problems import Problem, names, problem
from physai_inverse import AtLeast, AtMost, Objective, Study
from physai_inverse.objective import Goal

PROBLEMS = (
    "hpobench_mlp/kc1", "hpobench_mlp/phoneme", "hpobench_mlp/credit_g", "fcnet/parkinsons_telemonitoring",
    "lcbench/3945", "lcbench/126025", "lcbench/168331",
)  # fmt: skip
LIMITS = (0.6, 0.75, 0.85, 0.92, 0.97)
"""Quantiles of the trainings seen, from the bad end, to be reached."""
BANDS = ((0.3, 0.5), (0.5, 0.7), (0.6, 0.85), (0.75, 0.95), (0.85, 0.99))
MARGINS = (0.25, 0.5, 1.0)
PROMISE = (0.7, 0.9)
NUM_CONFIGS = 8


def met(goals: tuple[Goal, ...], value: float) -> bool:
    """Say whether a value meets limits."""
    return math.isfinite(value) and all(
        value >= goal.bound if isinstance(goal, AtLeast) else value <= goal.bound
        for goal in goals
        if isinstance(goal, AtLeast | AtMost)
    )


def queries(values: np.ndarray, maximize: bool) -> dict[str, tuple[Goal, ...]]:
    """Make the queries from the values seen."""

    def at(share: float) -> float:
        return float(np.quantile(values, share if maximize else 1.0 - share))

    beyond: Callable[[str, float], Goal] = AtLeast if maximize else AtMost
    short: Callable[[str, float], Goal] = AtMost if maximize else AtLeast
    found: dict[str, tuple[Goal, ...]] = {f"beyond {share}": (beyond("y", at(share)),) for share in LIMITS}
    found |= {f"between {low} and {high}": (beyond("y", at(low)), short("y", at(high))) for low, high in BANDS}
    return found


def planted(values: np.ndarray, task: Problem) -> dict[str, tuple[Goal, ...]]:
    """Make the queries that no training of the table meets."""
    assert task.reach is not None, "only tables are asked"
    spread = float(np.subtract(*np.quantile(values, (0.75, 0.25))))
    goal: Callable[[str, float], Goal] = AtLeast if task.maximize else AtMost
    away = spread if task.maximize else -spread
    return {f"beyond the best by {margin}": (goal("y", task.reach + margin * away),) for margin in MARGINS}


def ask(name: str, seed: int, trainings: int) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Ask one study everything; give a record of each query answered, and of each planted one."""
    task, noise = problem(name, seed), np.random.default_rng([seed, 2468])
    configs = task.space.sample(trainings, seed=seed + 500)
    values = np.array([task.measure(config, noise) for config in configs])
    study = Study(task.space, f"{'maximize' if task.maximize else 'minimize'} y", seed=seed)
    study.import_observations(
        [(config, {"y": float(value)}) for config, value in zip(configs, values, strict=True)]
    )
    answered: list[dict[str, object]] = []
    for label, goals in queries(values, task.maximize).items():
        answer = study.invert(Objective(goals), n=NUM_CONFIGS)
        pairs = [
            (probability, met(goals, task.measure(config, noise)))
            for config, probability in zip(answer.configs, answer.probabilities, strict=True)
        ]
        kept = [pair for pair in pairs if PROMISE[0] <= pair[0] <= PROMISE[1]]
        answered.append({
            "query": label, "reachable": answer.reachable, "configurations": len(kept),
            "promised": [rounded(promised) for promised, _ in kept], "met": [met for _, met in kept],
        })  # fmt: skip
    refused: list[dict[str, object]] = [
        {"query": label, "reachable": study.invert(Objective(goals), n=NUM_CONFIGS).reachable}
        for label, goals in planted(values, task).items()
    ]
    return answered, refused


def main() -> None:
    """Ask, print the table, write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trainings", type=int, default=60)
    parser.add_argument("--output", type=Path, default=RESULTS / "queries.json")
    options = parser.parse_args()
    available = names()
    chosen = [name for name in options.problems if name in available]
    for name in set(options.problems) - set(chosen):
        print(f"{name} is left out: its table is not here.")
    rows: dict[str, dict[str, object]] = {}
    promised: list[float] = []
    kept: list[bool] = []
    by_query: list[float] = []
    refused: list[bool] = []
    began = time.process_time()
    print(f"{'promised in [0.7, 0.9]':32} queries configs  promised   kept   planted refused")
    with threadpool_limits(1):
        for name in chosen:
            asked = [ask(name, seed, options.trainings) for seed in range(options.seeds)]
            answered = [record for records, _ in asked for record in records if record["configurations"]]
            own_promised = [value for record in answered for value in _list(record["promised"])]
            own_kept = [bool(value) for record in answered for value in _list(record["met"])]
            own_refused = [not record["reachable"] for _, records in asked for record in records]
            by_query += [float(np.mean(_list(record["met"]))) for record in answered]
            promised, kept, refused = promised + own_promised, kept + own_kept, refused + own_refused
            rows[name] = {
                "queries": len(answered),
                "configurations": len(own_kept),
                "promised": rounded(float(np.mean(own_promised))) if own_promised else None,
                "kept": rounded(float(np.mean(own_kept))) if own_kept else None,
                "planted refused": f"{sum(own_refused)} of {len(own_refused)}",
                "by seed": [{"answered": first, "planted": second} for first, second in asked],
            }
            means = (f"{np.mean(own):6.2f}" if own else "     -" for own in (own_promised, own_kept))
            print(f"{name:32} {len(answered):7} {len(own_kept):7}    {'  '.join(means)}   "
                  f"{sum(own_refused)} of {len(own_refused)}", flush=True)  # fmt: skip
    error = float(np.std(by_query) / math.sqrt(len(by_query))) if by_query else math.nan
    share = float(np.mean(kept)) if kept else math.nan
    print(f"{'all':32} {len(by_query):7} {len(kept):7}    {np.mean(promised):6.2f}  {share:6.2f}   "
          f"{sum(refused)} of {len(refused)}")  # fmt: skip
    print(f"kept, mean over queries: {np.mean(by_query):.2f} ± {error:.2f}")
    summary = {
        **origin(f"python -m benchmarks.queries --seeds {options.seeds} --trainings {options.trainings}"),
        "seeds": options.seeds,
        "trainings": options.trainings,
        "queries with promises in [0.7, 0.9]": len(by_query),
        "configurations": len(kept),
        "promised": rounded(float(np.mean(promised))) if promised else None,
        "kept": rounded(share),
        "kept, mean over queries, and its standard error": [rounded(float(np.mean(by_query))), rounded(error)],
        "planted refused": rounded(float(np.mean(refused))),
        "processor seconds": rounded(time.process_time() - began),
        "tables": rows,
    }
    write(options.output, summary)


def _list(value: object) -> list[float]:
    assert isinstance(value, list), "records hold lists"
    return value


if __name__ == "__main__":
    main()
