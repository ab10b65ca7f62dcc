"""Maps over two parameters, and slices along one."""

import json
import math
from typing import Any, cast

import pytest

from physai_inverse.errors import InvalidInput, NotFound
from physai_inverse.report import Figure, plot_map, plot_slices
from physai_inverse.report.maps import telling_surfaces
from physai_inverse.report.slices import MOST_NEAR, centre_of, near, trained
from physai_inverse.space import Space
from physai_inverse.study import Study
from tests.report.demo import SPACE, demo_study


@pytest.fixture(scope="module")
def study() -> Study:
    return demo_study(30)


def maps(figure: Figure) -> list[dict[str, Any]]:
    traces = cast("list[dict[str, Any]]", figure["data"])
    return [trace for trace in traces if trace["type"] in ("heatmap", "contour")]


def test_the_prediction_stands_beside_its_uncertainty(study: Study) -> None:
    value, spread = maps(plot_map(study, "val_loss", "lr", "width"))
    assert (value["xaxis"], spread["xaxis"]) == ("x", "x2")
    assert min(min(row) for row in spread["z"]) > 0


def test_a_list_of_values_gives_cells_and_numbers_give_areas(study: Study) -> None:
    assert {trace["type"] for trace in maps(plot_map(study, "val_loss", "lr", "width"))} == {"contour"}
    assert {trace["type"] for trace in maps(plot_map(study, "val_loss", "lr", "optimizer"))} == {"heatmap"}


def test_what_is_not_allowed_is_a_gap() -> None:
    study = demo_study(16, space=Space(SPACE.parameters, constraints=["width * batch <= 20000"]))
    value, _ = maps(plot_map(study, "val_loss", "width", "batch"))
    gaps = [
        (width * 32 * 2**level > 20000) == (z is None)
        for level, row in zip(value["y"], value["z"], strict=True)
        for width, z in zip(value["x"], row, strict=True)
    ]
    assert all(gaps)
    assert json.dumps(value, allow_nan=False)


def test_a_number_stands_across_and_a_list_up(study: Study) -> None:
    surfaces = telling_surfaces(study, "val_loss", centre_of(study), ["optimizer", "lr", "width"], 3)
    assert [surface.parameters for surface in surfaces] == [
        ("lr", "optimizer"),
        ("width", "optimizer"),
        ("lr", "width"),
    ]


def test_parameters_that_are_not_active_there_have_no_map(study: Study) -> None:
    config = {"lr": 0.01, "width": 64, "optimizer": "adamw", "batch": 64, "dropout": False}
    surfaces = telling_surfaces(study, "val_loss", config, ["momentum", "lr", "width"], 3)
    assert [surface.parameters for surface in surfaces] == [("lr", "width")]


def test_one_parameter_alone_is_no_map(study: Study) -> None:
    with pytest.raises(InvalidInput, match="`pairs` must hold two of"):
        plot_map(study, "val_loss", "lr", "lr")


def test_slices_go_through_the_configuration_that_is_asked_for(study: Study) -> None:
    config = {"lr": 0.01, "width": 64, "optimizer": "adamw", "batch": 64, "dropout": False}
    shapes = cast("Any", plot_slices(study, "val_loss", config=config)["layout"])["shapes"]
    assert {0.01, 64.0, 1.0, 0.0} >= {shape["x0"] for shape in shapes}
    assert len(shapes) == 5  # no momentum with adamw


def test_the_nearest_trainings_come_first_and_are_drawn_strongest(study: Study) -> None:
    beside = near(study, trained(study), "val_loss", centre_of(study), ["lr"])
    assert list(beside.distances) == sorted(beside.distances)
    assert beside.opacity == sorted(beside.opacity, reverse=True)
    assert len(beside.numbers) <= MOST_NEAR
    assert beside.distances[0] == 0.0  # the recommended training itself


def test_only_trainings_that_ended_well_lie_near(study: Study) -> None:
    beside = near(study, trained(study), "val_loss", centre_of(study), ["lr", "width"])
    assert not any(study.trial(number).state.bad for number in beside.numbers)
    assert all(map(math.isfinite, beside.values))


def test_nothing_that_ended_well_has_nothing_around_it() -> None:
    with pytest.raises(NotFound, match="Nothing to recommend yet"):
        centre_of(demo_study(0))
