from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from physai_inverse.report import plot_law, write_laws, write_laws_page
from physai_inverse.reproduction import Check, Law, Line, Outcome, Picture, Reproduced

PICTURE = Picture(
    "weight decay",
    "steps",
    (
        Line("seed 0", (0.1, 1.0), (4000.0, 400.0)),
        Line("seed 0", (0.1, 1.0), (4000.0, 400.0), "line"),
        Line("theory", (0.1, 1.0), (4100.0, 410.0), "dashed"),
    ),
    log_x=True,
    log_y=True,
)


def outcome(seed: int) -> Outcome:
    return Outcome((Check("slope", -1.0 - seed, -1.25, -0.75),), PICTURE, "Ends at 2.")


LAW = Law(1, "grokking time", "Time <= 1/decay.", "while it is slow", "somebody 2020", "", 1.0, outcome)


def found(*, holds: bool = True) -> Reproduced:
    return Reproduced(LAW, outcome(0 if holds else 1), None, 2.0)


def test_a_line_and_its_points_share_a_colour_and_a_legend_entry() -> None:
    points, line, theory = cast("list[dict[str, Any]]", plot_law(PICTURE)["data"])
    assert points["marker"]["color"] == line["line"]["color"] != theory["line"]["color"]
    assert [points["showlegend"], line["showlegend"], theory["showlegend"]] == [True, False, True]
    assert theory["line"]["dash"] == "dash"


def test_theories_have_dashes_of_their_own() -> None:
    lines = tuple(Line(name, (1.0, 2.0), (1.0, 2.0), "dashed") for name in ("one", "two", "one"))
    drawn = cast("list[dict[str, Any]]", plot_law(Picture("x", "y", lines))["data"])
    assert [trace["line"]["dash"] for trace in drawn] == ["dash", "dot", "dash"]


@pytest.mark.parametrize(
    ("x", "log", "ticks"),
    [((3.0, 4.0, 6.0), True, [3, 4, 6]), ((1.0, 2.0, 90.0), False, None), ((0.5, 1.0), True, None)],
)
def test_a_few_whole_numbers_are_the_ticks(x: tuple[float, ...], log: bool, ticks: list[float] | None) -> None:
    figure = plot_law(Picture("x", "y", (Line("", x, x),), log_x=log))
    shown = cast("dict[str, Any]", figure["layout"])["xaxis"].get("tickvals")
    assert shown == ticks if ticks else shown != list(x)


def test_the_page_tells_every_law_and_escapes_what_it_says(tmp_path: Path) -> None:
    broken = Reproduced(LAW, None, "no <memory>", 1.0)
    text = write_laws_page([found(), found(holds=False), broken], tmp_path / "laws.html").read_text()
    assert "1 of 3 laws hold" in text
    assert "Time &lt;= 1/decay." in text
    assert "no &lt;memory&gt;" in text
    assert "-1.25 to -0.75" in text
    assert "does not hold" in text
    assert 'http-equiv="Content-Security-Policy"' in text


def test_figures_are_named_for_their_laws(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    law = replace(LAW, name="grokking, in 1/time")
    one = Reproduced(law, outcome(0), None, 2.0)
    (path,) = write_laws([one, Reproduced(LAW, None, "no", 1.0)], tmp_path / "figures")
    assert path.name == "law-01-grokking-in-1-time.svg"
    assert path.read_text().lstrip().startswith("<?xml")
