"""A small study that trains in no time, and the command line called within this process."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from physai_inverse.cli import app
from physai_inverse.spec import load_spec
from physai_inverse.store import Store

TEXT = """\
name: small
space:
  x: {type: float, low: 1e-3, high: 1.0, log: true}
  kind: {type: choice, values: [a, b]}
  boost: {type: float, low: 0.0, high: 1.0, when: {kind: b}}
objective: {minimize: loss}
metrics: {loss: "distance from the best x", parameters: number of parameters}
trainer: {function: "train.py:train"}
budget: 6
baseline: random
confirm: 2
"""

TRAIN = """\
import math


def train(config, seed):
    noise = (seed * 7919 % 1000) / 1e5
    loss = (math.log10(config["x"]) + 1.5) ** 2 + 0.3 * config.get("boost", 0.2) + noise
    return {"loss": loss + 0.01, "parameters": 100 * config["x"] + 10, "curve": {1: 1.0, 2: loss}}
"""


@dataclass(frozen=True)
class Result:
    """What a command gave."""

    code: int
    out: str
    err: str


Cli = Callable[..., Result]


def invoke(*arguments: object, stdin: str | None = None) -> Result:
    found = CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    return Result(found.exit_code, found.stdout, found.stderr)


@pytest.fixture(autouse=True)
def page_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "150")


@pytest.fixture(scope="session")
def cached(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which a fresh Python compiles nothing twice."""
    environment = {**os.environ, "COLUMNS": "150"}
    if environment.pop("PYTHONDONTWRITEBYTECODE", None):
        environment["PYTHONPYCACHEPREFIX"] = str(tmp_path_factory.mktemp("compiled"))
    return environment


@pytest.fixture
def cli() -> Cli:
    return invoke


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A study file without a database."""
    (tmp_path / "train.py").write_text(TRAIN)
    path = tmp_path / "study.yaml"
    path.write_text(TEXT)
    return path


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of twelve observed trials, one failed, one that runs."""
    folder = tmp_path_factory.mktemp("filled")
    (folder / "train.py").write_text(TRAIN)
    path = folder / "study.yaml"
    path.write_text(TEXT)
    spec = load_spec(path)
    study = spec.open_study()
    trainer = spec.require_trainer()
    study.enqueue(spec.space.sample(14, seed=3))
    for trial in study.suggest(12):
        study.observe(trial, trainer(trial.config, trial.seed or 0), seconds=0.5)
    [bad, _] = study.suggest(2)
    study.fail(bad, "the loss exploded", kind="diverged")
    study.close()
    return folder / "study.db"


@pytest.fixture
def study(fresh: Path, filled: Path) -> Path:
    """A study file with the filled database; trials 0 to 11 are done, 12 diverged, 13 runs."""
    shutil.copy(filled, fresh.with_suffix(".db"))
    return fresh


def state_of(path: Path) -> tuple[int, int, tuple[str, ...]] | None:
    """Number of trials, version and studies; None where there is no database."""
    database = path.with_suffix(".db")
    if not database.exists():
        return None
    with Store(database, read_only=True) as store:
        return len(store.trials("small")), store.version("small"), store.studies()
