"""The study's verbs: what is recorded, what is refused, and that nothing is lost by it."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from physai_inverse import (
    Choice,
    Curve,
    Float,
    Integer,
    Measurement,
    Minimize,
    Observation,
    Space,
    Store,
    Study,
)
from physai_inverse.errors import Conflict, InvalidInput, LeaseLost, NotFound, PhysaiInverseError
from physai_inverse.observations import TrialState


def space() -> Space:
    return Space(
        lr=Float(1e-4, 1.0, log=True),
        width=Integer(8, 128, log=True),
        optimizer=Choice(["sgd", "adamw"]),
        momentum=Float(0.0, 0.99, when={"optimizer": ["sgd"]}),
    )


def study(**arguments: object) -> Study:
    return Study(space(), Minimize("val_loss"), **{"seed": 0, **arguments})


def loss(config: Mapping[str, Any]) -> float:
    return float((math.log10(float(config["lr"])) + 2) ** 2 + 0.01 * float(config["width"]) ** 0.5)


def test_the_lines_of_the_readme_run_as_written() -> None:
    study_ = Study(space(), Minimize("val_loss"), store=":memory:", seed=0)
    [trial] = study_.suggest(1)
    study_.observe(trial, {"val_loss": 0.31, "sharpness": 12.0})
    best = study_.recommend()
    assert best.config == trial.config
    assert set(best.predictions) == {"val_loss", "sharpness"}
    table = study_.predict([trial.config])
    assert table["val_loss"].mean[0] == pytest.approx(0.31, abs=0.05)
    assert table["sharpness"].standard_deviation[0] > 0
    assert set(table["sharpness"].quantiles) >= {0.05, 0.5, 0.95}
    answer = study_.invert(Minimize("sharpness"), n=8)
    assert len(answer) == 8
    study_.import_observations([({"lr": 0.1, "width": 32, "optimizer": "adamw"}, {"val_loss": 0.4})])
    assert [(t.id, t.status, t.metrics["val_loss"]) for t in study_.trials] == [
        (0, "done", 0.31),
        (1, "done", 0.4),
    ]


def test_the_same_seed_and_observations_give_the_same_suggestions(tmp_path: Path) -> None:
    def configs(store: str) -> list[Any]:
        found = []
        for _ in range(9):
            study_ = study(store=store)  # a new process would know no more
            [trial] = study_.suggest(1)
            study_.observe(trial, {"val_loss": loss(trial.config)})
            found.append((trial.config, trial.seed))
            if store != ":memory:":
                study_.close()
        return found

    first = configs(str(tmp_path / "a.db"))
    assert configs(str(tmp_path / "b.db")) == first
    one = study()
    again = []
    for _ in range(9):
        [trial] = one.suggest(1)
        one.observe(trial, {"val_loss": loss(trial.config)})
        again.append((trial.config, trial.seed))
    assert again == first


def test_the_arrival_order_of_results_does_not_matter() -> None:
    def after(order: list[int]) -> list[Any]:
        study_ = study()
        trials = study_.suggest(8)
        for place in order:
            study_.observe(trials[place], {"val_loss": loss(trials[place].config)})
        return [trial.config for trial in study_.suggest(2)]

    assert after([0, 1, 2, 3, 4, 5, 6, 7]) == after([5, 2, 7, 0, 1, 6, 4, 3])


def test_the_model_takes_over_after_a_handful_and_says_what_it_expects() -> None:
    study_ = study()
    for _ in range(6):
        [trial] = study_.suggest(1)
        study_.observe(trial, {"val_loss": loss(trial.config)})
    [trial] = study_.suggest(1)
    assert trial.note["kind"] == "model"
    note: Any = trial.note
    low, middle, high = note["predicted"]["val_loss"]
    assert low < middle < high


def test_a_model_finds_the_bottom_in_fewer_trainings_than_chance() -> None:
    def best(method: str) -> float:
        study_ = study(method=method)
        for _ in range(20):
            [trial] = study_.suggest(1)
            study_.observe(trial, {"val_loss": loss(trial.config)})
        return min(float(trial.metrics["val_loss"]) for trial in study_.trials)

    assert best("model") < best("random")


def test_nan_and_infinities_are_kept_and_the_study_goes_on() -> None:
    study_ = study()
    for value in (float("nan"), float("inf"), float("-inf"), 0.3, 0.4, 0.5, 0.6, 0.7, 0.35, 0.45):
        [trial] = study_.suggest(1)
        study_.observe(trial, {"val_loss": value, "rank": float("nan")})
    states = [trial.status for trial in study_.trials]
    assert states == ["diverged"] * 3 + ["done"] * 7
    assert math.isnan(float(study_.trials[0].metrics["val_loss"]))
    assert study_.trials[2].metrics["val_loss"] == float("-inf")
    assert study_.trials[0].reason == "metric `val_loss` is nan"
    assert study_.suggest(2)
    assert math.isfinite(study_.recommend().predictions["val_loss"].mean)


def test_a_failure_has_a_class_and_a_reason() -> None:
    study_ = study()
    trials = study_.suggest(3)
    assert study_.fail(trials[0], "diverged").status == "diverged"
    failed = study_.fail(trials[1], "CUDA out of memory", kind="out_of_memory", seconds=3.0)
    assert (failed.status, failed.kind, failed.reason, failed.seconds) == (
        "failed",
        "out_of_memory",
        "CUDA out of memory",
        3.0,
    )
    assert study_.fail(trials[2]).kind == "unknown"


def test_failing_regions_are_avoided() -> None:
    study_ = study()
    failed = 0
    for step in range(30):
        [trial] = study_.suggest(1)
        if float(trial.config["lr"]) > 0.1:  # a third of the space, half a decade beyond the best
            study_.fail(trial, "diverged")
            failed += step >= 10
        else:
            study_.observe(trial, {"val_loss": (math.log10(float(trial.config["lr"])) + 1.5) ** 2})
    assert failed <= 4  # of 20; a third of the space fails


def test_curves_measurements_and_costs_come_back() -> None:
    study_ = study()
    [trial] = study_.suggest(1)
    metrics = {
        "val_loss": Curve((1.0, 2.0), (0.5, 0.25)),
        "t": Measurement(100.0, censored="above"),
        "a": Measurement(1.0, 0.1),
    }
    study_.observe(trial, metrics, seconds=1.5)
    stored = study_.trial(trial.id)
    assert stored.metrics == metrics
    assert stored.seconds == 1.5
    assert study_.trials[0].metrics["val_loss"] == 0.25  # a curve counts as its last value


def test_a_batch_is_leased_and_pending_trials_are_known() -> None:
    study_ = study()
    trials = study_.suggest(5)
    assert len({space().key(trial.config) for trial in trials}) == 5
    assert [trial.status for trial in study_.trials] == ["running"] * 5
    assert len({trial.seed for trial in trials}) == 5


def test_an_expired_lease_is_offered_again_and_the_late_result_is_kept(tmp_path: Path) -> None:
    now = [0.0]
    store = Store(tmp_path / "s.db", clock=lambda: now[0])
    study_ = study(store=store)
    [lost] = study_.suggest(1, lease_seconds=10)
    assert study_.heartbeat(lost, lease_seconds=10) > 0
    now[0] += 11
    [again] = study_.suggest(1, lease_seconds=10)
    assert (again.id, again.config, again.seed, again.attempt) == (lost.id, lost.config, lost.seed, 2)
    with pytest.raises(LeaseLost):
        study_.heartbeat(lost)
    study_.observe(again, {"val_loss": 1.0})
    late = study_.observe(lost, {"val_loss": 2.0})
    assert late.late
    assert study_.trial(0).metrics["val_loss"] == 1.0


def test_queued_configurations_are_handed_out_first_and_once() -> None:
    study_ = study()
    config = {"lr": 0.1, "width": 32, "optimizer": "adamw"}
    study_.enqueue([config])
    first, second = study_.suggest(2)
    assert first.config == config
    assert second.config != config


def test_predictions_are_in_the_metrics_own_units_for_every_metric() -> None:
    study_ = study()
    for trial in study_.suggest(30):
        study_.observe(
            trial, {"val_loss": math.exp(3 * loss(trial.config)), "size": 1e6 * float(trial.config["width"])}
        )
    configs = study_.space.sample(20, seed=5)
    table = study_.predict(configs)
    assert set(table) == {"val_loss", "size"}
    assert (table["val_loss"].quantiles[0.05] > 0).all()
    truth = np.array([1e6 * float(config["width"]) for config in configs])
    inside = (table["size"].quantiles[0.05] <= truth) & (truth <= table["size"].quantiles[0.95])
    assert inside.mean() >= 0.7
    scores = table.scores()["size"]
    assert scores.rows == 30
    assert scores.r2 > 0.8


def test_an_unreachable_query_is_said_to_be_so() -> None:
    study_ = study()
    for trial in study_.suggest(20):
        study_.observe(trial, {"val_loss": loss(trial.config)})
    answer = study_.invert("val_loss = -50 +- 1", n=2)
    assert not answer.reachable
    assert answer.statement.startswith("None in this space is likely to meet val_loss = -50.0 +- 1.0")
    good = study_.invert("val_loss <= 3", n=4)
    assert good.reachable
    assert all(loss(config) <= 3 for config, p in zip(good, good.probabilities, strict=True) if p > 0.95)


def test_a_study_is_opened_again_from_its_store_alone(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    first = study(store=path, name="mine")
    [trial] = first.suggest(1)
    first.observe(trial, {"val_loss": 0.5})
    first.close()
    again = Study.load(path)
    assert (again.name, again.space, again.objective, again.seed) == ("mine", first.space, first.objective, 0)
    assert again.trials[0].metrics == {"val_loss": 0.5}
    reader = Study.load(path, read_only=True)
    assert reader.recommend().config == trial.config
    with pytest.raises(PhysaiInverseError, match="read"):
        reader.suggest(1)


def test_a_space_grows_without_losing_a_trial(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    first = study(store=path)
    for trial in first.suggest(6):
        first.observe(trial, {"val_loss": loss(trial.config)})
    wider = Space(
        {**space().parameters, "lr": Float(1e-5, 1.0, log=True), "dropout": Float(0.0, 0.5, default=0.0)}
    )
    with pytest.raises(Conflict, match="grow=True"):
        Study(wider, Minimize("val_loss"), store=path)
    grown = Study(wider, Minimize("val_loss"), store=path, grow=True)
    assert grown.space_version == 2
    assert len(grown.trials) == 6
    [trial] = grown.suggest(1)
    assert "dropout" in trial.config
    grown.observe(trial, {"val_loss": 0.1})
    assert grown.predict([trial.config])["val_loss"].mean.shape == (1,)
    with pytest.raises(Conflict, match="`lr` no longer takes"):
        Study(Space(lr=Float(0.1, 1.0, log=True)), Minimize("val_loss"), store=path, grow=True)


BAD_CALLS = [
    (lambda s, t: s.observe(t, {"loss": 0.3}), InvalidInput, "lacks \\['val_loss'\\]"),
    (lambda s, t: s.observe(t, {}), InvalidInput, "lacks"),
    (lambda s, t: s.observe(t, 0.3), InvalidInput, "must map metric names"),
    (lambda s, t: s.observe(t, {"val_loss": "0.3"}), InvalidInput, "must be a number, not str '0.3'"),
    (lambda s, t: s.observe(t, {"val_loss": None}), InvalidInput, "must be a number"),
    (lambda s, t: s.observe(t, {"val_loss": True}), InvalidInput, "must be a number"),
    (lambda s, t: s.observe(t, {"val_loss": 10**400}), InvalidInput, "too large"),
    (lambda s, t: s.observe(t, {"val_loss": 1j}), InvalidInput, "must be a number"),
    (lambda s, t: s.observe(t, {"val_loss": 0.3, "": 1.0}), InvalidInput, "metric name"),
    (lambda s, t: s.observe(t, {"val_loss": 0.3}, seconds=-1), InvalidInput, "`seconds` must be"),
    (lambda s, t: s.observe(t, {"val_loss": 0.3}, seconds=float("nan")), InvalidInput, "`seconds` must be"),
    (lambda s, t: s.observe(999, {"val_loss": 0.3}), NotFound, "999"),
    (lambda s, t: s.observe(-1, {"val_loss": 0.3}), NotFound, "-1"),
    (lambda s, t: s.observe("0", {"val_loss": 0.3}), InvalidInput, "`trial` must be"),
    (lambda s, t: s.observe(True, {"val_loss": 0.3}), InvalidInput, "`trial` must be"),
    (lambda s, t: s.fail(t, "x", kind="sad"), InvalidInput, "`kind` must be one of"),
    (lambda s, t: s.heartbeat(t.id), InvalidInput, "needs the trial"),
    (lambda s, t: s.suggest(0), InvalidInput, "`num` must be"),
    (lambda s, t: s.suggest(1.5), InvalidInput, "`num` must be"),
    (lambda s, t: s.suggest(True), InvalidInput, "`num` must be"),
    (lambda s, t: s.enqueue([{"lr": 99.0, "width": 32, "optimizer": "adamw"}]), InvalidInput, "got 99.0"),
    (lambda s, t: s.enqueue([{"lr": float("nan"), "width": 32, "optimizer": "adamw"}]), InvalidInput, "got nan"),
    (
        lambda s, t: s.enqueue([{"lr": 0.1, "width": 32, "optimizer": "adamw", "x": 1}]),
        InvalidInput,
        "`x` is no parameter",
    ),
    (
        lambda s, t: s.import_observations([({"lr": 99.0}, {"val_loss": 1.0})]),
        InvalidInput,
        "row 0: .*Nothing|Nothing was imported",
    ),
    (lambda s, t: s.import_observations([3]), InvalidInput, "expected a pair"),
    (
        lambda s, t: s.import_observations([({"lr": 0.1, "width": 32, "optimizer": "adamw"}, {})]),
        InvalidInput,
        "no metrics",
    ),
    (lambda s, t: s.predict([{"lr": 0.1}]), InvalidInput, "`width` is missing"),
    (lambda s, t: s.recommend(), NotFound, "Nothing to recommend yet"),
    (lambda s, t: s.predict([t.config]), NotFound, "Nothing to predict from"),
    (lambda s, t: s.invert("minimize typo"), NotFound, "`typo`"),
    (lambda s, t: s.invert("typo"), InvalidInput, "Cannot read the goal"),
    (lambda s, t: s.invert(Minimize("val_loss"), n=0), InvalidInput, "`n` must be"),
    (lambda s, t: s.trial(7), NotFound, "7"),
    (lambda s, t: Study(space(), Minimize("val_loss"), store=s.store, seed=1), Conflict, "has the seed 0, not 1"),
    (lambda s, t: Study(3, Minimize("val_loss")), InvalidInput, "`space` must be a Space"),
    (lambda s, t: Study(space(), "val_loss"), InvalidInput, "Cannot read the goal"),
    (lambda s, t: Study(space(), Minimize("val_loss"), seed=-1), InvalidInput, "`seed` must be"),
    (lambda s, t: Study(space(), Minimize("val_loss"), seed="x"), InvalidInput, "`seed` must be"),
    (lambda s, t: Study(space(), Minimize("val_loss"), method="grid"), InvalidInput, "`method` must be one of"),
    (lambda s, t: Study(space(), Minimize("val_loss"), lease_seconds=0), InvalidInput, "`lease_seconds` must be"),
    (lambda s, t: Study.load(s.store, "other"), NotFound, "other"),
]


@pytest.mark.parametrize(("call", "kind", "message"), BAD_CALLS)
def test_a_call_that_cannot_be_meant_is_refused_and_changes_nothing(call, kind, message: str) -> None:  # type: ignore[no-untyped-def]
    study_ = study()
    [trial] = study_.suggest(1)
    before = study_.store.version("study")
    with pytest.raises(kind, match=message) as caught:
        call(study_, trial)
    assert "\n" not in str(caught.value)
    assert study_.store.version("study") == before
    study_.observe(trial, {"val_loss": 0.3})  # the trial is still open to its owner


def test_a_finished_trial_never_changes() -> None:
    study_ = study()
    [trial] = study_.suggest(1)
    study_.observe(trial, {"val_loss": 0.3})
    attempts: list[Callable[[], object]] = [
        lambda: study_.observe(trial, {"val_loss": 0.3}),
        lambda: study_.observe(trial, {"val_loss": 0.1}),
        lambda: study_.observe(trial.id, {"val_loss": 0.1}),
        lambda: study_.fail(trial, "too late"),
    ]
    for attempt in attempts:
        with pytest.raises(Conflict, match=r"Trial 0 .* is already done"):
            attempt()
    assert study_.trial(0).metrics == {"val_loss": 0.3}


def test_imported_failures_teach_without_metrics() -> None:
    study_ = study()
    bad = Observation({"lr": 0.9, "width": 32, "optimizer": "adamw"}, state=TrialState.DIVERGED, kind="diverged")
    study_.import_observations([bad])
    assert study_.trials[0].status == "diverged"
