"""Beliefs: a density that says what was believed, in the units it was believed in, and errors that help."""

import math
from typing import Any

import numpy as np
import pytest

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Scalar
from physai_inverse.space import Boolean, Choice, Constant, Float, Integer, Ordinal, Space
from physai_inverse.space.beliefs import FLOOR, Belief, Beliefs, read_belief


def space() -> Space:
    return Space(
        lr=Float(1e-5, 1e-1, log=True),
        dropout=Float(0.0, 0.5),
        optimizer=Choice(["sgd", "adamw", "lion"]),
        momentum=Float(0.0, 1.0, when={"optimizer": "sgd"}),
        width=Integer(8, 512, log=True),
        batch=Ordinal([16, 32, 64, 128]),
        bias=Boolean(),
        epochs=Constant(20),
    )


def held(*listed: Belief) -> Beliefs:
    return Beliefs(space(), listed)


def points(column: str, values: list[Scalar]) -> np.ndarray:
    rest: dict[str, Scalar] = {
        "lr": 1e-3,
        "dropout": 0.1,
        "optimizer": "adamw",
        "width": 64,
        "batch": 32,
        "bias": False,
    }
    configs = [{**rest, column: value} for value in values]
    return np.asarray(
        space().encode([c | ({"momentum": 0.5} if c["optimizer"] == "sgd" else {}) for c in configs])
    )


@pytest.mark.parametrize(
    "belief",
    [
        Belief("lr", near=1e-3, factor=3),
        Belief("dropout", near=0.1, spread=0.05),
        Belief("width", near=500, factor=2),
        Belief("batch", near=40, factor=2),
        Belief("optimizer", weights={"adamw": 5, "lion": 0}),
        Belief("bias", near=True, factor=4),
        Belief({"lr": 1e-2, "optimizer": "lion", "dropout": 0.4, "bias": False}, factor=2),
    ],
    ids=str,
)
def test_the_density_of_a_belief_is_one_on_average(belief: Belief) -> None:
    units = space().snap(np.random.default_rng(0).random((40_000, space().dimension)))
    assert np.exp(held(belief).log_density(units)).mean() == pytest.approx(1.0, abs=0.06)


def test_a_factor_is_one_standard_deviation_in_the_logarithm() -> None:
    belief = held(Belief("lr", near=1e-3, factor=3))
    middle, off = belief.log_density(points("lr", [1e-3, 3e-3]))
    peak, side = ((math.exp(value) - FLOOR) / (1 - FLOOR) for value in (middle, off))
    assert side / peak == pytest.approx(math.exp(-0.5), rel=1e-6)


def test_draws_fall_within_the_factor_as_often_as_it_says() -> None:
    even = (np.arange(1000)[:, None] + 0.5) / 1000 * np.ones((1, space().dimension))
    drawn = space().decode(held(Belief("lr", near=1e-3, factor=3)).drawn(even))
    inside = np.mean([1e-3 / 3 <= config["lr"] <= 3e-3 for config in drawn])
    assert inside == pytest.approx(0.683, abs=0.01)


def test_weights_say_how_often_a_category_is_drawn() -> None:
    even = (np.arange(1000)[:, None] + 0.5) / 1000 * np.ones((1, space().dimension))
    drawn = space().decode(held(Belief("optimizer", weights={"adamw": 8})).drawn(even))
    assert np.mean([config["optimizer"] == "adamw" for config in drawn]) == pytest.approx(0.8, abs=0.01)


def test_the_centre_is_what_is_near_and_the_rest_stands_where_it_rests() -> None:
    belief = held(Belief({"lr": 1e-2, "optimizer": "lion", "width": 100}, factor=2))
    config = space().decode(space().snap(belief.centre[None]))[0]
    assert (config["lr"], config["optimizer"], config["width"]) == (pytest.approx(1e-2), "lion", 100)
    assert config["dropout"] == 0.25


def test_a_belief_about_an_inactive_parameter_says_nothing() -> None:
    belief = held(Belief("momentum", near=0.9, spread=0.05))
    inactive, active = belief.log_density(points("optimizer", ["adamw", "sgd"]))
    assert inactive == 0.0
    assert active < -1.0


def test_a_belief_never_rules_a_value_out() -> None:
    belief = held(Belief("optimizer", weights={"lion": 0}), Belief("dropout", near=0.0, spread=1e-3))
    assert belief.log_density(points("dropout", [0.5])).min() >= 2 * math.log(FLOOR)


@pytest.mark.parametrize(
    ("text", "belief"),
    [
        ("lr near 1e-3 factor 3", Belief("lr", 1e-3, factor=3.0)),
        ("dropout near 0.1 spread 0.05", Belief("dropout", 0.1, spread=0.05)),
        ("optimizer near adamw", Belief("optimizer", "adamw")),
        ("bias near true factor 2", Belief("bias", True, factor=2.0)),
    ],
)
def test_a_belief_can_be_written_in_words(text: str, belief: Belief) -> None:
    assert read_belief(text) == belief


@pytest.mark.parametrize("text", ["lr", "lr near", "lr around 3", "lr near 1 factor x", "lr factor 3 near 1"])
def test_words_that_are_no_belief_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(InvalidInput, match="belief"):
        read_belief(text)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"about": "lr"}, "needs either `near` or `weights`"),
        ({"about": "lr", "near": 1e-3, "factor": 1.0}, "`factor` must be a number above 1"),
        ({"about": "lr", "near": 1e-3, "spread": 0}, "`spread` must be a number above 0"),
        ({"about": "lr", "near": 1e-3, "factor": 2, "spread": 1}, "either `factor` or `spread`"),
        ({"about": "optimizer", "weights": {"sgd": -1}}, "at least 0"),
        ({"about": "optimizer", "weights": {}}, "`weights` must map"),
        ({"about": {"lr": 1e-3}, "spread": 0.1}, "takes `factor` alone"),
        ({"about": 3, "near": 1}, "`about` must be"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Belief(**arguments)


@pytest.mark.parametrize(
    ("belief", "message"),
    [
        (Belief("rate", near=1e-3), "`rate`, which is no parameter"),
        (Belief("epochs", near=20), "a constant"),
        (Belief("lr", near=1.0), r"`lr`: expected a number in \[1e-05, 0.1\]"),
        (Belief("optimizer", near="adam"), "expected one of"),
        (Belief("optimizer", weights={"adam": 2}), "expected one of"),
        (Belief("batch", near=1024), r"in \[16, 128\]"),
        (Belief("lr", near=1e-3, spread=1e-3), "say `factor` on a logarithmic one"),
        (Belief("lr", weights={1e-3: 1}), "`weights` are for choices"),
        (Belief({"lr": 1e-3, "rate": 2}), "`rate`, which is no parameter"),
    ],
    ids=str,
)
def test_beliefs_that_do_not_fit_the_space_are_refused(belief: Belief, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        held(belief)


def test_two_beliefs_about_one_parameter_are_refused() -> None:
    with pytest.raises(InvalidInput, match="Two beliefs speak of `lr`"):
        held(Belief("lr", near=1e-3), Belief({"lr": 1e-2}))
