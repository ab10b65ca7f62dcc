"""Seconds of a suggestion, warm and from a cold process, and of a fit, by the size of the study.

The study has ten parameters (one choice, one conditional) and one metric. `suggest` is `Study.suggest(1)` in a
process that has everything imported, right after a new observation, so that the map is fitted anew; `cold` is the
whole command `physai-inverse suggest`, interpreter and imports included. The median over repetitions is given.

    python benchmarks/latency.py
"""

import argparse
import json
import math
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from physai_inverse import Choice, Float, Integer, Minimize, Space, Study

ROOT = Path(__file__).parents[1]
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


def loss(config: Mapping[str, Any]) -> float:
    """Give a smooth loss with a valley in the learning rate."""
    value = (math.log10(config["lr"]) + 2.5 + 0.2 * math.log(config["width"] / 64)) ** 2
    value += 0.3 * (config["optimizer"] == "sgd") * (1 - float(config.get("momentum", 0.0)))
    return math.exp(0.5 * value) + sum((float(config[name]) - 0.3) ** 2 for name in "abcde")


def measure(size: int, repetitions: int) -> dict[str, float]:
    """Give the median seconds for a study of a size."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "latency.yaml"
        path.write_text(STUDY_FILE)
        study = Study(space(), Minimize("loss"), store=Path(folder) / "latency.db", name="latency", seed=0)
        configs = study.space.sample(size + repetitions, seed=1)
        study.import_observations([(config, {"loss": loss(config)}) for config in configs[:size]])
        study.suggest(1)
        warm, fits = [], []
        for config in configs[size:]:
            study.import_observations([(config, {"loss": loss(config)})])
            began = time.perf_counter()
            study.suggest(1)
            warm.append(time.perf_counter() - began)
            study.import_observations([(config, {"loss": loss(config)})])
            began = time.perf_counter()
            study.forward_map()
            fits.append(time.perf_counter() - began)
        study.close()
        cold = []
        command = [sys.executable, "-m", "physai_inverse", "suggest", str(path), "--json"]
        for _ in range(repetitions):
            began = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            cold.append(time.perf_counter() - began)
    return {
        "suggest": statistics.median(warm),
        "fit": statistics.median(fits),
        "cold": statistics.median(cold),
    }


def main() -> None:
    """Measure, print the table, write the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results" / "latency.json")
    options = parser.parse_args()
    results = {}
    print(f"{'observations':>12s} {'fit':>8s} {'suggest':>8s} {'cold':>8s}   median seconds")
    for size in (20, 100, 500, 2000):
        results[str(size)] = measure(size, options.repetitions)
        print(f"{size:12d}", *(f"{results[str(size)][key]:8.3f}" for key in ("fit", "suggest", "cold")))
    helps = []
    for _ in range(options.repetitions):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "physai_inverse", "--help"], check=True, capture_output=True)
        helps.append(time.perf_counter() - began)
    print(f"--help: {statistics.median(helps):.3f} s")
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    summary = {
        "command": "python benchmarks/latency.py",
        "commit": commit.stdout.strip(),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "help": statistics.median(helps),
        "seconds": results,
    }
    options.output.write_text(json.dumps(summary, indent=1) + "\n")


if __name__ == "__main__":
    main()
