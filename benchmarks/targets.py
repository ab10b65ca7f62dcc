"""Seeking a target: how close to a wanted value a system gets, in units of the metric's spread.

Ours is told the target (`Target("y", value)`) and models the metric itself; the others minimise the measured
distance |y - value|, the way to seek a target in a tool that can only minimise. Targets are the 30 % and the 5 %
quantile of what random configurations give, counted from the good end. What counts is the noise-free value of the
configuration that each recommends after 40 evaluations (a peer: its closest trial), as a distance in units of the
interquartile range of random values. Tables have gaps between their rows; `closest` says what the best row would
give.

    python -m benchmarks.targets
"""

import argparse
import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.records import RESULTS, origin, rounded, write
from benchmarks.regret.problems import Config, Problem, names, problem
from benchmarks.regret.tuners import TUNERS
from benchmarks.regret.tuners.contract import AbstractTuner
from benchmarks.regret.tuners.ours import Ours
from physai_inverse import Study, Target

PROBLEMS = ("rosenbrock5", "ackley8", "sensitive20", "learning_rate", "lcbench/3945", "hpobench_mlp/kc1")
QUANTILES = (0.30, 0.05)
TOLERANCE = 0.01
"""Of the spread: how close is asked for."""
NUM_RANDOM = 2000


@dataclasses.dataclass(frozen=True)
class Aim:
    """A target on a problem.

    Args:
        of: the problem.
        value: the target.
        spread: interquartile range of random values.
    """

    of: Problem
    value: float
    spread: float

    def distance(self, config: Config | None) -> float:
        """Give the noise-free distance in units of the spread; infinite where the configuration fails."""
        away = math.nan if config is None else abs(self.of.truth(config) - self.value) / self.spread
        return away if math.isfinite(away) else math.inf

    def as_minimum(self) -> Problem:
        """Give the problem of minimising the measured distance."""
        return dataclasses.replace(
            self.of,
            maximize=False,
            measure=lambda config, random: abs(self.of.measure(config, random) - self.value),
            truth=lambda config: abs(self.of.truth(config) - self.value),
            best=0.0,
        )


def aims(name: str, seed: int) -> tuple[list[Aim], list[float]]:
    """Give the targets on a problem, and how close the closest of many random configurations is to each."""
    task = problem(name, seed)
    values = np.array([task.truth(config) for config in task.space.sample(NUM_RANDOM, seed=97)])
    values = values[np.isfinite(values)]
    spread = float(np.subtract(*np.quantile(values, (0.75, 0.25))))
    found = []
    for quantile in QUANTILES:
        value = float(np.quantile(values, 1.0 - quantile if task.maximize else quantile))
        found.append(Aim(task, value, spread))
    return found, [float(np.abs(values - aim.value).min()) / spread for aim in found]


class Seeking(Ours):
    """Ours, told the target."""

    def __init__(self, aim: Aim, seed: int, budget: int) -> None:
        super().__init__(aim.of, seed, budget)
        goal = Target("y", aim.value, TOLERANCE * aim.spread)
        self.study = Study(aim.of.space, goal, seed=seed)


def minimising(tuner: str) -> Callable[[Aim, int, int], AbstractTuner]:
    """Give the maker of a tuner that minimises the distance."""
    return lambda aim, seed, budget: TUNERS[tuner].make(aim.as_minimum(), seed, budget)


SYSTEMS: dict[str, Callable[[Aim, int, int], AbstractTuner]] = {
    "ours, target": Seeking,
    "ours, distance": minimising("physai-inverse"),
    "Optuna GP, distance": minimising("Optuna GP"),
    "Optuna TPE, distance": minimising("Optuna TPE"),
}


def seek(system: str, aim: Aim, seed: int, budget: int) -> float:
    """Run one system; give the distance of what it recommends."""
    tuner = SYSTEMS[system](aim, seed, budget)
    noise = np.random.default_rng([seed, 4321])
    nearest, best = math.inf, None
    for _ in range(budget):
        config = tuner.ask()
        value = aim.of.measure(config, noise)
        away = abs(value - aim.value)
        tuner.tell(config, value if system == "ours, target" else away)
        if away < nearest:
            nearest, best = away, config
    return aim.distance(tuner.recommend() or best)


def main() -> None:
    """Run, print the table, write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--budget", type=int, default=40)
    parser.add_argument("--output", type=Path, default=RESULTS / "targets.json")
    options = parser.parse_args()
    available = names()
    chosen = [name for name in options.problems if name in available]
    for name in set(options.problems) - set(chosen):
        print(f"{name} is left out: its table is not here.")
    rows: dict[str, dict[str, object]] = {}
    distances: dict[str, list[float]] = {system: [] for system in SYSTEMS}
    print(f"{'distance / spread, median':34} {'closest':>9}" + "".join(f"{system:>22}" for system in SYSTEMS))
    with threadpool_limits(1):
        for name in chosen:
            made = [aims(name, seed) for seed in range(options.seeds)]
            for place, quantile in enumerate(QUANTILES):
                found: dict[str, list[float]] = {}
                for system in SYSTEMS:
                    found[system] = [
                        seek(system, own[place], seed, options.budget) for seed, (own, _) in enumerate(made)
                    ]
                    distances[system] += found[system]
                closest = float(np.median([close[place] for _, close in made]))
                label = f"{name}, {quantile:.0%}"
                rows[label] = {
                    "closest of random": rounded(closest),
                    **{system: [rounded(value) for value in values] for system, values in found.items()},
                }
                cells = "".join(f"{np.median(values):22.2g}" for values in found.values())
                print(f"{label:34} {closest:9.2g}{cells}", flush=True)
    medians = {system: float(np.median(values)) for system, values in distances.items()}
    print(f"{'median of all':34} {'':9}" + "".join(f"{value:22.2g}" for value in medians.values()))
    best = min(medians[system] for system in SYSTEMS if system.startswith("Optuna"))
    ratio = medians["ours, target"] / best
    print(f"ours, told the target, as a share of the best peer that minimises the distance: {ratio:.3f}")
    summary = {
        **origin(f"python -m benchmarks.targets --seeds {options.seeds} --budget {options.budget}"),
        "seeds": options.seeds,
        "evaluations": options.budget,
        "median distance": {system: rounded(value) for system, value in medians.items()},
        "spread over runs, quartiles": {
            system: [rounded(value) for value in np.quantile(values, (0.25, 0.75))]
            for system, values in distances.items()
        },
        "share of the best peer's": rounded(ratio),
        "by target, one number a seed": rows,
    }
    write(options.output, summary)


if __name__ == "__main__":
    main()
