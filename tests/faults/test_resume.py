"""R21: a run that is killed at random moments goes on where it stopped, until its budget is used up."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from physai_inverse import Study

ROOT = Path(__file__).parents[2]

SCRIPT = """
import sys, time
from pathlib import Path
from physai_inverse import Choice, Float, Minimize, Space, Study
from physai_inverse.study import run

log = Path({log!r})
space = Space(x=Float(-2.0, 2.0), y=Float(1e-3, 1.0, log=True), kind=Choice(["a", "b"]))

def train(config, seed):
    with log.open("a") as stream:
        stream.write(f"{{config!r}} {{seed}}\\n")
    time.sleep({pause})
    return {{"loss": (config["x"] - 1) ** 2 + config["y"] + (config["kind"] == "b"), "seed": seed % 1000}}

class Many:
    trains_together = True

    def __call__(self, configs, seeds):
        if isinstance(seeds, int):
            return train(configs, seeds)
        return [train(config, seed) for config, seed in zip(configs, seeds)]

study = Study(space, Minimize("loss"), store={store!r}, seed=7)
run(study, Many(), {budget}, together={together}, lease_seconds=5.0)
"""


def start(tmp_path: Path, store: Path, budget: int, pause: float, together: int = 1) -> subprocess.Popen[bytes]:
    script = SCRIPT.format(
        log=str(tmp_path / "log.txt"), store=str(store), budget=budget, pause=pause, together=together
    )
    return subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.DEVNULL)


def outcome(store: Path) -> list[tuple[int, str, str, int | None, str]]:
    study = Study.load(store)
    found = [
        (trial.number, trial.status, json.dumps(trial.config), trial.seed, json.dumps(dict(trial.metrics)))
        for trial in study.trials
    ]
    assert study.store.check() == []
    study.close()
    return found


def killed_until_done(tmp_path: Path, budget: int, kills: int, together: int) -> Path:
    rng = random.Random(budget)
    store = tmp_path / "killed.db"
    for _ in range(kills):
        process = start(tmp_path, store, budget, 0.05, together)
        try:
            process.wait(timeout=rng.uniform(0.3, 3.0))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            time.sleep(0.05)
    assert start(tmp_path, store, budget, 0.0, together).wait(timeout=300) == 0
    return store


@pytest.mark.parametrize(
    ("budget", "kills", "together"),
    [
        (12, 4, 1),
        pytest.param(64, 25, 1, marks=pytest.mark.slow),
        pytest.param(24, 6, 4, marks=pytest.mark.slow),
    ],
)
def test_a_killed_run_ends_as_if_it_had_not_been_killed(
    tmp_path: Path, budget: int, kills: int, together: int
) -> None:
    whole = tmp_path / "whole.db"
    assert start(tmp_path, whole, budget, 0.0, together).wait(timeout=300) == 0
    (tmp_path / "log.txt").unlink()
    expected = outcome(whole)
    found = outcome(killed_until_done(tmp_path, budget, kills, together))
    assert found == expected
    assert len(found) == budget
    trained = (tmp_path / "log.txt").read_text().splitlines()
    again = len(trained) - len(set(trained))
    assert again <= kills * together  # only what was open at a kill is trained again
