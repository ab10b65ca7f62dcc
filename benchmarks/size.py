"""R15: how a store of 10,000 and of 100,000 trials with five floats behaves: open, read all, ask, tell, memory.

`python -m benchmarks.size` prints a table, writes `results/size.json` and ends with 1 when a goal is missed. Each
size is measured in a fresh process.
"""

import argparse
import json
import multiprocessing
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.throughput import machine
from physai_inverse.observations import Observation
from physai_inverse.store import Proposal, Store

REPEATS = 50
GOALS: dict[int, dict[str, float]] = {
    10_000: {"open_s": 0.5, "read_all_s": 1.0, "ask_p50_ms": 10.0, "tell_p50_ms": 10.0, "memory_mib": 100.0},
    100_000: {"open_s": 5.0, "tell_p50_ms": 20.0},
}


def fill(path: Path, size: int) -> None:
    """Make a store with finished trials of five floats."""
    draw = random.Random(0)
    with Store(path) as store:
        store.create_study("s", space={}, objective={}, seed=0)
        for start in range(0, size, 10_000):
            count = min(10_000, size - start)
            configs = [{f"x{column}": draw.random() for column in range(5)} for _ in range(count)]
            store.import_observations("s", [Observation(config, {"loss": draw.random()}) for config in configs])


def resident_mib() -> float:
    """Give the memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def measure(path: Path, size: int) -> dict[str, float]:
    """Open, read, ask and tell."""
    before = resident_mib()
    start = time.perf_counter()
    store = Store(path)
    store.study("s")
    opened = time.perf_counter()
    trials = store.trials("s")
    read = time.perf_counter()
    memory = resident_mib() - before
    assert len(trials) == size
    version, asks, tells, news = store.version("s"), [], [], []
    for index in range(REPEATS):
        began = time.perf_counter()
        (trial,) = store.propose("s", [Proposal({"x0": index / 7})], worker="w", lease_seconds=60)
        asked = time.perf_counter()
        store.observe("s", trial.number, {"loss": 1.0}, token=trial.token)
        told = time.perf_counter()
        assert [changed.number for changed in store.trials("s", since=version)] == [trial.number]
        news.append(time.perf_counter() - told)
        asks.append(asked - began)
        tells.append(told - asked)
        version += 2
    began = time.perf_counter()
    assert store.check() == []
    checked = time.perf_counter()
    store.backup(path.with_name("backup.db"))
    copied = time.perf_counter()
    store.close()
    numbers = {
        "open_s": opened - start,
        "read_all_s": read - opened,
        "ask_p50_ms": 1e3 * statistics.median(asks),
        "tell_p50_ms": 1e3 * statistics.median(tells),
        "read_news_p50_ms": 1e3 * statistics.median(news),
        "check_s": checked - began,
        "backup_s": copied - checked,
        "memory_mib": memory,
        "file_mb": path.stat().st_size / 1e6,
    }
    return {name: round(value, 3) for name, value in numbers.items()}


def main() -> int:
    """Measure, print, write, and say with the exit code whether the goals are met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=sorted(GOALS))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "size.json")
    given = parser.parse_args()
    table: dict[str, dict[str, float]] = {}
    missed: list[str] = []
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        for size in given.sizes:
            path = Path(folder) / f"{size}.db"
            fill(path, size)
            with context.Pool(1) as pool:
                numbers = pool.apply(measure, (path, size))
            table[str(size)] = numbers
            print(f"{size:8}", "  ".join(f"{name} {value:g}" for name, value in numbers.items()))
            goals = GOALS.get(size, {})
            missed += [
                f"{size} {name}: {numbers[name]}, goal {goal}"
                for name, goal in goals.items()
                if numbers[name] > goal
            ]
    result = {"table": table, "missed": missed, **machine("sqlalchemy")}
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print("missed", missed)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
