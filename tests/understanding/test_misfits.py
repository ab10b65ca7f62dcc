"""Planted misfits are named, and nothing is named where a map is right."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from physai_inverse.forward import Dataset
from physai_inverse.observations import Observation
from physai_inverse.space import Choice, Float, Integer, Space
from physai_inverse.surrogates import GaussianProcess
from physai_inverse.understanding import Misfit, misfits

SPACE = Space(
    lr=Float(1e-4, 1.0, log=True),
    width=Integer(8, 512),
    dropout=Float(0.0, 0.6),
    optimizer=Choice(["sgd", "adam"]),
)
Function = Callable[[dict[str, Any], int, np.random.Generator], float]


def smooth(config: dict[str, Any], place: int, rng: np.random.Generator) -> float:  # noqa: ARG001 (one signature)
    valley = 0.2 * (np.log10(config["lr"]) + 2) ** 2
    return float(valley + 0.3 * config["dropout"] - 0.001 * config["width"] + 0.1 * (config["optimizer"] == "sgd"))


def found(function: Function, num: int, seed: int, *, again: int = 0, apart: float = 0.0) -> tuple[Misfit, ...]:
    rng = np.random.default_rng(seed)
    configs = SPACE.sample(num, seed=seed)
    values = [function(config, place, rng) + 0.03 * rng.normal() for place, config in enumerate(configs)]
    seen = list(zip(configs + configs[:again], values + [value + apart for value in values[:again]], strict=True))
    data = Dataset.from_observations(
        SPACE, [Observation(config, {"y": value}, number=place) for place, (config, value) in enumerate(seen)]
    )
    return misfits(GaussianProcess().fit(data, seed=0).model("y"), data, "y", GaussianProcess(), seed=0)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_nothing_is_named_where_the_map_is_right(seed: int) -> None:
    assert found(smooth, 60, seed) == ()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_step_is_named_with_its_parameter_and_place(seed: int) -> None:
    first = found(lambda c, i, r: smooth(c, i, r) + 0.8 * (c["dropout"] > 0.3), 60, seed)[0]
    assert first.kind == "step"
    assert "`dropout` crosses about 0.3" in first.statement or "`dropout` crosses about 0.29" in first.statement


@pytest.mark.parametrize("seed", [1, 2])
def test_a_parameter_on_the_wrong_scale_is_named(seed: int) -> None:
    def function(config: dict[str, Any], place: int, rng: np.random.Generator) -> float:  # noqa: ARG001
        return float(0.2 * (np.log10(config["lr"]) + 2) ** 2 + 3 * (np.log10(config["width"]) - 1.5) ** 2)

    first = found(function, 60, seed)[0]
    assert first.kind == "scale"
    assert first.statement.startswith("`width` acts on a logarithmic scale")


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_duplicated_rows_with_other_results_are_named_with_their_trials(seed: int) -> None:
    first = found(smooth, 60, seed, again=4, apart=1.0)[0]
    assert first.kind == "contradiction"
    assert "duplicated rows with other results" in first.statement
    assert set(first.places) == {0, 1, 2, 3, 60, 61, 62, 63}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_hidden_variable_with_two_values_is_named(seed: int) -> None:
    kinds = [item.kind for item in found(lambda c, i, r: smooth(c, i, r) + 0.6 * (r.random() < 0.4), 120, seed)]
    assert "hidden variable" in kinds


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_something_that_changed_on_the_way_is_named_with_the_trial(seed: int) -> None:
    statements = " ".join(
        item.statement for item in found(lambda c, i, r: smooth(c, i, r) + 0.5 * (i > 30), 60, seed)
    )
    assert "became higher than predicted from about trial #3" in statements


def test_too_few_rows_are_not_suspected() -> None:
    assert found(lambda c, i, r: smooth(c, i, r) + 0.8 * (c["dropout"] > 0.3), 12, 0) == ()
