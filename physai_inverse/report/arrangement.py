"""Several figures in rows and columns, as one."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

from physai_inverse.report.figures import INK, Figure, layout, plain

Entry = dict[str, Any]


def arranged(
    figures: Sequence[Figure],
    titles: Sequence[str],
    *,
    columns: int,
    height: int,
    gap: tuple[float, float] = (0.1, 0.3),
    shared: bool = False,
) -> Figure:
    """Put figures beside and below each other.

    Args:
        figures: each with axes of its own.
        titles: one above each.
        columns: in a row.
        height: of a row, in pixels.
        gap: the part of a cell that stays empty to its right, and above it.
        shared: the figures have one vertical scale, whose numbers stand at the left only.
    """
    columns = max(min(columns, len(figures)), 1)
    rows = max(math.ceil(len(figures) / columns), 1)
    traces: list[object] = []
    axes: Entry = {}
    shapes: list[object] = []
    notes: list[object] = []
    counted = {"x": 0, "y": 0}
    for place, (figure, title) in enumerate(zip(figures, titles, strict=True)):
        row, column = divmod(place, columns)
        left, top = column / columns, 1.0 - row / rows
        right = left + (1.0 - (gap[0] if columns > 1 else 0.0)) / columns
        ceiling, bottom = top - gap[1] / rows, top - 1.0 / rows
        own = cast("Mapping[str, Any]", figure["layout"])
        names = _renamed(own, counted)
        for key, axis in own.items():
            if key[1:5] != "axis":
                continue
            name = names[key[0] + key[5:]]
            ends = (left, right) if key[0] == "x" else (bottom, ceiling)
            within = axis.get("domain", (0.0, 1.0))
            moved: Entry = {"domain": [ends[0] + part * (ends[1] - ends[0]) for part in within]}
            other = names[axis.get("anchor", "y" if key[0] == "x" else "x")]
            moved |= {"anchor": other}
            if "overlaying" in axis:
                moved |= {"overlaying": names[axis["overlaying"]]}
            if shared and key[0] == "y" and column > 0:
                moved |= {"showticklabels": False, "title": {"text": ""}}
            axes[f"{name[0]}axis{name[1:]}"] = {**axis, **moved}
        for trace in cast("list[Entry]", figure["data"]):
            refs = {key: names[trace.get(key, key[0])] for key in ("xaxis", "yaxis")}
            traces.append({**trace, **refs})
        for source, target in ((own.get("shapes", ()), shapes), (own.get("annotations", ()), notes)):
            target += [{**item, **{key: _moved(item[key], names) for key in ("xref", "yref")}} for item in source]
        notes.append(
            {
                "text": plain(title, 60),
                "x": left,
                "y": ceiling + 0.02 / rows,
                "xref": "paper",
                "yref": "paper",
                "xanchor": "left",
                "yanchor": "bottom",
                "showarrow": False,
                "font": {"size": 13, "color": INK},
            }
        )
    return Figure(
        data=traces,
        layout=layout(height=height * rows, showlegend=False, shapes=shapes, annotations=notes, **axes),
    )


def _renamed(own: Mapping[str, Any], counted: dict[str, int]) -> dict[str, str]:
    """Give every axis of a figure a name that is free."""
    names = {}
    for key in own:
        if key[1:5] == "axis":
            counted[key[0]] += 1
            count = counted[key[0]]
            names[key[0] + key[5:]] = key[0] if count == 1 else f"{key[0]}{count}"
    return names


def _moved(reference: str, names: Mapping[str, str]) -> str:
    name, space, rest = reference.partition(" ")
    return names.get(name, name) + space + rest
