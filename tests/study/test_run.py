"""The loop and the campaign: every way in which a training can end, and an honest comparison."""

import math
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from physai_inverse import Choice, Curve, Float, Minimize, Space, Study, TrialFailed
from physai_inverse.study import (
    Progress,
    baseline_study,
    best_measured,
    past_campaign,
    run,
    run_campaign,
    turned_around,
)
from physai_inverse.trainers import CommandTrainer


def space() -> Space:
    return Space(x=Float(-2.0, 2.0), kind=Choice(["a", "b"]))


def train(config: Mapping[str, Any], seed: int) -> dict[str, float]:
    return {
        "loss": (config["x"] - 1) ** 2 + (config["kind"] == "b") + 0.01 * (seed % 7),
        "seconds": 1 + abs(config["x"]),
    }


def some_fail(config: Mapping[str, Any], seed: int) -> dict[str, Any]:
    if config["x"] < -1:
        return {"loss": float("nan")}
    if config["x"] < 0:
        raise TrialFailed("CUDA out of memory", kind="out_of_memory")
    if seed % 5 == 0:
        raise ValueError("a rare bug")
    return {"loss": config["x"], "curve": Curve((1.0, 2.0), (1.0, 0.5))}


def broken(config: Mapping[str, Any]) -> dict[str, float]:
    return {"loss": config["no such thing"]}


def slow(config: Mapping[str, Any]) -> dict[str, float]:
    time.sleep(60 if config["kind"] == "b" else 0)
    return {"loss": float(config["x"])}


def study(**arguments: Any) -> Study:
    return Study(space(), Minimize("loss"), **{"seed": 0, **arguments})


def test_a_run_uses_its_budget_and_tells_its_progress() -> None:
    told: list[Progress] = []
    study_ = study()
    last = run(study_, train, 12, on_progress=told.append)
    assert (last.finished, last.budget, last.failed) == (12, 12, 0)
    assert [trial.status for trial in study_.trials] == ["done"] * 12
    assert [progress.last.number for progress in told if progress.last] == list(range(12))
    assert last.best == min(float(trial.metrics["loss"]) for trial in study_.trials)
    assert run(study_, train, 12).finished == 12  # nothing is left to do
    assert study_.run(train, 14).finished == 14  # a larger budget goes on


def test_every_end_of_a_training_is_recorded_with_its_class() -> None:
    study_ = study(method="random")
    run(study_, some_fail, 40)
    kinds = {(trial.status, trial.kind) for trial in study_.trials}
    assert {("done", None), ("diverged", "diverged"), ("failed", "out_of_memory")} <= kinds
    assert all(trial.reason for trial in study_.trials if trial.state.bad)
    assert all(trial.seconds is not None and trial.seconds >= 0 for trial in study_.trials)


def test_a_trainer_that_always_breaks_stops_the_run_and_is_shown() -> None:
    study_ = study()
    with pytest.raises(TrialFailed, match=r"(?s)3 trainings in a row failed by a bug.*no such thing"):
        run(study_, broken, 10)
    assert [trial.kind for trial in study_.trials] == ["bug"] * 3
    with pytest.raises(TrialFailed, match="lacks \\['loss'\\]"):
        run(study(), lambda config: {"other": 1.0}, 10)


def test_workers_share_the_run() -> None:
    study_ = study()
    last = run(study_, train, 10, workers=2)
    assert last.finished == 10
    assert all(trial.status == "done" for trial in study_.trials)


def test_a_time_limit_holds_with_one_worker() -> None:
    study_ = study()
    study_.enqueue([{"x": 0.5, "kind": "b"}, {"x": 0.5, "kind": "a"}])
    run(study_, slow, 2, timeout=8.0)
    assert [(trial.status, trial.kind) for trial in study_.trials] == [("failed", "timeout"), ("done", None)]


def test_an_interrupt_gives_back_what_was_running() -> None:
    study_ = study()

    def stop(progress: Progress) -> None:
        if progress.running:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(study_, train, 3, on_progress=stop)
    assert study_.store.leases("study") == []
    [again] = study_.suggest(1)
    assert (again.number, again.attempt) == (0, 2)


def test_a_command_is_a_trainer(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(
        "import json, sys\nx = float(sys.argv[1])\n"
        "print('noise')\nprint(json.dumps({'loss': (x - 1) ** 2 if x > 0 else float('nan')}))\n"
    )
    study_ = study()
    command = CommandTrainer(f"{sys.executable} {script} {{x}} {{kind}} {{seed}}", folder=str(tmp_path))
    run(study_, command, 6)
    assert len(study_.trials) == 6
    assert all(
        (trial.status == "done") == (float(trial.config["x"]) > 0)  # a loss that is NaN is a divergence
        for trial in study_.trials
    )


def test_a_campaign_compares_both_picks_with_the_same_fresh_seeds(tmp_path: Path) -> None:
    study_ = study(store=tmp_path / "s.db")
    campaign = run_campaign(study_, train, 10, baseline=True, confirm=3)
    assert campaign.ours is not None
    assert campaign.baseline is not None
    assert len(campaign.ours.values) == len(campaign.baseline.values) == 3
    fresh = Study.load(study_.store, "study-fresh")
    seeds = [
        [t.seed for t in fresh.trials if t.config == pick.config] for pick in (campaign.ours, campaign.baseline)
    ]
    assert sorted(seeds[0]) == sorted(seeds[1])  # type: ignore[type-var]  # trials of a study have seeds
    twin = baseline_study(study_)
    best = best_measured(twin, twin.trials)
    assert best is not None
    assert campaign.baseline.chosen_on == best[1]
    assert {trial.note["kind"] for trial in twin.trials} == {"random"}
    again = run_campaign(study_, train, 10, baseline=True, confirm=3)  # nothing is trained twice
    assert again.ours == campaign.ours
    assert past_campaign(study_) == again
    assert len(fresh.trials) == len(Study.load(study_.store, "study-fresh").trials)


def test_a_question_is_turned_around_to_the_cheapest_good_training() -> None:
    study_ = study()
    run(study_, train, 8)
    query = turned_around(study_.trials, study_.objective)
    assert query is not None
    assert str(query).startswith("minimize seconds where loss <= ")
    assert turned_around(study_.trials[:2], study_.objective) is None
    assert study_.invert(query, n=2).reachable


def test_what_is_best_measured_keeps_the_limits_and_ignores_failures() -> None:
    study_ = Study(space(), [Minimize("loss"), "seconds <= 1.5"], seed=0)
    run(study_, train, 10)
    best = best_measured(study_, study_.trials)
    assert best is not None
    assert float(best[0].metrics["seconds"]) <= 1.5
    assert best[1] == min(float(t.metrics["loss"]) for t in study_.trials if float(t.metrics["seconds"]) <= 1.5)
    assert best_measured(study_, []) is None
    assert math.isfinite(best[1])


@pytest.mark.parametrize(("budget", "workers"), [(0, 1), (1.5, 1), (True, 1), (3, 0), (3, 1.5)])
def test_a_budget_and_workers_are_whole_numbers(budget: int, workers: int) -> None:
    with pytest.raises(ValueError, match="must be a whole number of at least 1"):
        run(study(), train, budget, workers=workers)
