"""Configurations of other spaces: what is shared keeps its place in physical units, the rest its default."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from physai_inverse.space import Boolean, Choice, Constant, Float, Integer, Ordinal, Space
from physai_inverse.space.alignment import aligned
from tests.strategies import spaces


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(spaces(), st.integers(0, 2**32))
def test_the_same_space_gives_the_points_of_its_own_encoding(space: Space, seed: int) -> None:
    configs = space.sample(5, seed=seed)
    units, placed = aligned(space, configs)
    assert placed.all()
    np.testing.assert_allclose(units, space.encode(configs), atol=1e-9)


def test_a_value_keeps_its_place_when_the_range_grows_and_lies_beyond_the_cube_when_it_shrinks() -> None:
    space = Space(lr=Float(1e-4, 1e-2, log=True), width=Integer(1, 9), level=Ordinal([1.0, 2.0, 4.0]))
    units, placed = aligned(
        space,
        [
            {"lr": 1e-3, "width": 5, "level": 3.0},
            {"lr": 1e-1, "width": 18, "level": 4.0},
        ],
    )
    assert placed.all()
    np.testing.assert_allclose(units[0], [0.5, 0.5, (1.5 + 0.5) / 3])
    np.testing.assert_allclose(units[1], [1.5, 17.5 / 9, 2.5 / 3])


def test_what_is_missing_stands_at_the_default_and_what_is_too_many_is_left_out() -> None:
    space = Space(lr=Float(0.0, 1.0), decay=Float(0.0, 1.0, default=0.25), dropout=Float(0.0, 1.0))
    units, placed = aligned(space, [{"lr": 0.75, "momentum": 0.9}])
    assert placed.all()
    np.testing.assert_allclose(units[0], [0.75, 0.25, 0.5])


def test_a_constant_of_the_other_space_is_a_value_like_any_other() -> None:
    old = Space(lr=Float(0.0, 1.0), epochs=Constant(20))
    new = Space(lr=Float(0.0, 1.0), epochs=Integer(1, 40))
    units, _ = aligned(new, [old.check({"lr": 0.5})])
    assert units[0, 1] == pytest.approx(19.5 / 40)


def test_a_parameter_that_is_inactive_here_rests_whatever_it_was_there() -> None:
    space = Space(optimizer=Choice(["sgd", "adam"]), momentum=Float(0.0, 1.0, when={"optimizer": "sgd"}))
    units, placed = aligned(space, [{"optimizer": "adam", "momentum": 0.9}, {"optimizer": "sgd", "momentum": 0.9}])
    assert placed.all()
    np.testing.assert_allclose(units[:, 1], [0.5, 0.9])


@pytest.mark.parametrize(
    "config",
    [
        {"kind": "c"},
        {"lr": 0.0},
        {"lr": "fast"},
        {"flag": 1},
        {"level": 16.0},
    ],
)
def test_a_value_without_a_place_here_costs_the_configuration_its_place(config: dict[str, Any]) -> None:
    space = Space(
        kind=Choice(["a", "b"]), lr=Float(1e-4, 1.0, log=True), flag=Boolean(), level=Ordinal([1.0, 2.0, 8.0])
    )
    _, placed = aligned(space, [config, {"kind": "a"}])
    assert placed.tolist() == [False, True]
