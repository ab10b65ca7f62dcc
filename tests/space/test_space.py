"""The space: what may be configured, and the way to the unit cube and back."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from physai_inverse.errors import InvalidInput
from physai_inverse.space import Boolean, Choice, Constant, Float, Integer, Ordinal, Space, misfits
from physai_inverse.space.features import Features
from tests.strategies import spaces

quick = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def example() -> Space:
    return Space(
        lr=Float(1e-4, 1.0, log=True),
        width=Integer(8, 128, log=True),
        optimizer=Choice(["sgd", "adamw"]),
        momentum=Float(0.0, 0.99, when={"optimizer": ["sgd"]}),
        nesterov=Boolean(when="momentum > 0.5"),
        depth=Ordinal([1, 2, 4]),
        task=Constant("digits"),
        constraints=["width * depth <= 256"],
    )


@quick
@given(spaces(), st.integers(0, 2**32), st.sampled_from(["uniform", "sobol", "additive"]))
def test_decoding_what_was_encoded_gives_the_same_configuration(space: Space, seed: int, method: str) -> None:
    configs = space.sample(8, seed=seed, method=method)
    assert space.decode(space.encode(configs)) == configs


@quick
@given(spaces(), st.integers(0, 2**32), st.sampled_from(["uniform", "sobol", "additive"]))
def test_samples_are_active_in_range_and_keep_the_constraints(space: Space, seed: int, method: str) -> None:
    for config in space.sample(8, seed=seed, method=method):
        assert space.check(config) == config


@quick
@given(spaces(), st.integers(0, 2**32))
def test_snapping_is_encoding_what_decoding_gives(space: Space, seed: int) -> None:
    units = np.random.default_rng(seed).random((16, space.dimension))
    snapped = space.snap(units)
    assert np.array_equal(snapped, space.encode(space.decode(units)))
    assert np.array_equal(space.snap(snapped), snapped)


@quick
@given(spaces())
def test_a_space_comes_back_from_its_plain_form(space: Space) -> None:
    again = Space.from_plain(space.as_plain())
    assert again == space
    assert misfits(again, space) == []


@quick
@given(spaces(), st.integers(0, 2**32))
def test_features_lie_at_distance_zero_only_for_equal_configurations(space: Space, seed: int) -> None:
    units = space.encode(space.sample(6, seed=seed))
    encoded = Features(space).encode(units)
    assert encoded.shape == (6, len(Features(space).groups))
    for first in range(6):
        for second in range(6):
            same = np.array_equal(units[first], units[second])
            assert np.array_equal(encoded[first], encoded[second]) == same


@given(st.floats(1e-4, 1.0))
@settings(deadline=None)
def test_any_float_in_range_comes_back_to_twelve_digits_and_exactly_from_then_on(value: float) -> None:
    space = example()
    config = {"lr": value, "width": 32, "optimizer": "adamw", "depth": 1}
    kept = space.check(config)
    assert kept["lr"] == pytest.approx(value, rel=1e-11)
    assert space.decode(space.encode(config)) == kept == space.check(kept)
    assert space.same(config, kept)
    assert space.key(config) == space.key(kept)


def test_decimal_numbers_stay_as_they_are_written() -> None:
    space = Space(x=Float(1e-5, 10.0, log=True), y=Float(-3.0, 3.0))
    for x, y in [(0.1, 0.1), (1e-3, -0.3), (3e-4, 2.7), (10.0, 3.0), (1e-5, 0.0)]:
        assert space.decode(space.encode({"x": x, "y": y})) == {"x": x, "y": y}


def test_whole_numbers_on_a_log_scale_have_a_cell_each() -> None:
    space = Space(n=Integer(1, 1000, log=True), m=Integer(-5, 5))
    for n in range(1, 1001):
        assert space.decode(space.encode({"n": n, "m": n % 11 - 5})) == {"n": n, "m": n % 11 - 5}


def test_a_configuration_keeps_only_active_parameters() -> None:
    config = example().check({"lr": 0.1, "width": 32, "optimizer": "adamw", "depth": 1})
    assert config == {"lr": 0.1, "width": 32, "optimizer": "adamw", "depth": 1, "task": "digits"}


def test_conditions_hold_to_any_depth() -> None:
    space = Space(
        a=Choice(["on", "off"]),
        b=Integer(1, 9, when={"a": "on"}),
        c=Float(0.0, 1.0, when="b >= 5"),
        d=Boolean(when="c > 0.5"),
    )
    assert space.check({"a": "off"}) == {"a": "off"}
    assert space.check({"a": "on", "b": 5, "c": 0.6, "d": True})["d"] is True
    with pytest.raises(InvalidInput, match="`c` is only active when b >= 5"):
        space.check({"a": "on", "b": 4, "c": 0.6})


def test_a_constraint_does_not_bind_where_one_of_its_parameters_is_inactive() -> None:
    space = Space(
        a=Choice(["on", "off"]),
        x=Float(0.0, 1.0),
        y=Float(0.0, 1.0, when={"a": "on"}),
        constraints=["x + y <= 0.5"],
    )
    assert space.check({"a": "off", "x": 0.9})
    with pytest.raises(InvalidInput, match=r"'x \+ y <= 0.5' does not hold"):
        space.check({"a": "on", "x": 0.4, "y": 0.4})


def test_the_hash_is_stable_and_blind_to_order() -> None:
    space = example()
    config = {"lr": 0.1, "width": 32, "optimizer": "sgd", "momentum": 0.25, "depth": 2, "task": "digits"}
    assert space.key(config) == space.key(dict(reversed(list(config.items()))))
    assert space.key(config) == "6bbb2fb13a751cc2e4fec97f0ff044f4"  # stored keys must stay valid
    assert space.key(config) != space.key({**config, "momentum": 0.26})


def test_tight_constraints_are_still_sampled() -> None:
    space = Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0), z=Float(0.0, 1.0), constraints=["x + y + z <= 0.02"])
    configs = space.sample(50, seed=0)
    assert len(configs) == 50
    assert all(sum(map(float, config.values())) <= 0.02 for config in configs)


def test_impossible_constraints_say_so() -> None:
    space = Space(x=Float(0.0, 1.0), constraints=["x > 2"])
    with pytest.raises(InvalidInput, match=r"None of .* points fulfils the constraints"):
        space.sample(1, seed=0)


@pytest.mark.parametrize(("method", "least"), [("sobol", 64), ("additive", 50)])
def test_an_even_sequence_fills_the_square_more_evenly_than_chance(method: str, least: int) -> None:
    space = Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0))
    configs = space.sample(64, seed=3, method=method)
    cells = {(int(float(config["x"]) * 8), int(float(config["y"]) * 8)) for config in configs}
    assert len(cells) >= least  # of 64; by chance about 40


def test_a_space_may_grow_but_not_lose_what_trials_have() -> None:
    old = Space(x=Float(0.0, 1.0), kind=Choice(["a", "b"]), k=Constant(3))
    new = Space(
        x=Float(-1.0, 2.0), kind=Choice(["b", "a", "c"]), k=Integer(1, 5), extra=Float(0.0, 1.0, default=0.5)
    )
    assert misfits(new, old) == []
    assert new.complete({"x": 0.3, "kind": "a"} | {"k": 3}) == {"x": 0.3, "kind": "a", "k": 3, "extra": 0.5}
    problems = misfits(Space(x=Float(0.5, 1.0), z=Float(0.0, 1.0)), old)
    assert len(problems) == 4


BAD_PARAMETERS = [
    (lambda: Float(1.0, 0.0), "`low` must be below `high`"),
    (lambda: Float(0.0, 1.0, log=True), "must be above 0 on a logarithmic scale"),
    (lambda: Float(float("nan"), 1.0), "`low` must be finite"),
    (lambda: Float(0.0, float("inf")), "`high` must be finite"),
    (lambda: Float("0.1", 1.0), "without quotes"),
    (lambda: Float(0.0, 1.0, default=2.0), "`default`: expected a number in"),
    (lambda: Float(0.0, 1.0, log="yes"), "`log` must be true or false"),
    (lambda: Float(-1e308, 1e308), "too wide"),
    (lambda: Float(True, 2.0), "`low` must be a number"),
    (lambda: Integer(1.5, 3), "must be a whole number"),
    (lambda: Integer(0, 10, log=True), "must be above 0"),
    (lambda: Integer(0, 10**15), "must be a whole number of at most"),
    (lambda: Integer(3, 3), "use a Constant"),
    (lambda: Choice([]), "at least two"),
    (lambda: Choice(["a"]), "at least two"),
    (lambda: Choice("ab"), "must be a list"),
    (lambda: Choice(["a", "a"]), "different from each other"),
    (lambda: Choice([1, 1.0]), "different from each other"),
    (lambda: Choice([None, 1]), "finite numbers, texts and booleans"),
    (lambda: Ordinal([1.0, float("inf")]), "finite numbers"),
    (lambda: Constant([1]), "`value` must be"),
    (lambda: Boolean(when={}), "`when` must map"),
    (lambda: Boolean(when={"a": []}), "at least one value"),
    (lambda: Boolean(when="a + 1"), "must be true or false"),
    (lambda: Boolean(when="a +"), "Cannot read the expression"),
]


@pytest.mark.parametrize(("make", "message"), BAD_PARAMETERS)
def test_a_parameter_that_cannot_be_meant_is_refused(make, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidInput, match=message):
        make()


BAD_SPACES = [
    (lambda: Space(), "at least one parameter that varies"),
    (lambda: Space(a=Constant(1)), "at least one parameter that varies"),
    (lambda: Space({"": Float(0.0, 1.0)}), "parameter name"),
    (lambda: Space({" a": Float(0.0, 1.0)}), "parameter name"),
    (lambda: Space({"a\x00": Float(0.0, 1.0)}), "parameter name"),
    (lambda: Space({"a" * 3000: Float(0.0, 1.0)}), "parameter name"),
    (lambda: Space(a=3), "must be one of Float"),
    (lambda: Space(a=Float(0.0, 1.0, when={"b": [1]})), "names \\['b'\\], which is no parameter"),
    (lambda: Space(a=Boolean(when={"b": [True]}), b=Boolean(when={"a": [True]})), "form a circle"),
    (lambda: Space(a=Boolean(when={"a": [True]})), "form a circle"),
    (lambda: Space(a=Boolean(), b=Boolean(when={"a": ["yes"]})), "asks for a = 'yes', which cannot be"),
    (lambda: Space(a=Float(0.0, 1.0), constraints=["b < 1"]), "speaks of \\['b'\\]"),
    (lambda: Space(a=Float(0.0, 1.0), constraints=["a + 1"]), "is a number; write a comparison"),
    (lambda: Space(a=Float(0.0, 1.0), constraints=["__import__('os')"]), "only these functions are known"),
    (lambda: Space(a=Float(0.0, 1.0), constraints=["a <"]), "Cannot read the expression"),
]


@pytest.mark.parametrize(("make", "message"), BAD_SPACES)
def test_a_space_that_cannot_be_meant_is_refused(make, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidInput, match=message):
        make()


BAD_CONFIGS: list[tuple[object, str]] = [
    ([1], "must map parameter names"),
    ({"lr": 0.1}, "`width` is missing"),
    ({"lr": 2.0, "width": 32, "optimizer": "adamw", "depth": 1}, "expected a number in \\[0.0001, 1\\], got 2.0"),
    ({"lr": float("nan"), "width": 32, "optimizer": "adamw", "depth": 1}, "got nan"),
    ({"lr": "0.1", "width": 32, "optimizer": "adamw", "depth": 1}, "got str '0.1'"),
    ({"lr": True, "width": 32, "optimizer": "adamw", "depth": 1}, "got bool True"),
    ({"lr": 0.1, "width": 32.5, "optimizer": "adamw", "depth": 1}, "expected a whole number"),
    ({"lr": 0.1, "width": 32, "optimizer": "adam", "depth": 1}, "expected one of \\['sgd', 'adamw'\\]"),
    ({"lr": 0.1, "width": 32, "optimizer": "adamw", "depth": True}, "expected one of \\[1, 2, 4\\]"),
    (
        {"lr": 0.1, "width": 32, "optimizer": "adamw", "depth": 1, "momentum": 0.5},
        "only active when optimizer = sgd",
    ),
    ({"lr": 0.1, "width": 32, "optimizer": "adamw", "depth": 1, "typo": 1}, "`typo` is no parameter"),
    ({"lr": 0.1, "width": 128, "optimizer": "adamw", "depth": 4}, "does not hold"),
    (
        {"lr": 0.1, "width": 32, "optimizer": "adamw", "depth": 1, "task": "other"},
        "expected the constant 'digits'",
    ),
]


@pytest.mark.parametrize(("config", "message"), BAD_CONFIGS)
def test_a_configuration_that_does_not_fit_is_refused_with_the_reason(config: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        example().check(config)


def test_numpy_numbers_are_taken_as_numbers() -> None:
    config = {"lr": np.float32(0.5), "width": np.int64(32), "optimizer": np.str_("adamw"), "depth": np.int32(2)}
    kept = example().check(config)
    assert [type(value) for value in kept.values()] == [float, int, str, int, str]


@pytest.mark.parametrize("units", [np.full((1, 3), 0.5), np.full(7, 1.5), np.full(7, np.nan)])
def test_points_outside_of_the_cube_are_refused(units: np.ndarray) -> None:
    with pytest.raises(InvalidInput, match="`units` must"):
        example().decode(units)


def test_every_constraint_says_where_it_holds() -> None:
    space = Space(
        a=Integer(1, 10),
        kind=Choice(["x", "y"]),
        b=Integer(1, 10, when={"kind": "y"}),
        constraints=["a <= 5", "a * b <= 20"],
    )
    points = space.encode([{"a": 7, "kind": "x"}, {"a": 5, "kind": "y", "b": 5}, {"a": 2, "kind": "y", "b": 3}])
    held = space.held(points)
    assert held["a <= 5"].tolist() == [False, True, True]
    assert held["a * b <= 20"].tolist() == [True, False, True]  # does not bind where `b` is inactive
    assert space.feasible(points).tolist() == [False, False, True]
