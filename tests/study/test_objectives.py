"""Studies with expressions, trade-offs, costs and robust wishes: from the first suggestion to the answer."""

import math
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
import pytest

from physai_inverse import AtMost, Belief, Float, Integer, Minimize, Objective, Observation, Space, Study
from physai_inverse.errors import InvalidInput, NotFound
from physai_inverse.study import best_measured

EXPRESSION = "loss + 0.1 * log10(params)"


def space() -> Space:
    return Space(lr=Float(1e-4, 1.0, log=True), width=Integer(8, 128, log=True))


def train(config: Mapping[str, object]) -> dict[str, float]:
    lr, width = float(str(config["lr"])), float(str(config["width"]))
    return {"loss": (math.log10(lr) + 2) ** 2 + 4 / width, "params": width**2}


def trained(objective: object, number: int = 8, seconds: Callable[[float], float] | None = None) -> Study:
    """A study with trainings on an even grid."""
    study = Study(space(), objective, seed=0)
    rows = []
    for row in range(number):
        config = {"lr": 10 ** (-4 + 4 * ((row * 0.618) % 1)), "width": int(8 * 16 ** (row / (number - 1)))}
        spent = None if seconds is None else seconds(float(config["width"]))
        rows.append(Observation(config, train(config), seconds=spent))
    study.import_observations(rows)
    return study


def test_an_expression_is_suggested_for_shown_and_recommended() -> None:
    study = trained(f"minimize {EXPRESSION}")
    [trial] = study.suggest()
    assert trial.note["kind"] == "model"
    assert {EXPRESSION, "loss", "params"} == set(trial.note["predicted"])
    best = study.recommend()
    low, high = best.predictions[EXPRESSION].interval
    value = best.measured["loss"] + 0.1 * math.log10(float(best.measured["params"]))  # type: ignore[operator]  # floats
    assert low - 0.1 <= value <= high + 0.1
    found = best_measured(study, study.trials)
    assert found is not None
    assert found[1] == pytest.approx(min(t["loss"] + 0.1 * math.log10(t["params"]) for t in map(train, [
        each.config for each in study.trials if each.state.finished
    ])))  # fmt: skip
    assert EXPRESSION in study.predict(best.config)
    assert set(study.predict(best.config).scores()) == {"loss", "params"}


def test_a_training_has_to_give_the_metrics_of_an_expression_and_not_its_parameters() -> None:
    study = Study(space(), "minimize loss + 0.001 * width", seed=0)
    [trial] = study.suggest()
    with pytest.raises(InvalidInput, match=r"lacks \['loss'\]"):
        study.observe(trial, {"los": 1.0})
    assert study.observe(trial, {"loss": 1.0}).status == "done"


def test_a_study_of_parameters_alone_is_refused() -> None:
    with pytest.raises(InvalidInput, match="speaks of parameters alone"):
        Study(space(), "minimize lr * width")


def test_a_query_may_speak_of_expressions_and_parameters() -> None:
    study = trained("minimize loss")
    answer = study.invert(Minimize("loss") & AtMost("width", 16) & AtMost("log10(params) / 2", 1.3), n=3)
    assert all(float(config["width"]) <= 16 for config in answer)
    with pytest.raises(NotFound, match=r"speaks of \['lss'\]"):
        study.invert("minimize lss + width", n=1)


def test_the_pareto_set_is_what_nothing_beats_and_its_odds_are_sure_without_noise() -> None:
    study = trained("minimize loss", 12)
    with pytest.raises(InvalidInput, match="at least two wishes"):
        study.pareto()
    study = trained([Minimize("loss"), Minimize("params")], 12)
    found = study.pareto()
    values = {t.number: train(t.config) for t in study.trials}
    truth = {
        number
        for number, own in values.items()
        if not any(o["loss"] <= own["loss"] and o["params"] <= own["params"] and o != own for o in values.values())
    }
    sure = {point.number for point in found if point.probability > 0.9}
    assert sure <= truth
    assert truth <= {point.number for point in found}
    assert found.hypervolume is not None
    assert found.interval is not None
    assert found.interval[0] <= found.interval[1]
    losses = [point.predictions["loss"].median for point in found]
    assert losses == sorted(losses)
    [trial] = study.suggest()
    assert trial.note["kind"] == "model"


def test_nothing_trained_has_no_trade_off() -> None:
    with pytest.raises(NotFound, match="No trade-off yet"):
        Study(space(), [Minimize("loss"), Minimize("params")], seed=0).pareto()


def test_a_learned_cost_draws_proposals_to_what_is_cheap_and_a_constant_one_changes_none() -> None:
    plain = trained("minimize loss", 10).suggest()[0].config
    constant = trained(Objective((Minimize("loss"),), cost="seconds"), 10, lambda width: 3.0).suggest()[0].config
    dear = trained(Objective((Minimize("loss"),), cost="seconds"), 10, lambda width: width**2).suggest()[0].config
    assert constant == plain
    assert float(dear["width"]) < float(plain["width"])


def test_the_cost_stands_in_the_store_and_an_unknown_one_is_named() -> None:
    study = Study(space(), "minimize loss", cost="tokens", seed=0)
    assert Study.load(study.store, study.name).objective.cost == "tokens"
    study.import_observations([({"lr": 0.1, "width": 8}, {"loss": 1.0})])
    with pytest.raises(NotFound, match="cost `tokens` was never recorded"):
        study.suggest()


def test_a_robust_study_recommends_the_wide_valley() -> None:
    def valley(lr: float) -> float:
        """A narrow, deep valley beside a wide one."""
        x = math.log10(lr)
        return 1.0 - 0.9 * math.exp(-(((x + 3) / 0.12) ** 2)) - 0.8 * math.exp(-(((x + 1.2) / 0.6) ** 2))

    rows = [
        ({"lr": 10 ** (-4 + 4 * k / 24), "width": 8}, {"loss": valley(10 ** (-4 + 4 * k / 24))}) for k in range(25)
    ]
    picks = {}
    for name, robust in (("plain", {}), ("robust", {"lr": 0.1})):
        study = Study(space(), Objective((Minimize("loss"),), robust=robust), seed=0)
        study.import_observations(rows)
        picks[name] = math.log10(float(study.recommend().config["lr"]))
    assert picks["plain"] == pytest.approx(-3, abs=0.1)
    assert picks["robust"] == pytest.approx(-1.2, abs=0.35)
    with pytest.raises(InvalidInput, match="`robust` speaks of `learning_rate`, no parameter"):
        Study(space(), Objective((Minimize("loss"),), robust={"learning_rate": 0.1}))


def test_a_study_asks_for_what_bad_seeds_keep() -> None:
    study = Study(space(), Objective((Minimize("loss"),), seeds=0.9), seed=0)
    rng = np.random.default_rng(0)
    rows = []
    for k in range(24):
        lr = 1e-3 if k % 2 else 1e-1
        noise = rng.normal() * (0.3 if k % 2 else 0.01)
        rows.append(({"lr": lr, "width": 8}, {"loss": (0.9 if k % 2 else 1.0) + noise}))
    study.import_observations(rows)
    assert study.recommend().config["lr"] == pytest.approx(0.1)


def test_a_query_over_a_band_and_an_expression_promises_what_comes_true() -> None:
    study = trained("minimize loss", 16)
    answer = study.invert(["-1 <= " + EXPRESSION + " <= 1", "500 <= params <= 8000"], n=2)
    assert answer.reachable
    assert answer.chances[0].low <= answer.chances[0].probability + 0.05
    verified = study.verify(answer, train, 1)
    assert verified.met == 1
    measured = verified.trainings[0].measured
    assert set(measured) == {EXPRESSION, "params", "loss"}
    assert measured[EXPRESSION] == pytest.approx(measured["loss"] + 0.1 * math.log10(measured["params"]))


def test_a_band_beyond_the_data_is_out_of_reach_and_told_by_how_far() -> None:
    study = trained("minimize loss", 16)
    answer = study.invert("-60 <= " + EXPRESSION + " <= -50", n=1)
    assert not answer.reachable
    [shortfall] = answer.shortfalls
    assert shortfall.metric == EXPRESSION
    assert shortfall.missing == pytest.approx(shortfall.predicted + 50)
    assert shortfall.missing > 45


def test_a_wish_for_an_expression_has_to_reach_the_best_predicted_one() -> None:
    study = trained("minimize loss", 16)
    answer = study.invert("minimize " + EXPRESSION, n=2)
    best = min(study.predict([trial.config for trial in study.trials], noise=False)["loss"].quantiles[0.5])
    assert answer.bars[EXPRESSION] > best  # some share of the parameters is added
    assert answer.as_plain()["bars"] == answer.bars


def test_a_suggestion_for_an_expression_says_why() -> None:
    study = trained("minimize " + EXPRESSION)
    [trial] = study.suggest()
    note = cast("dict[str, Any]", trial.note)
    assert set(note["expected_gain"]) == {EXPRESSION}
    assert note["intent"] in ("exploit", "explore")


def test_a_suggestion_with_a_cost_says_what_it_costs_and_a_robust_one_what_it_gains() -> None:
    objective = Objective((Minimize("loss"), AtMost("params", 8000)), robust={"lr": 0.1}, cost="seconds")
    study = trained(objective, seconds=lambda width: width**2)
    [trial] = study.suggest()
    width, note = float(str(trial.config["width"])), cast("dict[str, Any]", trial.note)
    assert (note["price"] < 1) == (width < 32)  # 32: the middle of its range
    assert note["expected_gain"]["loss"] >= 0
    assert 0 <= note["limits"]["params <= 8000.0"] <= 1


def test_earlier_studies_and_beliefs_serve_an_expression() -> None:
    earlier = trained("minimize loss", 16)
    study = Study(space(), f"minimize {EXPRESSION}", seed=1, earlier=[earlier], beliefs=[Belief("lr", near=0.01)])
    kinds = []
    for _ in range(8):
        [trial] = study.suggest()
        kinds.append(trial.note["kind"])
        study.observe(trial, train(trial.config))
    assert "earlier" in kinds
    assert "belief" in kinds
    place = kinds.index("earlier")
    best = min(
        (train(trial.config) for trial in earlier.trials), key=lambda m: m["loss"] + 0.1 * math.log10(m["params"])
    )
    assert study.trials[place].metrics["loss"] == pytest.approx(best["loss"], abs=0.5)
