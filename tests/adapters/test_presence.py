"""Which parameter appears when, read off trials."""

from collections.abc import Mapping

import numpy as np
import pytest

from physai_inverse.adapters.presence import ERA, Presence, read_presence
from physai_inverse.observations import Scalar
from physai_inverse.space import Choice, Float, Integer
from physai_inverse.space.parameters import FreeParameter

Rows = list[dict[str, Scalar]]


def conditions(presence: Presence | None) -> Mapping[str, object]:
    assert presence is not None
    return {
        name: body.get("when") for name, body in presence.space.as_plain()["parameters"].items() if name != ERA
    }


def test_a_branch_of_a_category_is_found_to_any_depth() -> None:
    parameters: dict[str, FreeParameter] = {
        "x0": Choice([0, 1]),
        "x1": Choice([0, 1, 2]),
        "x2": Float(0, 1),
        "x3": Float(0, 1),
    }
    random = np.random.default_rng(0)
    rows: Rows = []
    for _ in range(40):
        row: dict[str, Scalar] = {"x0": int(random.integers(2))}
        if row["x0"] == 1:
            row["x1"] = int(random.integers(3))
            if row["x1"] != 1:
                row["x2"] = float(random.random())
        row["x3"] = float(random.random())
        rows.append(row)
    presence = read_presence(rows, parameters)
    assert presence is not None
    assert presence.eras == ()
    assert conditions(presence) == {"x0": None, "x1": {"x0": [1]}, "x2": {"x1": [0, 2]}, "x3": None}


def test_a_count_that_opens_parameters_is_found_as_a_threshold() -> None:
    parameters: dict[str, FreeParameter] = {"x0": Integer(1, 4), "x1": Float(0, 1), "x2": Float(0, 1)}
    rows: Rows = [
        {"x0": count, **{f"x{layer}": 0.5 for layer in range(1, 3) if layer <= count - 1}}
        for count in (1, 3, 2, 4, 1, 2, 3)
    ]
    assert conditions(read_presence(rows, parameters)) == {"x0": None, "x1": "x0 >= 2", "x2": "x0 >= 3"}


def test_two_parents_that_must_both_agree_are_found() -> None:
    parameters: dict[str, FreeParameter] = {"x0": Choice([0, 1]), "x1": Choice([0, 1]), "x2": Float(0, 1)}
    rows: Rows = []
    for first, second in [(0, 0), (0, 1), (1, 0), (1, 1)] * 2:
        rows.append({"x0": first, "x1": second} | ({"x2": 0.5} if first and second else {}))
    assert conditions(read_presence(rows, parameters))["x2"] == {"x0": [1], "x1": [1]}


def test_a_parameter_that_came_later_belongs_to_an_era_and_is_proposed_from_then_on() -> None:
    parameters: dict[str, FreeParameter] = {"x0": Float(0, 1), "x1": Float(0, 1)}
    random = np.random.default_rng(1)
    rows: Rows = [{"x0": float(random.random())} for _ in range(10)]
    rows += [{"x0": 0.1 * place, "x1": float(random.random())} for place in range(5)]
    presence = read_presence(rows, parameters)
    assert presence is not None
    assert presence.eras == (10,)
    assert all("x1" in config for config in presence.space.sample(20, seed=0))
    assert presence.with_era({"x0": 0.5}, 9)[ERA] == 0
    assert presence.with_era({"x0": 0.5}, 99)[ERA] == 1


def test_a_parameter_that_went_away_is_no_longer_proposed_but_kept_in_the_data() -> None:
    parameters: dict[str, FreeParameter] = {"x0": Float(0, 1), "x1": Float(0, 1)}
    random = np.random.default_rng(2)
    rows: Rows = [{"x0": float(random.random()), "x1": float(random.random())} for _ in range(6)]
    rows += [{"x0": 0.1 * place} for place in range(6)]
    presence = read_presence(rows, parameters)
    assert presence is not None
    assert not any("x1" in config for config in presence.space.sample(20, seed=0))
    presence.space.check(presence.with_era(rows[0], 0), constraints=False)


def test_a_threshold_on_a_fine_scale_needs_more_than_one_value_on_either_side() -> None:
    parameters: dict[str, FreeParameter] = {"x0": Float(0, 1), "x1": Float(0, 1)}
    chance: Rows = [{"x0": 0.1}, {"x0": 0.2}, {"x0": 0.9, "x1": 0.5}]
    presence = read_presence(chance, parameters)
    assert presence is not None
    assert presence.eras == (2,)
    rows: Rows = [{"x0": x, **({"x1": 0.5} if x > 0.5 else {})} for x in (0.1, 0.9, 0.2, 0.6, 0.4, 0.7)]
    assert conditions(read_presence(rows, parameters))["x1"] == "x0 >= 0.6"


def test_what_no_other_value_explains_is_left_out() -> None:
    parameters: dict[str, FreeParameter] = {"x0": Choice([0, 1]), "x1": Float(0, 1), "x2": Float(0, 1)}
    rows: Rows = [
        {"x0": place % 2, "x1": 0.5, **({"x2": 0.5} if place in (0, 3, 4, 9) else {})} for place in range(10)
    ]
    presence = read_presence(rows, parameters)
    assert presence is not None
    assert set(presence.space.parameters) == {"x0", "x1"}


def test_many_changes_of_the_program_leave_the_latest_eras() -> None:
    parameters: dict[str, FreeParameter] = {f"x{place}": Float(0, 1) for place in range(20)}
    rows: Rows = [{f"x{name}": 0.5 for name in range(place + 1)} for place in range(20)]
    presence = read_presence(rows, parameters)
    assert presence is not None
    assert len(presence.eras) == 7
    assert len(presence.space.sample(1, seed=0)[0]) == 21


@pytest.mark.parametrize("rows", [[], [{}, {}]])
def test_nothing_seen_gives_nothing(rows: Rows) -> None:
    assert read_presence(rows, {"x0": Float(0, 1)}) is None
