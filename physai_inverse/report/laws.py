"""What a law looks like when it is measured, and the page of all of them."""

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from physai_inverse.files import write_text
from physai_inverse.report.figures import (
    OURS,
    PICK,
    RANDOM,
    SOFT,
    WRONG,
    Figure,
    Trace,
    axis,
    bounds,
    finite,
    layout,
)
from physai_inverse.report.frame import framed
from physai_inverse.report.markup import Markup, element
from physai_inverse.report.sheet import Section, Sheet, section
from physai_inverse.report.tables import head
from physai_inverse.report.words import counted, number
from physai_inverse.reproduction import Line, Picture, Reproduced

COLOURS = (OURS, WRONG, "#009e73", PICK, "#cc79a7", "#56b4e9", RANDOM)
"""Of Okabe and Ito (2008), in the order in which series take them; theory is grey."""

HEIGHT = 360
DASHES = ("dash", "dot", "dashdot", "longdash")
"""In the order in which theories take them, which all have one colour."""
MOST_TICKS = 7
ROOM = 0.08
"""Share of an axis that must lie between two ticks."""
MODES = {"points": "markers", "line": "lines", "dashed": "lines"}


def plot_law(picture: Picture) -> Figure:
    """Draw what was measured of a law, with what theory says dashed."""
    colours = iter(COLOURS * (1 + len(picture.lines) // len(COLOURS)))
    traces: list[Trace] = []
    taken: dict[str, str] = {}
    dashes: dict[str, str] = {}
    for line in picture.lines:
        if line.style == "dashed":
            colour = SOFT
            if line.label:  # without one it goes on with what the one before says
                dashes.setdefault(line.label, DASHES[len(dashes) % len(DASHES)])
        else:  # a line and its points are one series where they are called the same
            colour = taken.get(line.label) or next(colours)
            taken[line.label] = colour
        dash = dashes.get(line.label, DASHES[0]) if line.style == "dashed" else "solid"
        traces.append(_trace(line, colour, dash, shown=bool(line.label) and line.label not in _labels(traces)))
    across = [value for line in picture.lines for value in line.x]
    up = [value for line in picture.lines for value in line.y]
    return Figure(
        data=traces,
        layout=layout(
            height=HEIGHT,
            xaxis=axis(
                picture.x, log=picture.log_x, within=bounds(across, log=picture.log_x), **_ticks(across, picture)
            ),
            yaxis=axis(picture.y, log=picture.log_y, within=bounds(up, log=picture.log_y)),
        ),
    )


def _labels(traces: Sequence[Trace]) -> set[object]:
    return {trace["name"] for trace in traces if trace["showlegend"]}


def _ticks(values: Sequence[float], picture: Picture) -> dict[str, object]:
    """Put ticks at the values themselves where they are a few whole numbers, between which nothing lies."""
    places = sorted({float(value) for value in values})
    if not 1 < len(places) <= MOST_TICKS or not all(place.is_integer() for place in places):
        return {}
    if picture.log_x and places[0] <= 0:
        return {}
    at = [math.log(place) for place in places] if picture.log_x else places
    if min(after - before for before, after in pairwise(at)) < ROOM * (at[-1] - at[0]):
        return {}
    return {"tickmode": "array", "tickvals": places, "ticktext": [number(place) for place in places]}


def _trace(line: Line, colour: str, dash: str, *, shown: bool) -> Trace:
    return {
        "type": "scatter",
        "mode": MODES[line.style],
        "name": line.label,
        "showlegend": shown,
        "x": finite(line.x),
        "y": finite(line.y),
        "marker": {"color": colour, "size": 7},
        "line": {"color": colour, "width": 1.6, "dash": dash},
        "hovertemplate": "%{x:.4~g} | %{y:.4~g}<extra></extra>",
    }


def write_laws(found: Sequence[Reproduced], folder: str | Path, *, form: str = "svg") -> list[Path]:
    """Draw every law that was measured to a file of its own; needs the extra `figures`.

    Args:
        found: the laws.
        folder: made where it is not there; files of the same names are replaced.
        form: `svg`, `pdf` or `png`.

    Returns:
        The files: `law-07-edge-of-stability.svg`.

    Raises:
        InvalidInput: another form.
        MissingPackage: matplotlib is not installed.
        StoreUnavailable: a file cannot be written.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    written = []
    for one in found:
        if one.outcome is not None:
            name = "-".join(re.findall(r"\w+", one.law.name.lower()))
            path = place / f"law-{one.law.number:02}-{name}.{form}"
            written.append(plot_law(one.outcome.picture).write(path))
    return written


def write_laws_page(found: Sequence[Reproduced], path: str | Path) -> Path:
    """Write laws, expected and measured numbers, verdicts and figures as one HTML file that works offline.

    Args:
        found: the laws.
        path: the file; its folder must exist. It is replaced as a whole.

    Returns:
        The path.

    Raises:
        StoreUnavailable: the file cannot be written.
        MissingPackage: plotly is not installed.
    """
    sheet = Sheet()
    held = sum(one.verdict == "holds" for one in found)
    heading = element(
        "header",
        element("p", "Laws of the field, measured anew", class_="kicker"),
        element("h1", f"{held} of {counted(len(found), 'law')} hold"),
        element("p", _overview(found), class_="facts"),
        class_="headline",
        id="asked",
    )
    sections = [
        section(
            "table",
            "All laws",
            "What each law predicts, and what the trainings of this run gave.",
            element(
                "div",
                element(
                    "table",
                    head(["law", "what", "expected", "measured", "verdict"], ["law", "what", "verdict"]),
                    element("tbody", *(row for one in found for row in _rows(one))),
                ),
                class_="scroll",
            ),
        ),
        *(_law_section(one, sheet) for one in found),
    ]
    target = Path(path)
    write_text(target, framed("Laws, measured anew", heading, sections, sheet))
    return target


def _overview(found: Sequence[Reproduced]) -> str:
    seconds = sum(one.seconds for one in found)
    others = [f"law {one.law.number} {one.verdict}" for one in found if one.verdict != "holds"]
    return " · ".join([f"{seconds:.0f} s of trainings", *others])


def _rows(one: Reproduced) -> list[Markup]:
    name = element("a", f"{one.law.number} {one.law.name}", href=f"#law-{one.law.number}")
    if one.outcome is None:
        return [
            element(
                "tr",
                element("th", name, scope="row"),
                element("td", one.error or "", class_="words"),
                element("td"),
                element("td"),
                element("td", one.verdict, class_="words"),
            )
        ]
    return [
        element(
            "tr",
            element("th", name if place == 0 else "", scope="row"),
            element("td", check.what, class_="words"),
            element("td", check.expected),
            element("td", number(check.measured)),
            element("td", "holds" if check.holds else "does not hold", class_="words"),
        )
        for place, check in enumerate(one.outcome.checks)
    ]


def _law_section(one: Reproduced, sheet: Sheet) -> Section:
    law, outcome = one.law, one.outcome
    told = [
        element("p", element("strong", "Conditions: "), law.conditions),
        element("p", outcome.note) if outcome is not None and outcome.note else None,
        element("p", one.error, class_="caution") if one.error else None,
        None if outcome is None else sheet.figure(plot_law(outcome.picture)),
        element(
            "p",
            f"Source: {law.source}." + (f" Task: {law.task}." if law.task else "") + f" Took {one.seconds:.0f} s.",
            class_="note",
        ),
    ]
    whole = section(f"law-{law.number}", f"{law.number}. {law.name}: {one.verdict}", law.statement, *told)
    return Section(whole.key, str(law.number), whole.body)
