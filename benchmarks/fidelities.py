"""Several fidelities: regret of the recommendation against the total of epochs (or data) that was spent.

Learning curves of 2,000 configurations a task (lcbench: accuracy after 1 to 52 epochs; rbv2_xgboost: after 5, 20
and 100 per cent of the data; ../shared/data/yahpo_tables). A configuration takes the values of the nearest row;
between two recorded lengths its curve is linear in their logarithm. A promoted configuration pays for the rest
only.

    ours              the study with a fidelity
    asha              asynchronous successive halving over random configurations, the same rungs
    lowest            one epoch, keep the best tenth: trained in full as they come
    lowest, planned   the same, told the budget: half of it for looking, half for full trainings
    full              our ordinary loop: full trainings only
    optuna            TPE with the Hyperband pruner, where Optuna is installed

Normalised regret: 0 is the best row, 1 what random search has after 10 full trainings (median). A peer recommends
the best it measured at the longest length that it has reached; ours what `recommend` names.
"""

import argparse
import json
import math
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.regret.problems import DATA, LCBENCH, XGBOOST, config_of, numbers, read
from physai_inverse.errors import NotFound
from physai_inverse.fidelity import Fidelity
from physai_inverse.space import Choice, Float, Integer, Space
from physai_inverse.study import Study

RESULTS = Path(__file__).parent / "results" / "fidelities.json"
EPOCHS = (1, 2, 4, 8, 12, 20, 30, 40, 52)
SHARES = (0.05, 0.2, 1.0)
READ_AT = (0.5, 1.0, 2.0, 4.0)
"""Budgets at which regret is read, in full trainings."""

Spent = Iterator[tuple[float, dict[str, Any] | None]]
"""After each training: what was spent so far, in full trainings, and what is recommended."""


@dataclass(frozen=True)
class Curves:
    """One task.

    Args:
        name: its name.
        space: the space.
        fidelity: epochs or share of the data.
        units: ``[n, d]`` of its rows, categories weighed so that they decide first.
        values: ``[n, lengths]``.
        weight: ``[d]``.
        scale: the regret of random search after 10 full trainings.
    """

    name: str
    space: Space
    fidelity: Fidelity
    lengths: tuple[float, ...]
    units: np.ndarray = field(repr=False)
    values: np.ndarray = field(repr=False)
    weight: np.ndarray = field(repr=False)
    scale: float

    def row(self, config: dict[str, Any]) -> int:
        """Find the nearest row."""
        distance = ((self.units - self.space.encode([self.space.complete(config)])) * self.weight) ** 2
        return int(np.argmin(distance.sum(axis=1)))

    def measure(self, config: dict[str, Any], length: float) -> float:
        """Give the accuracy after so many epochs, or with that share of the data."""
        return float(np.interp(math.log(length), np.log(self.lengths), self.values[self.row(config)]))

    def regret(self, config: dict[str, Any]) -> float:
        """Give the normalised regret of a configuration."""
        return float((self.values[:, -1].max() - self.values[self.row(config), -1]) / self.scale)


def tasks(folder: str) -> list[Curves]:
    """Make the tasks of a table."""
    rows = read(DATA / "yahpo_tables" / f"{folder}.csv.gz")
    if folder == "lcbench":
        space, lengths, fidelity = LCBENCH, tuple(map(float, EPOCHS)), Fidelity("epochs", 1, 52)
        columns = [f"val_accuracy_e{epochs}" for epochs in EPOCHS]
    else:
        space, lengths, fidelity = XGBOOST, SHARES, Fidelity("share", 0.05, 1.0, eta=4)
        columns = [f"acc_t{round(100 * share)}" for share in SHARES]
    made = []
    for instance in sorted({row["instance"] for row in rows}, key=int):
        own = [row for row in rows if row["instance"] == instance]
        values = np.stack([numbers(own, column) for column in columns], axis=1)
        units = space.encode([config_of(space, row) for row in own])
        weight = np.where([isinstance(parameter, Choice) for parameter in space.free], 100.0, 1.0)
        draws = np.random.default_rng(0).choice(values[:, -1], size=(2000, 10)).max(axis=1)
        scale = float(values[:, -1].max() - np.median(draws))
        made.append(Curves(f"{folder}/{instance}", space, fidelity, lengths, units, values, weight, scale))
    return made


# -- tuners ----------------------------------------------------------------------------------------------------


def with_study(task: Curves, seed: int, budget: float, *, method: str, fidelity: bool) -> Spent:
    """Run a study of ours."""
    study = Study(
        task.space, "maximize accuracy", seed=seed, method=method, fidelity=task.fidelity if fidelity else None
    )
    spent, best = 0.0, _Best()
    while spent < budget:
        [trial] = study.suggest()
        length = trial.fidelity or task.fidelity.high
        done = 0.0 if trial.continues is None else study.trials[trial.continues].fidelity or 0.0
        after = spent + (length - done) / task.fidelity.high
        if method == "model":  # read before a training that would overdraw the budget
            for mark in READ_AT:
                if spent < mark - 1e-9 and after > mark + 1e-9:
                    yield mark, _recommended(study)
        value = task.measure(trial.config, length)
        study.observe(trial, {"accuracy": value})
        spent = after
        best.add(trial.config, length, value)
        if method != "model":
            yield spent, best.config
        elif any(abs(spent - mark) < 1e-9 for mark in READ_AT):
            yield spent, _recommended(study)


def _recommended(study: Study) -> dict[str, Any] | None:
    try:
        return study.recommend().config
    except NotFound:
        return None


@dataclass
class _Best:
    """The best measured at the longest length reached."""

    key: tuple[float, float] = (-1.0, -math.inf)
    config: dict[str, Any] | None = None

    def add(self, config: dict[str, Any], length: float, value: float) -> None:
        """Take in one value."""
        if (length, value) > self.key:
            self.key, self.config = (length, value), dict(config)


def planned(task: Curves, seed: int, budget: float) -> Spent:
    """Look at as many as half of the budget pays for, then train the best in full with the other half."""
    from physai_inverse.space.sampling import sample_units

    low = task.fidelity.low / task.fidelity.high
    num = max(1, int(budget / 2 / low))
    configs = task.space.decode(sample_units(task.space, num, seed=seed))
    order = sorted(configs, key=lambda config: -task.measure(config, task.fidelity.low))
    best = _Best()
    for config in order[: max(1, int((budget - num * low) / (1 - low)))]:
        best.add(config, task.fidelity.high, task.measure(config, task.fidelity.high))
    yield budget, best.config


def with_optuna(task: Curves, seed: int, budget: float) -> Spent:
    """Run Optuna's TPE with its Hyperband pruner at their defaults, over the same rungs."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rungs = task.fidelity.rungs
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.HyperbandPruner(
            min_resource=1, max_resource=len(rungs), reduction_factor=max(2, round(task.fidelity.eta))
        )
        if task.fidelity.name != "epochs"
        else optuna.pruners.HyperbandPruner(min_resource=1, max_resource=52, reduction_factor=3),
    )
    steps = [1.0 + number for number in range(52)] if task.fidelity.name == "epochs" else list(rungs)
    spent, best = 0.0, _Best()
    while spent < budget:
        trial = study.ask()
        config: dict[str, Any] = {}
        for name, parameter in task.space.parameters.items():
            if not _active(parameter, config):
                continue
            if isinstance(parameter, Float):
                config[name] = trial.suggest_float(name, parameter.low, parameter.high, log=parameter.log)
            elif isinstance(parameter, Integer):
                config[name] = trial.suggest_int(name, parameter.low, parameter.high, log=parameter.log)
            else:
                config[name] = trial.suggest_categorical(name, list(getattr(parameter, "options", ())))
        before = 0.0
        for number, length in enumerate(steps, start=1):
            value = task.measure(config, length)
            spent += (length - before) / task.fidelity.high
            before = length
            best.add(config, length, value)
            trial.report(value, number)
            yield spent, best.config
            if trial.should_prune() or spent >= budget:
                break
        pruned = before < task.fidelity.high
        study.tell(trial, None if pruned else value, state=optuna.trial.TrialState.PRUNED if pruned else None)


def _active(parameter: Any, config: dict[str, Any]) -> bool:
    when = parameter.when
    if not isinstance(when, dict):
        return True
    return all(
        config.get(name) in (allowed if isinstance(allowed, list | tuple) else [allowed])
        for name, allowed in when.items()
    )


TUNERS: dict[str, Callable[[Curves, int, float], Spent]] = {
    "ours": lambda task, seed, budget: with_study(task, seed, budget, method="model", fidelity=True),
    "asha": lambda task, seed, budget: with_study(task, seed, budget, method="asha", fidelity=True),
    "lowest": lambda task, seed, budget: with_study(task, seed, budget, method="lowest", fidelity=True),
    "lowest, planned": planned,
    "full": lambda task, seed, budget: with_study(task, seed, budget, method="model", fidelity=False),
    "optuna": with_optuna,
}


def once(tuner: str, task: Curves, seed: int, marks: tuple[float, ...] = READ_AT) -> list[float]:
    """Give the regret at each mark; that of a random configuration while nothing is recommended."""
    nothing = float(np.mean(task.values[:, -1].max() - task.values[:, -1]) / task.scale)
    if tuner == "lowest, planned":
        found = [list(planned(task, seed, mark))[-1][1] for mark in marks]
        return [nothing if config is None else task.regret(config) for config in found]
    regrets: list[float] = []
    latest = nothing
    for spent, config in TUNERS[tuner](task, seed, marks[-1]):
        while len(regrets) < len(marks) and spent > marks[len(regrets)] + 1e-9:
            regrets.append(latest)
        latest = nothing if config is None else task.regret(config)
        while len(regrets) < len(marks) and spent >= marks[len(regrets)] - 1e-9:
            regrets.append(latest)
    return regrets + [latest] * (len(marks) - len(regrets))


def main() -> None:
    """Run, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tuners", nargs="*", default=list(TUNERS))
    parser.add_argument("--tables", nargs="*", default=["lcbench", "rbv2_xgboost"])
    parser.add_argument("--tasks", nargs="*", help="numbers of tasks; all by default")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0, help="for seeds that nobody looked at")
    parser.add_argument("--until", type=float, default=READ_AT[-1], help="the last budget, in full trainings")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    runs: list[dict[str, Any]] = []
    marks = tuple(mark for mark in READ_AT if mark <= arguments.until)
    for table in arguments.tables:
        for task in tasks(table):
            if arguments.tasks and task.name.partition("/")[2] not in arguments.tasks:
                continue
            for tuner in arguments.tuners:
                began = time.process_time()
                seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
                regrets = [once(tuner, task, seed, marks) for seed in seeds]
                seconds = (time.process_time() - began) / arguments.seeds
                runs.append({"tuner": tuner, "task": task.name, "regrets": regrets, "seconds": round(seconds, 2)})
                save(arguments.out, runs)
                means = " ".join(f"{value:6.2f}" for value in np.mean(regrets, axis=0))
                print(f"{task.name:20} {tuner:16} {means}   {seconds:6.1f} s", flush=True)
    for table in arguments.tables:
        print(f"\n{table}: mean normalised regret after so many full trainings' worth of {table}")
        print(f"{'':16} " + " ".join(f"{mark:6.1f}" for mark in marks))
        for tuner in arguments.tuners:
            own = [run["regrets"] for run in runs if run["tuner"] == tuner and run["task"].startswith(table)]
            if own:
                means = np.mean(np.array(own), axis=(0, 1))
                print(f"{tuner:16} " + " ".join(f"{value:6.2f}" for value in means))


def save(path: Path, runs: list[dict[str, Any]]) -> None:
    """Write what is there so far, so that a benchmark that is stopped keeps its results."""
    path.parent.mkdir(exist_ok=True)
    found = {
        "machine": platform.processor() or platform.machine(),
        "regret read at, in full trainings": READ_AT,
        "runs": runs,
    }
    path.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
