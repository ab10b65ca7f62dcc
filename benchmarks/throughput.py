"""R14: how many trials 8 workers ask for and tell a second, on one disk, in one run, side by side with Optuna.

`python benchmarks/throughput.py --against optuna` prints a table, writes `results/throughput.json` and ends with 1
when a goal is missed. The objective is trivial and the sampler random, so what is measured is the storage.
"""

import argparse
import json
import multiprocessing
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from physai_inverse.store import Proposal, Store

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

Times: TypeAlias = tuple[list[float], list[float]]
GOALS = {"optuna sqlite": 10.0, "optuna journal": 2.0}
MAX_ASK_P99 = 1.0
MAX_ASK = 5.0


def prepare_ours(folder: Path) -> None:
    """Make our store, durable as it is by default."""
    with Store(folder / "study.db") as store:
        store.create_study("s", space={}, objective={}, seed=0)


def work_ours(folder: Path, seconds: float, seed: int) -> Times:
    """Propose and observe for some seconds."""
    asks, tells, draw = [], [], random.Random(seed)
    with Store(folder / "study.db") as store:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            start = time.perf_counter()
            proposal = Proposal({"x": draw.random(), "y": draw.random()})
            (trial,) = store.propose("s", [proposal], worker=f"w{seed}", lease_seconds=60)
            asked = time.perf_counter()
            store.observe("s", trial.number, {"loss": draw.random()}, token=trial.token)
            asks.append(asked - start)
            tells.append(time.perf_counter() - asked)
    return asks, tells


def prepare_sqlite(folder: Path) -> None:
    """Make Optuna's SQLite storage."""
    import optuna

    optuna.create_study(storage=f"sqlite:///{folder}/optuna.db", study_name="s")


def work_sqlite(folder: Path, seconds: float, seed: int) -> Times:
    """Ask and tell Optuna over SQLite for some seconds."""
    return _work_optuna(f"sqlite:///{folder}/optuna.db", seconds, seed)


def prepare_journal(folder: Path) -> None:
    """Make Optuna's journal storage."""
    import optuna

    optuna.create_study(storage=_journal(folder), study_name="s")


def work_journal(folder: Path, seconds: float, seed: int) -> Times:
    """Ask and tell Optuna over its journal for some seconds."""
    return _work_optuna(_journal(folder), seconds, seed)


def _journal(folder: Path) -> "BaseStorage":
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return JournalStorage(JournalFileBackend(str(folder / "journal.log")))


def _work_optuna(storage: "str | BaseStorage", seconds: float, seed: int) -> Times:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.load_study(study_name="s", storage=storage, sampler=optuna.samplers.RandomSampler(seed))
    asks, tells, draw = [], [], random.Random(seed)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        start = time.perf_counter()
        trial = study.ask()
        trial.suggest_float("x", 0, 1)
        trial.suggest_float("y", 0, 1)
        asked = time.perf_counter()
        study.tell(trial, draw.random())
        asks.append(asked - start)
        tells.append(time.perf_counter() - asked)
    return asks, tells


CONTENDERS: dict[str, tuple[Callable[[Path], None], Callable[[Path, float, int], Times]]] = {
    "ours": (prepare_ours, work_ours),
    "optuna sqlite": (prepare_sqlite, work_sqlite),
    "optuna journal": (prepare_journal, work_journal),
}


def measure(name: str, folder: Path, workers: int, seconds: float) -> dict[str, float]:
    """Let workers ask and tell for some seconds; times in milliseconds."""
    prepare, work = CONTENDERS[name]
    place = folder / name.replace(" ", "-")
    place.mkdir()
    prepare(place)
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers) as pool:
        parts = pool.starmap(work, [(place, seconds, seed) for seed in range(workers)], chunksize=1)
    asks = sorted(ask for part, _ in parts for ask in part)
    tells = sorted(tell for _, part in parts for tell in part)
    numbers: dict[str, float] = {"trials": len(tells), "trials_per_second": round(len(tells) / seconds, 1)}
    for verb, times in (("ask", asks), ("tell", tells)):
        numbers[f"{verb}_p50_ms"] = round(1e3 * statistics.median(times), 2)
        numbers[f"{verb}_p99_ms"] = round(1e3 * times[min(len(times) - 1, int(0.99 * len(times)))], 2)
        numbers[f"{verb}_max_ms"] = round(1e3 * times[-1], 2)
    return numbers


def machine(*packages: str) -> dict[str, object]:
    """Say where and with what was measured."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "commit": commit.stdout.strip(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {package: version(package) for package in packages},
    }


def main() -> int:
    """Measure, print, write, and say with the exit code whether the goals are met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", choices=["optuna", "nothing"], default="optuna")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to be measured")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "throughput.json")
    given = parser.parse_args()
    names = list(CONTENDERS) if given.against == "optuna" else ["ours"]
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        table = {name: measure(name, Path(folder), given.workers, given.seconds) for name in names}
    print(
        f"{'':16}{'trials/s':>10}{'ask p50':>10}{'p99':>10}{'max':>10}{'tell p50':>10}{'p99':>10}{'max':>10}  ms"
    )
    for name, row in table.items():
        cells = [
            row["trials_per_second"],
            *(row[f"{v}_{q}_ms"] for v in ("ask", "tell") for q in ("p50", "p99", "max")),
        ]
        print(f"{name:16}" + "".join(f"{cell:10.1f}" for cell in cells))
    ours = table["ours"]
    ratios = {name: round(ours["trials_per_second"] / row["trials_per_second"], 2) for name, row in table.items()}
    missed = [
        f"{name}: {ratios[name]} x, goal {goal} x" for name, goal in GOALS.items() if ratios.get(name, goal) < goal
    ]
    missed += ["ask p99"] if ours["ask_p99_ms"] > 1e3 * MAX_ASK_P99 else []
    missed += ["ask max"] if ours["ask_max_ms"] > 1e3 * MAX_ASK else []
    settings = {"workers": given.workers, "seconds": given.seconds, "synchronous": "FULL"}
    packages = ("sqlalchemy", *(("optuna",) if given.against == "optuna" else ()))
    result = {"settings": settings, "table": table, "ratios": ratios, "missed": missed, **machine(*packages)}
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print("ratios", ratios, "missed", missed)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
