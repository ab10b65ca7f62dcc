"""Run the benchmark, or only sum it up.

python -m benchmarks.regret --tuners physai-inverse random "Optuna GP" --seeds 20 --jobs 2
python -m benchmarks.regret --summary
"""

import argparse
from pathlib import Path

from benchmarks.regret.summary import summarise
from benchmarks.regret.trials import run_all

ROOT = Path(__file__).parents[1]
FAST = ("physai-inverse", "random", "Sobol", "Optuna TPE", "Optuna GP")


def main() -> None:
    """Run what is missing and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tuners", nargs="+", default=list(FAST))
    parser.add_argument("--problems", nargs="+", help="all that can be made here where left out; a prefix will do")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--budget", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--results", type=Path, default=ROOT / "results" / "regret")
    parser.add_argument("--summary", action="store_true", help="run nothing")
    arguments = parser.parse_args()
    from benchmarks.regret.problems import names

    chosen = names()
    if arguments.problems:
        chosen = [name for name in chosen if any(name.startswith(prefix) for prefix in arguments.problems)]
    if not arguments.summary:
        run_all(
            arguments.results, arguments.tuners, chosen, range(arguments.seeds),
            budget=arguments.budget, jobs=arguments.jobs,
        )  # fmt: skip
    summarise(arguments.results)


if __name__ == "__main__":
    main()
