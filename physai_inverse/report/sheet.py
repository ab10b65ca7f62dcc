"""A page in the making: the figures placed on it, and the pieces that its sections are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from physai_inverse.report.figures import Figure
from physai_inverse.report.markup import Markup, element
from physai_inverse.report.words import visible


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Args:
        key: its anchor.
        title: its name in the list of contents.
        body: all of it.
    """

    key: str
    title: str
    body: Markup


def section(key: str, title: str, lead: object, *children: object) -> Section:
    """Make a section with a title and a sentence that introduces it."""
    body = element("section", element("h2", title), element("p", lead, class_="lead"), *children, id=key)
    return Section(key, title, body)


def fold(summary: object, *children: object, key: str | None = None) -> Markup:
    """Fold something away."""
    return element("details", element("summary", summary), *children, id=key)


class Sheet:
    """Collects the figures of a page."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []

    def figure(self, figure: Figure, caption: object = None, *, legend: bool = True, wide: bool = False) -> Markup:
        """Place a figure; its height is kept free so that nothing jumps when it is drawn.

        Args:
            figure: the figure.
            caption: below it.
            legend: whether it shows its legend.
            wide: whether it scrolls on a narrow screen rather than shrinks.
        """
        if not legend:
            layout = cast("dict[str, object]", figure["layout"])
            figure = Figure(data=figure["data"], layout={**layout, "showlegend": False})
        self.figures.append(figure)
        height = cast("dict[str, object]", figure["layout"])["height"]
        plot = element("div", class_="plot", data_figure=len(self.figures) - 1, style=f"height:{height}px")
        return element(
            "figure",
            element("div", element("div", plot, class_="broad"), class_="scroll") if wide else plot,
            None if caption is None else element("figcaption", caption),
        )


def choice(group: str, options: Sequence[tuple[int, str]]) -> Markup | None:
    """Let the reader choose one of several panels; None where there is nothing to choose."""
    if len(options) < 2:
        return None
    listed = [element("option", visible(name, 60), value=f"{group}:{key}") for key, name in options]
    return element(
        "label", "Metric ", element("select", *listed, data_choice=group, autocomplete="off"), class_="choice"
    )
