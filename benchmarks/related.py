"""Several metrics together: what a metric with few rows gains from another that has four times as many.

Two metrics of one table are drawn for the same random trainings; the second is known for all of them, the first
for a quarter. The mixed forward map of the first, with the second in the data and without, is held against
trainings that neither saw, by its log density in nats a value. Tables of ../shared/data.

    python -m benchmarks.related
"""

import argparse
import itertools
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.forward.tables import LANGUAGE, Task, instance, mixture, plain, pool, sources
from benchmarks.records import RESULTS, origin, rounded, write
from benchmarks.regret.problems import LCBENCH, XGBOOST
from physai_inverse.forward import Column, Dataset
from physai_inverse.surrogates import Mixture

SIZES = (16, 32, 64)
TIMES = 4
TESTED = 300
INSTANCES = 2
"""Tables of a family that take part."""


def pairs() -> dict[str, tuple[Callable[[], Task], Callable[[], Task]]]:
    """Give pairs of tasks over the same rows, by name, not yet read."""
    found: dict[str, tuple[Callable[[], Task], Callable[[], Task]]] = {}
    for table, space, metric, other in (
        ("lcbench", LCBENCH, "val_cross_entropy_e52", "val_accuracy_e52"),
        ("lcbench", LCBENCH, "val_accuracy_e52", "val_accuracy_e4"),
        ("rbv2_xgboost", XGBOOST, "auc_t100", "acc_t20"),
        ("rbv2_xgboost", XGBOOST, "logloss_t100", "acc_t100"),
    ):
        for number in sorted({row["instance"] for row in pool(table)}, key=int)[:INSTANCES]:
            found[f"{table}/{number} {metric} | {other}"] = (
                instance(table, number, space, metric),
                instance(table, number, space, other),
            )
    github, pile = mixture("loss_github"), mixture("loss_pile_cc")
    found |= {
        "regmix loss_github | loss_pile_cc": (github, pile),
        "regmix loss_pile_cc | loss_github": (pile, github),
    }
    error, loss = (
        plain("llm_overtraining/runs.csv", "llm", LANGUAGE, name) for name in ("err_avg_17", "loss_c4_val")
    )
    found["llm err_avg_17 | loss_c4_val"] = error, loss
    every = sources()
    for first, second in itertools.pairwise(name for name in every if name.startswith("nasbench201")):
        found[f"{first} | {second}"] = every[first], every[second]
    return found


def scores(first: Task, second: Task, size: int, seed: int) -> dict[str, float]:
    """Score the map of the first metric alone, and with the second beside it."""
    values, others = first.drawn(seed), second.drawn(seed)
    usable = np.flatnonzero(np.isfinite(values) & np.isfinite(others))
    order = np.random.default_rng([seed, 3]).permutation(usable)
    rows, unseen = order[: size * TIMES], order[size * TIMES :][:TESTED]
    known = np.where(np.arange(len(rows)) < size, values[rows], np.nan)
    columns = {"metric": _column(known), "other": _column(others[rows])}
    result: dict[str, float] = {}
    for name, given in (("alone", {"metric": columns["metric"]}), ("with", columns)):
        data = Dataset(first.space, first.units[rows], given, np.zeros(len(rows), dtype=bool))
        start = time.process_time()
        model = Mixture().fit(data, seed=seed, metrics=["metric"]).model("metric")
        result[f"{name} seconds"] = time.process_time() - start
        result[name] = float(np.mean(model.log_density(first.units[unseen], values[unseen])))
        result["weight"] = model.members.get("related metric", 0.0)
    return result


def _column(values: np.ndarray) -> Column:
    return Column(values, np.zeros(len(values)), np.zeros(len(values), dtype=np.int8))


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS / "related.json")
    options = parser.parse_args()
    tables: dict[str, Any] = {}
    for name, made in pairs().items():
        first, second = (make() for make in made)
        if len(first.units) != len(second.units):
            continue
        for size in SIZES:
            if size * TIMES > len(first.units) // 2:
                continue
            runs = [scores(first, second, size, seed) for seed in range(options.seeds)]
            gains = [run["with"] - run["alone"] for run in runs]
            row = {
                "gain": rounded(statistics.mean(gains)),
                "gains": [rounded(gain) for gain in gains],
                "weight": rounded(statistics.mean(run["weight"] for run in runs)),
                "alone": rounded(statistics.mean(run["alone"] for run in runs)),
                "seconds": [
                    rounded(statistics.median(run[f"{way} seconds"] for run in runs)) for way in ("alone", "with")
                ],
            }
            tables.setdefault(name, {})[str(size)] = row
            print(f"{name:58s} {size:3d} rows: {row['gain']:+.3f} nats, weight {row['weight']:.2f}", flush=True)
    means = [row["gain"] for sizes in tables.values() for row in sizes.values()]
    summary = {
        "mean gain": rounded(statistics.mean(means)),
        "largest gain": max(means),
        "largest loss": min(means),
        "share of tables and sizes that gain": rounded(sum(gain > 0 for gain in means) / len(means)),
    }
    print(summary)
    write(options.out, {**origin("python -m benchmarks.related"), "summary": summary, "tables": tables})


if __name__ == "__main__":
    main()
