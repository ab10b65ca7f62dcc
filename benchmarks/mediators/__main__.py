"""Replay rules for stopping on recorded trainings, and say what tells of their ends.

    python -m benchmarks.mediators --studies 10 --trainings 60

Each study draws its trainings from a recording, in a random order; all rules see the same studies. Wrong is a stop
of a training that would have been among the best three of its study; beaten, of one that would have beaten the
third best finished when it was stopped: that is what the rule promises to be below one in twenty.
"""

import argparse
import csv
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.mediators import forward
from benchmarks.mediators.policies import Halving, Line, Median, Never, Ours
from benchmarks.mediators.recordings import Recording, published, trained
from benchmarks.mediators.replays import Policy, Replay, drawn, replay
from benchmarks.records import RESULTS, origin, rounded, write
from benchmarks.regret.problems import DATA
from physai_inverse.forward import Column, Dataset
from physai_inverse.observations import Curve, Measurement, Observation
from physai_inverse.space import Float, Space
from physai_inverse.surrogates import GaussianProcess
from physai_inverse.understanding import Mediators, find_mediators

INSTANCES = ("3945", "7593", "126025")
RULES: Mapping[str, Callable[[Recording, int], Policy]] = {
    "none": Never,
    "median": Median,
    "halving": Halving,
    "line": Line,
    "own": Ours,
    "mediators": lambda recording, seed: Ours(recording, seed, mediators=True),
    "map": lambda recording, seed: Ours(recording, seed, expected=True),
    "mediators and map": lambda recording, seed: Ours(recording, seed, mediators=True, expected=True),
}
LOOPS, BUDGET, POOL = 6, 20.0, 500
"""Searches for each way in which the map learns of stopped trainings, full trainings' worth of each, and trainings
to choose from."""
COLUMNS = ("saved", "stops", "wrong", "beaten", "missed", "regret")


def compared(recording: Recording, *, studies: int, trainings: int) -> dict[str, Any]:
    """Replay every rule, and give what it saved and what it cost, with standard errors over studies."""
    result: dict[str, Any] = {}
    for name, make in RULES.items():
        began = time.process_time()
        used: Counter[str] = Counter()

        runs = []
        for seed in range(studies):
            task = drawn(recording, trainings=trainings, seed=seed)
            policy = make(task, seed)
            runs.append(replay(task, policy))
            used.update(policy.used if isinstance(policy, Ours) else {})
        result[name] = summary(runs) | {
            "stops by": {what: round(count / studies, 2) for what, count in used.most_common(4)},
            "seconds of processor a study": rounded((time.process_time() - began) / studies),
        }
        row = result[name]
        print(f"  {name:18}" + "".join(f"{row[column]:10.3f}" for column in COLUMNS), flush=True)
    return result


def summary(runs: list[Replay]) -> dict[str, Any]:
    """Add studies up."""
    stopped = sum(run.stops for run in runs)
    stops = max(stopped, 1)
    saved = np.array([run.saved for run in runs])
    missed = np.array([run.missed for run in runs])
    return {
        "saved": rounded(float(saved.mean())),
        "saved error": rounded(float(saved.std(ddof=1) / np.sqrt(len(runs)))),
        "stops": rounded(stopped / len(runs)),
        "wrong": rounded(sum(run.wrong for run in runs) / stops),
        "beaten": rounded(sum(run.beaten for run in runs) / stops),
        "missed": rounded(float(missed.mean())),
        "missed error": rounded(float(missed.std(ddof=1) / np.sqrt(len(runs)))),
        "regret": rounded(float(np.mean([run.regret for run in runs]))),
    }


def telling(recording: Recording, trainings: int) -> dict[str, Any]:
    """Say what tells of the ends of a recording's first trainings."""
    rows = np.flatnonzero(np.isfinite(recording.finals))[:trainings]
    task = recording.take(rows)
    column = Column(task.finals, np.zeros(len(task)), np.zeros(len(task), dtype=np.int8))
    data = Dataset(task.space, task.units, {task.metric: column}, np.zeros(len(task), dtype=bool))
    steps = tuple(task.steps.tolist())
    curves = {name: [Curve(steps, tuple(row.tolist())) for row in values] for name, values in task.curves.items()}
    began = time.process_time()
    found = find_mediators(data, task.metric, curves, GaussianProcess(), seed=0)
    return {"seconds of processor": rounded(time.process_time() - began), **as_rows(found)}


def grokking() -> dict[str, Any]:
    """Say what goes with generalising in the published runs whose representation was judged."""
    with (DATA / "grokking" / "addition_with_rqi_coarse.csv").open() as file:
        rows = list(csv.DictReader(file))

    def until(text: str) -> Measurement:
        return Measurement(float(text)) if text else Measurement(1e5, censored="above")

    names = {"lr": "decoder_learning_rate", "weight_decay": "decoder_weight_decay"}
    ranges = {name: sorted({float(row[column]) for row in rows}) for name, column in names.items()}
    space = Space(
        lr=Float(ranges["lr"][0], ranges["lr"][-1], log=True),
        weight_decay=Float(ranges["weight_decay"][0], ranges["weight_decay"][-1]),
    )
    observations = [
        Observation(
            {name: float(row[column]) for name, column in names.items()},
            {
                "steps_to_test_acc": until(row["steps_to_test_acc"]),
                "representation_quality": float(row["representation_quality"]),
            },
        )
        for row in rows
    ]
    data = Dataset.from_observations(space, observations)
    return as_rows(find_mediators(data, "steps_to_test_acc", {}, GaussianProcess(), seed=0))


def as_rows(found: Mediators) -> dict[str, Any]:
    """Give what was found as plain rows, one an observable."""
    plain = found.as_plain()
    return {"trainings": found.rows, "early": plain["best"], "goes with": plain["associations"]}


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=10)
    parser.add_argument("--trainings", type=int, default=60)
    options = parser.parse_args()
    recordings = [trained("digits"), trained("modular_addition"), *map(published, INSTANCES)]
    replays: dict[str, Any] = {}
    for recording in recordings:
        print(f"{recording.name}\n  {'rule':18}" + "".join(f"{column:>10}" for column in COLUMNS))
        replays[recording.name] = compared(recording, studies=options.studies, trainings=options.trainings)
    result = origin("python -m benchmarks.mediators") | {
        "studies": options.studies,
        "trainings": options.trainings,
        "replays": replays,
        "tells of the end": {item.name: telling(item, options.trainings) for item in recordings[:2]},
        "grokking": grokking(),
    }
    write(RESULTS / "mediators.json", result)
    result["forward map"] = {
        item.name: forward.compared(
            item, studies=options.studies, trainings=options.trainings, loops=LOOPS, budget=BUDGET
        )
        for item in (*recordings[:2], recordings[3].take(np.arange(POOL)))
    }
    write(RESULTS / "mediators.json", result)


if __name__ == "__main__":
    main()
