"""Tuning real networks on digits: ours against random search and, where installed, Optuna's default.

Each method gets the same number of trainings and picks one configuration: ours by its forward map, the others what
they measured as best. Each pick is judged by the median validation loss of fresh trainings with seeds that no
method has seen. Beside that the plain figure of many papers: the best validation loss measured on the way.

    python benchmarks/digits.py --seeds 5 --trainings 40
"""

import argparse
import json
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from physai_inverse.executors import LocalProcesses
from physai_inverse.spec import load_spec
from physai_inverse.study import Study, best_measured, run

ROOT = Path(__file__).parents[1]
FRESH = 5

Method: TypeAlias = Callable[[int, int, int], tuple[Mapping[str, Any], float]]
"""Seed, number of trainings and workers to the picked configuration and the best value measured."""


def train_all(executor: LocalProcesses, trainer: Any, jobs: list[tuple[Mapping[str, Any], int]]) -> list[float]:
    """Train configurations with seeds; give the validation losses, infinite where a training failed."""
    for number, (config, seed) in enumerate(jobs):
        executor.submit(number, trainer, dict(config), seed)
    values: dict[int, float] = {}
    while len(values) < len(jobs):
        for key in executor.poll(0.2):
            assert isinstance(key, int)
            outcome = executor.collect(key)
            metrics = outcome.value if isinstance(outcome.value, Mapping) else {}
            value = float(metrics.get("val_loss", float("nan")))
            values[key] = value if value == value else float("inf")
    return [values[key] for key in range(len(jobs))]


def ours(seed: int, trainings: int, workers: int) -> tuple[Mapping[str, Any], float]:
    """Give our recommendation and the best value measured."""
    return _study("model", seed, trainings, workers)


def random_search(seed: int, trainings: int, workers: int) -> tuple[Mapping[str, Any], float]:
    """Give random search's best trial and its value."""
    return _study("random", seed, trainings, workers)


def _study(method: str, seed: int, trainings: int, workers: int) -> tuple[Mapping[str, Any], float]:
    spec = load_spec(ROOT / "configs" / "digits.yaml")
    study = Study(spec.space, spec.objective, seed=seed, method=method)
    run(study, spec.require_trainer(), trainings, workers=workers)
    best = best_measured(study, study.trials)
    assert best is not None
    config = best[0].config if method == "random" else study.recommend().config
    return config, best[1]


def optuna_default(seed: int, trainings: int, workers: int) -> tuple[Mapping[str, Any], float]:  # noqa: ARG001
    """Give the best trial of Optuna's default sampler and its value; trained one by one, as its loop does."""
    import optuna

    from physai_inverse.space import Boolean, Choice, Constant, Float, Integer, Ordinal
    from physai_inverse.space.parameters import condition_of

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    spec = load_spec(ROOT / "configs" / "digits.yaml")
    space, trainer = spec.space, spec.require_trainer()
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    configs: dict[int, dict[str, Any]] = {}
    with LocalProcesses(1) as executor:
        for number in range(trainings):
            trial = study.ask()
            config: dict[str, Any] = {}
            for name in space.parameters:
                parameter = space.parameters[name]
                condition = condition_of(parameter)
                if condition is not None and not (
                    condition.parents <= set(config) and bool(condition.holds(config))
                ):
                    continue
                if isinstance(parameter, Float):
                    config[name] = trial.suggest_float(name, parameter.low, parameter.high, log=parameter.log)
                elif isinstance(parameter, Integer):
                    config[name] = trial.suggest_int(name, parameter.low, parameter.high, log=parameter.log)
                elif isinstance(parameter, Constant):
                    config[name] = parameter.value
                else:
                    assert isinstance(parameter, Choice | Ordinal | Boolean)
                    config[name] = trial.suggest_categorical(name, list(parameter.options))
            [value] = train_all(executor, trainer, [(config, 1000 * seed + number)])
            if value == float("inf"):
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(trial, value)
            configs[trial.number] = config
    return configs[study.best_trial.number], study.best_value


def main() -> None:
    """Run the comparison, print the table, write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trainings", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--optuna", action="store_true", help="compare with Optuna's default sampler, too")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results" / "digits.json")
    options = parser.parse_args()
    methods: dict[str, Method] = {
        "ours": ours,
        "random": random_search,
    }
    if options.optuna:
        methods["optuna"] = optuna_default
    rows = []
    trainer = load_spec(ROOT / "configs" / "digits.yaml").require_trainer()
    with LocalProcesses(options.workers) as executor:
        for seed in range(options.seeds):
            row: dict[str, Any] = {"seed": seed}
            for name, method in methods.items():
                began = time.monotonic()
                config, measured = method(seed, options.trainings, options.workers)
                fresh = train_all(
                    executor, trainer, [(config, 10**6 + 10 * seed + extra) for extra in range(FRESH)]
                )
                row[name] = {
                    "fresh_median": statistics.median(fresh),
                    "fresh": fresh,
                    "best_measured": measured,
                    "config": dict(config),
                    "seconds": round(time.monotonic() - began, 1),
                }
            rows.append(row)
            cells = [
                f"{name}: fresh median {row[name]['fresh_median']:.4f}, measured {row[name]['best_measured']:.4f}"
                for name in methods
            ]
            print(f"seed {seed}: {'   '.join(cells)}", flush=True)
    summary: dict[str, Any] = {}
    for figure in ("fresh_median", "best_measured"):
        for name in methods:
            values = [row[name][figure] for row in rows]
            summary[f"{name} {figure}"] = {"median": statistics.median(values), "values": values}
        for rival in list(methods)[1:]:
            wins = sum(row["ours"][figure] < row[rival][figure] for row in rows)
            summary[f"ours better than {rival} by {figure}"] = f"{wins} of {len(rows)} seeds"
            print(f"by {figure}: ours better than {rival} on {wins} of {len(rows)} seeds")
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    options.output.write_text(
        json.dumps(
            {
                "command": "python benchmarks/digits.py",
                "commit": commit.stdout.strip(),
                "machine": f"{platform.machine()}, {options.workers} workers, Python {platform.python_version()}",
                "trainings": options.trainings,
                "summary": summary,
                "rows": rows,
            },
            indent=1,
        )
        + "\n"
    )


if __name__ == "__main__":
    main()
