"""The page that a run ends with: one HTML file that needs nothing else, not even a network.

It tells a story from top to bottom: what was asked, what was found, how far to believe it, what acts, what tells
of the end, what to run next; everything else is folded away. Texts from outside (names, values, reasons) are
escaped; the page's policy lets no script run but the two that it brings.
"""

import base64
import hashlib
import importlib.util
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import cast

from physai_inverse.errors import MissingPackage
from physai_inverse.files import write_text
from physai_inverse.report.figures import DARK, axis, layout
from physai_inverse.report.findings import Findings, gather
from physai_inverse.report.markup import Markup, element, embedded, join, rounded
from physai_inverse.report.sections.acting import acting_section
from physai_inverse.report.sections.asked import asked
from physai_inverse.report.sections.believed import believed_section
from physai_inverse.report.sections.found import found_section
from physai_inverse.report.sections.next import next_section
from physai_inverse.report.sections.rest import rest_section
from physai_inverse.report.sections.telling import telling_section
from physai_inverse.report.sheet import Section, Sheet, section
from physai_inverse.report.tables import answer_tables
from physai_inverse.report.words import visible
from physai_inverse.study import Answer, Campaign, Study


def write_report(
    study: Study,
    path: str | Path,
    *,
    baseline: Study | None = None,
    campaign: Campaign | None = None,
    answers: Sequence[Answer] = (),
    labels: Mapping[str, str] | None = None,
) -> Path:
    """Write everything known of a study as one HTML file.

    Args:
        study: the study; it may hold anything from no trial on.
        path: the file; its folder must exist. It is replaced as a whole.
        baseline: random search on the same problem, drawn beside the study.
        campaign: what a campaign found, with the trainings on fresh seeds.
        answers: answers to inverse queries, listed with their configurations.
        labels: parameter or metric to a few words that say what it means; shown beside the name.

    Returns:
        The path.

    Raises:
        StoreUnavailable: the file cannot be written.
        MissingPackage: plotly is not installed.
    """
    found = gather(study, baseline=baseline, campaign=campaign, answers=answers, labels=labels or {})
    target = Path(path)
    write_text(target, _html(found))
    return target


def _html(found: Findings) -> str:
    sheet = Sheet()
    sections = [
        part
        for part in (
            found_section(found, sheet),
            _answers(found),
            believed_section(found, sheet),
            acting_section(found, sheet),
            telling_section(found, sheet),
            next_section(found),
            rest_section(found, sheet),
        )
        if part is not None
    ]
    library, script = _plotly(), _own("page.js")
    contents = element(
        "nav",
        *(element("a", part.title, href=f"#{part.key}") for part in sections),
        element("button", "Dark", type="button", id="theme", title="Switch between light and dark"),
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy(library, script)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{visible(found.study.name)} · study report"),
        element("style", Markup(_own("page.css"))),
    )
    body = element(
        "body",
        contents,
        element("main", asked(found), *(part.body for part in sections), _foot()),
        element(
            "noscript",
            element("p", "The figures need JavaScript; the texts and tables do not.", class_="caution"),
        ),
        element(
            "script",
            embedded(_figures(sheet)),
            type="application/json",
            id="figures",
        ),
        element("script", Markup(library)),
        element("script", Markup(script)),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _figures(sheet: Sheet) -> object:
    """Give the figures as data for the page's script; what all layouts share is given once."""
    shared, plain = layout(), axis("")
    figures = []
    for figure in sheet.figures:
        own = cast("Mapping[str, object]", figure["layout"])
        kept = _beyond(own, shared)
        for key, value in kept.items():
            if key[1:5] == "axis":
                kept[key] = _beyond(cast("Mapping[str, object]", value), plain)
        figures.append({"data": figure["data"], "layout": kept})
    return rounded({"figures": figures, "layout": shared, "axis": plain, "dark": DARK})


def _beyond(given: Mapping[str, object], shared: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in given.items() if key not in shared or value != shared[key]}


def _answers(found: Findings) -> Section | None:
    if not found.answers:
        return None
    return section(
        "answers",
        "Asked the other way round",
        "Configurations for a wanted outcome, from the same trainings and no new one.",
        *answer_tables(found),
    )


def _foot() -> Markup:
    from physai_inverse import __version__

    return element(
        "footer",
        element(
            "p", join("Written by physai-inverse ", __version__, ". Figures by plotly.js (MIT), inside this file.")
        ),
    )


def _plotly() -> str:
    """Read plotly.js from the installed package, without importing it."""
    found = importlib.util.find_spec("plotly")
    for folder in found.submodule_search_locations or () if found is not None else ():
        file = Path(folder) / "package_data" / "plotly.min.js"
        if file.is_file():
            return _script(file.read_text(encoding="utf-8"))
    raise MissingPackage("The report needs plotly.js from the package `plotly`; install it: pip install plotly.")


def _own(name: str) -> str:
    return _script(resources.files("physai_inverse.report").joinpath(name).read_text(encoding="utf-8"))


def _script(source: str) -> str:
    """Make a text safe inside of its element, as the browser will see it, so that its hash fits."""
    return source.replace("\r\n", "\n").replace("\r", "\n").replace("</script", "<\\/script")


def _policy(*scripts: str) -> str:
    """Allow these scripts and nothing else; plotly sets styles on its elements, so styles stay open."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
