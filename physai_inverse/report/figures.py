"""What all figures share: colours, axes, and texts that plotly does not take for markup or templates.

Colours are those of Okabe and Ito (2008), which the colour-blind tell apart. They are written for a light ground;
`DARK` says what each becomes on a dark one.
"""

import html
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from physai_inverse.objective import AtLeast, AtMost, Between, Goal, Target, edges
from physai_inverse.observations import Scalar
from physai_inverse.report.drawing import write_drawing
from physai_inverse.report.words import number, scalar, visible
from physai_inverse.space import Float, Integer
from physai_inverse.space.parameters import FreeParameter

if TYPE_CHECKING:
    import numpy as np


class Figure(dict[str, object]):
    """A figure in plotly's JSON form, `data` and `layout`: a plain mapping that can also be written to a file."""

    def write(self, path: str | Path, *, width: int | None = None, height: int | None = None) -> Path:
        """Draw the figure to a file, on a light ground; needs the extra `figures` (matplotlib), and no browser.

        Args:
            path: ends in `.svg`, `.pdf` or `.png`; its folder must exist.
            width: in pixels of 1/96 inch; a PNG has two dots for each. Left out: 720, more for a matrix.
            height: the figure's own where it is left out.

        Returns:
            The path.

        Raises:
            InvalidInput: the path ends otherwise, or a size is not positive.
            MissingPackage: matplotlib is not installed.
            StoreUnavailable: the file cannot be written.
        """
        return write_drawing(self, Path(path), width=width, height=height)


Trace: TypeAlias = dict[str, object]
Axis: TypeAlias = dict[str, object]

OURS = "#0072b2"
OURS_FAINT = "rgba(0,114,178,0.35)"
OURS_BAND = "rgba(0,114,178,0.13)"
OURS_CORE = "rgba(0,114,178,0.27)"
RANDOM = "#8b929c"
RANDOM_FAINT = "rgba(139,146,156,0.45)"
RANDOM_BAND = "rgba(139,146,156,0.20)"
WRONG = "#d55e00"
WRONG_FAINT = "rgba(213,94,0,0.35)"
WRONG_BAND = "rgba(213,94,0,0.13)"
WRONG_CORE = "rgba(213,94,0,0.24)"
PICK = "#e69f00"
INK = "#1d2733"
SOFT = "#5b6673"
GRID = "#e6e9ee"
PAPER = "#ffffff"

DARK = {
    OURS: "#56b4e9",
    OURS_FAINT: "rgba(86,180,233,0.40)",
    OURS_BAND: "rgba(86,180,233,0.16)",
    OURS_CORE: "rgba(86,180,233,0.32)",
    RANDOM: "#8d96a3",
    RANDOM_FAINT: "rgba(141,150,163,0.45)",
    RANDOM_BAND: "rgba(141,150,163,0.22)",
    WRONG: "#f08a45",
    WRONG_FAINT: "rgba(240,138,69,0.40)",
    WRONG_BAND: "rgba(240,138,69,0.16)",
    WRONG_CORE: "rgba(240,138,69,0.28)",
    PICK: "#f0b93a",
    INK: "#e6eaf0",
    SOFT: "#a0aab8",
    GRID: "#2b333f",
    PAPER: "#161b22",
}

MAP = (
    "#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838",
)  # fmt: skip
"""From low to high values, the same on any ground: Nunez, Anderton & Renslow 2018, "Optimizing colormaps with
consideration for color vision deficiency", https://doi.org/10.1371/journal.pone.0199239."""

UNSURE = ("#fdf6ee", "#f9dfc3", "#f2b88a", "#dd8551", "#b4532a", "#7a2c12")
"""From certain to uncertain."""

UNSURE_DARK = ("#1b222b", "#3a2f2b", "#6b4530", "#a45f38", "#d98a54", "#ffc89a")
DARK |= dict(zip(UNSURE, UNSURE_DARK, strict=True))

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

MOST_DOTS = 1500
"""Trainings that one figure draws; of more an even share."""

LOG_RATIO = 30.0
"""Positive values whose largest is this many times the smallest are shown on a logarithmic axis."""

SKEWED_RATIO = 8.0
"""The same for values most of which crowd at the low end."""

MOST_WHOLE = 7
"""Whole numbers each of which gets its tick."""

LABELS = 34
"""Signs that fit beside each other below a small figure."""

REACH = 0.4
"""Part of an axis' length, to either side, that bands may add to it."""

MAX_LABEL = 26


def plain(value: str, length: int | None = MAX_LABEL) -> str:
    """Give a text as plotly shall show it: neither as its small HTML nor as a template."""
    return html.escape(visible(value, length), quote=False).replace("{", "&#123;").replace("$", "&#36;")


def finite(values: "Iterable[float] | np.ndarray") -> list[float | None]:
    """Give numbers as JSON has them: what is not finite becomes a gap."""
    return [float(value) if math.isfinite(value) else None for value in values]


def thinned(count: int, most: int) -> list[int]:
    """Give the places, evenly spaced, of at most so many of `count` things; the first and the last among them."""
    if count <= most:
        return list(range(count))
    return [round(place * (count - 1) / (most - 1)) for place in range(most)]


def is_log(values: Iterable[float]) -> bool:
    """Say whether values span orders of magnitude."""
    kept = sorted(value for value in values if math.isfinite(value))
    if len(kept) < 2 or kept[0] <= 0:
        return False
    low, middle, high = kept[0], kept[len(kept) // 2], kept[-1]
    return high >= LOG_RATIO * low or (high >= SKEWED_RATIO * low and high - middle > 2 * (middle - low))


def bounds(values: Iterable[float], *, log: bool) -> tuple[float, float] | None:
    """Give the ends of an axis a little beyond the finite values; None where there is none."""
    kept = [value for value in values if math.isfinite(value) and (value > 0 or not log)]
    if not kept:
        return None
    low, high = min(kept), max(kept)
    if log:
        margin = max(math.log10(high / low) * 0.06, 0.03)
        return low / 10**margin, high * 10**margin
    margin = 0.06 * (high - low)
    if margin < 1e-6 * max(abs(low), abs(high)) or margin == 0:  # one value, but for rounding
        margin = 0.05 * max(abs(low), abs(high)) or 1.0
    return low - margin, high + margin


def around(core: Sequence[float], reaching: Iterable[float], *, log: bool) -> tuple[float, float] | None:
    """Give the ends of an axis for values, and for what reaches beyond them: bands may end outside.

    Args:
        core: what must be seen.
        reaching: what may be cut off, where it would take more than `REACH` of the length of the rest.
        log: whether the axis is logarithmic.
    """
    ends = bounds(core, log=log)
    if ends is None:
        return bounds(reaching, log=log)
    low, high = widened(ends, REACH, log=log)
    near = [min(max(value, low), high) for value in reaching if math.isfinite(value)]
    return bounds([*core, *near], log=log)


def widened(ends: tuple[float, float], part: float, *, log: bool) -> tuple[float, float]:
    """Widen an axis by a part of its length to both sides."""
    low, high = ends
    if log:
        return low * (low / high) ** part, high * (high / low) ** part
    return low - part * (high - low), high + part * (high - low)


def axis(title: str, *, log: bool = False, within: tuple[float, float] | None = None, **more: object) -> Axis:
    """Describe an axis of numbers.

    Args:
        title: plain text.
        log: whether it is logarithmic.
        within: its ends; chosen by plotly where they are left out.
        more: further plotly settings.
    """
    result: Axis = {
        "title": {"text": plain(title, 60), "standoff": 8, "font": {"size": 13, "color": SOFT}},
        "gridcolor": GRID,
        "linecolor": GRID,
        "zeroline": False,
        "automargin": True,
        "tickfont": {"size": 12, "color": SOFT},
        "nticks": 6,
        "ticks": "",
        "type": "log" if log else "linear",
    }
    if within is not None:
        result["range"] = [math.log10(end) for end in within] if log else list(within)
        if log:
            ticks = log_ticks(*within)
            result |= {"tickmode": "array", "tickvals": ticks, "ticktext": [number(tick) for tick in ticks]}
    return result | more


def log_ticks(low: float, high: float) -> list[float]:
    """Give round numbers between two positive ends: 1, 2, 5 over few decades, powers of ten over many."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    decades = math.log10(high / low)
    if decades < 0.5:
        return even_ticks(low, high)
    steps = (1, 2, 5) if decades <= 2.5 else (1, 3) if decades <= 3 else (1,)
    stride = max(1, math.ceil((decades - 1.0) / 6))
    ticks = [step * 10.0**power for power in range(first, last + 1, stride) for step in steps]
    return [float(f"{tick:.6g}") for tick in ticks if low <= tick <= high]


def even_ticks(low: float, high: float) -> list[float]:
    """Give round numbers, evenly spaced, between two ends."""
    power = 10.0 ** math.floor(math.log10((high - low) / 3))
    size = next(power * step for step in (1, 2, 5, 10) if (high - low) / (power * step) <= 5)
    first = math.ceil(low / size)
    return [float(f"{place * size:.6g}") for place in range(first, math.floor(high / size) + 1)]


def parameter_axis(parameter: FreeParameter, title: str = "", **more: object) -> Axis:
    """Describe the axis of a parameter; a list of values stands at 0, 1, 2, ..."""
    if isinstance(parameter, Float | Integer):
        low, high = float(parameter.low), float(parameter.high)
        numbers = axis(title, log=parameter.log, within=bounds((low, high), log=parameter.log))
        if isinstance(parameter, Integer) and not parameter.log and high - low < MOST_WHOLE:
            whole = list(range(parameter.low, parameter.high + 1))
            numbers |= {"tickmode": "array", "tickvals": whole, "ticktext": [number(value) for value in whole]}
        return numbers | more
    options = parameter.options
    shown = range(0, len(options), max(1, math.ceil(len(options) / 8)))
    listed: Axis = {
        "tickmode": "array",
        "tickvals": list(shown),
        "ticktext": [plain(scalar(options[place]), max(LABELS // len(shown), 4)) for place in shown],
        "tickangle": 0,
        "showgrid": False,
    }
    return axis(title, within=(-0.6, len(options) - 0.4)) | listed | more


def places(parameter: FreeParameter, values: Sequence[Scalar]) -> list[float]:
    """Give where values stand on `parameter_axis`."""
    if isinstance(parameter, Float | Integer):
        return [float(value) for value in values]
    options = {(isinstance(option, bool), option): place for place, option in enumerate(parameter.options)}
    return [float(options[isinstance(value, bool), value]) for value in values]


def layout(**more: object) -> dict[str, object]:
    """Describe what is around the axes."""
    shared: dict[str, object] = {
        "font": {"family": FONT, "size": 13, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 12, "r": 12, "t": 12, "b": 12},
        "hoverlabel": {"font": {"family": FONT, "size": 12, "color": INK}, "bgcolor": PAPER, "bordercolor": GRID},
        "legend": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1.02,
            "yanchor": "bottom",
            "font": {"size": 12, "color": SOFT},
            "bgcolor": "rgba(0,0,0,0)",
        },
        "dragmode": "zoom",
        "hovermode": "closest",
    }
    return shared | more


def goal_shapes(goal: Goal, direction: str) -> list[dict[str, object]]:
    """Draw a limit as a dashed line and a target as a band, across the axis `"x"` or `"y"` of its metric."""
    if isinstance(goal, AtMost | AtLeast):
        low = high = goal.bound
    elif isinstance(goal, Target | Between):
        low, high = edges(goal)
    else:
        return []
    other = "y" if direction == "x" else "x"
    ends: dict[str, object] = {
        f"{direction}ref": direction,
        f"{other}ref": f"{other} domain",
        f"{direction}0": low,
        f"{direction}1": high,
        f"{other}0": 0,
        f"{other}1": 1,
        "layer": "below",
    }
    if low == high:
        return [ends | {"type": "line", "line": {"color": WRONG, "width": 1.2, "dash": "dash"}}]
    return [ends | {"type": "rect", "fillcolor": OURS_BAND, "line": {"width": 0}}]
