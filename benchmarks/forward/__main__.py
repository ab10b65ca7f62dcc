"""Forward maps on held-out rows: ours, scikit-learn's forest and boosting, LightGBM, BoTorch's processes.

python -m benchmarks.forward                 # all that is missing, then the summary (an hour on one core)
python -m benchmarks.forward --summary       # the summary of what was run
python -m benchmarks.forward --seconds       # seconds and memory by size
"""

import argparse
from pathlib import Path

from benchmarks.forward.regressors import installed
from benchmarks.forward.seconds import all_sizes
from benchmarks.forward.summary import by_size, printed
from benchmarks.forward.tables import sources
from benchmarks.forward.trials import SIZES, file, load, run_all
from benchmarks.records import RESULTS, origin, write


def main() -> None:
    """Run what is missing, then print and write the summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--summary", action="store_true", help="run nothing")
    parser.add_argument("--seconds", action="store_true", help="time sizes instead")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--regressors", nargs="+", default=None, help="all that are installed, otherwise")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=RESULTS / "forward")
    options = parser.parse_args()
    if options.seconds:
        write(
            options.folder / "seconds.json",
            origin("python -m benchmarks.forward --seconds") | {"sizes": all_sizes()},
        )
        return
    found = installed()
    names = list(sources())
    if not names:
        raise SystemExit("The public data is missing: ../shared/data beside this repository.")
    wanted = options.regressors or list(found)
    if not options.summary:
        run_all(options.folder, wanted, names, options.sizes, options.seeds, options.jobs)
    lines = [line for name in found for line in load(file(options.folder, name)) if line["seed"] < options.seeds]
    summary = by_size(lines)
    print(printed(summary))
    command = f"python -m benchmarks.forward --seeds {options.seeds}"
    write(options.folder / "summary.json", origin(command) | {"versions": found, "by rows": summary})


if __name__ == "__main__":
    main()
