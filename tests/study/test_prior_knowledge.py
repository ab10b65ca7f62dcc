"""What a study knows beforehand: starts, beliefs and earlier studies, said and used, harmless when wrong."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from physai_inverse import Belief, Choice, Float, Integer, Minimize, Space, Study
from physai_inverse.errors import InvalidInput, NotFound
from physai_inverse.store import Trial


def space(**more: Any) -> Space:
    return Space(
        {"lr": Float(1e-5, 1.0, log=True), "width": Integer(8, 256, log=True), "kind": Choice(["a", "b", "c"])}
        | more
    )


def loss(config: Mapping[str, Any]) -> float:
    value = (math.log10(config["lr"]) + 3.0) ** 2 + 0.2 * math.log2(config["width"] / 64) ** 2
    return value + {"a": 0.5, "b": 0.0, "c": 1.0}[config["kind"]] + 0.3


def filled(name: str = "old", num: int = 30, seed: int = 1, sign: float = 1.0, **arguments: Any) -> Study:
    study = Study(space(), Minimize("loss"), name=name, seed=seed, **arguments)
    configs = study.space.sample(num, seed=seed)
    study.import_observations([(config, {"loss": sign * loss(config)}) for config in configs])
    return study


def note(trial: Trial) -> dict[str, Any]:
    return dict(trial.note)


def advance(study: Study, num: int) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for _ in range(num):
        [trial] = study.suggest()
        study.observe(trial, {"loss": loss(trial.config)})
        found.append(trial.config)
    return found


def test_the_defaults_are_the_first_suggestion() -> None:
    defaults = {"lr": 1e-4, "width": 32, "kind": "c"}
    study = Study(
        Space(
            lr=Float(1e-5, 1.0, log=True, default=1e-4),
            width=Integer(8, 256, log=True, default=32),
            kind=Choice(["a", "b", "c"], default="c"),
        ),
        Minimize("loss"),
    )
    assert study.suggest()[0].config == defaults
    with_belief = Study(study.space, Minimize("loss"), beliefs=[Belief("lr", near=1e-2)])
    assert with_belief.suggest()[0].config == defaults


def test_starting_configurations_come_first_each_once_and_also_late() -> None:
    start = [{"lr": 1e-2, "width": 16, "kind": "a"}, {"lr": 1e-3, "width": 64, "kind": "b"}]
    study = Study(space(), Minimize("loss"), start=start, seed=0)
    assert advance(study, 2) == start
    assert study.suggest()[0].config not in start
    late = {"lr": 0.5, "width": 8, "kind": "c"}
    again = Study(space(), Minimize("loss"), store=study.store, start=[*start, late])
    [trial] = again.suggest()
    assert (trial.config, trial.note["kind"]) == (late, "given")
    assert again.suggest()[0].config != late


def test_two_who_ask_at_once_do_not_both_get_the_same_start() -> None:
    start = [{"lr": 1e-2, "width": 16, "kind": "a"}, {"lr": 1e-3, "width": 64, "kind": "b"}]
    one = Study(space(), Minimize("loss"), start=start, seed=0)
    other = Study(space(), Minimize("loss"), store=one.store, start=start)
    assert [study.suggest()[0].config for study in (one, other)] == start


def test_a_start_that_does_not_fit_is_refused_by_its_place() -> None:
    with pytest.raises(InvalidInput, match=r"`start\[1\]`.*`lr`"):
        Study(
            space(),
            Minimize("loss"),
            start=[{"lr": 1e-2, "width": 16, "kind": "a"}, {"lr": 7.0, "width": 9, "kind": "a"}],
        )


def test_the_first_suggestions_are_drawn_from_beliefs_and_from_the_whole_space() -> None:
    study = Study(space(), Minimize("loss"), beliefs=[Belief({"lr": 1e-3, "kind": "b"}, factor=2)], seed=0)
    trials = study.suggest(8)
    believed = [trial for trial in trials if trial.note["kind"] == "belief"]
    assert believed[0].config["lr"] == pytest.approx(1e-3)
    assert believed[0].config["kind"] == "b"
    assert all(1e-4 < float(trial.config["lr"]) < 1e-2 for trial in believed)
    spread = [math.log10(float(trial.config["lr"])) for trial in trials if trial.note["kind"] == "start"]
    assert max(spread) - min(spread) > 2


def test_a_belief_counts_less_with_results_and_nothing_where_they_contradict_it() -> None:
    right, wrong = (
        Study(space(), Minimize("loss"), beliefs=[Belief("lr", near=near, factor=2)], seed=0)
        for near in (1e-3, 0.3)
    )
    for study in (right, wrong):
        configs = study.space.sample(20, seed=4)
        study.import_observations([(config, {"loss": loss(config)}) for config in configs])
    notes = [note(study.suggest()[0])["beliefs"] for study in (right, wrong)]
    assert notes[0] == {"trust": 1.0, "weight": pytest.approx((7 / 20) ** 2)}
    assert notes[1]["trust"] < 0.2


def test_a_belief_whose_centre_did_worse_than_two_even_points_is_drawn_from_no_more() -> None:
    def kinds(near: float) -> list[str]:
        wide = space(**{f"x{place}": Float(0.0, 1.0) for place in range(5)})
        study = Study(wide, Minimize("loss"), beliefs=[Belief("lr", near=near, factor=2)], seed=0)
        advance(study, 6)
        return [str(trial.note["kind"]) for trial in study.trials]

    assert kinds(1e-3)[:5] == ["belief", "start", "start", "belief", "belief"]
    assert kinds(0.9)[:5] == ["belief", "start", "start", "start", "start"]


def test_a_belief_draws_the_proposals_of_the_map_towards_it() -> None:
    def proposals(beliefs: list[Belief]) -> list[float]:
        study = Study(space(), Minimize("loss"), beliefs=beliefs, seed=0)
        flat = study.space.sample(6, seed=4)
        study.import_observations([(config, {"loss": 1.0 + 1e-3 * number}) for number, config in enumerate(flat)])
        return [abs(math.log10(float(trial.config["lr"])) + 1.0) for trial in study.suggest(3)]

    assert max(proposals([Belief("lr", near=0.1, factor=2)])) < 0.7 < max(proposals([]))


def test_earlier_studies_give_the_first_configurations_and_their_weights_are_told() -> None:
    old = filled()
    study = Study(space(), Minimize("loss"), earlier=[old], seed=0)
    best = min(loss(trial.config) for trial in old.trials)
    [first] = study.suggest()
    assert first.note["kind"] == "earlier"
    assert loss(first.config) <= best + 0.3
    study.observe(first, {"loss": loss(first.config)})
    advance(study, 7)
    [trial] = study.suggest()
    assert trial.note["kind"] not in ("start", "earlier")
    assert note(trial)["earlier"]["loss"]["old"] > 0.3


def test_the_same_seed_observations_and_knowledge_give_the_same_suggestions() -> None:
    def configs() -> list[Mapping[str, Any]]:
        beliefs = [Belief("lr", near=1e-3, factor=3)]
        return advance(Study(space(), Minimize("loss"), earlier=[filled()], beliefs=beliefs, seed=3), 9)

    assert configs() == configs()


def test_a_negated_study_gets_no_weight() -> None:
    study = Study(space(), Minimize("loss"), earlier=[filled(sign=-1.0)], seed=0)
    advance(study, 14)
    assert note(study.suggest()[0])["earlier"]["loss"]["old"] < 0.05


def test_the_space_may_have_grown_shrunk_and_changed_since() -> None:
    old = filled()
    new = Space(
        lr=Float(1e-6, 1e-1, log=True),
        width=Integer(16, 1024, log=True),
        decay=Float(1e-6, 1e-1, log=True, default=1e-4),
        kind=Choice(["b", "a", "d"]),
    )
    study = Study(new, Minimize("loss"), earlier=[old], seed=0)
    known = study.knowledge.transferred
    assert known is not None
    assert len(known.earlier[0].data) == sum(trial.config["kind"] != "c" for trial in old.trials)
    [first] = study.suggest()
    assert first.note["kind"] == "earlier"
    assert first.config["decay"] == pytest.approx(1e-4)
    assert new.check(first.config) == first.config
    smaller = Study(Space(lr=Float(1e-5, 1.0, log=True)), Minimize("loss"), earlier=[old])
    assert set(smaller.suggest()[0].config) == {"lr"}


def test_failed_trainings_of_earlier_studies_are_no_starts() -> None:
    old = filled(num=12)
    for _ in range(6):
        old.fail(old.suggest()[0], "diverged")
    failed = [trial.config for trial in old.trials if trial.state.bad]
    study = Study(space(), Minimize("loss"), earlier=[old], seed=0)
    assert not [trial for trial in study.suggest(3) if trial.config in failed]


def test_an_earlier_study_is_read_from_its_store(tmp_path: Path) -> None:
    filled(store=tmp_path / "old.db").close()
    first = Study(space(), Minimize("loss"), earlier=[filled()], seed=0).suggest()[0].config
    for given in (tmp_path / "old.db", str(tmp_path / "old.db"), (tmp_path / "old.db", "old")):
        assert Study(space(), Minimize("loss"), earlier=[given], seed=0).suggest()[0].config == first


def test_studies_of_one_name_are_told_apart() -> None:
    study = Study(space(), Minimize("loss"), earlier=[filled(), filled(seed=2)])
    assert study.knowledge.transferred is not None
    assert [item.name for item in study.knowledge.transferred.earlier] == ["old", "old (2)"]


def test_an_earlier_study_that_says_nothing_changes_nothing() -> None:
    empty = Study(space(), Minimize("loss"), name="empty")
    plain, informed = (Study(space(), Minimize("loss"), seed=0, earlier=earlier) for earlier in ((), [empty]))
    assert advance(informed, 8) == advance(plain, 8)


def test_random_search_knows_nothing() -> None:
    start = [{"lr": 1e-2, "width": 16, "kind": "a"}]
    plain, informed = (
        Study(space(), Minimize("loss"), seed=0, method="random", **given)
        for given in ({}, {"start": start, "earlier": [filled()], "beliefs": [Belief("lr", near=1e-3)]})
    )
    assert [t.config for t in plain.suggest(4)] == [t.config for t in informed.suggest(4)]


@pytest.mark.parametrize(
    ("earlier", "error", "message"),
    [
        ("old.db", InvalidInput, "must be a list"),
        (["nowhere.db"], NotFound, "There is no database `nowhere.db`"),
        ([3], InvalidInput, "not int 3"),
    ],
)
def test_what_is_no_earlier_study_is_refused(earlier: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Study(space(), Minimize("loss"), earlier=earlier)


def test_an_earlier_study_without_a_common_parameter_is_refused() -> None:
    other = Study(Space(temperature=Float(0.0, 1.0)), Minimize("loss"), name="other")
    with pytest.raises(InvalidInput, match="`other` shares no parameter"):
        Study(space(), Minimize("loss"), earlier=[other])


def test_a_store_of_several_studies_needs_a_name(tmp_path: Path) -> None:
    with_two = filled(store=tmp_path / "two.db")
    Study(space(), Minimize("loss"), store=with_two.store, name="second")
    with pytest.raises(NotFound, match="say which one"):
        Study(space(), Minimize("loss"), earlier=[tmp_path / "two.db"])


def test_a_study_is_not_its_own_earlier_one(tmp_path: Path) -> None:
    one = filled(store=tmp_path / "old.db")
    with pytest.raises(InvalidInput, match="its own earlier study"):
        Study(space(), Minimize("loss"), store=tmp_path / "old.db", name="old", earlier=[one])
