"""The batched trainer against the ordinary loop: exactness, and trainings a minute, side by side in one run.

Each contender runs in a fresh process of one thread; seconds are processor time (wall time stands beside it, which
on a busy machine says more about the others). The ordinary loop trains a few models one after another, and its
time is scaled to all; it goes through the same batches, and reads its loss as often as ours is logged.

On two cores, wall time counts: ours in two processes, half of the models in each, as a study with two workers has
it, against the ordinary loop one at a time, and against two processes of it. With `--two-threads` the one at a
time may use two threads, too, where they are faster; where others use the machine, they are slower by an order.

    python -m benchmarks.trainer
    python -m benchmarks.trainer --study

The second measures whole studies of the digits, suggestions included: one by one, and in batches.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.records import RESULTS, origin, rounded, write

GOALS = {"regression, batch 64, K=64": 8.0, "modular addition p=59, batch 256, K=64": 2.3}
"""Times the ordinary loop one at a time, on two cores."""

NEVER_SLOWER = 0.95
"""Times the ordinary loop of either kind, in processor time."""
OPTIMIZERS = ("sgd", "momentum", "adam", "adamw", "rmsprop", "muon")
STUDY_BUDGET = 48
STUDY_TOGETHER = (1, 16)
SPACES: dict[str, dict[str, int]] = {
    "digits.yaml": {},
    "digits.yaml, depth 2 and batches of 64": {"depth": 2, "batch_size": 64},
}
"""What is held fixed in a study."""

METHODS = ("batched", "ordinary", "fused")


@dataclass(frozen=True)
class Case:
    """One piece of work.

    Args:
        models: how many configurations.
        steps: of each training.
        sample: how many of them the ordinary loop trains.
        batch_size: rows a step; None for all.
        kind: `regression` or `modular`.
        widths: of the hidden layers; models take them in turn.
        depth: hidden layers of the regression.
        rows: of the regression's data.
    """

    models: int
    steps: int
    sample: int
    batch_size: int | None
    kind: str = "regression"
    widths: tuple[int, ...] = (128,)
    depth: int = 1
    rows: int = 1024


CASES = {
    "regression, batch 64, K=64": Case(64, 300, 8, 64),
    "regression, batch 64, K=16": Case(16, 300, 8, 64),
    "regression, batch 64, K=1": Case(1, 600, 1, 64),
    "regression, widths 32 to 128, K=64": Case(64, 300, 8, 64, widths=(32, 64, 96, 128)),
    "regression, 3 layers, K=64": Case(64, 150, 6, 64, depth=3),
    "regression, full batch of 1024, K=8": Case(8, 100, 2, None),
    "regression, width 1024, 2 layers, batch 256, K=4": Case(4, 40, 1, 256, widths=(1024,), depth=2),
    "regression, width 1024, 2 layers, batch 256, K=1": Case(1, 60, 1, 256, widths=(1024,), depth=2),
    "modular addition p=59, batch 256, K=64": Case(64, 100, 8, 256, "modular"),
    "modular addition p=59, batch 256, K=1": Case(1, 200, 1, 256, "modular"),
    "modular addition p=59, full batch of 1044, K=8": Case(8, 40, 2, None, "modular"),
}


def problem(case: Case) -> tuple[Any, Any, Any]:
    """Give build, loss and rows of a case."""
    import torch
    from torch import nn
    from torch.nn.functional import cross_entropy

    draw = torch.Generator().manual_seed(0)
    if case.kind == "modular":
        numbers = torch.cartesian_prod(torch.arange(59), torch.arange(59))
        numbers = numbers[torch.randperm(len(numbers), generator=draw)[:1044]]
        rows: tuple[torch.Tensor, ...] = (numbers[:, 0], numbers[:, 1], numbers.sum(dim=1) % 59)

        class Sums(nn.Module):
            def __init__(self, width: int) -> None:
                super().__init__()
                self.embedding = nn.Embedding(59, 64)
                self.hidden, self.output = nn.Linear(64, width), nn.Linear(width, 59)

            def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
                found: torch.Tensor = self.output(
                    self.hidden(self.embedding(first) + self.embedding(second)).relu()
                )
                return found

        return (
            lambda config: Sums(config["width"]),
            lambda module, batch: cross_entropy(module(*batch[:2]), batch[2], reduction="none"),
            rows,
        )
    X = torch.randn(case.rows, 4, generator=draw)
    rows = (X, X.square().sum(dim=1, keepdim=True) / 4)

    def build(config: Mapping[str, Any]) -> nn.Module:
        layers: list[nn.Module] = []
        inputs = 4
        for _ in range(case.depth):
            layers += [nn.Linear(inputs, config["width"]), nn.ReLU()]
            inputs = config["width"]
        return nn.Sequential(*layers, nn.Linear(inputs, 1))

    return build, lambda module, batch: (module(batch[0]) - batch[1]).square().mean(dim=1), rows


def configs(case: Case) -> list[dict[str, Any]]:
    """Give the configurations of a case: rates of 1e-4 to 1e-2, decays of 0 to 1, scales of 1/2 to 2."""
    import random

    draw = random.Random(0)
    return [
        {
            "lr": 10 ** draw.uniform(-4, -2),
            "weight_decay": draw.uniform(0, 1),
            "init_scale": 2 ** draw.uniform(-1, 1),
            "width": case.widths[number % len(case.widths)],
            **({} if case.batch_size is None else {"batch_size": case.batch_size}),
        }
        for number in range(case.models)
    ]


def run(name: str, method: str, *, threads: int = 1, half: int | None = None) -> dict[str, float]:
    """Train a case by one method in this process; give seconds for all its models, or for one half of them."""
    import torch

    from benchmarks import ordinary_loop
    from physai_inverse.trainers.batched import BatchedTrainer

    torch.set_num_threads(threads)
    case = CASES[name]
    build, loss, rows = problem(case)
    chosen = configs(case) if half is None else configs(case)[half::2]
    every = max(case.steps // 20, 1)

    def train(count: int, steps: int) -> list[float]:
        if method == "batched":
            trainer = BatchedTrainer(build, loss, rows, steps=steps, device="cpu")
            return [float(found["loss"]) for found in trainer(chosen[:count], list(range(count)))]  # type: ignore[index]
        return [
            ordinary_loop.train(
                build, loss, rows, config, seed, steps, fused=method == "fused", every=min(every, steps)
            )[-1]
            for seed, config in enumerate(chosen[:count])
        ]

    count = len(chosen) if method == "batched" else min(case.sample, len(chosen))
    train(min(count, 2), 3)  # what is imported at the first step
    wall, processor = time.perf_counter(), time.process_time()
    train(count, case.steps)
    share = len(chosen) / count
    return {
        "processor_seconds": share * (time.process_time() - processor),
        "wall_seconds": share * (time.perf_counter() - wall),
    }


def study(space: str, together: int) -> dict[str, float]:
    """Run a study of the digits in this process, at random so that both ways train the same; give its seconds."""
    import torch

    from physai_inverse import Constant, Space, Study
    from physai_inverse.spec import load_spec
    from physai_inverse.trainers import load_task

    torch.set_num_threads(1)
    spec = load_spec(Path(__file__).parents[1] / "configs" / "digits.yaml")
    parameters = {**spec.space.parameters, **{name: Constant(value) for name, value in SPACES[space].items()}}
    train = load_task("digits", {"device": "cpu", "observables": False})
    train({}, 0)  # what is imported and loaded at the first
    made = Study(Space(parameters), spec.objective, seed=0, method="random")
    wall, processor = time.perf_counter(), time.process_time()
    made.run(train, STUDY_BUDGET, together=together)
    return {
        "processor_seconds": time.process_time() - processor,
        "wall_seconds": time.perf_counter() - wall,
        "median": statistics.median(float(trial.metrics["val_loss"]) for trial in made.trials if trial.metrics),
    }


def studies(repeats: int) -> dict[str, Any]:
    """Compare studies one by one and in batches, each in a fresh process, and print them."""
    table: dict[str, Any] = {}
    print(f"digits, {STUDY_BUDGET} trainings{'':26}together  trainings/min  processor s   median val_loss")
    for space in SPACES:
        for together in STUDY_TOGETHER:
            runs = [fresh(["--one-study", space, "--together", str(together)]) for _ in range(repeats)]
            row = {key: rounded(statistics.median(run[key] for run in runs)) for key in runs[0]}
            row["trainings_a_minute"] = rounded(60 * STUDY_BUDGET / row["processor_seconds"])
            table[f"{space}, together={together}"] = row
            print(f"{space:47}{together:9}{row['trainings_a_minute']:15.0f}{row['processor_seconds']:13.1f}"
                  f"{row['median']:18.4f}", flush=True)  # fmt: skip
    return table


def timed(name: str, methods: tuple[str, ...], repeats: int) -> dict[str, Any]:
    """Run the methods in turn, each in a fresh process, and give the median of each."""
    found: dict[str, list[dict[str, float]]] = {method: [] for method in methods}
    for _ in range(repeats):
        for method in methods:
            found[method].append(fresh(["--one", name, "--method", method]))
    return {
        method: {key: rounded(statistics.median(run[key] for run in runs)) for key in runs[0]}
        for method, runs in found.items()
    }


def two_cores(name: str, repeats: int, *, two_threads: bool) -> dict[str, Any]:
    """Measure the wall seconds of all models on two cores, in turn, and give the median of each way."""
    ways: dict[str, Callable[[], float]] = {
        "batched, two processes": lambda: two_processes(name, "batched"),
        "ordinary": lambda: fresh(["--one", name, "--method", "ordinary"])["wall_seconds"],
        "ordinary, two processes": lambda: two_processes(name, "ordinary"),
    }
    if two_threads:
        ways["ordinary, two threads"] = lambda: fresh(["--one", name, "--method", "ordinary", "--threads", "2"])[
            "wall_seconds"
        ]
    runs = [{way: measure() for way, measure in ways.items()} for _ in range(repeats)]
    seconds = {way: rounded(statistics.median(found[way] for found in runs)) for way in ways}
    best = min(seconds["ordinary"], seconds.get("ordinary, two threads", float("inf")))
    return {
        "wall_seconds": seconds,
        "times_one_at_a_time": rounded(best / seconds["batched, two processes"]),
        "times_two_processes": rounded(seconds["ordinary, two processes"] / seconds["batched, two processes"]),
    }


def two_processes(name: str, method: str) -> float:
    """Let two processes train a half of the models each, side by side; give the wall seconds of the slower."""
    command = [sys.executable, "-m", "benchmarks.trainer", "--one", name, "--method", method, "--half"]
    both = [
        subprocess.Popen([*command, str(half)], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1])
        for half in range(2)
    ]
    answers = [json.loads(process.communicate()[0].splitlines()[-1]) for process in both]
    return max(float(answer["wall_seconds"]) for answer in answers)


def fresh(arguments: list[str]) -> dict[str, float]:
    """Run this module in a fresh process, and read its last line."""
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks.trainer", *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    found: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return found


def exactness(optimizer: str, precision: str, steps: int, models: int) -> dict[str, float]:
    """Train a stack of models of three widths, and each by the ordinary loop; give how far their losses differ.

    Returns:
        Over the models, the median and the largest of each one's largest relative difference of a loss; and the
        number of models that were in a stack.
    """
    import torch
    from torch import nn

    from benchmarks import ordinary_loop
    from physai_inverse.trainers.batched import BatchedTrainer

    torch.set_num_threads(1)
    draw = torch.Generator().manual_seed(0)
    X = torch.randn(200, 4, generator=draw)
    rows = (X, X.square().sum(dim=1, keepdim=True) / 4)

    def build(config: Mapping[str, Any]) -> nn.Module:
        width = config["width"]
        return nn.Sequential(
            nn.Linear(4, width), nn.Tanh(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1)
        )

    chosen = [
        {
            "optimizer": "sgd" if optimizer == "momentum" else optimizer,
            "lr": (0.03 if optimizer in ("sgd", "momentum") else 0.01) * (0.5 + number / models),
            "weight_decay": 0.1 * number / models,
            **({"momentum": 0.5 + 0.4 * number / models} if optimizer in ("momentum", "muon") else {}),
            **({"beta1": 0.8 + 0.1 * number / models} if optimizer in ("adam", "adamw") else {}),
            "init_scale": 0.8 + 0.4 * number / models,
            "width": (32, 48, 64)[number % 3],
            "batch_size": (32, 48)[number % 2],
            "schedule": ("constant", "cosine", "linear")[number % 3],
            "warmup": 10 * (number % 2),
        }
        for number in range(models)
    ]

    def loss(module: nn.Module, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        found: torch.Tensor = (module(batch[0]) - batch[1]).square().mean(dim=1)
        return found

    trainer = BatchedTrainer(
        build, loss, rows, steps=steps, log=range(1, steps + 1), precision=precision, device="cpu"
    )
    found = trainer(chosen, list(range(models)))
    dtype = torch.float64 if precision == "float64" else torch.float32
    differences = []
    for number, config in enumerate(chosen):
        expected = ordinary_loop.train(build, loss, rows, config, number, steps, dtype=dtype)
        ours = found[number]["loss_curve"].values  # type: ignore[index, union-attr]  # none fails here
        differences.append(max(abs(a - b) / abs(b) for a, b in zip(ours, expected, strict=True)))
    lines = [line for line in trainer.plan(chosen, list(range(models))) if line.startswith("together")]
    return {
        "median": rounded(statistics.median(differences)),
        "largest": rounded(max(differences)),
        "stacked": float(sum(line.count(",") + 1 for line in lines)),
    }


def main() -> int:
    """Measure, print and write; end with 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", choices=list(CASES))
    parser.add_argument("--study", action="store_true", help="whole studies instead, into another file")
    parser.add_argument("--one-study", choices=list(SPACES))
    parser.add_argument("--together", type=int, default=1)
    parser.add_argument("--method", choices=METHODS, default="batched")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--two-threads", action="store_true", help="let the ordinary loop try two, too")
    parser.add_argument("--half", type=int, choices=(0, 1))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--models", type=int, default=64, help="of the check of exactness")
    parser.add_argument("--out", type=Path, default=RESULTS / "trainer.json")
    given = parser.parse_args()
    if given.one is not None:
        print(json.dumps(run(given.one, given.method, threads=given.threads, half=given.half)))
        return 0
    if given.one_study is not None:
        print(json.dumps(study(given.one_study, given.together)))
        return 0
    load = os.getloadavg()[0]
    if given.study:
        found = {
            **origin("python -m benchmarks.trainer --study"),
            "load": load,
            "table": studies(given.repeats),
        }
        write(RESULTS / "trainer_study.json", found)
        return 0
    missed: list[str] = []
    table: dict[str, Any] = {}
    print(f"{'':50}{'batched':>9}{'ordinary':>9}{'fused':>9}  s    times ordinary, fused")
    for name, case in CASES.items():
        row = timed(name, METHODS, given.repeats)
        seconds = {method: row[method]["processor_seconds"] for method in METHODS}
        row["times_ordinary"] = rounded(seconds["ordinary"] / seconds["batched"])
        row["times_fused"] = rounded(seconds["fused"] / seconds["batched"])
        row["trainings_a_minute"] = {method: rounded(60 * case.models / seconds[method]) for method in METHODS}
        if name in GOALS:
            row["two_cores"] = two_cores(name, given.repeats, two_threads=given.two_threads)
            if row["two_cores"]["times_one_at_a_time"] < GOALS[name]:
                missed.append(f"{name}, on two cores: {row['two_cores']['times_one_at_a_time']} x")
        table[name] = row
        missed += [
            f"{name}, {key}: {row[key]} x" for key in ("times_ordinary", "times_fused") if row[key] < NEVER_SLOWER
        ]
        cells = "".join(f"{seconds[method]:9.2f}" for method in METHODS)
        print(f"{name:50}{cells}{row['times_ordinary']:11.2f}{row['times_fused']:8.2f}", flush=True)
        if name in GOALS:
            cores = row["two_cores"]
            print(f"    on two cores, wall: {cores['times_one_at_a_time']} x one at a time, "
                  f"{cores['times_two_processes']} x two processes", flush=True)  # fmt: skip
    exact: dict[str, Any] = {}
    checks: list[tuple[str, int, float, Callable[[dict[str, float]], float]]] = [
        ("float32", 50, 1e-5, lambda found: found["median"]),
        ("float64", 500, 1e-10, lambda found: found["median"]),
    ]
    for optimizer in OPTIMIZERS:
        for precision, steps, limit, of in checks:
            found = exactness(optimizer, precision, steps, given.models)
            exact[f"{optimizer}, {precision}, {steps} steps"] = found
            if of(found) > limit:
                missed.append(f"{optimizer} in {precision}: {of(found)}")
            print(f"{optimizer:10}{precision:9}{steps:5} steps: median {found['median']:.1e}, "
                  f"largest {found['largest']:.1e}, {found['stacked']:.0f} in stacks", flush=True)  # fmt: skip
    result = {
        **origin("python -m benchmarks.trainer"),
        "load": [load, os.getloadavg()[0]],
        "cores": os.cpu_count(),
        "goals": {**GOALS, "never slower": NEVER_SLOWER},
        "table": table,
        "exactness": exact,
        "missed": missed,
    }
    write(given.out, result)
    print("missed:", missed or "nothing")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
