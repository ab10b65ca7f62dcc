"""Our plain figures drawn by matplotlib: for papers, without a browser.

A figure has one definition, the mapping in plotly's JSON form that the page shows. What is drawn here is read from
it: scatters, bars, maps, axes with their domains, shapes, annotations and the legend, as far as our figures use
them. What plotly does only on a screen (hovering, zooming) is left out.
"""

import html
import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from physai_inverse.errors import InvalidInput, MissingPackage
from physai_inverse.files import atomic_write
from physai_inverse.report.strokes import POINT, colour, draw_trace, pixels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

FORMATS = ("svg", "png", "pdf")
WIDTH = 720
DOTS_PER_INCH = 192
"""Of a PNG: two dots for each pixel of a figure."""

PIXELS_PER_INCH = 96.0
MARGIN = 10
"""Pixels around everything that is drawn."""

SETTINGS: Mapping[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # what matplotlib brings, so that a figure looks the same everywhere
    "svg.fonttype": "path",
    "svg.hashsalt": "physai-inverse",  # the same figure gives the same file
    "pdf.fonttype": 42,
}

Layout: TypeAlias = Mapping[str, Any]


def write_drawing(figure: Mapping[str, Any], path: Path, *, width: int | None, height: int | None) -> Path:
    """Draw a figure to a file; see `Figure.write`."""
    form = path.suffix.lower().lstrip(".")
    if form not in FORMATS:
        raise InvalidInput(f"`path` must end in {', '.join(f'.{name}' for name in FORMATS)}, not {path.name!r}.")
    for name, size in (("width", width), ("height", height)):
        if size is not None and not size > 0:
            raise InvalidInput(f"`{name}` must be a positive number of pixels, not {size!r}.")
    require_matplotlib()
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    layout: Layout = figure["layout"]
    measures = (float(width or layout.get("meta", {}).get("width", WIDTH)), float(height or layout["height"]))
    written = io.BytesIO()
    settings: Any = dict(SETTINGS)
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # A name may hold signs that no font of matplotlib has; they are drawn as boxes.
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from (current )?font")
        canvas = Canvas(figsize=(measures[0] / PIXELS_PER_INCH, measures[1] / PIXELS_PER_INCH), facecolor="white")
        FigureCanvasAgg(canvas)
        _Drawing(canvas, figure["data"], layout, measures).draw()
        dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}[form]
        canvas.savefig(written, format=form, dpi=DOTS_PER_INCH, metadata=dated)
    with atomic_write(path) as stream:
        stream.write(written.getvalue())
    return path


def require_matplotlib() -> None:
    """Make sure that figures can be drawn.

    Raises:
        MissingPackage: matplotlib is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401  # what follows needs it
    except ImportError as error:
        raise MissingPackage(
            "Figures as files need matplotlib, the extra `figures`; install it: "
            "pip install 'physai-inverse[figures]'."
        ) from error


def shown(text: str) -> str:
    """Give a text as matplotlib shall show it: without plotly's escapes, and not as a formula."""
    return html.unescape(text.replace("<br>", "\n")).replace("$", r"\$")


class _Drawing:
    """One figure on its way to a canvas."""

    def __init__(
        self, canvas: "Canvas", traces: Sequence[Mapping[str, Any]], layout: Layout, size: tuple[float, float]
    ) -> None:
        self.canvas = canvas
        self.traces = traces
        self.layout = layout
        self.size = size
        self.panels: dict[tuple[str, str], Axes] = {}
        self.texts: list[tuple[Any, float, float]] = []

    def draw(self) -> None:
        pairs = [(trace.get("xaxis", "x"), trace.get("yaxis", "y")) for trace in self.traces]
        pairs += [
            (str(item["xref"]).split()[0], str(item["yref"]).split()[0])
            for item in (*self.layout.get("shapes", ()), *self.layout.get("annotations", ()))
            if "paper" not in (item["xref"], item["yref"])
        ]
        for pair in dict.fromkeys(pairs or [("x", "y")]):
            self.panels[pair] = self._panel(*pair)
        for (x, y), panel in self.panels.items():
            for name, scale in ((x, panel.set_xscale), (y, panel.set_yscale)):
                if self._axis(name).get("type") == "log":
                    scale("log")
        handles = []
        for place, trace in enumerate(self.traces):
            panel = self.panels[trace.get("xaxis", "x"), trace.get("yaxis", "y")]
            drawn = draw_trace(panel, trace, 2.0 + 0.01 * place)
            if drawn is not None and trace.get("showlegend", True) and trace.get("name"):
                handles.append((trace.get("legendrank", 1000), place, drawn, shown(str(trace["name"]))))
        for pair, panel in self.panels.items():
            self._scales(panel, *pair)
        for item in self.layout.get("shapes", ()):
            self._shape(item)
        for item in self.layout.get("annotations", ()):
            self._annotation(item)
        if len(handles) > 1 and self.layout.get("showlegend", True):
            handles.sort(key=lambda item: item[:2])
            self.legend = self.canvas.legend(
                [item[2] for item in handles],
                [item[3] for item in handles],
                loc="upper left",
                bbox_to_anchor=(MARGIN / self.size[0], 1.0 - MARGIN / self.size[1]),
                ncols=min(len(handles), 4),
                frameon=False,
                fontsize=12 * POINT,
                labelcolor=colour(self.layout["font"]["color"]),
                borderaxespad=0.0,
                handletextpad=0.5,
                columnspacing=1.4,
            )
        self._fit()

    def _axis(self, name: str) -> Mapping[str, Any]:
        return self.layout.get(f"{name[0]}axis{name[1:]}", {})  # type: ignore[no-any-return]  # JSON

    def _domain(self, name: str) -> tuple[float, float]:
        axis = self._axis(name)
        low, high = axis.get("domain") or (
            self._domain(axis["overlaying"]) if axis.get("overlaying") else (0.0, 1.0)
        )
        return float(low), float(high)

    def _panel(self, x: str, y: str) -> "Axes":
        panel = self.canvas.add_axes((0.1, 0.1, 0.8, 0.8), label=f"{x} {y}")
        panel.patch.set_visible(False)
        for side in ("top", "right"):
            panel.spines[side].set_visible(False)
        over = any("overlaying" in self._axis(name) for name in (x, y))
        panel.set_zorder(1.5 if over else 1.0)
        return panel

    def _scales(self, panel: "Axes", x: str, y: str) -> None:
        """Set scale, range, ticks, grid and title of both axes of a panel."""
        for name, other in ((x, y), (y, x)):
            axis = self._axis(name)
            direction = name[0]
            setter = panel.set_xlim if direction == "x" else panel.set_ylim
            ruler = panel.xaxis if direction == "x" else panel.yaxis
            log = axis.get("type") == "log"
            if "range" in axis:
                low, high = axis["range"]
                setter(10.0**low if log else low, 10.0**high if log else high)
            elif axis.get("rangemode") == "tozero":
                setter(0)
            side = "bottom" if direction == "x" else "left"
            visible = axis.get("visible", True) and not (axis.get("overlaying"))
            owns = axis.get("anchor", "xy"["xy".index(direction) - 1]) == other
            self._ticks(ruler, axis)
            labelled: Any = {f"label{side}": bool(visible and owns and axis.get("showticklabels", True))}
            ruler.set_tick_params(
                length=0,
                pad=4,
                labelsize=axis.get("tickfont", {}).get("size", 12) * POINT,
                labelcolor=colour(axis.get("tickfont", {}).get("color", "#000000")),
                labelrotation=-float(axis.get("tickangle", 0)),
                **labelled,
            )
            panel.spines[side].set_visible(bool(visible))
            panel.spines[side].set_color(colour(axis.get("linecolor", "#cccccc")))
            panel.set_axisbelow(True)
            grid = bool(visible and axis.get("showgrid", True))
            ruler.grid(
                grid, **({"color": colour(axis.get("gridcolor", "#cccccc")), "linewidth": 0.7} if grid else {})
            )
            title = axis.get("title", {}).get("text", "")
            if title and owns and visible:
                ruler.set_label_text(
                    shown(title),
                    fontsize=axis["title"].get("font", {}).get("size", 13) * POINT,
                    color=colour(axis["title"].get("font", {}).get("color", "#000000")),
                )

    def _ticks(self, ruler: Any, axis: Mapping[str, Any]) -> None:
        from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, MaxNLocator, NullLocator

        ruler.set_minor_locator(NullLocator())
        if "tickvals" in axis:
            ruler.set_major_locator(FixedLocator(axis["tickvals"]))
            ruler.set_major_formatter(FixedFormatter([shown(str(text)) for text in axis.get("ticktext", ())]))
            return
        if axis.get("type") == "log":
            return
        whole = axis.get("tickformat") == "d"
        ruler.set_major_locator(MaxNLocator(max(int(axis.get("nticks", 6)) - 1, 1), integer=whole))
        if str(axis.get("tickformat", "")).endswith("%"):
            ruler.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))

    def _transform(self, item: Mapping[str, Any]) -> "tuple[Axes | None, Any]":
        """Give where a shape or an annotation lives: its panel, and its coordinates there."""
        from matplotlib.transforms import blended_transform_factory

        if item["xref"] == "paper" or item["yref"] == "paper":
            return None, None
        panel = self.panels[str(item["xref"]).split()[0], str(item["yref"]).split()[0]]
        sides = [
            panel.transAxes if str(item[key]).endswith(" domain") else panel.transData for key in ("xref", "yref")
        ]
        return panel, blended_transform_factory(*sides)

    def _shape(self, item: Mapping[str, Any]) -> None:
        from matplotlib.lines import Line2D
        from matplotlib.patches import Rectangle

        panel, transform = self._transform(item)
        assert panel is not None
        x, y, far_x, far_y = (item[key] for key in ("x0", "y0", "x1", "y1"))
        line = item.get("line", {})
        if item["type"] == "line":
            dash: Any = {"dash": "--", "dot": ":"}.get(line.get("dash", ""), "-")
            panel.add_line(
                Line2D(
                    [x, far_x], [y, far_y], transform=transform, color=colour(line["color"]),
                    linewidth=pixels(line.get("width", 1)), linestyle=dash, zorder=1.5,
                )
            )  # fmt: skip
            return
        panel.add_patch(
            Rectangle(
                (x, y), far_x - x, far_y - y, transform=transform, facecolor=colour(item["fillcolor"]),
                linewidth=0, zorder=1.2,
            )
        )  # fmt: skip

    def _annotation(self, item: Mapping[str, Any]) -> None:
        font = {**self.layout["font"], **item.get("font", {})}
        settings = {
            "ha": item.get("xanchor", "center"),
            "va": {"middle": "center"}.get(item.get("yanchor", "middle"), item.get("yanchor", "middle")),
            "fontsize": font["size"] * POINT,
            "color": colour(font["color"]),
        }
        if settings["va"] == "middle":
            settings["va"] = "center"
        panel, transform = self._transform(item)
        if panel is None:
            text = self.canvas.text(0.5, 0.5, shown(item["text"]), **settings)
            self.texts.append((text, item["x"], item["y"]))
        else:
            panel.text(item["x"], item["y"], shown(item["text"]), transform=transform, **settings)

    def _fit(self) -> None:
        """Place the panels so that labels and titles just fit in; twice, since labels change with the places."""
        area = [0.08, 0.08, 0.97, 0.97]
        legend = getattr(self, "legend", None)
        self._place(area)
        for _ in range(3):
            self.canvas.draw_without_rendering()
            renderer = self.canvas._get_renderer()  # type: ignore[attr-defined]  # the way of matplotlib's own layouts
            boxes = [box for panel in self._artists() if (box := panel.get_tightbbox(renderer)) is not None]
            scale = self.canvas.dpi
            width, height = (size / PIXELS_PER_INCH * scale for size in self.size)
            gap = MARGIN / PIXELS_PER_INCH * scale
            top = height - gap
            if legend is not None:
                top = legend.get_window_extent(renderer).y0 - gap / 2
            area[0] += (gap - min(box.x0 for box in boxes)) / width
            area[1] += (gap - min(box.y0 for box in boxes)) / height
            area[2] -= (max(box.x1 for box in boxes) - (width - gap)) / width
            area[3] -= (max(box.y1 for box in boxes) - top) / height
            area[2] = max(area[2], area[0] + 0.1)
            area[3] = max(area[3], area[1] + 0.1)
            self._place(area)

    def _artists(self) -> Iterator[Any]:
        yield from self.canvas.axes
        yield from (text for text, _, _ in self.texts)

    def _place(self, area: Sequence[float]) -> None:
        left, bottom, right, top = area

        def at(x: float, y: float) -> tuple[float, float]:
            return left + x * (right - left), bottom + y * (top - bottom)

        for (x, y), panel in self.panels.items():
            (x0, x1), (y0, y1) = self._domain(x), self._domain(y)
            (low_x, low_y), (high_x, high_y) = at(x0, y0), at(x1, y1)
            box = (low_x, low_y, high_x - low_x, high_y - low_y)
            panel.set_position(box)
            for bar in getattr(panel, "bars", ()):
                bar.set_position((high_x + 12 / self.size[0], low_y, 10 / self.size[0], high_y - low_y))
        for text, across, up in self.texts:
            text.set_position(at(across, up))
