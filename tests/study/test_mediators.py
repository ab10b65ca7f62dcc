"""What tells of the end: asked of a study, and by the rule that stops its trainings."""

import json

import pytest

from physai_inverse.errors import NotFound
from physai_inverse.fidelity import Fidelity
from physai_inverse.inverse.stopping import Reporter, StoppingRule
from physai_inverse.observations import Config
from physai_inverse.seeds import generator
from physai_inverse.space import Float, Space
from physai_inverse.study import Study, run
from physai_inverse.study.stopping import rules_for
from physai_inverse.understanding import Role
from tests.report.demo import watched_study


def test_a_study_finds_what_tells_of_the_end_of_its_first_wish() -> None:
    found = watched_study().mediators()
    assert (found.metric, found.rows) == ("loss", 40)
    assert {item.observable for item in found.found} == {"alignment"}
    assert {item.observable for item in found.early} == {"loss", "alignment", "noise"}
    assert {item.role for item in found.early if item.observable == "noise"} == {Role.SILENT}
    assert {item.observable for item in found.associations} == {"alignment", "noise_curve"}
    assert json.loads(json.dumps(found.as_plain(), allow_nan=False))["metric"] == "loss"


def test_a_metric_that_nobody_recorded_is_named_with_those_that_were() -> None:
    with pytest.raises(NotFound, match=r"gave the metric `rank`; recorded are \['alignment'"):
        watched_study(12).mediators("rank")


def test_only_trainings_in_full_length_take_part() -> None:
    study = Study(
        Space(lr=Float(1e-4, 1.0, log=True)), "minimize loss", seed=0, method="random",
        fidelity=Fidelity("epochs", 1, 9),
    )  # fmt: skip
    for place, trial in enumerate(study.suggest(30)):
        study.observe(trial, {"loss": float(place)}, stopped_early=place % 2 == 1, reason="tired")
    assert study.mediators().rows == sum(trial.fidelity == 9 for trial in study.trials[::2])


def test_the_rule_of_a_study_looks_at_mediators_and_the_forward_map() -> None:
    study = watched_study(40)
    [trial] = study.suggest(1)
    rule = rules_for(study, [trial.number])[trial.number]
    assert isinstance(rule, StoppingRule)
    assert set(rule.mediators) == {"alignment"}
    assert [curve.values[-1] for curve in rule.mediators["alignment"]] == [
        float(each.metrics["alignment_curve"]) for each in study.trials[:40]
    ]
    assert rule.expected is not None
    assert len(rule.expected.finished) == 40


def test_mediators_of_a_rule_are_sought_again_only_when_there_are_clearly_more_trainings() -> None:
    study = watched_study(12)
    [trial] = study.suggest(1)
    rules_for(study, [trial.number])
    [(metric, last)] = study.told
    assert (metric, last) == ("loss", 11)
    study.observe(trial, {"loss": 1.0, "loss_curve": {1: 2.0, 20: 1.0}, "alignment_curve": {1: 0.0, 20: 0.0}})
    study.told[metric, last] = ("noise",)  # kept, since it is not sought again
    [trial] = study.suggest(1)
    rule = rules_for(study, [trial.number])[trial.number]
    assert isinstance(rule, StoppingRule)
    assert study.told == {("loss", 11): ("noise",)}
    assert not rule.mediators  # the last training has no such curve


def test_what_else_was_reported_is_heard_when_a_training_is_judged() -> None:
    study = watched_study(40)
    trials = study.suggest(3)
    curve, worse, better = {1.0: 6.0}, {"alignment": {1.0: 2.5}}, {"alignment": {1.0: -2.5}}
    for trial in trials:
        lucky, unlucky = (study.should_stop(trial, curve, others).probability for others in (better, worse))
        assert lucky is not None
        assert unlucky is not None
        assert lucky > unlucky


def test_the_command_prints_what_was_found(capsys: pytest.CaptureFixture[str]) -> None:
    from physai_inverse.cli.tables import console
    from physai_inverse.cli.telling import telling_parts

    terminal = console()
    for part in telling_parts(watched_study().mediators()):
        terminal.print(part)
    text = capsys.readouterr().out
    assert "alignment tells more of loss than its own early value." in text
    assert "trainings with alignment at step" in text
    assert "no mediator" in text


def test_a_run_stops_by_what_the_training_reports_besides_its_metric() -> None:
    ends: dict[int, float] = {}

    def train(config: Config, seed: int, report: Reporter) -> None:
        rng = generator(seed, "noise")
        luck, end = rng.normal(), 5.0 + 0.1 * float(config["x"]) + rng.random()
        ends[seed] = end
        for step in range(1, 11):
            if report(step, {"loss": end + luck * (1.0 - step / 10), "luck": luck}):
                break

    study = Study(Space(x=Float(0.0, 1.0)), "minimize loss", seed=0, method="random")
    run(study, train, 30)
    stopped = [trial for trial in study.trials if trial.status == "stopped_early"]
    assert any((trial.reason or "").endswith("also by `luck`") for trial in stopped)
    done = sorted(float(trial.metrics["loss"]) for trial in study.trials if trial.status == "done")
    assert all(ends[trial.seed or 0] > done[2] for trial in stopped)
