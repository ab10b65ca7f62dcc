"""Figures drawn to files."""

import re
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from physai_inverse.errors import InvalidInput, MissingPackage, StoreUnavailable
from physai_inverse.report import Figure, plot_map, plot_slices, write_figures
from physai_inverse.report.drawing import shown
from physai_inverse.report.figures import OURS, axis, layout
from physai_inverse.space import Float, Space
from physai_inverse.study import Study
from tests.report.demo import SmallSurrogate, demo_study
from tests.report.test_figures import FIGURES

pytest.importorskip("matplotlib", reason="the extra `figures` is not installed")


@pytest.fixture(scope="module")
def study() -> Study:
    return demo_study(24)


def dots(x: list[float], y: list[float], **axes: Any) -> Figure:
    trace = {"type": "scatter", "mode": "markers", "x": x, "y": y, "marker": {"color": OURS, "size": 7}}
    sides = {"xaxis": axis("x"), "yaxis": axis("y")} | axes
    return Figure(data=[trace], layout=layout(height=300, **sides))


def places(path: Path) -> list[tuple[float, float]]:
    """Where the markers of an SVG stand, in its own units."""
    return [(float(x), float(y)) for x, y in re.findall(r'<use [^>]*x="([\d.]+)" y="([\d.]+)"', path.read_text())]


@pytest.mark.parametrize("kind", FIGURES)
def test_every_kind_of_figure_is_drawn(kind: str, study: Study, tmp_path: Path) -> None:
    path = FIGURES[kind](study).write(tmp_path / "figure.svg")
    assert path.read_text().count("<path") > 10


@pytest.mark.parametrize(("form", "head"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_the_suffix_chooses_the_format(form: str, head: bytes, tmp_path: Path) -> None:
    assert dots([1.0, 2.0], [1.0, 2.0]).write(tmp_path / f"figure.{form}").read_bytes().startswith(head)


def test_a_size_is_in_pixels_and_a_png_has_two_dots_for_each(tmp_path: Path) -> None:
    data = dots([1.0], [1.0]).write(tmp_path / "figure.png", width=400, height=250).read_bytes()
    assert (int.from_bytes(data[16:20]), int.from_bytes(data[20:24])) == (800, 500)


def test_the_same_figure_gives_the_same_file(study: Study, tmp_path: Path) -> None:
    first, second = (plot_slices(study, "val_loss").write(tmp_path / name) for name in ("a.svg", "b.svg"))
    assert first.read_bytes() == second.read_bytes()


def test_dots_stand_where_their_values_are_on_a_linear_scale(tmp_path: Path) -> None:
    found = places(dots([0.0, 1.0, 4.0], [0.0, 2.0, 8.0]).write(tmp_path / "figure.svg"))[-3:]
    (x0, y0), (x1, y1), (x2, y2) = found
    assert (x2 - x0) == pytest.approx(4 * (x1 - x0), abs=0.01)
    assert (y0 - y2) == pytest.approx(4 * (y0 - y1), abs=0.01)


def test_dots_stand_where_their_logarithms_are_on_a_logarithmic_scale(tmp_path: Path) -> None:
    side = axis("x", log=True, within=(0.5, 200.0))
    figure = dots([1.0, 10.0, 100.0], [1.0, 1.0, 1.0], xaxis=side)
    (x0, _), (x1, _), (x2, _) = places(figure.write(tmp_path / "figure.svg"))[-3:]
    assert x2 - x1 == pytest.approx(x1 - x0, abs=0.01)


def test_texts_come_back_from_the_escapes_of_plotly_and_are_no_formulas() -> None:
    assert shown("&lt;a&gt; &#36;x&#36; &#123;b}<br>c") == "<a> \\$x\\$ {b}\nc"


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"must end in \.svg, \.png, \.pdf, not 'figure\.gif'"):
        dots([1.0], [1.0]).write(tmp_path / "figure.gif")


def test_a_size_that_is_not_positive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="`width` must be a positive number of pixels, not 0"):
        dots([1.0], [1.0]).write(tmp_path / "figure.svg", width=0)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"figure\.svg"):
        dots([1.0], [1.0]).write(tmp_path / "missing" / "figure.svg")


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingPackage, match=r"pip install 'physai-inverse\[figures\]'"):
        dots([1.0], [1.0]).write(tmp_path / "figure.svg")


def test_drawing_changes_no_setting_of_matplotlib(study: Study, tmp_path: Path) -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    plot_map(study, "val_loss", "lr", "width").write(tmp_path / "figure.svg")
    assert dict(matplotlib.rcParams) == before


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that would be drawn, in place of drawing them, which takes long."""
    written: list[Path] = []

    def note(self: Figure, path: Path) -> Path:  # noqa: ARG001  # it stands for a method
        written.append(path)
        return path

    monkeypatch.setattr(Figure, "write", note)
    return written


def test_all_figures_of_a_study_are_drawn_each_named_for_what_it_shows(asked: list[Path], tmp_path: Path) -> None:
    files = write_figures(demo_study(14, objective="minimize val_loss"), tmp_path / "new" / "folder", form="png")
    assert files == asked
    names = {path.stem for path in files}
    kinds = ("predicted", "calibration", "shares", "slices", "effects", "tradeoff")
    assert {f"{kind}-sharpness" for kind in kinds} <= names
    assert {"progress-val_loss", "metrics"} <= names
    assert len([name for name in names if name.startswith("map-val_loss-")]) == 3
    assert {(path.parent.name, path.suffix) for path in files} == {("folder", ".png")}


def test_a_study_without_trials_gives_no_figure(tmp_path: Path) -> None:
    assert write_figures(demo_study(0), tmp_path) == []


def test_names_from_outside_stay_in_the_folder(asked: list[Path], tmp_path: Path) -> None:
    study = Study(Space({"../x": Float(0.0, 1.0)}), "minimize loss", surrogate=SmallSurrogate(), method="random")
    metrics = ("loss", "val/loss", "val loss", "VAL/LOSS", "../../etc", "<b>", "é" * 200)
    for trial in study.suggest(4):
        study.observe(trial, dict.fromkeys(metrics, float(trial.config["../x"])))
    write_figures(study, tmp_path)
    assert len({path.name.lower() for path in asked}) == len(asked) > 5 * len(metrics)
    assert all(path.parent == tmp_path for path in asked)
    assert all(re.fullmatch(r"[A-Za-z0-9_+-][A-Za-z0-9_.+-]{1,200}", path.name) for path in asked)


def test_another_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="`form` must be one of svg, png, pdf, not 'gif'"):
        write_figures(demo_study(0), tmp_path, form="gif")


def test_a_figure_is_still_a_plain_mapping(study: Study) -> None:
    go = pytest.importorskip("plotly.graph_objects")
    for figure in (make(study) for make in FIGURES.values()):
        assert len(go.Figure(figure).data) == len(cast("list[object]", figure["data"]))
