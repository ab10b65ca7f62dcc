"""From fits to what is claimed: mean ranks, distances from the best, calibration.

Per task and size each score is averaged over the seeds that every regressor has; ranks are of these averages (1 is
best, ties share), and are averaged over tasks with equal weight for each kind of table. Intervals: bootstrap over
kinds, then over tasks of a kind, 90 %. Coverage needs no pairs and is averaged over all seeds that a regressor
has: at 16 rows one fit holds 0.06 more or less than its table's mean. MixedSingleTaskGP takes SingleTaskGP's score
where a task has no category.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.forward.regressors import ALONE, MIXED, OURS, SINGLE
from benchmarks.forward.trials import Line
from benchmarks.records import rounded
from physai_inverse.surrogates.scoring import mean_ranks

SCORES = {"log density": -1.0, "crps": 1.0}
"""Score to the sign by which smaller is better."""
NUM_BOOTSTRAP = 2000
HONEST = (0.85, 0.95)
"""Coverage of a 90 % interval that counts as right."""


def averages(lines: Sequence[Line]) -> dict[tuple[str, int], dict[str, dict[str, float]]]:
    """Give for each task and size: regressor to its scores, over the seeds that all of them have."""
    grouped: dict[tuple[str, int], dict[str, dict[int, Line]]] = defaultdict(lambda: defaultdict(dict))
    for line in lines:
        if "error" not in line:
            grouped[line["task"], line["rows"]][line["regressor"]][line["seed"]] = line
    everyone = {line["regressor"] for line in lines} - {MIXED}
    found = {}
    for key, by_regressor in grouped.items():
        if not everyone <= set(by_regressor):
            continue
        seeds = set.intersection(*(set(by_seed) for by_seed in by_regressor.values()))
        if not seeds:
            continue
        scores = {
            name: {
                score: float(np.mean([by_seed[seed][score] for seed in seeds]))
                for score in ("log density", "crps", "r2", "seconds")
            }
            for name, by_seed in by_regressor.items()
        }
        if SINGLE in scores:
            scores.setdefault(MIXED, scores[SINGLE])
        found[key] = scores
    return found


def coverages(lines: Sequence[Line]) -> dict[tuple[str, int], dict[str, float]]:
    """Give for each task and size: regressor to the share in its 90 % intervals, over all its seeds."""
    grouped: dict[tuple[str, int], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        if "error" not in line:
            grouped[line["task"], line["rows"]][line["regressor"]].append(line["in 90 %"])
    found = {key: {name: float(np.mean(shares)) for name, shares in mine.items()} for key, mine in grouped.items()}
    for mine in found.values():
        if SINGLE in mine:
            mine.setdefault(MIXED, mine[SINGLE])
    return found


def ranks(
    cells: dict[str, dict[str, dict[str, float]]], score: str, names: Sequence[str]
) -> dict[str, list[float]]:
    """Give for each task the rank of each regressor."""
    return {
        task: mean_ranks(np.array([SCORES[score] * scores[name][score] for name in names])).tolist()
        for task, scores in cells.items()
    }


def by_size(lines: Sequence[Line]) -> dict[str, Any]:
    """Summarise: rows to the table of regressors."""
    kinds = {line["task"]: line["kind"] for line in lines}
    found, covered = averages(lines), coverages(lines)
    summary: dict[str, Any] = {}
    for size in sorted({size for _, size in found}):
        cells = {task: scores for (task, rows), scores in found.items() if rows == size}
        names = [name for name in next(iter(cells.values())) if name != ALONE]
        table: dict[str, Any] = {name: {} for name in names}
        for score in SCORES:
            ranked = ranks(cells, score, names)
            intervals = _bootstrapped(ranked, kinds)
            best = {
                task: min(SCORES[score] * scores[name][score] for name in names) for task, scores in cells.items()
            }
            for place, name in enumerate(names):
                behind = {task: SCORES[score] * scores[name][score] - best[task] for task, scores in cells.items()}
                worst = max(behind, key=lambda task: behind[task])
                table[name][score] = {
                    "mean rank": rounded(_weighted({task: row[place] for task, row in ranked.items()}, kinds)),
                    "interval": [rounded(end) for end in intervals[place]],
                    "mean": rounded(_weighted({task: cells[task][name][score] for task in cells}, kinds)),
                    "behind the best, at most": [worst, rounded(behind[worst])],
                }
        for name in names:
            coverage = [covered[task, size][name] for task in cells]
            honest = float(np.mean([HONEST[0] <= share <= HONEST[1] for share in coverage]))
            table[name] |= {
                "r2": rounded(_weighted({task: cells[task][name]["r2"] for task in cells}, kinds)),
                "in 90 %": rounded(float(np.mean(coverage))),
                "tables with 85 to 95 % in 90 %": rounded(honest),
                "seconds": rounded(float(np.mean([scores[name]["seconds"] for scores in cells.values()]))),
            }
        summary[str(size)] = {"tasks": len(cells), "regressors": table}
    return summary


def _weighted(values: dict[str, float], kinds: dict[str, str]) -> float:
    """Average with equal weight for each kind."""
    grouped = defaultdict(list)
    for task, value in values.items():
        grouped[kinds[task]].append(value)
    return float(np.mean([np.mean(group) for group in grouped.values()]))


def _bootstrapped(ranked: dict[str, list[float]], kinds: dict[str, str]) -> np.ndarray:
    random = np.random.default_rng(0)
    grouped = defaultdict(list)
    for task, row in ranked.items():
        grouped[kinds[task]].append(row)
    groups = [np.array(group) for group in grouped.values()]
    drawn = []
    for _ in range(NUM_BOOTSTRAP):
        picked = [groups[place] for place in random.integers(len(groups), size=len(groups))]
        drawn.append(np.mean([group[random.integers(len(group), size=len(group))].mean(0) for group in picked], 0))
    return np.asarray(np.quantile(np.array(drawn), (0.05, 0.95), axis=0).T)


def printed(summary: dict[str, Any]) -> str:
    """Give the tables as text."""
    rows = []
    for size, part in summary.items():
        rows.append(f"\n{size} rows, {part['tasks']} tasks")
        rows.append(
            f"{'':22s}{'rank: log density':>26s}{'rank: CRPS':>26s}{'log density':>12s}{'CRPS':>8s}{'R2':>7s}"
            f"{'in 90 %':>9s}{'honest':>8s}{'seconds':>9s}"
        )
        for name, scores in sorted(
            part["regressors"].items(), key=lambda item: item[1]["log density"]["mean rank"]
        ):
            cells = ""
            for score in SCORES:
                low, high = scores[score]["interval"]
                cells += f"{scores[score]['mean rank']:12.2f} [{low:5.2f} {high:5.2f}]"
            rows.append(
                f"{name:22s}{cells}{scores['log density']['mean']:12.3f}{scores['crps']['mean']:8.3f}"
                f"{scores['r2']:7.3f}{scores['in 90 %']:9.3f}{scores['tables with 85 to 95 % in 90 %']:8.2f}"
                f"{scores['seconds']:9.2f}"
            )
        ours = part["regressors"].get(OURS)
        if ours:
            rows += [
                f"ours behind the best by at most {behind:.3f} in {score} ({task})"
                for score in SCORES
                for task, behind in [ours[score]["behind the best, at most"]]
            ]
    return "\n".join(rows)
