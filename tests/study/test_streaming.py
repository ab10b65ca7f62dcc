"""Curves that are in the store while their trainings run."""

import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from physai_inverse import Curve, Float, Minimize, Space, Study, TrialFailed
from physai_inverse.store import Store
from physai_inverse.study import run
from physai_inverse.study import streaming as receiving
from physai_inverse.trainers import streaming as sending
from tests.study.batches import Telling

Config = Mapping[str, Any]


def study(**arguments: Any) -> Study:
    return Study(Space(x=Float(0.0, 1.0)), Minimize("loss"), **{"method": "random", "seed": 0, **arguments})


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for no time between two notes and two writes."""
    monkeypatch.setattr(sending, "SECONDS", 0.0)
    monkeypatch.setattr(receiving, "SECONDS", 0.0)
    monkeypatch.setattr(receiving, "SHARE", 1e9)


@pytest.mark.usefixtures("at_once")
def test_the_points_of_a_running_training_are_in_the_store_until_its_result_is() -> None:
    study_ = study()
    seen: list[Mapping[str, Curve]] = []

    def train(config: Config, seed: int, report: Callable[..., bool]) -> Any:  # noqa: ARG001
        for step in (1, 2, 3):
            report(step, {"loss": 1.0 / step})
            seen.append(study_.store.noted("study", 0))
        return {"loss": 0.3}

    version = study_.store.version("study")
    run(study_, train, 1)
    assert seen == [{"loss": Curve(tuple(range(1, n + 1)), (1.0, 0.5, 1 / 3)[:n])} for n in (1, 2, 3)]
    assert study_.store.version("study") == version + 2  # proposed and observed; a note is no event
    assert study_.store.noted("study", 0) == {}
    assert study_.trial(0).metrics["loss_curve"] == seen[-1]["loss"]
    assert study_.store.check() == []


def test_a_short_training_writes_nothing_before_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("nothing was to be written")

    monkeypatch.setattr(Store, "note", refuse)

    def train(config: Config, seed: int, report: Callable[..., bool]) -> Any:  # noqa: ARG001
        return {"loss": float(report(1, {"loss": 1.0}))}

    run(study(), train, 2)


@pytest.mark.usefixtures("at_once")
def test_a_failed_training_keeps_the_curves_that_it_told() -> None:
    def train(config: Config, seed: int, report: Callable[..., bool]) -> Any:  # noqa: ARG001
        report(1, {"loss": 4.0})
        raise TrialFailed("no room", "out_of_memory")

    study_ = study()
    run(study_, train, 1)
    trial = study_.trial(0)
    assert (trial.kind, trial.metrics) == ("out_of_memory", {"loss_curve": Curve((1,), (4.0,))})
    assert study_.store.check() == []


@pytest.mark.slow
def test_what_a_killed_worker_told_is_kept_with_its_trial() -> None:
    study_ = study()
    study_.enqueue([{"x": 0.9}, {"x": 0.1}])  # the first kills its worker after its second point
    run(study_, Telling(kill=0.5), 2, together=2, workers=2)
    killed, whole = study_.trial(0), study_.trial(1)
    assert (killed.kind, killed.attempt, whole.status) == ("unknown", 3, "done")
    assert killed.metrics["loss_curve"] == Curve((1, 2), (1.9, 1.4))
    assert len(whole.metrics["loss_curve"]) == 3


KILLED = """
import os, signal, sys
from physai_inverse.study import streaming as receiving
from physai_inverse.trainers import streaming as sending
from tests.study.test_streaming import study

receiving.SECONDS = sending.SECONDS = 0.0

def train(config, seed, report):
    report(1, {"loss": 0.5})
    os.kill(os.getpid(), signal.SIGKILL)

study(store=sys.argv[1]).run(train, 1)
"""


def test_points_outlive_the_process_that_ran_the_study(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False, cwd=Path(__file__).parents[2])
    assert killed.returncode == -signal.SIGKILL
    with Store(path) as store:
        assert store.noted("study", 0) == {"loss": Curve((1,), (0.5,))}
        for _ in range(2):
            store.release("study", {worker for _, worker, _ in store.leases("study")})
            store.claim("study", 1, worker="another", lease_seconds=9)
        store.release("study", {"another"})
        assert store.noted("study", 0) == {"loss": Curve((1,), (0.5,))}
        assert store.check() == []
        assert store.claim("study", 1, worker="another", lease_seconds=9) == []  # it is given up
        assert store.trial("study", 0).metrics == {"loss_curve": Curve((1,), (0.5,))}
        assert store.noted("study", 0) == {}
        assert store.check() == []


def test_only_who_holds_a_trial_tells_of_it() -> None:
    study_ = study()
    first, second = study_.suggest(2)
    curves = {number: {"loss": Curve((1,), (0.5,))} for number in (0, 1)}
    tokens = {0: first.token or "", 1: "of somebody else"}
    assert study_.store.note("study", curves, tokens) == [0]
    study_.observe(first, {"loss": 1.0})
    study_.observe(second, {"loss": 1.0})
    assert study_.store.note("study", curves, {**tokens, 1: second.token or ""}) == []
    with pytest.raises(ValueError, match="`curves` must map names to curves"):
        study_.store.note("study", {0: {"loss": 1.0}}, tokens)


def test_points_that_were_changed_in_the_file_are_noticed(tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "s.db"
    study_ = study(store=path)
    [trial] = study_.suggest(1)
    study_.store.note("study", {0: {"loss": Curve((1,), (0.5,))}}, {0: trial.token or ""})
    study_.close()
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE progress SET points = replace(points, '0.5', '0.4')")
    connection.close()
    with Store(path) as store:
        assert any("progress" in problem and "checksum" in problem for problem in store.check())
