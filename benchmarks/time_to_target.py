"""Seconds until a fixed loss is reached: whole batches and stopping, beside Optuna around the usual loop.

Every contender begins with nothing but the task, suggests, trains, and is stopped when a finished training has
reached the target; the time of its suggestions is part of it. Each runs in a fresh process of one thread, so that
two cores would serve any of them twice; seconds are processor time, with wall time beside it. The target is the
loss that one of 99 random configurations reaches (`--targets` measures it anew).

    ours          suggestions of the study, `--together` trainings in one program, hopeless ones stopped early
    ours, single  the same, one training at a time in the usual loop, with the same rule of stopping
    optuna        TPE and the median pruner at their defaults around the usual loop
    random        random search around the usual loop, never stopped

The usual loop is one `nn.Module`, one `torch.optim` optimiser, batches by a permutation; it measures what the task
measures at the steps at which the task measures it, and ends where the task ends.

    python -m benchmarks.time_to_target
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.records import RESULTS, origin, rounded, write

if TYPE_CHECKING:
    import optuna

CONTENDERS = ("ours", "ours, single", "optuna", "random")
SHARE = 99


@dataclass(frozen=True)
class Race:
    """One task and what is to be reached.

    Args:
        task: its name.
        settings: of the task.
        metric: to be minimised; a curve of the task.
        target: what ends the race.
        pool: random configurations behind the target.
    """

    task: str
    settings: Mapping[str, Any]
    metric: str
    target: float
    pool: int


RACES = {
    "digits": Race("digits", {"observables": False}, "val_loss", 0.0574, 396),
    "modular addition": Race("modular_addition", {"observables": False}, "test_loss", 0.0044, 99),
    "width": Race("width_scaling", {"observables": False}, "test_loss", 0.02837, 99),
}

Train = Callable[[Mapping[str, Any], int, Callable[[float, Mapping[str, float]], bool]], float | None]


def usual_loop(race: Race) -> Train:
    """Give the usual loop around a task: configuration, seed and report to the last value of the metric."""
    import torch

    from benchmarks.ordinary_loop import optimizers
    from physai_inverse.observations import Curve
    from physai_inverse.seeds import child
    from physai_inverse.trainers import load_task

    problem: Any = load_task(race.task, race.settings).batched()

    def train(
        config: Mapping[str, Any], seed: int, report: Callable[[float, Mapping[str, float]], bool]
    ) -> float | None:
        recipe = problem.recipe(config)
        torch.manual_seed(child(seed, "initial"))
        module = problem.build(config)
        rows = problem.rows(config, seed) if callable(problem.rows) else problem.rows
        given = problem.given(config, seed) if callable(problem.given) else problem.given
        draw = torch.Generator().manual_seed(child(seed, "order"))
        size = len(rows[0]) if rows is not None else 0
        each = 1 if recipe.batch_size is None or rows is None else -(-size // recipe.batch_size)
        steps = problem.steps(config) if callable(problem.steps) else problem.steps
        steps = problem.epochs * each if steps is None else steps
        logged = set(problem.log(steps, each) if callable(problem.log) else problem.log or (steps,)) | {steps}
        chosen = optimizers(module, recipe)
        points: dict[str, dict[float, float]] = {}

        def looked(step: int) -> bool:
            module.eval()
            with torch.no_grad():
                found = {name: float(value) for name, value in problem.measure(module, given).items()}
            module.train()
            for name, value in found.items():
                points.setdefault(name, {})[float(step)] = value
            curves = {name: Curve(tuple(values), tuple(values.values())) for name, values in points.items()}
            return report(float(step), found) or (problem.ended is not None and problem.ended(curves))

        done = 0
        if 0 in logged and looked(0):
            return points[race.metric][0.0]
        while done < steps:
            for batch in _batches(problem, config, rows, recipe.batch_size, draw):
                for optimizer in chosen:
                    optimizer.zero_grad()
                problem.loss(module, batch).mean().backward()
                for optimizer in chosen:
                    optimizer.step()
                done += 1
                if (done in logged and looked(done)) or done == steps:
                    return list(points[race.metric].values())[-1]
        return None

    return train


def _batches(problem: Any, config: Any, rows: Any, size: int | None, draw: Any) -> Iterator[Any]:
    import torch

    if rows is None:
        yield problem.draw(config, draw)
    elif size is None:
        yield rows
    else:
        for index in torch.split(torch.randperm(len(rows[0]), generator=draw), size):
            yield tuple(tensor[index] for tensor in rows)


def ours(race: Race, seed: int, together: int, limit: float) -> dict[str, float]:
    """Race with whole batches."""
    import tempfile

    from physai_inverse.trainers import load_task

    trainer = load_task(race.task, race.settings, stop_early=True)
    trainer([{}], [seed])  # what is imported and compiled once is no part of anybody's time
    with tempfile.TemporaryDirectory() as folder:
        study = _study(race, seed, folder)
        clock = Clock()
        budget = 0
        while clock.processor < limit:
            budget += together
            study.run(trainer, budget, together=together)
            if _reached(study, race):
                return clock.read(study.trials, True)
        return clock.read(study.trials, False)


def ours_single(race: Race, seed: int, limit: float) -> dict[str, float]:
    """Race with one training at a time in the usual loop."""
    import tempfile

    train = usual_loop(race)
    train({}, 0, lambda step, metrics: step > 0)  # noqa: ARG005
    with tempfile.TemporaryDirectory() as folder:
        study = _study(race, seed, folder)

        def trainer(config: Mapping[str, Any], seed: int, report: Any) -> dict[str, float]:
            value = train(config, seed, report)
            return {race.metric: float("nan") if value is None else value}

        clock = Clock()
        budget = 0
        while clock.processor < limit:
            budget += 1
            study.run(trainer, budget)
            if _reached(study, race):
                return clock.read(study.trials, True)
        return clock.read(study.trials, False)


def optuna_race(race: Race, seed: int, limit: float, *, random: bool) -> dict[str, float]:
    """Race with Optuna, or with random search."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    train = usual_loop(race)
    train({}, 0, lambda step, metrics: step > 0)  # noqa: ARG005
    sampler = optuna.samplers.RandomSampler(seed=seed) if random else optuna.samplers.TPESampler(seed=seed)
    pruner = optuna.pruners.NopPruner() if random else optuna.pruners.MedianPruner()
    study = optuna.create_study(sampler=sampler, pruner=pruner)

    def objective(trial: "optuna.Trial") -> float:
        def report(step: float, metrics: Mapping[str, float]) -> bool:
            trial.report(metrics[race.metric], int(step))
            if trial.should_prune():
                raise optuna.TrialPruned
            return False

        value = train(_suggested(race, trial), trial.number + 1000 * seed, report)
        return float("nan") if value is None else value

    clock = Clock()
    while clock.processor < limit:
        study.optimize(objective, n_trials=1)
        last = study.trials[-1]
        if last.state == optuna.trial.TrialState.COMPLETE and last.value is not None and last.value <= race.target:
            return clock.read(study.trials, True)
    return clock.read(study.trials, False)


class Clock:
    """Processor and wall time since it was made."""

    def __init__(self) -> None:
        self._processor, self._wall = time.process_time(), time.perf_counter()

    @property
    def processor(self) -> float:
        """Seconds of this process."""
        return time.process_time() - self._processor

    def read(self, trials: Any, reached: bool) -> dict[str, float]:
        """Give the times, with the trainings that they held."""
        wall = time.perf_counter() - self._wall
        return {"seconds": self.processor, "wall": wall, "trainings": len(trials), "reached": float(reached)}


def _study(race: Race, seed: int, folder: str) -> Any:
    from physai_inverse import Minimize, Study
    from physai_inverse.spec import draft_for_task, read_spec

    spec = read_spec(Path(folder) / "study.yaml", draft_for_task(race.task).encode())
    return Study(spec.space, Minimize(race.metric), store=f"{folder}/race.db", seed=seed, cost="seconds")


def _reached(study: Any, race: Race) -> bool:
    return any(
        trial.state.value == "done" and float(trial.metrics[race.metric]) <= race.target
        for trial in study.trials
        if race.metric in trial.metrics
    )


def _suggested(race: Race, trial: "optuna.Trial") -> dict[str, Any]:
    from physai_inverse.trainers import describe

    config: dict[str, Any] = {}
    for name, knob in describe(race.task).knobs.items():
        active: Any = knob.get("when", {})
        if any(config[other] not in values for other, values in active.items()):
            continue
        kind: Any = knob["type"]
        low, high, log = knob.get("low"), knob.get("high"), bool(knob.get("log"))
        if kind in ("choice", "ordinal"):
            values: Any = knob["values"] if kind == "choice" else knob["levels"]
            config[name] = trial.suggest_categorical(name, values)
        elif kind == "boolean":
            config[name] = trial.suggest_categorical(name, [False, True])
        elif kind == "integer":
            config[name] = trial.suggest_int(name, low, high, log=log)  # type: ignore[arg-type]
        else:
            config[name] = trial.suggest_float(name, low, high, log=log)  # type: ignore[arg-type]
    return config


def calibrated(race: Race, seed: int = 12345) -> float:
    """Give the value that one of `SHARE` random configurations reaches, from a pool of them."""
    from physai_inverse.seeds import generator
    from physai_inverse.spec import draft_for_task, read_spec
    from physai_inverse.trainers import load_task

    space = read_spec(Path("study.yaml"), draft_for_task(race.task).encode()).space
    draw = generator(seed, "pool")
    configs = [space.decode(unit) for unit in draw.random((race.pool, space.dimension))]
    found = load_task(race.task, race.settings)(configs, list(range(race.pool)))
    values = sorted(
        float(metrics[race.metric])
        for metrics in found
        if isinstance(metrics, dict) and float(metrics[race.metric]) == float(metrics[race.metric])
    )
    return values[race.pool // SHARE - 1]


def run(name: str, contender: str, seed: int, together: int, limit: float) -> dict[str, float]:
    """Race once, in this process."""
    import torch

    torch.set_num_threads(1)
    race = RACES[name]
    if contender == "ours":
        return ours(race, seed, together, limit)
    if contender == "ours, single":
        return ours_single(race, seed, limit)
    return optuna_race(race, seed, limit, random=contender == "random")


def in_fresh_process(name: str, contender: str, seed: int, options: argparse.Namespace) -> dict[str, float]:
    """Race once, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.time_to_target", "--race", name, contender, str(seed)]
    command += ["--together", str(options.together), "--limit", str(options.limit)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    out = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    found: dict[str, float] = json.loads(out.stdout.strip().splitlines()[-1])
    return found


def main() -> None:
    """Race, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--together", type=int, default=8)
    parser.add_argument(
        "--limit", type=float, default=60.0, help="processor seconds after which a race is given up"
    )
    parser.add_argument("--tasks", nargs="*", default=list(RACES))
    parser.add_argument("--contenders", nargs="*", default=list(CONTENDERS))
    parser.add_argument("--out", type=Path, default=RESULTS / "time_to_target.json")
    parser.add_argument("--targets", action="store_true", help="only measure the targets")
    parser.add_argument("--race", nargs=3, metavar=("TASK", "CONTENDER", "SEED"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.race:
        name, contender, seed = options.race
        print(json.dumps(run(name, contender, int(seed), options.together, options.limit)))
        return
    if options.targets:
        for name in options.tasks:
            print(f"{name}: {calibrated(RACES[name]):.4g}", flush=True)
        return
    tables: dict[str, Any] = {}
    for name in options.tasks:
        race = RACES[name]
        table: dict[str, Any] = {"metric": race.metric, "target": race.target}
        for contender in options.contenders:
            runs = [in_fresh_process(name, contender, seed, options) for seed in range(options.seeds)]
            # A race that was given up counts as longer than any other; with a majority of them there is no median.
            times = [one["seconds"] if one["reached"] else float("inf") for one in runs]
            median = statistics.median(times)
            table[contender] = {
                "median seconds": rounded(median) if median < float("inf") else f"above {options.limit:g}",
                "seconds": [rounded(one["seconds"]) for one in runs],
                "wall": [rounded(one["wall"]) for one in runs],
                "trainings": [one["trainings"] for one in runs],
                "reached": int(sum(one["reached"] for one in runs)),
            }
            print(f"{name:18s} {contender:14s} median {median:8.1f} s", table[contender]["seconds"], flush=True)
        tables[name] = table
    for name, table in tables.items():
        medians = {contender: table[contender]["median seconds"] for contender in options.contenders}
        mine, theirs = medians.get("ours"), medians.get("optuna")
        if isinstance(mine, float) and isinstance(theirs, float):
            print(f"{name}: {theirs / mine:.1f} times faster than Optuna")
    write(options.out, {**origin("python -m benchmarks.time_to_target"), "limit": options.limit, "tables": tables})


if __name__ == "__main__":
    main()
