"""Run every tuner that is installed, or only sum up what was run.

python -m benchmarks.regret
python -m benchmarks.regret --tuners physai-inverse random "Optuna GP" --seeds 20 --jobs 2
python -m benchmarks.regret --summary
"""

import argparse
import os
import sys
from pathlib import Path

from benchmarks.regret.problems import names
from benchmarks.regret.summary import summarise
from benchmarks.regret.trials import run_all
from benchmarks.regret.tuners import ADAPTED, TUNERS

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Run what is missing and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    usual = [tuner for tuner in TUNERS if tuner not in ADAPTED]
    parser.add_argument("--tuners", nargs="+", choices=list(TUNERS), metavar="TUNER", default=usual)
    parser.add_argument("--problems", nargs="+", help="all that can be made here where left out; a prefix will do")
    parser.add_argument("--seeds", type=int, help="20, and fewer for slow peers, where left out")
    parser.add_argument("--budget", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--nice", type=int, default=0, help="raise the niceness of the runs by so much")
    parser.add_argument("--results", type=Path, default=ROOT / "results" / "regret")
    parser.add_argument("--summary", action="store_true", help="run nothing")
    arguments = parser.parse_args()
    if not arguments.summary:
        os.nice(arguments.nice)
        chosen = names()
        if arguments.problems:
            chosen = [name for name in chosen if any(name.startswith(prefix) for prefix in arguments.problems)]
        seeds = {}
        for tuner in arguments.tuners:
            entry = TUNERS[tuner]
            if entry.missing():
                print(f"{tuner} is left out: {entry.package} is not installed here. Get it: {entry.install}")
            else:
                seeds[tuner] = entry.seeds if arguments.seeds is None else arguments.seeds
        if not seeds:
            sys.exit("No tuner is left to run.")
        run_all(arguments.results, seeds, chosen, budget=arguments.budget, jobs=arguments.jobs)
    summarise(arguments.results)


if __name__ == "__main__":
    main()
