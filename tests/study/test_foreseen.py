"""What a trainer knows of its trainings before they begin, and what a run makes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from physai_inverse import Float, Minimize, Space, Study
from physai_inverse.study import run
from physai_inverse.study.prices import SECONDS, foreseen_at, points_to_foresee
from physai_inverse.trainers import Bill

Config = Mapping[str, Any]
SPACE = Space(x=Float(0.0, 1.0), size=Float(1.0, 100.0, log=True))


@dataclass(frozen=True)
class Foreseeing:
    """A trainer of many that says what its trainings take; a size costs as much as it says.

    Args:
        calls: sizes of its calls are noted here.
        own: share of the seconds alone that a training adds to others.
        asked: how often it was asked is noted here.
    """

    calls: list[int]
    own: float
    asked: list[int]
    trains_together: ClassVar[bool] = True

    def __call__(self, configs: Any, seeds: Any) -> Any:
        if isinstance(configs, Mapping):
            return self([configs], [seeds])[0]
        self.calls.append(len(configs))
        return [{"loss": (config["x"] - 0.3) ** 2 + 0.1 / config["size"]} for config in configs]

    def foresee(self, configs: Sequence[Config]) -> list[Bill | None]:
        self.asked.append(len(configs))
        return [Bill(config["size"], self.own * config["size"], 0.0) for config in configs]


def study(**arguments: Any) -> Study:
    return Study(SPACE, Minimize("loss"), **{"seed": 0, **arguments})


def test_a_run_that_pays_by_the_second_begins_with_cheap_trainings() -> None:
    sizes = {}
    for cost in (SECONDS, None):
        study_ = study(cost=cost)
        run(study_, Foreseeing([], 1.0, []), 4)
        sizes[cost] = np.mean([np.log(trial.config["size"]) for trial in study_.trials[1:]])
    assert sizes[SECONDS] < sizes[None] - 0.5


@pytest.mark.parametrize(("own", "calls"), [(1.0, [1] * 6), (0.01, [6])])
def test_a_run_makes_batches_only_where_they_pay(own: float, calls: list[int]) -> None:
    trainer = Foreseeing([], own, [])
    run(study(), trainer, 6, together=6)
    assert trainer.calls == calls


def test_a_run_asks_once_and_only_where_the_answer_counts() -> None:
    trainer = Foreseeing([], 0.5, [])
    study_ = study(cost=SECONDS)
    for budget in (2, 4):
        run(study_, trainer, budget)
    assert len(trainer.asked) == 1
    run(study(), trainer, 2)
    run(study(method="random", cost=SECONDS), trainer, 2)
    assert len(trainer.asked) == 1


def test_what_is_foreseen_leaves_the_number_that_a_user_asks_for() -> None:
    study_ = study()
    run(study_, Foreseeing([], 1.0, []), 1, together=4)
    assert study_.foreseen is not None
    assert len(study_.suggest(3)) == 3


def test_the_same_seed_gives_the_same_trials_with_what_is_foreseen() -> None:
    found = []
    for _ in range(2):
        study_ = study()
        run(study_, Foreseeing([], 0.3, []), 12, together=4)
        found.append([trial.config for trial in study_.trials])
        # What company saves is no price of a study without a cost.
        assert [trial.note["kind"] for trial in study_.trials if "price" in trial.note] == []
        assert "model" in {trial.note["kind"] for trial in study_.trials}
    assert found[0] == found[1]


def test_a_trainer_that_cannot_say_what_trainings_take_changes_nothing() -> None:
    @dataclass(frozen=True)
    class Broken(Foreseeing):
        def foresee(self, configs: Sequence[Config]) -> list[Bill | None]:  # noqa: ARG002 - it fails
            raise RuntimeError("no idea")

    study_ = study(cost=SECONDS)
    run(study_, Broken([], 1.0, []), 3)
    assert study_.foreseen is None
    assert len(study_.trials) == 3
    points = points_to_foresee(SPACE, 0)
    assert foreseen_at(SPACE, points, [None] * len(points), 0) is None


def test_a_price_is_learned_from_bills_and_what_came_on_top_from_seconds() -> None:
    points = points_to_foresee(SPACE, 0)
    bills = Foreseeing([], 0.2, []).foresee(SPACE.decode(points))
    foreseen = foreseen_at(SPACE, points, bills, 0)
    assert foreseen is not None
    units = SPACE.encode([{"x": 0.5, "size": size} for size in (2.0, 50.0)])
    prices = np.exp(foreseen.cost.log_price(units))
    assert prices == pytest.approx([2.0, 50.0], rel=0.1)
