"""Why a configuration was proposed, for people: the note of a trial in words."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, cast

from rich.box import ROUNDED
from rich.console import Group
from rich.panel import Panel
from rich.table import Table

from physai_inverse.cli.tables import config_text, number_text
from physai_inverse.inverse import KINDS

if TYPE_CHECKING:
    from physai_inverse.store import Trial


def explanation(trial: "Trial") -> Panel:
    """Show why a trial was proposed."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(ratio=1)
    for what, told in _lines(trial):
        table.add_row(what, told)
    return Panel(
        Group(config_text(trial.config), table), title=f"Trial {trial.number}", title_align="left", box=ROUNDED
    )


def _lines(trial: "Trial") -> Iterator[tuple[str, str]]:
    note = trial.note
    kind = str(note.get("kind", trial.origin))
    yield "kind", f"{kind}: {KINDS[kind]}" if kind in KINDS else kind
    if "exploit" in note and "intent" in note:
        share = _number(note["exploit"])
        yield (
            "intent",
            f"{note['intent']}: {share:.0%} of its promise is owed to the mean, {1 - share:.0%} to the spread",
        )
    for name, ends in _mapping(note.get("predicted")).items():
        if isinstance(ends, list) and len(ends) == 3:
            low, middle, high = (number_text(_number(end)) for end in ends)
            yield f"predicted {name}", f"{middle}, between {low} and {high} in 90 % of trainings"
    for name, gain in _mapping(note.get("expected_gain")).items():
        yield "expected gain", f"{number_text(_number(gain))} in {name}, over the best predicted so far"
    if "success" in note:
        classes = [f"{kind} {_number(share):.1%}" for kind, share in _mapping(note.get("failing")).items()]
        failing = 1.0 - _number(note["success"])
        yield (
            "fails",
            f"with probability {failing:.1%} ({', '.join(classes)})" if classes else "nothing has so far",
        )
    if "price" in note:
        yield "costs", f"{number_text(_number(note['price']))} times what an ordinary configuration does"
    nearest = _mapping(note.get("nearest"))
    if nearest:
        distance = number_text(_number(nearest["distance"]))
        yield "nearest run", f"trial {nearest['number']}, {distance} lengthscales away"
    for limit, chance in _mapping(note.get("limits")).items():
        yield "limit", f"{limit} is met with probability {_number(chance):.2f}"
    active = note.get("active")
    if isinstance(active, list):
        yield "active", ", ".join(map(str, active))
    warned = note.get("cautions")
    if isinstance(warned, list):
        yield "caution", "\n".join(map(str, warned))
    ends = _mapping(note.get("ends"))
    if ends:
        yield "at an end", ", ".join(f"{name} ({end})" for name, end in ends.items())


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}


def _number(value: object) -> float:
    return float(cast("float", value))
