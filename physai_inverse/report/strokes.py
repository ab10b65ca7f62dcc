"""One trace of a figure drawn on matplotlib's axes: scatters, bars, heatmaps, contours."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

POINT = 0.75
"""Points in a pixel of 1/96 inch."""

LINES: Mapping[str, Any] = {"colors": [(1.0, 1.0, 1.0, 0.35)], "linewidths": 0.5, "linestyles": "solid"}
"""Between the areas of a map."""

SYMBOLS = {"circle": "o", "circle-open": "o", "diamond": "D", "star": "*", "x-thin": "x", "line-ns": "|"}
SIZES = {"*": 1.25, "D": 0.85, "|": 1.4}
"""Of matplotlib's markers beside plotly's of the same number."""

_RGBA = re.compile(r"rgba\((\d+),(\d+),(\d+),([\d.]+)\)")

DASHES: Mapping[str, Any] = {"dash": "--", "dot": ":", "dashdot": "-.", "longdash": (0, (9, 3))}
"""Plotly's word for a line to matplotlib's."""


def pixels(width: float) -> float:
    """Give a width in pixels in points."""
    return float(width) * POINT


def colour(text: str) -> Any:
    """Read a colour as our figures write it: `#rrggbb` or `rgba(r,g,b,a)`."""
    found = _RGBA.fullmatch(text)
    if found is None:
        return text
    red, green, blue, alpha = found.groups()
    return int(red) / 255, int(green) / 255, int(blue) / 255, float(alpha)


def draw_trace(panel: "Axes", trace: Mapping[str, Any], order: float) -> Any:
    """Draw a trace; give what the legend shows of it.

    Args:
        panel: the axes.
        trace: in plotly's form.
        order: what lies higher is drawn over what lies lower.
    """
    kind = trace["type"]
    if kind == "bar":
        return _bars(panel, trace, order)
    if kind in ("heatmap", "contour"):
        return _map(panel, trace, order)
    return _scatter(panel, trace, order)


def _numbers(values: Sequence[Any]) -> "np.ndarray":
    import numpy as np

    return np.array([math.nan if value is None else float(value) for value in values])


def _scatter(panel: "Axes", trace: Mapping[str, Any], order: float) -> Any:
    x, y = _numbers(trace["x"]), _numbers(trace["y"])
    mode = trace.get("mode", "lines")
    handle = None
    if trace.get("fill") == "toself":
        return panel.fill(x, y, facecolor=colour(trace["fillcolor"]), linewidth=0, zorder=order)[0]
    if "lines" in mode:
        line = trace.get("line", {})
        [handle] = panel.plot(
            x,
            y,
            color=colour(line["color"]),
            linewidth=pixels(line.get("width", 2)),
            linestyle=DASHES.get(line.get("dash", ""), "-"),
            drawstyle="steps-post" if line.get("shape") == "hv" else "default",
            solid_capstyle="butt",
            zorder=order,
        )
    if "error_y" in trace:
        bars = trace["error_y"]
        panel.vlines(
            x,
            y - _numbers(bars["arrayminus"]),
            y + _numbers(bars["array"]),
            color=colour(bars["color"]),
            linewidth=pixels(bars["thickness"]),
            zorder=order,
        )
    if "markers" in mode:
        handle = _markers(panel, x, y, trace["marker"], order, clip=trace.get("cliponaxis", True))
    if "text" in mode:
        for at, up, text in zip(x, y, trace["text"], strict=True):
            panel.text(at, up, text, ha="center", va="center", fontsize=11 * POINT, zorder=order)
    return handle


def _markers(
    panel: "Axes", x: "np.ndarray", y: "np.ndarray", marker: Mapping[str, Any], order: float, *, clip: bool
) -> Any:
    """Draw markers; symbols and opacities may be given one by one."""
    import numpy as np

    given = marker.get("symbol", "circle")
    symbols = np.array([given] * len(x) if isinstance(given, str) else given)
    opacity = marker.get("opacity", 1.0)
    alpha = np.broadcast_to(np.asarray(opacity, dtype=float), len(x))
    edge = marker.get("line", {})
    handle = None
    for symbol in dict.fromkeys(symbols.tolist()):
        rows = symbols == symbol
        shape = SYMBOLS[symbol]
        size = pixels(marker["size"]) * SIZES.get(shape, 1.0)
        fill = colour(marker.get("color", edge.get("color", "#000000")))
        settings: dict[str, Any] = {"marker": shape, "s": size**2, "zorder": order, "clip_on": clip}
        if shape in "x|":
            settings |= {"c": [colour(edge["color"])], "linewidths": pixels(edge.get("width", 1))}
        elif symbol.endswith("-open"):
            settings |= {"facecolors": "none", "edgecolors": [fill], "linewidths": pixels(1.4)}
        else:
            settings |= {
                "facecolors": [fill],
                "edgecolors": [colour(edge["color"])] if edge.get("width") else "none",
                "linewidths": pixels(edge.get("width", 0)),
            }
        if isinstance(opacity, list) or opacity != 1.0:  # an alpha would replace the one of the colour
            settings["alpha"] = alpha[rows]
        drawn = panel.scatter(x[rows], y[rows], **settings)
        handle = handle or drawn
    return handle


def _bars(panel: "Axes", trace: Mapping[str, Any], order: float) -> Any:
    x, y = _numbers(trace["x"]), _numbers(trace["y"])
    drawn = panel.barh(y, x, height=trace.get("width", 0.8), color=colour(trace["marker"]["color"]), zorder=order)
    font = trace.get("textfont", {})
    for length, place, text in zip(x, y, trace.get("text", ()), strict=False):
        panel.annotate(
            text,
            (length, place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=font.get("size", 12) * POINT,
            color=colour(font.get("color", "#000000")),
        )
    return drawn


def _map(panel: "Axes", trace: Mapping[str, Any], order: float) -> None:
    """Draw a heatmap or filled contours with its colour bar."""
    import numpy as np
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    x, y = _numbers(trace["x"]), _numbers(trace["y"])
    z = np.ma.masked_invalid(np.stack([_numbers(row) for row in trace["z"]]))
    colours = LinearSegmentedColormap.from_list("ours", [(at, colour(text)) for at, text in trace["colorscale"]])
    norm = Normalize(trace["zmin"], trace["zmax"])
    if trace["type"] == "contour":
        steps = trace["contours"]
        levels = np.arange(steps["start"], steps["end"] + steps["size"] / 2, steps["size"])
        drawn: Any = panel.contourf(
            x, y, z, levels=levels, cmap=colours, norm=norm, zorder=order, antialiased=True
        )
        drawn.set_edgecolor("face")  # no white seams between the areas
        panel.contour(x, y, z, levels=levels, zorder=order, **LINES)
    else:
        drawn = panel.pcolormesh(
            _cell_edges(x, log=panel.get_xscale() == "log"), _cell_edges(y, log=panel.get_yscale() == "log"), z,
            cmap=colours, norm=norm, zorder=order, rasterized=True,
        )  # fmt: skip
    settings = trace["colorbar"]
    figure: Any = panel.figure
    side = figure.add_axes((0.9, 0.1, 0.02, 0.8))
    bar: Any = figure.colorbar(drawn, cax=side)
    bar.set_ticks(settings["tickvals"], labels=settings["ticktext"])
    font = settings["tickfont"]
    bar.ax.tick_params(length=0, labelsize=font["size"] * POINT, pad=3, labelcolor=colour(font["color"]))
    bar.outline.set_visible(False)
    panel.bars = [side]  # type: ignore[attr-defined]  # moves with its panel


def _cell_edges(centres: "np.ndarray", *, log: bool) -> "np.ndarray":
    """Give the borders ``[g + 1]`` half-way between centres ``[g]``."""
    import numpy as np

    at = np.log(centres) if log else centres
    if len(at) == 1:
        at = np.array([at[0] - 0.5, at[0] + 0.5])
    else:
        inner = (at[1:] + at[:-1]) / 2
        at = np.concatenate([[2 * at[0] - inner[0]], inner, [2 * at[-1] - inner[-1]]])
    return np.exp(at) if log else at
