"""What a recommendation promises, and what fresh trainings of it give.

A study of every problem of the regret benchmark; after 20, 35 and 50 trainings the recommended configuration is
trained five times more. Told: how many of these lie within the 90 % interval of `predict`, how many are worse and
better than it; how far the predicted mean, and the value that the pick itself once measured, lie from the mean of
the fresh ones, in standard deviations of what random trainings give (positive: too bright).

    python -m benchmarks.picks
"""

import argparse
import math
import statistics
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.records import RESULTS, origin, rounded, write
from benchmarks.regret.problems import names, problem
from physai_inverse import Study
from physai_inverse.errors import NotFound

READ_AT = (20, 35, 50)
FRESH = 5
FIRST_SEED = 200
RANDOM_ROWS = 200
Pick = dict[str, Any]


def picks(name: str, seed: int) -> list[Pick]:
    """Run a study, and train what it recommends anew."""
    task = problem(name, seed)
    noise, fresh = np.random.default_rng([seed, 1234]), np.random.default_rng([seed, 99])
    sign = -1.0 if task.maximize else 1.0
    random = [task.truth(dict(config)) for config in task.space.sample(RANDOM_ROWS, seed=seed)]
    spread = float(np.std([value for value in random if math.isfinite(value)]))
    study = Study(task.space, f"{'maximize' if task.maximize else 'minimize'} y", seed=seed)
    found, measured = [], dict[int, float]()
    for number in range(1, READ_AT[-1] + 1):
        [trial] = study.suggest()
        measured[trial.number] = value = task.measure(dict(trial.config), noise)
        if math.isfinite(value):
            study.observe(trial, {"y": value})
        else:
            study.fail(trial, "diverged")
        if number not in READ_AT:
            continue
        try:
            pick = study.recommend()
        except NotFound:
            continue
        predicted = study.predict([pick.config])["y"]
        low, high = (predicted.quantiles[level][0] for level in (0.05, 0.95))
        low, high = (low - 1e-9 * abs(low), high + 1e-9 * abs(high))  # formulas without noise, known to rounding
        values = np.array([task.measure(dict(pick.config), fresh) for _ in range(FRESH)])
        over, under = float(np.mean(values > high)), float(np.mean(values < low))
        found.append(
            {
                "problem": name, "kind": task.kind, "seed": seed, "trainings": number,
                "within": 1.0 - over - under,
                "worse": over if sign > 0 else under,
                "better": under if sign > 0 else over,
                "predicted too bright": sign * float(values.mean() - predicted.mean[0]) / spread,
                "measured too bright": sign * float(values.mean() - measured[pick.number]) / spread,
            }
        )  # fmt: skip
    return found


def summed(rows: list[Pick]) -> dict[str, float]:
    """Give the means, and the medians of what may have long tails."""
    return {
        "picks": len(rows),
        **{key: rounded(statistics.mean(row[key] for row in rows)) for key in ("within", "worse", "better")},
        **{
            key: rounded(statistics.median(row[key] for row in rows))
            for key in ("predicted too bright", "measured too bright")
        },
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS / "picks.json")
    options = parser.parse_args()
    rows: list[Pick] = []
    for name in names():
        new = [row for seed in range(FIRST_SEED, FIRST_SEED + options.seeds) for row in picks(name, seed)]
        rows += new
        print(f"{name:34s}", summed(new), flush=True)
    result = {
        "all": summed(rows),
        "by trainings": {
            str(number): summed([row for row in rows if row["trainings"] == number]) for number in READ_AT
        },
        "by kind": {
            kind: summed([row for row in rows if row["kind"] == kind])
            for kind in sorted({row["kind"] for row in rows})
        },
    }
    print(result)
    write(options.out, {**origin("python -m benchmarks.picks"), "seeds": options.seeds, **result})


if __name__ == "__main__":
    main()
