"""Seconds of a suggestion, side by side with peers, and from a cold process, by the size of the study.

`suggestion`: numeric parameters, one metric; the next proposal right after a new observation, so that the model is
fitted anew, in a process that has everything imported. Ours next to Optuna's GPSampler and Ax's Client at their
defaults, and ours alone where those are out of reach, with the peak memory of its process. Each line is measured
in a process of its own, on one thread.

`study`: ten mixed parameters (one choice, one conditional) in a study on disk; `cold` is the whole command
`physai-inverse suggest`, interpreter and imports included.

Wall and processor seconds, the median over repetitions: on a machine with other work the second tells more. What
was measured is kept after each line, and a stopped run goes on there; another commit or `--fresh` starts anew.

    python -m benchmarks.latency
"""

import argparse
import importlib.util
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.records import RESULTS, origin, rounded, write
from physai_inverse import Choice, Float, Integer, Space, Study
from physai_inverse.store import Trial

STUDY_FILE = """
name: latency
space:
  lr: {type: float, low: 1e-5, high: 1.0, log: true}
  decay: {type: float, low: 1e-6, high: 0.1, log: true}
  width: {type: integer, low: 8, high: 512, log: true}
  optimizer: {type: choice, values: [sgd, adamw, rmsprop]}
  momentum: {type: float, low: 0.0, high: 0.99, when: {optimizer: [sgd]}}
  a: {type: float, low: 0.0, high: 1.0}
  b: {type: float, low: 0.0, high: 1.0}
  c: {type: float, low: 0.0, high: 1.0}
  d: {type: float, low: 0.0, high: 1.0}
  e: {type: float, low: 0.0, high: 1.0}
objective: {minimize: loss}
seed: 0
store: latency.db
"""
SIZES = (20, 100, 500, 2000)
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Config = Mapping[str, Any]
Step = Callable[[], object]
"""One suggestion."""


# -- one suggestion, ours and peers' -------------------------------------------------------------------------


def unit_space(dimension: int) -> Space:
    """Give numeric parameters on [0, 1]."""
    return Space({f"x{column}": Float(0.0, 1.0) for column in range(dimension)})


def bowl(config: Config) -> float:
    """Give a skewed smooth loss of the first three parameters; the others act little."""
    values = [float(value) for value in config.values()]
    loss = (values[0] - 0.3) ** 2 + 0.5 * (values[1] - 0.6) ** 2 + 0.3 * values[0] * values[2]
    return math.exp(2.0 * loss) + 0.05 * sum((value - 0.4) ** 2 for value in values)


def ours(num: int, dimension: int) -> Iterator[Step]:
    """Give one suggestion after another of ours, each on one observation more."""
    study = Study(unit_space(dimension), "minimize loss", seed=0)
    configs = study.space.sample(num, seed=1)
    study.import_observations([(config, {"loss": bowl(config)}) for config in configs])
    asked: list[Trial] = []
    while True:
        yield lambda: asked.extend(study.suggest(1))
        study.observe(asked[-1], {"loss": bowl(asked[-1].config)})


def optuna_process(num: int, dimension: int) -> Iterator[Step]:
    """Give one suggestion after another of Optuna's Gaussian process."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    study = optuna.create_study(sampler=optuna.samplers.GPSampler(seed=0))
    reach: Any = {name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in unit_space(dimension).names}
    for config in unit_space(dimension).sample(num, seed=1):
        study.add_trial(optuna.trial.create_trial(params=config, distributions=reach, value=bowl(config)))
    asked: list[Any] = []
    while True:
        yield lambda: asked.append(study.ask(reach))
        study.tell(asked[-1], bowl(asked[-1].params))


def ax_client(num: int, dimension: int) -> Iterator[Step]:
    """Give one suggestion after another of Ax's Client."""
    import logging

    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    from ax.api.client import Client
    from ax.api.configs import RangeParameterConfig

    client: Any = Client(random_seed=0)
    names = unit_space(dimension).names
    client.configure_experiment([RangeParameterConfig(name, (0.0, 1.0), "float") for name in names])
    client.configure_optimization("-loss")
    for config in unit_space(dimension).sample(num, seed=1):
        client.complete_trial(client.attach_trial(dict(config)), {"loss": bowl(config)})
    asked: list[dict[int, Any]] = []
    while True:
        yield lambda: asked.append(client.get_next_trials(1))
        for number, config in asked[-1].items():
            client.complete_trial(number, {"loss": bowl(config)})


SYSTEMS: dict[str, tuple[str, Callable[[int, int], Iterator[Step]]]] = {
    "ours": ("physai_inverse", ours),
    "Optuna GP": ("optuna", optuna_process),
    "Ax": ("ax", ax_client),
}
LINES = (
    ("ours", 100, 10), ("Optuna GP", 100, 10), ("Ax", 100, 10), ("ours", 1000, 20), ("ours", 10_000, 10),
)  # fmt: skip
"""System, observations, parameters."""


def suggestion(system: str, num: int, dimension: int, repetitions: int) -> dict[str, Any]:
    """Time suggestions in this process; the first, which warms up, is told apart."""
    from threadpoolctl import threadpool_limits

    walls, processors = [], []
    with threadpool_limits(1):
        steps = SYSTEMS[system][1](num, dimension)
        for _, step in zip(range(repetitions + 1), steps, strict=False):
            with threadpool_limits(1):  # a peer may have set the number of threads itself
                began, began_processor = time.perf_counter(), time.process_time()
                step()
                walls.append(time.perf_counter() - began)
                processors.append(time.process_time() - began_processor)
    return {
        "wall": rounded(statistics.median(walls[1:])),
        "processor": rounded(statistics.median(processors[1:])),
        "processor, least and most": [rounded(min(processors[1:])), rounded(max(processors[1:]))],
        "processor, first": rounded(processors[0]),
        "peak megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


# -- a study on disk, and the command ------------------------------------------------------------------------


def space() -> Space:
    """Give the space of `STUDY_FILE`."""
    shares = {name: Float(0.0, 1.0) for name in "abcde"}
    return Space(
        {
            "lr": Float(1e-5, 1.0, log=True),
            "decay": Float(1e-6, 0.1, log=True),
            "width": Integer(8, 512, log=True),
            "optimizer": Choice(["sgd", "adamw", "rmsprop"]),
            "momentum": Float(0.0, 0.99, when={"optimizer": ["sgd"]}),
            **shares,
        }
    )


def loss(config: Config) -> float:
    """Give a smooth loss with a valley in the learning rate."""
    value = (math.log10(config["lr"]) + 2.5 + 0.2 * math.log(config["width"] / 64)) ** 2
    value += 0.3 * (config["optimizer"] == "sgd") * (1 - float(config.get("momentum", 0.0)))
    return math.exp(0.5 * value) + sum((float(config[name]) - 0.3) ** 2 for name in "abcde")


def command(arguments: list[str]) -> tuple[float, float]:
    """Run the command line cold; give wall and processor seconds of the whole process."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-m", "physai_inverse", *arguments], check=True, capture_output=True)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def on_disk(size: int, repetitions: int) -> dict[str, float]:
    """Give the median seconds for a study of a size."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "latency.yaml"
        path.write_text(STUDY_FILE)
        study = Study(space(), "minimize loss", store=Path(folder) / "latency.db", name="latency", seed=0)
        configs = study.space.sample(size + repetitions, seed=1)
        study.import_observations([(config, {"loss": loss(config)}) for config in configs[:size]])
        study.suggest(1)
        warm, fits = [], []
        for config in configs[size:]:
            study.import_observations([(config, {"loss": loss(config)})])
            began = time.process_time()
            study.suggest(1)
            warm.append(time.process_time() - began)
            study.import_observations([(config, {"loss": loss(config)})])
            began = time.process_time()
            study.forward_map()
            fits.append(time.process_time() - began)
        study.close()
        cold = [command(["suggest", str(path), "--json"]) for _ in range(repetitions)]
    return {
        "suggest": rounded(statistics.median(warm)),
        "fit": rounded(statistics.median(fits)),
        "cold, processor": rounded(statistics.median(processor for _, processor in cold)),
        "cold, wall": rounded(statistics.median(wall for wall, _ in cold)),
    }


# -- all -----------------------------------------------------------------------------------------------------


def main() -> None:
    """Measure what is missing, print the tables, keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--fresh", action="store_true", help="forget what was measured")
    parser.add_argument("--output", type=Path, default=RESULTS / "latency.json")
    parser.add_argument(
        "--line", nargs=3, metavar=("SYSTEM", "NUM", "DIMENSION"), help="one line, as JSON; no file"
    )
    options = parser.parse_args()
    if options.line:
        system, num, dimension = options.line
        print(json.dumps(suggestion(system, int(num), int(dimension), options.repetitions)))
        return
    os.environ.update(dict.fromkeys(THREADS, "1"))
    made = origin(f"python -m benchmarks.latency --repetitions {options.repetitions}")
    kept = {} if options.fresh or not options.output.exists() else json.loads(options.output.read_text())
    if kept.get("commit") != made["commit"]:
        kept = {}
    result: dict[str, Any] = {"suggestion": {}, "study": {}, **kept, **made}
    print(f"{'one suggestion, seconds':34} {'processor':>10} {'wall':>8} {'peak MB':>8}")
    for system, num, dimension in LINES:
        label = f"{system}, n={num}, d={dimension}"
        if importlib.util.find_spec(SYSTEMS[system][0]) is None:
            print(f"{label:34} is left out: {SYSTEMS[system][0]} is not installed")
            continue
        if label not in result["suggestion"]:
            line = [sys.executable, "-m", "benchmarks.latency", "--line", system, str(num), str(dimension)]
            done = subprocess.run(
                [*line, "--repetitions", str(options.repetitions)], check=True, stdout=subprocess.PIPE, text=True
            )
            result["suggestion"][label] = json.loads(done.stdout.splitlines()[-1])
            write(options.output, result)
        row = result["suggestion"][label]
        print(f"{label:34} {row['processor']:10.3f} {row['wall']:8.3f} {row['peak megabytes']:8d}", flush=True)
    print(
        f"\n{'observations on disk':>22} {'fit':>8} {'suggest':>8} {'cold':>8} {'(wall)':>8}   processor seconds"
    )
    for size in SIZES:
        if str(size) not in result["study"]:
            result["study"][str(size)] = on_disk(size, options.repetitions)
            write(options.output, result)
        row = result["study"][str(size)]
        print(f"{size:22d}", *(f"{row[key]:8.3f}" for key in ("fit", "suggest", "cold, processor", "cold, wall")),
              flush=True)  # fmt: skip
    if "help" not in result:
        result["help"] = rounded(statistics.median(command(["--help"])[1] for _ in range(options.repetitions)))
        write(options.output, result)
    print(f"--help: {result['help']:.3f} processor seconds")


if __name__ == "__main__":
    main()
