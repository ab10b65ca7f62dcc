"""What came out: regret by tuner, kind and task, ours against each peer on the same runs, failures, seconds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.records import origin, rounded, write
from benchmarks.regret.scores import DESIGNS, OURS, Regret, Scores, deviation, interval, normalise, shared
from benchmarks.regret.trials import READ_AT, Run, load

READINGS = (25, 50)
LAST = READ_AT[-1]


def summarise(folder: Path) -> None:
    """Print the tables, and write them beside the runs."""
    runs = [run for path in sorted(folder.glob("*.jsonl")) for run in load(path)]
    scores = normalise(runs)
    if not scores:
        print("No runs yet, or none of random search, which gives regret its unit.")
        return
    kinds = {run["problem"]: run["kind"] for run in runs}
    most = max(len(tasks) for tasks in scores.values())
    tuners = sorted(scores, key=lambda tuner: (tuner != OURS, len(scores[tuner]) < most, _mean(scores[tuner])))
    summary: dict[str, Any] = {
        **origin("python -m benchmarks.regret"),
        "tuners": {
            tuner: _tuner(scores[tuner], [run for run in runs if run["tuner"] == tuner]) for tuner in tuners
        },
        "against ours": {
            tuner: _against(common) for tuner in tuners if tuner != OURS
            if (common := shared(scores.get(OURS, {}), scores[tuner]))
        },
        "noise": {tuner: _noise(scores[tuner], runs) for tuner in tuners},
        "tasks": {
            name: {
                tuner: {
                    **{str(at): rounded(scores[tuner][name].at(at).mean()) for at in READINGS},
                    "spread": rounded(scores[tuner][name].at(LAST).std()),
                }
                for tuner in tuners if name in scores[tuner]
            }
            for name in sorted(kinds, key=lambda name: (kinds[name], name))
        },
    }  # fmt: skip
    _print(summary, tuners, kinds)
    if OURS in scores:
        summary["verdict"] = _verdict(scores, most)
        print("\n" + "\n".join(f"{key}: {value}" for key, value in summary["verdict"].items()))
    write(folder / "summary.json", summary)


def _mean(tasks: Mapping[str, Regret]) -> float:
    return float(np.mean([regret.at(LAST).mean() for regret in tasks.values()]))


def _tuner(tasks: Mapping[str, Regret], own: list[Run]) -> dict[str, Any]:
    failing = [run for run in own if "failing" in run["kind"]]
    modelled = sum(run["modelled"] for run in failing)
    curves = np.mean([regret.picked.mean(axis=0) for regret in tasks.values()], axis=0)
    return {
        "tasks": len(tasks),
        "seeds": int(np.median([len(regret.seeds) for regret in tasks.values()])),
        "versions": sorted({run["version"] for run in own if "version" in run}),
        "errors": sum("error" in run for run in own),
        "seconds": {key: rounded(np.mean([run[key] for run in own]) / LAST) for key in ("wall", "cpu")},
        "regret": {
            str(at): [rounded(value) for value in interval([regret.at(at) for regret in tasks.values()])]
            for at in READINGS
        },
        "curve": {str(at): rounded(value) for at, value in zip(READ_AT, curves, strict=True)},
        "share of model proposals that fail, failing tasks": (
            rounded(sum(run["failed modelled"] for run in failing) / modelled) if modelled else None
        ),
    }


def _against(common: Mapping[str, tuple[Regret, Regret]]) -> dict[str, Any]:
    """Compare ours with a peer on the runs that both made: same tasks, same seeds."""
    found: dict[str, Any] = {
        "tasks": len(common),
        "runs": sum(len(ours.seeds) for ours, _ in common.values()),
    }
    for at in READINGS:
        found[str(at)] = {
            "ours": rounded(np.mean([ours.at(at).mean() for ours, _ in common.values()])),
            "theirs": rounded(np.mean([theirs.at(at).mean() for _, theirs in common.values()])),
            "difference": [rounded(value) for value in interval(
                [ours.at(at) - theirs.at(at) for ours, theirs in common.values()]
            )],
        }  # fmt: skip
    found["share of runs won"] = rounded(
        np.mean([
            np.mean((ours.at(LAST) < theirs.at(LAST)) + 0.5 * (ours.at(LAST) == theirs.at(LAST)))
            for ours, theirs in common.values()
        ])
    )  # fmt: skip
    return found


def _noise(tasks: Mapping[str, Regret], runs: list[Run]) -> dict[str, Any]:
    """Compare the true regret of the recommended with that of the best measured, on every noisy table."""
    noisy = {run["problem"] for run in runs if run["noisy"] and "/" in run["problem"]}
    return {
        name: {
            "recommended": rounded(regret.at(LAST).mean()),
            "best measured": rounded(regret.lucky[:, -1].mean()),
            "standard error of the difference": rounded(
                np.std(regret.at(LAST) - regret.lucky[:, -1]) / np.sqrt(len(regret.seeds))
            ),
        }
        for name, regret in sorted(tasks.items())
        if name in noisy
    }


def _verdict(scores: Scores, most: int) -> dict[str, Any]:
    """Hold ours to what is asked of it, against peers that were run on all tasks.

    Best or tied best: no peer's mean at 50 is lower by more than the standard error of the difference. Worse than
    the peers' median by more than its spread: by more than the standard deviation of the peers' means on the task.
    """
    ours = scores[OURS]
    peers = {
        tuner: tasks
        for tuner, tasks in scores.items()
        if tuner not in (OURS, *DESIGNS) and len(tasks) == most and tasks.keys() >= ours.keys()
    }
    if not peers:
        return {"peers on all tasks": "none yet"}
    tied, worse = [], {}
    for name, regret in ours.items():
        mean = regret.at(LAST).mean()
        others = [tasks[name] for tasks in peers.values()]
        error = [np.hypot(deviation(regret, LAST), deviation(other, LAST)) for other in others]
        if all(mean <= other.at(LAST).mean() + err for other, err in zip(others, error, strict=True)):
            tied.append(name)
        means = [other.at(LAST).mean() for other in others]
        if mean > np.median(means) + np.std(means):
            worse[name] = [rounded(mean), rounded(float(np.median(means))), rounded(float(np.std(means)))]
    best = min(peers, key=lambda tuner: _mean({name: peers[tuner][name] for name in ours}))
    at_best = _mean({name: peers[best][name] for name in ours})
    early = float(np.mean([regret.at(25).mean() for regret in ours.values()]))
    return {
        "peers on all tasks": sorted(peers),
        "best peer": best,
        "ours at 50 as a share of the best peer's": rounded(_mean(ours) / at_best),
        "ours at 25 as a share of the best peer's at 50": rounded(early / at_best),
        "best or tied best": f"{len(tied)} of {len(ours)} tasks",
        "worse than the peers' median by more than their spread (ours, median, spread)": worse or "nowhere",
    }


def _print(summary: Mapping[str, Any], tuners: list[str], kinds: Mapping[str, str]) -> None:
    print(f"{'normalised regret':18} tasks seeds   at 25                at 50                seconds a suggestion")
    print(f"{'':18} {'':11}   mean  90 % interval   mean  90 % interval   wall    cpu     fails  errors")
    for tuner, row in summary["tuners"].items():
        at = "  ".join("{:.3f} [{:.3f} {:.3f}]".format(*row["regret"][str(reading)]) for reading in READINGS)
        share = row["share of model proposals that fail, failing tasks"]
        print(
            f"{tuner:18} {row['tasks']:5} {row['seeds']:5}   {at}  {row['seconds']['wall']:.4f}  "
            f"{row['seconds']['cpu']:.4f}  {'-' if share is None else format(share, '.3f'):>5}  {row['errors']:5}"
        )
    print("fails: share of a model's proposals that failed, on the failing tasks")
    if summary["against ours"]:
        print(
            "\nours and each on the same runs    runs   at 25           at 50           difference at 50       won"
        )
    for tuner, row in summary["against ours"].items():
        pairs = "   ".join(f"{row[str(at)]['ours']:5.3f} : {row[str(at)]['theirs']:5.3f}" for at in READINGS)
        gap = "{:+.3f} [{:+.3f} {:+.3f}]".format(*row[str(LAST)]["difference"])
        won = f"{row['share of runs won']:.2f}"
        print(f"{tuner:18} {row['tasks']:5} tasks   {row['runs']:5}   {pairs}   {gap}   {won}")
    width = max(map(len, kinds)) + 2
    print(f"\n{'regret at 50':{width}}" + "".join(f"{tuner:>17}" for tuner in tuners))
    for kind in sorted(set(kinds.values())):
        cells = []
        for tuner in tuners:
            means = [row[tuner][str(LAST)] for name, row in summary["tasks"].items()
                     if kinds[name] == kind and tuner in row]  # fmt: skip
            cells.append(f"{np.mean(means):.3f}" if means else "")
        print(f"{kind:{width}}" + "".join(f"{cell:>17}" for cell in cells))
    print()
    for name, row in summary["tasks"].items():
        cells = [
            f"{row[tuner][str(LAST)]:.3f} ±{row[tuner]['spread']:.2f}" if tuner in row else "" for tuner in tuners
        ]
        print(f"{name:{width}}" + "".join(f"{cell:>17}" for cell in cells))
    print("\nnoisy tables at 50, true regret of the recommended : of the best measured")
    for tuner in tuners:
        cells = [
            f"{name.split('/')[1][:12]} {row['recommended']:.2f} : {row['best measured']:.2f}"
            for name, row in summary["noise"][tuner].items()
        ]
        print(f"{tuner:18} " + "   ".join(cells))
