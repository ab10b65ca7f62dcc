"""Slices of a forward map around a configuration, on a map that is known exactly."""

import numpy as np
import pytest

from physai_inverse.errors import InvalidInput, NotFound
from physai_inverse.forward import ForwardMap
from physai_inverse.space import Choice, Float, Integer, Shares, Space
from physai_inverse.understanding import Slice, distances_beside, one_parameter_slices, two_parameter_slices
from tests.fakes import Exponential, Known, KnownSuccess

SPACE = Space(
    lr=Float(1e-4, 1.0, log=True),
    depth=Integer(1, 3),
    optimizer=Choice(["adamw", "sgd"]),
    momentum=Float(0.0, 0.9, when={"optimizer": ["sgd"]}),
)
TIED = Space(SPACE.parameters, constraints=["lr * depth <= 0.5"])
CONFIG = {"lr": 0.01, "depth": 2, "optimizer": "adamw"}
WEIGHTS = np.array([1.0, 10.0, 100.0, 1000.0])


def forward(space: Space = SPACE) -> ForwardMap:
    model = Known(lambda units: units @ WEIGHTS / 100, 0.2, Exponential())
    return ForwardMap(space, {"loss": model}, KnownSuccess(lambda units: 1.0 - units[:, 0]))


def slices(space: Space = SPACE, config: dict[str, object] = CONFIG) -> dict[str, Slice]:
    return {each.parameter: each for each in one_parameter_slices(forward(space), "loss", config)}


def test_only_the_parameter_of_a_slice_moves() -> None:
    [unit] = SPACE.snap(SPACE.encode([CONFIG]))
    others = (unit @ WEIGHTS - unit[1] * 10) / 100
    depths = SPACE.free[1].to_unit(np.array([1, 2, 3]))
    assert slices()["depth"].values == (1, 2, 3)
    np.testing.assert_allclose(slices()["depth"].median, np.exp(others + depths * 10 / 100))


def test_the_band_is_of_the_noise_free_metric_in_its_own_units() -> None:
    each = slices()["lr"]
    np.testing.assert_allclose(np.log(each.quantiles[0.95] / each.median), 0.2 * 1.6448536, rtol=1e-6)


def test_a_parameter_that_is_not_active_has_no_slice() -> None:
    assert set(slices()) == {"lr", "depth", "optimizer"}
    assert "momentum" in slices(config={"lr": 0.01, "depth": 2, "optimizer": "sgd", "momentum": 0.3})


def test_a_parameter_that_a_value_wakes_up_stands_in_its_middle() -> None:
    [awake] = SPACE.snap(SPACE.encode([{**CONFIG, "optimizer": "sgd", "momentum": 0.45}]))
    assert np.log(slices()["optimizer"].median[1]) == pytest.approx(awake @ WEIGHTS / 100)


def test_a_slice_says_where_the_configuration_stands_and_how_often_trainings_end_well() -> None:
    each = slices()["lr"]
    assert each.here == 0.01
    np.testing.assert_allclose(each.success, 1.0 - SPACE.free[0].to_unit(np.array(each.values)))


def test_a_slice_keeps_to_the_constraints() -> None:
    highest = [float(each["lr"].values[-1]) for each in (slices(TIED), slices())]
    assert highest[0] <= 0.25 < highest[1]


def test_a_surface_has_gaps_exactly_where_the_constraints_or_the_conditions_forbid_it() -> None:
    tied, sleeping = two_parameter_slices(
        forward(TIED), "loss", CONFIG, [("lr", "depth"), ("momentum", "optimizer")], num_points=7
    )
    allowed = np.outer(tied.up, tied.across) <= 0.5
    assert (np.isfinite(tied.median) == allowed).all()
    assert np.isfinite(sleeping.median).all(axis=1).tolist() == [False, True]


def test_a_row_of_a_surface_is_a_slice() -> None:
    [surface] = two_parameter_slices(forward(), "loss", CONFIG, [("lr", "depth")], num_points=25)
    np.testing.assert_allclose(surface.median[1], slices()["lr"].median)
    np.testing.assert_allclose(surface.low[1], slices()["lr"].quantiles[0.05])


def test_a_training_that_differs_in_the_sliced_parameter_alone_lies_on_the_slice() -> None:
    trained = [{**CONFIG, "lr": 0.5}, {**CONFIG, "depth": 3}, {**CONFIG, "optimizer": "sgd", "momentum": 0.1}]
    units = SPACE.snap(SPACE.encode(trained))
    beside = distances_beside(forward(), "loss", units, CONFIG, ["lr"])
    assert beside[0] == 0.0
    assert (beside[1:] > 0).all()
    assert np.isinf(distances_beside(forward(), "loss", units, CONFIG, ["momentum"])[:2]).all()


def test_the_other_shares_of_a_mixture_give_way() -> None:
    space = Space(mixture=Shares(["web", "code", "books"]))
    model = Known(lambda units: units @ np.array([1.0, 10.0, 100.0]), 0.2)
    config = {"web": 0.5, "code": 0.4, "books": 0.1}
    web, *_ = one_parameter_slices(ForwardMap(space, {"loss": model}), "loss", config, num_points=5)
    rest = (0.4 * 10 + 0.1 * 100) / 0.5
    assert web.values == (0.0, 0.25, 0.5, 0.75, 1.0)
    np.testing.assert_allclose(web.median, [share + (1 - share) * rest for share in web.values])


def test_two_shares_together_are_no_more_than_the_whole() -> None:
    space = Space(mixture=Shares(["web", "code", "books"]))
    model = Known(lambda units: units.sum(axis=1), 0.2)
    config = {"web": 0.5, "code": 0.4, "books": 0.1}
    [surface] = two_parameter_slices(
        ForwardMap(space, {"loss": model}), "loss", config, [("web", "code")], num_points=5
    )
    assert (np.isfinite(surface.median) == (np.add.outer(surface.up, surface.across) <= 1.0)).all()


@pytest.mark.parametrize("pair", [("lr", "lr"), ("lr", "nothing")])
def test_a_pair_is_two_free_parameters(pair: tuple[str, str]) -> None:
    with pytest.raises(InvalidInput, match="`pairs` must hold two of"):
        two_parameter_slices(forward(), "loss", CONFIG, [pair])


def test_one_point_is_no_slice() -> None:
    with pytest.raises(InvalidInput, match="`num_points` must be at least 2, not 1"):
        one_parameter_slices(forward(), "loss", CONFIG, num_points=1)


def test_a_metric_that_was_never_seen_is_named() -> None:
    with pytest.raises(NotFound, match="no forward map of the metric `gap`"):
        one_parameter_slices(forward(), "gap", CONFIG)
