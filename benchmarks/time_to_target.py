"""Seconds until a fixed loss is reached: whole batches and stopping, beside Optuna around the usual loop.

Every contender begins with nothing but the task, suggests, trains, and is stopped when a finished training has
reached the target; the time of its suggestions is part of it. Each runs in a fresh process of one thread, so that
two cores would serve any of them twice; seconds are processor time, with wall time beside it. Contenders take
turns with each seed, so that whatever else the machine does falls on all alike.

A target is a loss without its luck: that of one configuration in 99 of a random pool, whose best were trained with
eight fresh seeds each and are judged by the mean (`--targets` measures it anew). With a single training's loss as
the target, races end by luck. How far the comparison depends on the target is shown by a second, easier one: that
of one configuration in 33; every race passes it on the way.

    ours          suggestions of the study, `--together` trainings in one program, hopeless ones stopped early
    ours, single  the same, one training at a time in the usual loop, with the same rule of stopping
    optuna        TPE and the median pruner at their defaults around the usual loop
    random        random search around the usual loop, never stopped

The usual loop is one `nn.Module`, one `torch.optim` optimiser, batches by a permutation; it measures what the task
measures at the steps at which the task measures it, and ends where the task ends.

    python -m benchmarks.time_to_target
"""

import argparse
import contextlib
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.records import RESULTS, origin, rounded, write

if TYPE_CHECKING:
    import optuna

CONTENDERS = ("ours", "ours, single", "optuna", "random")
USUAL = ("ours", "optuna")
"""Who races where nothing else is said; all four take three times as long."""

SHARES = (33, 99)
"""One configuration in so many reaches the targets, the easier first."""

MOST_TRAININGS = 10_000

FRESH = 1000
"""The first of the fresh seeds."""

REPEATS, LOOKED_AT = 8, 2
"""Fresh seeds of each configuration that may be among those, and how many times as many are looked at."""


@dataclass(frozen=True)
class Race:
    """One task and what is to be reached.

    Args:
        task: its name.
        settings: of the task.
        metric: to be minimised; a curve of the task.
        targets: the losses that one configuration in each of `SHARES` reaches; the last ends the race.
        pool: random configurations behind the targets.
    """

    task: str
    settings: Mapping[str, Any]
    metric: str
    targets: tuple[float, ...]
    pool: int


RACES = {
    "digits": Race("digits", {"observables": False}, "val_loss", (0.06645, 0.05443), 396),
    "modular addition": Race("modular_addition", {"observables": False}, "test_loss", (0.03348, 0.01337), 99),
    "width": Race("width_scaling", {"observables": False}, "test_loss", (0.03277, 0.02627), 198),
}


@dataclass(frozen=True)
class Reached:
    """When a target was reached.

    Args:
        seconds: of the processor.
        wall: seconds.
        trainings: that had begun by then.
    """

    seconds: float
    wall: float
    trainings: int


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


def ours(race: Race, seed: int, together: int, limit: float) -> list[Reached]:
    """Race with whole batches."""
    import tempfile

    from physai_inverse.trainers import load_task

    trainer = load_task(race.task, race.settings, stop_early=True)
    trainer([{}], [seed])  # what is imported and compiled once is no part of anybody's time
    with tempfile.TemporaryDirectory() as folder:
        study = _study(race, seed, folder)
        return _raced(study, race, trainer, together, limit)


def ours_single(race: Race, seed: int, limit: float) -> list[Reached]:
    """Race with one training at a time in the usual loop."""
    import tempfile

    train = usual_loop(race)
    train({}, 0, lambda step, metrics: step > 0)  # noqa: ARG005
    with tempfile.TemporaryDirectory() as folder:
        study = _study(race, seed, folder)

        def trainer(config: Mapping[str, Any], seed: int, report: Any) -> dict[str, float]:
            value = train(config, seed, report)
            return {race.metric: float("nan") if value is None else value}

        return _raced(study, race, trainer, 1, limit)


class Over(Exception):
    """The race is over."""


def _raced(study: Any, race: Race, trainer: Any, together: int, limit: float) -> list[Reached]:
    """Run a study until the last target is reached or the time is up."""
    clock = Clock(race)

    def look(progress: Any) -> None:
        if progress.last is not None:
            ended = progress.last.state.value == "done" and race.metric in progress.last.metrics
            clock.look([float(progress.last.metrics[race.metric])] if ended else [], len(study.trials))
            if clock.over(limit):
                raise Over

    with contextlib.suppress(Over):
        study.run(trainer, MOST_TRAININGS, together=together, on_progress=look)
    return clock.reached


def optuna_race(race: Race, seed: int, limit: float, *, random: bool) -> list[Reached]:
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

    clock = Clock(race)
    while not clock.over(limit):
        study.optimize(objective, n_trials=1)
        last = study.trials[-1]
        done = last.state == optuna.trial.TrialState.COMPLETE and last.value is not None
        clock.look([last.value] if done else [], len(study.trials))  # type: ignore[list-item]  # it has one
    return clock.reached


class Clock:
    """Processor and wall time since it was made, and when each target was reached.

    Args:
        race: whose targets count.
    """

    def __init__(self, race: Race) -> None:
        self._targets = race.targets
        self._processor, self._wall = time.process_time(), time.perf_counter()
        self.reached: list[Reached] = []

    def over(self, limit: float) -> bool:
        """Say whether the last target was reached, or the time is up."""
        return len(self.reached) == len(self._targets) or time.process_time() - self._processor >= limit

    def look(self, finals: Iterable[float], trainings: int) -> None:
        """Note which targets are reached by now."""
        seconds, wall = time.process_time() - self._processor, time.perf_counter() - self._wall
        best = min(finals, default=math.inf)
        for target in self._targets[len(self.reached) :]:
            if best <= target:
                self.reached.append(Reached(seconds, wall, trainings))


def _study(race: Race, seed: int, folder: str) -> Any:
    from physai_inverse import Minimize, Study
    from physai_inverse.spec import draft_for_task, read_spec

    spec = read_spec(Path(folder) / "study.yaml", draft_for_task(race.task).encode())
    return Study(spec.space, Minimize(race.metric), store=f"{folder}/race.db", seed=seed, cost="seconds")


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


def calibrated(race: Race, seed: int = 12345) -> list[float]:
    """Give the losses without luck that one configuration in each of `SHARES` reaches, from a pool of them.

    Those that were best in a single training are trained anew with `REPEATS` fresh seeds each, `LOOKED_AT` times
    as many as the easier target needs, since the best by a single training are not the best.
    """
    from physai_inverse.seeds import generator
    from physai_inverse.spec import draft_for_task, read_spec
    from physai_inverse.trainers import load_task

    space = read_spec(Path("study.yaml"), draft_for_task(race.task).encode()).space
    draw = generator(seed, "pool")
    configs = [space.decode(unit) for unit in draw.random((race.pool, space.dimension))]
    trainer = load_task(race.task, race.settings)

    def losses(chosen: list[dict[str, Any]], seeds: list[int]) -> list[float]:
        found = trainer(chosen, seeds)
        values = [float(metrics[race.metric]) if isinstance(metrics, dict) else math.nan for metrics in found]
        return [math.inf if math.isnan(value) else value for value in values]

    single = losses(configs, list(range(race.pool)))
    best = sorted(range(race.pool), key=single.__getitem__)[: LOOKED_AT * race.pool // min(SHARES)]
    repeats = [FRESH + number for number in range(REPEATS * len(best))]
    again = losses([configs[place] for place in best for _ in range(REPEATS)], repeats)
    means = sorted(statistics.fmean(again[first : first + REPEATS]) for first in range(0, len(again), REPEATS))
    return [means[race.pool // share - 1] for share in SHARES]


def run(name: str, contender: str, seed: int, together: int, limit: float) -> list[Reached]:
    """Race once, in this process; give what was reached, the easier target first."""
    import torch

    torch.set_num_threads(1)
    race = RACES[name]
    if contender == "ours":
        return ours(race, seed, together, limit)
    if contender == "ours, single":
        return ours_single(race, seed, limit)
    return optuna_race(race, seed, limit, random=contender == "random")


def in_fresh_process(name: str, contender: str, seed: int, options: argparse.Namespace) -> list[Reached]:
    """Race once, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.time_to_target", "--race", name, contender, str(seed)]
    command += ["--together", str(options.together), "--limit", str(options.limit)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    out = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return [Reached(**one) for one in json.loads(out.stdout.strip().splitlines()[-1])]


def summary(races: Sequence[Sequence[Reached]], place: int, limit: float) -> dict[str, Any]:
    """Tell of one target over all seeds of a contender."""
    there = [race[place] if place < len(race) else None for race in races]
    # A race that was given up counts as longer than any other; with a majority of them there is no median.
    median = statistics.median(math.inf if one is None else one.seconds for one in there)
    return {
        "median seconds": rounded(median) if median < math.inf else f"above {limit:g}",
        "seconds": [None if one is None else rounded(one.seconds) for one in there],
        "wall": [None if one is None else rounded(one.wall) for one in there],
        "trainings": [None if one is None else one.trainings for one in there],
    }


def main() -> None:
    """Race, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="the first of the seeds")
    parser.add_argument("--together", type=int, default=8)
    parser.add_argument(
        "--limit", type=float, default=20.0, help="processor seconds after which a race is given up"
    )
    parser.add_argument("--tasks", nargs="*", default=list(RACES))
    parser.add_argument("--contenders", nargs="*", choices=CONTENDERS, default=list(USUAL))
    parser.add_argument("--out", type=Path, default=RESULTS / "time_to_target.json")
    parser.add_argument("--targets", action="store_true", help="only measure the targets")
    parser.add_argument("--race", nargs=3, metavar=("TASK", "CONTENDER", "SEED"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.race:
        name, contender, seed = options.race
        found = run(name, contender, int(seed), options.together, options.limit)
        print(json.dumps([asdict(one) for one in found]))
        return
    if options.targets:
        for name in options.tasks:
            print(f"{name}: {', '.join(f'{value:.4g}' for value in calibrated(RACES[name]))}", flush=True)
        return
    for name in options.tasks:
        race = RACES[name]
        runs: dict[str, list[list[Reached]]] = {contender: [] for contender in options.contenders}
        for seed in range(options.first, options.first + options.seeds):
            for contender in options.contenders:
                runs[contender].append(in_fresh_process(name, contender, seed, options))
        tables: dict[str, Any] = {**origin("python -m benchmarks.time_to_target"), "limit": options.limit}
        for place, (share, target) in enumerate(zip(SHARES, race.targets, strict=True)):
            table = {contender: summary(races, place, options.limit) for contender, races in runs.items()}
            tables[f"one in {share}"] = {"metric": race.metric, "target": target, **table}
            for contender, row in table.items():
                seconds = row["median seconds"]
                print(
                    f"{name:17} one in {share}  {contender:13} median {seconds:>9} s", row["seconds"], flush=True
                )
            mine, theirs = (table.get(contender, {}).get("median seconds") for contender in ("ours", "optuna"))
            if isinstance(mine, float) and theirs is not None:
                ratio = (theirs if isinstance(theirs, float) else options.limit) / mine
                words = f"{'' if isinstance(theirs, float) else 'more than '}{ratio:.2g}"
                tables[f"one in {share}"]["times faster than optuna"] = words
                print(f"{name}, one in {share}: {words} times faster than Optuna", flush=True)
        # Task by task, so that one can be raced anew and the others stay.
        known = json.loads(options.out.read_text()) if options.out.is_file() else {}
        write(options.out, {**{task: known[task] for task in RACES if task in known}, name: tables})


if __name__ == "__main__":
    main()
