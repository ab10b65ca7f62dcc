"""Trainings that a study stops: which, by what rule, and what its models learn from them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from physai_inverse import Fidelity, Float, Measurement, Minimize, Space, Study
from physai_inverse.errors import InvalidInput
from physai_inverse.store import Store
from physai_inverse.study import best_measured, run
from physai_inverse.study.censoring import observed
from physai_inverse.study.stopping import rules_for
from physai_inverse.trainers.batched import AbstractBatched, BatchedTrainer

X = torch.linspace(-1, 1, 32)[:, None]


@dataclass(frozen=True)
class Lines(AbstractBatched):
    """Fit a line to a line, with a rate that decides everything."""

    steps: int = 20

    def batched(self) -> BatchedTrainer:
        return BatchedTrainer(
            build=lambda config: torch.nn.Linear(1, 1),
            loss=lambda module, batch: (module(batch[0]) - batch[1]).square().mean(dim=1),
            rows=(X, 2 * X + 1),
            steps=self.steps,
            finish=lambda finished: {
                "loss": float(finished.curves["loss"]),
                "loss_curve": finished.curves["loss"],
                "norm": float(next(finished.module.parameters()).detach().abs()),
                "parameters": 2.0,
            },
            device="cpu",
        )


def study(**arguments: Any) -> Study:
    return Study(
        Space(lr=Float(1e-4, 0.1, log=True)), Minimize("loss"), **{"method": "random", "seed": 1, **arguments}
    )


@pytest.mark.parametrize("stopping", ["probability", "halving"])
def test_stopped_models_leave_the_stack_and_are_censored_in_their_metric_only(stopping: str) -> None:
    study_ = study(stopping=stopping)
    run(study_, Lines(stop_early=True), 40, together=10)
    trials = study_.store.trials("study", curves=True)
    stopped = [trial for trial in trials if trial.status == "stopped_early"]
    assert {trial.status for trial in trials} == {"done", "stopped_early"}
    assert 5 <= len(stopped) <= 30
    assert min(trial.number for trial in stopped) >= 10  # the first batch knows of no finished run
    assert all(len(trial.metrics["loss_curve"]) < 20 for trial in stopped)
    data = study_._fitted().data
    rows = [data.numbers.index(trial.number) for trial in stopped]
    third = sorted(float(trial.metrics["loss"]) for trial in trials if trial.status == "done")[2]
    assert set(data.columns["loss"].values[rows]) == {third}
    assert set(data.columns["loss"].censored[rows]) == {1}
    assert np.isnan(data.columns["norm"].values[rows]).all()  # of a model that was half trained
    assert set(data.columns["parameters"].values) == {2.0}  # whatever it was trained for
    assert np.isfinite(data.columns["norm"].values).sum() == len(trials) - len(stopped)


def test_a_task_is_not_stopped_unless_that_was_asked_for() -> None:
    for study_, trainer in ((study(), Lines()), (study(stopping="none"), Lines(stop_early=True))):
        run(study_, trainer, 30, together=10)
        assert {trial.status for trial in study_.trials} == {"done"}


def test_what_was_measured_in_the_last_moment_stands_in_the_ledger_and_in_no_map() -> None:
    study_ = study()
    for value in (0.1, 0.2, 0.3):
        study_.observe(study_.suggest(1)[0], {"loss": value, "rank": 5.0, "size": 7.0})
    given = {"loss": 2.0, "rank": 9.0, "size": Measurement(7.0, 0.0), "late": Measurement(3.0, censored="above")}
    trial = study_.observe(study_.suggest(1)[0], given, stopped_early=True)
    assert trial.metrics == given
    [*_, seen] = observed(study_.trials, study_.objective)
    assert seen.metrics == {
        "loss": Measurement(0.3, censored="above"),
        "size": given["size"],
        "late": given["late"],
    }
    best = best_measured(study_, study_.trials)
    assert best is not None
    assert best[1] == 0.1


def test_what_a_trainer_says_of_the_end_stands() -> None:
    study_ = study()
    for value in (0.1, 0.2, 0.3):
        study_.observe(study_.suggest(1)[0], {"loss": value})
    expected = Measurement(0.25, 0.05)
    study_.observe(study_.suggest(1)[0], {"loss": expected}, stopped_early=True)
    assert observed(study_.trials, study_.objective)[-1].metrics == {"loss": expected}


def test_a_model_of_rungs_takes_a_stopped_training_as_censored_too() -> None:
    study_ = study(fidelity=Fidelity("epochs", 1, 9))
    for value in (0.1, 0.2, 0.3):
        study_.observe(study_.suggest(1)[0], {"loss": value, "rank": 5.0})
    study_.observe(study_.suggest(1)[0], {"loss": 0.9, "rank": 4.0}, stopped_early=True)
    rows = study_._fitted().data
    assert (rows.columns["loss"].values[3], rows.columns["loss"].censored[3]) == (0.3, 1)
    assert np.isnan(rows.columns["rank"].values[3])


def test_an_earlier_study_lends_no_value_of_a_training_that_it_stopped() -> None:
    store = Store(":memory:")
    old = study(store=store, name="old")
    for value in (0.1, 0.2, 0.3):
        old.observe(old.suggest(1)[0], {"loss": value, "rank": 5.0})
    old.observe(old.suggest(1)[0], {"loss": 0.9, "rank": 4.0}, stopped_early=True)
    new = study(store=store, name="new", earlier=[old])
    assert new.knowledge.transferred is not None
    [earlier] = new.knowledge.transferred.earlier
    assert np.isnan(earlier.data.columns["rank"].values[3])
    assert earlier.data.columns["loss"].censored[3] == 1


def test_a_batch_has_one_rule_and_audits_of_its_own() -> None:
    study_ = study()
    for place in range(8):
        trial = study_.suggest(1)[0]
        study_.observe(trial, {"loss": 0.1 * place, "loss_curve": {1: 0.1 * place + 1.0, 2: 0.1 * place}})
    numbers = [trial.number for trial in study_.suggest(16)]
    rules: Mapping[int, Any] = rules_for(study_, numbers)
    assert len({id(rule.curves) for rule in rules.values()}) == 1
    assert {rule.audited for rule in rules.values()} == {True, False}


def test_a_function_that_reports_is_stopped_by_halving_where_that_is_chosen() -> None:
    def train(config: Mapping[str, Any], seed: int, report: Callable[..., bool]) -> Any:  # noqa: ARG001
        for step in range(1, 11):
            if report(step, {"loss": config["lr"] + 1.0 / step}):
                break
        return {"steps": float(step)}

    study_ = study(stopping="halving")
    run(study_, train, 20)
    reasons = [trial.reason for trial in study_.trials if trial.status == "stopped_early"]
    assert reasons
    assert all(reason is not None and "go on" in reason for reason in reasons)


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"`stopping` must be one of \['probability', 'halving', 'none'\]"):
        study(stopping="asha")
