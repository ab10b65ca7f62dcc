"""What prior knowledge saves, and what it costs when it is wrong.

On the public tables that share a space with others, a study is told of up to three others, by 50 random trainings
each:

    none        nothing
    same        the others as they are
    negated     the others with their metric negated: every good configuration looks bad
    shuffled    the others with their metric dealt out at random
    believed    a belief in the best of 2,000 random configurations, factor 3
    mistaken    a belief in the worst of them, factor 3

Regret is that of the noise-free value of what the study recommends, scaled per table so that 0 is the best value
known and 1 what random search has picked after 10 trainings. Told for each variant: the mean curve, after how many
trainings it is at or below the mean that `none` has at the end (with the 90 % range over bootstrapped seeds), the
same by family, and processor seconds a suggestion. Runs are kept as lines of JSON, so that a stopped one goes on.

    python -m benchmarks.transfer --seeds 5
"""

import argparse
import json
import math
import platform
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.regret.problems import Problem, names, problem
from benchmarks.regret.trials import load
from physai_inverse import Belief, Study

ROOT = Path(__file__).parents[1]
FAMILIES = ("hpobench_mlp", "nasbench201", "lcbench", "rbv2_xgboost")
VARIANTS = ("none", "same", "negated", "shuffled", "believed", "mistaken")
READ_AT = (*range(1, 11), 12, 14, 16, 18, 20, 22, 25, 28, 30, 35, 40, 45, 50)
MOST_EARLIER, EARLIER_ROWS, BELIEVED_AMONG = 3, 50, 2000
MOST_REGRET = 10.0
Run = dict[str, Any]


def tables() -> list[str]:
    """Give the tables that share a space with another."""
    return [name for name in names() if name.partition("/")[0] in FAMILIES]


def earlier(name: str, variant: str, seed: int) -> list[Study]:
    """Make the studies that came before: random trainings of other tables of the family."""
    random = np.random.default_rng([seed, 5])
    family = [other for other in tables() if other != name and other.partition("/")[0] == name.partition("/")[0]]
    made = []
    for place in sorted(random.permutation(len(family))[:MOST_EARLIER]):
        task = problem(family[place], seed)
        configs = task.space.sample(EARLIER_ROWS, seed=1000 * seed + int(place))
        values = np.array([task.measure(dict(config), random) for config in configs])
        if variant == "negated":
            values = -values
        elif variant == "shuffled":
            values = random.permutation(values)
        study = Study(task.space, goal(task), name=family[place], seed=seed)
        study.import_observations([(c, {"y": float(y)}) for c, y in zip(configs, values, strict=True)])
        made.append(study)
    return made


def belief(task: Problem, variant: str, seed: int) -> Belief:
    """Believe in the best, or the worst, of many random configurations."""
    configs = task.space.sample(BELIEVED_AMONG, seed=seed)
    values = [task.excess(dict(config)) for config in configs]
    finite = [place for place, value in enumerate(values) if math.isfinite(value)]
    pick = (min if variant == "believed" else max)(finite, key=lambda place: values[place])
    return Belief(configs[pick], factor=3)


def goal(task: Problem) -> str:
    """Give the objective of a task."""
    return f"{'maximize' if task.maximize else 'minimize'} y"


def once(name: str, variant: str, seed: int, budget: int) -> Run:
    """Run one study."""
    task, noise = problem(name, seed), np.random.default_rng([seed, 1234])
    known: dict[str, Any] = {}
    if variant in ("same", "negated", "shuffled"):
        known["earlier"] = earlier(name, variant, seed)
    elif variant != "none":
        known["beliefs"] = [belief(task, variant, seed)]
    study, excess, cpu = Study(task.space, goal(task), seed=seed, **known), [], 0.0
    for number in range(1, budget + 1):
        began = time.process_time()
        [trial] = study.suggest()
        cpu += time.process_time() - began
        study.observe(trial, {"y": task.measure(dict(trial.config), noise)})
        if number in READ_AT:
            excess.append(float(f"{task.excess(dict(study.recommend().config)):.6g}"))
    weights = {key: round(value, 3) for key, value in study.forward_map().model("y").leaning.items()}
    return {
        "table": name, "variant": variant, "seed": seed, "budget": budget,
        "excess": excess, "weights": weights, "cpu": round(cpu / budget, 5),
    }  # fmt: skip


def scale(name: str, seeds: Sequence[int]) -> float:
    """Give the excess of random search's pick after 10 trainings, the median over seeds."""
    found = []
    for seed in seeds:
        task, noise = problem(name, seed), np.random.default_rng([seed, 4321])
        configs = task.space.sample(10, seed=seed)
        values = [task.measure(dict(config), noise) for config in configs]
        best = int(np.nanargmax(values) if task.maximize else np.nanargmin(values))
        found.append(task.excess(dict(configs[best])))
    return max(statistics.median(found), 1e-12)


def reached(curve: np.ndarray, bar: float, at: Sequence[int]) -> int | None:
    """Give the number of trainings from which a mean curve is at or below a bar; None where it never is."""
    below = np.flatnonzero(curve <= bar + 1e-12)
    return at[int(below[0])] if len(below) else None


def summarise(runs: Sequence[Run], budget: int) -> dict[str, Any]:
    """Compare every variant with `none` on the tables and seeds that both have."""
    at = [number for number in READ_AT if number <= budget]
    scales = {name: scale(name, range(20)) for name in sorted({run["table"] for run in runs})}
    curves: dict[str, dict[tuple[str, int], np.ndarray]] = {variant: {} for variant in VARIANTS}
    for run in runs:
        if run["budget"] == budget:
            regret = np.minimum(np.array(run["excess"]) / scales[run["table"]], MOST_REGRET)
            curves[run["variant"]][run["table"], run["seed"]] = regret
    found: dict[str, Any] = {}
    for variant in VARIANTS:
        keys = sorted(set(curves[variant]) & set(curves["none"]))
        if not keys:
            continue
        new = np.array([curves[variant][key] for key in keys])
        old = np.array([curves["none"][key] for key in keys])
        random = np.random.default_rng(0)
        seeds = np.array([seed for _, seed in keys])
        numbers = []
        for _ in range(500):
            drawn = random.choice(np.unique(seeds), len(np.unique(seeds)))
            rows = np.concatenate([np.flatnonzero(seeds == seed) for seed in drawn])
            numbers.append(reached(new[rows].mean(axis=0), old[rows].mean(axis=0)[-1], at) or math.inf)
        low, high = (float(np.quantile(numbers, share, method="nearest")) for share in (0.05, 0.95))
        ends = new[:, -1] - old[:, -1]
        found[variant] = {
            "runs": len(keys),
            "seeds": len(np.unique(seeds)),
            "mean": {
                str(number): round(float(value), 4) for number, value in zip(at, new.mean(axis=0), strict=True)
            },
            "mean of none": round(float(old.mean(axis=0)[-1]), 4),
            "reached after": reached(new.mean(axis=0), float(old.mean(axis=0)[-1]), at),
            "90 % range": [value if math.isfinite(value) else None for value in (low, high)],
            "end minus none": [round(float(ends.mean()), 4), round(float(ends.std() / math.sqrt(len(ends))), 4)],
            "by family": _by_family(keys, new, old, at),
            "cpu": round(statistics.mean(run["cpu"] for run in runs if run["variant"] == variant), 4),
        }
    return found


def _by_family(
    keys: Sequence[tuple[str, int]], new: np.ndarray, old: np.ndarray, at: Sequence[int]
) -> Mapping[str, Any]:
    found = {}
    for family in FAMILIES:
        rows = [place for place, (name, _) in enumerate(keys) if name.startswith(family)]
        if rows:
            one, other = new[rows].mean(axis=0), old[rows].mean(axis=0)
            found[family] = {
                "runs": len(rows), "end": round(float(one[-1]), 4), "end of none": round(float(other[-1]), 4),
                "reached after": reached(one, float(other[-1]), at),
            }  # fmt: skip
    return found


def main() -> None:
    """Make the runs that are missing, print the table, write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--budget", type=int, default=50)
    parser.add_argument("--tables", default=",".join(FAMILIES), help="families or tables, by how they begin")
    parser.add_argument("--variants", default=",".join(VARIANTS))
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results" / "transfer.json")
    options = parser.parse_args()
    lines = options.output.with_suffix(".jsonl")
    done = {(run["table"], run["variant"], run["seed"], run["budget"]) for run in load(lines)}
    chosen = [name for name in tables() if name.startswith(tuple(options.tables.split(",")))]
    for seed in range(options.seeds):
        for name in chosen:
            for variant in options.variants.split(","):
                if (name, variant, seed, options.budget) not in done:
                    with lines.open("a") as stream:
                        stream.write(json.dumps(once(name, variant, seed, options.budget)) + "\n")
        print(f"seed {seed}: {len(chosen)} tables", flush=True)
    found = summarise(load(lines), options.budget)
    print(f"{'variant':9s} runs  at the end (none)   reached after [90 %]   end minus none   ms a suggestion")
    for variant, result in found.items():
        end, spread = result["end minus none"]
        print(
            f"{variant:9s} {result['runs']:4d}  {result['mean'][str(options.budget)]:.3f}"
            f" ({result['mean of none']:.3f})        {result['reached after']} {result['90 % range']}"
            f"   {end:+.3f} +- {spread:.3f}   {1000 * result['cpu']:.0f}"
        )
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    summary = {
        "command": "python -m benchmarks.transfer",
        "commit": commit.stdout.strip(),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "variants": found,
    }
    options.output.write_text(json.dumps(summary, indent=1) + "\n")


if __name__ == "__main__":
    main()
