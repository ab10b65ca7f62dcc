"""Trade-offs on formulas: the hypervolume after 40 evaluations, and what a learned cost saves.

Ours improves the expected hypervolume. Beside it stand the same engine with a weighted Chebyshev distance drawn
anew for every proposal (what it did before, and still does for more than four wishes), Optuna's NSGA-II and TPE
with their defaults, and random search. Nobody is told the reference point of the score.

    python benchmarks/tradeoffs.py --seeds 5 --evaluations 40
"""

import argparse
import json
import math
import platform
import subprocess
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from unittest import mock

import numpy as np

from physai_inverse import Float, Integer, Minimize, Objective, Space, Study
from physai_inverse.inverse import acquisition
from physai_inverse.inverse.boxes import volume

ROOT = Path(__file__).parents[1]
Values: TypeAlias = dict[str, float]
Tuner: TypeAlias = "Callable[[Problem, int, int], tuple[list[Values], float]]"
"""Problem, seed and evaluations to what was measured and the processor seconds of a proposal."""


@dataclass(frozen=True)
class Problem:
    """Several functions to minimize.

    Args:
        name: of the problem.
        source: where it comes from.
        space: what may be configured.
        function: configuration to values.
        reference: the worst values of the score.
        best: the largest score; None where it is not known.
        logarithmic: values that the score counts in decades.
    """

    name: str
    source: str
    space: Space
    function: Callable[[Mapping[str, Any]], Values]
    reference: Mapping[str, float]
    best: float | None
    logarithmic: tuple[str, ...] = ()

    def score(self, seen: list[Values]) -> float:
        """Give the hypervolume of what was seen."""
        names = list(self.reference)
        rows = [[math.log10(one[n]) if n in self.logarithmic else one[n] for n in names] for one in seen]
        return volume(-np.array(rows), -np.array(list(self.reference.values())))


def zdt1(config: Mapping[str, Any]) -> Values:
    """Two wishes, six parameters, a convex front at an edge of the space."""
    first, *others = (float(config[f"x{place}"]) for place in range(6))
    far = 1 + 9 * sum(others) / len(others)
    return {"f0": first, "f1": far * (1 - math.sqrt(first / far))}


def dtlz2(config: Mapping[str, Any]) -> Values:
    """Three wishes, five parameters, an eighth of a sphere for a front, whose values come down to 1e-17."""
    across, up, *others = (float(config[f"x{place}"]) for place in range(5))
    radius = 1 + sum((one - 0.5) ** 2 for one in others)
    across, up = across * math.pi / 2, up * math.pi / 2
    return {
        "f0": radius * math.cos(across) * math.cos(up),
        "f1": radius * math.cos(across) * math.sin(up),
        "f2": radius * math.sin(across),
    }


def network(config: Mapping[str, Any]) -> Values:
    """The loss of a network against its parameters: a power law, with a learning rate that the width moves."""
    width, depth = float(config["width"]), float(config["depth"])
    parameters = depth * width**2 + 64 * width
    rate = math.log10(config["lr"]) + 1.5 + 0.35 * math.log10(width)
    dropout = config["dropout"] - 0.1 - 0.05 * math.log10(parameters / 1e4)
    loss = 0.15 + (400 / parameters) ** 0.4 + 0.15 * rate**2 * (1 + 0.1 * depth) + 0.5 * dropout**2
    return {"loss": loss + 0.02 * max(depth - 4, 0), "parameters": parameters}


def cube(dimension: int) -> Space:
    """Give the unit cube."""
    return Space({f"x{place}": Float(0.0, 1.0) for place in range(dimension)})


NETWORK = Space(
    lr=Float(1e-5, 1e-1, log=True),
    width=Integer(8, 512, log=True),
    depth=Integer(1, 8),
    dropout=Float(0.0, 0.5),
)
PROBLEMS = (
    Problem("zdt1", "Zitzler, Deb & Thiele 2000", cube(6), zdt1, {"f0": 1.1, "f1": 1.1}, 1.21 - 1 / 3),
    Problem("dtlz2", "Deb et al. 2002", cube(5), dtlz2, {"f0": 1.1, "f1": 1.1, "f2": 1.1}, 1.331 - math.pi / 6),
    Problem("network", "ours", NETWORK, network, {"loss": 2.0, "parameters": 6.5}, None, ("parameters",)),
)


def ours(problem: Problem, seed: int, evaluations: int) -> tuple[list[Values], float]:
    """Improve the expected hypervolume."""
    study = Study(problem.space, [Minimize(name) for name in problem.reference], seed=seed)
    seen: list[Values] = []
    spent = 0.0
    for _ in range(evaluations):
        start = time.process_time()
        [trial] = study.suggest()
        spent += time.process_time() - start
        seen.append(problem.function(trial.config))
        study.observe(trial, seen[-1])
    return seen, spent / evaluations


def chebyshev(problem: Problem, seed: int, evaluations: int) -> tuple[list[Values], float]:
    """Take the same engine with random weights."""
    with mock.patch.object(acquisition, "MOST_WISHES", 1):
        return ours(problem, seed, evaluations)


def peer(kind: str) -> Tuner:
    """Give a sampler of Optuna with its defaults."""

    def tune(problem: Problem, seed: int, evaluations: int) -> tuple[list[Values], float]:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(
            directions=["minimize"] * len(problem.reference), sampler=getattr(optuna.samplers, kind)(seed=seed)
        )
        seen: list[Values] = []
        start = time.process_time()
        for _ in range(evaluations):
            trial = study.ask()
            config: dict[str, Any] = {}
            for name, parameter in problem.space.parameters.items():
                if isinstance(parameter, Float):
                    config[name] = trial.suggest_float(name, parameter.low, parameter.high, log=parameter.log)
                elif isinstance(parameter, Integer):
                    config[name] = trial.suggest_int(name, parameter.low, parameter.high, log=parameter.log)
            seen.append(problem.function(config))
            study.tell(trial, [seen[-1][name] for name in problem.reference])
        return seen, (time.process_time() - start) / evaluations

    return tune


TUNERS: dict[str, Tuner] = {
    "ours": ours,
    "ours, random Chebyshev weights": chebyshev,
    "Optuna TPE": peer("TPESampler"),
    "Optuna NSGA-II": peer("NSGAIISampler"),
    "random": peer("RandomSampler"),
}


def cost_problem(config: Mapping[str, Any]) -> tuple[float, float]:
    """Give the loss of a network and the seconds that it takes, which grow with its parameters."""
    found = network(config)
    return found["loss"], 1.0 + found["parameters"] / 1e4


def spending(seed: int, seconds: float, cost: str | None) -> tuple[float, int]:
    """Minimize the loss until the seconds are spent; give the best loss and the number of trainings."""
    study = Study(NETWORK, Objective((Minimize("loss"),), cost=cost), seed=seed)
    left, best, trainings = seconds, math.inf, 0
    while trainings < 60:
        [trial] = study.suggest()
        loss, took = cost_problem(trial.config)
        left -= took
        if left < 0:
            break
        study.observe(trial, {"loss": loss}, seconds=took)
        best, trainings = min(best, loss), trainings + 1
    return best, trainings


def summary(values: list[float]) -> dict[str, Any]:
    """Give mean, standard error and every value."""
    error = float(np.std(values, ddof=1) / math.sqrt(len(values))) if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "standard_error": error, "values": values}


def main() -> None:
    """Run every tuner on every problem and write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--evaluations", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=300.0, help="budget of the part with a cost")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results" / "tradeoffs.json")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    result: dict[str, Any] = {
        "command": "python benchmarks/tradeoffs.py",
        "commit": commit.stdout.strip(),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "seeds": given.seeds,
        "evaluations": given.evaluations,
        "hypervolume": {},
        "cost": {"budget_seconds": given.seconds},
    }
    for problem in PROBLEMS:
        found: dict[str, Any] = {"source": problem.source, "best": problem.best}
        for name, tuner in TUNERS.items():
            runs = [tuner(problem, seed, given.evaluations) for seed in range(given.seeds)]
            scores = [problem.score(seen) for seen, _ in runs]
            found[name] = {
                "hypervolume": summary(scores),
                "processor_seconds_per_proposal": float(np.mean([spent for _, spent in runs])),
            }
            print(f"{problem.name:10} {name:32} {np.mean(scores):.4f}", flush=True)
        result["hypervolume"][problem.name] = found
    for label, cost in (("per second", "seconds"), ("cost ignored", None)):
        spent = [spending(seed, given.seconds, cost) for seed in range(given.seeds)]
        result["cost"][label] = {
            "best_loss": summary([best for best, _ in spent]),
            "trainings": [number for _, number in spent],
        }
        print(f"cost       {label:32} {np.mean([best for best, _ in spent]):.4f}", flush=True)
    given.output.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
