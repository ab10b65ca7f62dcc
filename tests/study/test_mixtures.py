"""A study of a mixture: every verb, a space that grows, and earlier studies with other parts."""

import math
from collections.abc import Mapping
from typing import Any

import pytest

from physai_inverse import Float, Shares, Space, Study
from physai_inverse.errors import Conflict, InvalidInput
from physai_inverse.store import Store

BEST = {"web": 0.7, "code": 0.3, "books": 0.0}


def space(parts: tuple[str, ...] = ("web", "code", "books")) -> Space:
    return Space(mixture=Shares(parts), lr=Float(1e-4, 1.0, log=True))


def loss(config: Mapping[str, Any]) -> float:
    away = sum((config.get(name, 0.0) - share) ** 2 for name, share in BEST.items())
    return float(math.sqrt(0.01 + away) + 0.05 * (math.log10(config["lr"]) + 2.0) ** 2)


def filled(num: int = 40, **arguments: Any) -> Study:
    study = Study(space(), "minimize loss", seed=0, **arguments)
    study.import_observations([(config, {"loss": loss(config)}) for config in study.space.sample(num, seed=1)])
    return study


def test_suggestions_are_mixtures_and_close_in_on_the_best_one() -> None:
    study = Study(space(), "minimize loss", seed=0)
    for _ in range(16):
        [trial] = study.suggest(1)
        assert study.space.check(trial.config) == trial.config
        study.observe(trial.number, {"loss": loss(trial.config)})
    best = study.recommend()
    assert best.config["web"] == pytest.approx(0.7, abs=0.05)
    assert best.config["books"] == pytest.approx(0.0, abs=0.05)


def test_the_same_seed_and_observations_suggest_the_same_mixtures() -> None:
    first, second = ([trial.config for trial in filled().suggest(3)] for _ in range(2))
    assert first == second


def test_an_inverse_query_answers_with_mixtures_their_marginals_and_tolerances() -> None:
    study = filled(60)
    answer = study.invert("loss <= 0.25")
    assert answer.reachable
    assert all(study.space.check(config) == config for config in answer)
    marginals = {item.name: item for item in answer.marginals}
    low, high = (marginals["web"].quantiles[level] for level in (0.05, 0.95))
    assert low < 0.7 < high < 0.9
    assert marginals["web"].remaining < 0.7
    tolerance = next(item for item in answer.tolerances if item.name == "web")
    assert 0.4 < tolerance.low < answer[0]["web"] < tolerance.high < 0.95  # type: ignore[operator]  # numbers
    assert loss(answer[0]) < 0.25


def test_predictions_take_shares_that_are_off_by_rounding() -> None:
    study = filled()
    mixtures: list[dict[str, Any]] = [
        {"web": 0.7, "code": 0.3, "books": 0.0},
        {"web": 0.693, "code": 0.297, "books": 0},
    ]
    exact, rounded = study.predict([{**mixture, "lr": 0.01} for mixture in mixtures])["loss"].mean
    assert exact == pytest.approx(rounded, rel=1e-9)
    with pytest.raises(InvalidInput, match="must add up to 1"):
        study.predict([{"web": 0.7, "code": 0.2, "books": 0.0, "lr": 0.01}])


def test_a_study_goes_on_with_a_part_more() -> None:
    store = Store(":memory:")
    filled(12, store=store, name="mixtures")
    wider = space(("web", "code", "books", "wiki"))
    with pytest.raises(Conflict, match="grow=True"):
        Study(wider, "minimize loss", store=store, name="mixtures")
    study = Study(wider, "minimize loss", store=store, name="mixtures", grow=True)
    assert set(study.predict([{**BEST, "wiki": 0.0, "lr": 0.01}])) == {"loss"}
    assert set(study.suggest(1)[0].config) == {"web", "code", "books", "wiki", "lr"}


def test_an_earlier_study_of_fewer_parts_is_learned_from() -> None:
    earlier = filled(40)
    study = Study(space(("web", "code", "books", "wiki")), "minimize loss", seed=3, earlier=[earlier])
    found = []
    for _ in range(6):
        [trial] = study.suggest(1)
        study.observe(trial.number, {"loss": loss(trial.config)})
        found.append(loss(trial.config))
    assert min(found) < 0.25
