"""Our adapters beside what they replace, in the loops of Optuna and Ax: best loss and processor time a suggestion.

The loss is that of `latency.py`, in six parameters of which one is conditional, with a failing region at high
learning rates. Every loop is the library's own; each sampler and strategy is at its defaults. Seconds are
processor time of the suggestions alone, since wall time on a shared machine says little; those of Ax hold its own
bookkeeping.

    python benchmarks/adapters.py --seeds 3 --trials 30
"""

import argparse
import logging
import math
import statistics
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

OPTIMIZERS = ["sgd", "adamw", "rmsprop"]
BEST = 1.0
"""The least loss, in the valley with every share at 0.3."""


def loss(config: Mapping[str, Any]) -> float:
    """Give the loss; NaN where the training diverges."""
    rate = math.log10(config["rate"])
    if rate > -1.0 + (config["optimizer"] == "sgd"):
        return math.nan
    value = (rate + 2.5 + 0.2 * math.log(config["width"] / 64)) ** 2
    value += 0.3 * (1.0 - config["momentum"]) if config["optimizer"] == "sgd" else 0.0
    return float(math.exp(0.5 * value) + sum((config[name] - 0.3) ** 2 for name in "ab"))


def run_optuna(sampler: Any, trials: int) -> tuple[float, float]:
    """Give the best loss and the seconds a suggestion."""
    import optuna

    study = optuna.create_study(sampler=sampler)
    spent = 0.0
    for _ in range(trials):
        began = time.process_time()
        trial = study.ask()
        config = {
            "rate": trial.suggest_float("rate", 1e-5, 1.0, log=True),
            "width": trial.suggest_int("width", 8, 512, log=True),
            "optimizer": trial.suggest_categorical("optimizer", OPTIMIZERS),
            "a": trial.suggest_float("a", 0.0, 1.0),
            "b": trial.suggest_float("b", 0.0, 1.0),
        }
        if config["optimizer"] == "sgd":
            config["momentum"] = trial.suggest_float("momentum", 0.0, 0.99)
        spent += time.process_time() - began
        value = loss(config)
        state = optuna.trial.TrialState.FAIL if math.isnan(value) else None
        study.tell(trial, None if state else value, state=state)
    return study.best_value - BEST, spent / trials


def run_ax(prepare: Callable[[Any], object], seed: int, trials: int) -> tuple[float, float]:
    """Give the best loss and the seconds a suggestion."""
    from ax.api.client import Client
    from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

    client = Client(random_seed=seed)
    client.configure_experiment(
        [
            RangeParameterConfig("rate", (1e-5, 1.0), "float", scaling="log"),
            RangeParameterConfig("width", (8, 512), "int", scaling="log"),
            ChoiceParameterConfig(
                "optimizer", OPTIMIZERS, "str", is_ordered=False, dependent_parameters={"sgd": ["momentum"]}
            ),
            RangeParameterConfig("a", (0.0, 1.0), "float"),
            RangeParameterConfig("b", (0.0, 1.0), "float"),
            RangeParameterConfig("momentum", (0.0, 0.99), "float"),
        ]
    )
    client.configure_optimization("-loss")
    prepare(client)
    spent, best = 0.0, math.inf
    for _ in range(trials):
        began = time.process_time()
        ((number, config),) = client.get_next_trials(1).items()
        spent += time.process_time() - began
        value = loss(config)
        if math.isnan(value):
            client.mark_trial_failed(number)
        else:
            client.complete_trial(number, {"loss": value})
            best = min(best, value)
    return best - BEST, spent / trials


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--only", choices=["optuna", "ax"])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    import optuna
    import torch

    from physai_inverse.adapters import PhysaiSampler, use_engine

    torch.set_num_threads(1)
    samplers = optuna.samplers
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    loops: dict[str, Callable[[int], tuple[float, float]]] = {
        "optuna PhysaiSampler": lambda seed: run_optuna(PhysaiSampler(seed=seed), arguments.trials),
        "optuna GPSampler": lambda seed: run_optuna(samplers.GPSampler(seed=seed), arguments.trials),
        "optuna TPESampler": lambda seed: run_optuna(samplers.TPESampler(seed=seed), arguments.trials),
        "ax EngineNode": lambda seed: run_ax(lambda client: use_engine(client, seed=seed), seed, arguments.trials),
        "ax default": lambda seed: run_ax(lambda _: None, seed, arguments.trials),
    }
    print(f"{'loop':22} {'median regret':>14} {'worst regret':>13} {'s a suggestion':>15}", flush=True)
    for name, loop in loops.items():
        if arguments.only is None or name.startswith(arguments.only):
            results = [loop(seed) for seed in range(arguments.seeds)]
            regrets, seconds = zip(*results, strict=True)
            row = f"{statistics.median(regrets):14.4f} {max(regrets):13.4f} {statistics.mean(seconds):15.3f}"
            print(f"{name:22} {row}", flush=True)


if __name__ == "__main__":
    main()
