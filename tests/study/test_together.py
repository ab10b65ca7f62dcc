"""Whole batches from the loop to a trainer that trains many in one program."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from physai_inverse import Fidelity, Float, Minimize, Space, Study, TrialFailed
from physai_inverse.errors import InvalidInput
from physai_inverse.study import Progress, run
from physai_inverse.study.costs import full_trainings
from tests.study.batches import Troubled, loss

Config = Mapping[str, Any]


def space() -> Space:
    return Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0))


def study(**arguments: Any) -> Study:
    return Study(space(), Minimize("loss"), **{"seed": 0, "method": "random", **arguments})


@dataclass(frozen=True)
class Many:
    """A trainer of many that remembers its calls."""

    calls: list[int]
    trains_together: ClassVar[bool] = True

    def __call__(self, configs: Any, seeds: Any) -> Any:  # noqa: ARG002 - the contract
        if isinstance(configs, Mapping):
            self.calls.append(1)
            return {"loss": loss(configs)}
        self.calls.append(len(configs))
        return [{"loss": loss(config), "seconds": 1.0 + config["x"]} for config in configs]


@dataclass(frozen=True)
class Climber:
    """A trainer of many with a fidelity."""

    told: list[tuple[float, int]]
    epochs: float = 1.0
    trains_together: ClassVar[bool] = True

    def __call__(self, configs: Any, seeds: Any) -> Any:
        if isinstance(configs, Mapping):
            return self([configs], [seeds])[0]
        self.told.append((self.epochs, len(configs)))
        return [{"loss": loss(config, self.epochs)} for config in configs]


def test_a_batch_is_proposed_trained_in_one_call_and_observed_one_by_one() -> None:
    calls: list[int] = []
    told: list[Progress] = []
    study_ = study()
    last = run(study_, Many(calls), 20, together=8, on_progress=told.append)
    assert calls == [8, 8, 4]
    assert [trial.status for trial in study_.trials] == ["done"] * 20
    assert last.finished == 20
    assert [progress.last.number for progress in told if progress.last] == list(range(20))
    assert max(len(progress.running) for progress in told) == 8


def test_the_same_seed_gives_the_same_trials_and_each_its_own_result() -> None:
    first, second = study(method="model"), study(method="model")
    for study_ in (first, second):
        run(study_, Many([]), 15, together=5)
    found = [(trial.config, trial.seed, trial.metrics) for trial in first.trials]
    assert found == [(trial.config, trial.seed, trial.metrics) for trial in second.trials]
    assert all(trial.metrics["loss"] == loss(trial.config) for trial in first.trials)


def test_the_seconds_of_a_job_are_shared_out_as_the_trainings_say() -> None:
    study_ = study()
    run(study_, Many([]), 4, together=4)
    shares = [(trial.seconds or 0.0) / float(trial.metrics["seconds"]) for trial in study_.trials]
    assert shares == pytest.approx([shares[0]] * 4)


def test_each_failure_of_a_batch_keeps_its_class_and_the_others_their_results() -> None:
    study_ = study()
    study_.enqueue([{"x": 0.1, "y": y} for y in (0.1, 0.3, 0.5, 0.9)])
    run(study_, Troubled(), 4, together=4)
    assert [(trial.status, trial.kind) for trial in study_.trials] == [
        ("failed", "out_of_memory"),
        ("diverged", "diverged"),
        ("done", None),
        ("done", None),
    ]
    assert study_.trials[0].reason == "no room for it"
    assert study_.trials[1].metrics["diverged_step"] == 7.0


@pytest.mark.slow
def test_a_batch_whose_worker_is_killed_is_taken_apart_until_the_culprit_is_alone() -> None:
    study_ = study()
    study_.enqueue([{"x": x, "y": 0.5} for x in (0.1, 0.2, 0.3, 0.4)])
    run(study_, Troubled(kill=0.3), 4, together=4, workers=2)
    assert [(trial.status, trial.kind) for trial in study_.trials] == [
        ("done", None),
        ("done", None),
        ("failed", "unknown"),
        ("done", None),
    ]
    culprit = study_.trials[2]
    assert culprit.attempt == 3  # offered again each time that it was killed alone
    assert "given up after 3 attempts" in (culprit.reason or "")
    assert [trial.attempt for trial in study_.trials if trial is not culprit] == [1, 1, 1]


@pytest.mark.slow
def test_a_batch_that_hangs_is_taken_apart_and_only_the_culprit_is_out_of_time() -> None:
    study_ = study()
    study_.enqueue([{"x": x, "y": 0.5} for x in (0.1, 0.2)])
    run(study_, Troubled(sleep=0.2), 2, together=2, timeout=5.0)
    assert [(trial.status, trial.kind) for trial in study_.trials] == [("done", None), ("failed", "timeout")]


@pytest.mark.slow
def test_a_preempted_training_leaves_what_runs_beside_it_alone() -> None:
    study_ = study()
    study_.enqueue([{"x": x, "y": 0.5} for x in (0.1, 0.2, 0.3, 0.4)])
    run(study_, Troubled(kill=0.1), 4, workers=2)
    assert [trial.status for trial in study_.trials] == ["failed", "done", "done", "done"]
    assert [trial.attempt for trial in study_.trials[1:]] == [1, 1, 1]


def test_a_last_attempt_is_made_alone() -> None:
    study_ = study()
    study_.enqueue([{"x": x, "y": 0.5} for x in (0.1, 0.2, 0.3)])
    for _ in range(2):  # a process that was killed twice in the middle of them
        study_.suggest(2, worker="gone")
        study_.store.release("study", {"gone"})
    calls: list[int] = []
    run(study_, Many(calls), 3, together=3)
    assert sorted(calls) == [1, 1, 1]
    assert [trial.attempt for trial in study_.trials] == [3, 3, 1]


def test_an_interrupt_gives_a_whole_batch_back() -> None:
    study_ = study()

    def stop(progress: Progress) -> None:
        if progress.running:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(study_, Many([]), 6, together=4, on_progress=stop)
    assert study_.store.leases("study") == []
    calls: list[int] = []
    run(study_, Many(calls), 6, together=4)
    assert calls == [4, 2]
    assert [trial.number for trial in study_.trials] == list(range(6))


def test_only_trials_of_one_rung_share_a_job_and_the_budget_holds() -> None:
    told: list[tuple[float, int]] = []
    study_ = study(fidelity=Fidelity("epochs", 1, 27), method="asha")
    run(study_, Climber(told), 3, together=9)
    trials = study_.trials
    assert told[0] == (1.0, 9)
    assert {epochs for epochs, _ in told} > {1.0, 3.0}
    assert sum(count for _, count in told) == len(trials)
    for epochs in {epochs for epochs, _ in told}:
        assert sum(count for rung, count in told if rung == epochs) == sum(t.fidelity == epochs for t in trials)
    assert 3 <= full_trainings(study_.fidelity, trials, trials) < 4


def test_workers_share_what_is_left_of_the_budget() -> None:
    study_ = study()
    run(study_, Troubled(), 6, together=16, workers=2)
    assert len(study_.trials) == 6


def test_a_trainer_of_one_is_not_asked_to_train_many() -> None:
    with pytest.raises(InvalidInput, match="`together` is 4, and the trainer trains one configuration at a time"):
        run(study(), lambda config, seed: {"loss": 1.0}, 4, together=4)
    with pytest.raises(InvalidInput, match="`together` must be a whole number of at least 1"):
        run(study(), Many([]), 4, together=0)


def test_a_batch_with_a_wrong_number_of_results_is_tried_one_by_one_and_shown() -> None:
    @dataclass(frozen=True)
    class Short:
        trains_together: ClassVar[bool] = True

        def __call__(self, configs: Any, seeds: Sequence[int]) -> Any:  # noqa: ARG002 - the contract
            return {"other": 1.0} if isinstance(configs, Mapping) else []

    with pytest.raises(TrialFailed, match=r"3 trainings in a row failed by a bug.*lacks \['loss'\]"):
        run(study(), Short(), 4, together=4)


def test_what_waits_is_not_mixed_with_what_is_new() -> None:
    """So that a run that was interrupted in the middle of a batch proposes what it would have."""
    whole, broken = study(method="model"), study(method="model")
    run(whole, Many([]), 12, together=4)
    run(broken, Many([]), 4, together=4)
    for trial in broken.suggest(4, worker="gone")[:2]:
        broken.observe(trial, {"loss": loss(trial.config), "seconds": 1.0 + float(trial.config["x"])})
    broken.store.release("study", {"gone"})
    calls: list[int] = []
    run(broken, Many(calls), 12, together=4)
    assert calls == [2, 4]
    assert [trial.config for trial in broken.trials] == [trial.config for trial in whole.trials]
