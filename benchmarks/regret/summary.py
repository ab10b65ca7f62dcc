"""What came out: normalised regret by task, kind and tuner, with a hierarchical bootstrap, failures and seconds.

Regret is normalised per task: 0 is the best noise-free value known, 1 what random search's pick has after ten
evaluations (median over seeds). A recommendation that fails counts as `WORST`.
"""

import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from benchmarks.regret.trials import READ_AT, Run, load

WORST = 3.0
"""Largest normalised regret that is counted: one lost task must not decide a mean."""
NUM_DRAWS = 2000


def tables(runs: list[Run]) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, dict[str, np.ndarray]]]:
    """Give normalised regret of the recommended and of the best measured: tuner to task to ``[seeds, times]``."""
    at_ten = READ_AT.index(10)
    unit: dict[str, float] = {}
    for name in {run["problem"] for run in runs}:
        excess = [
            _number(run["excess"][at_ten]) for run in runs if run["problem"] == name and run["tuner"] == "random"
        ]
        if excess:
            unit[name] = max(float(np.median(excess)), 1e-12)
    found: tuple[dict[str, dict[str, list[np.ndarray]]], ...] = (
        defaultdict(lambda: defaultdict(list)), defaultdict(lambda: defaultdict(list)),
    )  # fmt: skip
    for run in sorted(runs, key=lambda run: run["seed"]):
        if run["problem"] in unit:
            for table, key in zip(found, ("excess", "best measured"), strict=True):
                values = np.array([_number(value) for value in run[key]]) / unit[run["problem"]]
                table[run["tuner"]][run["problem"]].append(np.minimum(values, WORST))
    first, second = (
        {tuner: {name: np.stack(rows) for name, rows in tasks.items()} for tuner, tasks in table.items()}
        for table in found
    )
    return first, second


def _number(value: float | None) -> float:
    return np.inf if value is None else value


def interval(tasks: dict[str, np.ndarray], column: int, *, seed: int = 0) -> tuple[float, float, float]:
    """Give the mean over tasks of the mean over seeds, with its 90 % interval: tasks and seeds drawn anew."""
    random = np.random.default_rng(seed)
    rows = [table[:, column] for table in tasks.values()]
    draws = [
        np.mean(
            [
                random.choice(rows[task], len(rows[task])).mean()
                for task in random.integers(len(rows), size=len(rows))
            ]
        )
        for _ in range(NUM_DRAWS)
    ]
    low, high = np.quantile(draws, (0.05, 0.95))
    return float(np.mean([row.mean() for row in rows])), float(low), float(high)


def summarise(folder: Path) -> None:
    """Print the tables, and write them beside the runs."""
    runs = [run for path in sorted(folder.glob("*.jsonl")) for run in load(path)]
    kinds = {run["problem"]: run["kind"] for run in runs}
    picked, lucky = tables(runs)
    if not picked:
        print("No runs yet, or none of random search.")
        return
    tuners = sorted(picked, key=lambda tuner: -len(picked[tuner]))
    last, middle = len(READ_AT) - 1, READ_AT.index(25)
    summary: dict[str, object] = {}
    print(f"{'tuner':26} tasks seeds   at 25              at 50              seconds a suggestion (wall, cpu)")
    for tuner in tuners:
        own = [run for run in runs if run["tuner"] == tuner]
        at = [interval(picked[tuner], column) for column in (middle, last)]
        wall, cpu = (float(np.mean([run[key] for run in own])) / READ_AT[-1] for key in ("wall", "cpu"))
        seeds = int(np.median([len(table) for table in picked[tuner].values()]))
        text = "  ".join(f"{mean:.3f} [{low:.3f} {high:.3f}]" for mean, low, high in at)
        print(f"{tuner:26} {len(picked[tuner]):5} {seeds:5}   {text}  {wall:.4f} {cpu:.4f}")
        model_failed = sum(run["failed modelled"] for run in own if "failing" in run["kind"])
        modelled = sum(run["modelled"] for run in own if "failing" in run["kind"])
        summary[tuner] = {
            "tasks": len(picked[tuner]), "seeds": seeds, "seconds": {"wall": wall, "cpu": cpu},
            "regret": {str(READ_AT[column]): value for column, value in zip((middle, last), at, strict=True)},
            "curve": {
                str(number): float(np.mean([table[:, column].mean() for table in picked[tuner].values()]))
                for column, number in enumerate(READ_AT)
            },
            "by task at 50": {name: float(table[:, last].mean()) for name, table in picked[tuner].items()},
            "share of model proposals that fail, failing tasks": model_failed / modelled if modelled else None,
        }  # fmt: skip
    print("\nby task at 25 / 50 (mean over seeds; + spread at 50)")
    print(f"{'':30}" + "".join(f"{tuner[:20]:>21}" for tuner in tuners))
    for name in sorted(kinds, key=lambda name: (kinds[name], name)):
        cells = [
            f"{picked[tuner][name][:, middle].mean():.2f} / {picked[tuner][name][:, last].mean():.3f}"
            f" ±{picked[tuner][name][:, last].std():.2f}" if name in picked[tuner] else ""
            for tuner in tuners
        ]  # fmt: skip
        print(f"{name:30}" + "".join(f"{cell:>21}" for cell in cells))
    print("\nby kind at 50")
    for kind in sorted(set(kinds.values())):
        cells = [
            np.mean(
                [table[:, last].mean() for name, table in picked[tuner].items() if kinds[name] == kind] or [np.nan]
            )
            for tuner in tuners
        ]
        print(f"{kind:30}" + "".join(f"{cell:21.3f}" for cell in cells))
    print("\nshare of model proposals that failed, on the failing tasks")
    for tuner in tuners:
        share = summary[tuner]["share of model proposals that fail, failing tasks"]  # type: ignore[index]
        print(f"{tuner:26} {share if share is None else format(share, '.3f')}")
    print("\nnoisy tables, true regret at 50: recommended against best measured")
    for tuner in tuners:
        names = [name for name in picked[tuner] if kinds[name] in ("noisy grid", "mixed grid", "categories")]
        print(f"{tuner:26} " + " ".join(
            f"{name.split('/')[1][:12]} {picked[tuner][name][:, last].mean():.2f}/{lucky[tuner][name][:, last].mean():.2f}"
            for name in names
        ))  # fmt: skip
    (folder / "summary.json").write_text(json.dumps(summary, indent=1))
