"""Studies with a fidelity: rungs, pause and resume, what is compared with what."""

import json
import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from physai_inverse import AtMost, Fidelity, Float, Minimize, Space, Study
from physai_inverse.errors import Conflict, InvalidInput
from physai_inverse.store import Trial
from physai_inverse.study import best_measured, run
from physai_inverse.study.costs import full_trainings, learned_costs
from physai_inverse.study.rungs import Climbed
from physai_inverse.trainers import CommandTrainer


def space() -> Space:
    return Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0))


def study(**arguments: Any) -> Study:
    given = {"fidelity": Fidelity("epochs", 1, 27), "seed": 0, **arguments}
    return Study(space(), Minimize("loss"), **given)


def loss(config: Mapping[str, Any], epochs: float) -> float:
    return float((config["x"] - 0.3) ** 2 + (config["y"] - 0.6) ** 2 + 0.5 / (1 + epochs))


def crossing(config: Mapping[str, Any], epochs: float) -> float:
    """What looks best after one epoch is worst in the end."""
    end = loss(config, 27)
    return end if epochs == 27 else 2.0 - end


def drive(study_: Study, num: int, curve: Callable[[Mapping[str, Any], float], float] = loss) -> list[Trial]:
    for _ in range(num):
        [trial] = study_.suggest(1)
        assert trial.fidelity is not None
        study_.observe(trial, {"loss": curve(trial.config, trial.fidelity)})
    return study_.trials


def test_a_configuration_begins_at_the_lowest_rung_and_the_best_go_on() -> None:
    trials = drive(study(), 16)
    assert trials[0].fidelity == 1
    promoted = [trial for trial in trials if trial.continues is not None]
    assert promoted
    for trial in promoted:
        earlier = trials[trial.continues or 0]
        assert (earlier.config, earlier.seed) == (trial.config, trial.seed)
        assert (earlier.fidelity, trial.fidelity) in {(1, 3), (3, 9), (9, 27), (1, 27), (3, 27)}
    assert {trial.note["kind"] for trial in promoted} <= {"promoted", "audit"}


def test_places_on_a_rung_open_for_one_of_eta() -> None:
    trials = drive(study(), 40)
    reached = [sum((trial.fidelity or 0) >= rung for trial in trials) for rung in (1, 3, 9, 27)]
    begun = sum(trial.continues is None for trial in trials)
    assert reached[1] <= begun / 3 + sum((trial.fidelity or 0) > 3 for trial in trials)
    assert reached[0] > reached[1] > reached[2] >= 1


def test_the_same_seed_gives_the_same_trials_whatever_the_order_of_results() -> None:
    def after(order: list[int]) -> list[Any]:
        study_ = study()
        trials = study_.suggest(6)
        for place in order:
            study_.observe(trials[place], {"loss": loss(trials[place].config, 1)})
        return [(trial.config, trial.fidelity, trial.continues, trial.seed) for trial in study_.suggest(4)]

    assert after([0, 1, 2, 3, 4, 5]) == after([4, 2, 5, 0, 1, 3])


def test_a_batch_promotes_no_configuration_twice() -> None:
    study_ = study()
    for trial in study_.suggest(12):
        study_.observe(trial, {"loss": loss(trial.config, 1)})
    batch = study_.suggest(5)
    going = [trial.continues for trial in batch if trial.continues is not None]
    assert len(going) == 4
    assert len(set(going)) == 4
    assert not {trial.continues for trial in study_.suggest(2)} & set(going)


@pytest.mark.parametrize("method", ["asha", "lowest", "random"])
def test_the_baselines_keep_their_rules(method: str) -> None:
    trials = drive(study(method=method), 24)
    levels = {trial.fidelity for trial in trials}
    if method == "random":
        assert levels == {27}
    elif method == "lowest":
        assert levels == {1, 27}
        [full, *_] = [trial for trial in trials if trial.fidelity == 27]
        seen = [trial for trial in trials if trial.number < full.number and trial.fidelity == 1]
        best = min(seen, key=lambda trial: float(trial.metrics["loss"]))
        assert len(seen) == 10
        assert full.continues == best.number
    else:
        [first, *_] = [trial for trial in trials if trial.fidelity == 3]
        assert first.number == 3
        assert first.continues == min(trials[:3], key=lambda trial: float(trial.metrics["loss"])).number


def test_where_curves_cross_full_trainings_take_over() -> None:
    study_ = study()
    study_.enqueue([{"x": 0.1 * step, "y": 0.5} for step in range(8)], fidelity=1)
    study_.enqueue([{"x": 0.1 * step, "y": 0.5} for step in range(8)], fidelity=27)
    trials = drive(study_, 16, crossing)
    [trial] = study_.suggest(1)
    assert trial.fidelity == 27
    assert trial.continues is None
    agreeing = study()
    agreeing.enqueue([dict(item.config) for item in trials[:8]], fidelity=1)
    agreeing.enqueue([dict(item.config) for item in trials[:8]], fidelity=27)
    drive(agreeing, 16)
    assert agreeing.suggest(1)[0].fidelity != 27


def test_a_first_rung_that_ranks_nothing_is_left_before_anything_was_trained_in_full() -> None:
    def unlike(config: Mapping[str, Any], epochs: float) -> float:
        """One epoch tells of `y` alone; from three on curves are in order."""
        return float(config["y"] ** 2 + 2.0 if epochs < 3 else 10.0 * (config["x"] - 0.3) ** 2 + 1 / epochs)

    def begins_at(curve: Callable[[Mapping[str, Any], float], float]) -> set[float | None]:
        study_ = study()
        places = [{"x": 0.1 * step, "y": step * 0.37 % 1.0} for step in range(10)]
        for epochs in (1, 3):
            study_.enqueue(places, fidelity=epochs)
        drive(study_, 20, curve)
        trials = drive(study_, 12, curve)[20:]
        return {trial.fidelity for trial in trials if trial.continues is None}

    assert begins_at(unlike) == {3}
    assert begins_at(loss) == {1}


def test_there_is_a_map_though_nothing_was_trained_on_the_rungs_that_are_left() -> None:
    study_ = study()
    for trial in study_.enqueue([{"x": 0.1 * step, "y": 0.5} for step in range(8)], fidelity=1):
        study_.observe(trial, {"loss": loss(trial.config, 1)})
    climbed = study_._fitted()
    assert isinstance(climbed, Climbed)
    climbed.start = climbed.top
    assert np.isfinite(climbed.map(["loss"]).predict(np.full((1, 2), 0.5))["loss"].mean).all()


def test_configurations_are_judged_at_the_highest_fidelity() -> None:
    study_ = study()
    study_.enqueue([{"x": 0.1 * step, "y": 0.5} for step in range(8)], fidelity=1)
    study_.enqueue([{"x": 0.1 * step, "y": 0.5} for step in range(8)])
    drive(study_, 16, crossing)
    best = study_.recommend()
    assert best.config["x"] == pytest.approx(0.3, abs=0.11)  # 0.7 looks best after one epoch
    assert best.predictions["loss"].median == pytest.approx(crossing(best.config, 27), abs=0.1)
    found = best_measured(study_, study_.trials)
    assert found is not None
    assert found[0].fidelity == 27


def test_predictions_are_of_the_highest_rung_unless_another_is_asked_for() -> None:
    study_ = study()
    drive(study_, 40)
    config = {"x": 0.3, "y": 0.6}
    high, low = study_.predict(config)["loss"], study_.predict(config, fidelity=1)["loss"]
    assert low.quantiles[0.5][0] == pytest.approx(loss(config, 1), abs=0.05)
    assert high.quantiles[0.5][0] < low.quantiles[0.5][0] - 0.1
    with pytest.raises(InvalidInput, match="`fidelity` was given, and the study has none"):
        Study(space(), Minimize("loss")).predict(config, fidelity=1)


def test_a_failed_configuration_goes_no_further_and_a_preempted_one_does() -> None:
    study_ = study()
    for trial in study_.suggest(3):
        study_.observe(trial, {"loss": loss(trial.config, 1)})
    [first] = study_.suggest(1)
    assert first.continues is not None
    study_.fail(first, "killed", kind="preempted")
    states = {item.numbers[0]: item.state for item in study_.standings}
    assert states[first.continues] == "paused"
    [again] = study_.suggest(1)
    assert again.continues is not None
    study_.fail(again, "diverged")
    states = {item.numbers[0]: item.state for item in study_.standings}
    assert states[again.continues] == "failed"
    drive(study_, 8)
    assert [t.number for t in study_.trials if t.continues == again.continues and t.number > again.number] == []


def test_limits_come_before_wishes_in_the_order_of_a_rung() -> None:
    study_ = Study(
        space(),
        Minimize("loss") & AtMost("size", 1.0),
        fidelity=Fidelity("epochs", 1, 9),
        method="asha",
        seed=0,
    )
    for trial, (value, size) in zip(study_.suggest(3), [(0.1, 2.0), (0.5, 0.5), (0.9, 0.5)], strict=True):
        study_.observe(trial, {"loss": value, "size": size})
    assert study_.suggest(1)[0].continues == 1


def test_a_study_remembers_its_fidelity(tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    drive(study(store=store), 2)
    again = Study.load(store)
    assert again.fidelity == Fidelity("epochs", 1, 27)
    assert [trial.fidelity for trial in again.trials] == [1, 1]
    with pytest.raises(Conflict, match="was made with the fidelity"):
        study(store=store, fidelity=Fidelity("epochs", 1, 81))
    plain = Study(space(), Minimize("loss"), store=tmp_path / "plain.db")
    plain.close()
    with pytest.raises(Conflict, match="was made with no fidelity"):
        study(store=tmp_path / "plain.db")


def test_a_fidelity_cannot_be_a_parameter_and_rungs_need_one() -> None:
    with pytest.raises(InvalidInput, match="`x` is the fidelity and a parameter"):
        study(fidelity=Fidelity("x", 1, 9))
    with pytest.raises(InvalidInput, match="`method` 'asha' needs a `fidelity`"):
        Study(space(), Minimize("loss"), method="asha")


def test_a_run_resumes_from_the_checkpoint_and_pays_for_the_rest_only(tmp_path: Path) -> None:
    told: list[tuple[int, int, int | None]] = []

    def train(
        config: Mapping[str, Any], seed: int, epochs: int, *, checkpoint: Path, resume_from: int | None
    ) -> Any:
        state = checkpoint / "state.json"
        done = json.loads(state.read_text())["epochs"] if state.exists() else 0
        told.append((done, epochs, resume_from))
        state.write_text(json.dumps({"epochs": epochs, "seed": seed}))
        return {"loss": loss(config, epochs)}

    study_ = study(store=tmp_path / "s.db")
    run(study_, train, 2)
    trials = study_.trials
    assert [
        (0 if t.continues is None else trials[t.continues].fidelity, t.fidelity, t.continues) for t in trials
    ] == told
    assert any(resume is not None for _, _, resume in told)
    assert 2 <= full_trainings(study_.fidelity, trials, trials) < 3
    assert sum(epochs - done for done, epochs, _ in told) == 27 * full_trainings(study_.fidelity, trials, trials)
    assert (tmp_path / "s.db.checkpoints" / "study").is_dir()


def test_a_trainer_without_checkpoints_trains_anew_and_pays_for_all() -> None:
    study_ = study()
    run(study_, lambda config, seed, epochs: {"loss": loss(config, epochs)}, 2)
    trials = study_.trials
    assert all(trial.continues is None for trial in trials)
    assert {trial.fidelity for trial in trials} > {1, 3}
    assert full_trainings(study_.fidelity, trials, trials) == sum(t.fidelity or 0 for t in trials) / 27


def test_a_trainer_that_takes_no_fidelity_is_refused() -> None:
    with pytest.raises(InvalidInput, match="its trainer does not take it"):
        run(study(), lambda config, seed: {"loss": 1.0}, 2)


def test_a_command_gets_the_fidelity_and_resumes(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(
        "import json, sys, pathlib\n"
        "x, epochs, folder, *resume = sys.argv[1:]\n"
        "state = pathlib.Path(folder) / 'epochs'\n"
        "done = int(state.read_text()) if resume else 0\n"
        "state.write_text(epochs)\n"
        "print(json.dumps({'loss': float(x) + 1 / int(epochs), 'done': done}))\n"
    )
    command = CommandTrainer(f"{sys.executable} {script} {{x}} {{epochs}} {{checkpoint}} [--from={{resume_from}}]")
    study_ = study(fidelity=Fidelity("epochs", 1, 3), store=tmp_path / "s.db")
    run(study_, command, 2)
    for trial in study_.trials:
        assert trial.status == "done", trial.reason
        assert trial.metrics["done"] == (0 if trial.continues is None else 1)
    assert any(trial.continues is not None for trial in study_.trials)


def test_costs_are_learned_from_seconds() -> None:
    study_ = study()
    drive(study_, 3)
    assert learned_costs(Fidelity("epochs", 1, 27), study_.trials, resume=True).step(0, 1) == 2 / 27
    timed = study()
    for _ in range(14):
        [trial] = timed.suggest(1)
        epochs = trial.fidelity or 0.0
        done = 0.0 if trial.continues is None else timed.trials[trial.continues].fidelity or 0.0
        timed.observe(trial, {"loss": loss(trial.config, epochs)}, seconds=30.0 + 2.0 * (epochs - done))
    costs = learned_costs(Fidelity("epochs", 1, 27), timed.trials, resume=True)
    assert costs.step(-1, 3) == pytest.approx(1.0)
    assert costs.step(0, 1) == pytest.approx((30 + 2 * 2) / (30 + 2 * 27))
    assert learned_costs(Fidelity("epochs", 1, 27), timed.trials, resume=False).step(0, 1) == pytest.approx(
        36 / 84
    )


def test_a_model_climbs_to_a_better_place_than_halving_at_the_same_cost() -> None:
    def reached(method: str) -> float:
        study_ = study(method=method)
        run(study_, lambda config, seed, epochs, checkpoint: {"loss": loss(config, epochs)}, 3)
        if method == "model":
            return loss(study_.recommend().config, 27)
        found = best_measured(study_, study_.trials)
        assert found is not None
        return loss(found[0].config, 27)

    assert reached("model") < reached("asha")
    assert math.isfinite(reached("lowest"))


def test_hopeless_trainings_of_a_run_are_stopped_and_censored() -> None:
    def train(config: Mapping[str, Any], seed: int, report: Callable[..., bool]) -> Any:  # noqa: ARG001
        value = 0.0
        for step in range(1, 11):
            value = config["x"] + 1.0 / step
            if report(step, {"loss": value}):
                break
        return {"loss": value}

    study_ = Study(space(), Minimize("loss"), method="random", seed=1)
    run(study_, train, 25)
    stopped = [trial for trial in study_.trials if trial.status == "stopped_early"]
    assert stopped
    assert stopped[0].number > 5
    third_best = sorted(float(t.metrics["loss"]) for t in study_.trials if t.status == "done")[2]
    for trial in stopped:
        assert trial.reason is not None
        assert float(trial.config["x"]) + 0.1 > third_best
    column = study_._fitted().data.columns["loss"]
    assert column.censored[stopped[0].number] == 1
    assert column.values[stopped[0].number] == third_best


def test_a_study_says_whether_to_stop_a_training_that_runs_elsewhere() -> None:
    study_ = Study(space(), Minimize("loss"), method="random", seed=0)
    for place in range(8):
        [trial] = study_.suggest(1)
        assert place >= 5 or not study_.should_stop(trial, {1: 99.0})
        study_.observe(trial, {"loss": 0.1 * place, "loss_curve": {1: 0.1 * place + 1.0, 2: 0.1 * place}})
    verdicts = [(trial, study_.should_stop(trial, {1: 9.0})) for trial in study_.suggest(12)]
    assert 8 <= sum(map(bool, (verdict for _, verdict in verdicts))) < 12  # some are finished all the same
    trial = next(trial for trial, verdict in verdicts if verdict)
    ended = study_.observe(trial, {"loss": 9.0}, stopped_early=True, reason="hopeless")
    assert (ended.status, ended.reason, ended.metrics["loss"]) == ("stopped_early", "hopeless", 9.0)
    assert not study_.should_stop(verdicts[0][0], {1: 0.9})


def test_short_trainings_are_not_stopped_in_a_study_with_a_fidelity() -> None:
    study_ = study()
    [trial] = study_.suggest(1)
    verdict = study_.should_stop(trial, {1: 9.0})
    assert not verdict
    assert "only full trainings" in verdict.reason


def test_an_expression_climbs_by_what_it_measures_and_is_judged_at_the_highest_rung() -> None:
    wish = "loss + 2 * size"
    climbing = Study(
        space(), [f"minimize {wish}", "0 <= loss <= 5"], fidelity=Fidelity("epochs", 1, 27), seed=0, cost="seconds"
    )
    for _ in range(24):
        [trial] = climbing.suggest(1)
        assert trial.fidelity is not None
        metrics = {"loss": loss(trial.config, trial.fidelity), "size": float(trial.config["x"])}
        climbing.observe(trial, metrics, seconds=trial.fidelity * (1 + float(trial.config["y"])))
    promoted = [trial for trial in climbing.trials if trial.continues is not None]
    assert promoted
    assert wish in str(promoted[0].note["predicted"])
    config = {"x": 0.1, "y": 0.6}
    low, high = (climbing.predict(config, fidelity=level, noise=False) for level in (1, 27))
    assert low[wish].mean[0] > high[wish].mean[0]
    assert low[wish].mean[0] == pytest.approx(low["loss"].mean[0] + 2 * low["size"].mean[0], rel=0.05)
    assert climbing.invert("0.1 <= " + wish + " <= 0.9", n=1).reachable
    best = climbing.recommend()
    assert wish in best.predictions
    assert climbing.should_stop(promoted[0], {1.0: 2.0}).reason.endswith("a metric are stopped")


def test_a_price_is_learned_on_one_rung_where_only_ratios_count() -> None:
    climbing = Study(space(), Minimize("loss"), fidelity=Fidelity("epochs", 1, 27), seed=0, cost="seconds")
    for config in space().sample(24, seed=1):
        for level in (1, 3):
            [trial] = climbing.enqueue([config], fidelity=level)
            climbing.observe(
                trial, {"loss": loss(config, level)}, seconds=level * math.exp(3 * float(config["y"]))
            )
    forward = climbing._fitted().judged(climbing.objective)
    assert forward.cost is not None
    cheap, dear = forward.cost.log_price(np.array([[0.5, 0.1], [0.5, 0.9]]))
    assert dear - cheap == pytest.approx(2.4, abs=0.3)
