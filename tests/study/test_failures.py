"""Every way in which one training of a stack can end, with a real limit of memory and real signals."""

from pathlib import Path

import pytest

from physai_inverse import Choice, Curve, Float, Minimize, Space, Study, TrialFailed
from physai_inverse.study import run
from physai_inverse.trainers import FunctionTrainer

TROUBLES = ["none", "memory", "diverged", "bug", "killed"]
TRAIN = FunctionTrainer("tests.study.stacks:train", str(Path(__file__).parents[2]))


def study() -> Study:
    space = Space(lr=Float(1e-4, 1e6, log=True), optimizer=Choice(["sgd", "adam"]), trouble=Choice(TROUBLES))
    return Study(space, Minimize("loss"), seed=0, method="random")


def queue(study_: Study, troubles: list[str]) -> None:
    study_.enqueue(
        {"lr": 1e5 if trouble == "diverged" else 0.01, "optimizer": "sgd", "trouble": trouble}
        for trouble in troubles
    )


@pytest.mark.slow
def test_each_trial_of_a_stack_ends_with_its_class_and_the_rest_is_finished() -> None:
    study_ = study()
    queue(study_, ["none", "memory", "none", "diverged", "bug", "none", "killed", "none"])
    run(study_, TRAIN, 8, together=8, workers=2)
    assert [(trial.status, trial.kind) for trial in study_.trials] == [
        ("done", None),
        ("failed", "out_of_memory"),
        ("done", None),
        ("diverged", "diverged"),
        ("failed", "bug"),
        ("done", None),
        ("failed", "unknown"),  # killed by somebody three times, which says little
        ("done", None),
    ]
    diverged = study_.trial(3).metrics
    assert 1 <= float(diverged["diverged_step"]) <= 40
    assert isinstance(diverged["loss_curve"], Curve)
    assert "a bug of the user" in (study_.trial(4).reason or "")
    killed = study_.trial(6)
    assert killed.attempt == 3
    assert "SIGKILL" in (killed.reason or "")
    assert study_.store.check() == []
    data = study_._fitted().data
    assert sum(data.failed) == 4


@pytest.mark.slow
def test_a_stack_of_bugs_stops_the_run_and_is_shown() -> None:
    study_ = study()
    queue(study_, ["bug"] * 4)
    with pytest.raises(TrialFailed, match=r"(?s)3 trainings in a row failed by a bug.*a bug of the user"):
        run(study_, TRAIN, 8, together=4, workers=2)
    assert [trial.kind for trial in study_.trials[:4]] == ["bug"] * 4  # all that ended with them is recorded
