"""Our adapters inside the loops of Ax and Optuna beside what those propose by default, on look-up tables.

Every loop is the library's own, at its defaults, and picks in the library's own way: `get_best_parameterization`
of Ax, `best_trial` of Optuna. Regret is the noise-free excess of the pick over the best of the table, as a share
of what random search's pick has after ten evaluations (the median over seeds). What was run is kept; a stopped run
goes on where it was.

    python -m benchmarks.adapted
    python -m benchmarks.adapted --summary
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.records import origin, rounded, write
from benchmarks.regret.trials import READ_AT, Run, file, load, run_all

RESULTS = Path(__file__).parent / "results" / "adapters"
LOOPS = {
    "Ax with ours": 3,
    "Ax": 3,
    "Optuna with ours": 10,
    "Optuna GP": 10,
    "Optuna TPE": 10,
    "random": 20,
}
"""Tuner to number of seeds, by how slow it is; random gives regret its unit."""
PAIRS = (("Ax with ours", "Ax"), ("Optuna with ours", "Optuna GP"), ("Optuna with ours", "Optuna TPE"))
"""Ours and what it stands in for."""
TABLES = (
    "hpobench_mlp/australian",
    "hpobench_mlp/phoneme",
    "fcnet/parkinsons_telemonitoring",
    "nasbench201/cifar10",
    "lcbench/3945",
    "lcbench/168331",
    "rbv2_xgboost/1067",
)
BUDGET = 30
UNIT_AT = 10


def normalised(runs: Sequence[Run]) -> dict[str, dict[tuple[str, int], float]]:
    """Give tuner to table and seed to the regret of the last pick; a run that never picked counts as infinite."""
    units = {}
    for table in {run["problem"] for run in runs}:
        found = [
            run["excess"][READ_AT.index(UNIT_AT)]
            for run in runs
            if run["tuner"] == "random" and run["problem"] == table
        ]
        if found:
            units[table] = float(np.median([np.inf if value is None else value for value in found]))
    regrets: dict[str, dict[tuple[str, int], float]] = {}
    for run in runs:
        if run["problem"] in units:
            last = run["excess"][-1]
            excess = np.inf if last is None else float(last)
            regrets.setdefault(run["tuner"], {})[run["problem"], run["seed"]] = excess / units[run["problem"]]
    return regrets


def summarise(runs: Sequence[Run]) -> dict[str, Any]:
    """Give medians, quartiles and seconds of every loop, and each pair on the runs that both made."""
    regrets = normalised(runs)
    loops = {}
    for tuner in LOOPS:
        own = [run for run in runs if run["tuner"] == tuner]
        if tuner in regrets:
            values = list(regrets[tuner].values())
            tables = sorted({table for table, _ in regrets[tuner]})
            loops[tuner] = {
                "runs": len(own),
                "errors": sum("error" in run for run in own),
                "median regret": rounded(float(np.median(values))),
                "quartiles": [rounded(float(value)) for value in np.quantile(values, (0.25, 0.75))],
                "processor seconds a suggestion": rounded(float(np.mean([run["cpu"] for run in own]) / BUDGET)),
                "tables": {
                    name: rounded(
                        float(np.median([v for (table, _), v in regrets[tuner].items() if table == name]))
                    )
                    for name in tables
                },
            }
    pairs = [_pair(regrets, runs, *pair) for pair in PAIRS if regrets.keys() >= set(pair)]
    return {"evaluations": BUDGET, "loops": loops, "pairs": pairs}


def _pair(
    regrets: dict[str, dict[tuple[str, int], float]], runs: Sequence[Run], ours: str, theirs: str
) -> dict[str, Any]:
    common = sorted(regrets[ours].keys() & regrets[theirs].keys())
    mine, other = (np.array([regrets[tuner][key] for key in common]) for tuner in (ours, theirs))
    seconds = [
        np.mean([run["cpu"] for run in runs if run["tuner"] == tuner and (run["problem"], run["seed"]) in common])
        for tuner in (ours, theirs)
    ]
    return {
        "ours": ours,
        "theirs": theirs,
        "runs of both": len(common),
        "median regret": [rounded(float(np.median(values))) for values in (mine, other)],
        "share of runs won": rounded(float(np.mean(mine < other) + np.mean(mine == other) / 2)),
        "seconds as a share of theirs": rounded(float(seconds[0] / seconds[1])),
    }


def show(summary: dict[str, Any]) -> None:
    """Print the tables."""
    print(f"{'loop':18} runs errors   median [quartiles]      processor s a suggestion")
    for name, row in summary["loops"].items():
        low, high = row["quartiles"]
        print(
            f"{name:18} {row['runs']:4} {row['errors']:6}   {row['median regret']:.3f} [{low:.3f} {high:.3f}]   "
            f"{row['processor seconds a suggestion']:.4f}"
        )
    for row in summary["pairs"]:
        mine, other = row["median regret"]
        print(
            f"{row['ours']} : {row['theirs']} on {row['runs of both']} runs of both: {mine:.3f} : {other:.3f}, "
            f"{row['share of runs won']:.2f} won, {row['seconds as a share of theirs']:.3f} of its seconds"
        )


def main() -> None:
    """Run what is missing, and sum up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loops", nargs="+", choices=list(LOOPS), metavar="LOOP", default=list(LOOPS))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--nice", type=int, default=0, help="raise the niceness of the runs by so much")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--summary", action="store_true", help="run nothing")
    arguments = parser.parse_args()
    if not arguments.summary:
        os.nice(arguments.nice)
        wanted = {loop: LOOPS[loop] for loop in arguments.loops}
        run_all(arguments.results, wanted, TABLES, budget=BUDGET, jobs=arguments.jobs)
    found = summarise([run for loop in LOOPS for run in load(file(arguments.results, loop))])
    show(found)
    write(arguments.results / "summary.json", {**origin("python -m benchmarks.adapted"), **found})


if __name__ == "__main__":
    main()
