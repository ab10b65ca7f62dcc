"""The frame of every page: one HTML file that needs nothing else, not even a network.

Texts from outside (names, values, reasons) are escaped; the page's policy lets no script run but the two that it
brings.
"""

import base64
import hashlib
import importlib.util
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import cast

from physai_inverse.errors import MissingPackage
from physai_inverse.report.figures import DARK, axis, layout
from physai_inverse.report.markup import Markup, element, embedded, join, rounded
from physai_inverse.report.sheet import Section, Sheet


def framed(title: str, heading: Markup, sections: Sequence[Section], sheet: Sheet) -> str:
    """Write a page.

    Args:
        title: of the browser's window.
        heading: the head of the page.
        sections: its parts, listed in the contents.
        sheet: the figures that were placed in them.

    Raises:
        MissingPackage: plotly is not installed.
    """
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
        element("title", title),
        element("style", Markup(_own("page.css"))),
    )
    body = element(
        "body",
        contents,
        element("main", heading, *(part.body for part in sections), _foot()),
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
