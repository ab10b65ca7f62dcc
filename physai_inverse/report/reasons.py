"""Why trainings are proposed, for a table: the notes of trials in words, a row for each kind of reason."""

from collections.abc import Mapping, Sequence
from typing import cast

from physai_inverse.report.words import interval, number, percent, visible
from physai_inverse.store import Trial

MOST_PREDICTED = 4
"""Metrics whose prediction is told."""


def reason_rows(trials: Sequence[Trial]) -> list[tuple[str, list[str]]]:
    """Give rows of a title and a text for each trial; a row of which no trial has anything is left out."""
    rows: list[tuple[str, list[str]]] = [("why", [_why(trial) for trial in trials])]
    predicted = list(dict.fromkeys(name for trial in trials for name in _mapping(trial.note.get("predicted"))))
    rows += [
        (f"{name}, predicted", [_predicted(trial, name) for trial in trials])
        for name in predicted[:MOST_PREDICTED]
    ]
    gains = list(dict.fromkeys(name for trial in trials for name in _mapping(trial.note.get("expected_gain"))))
    rows += [(f"expected gain in {name}", [_gain(trial, name) for trial in trials]) for name in gains]
    rows += [
        ("given", [_given(trial) for trial in trials]),
        ("may fail", [_failing(trial) for trial in trials]),
        ("nearest training", [_nearest(trial) for trial in trials]),
        ("held back by", [_held_back(trial) for trial in trials]),
        ("costs", [_price(trial) for trial in trials]),
    ]
    return [(visible(title), cells) for title, cells in rows if any(cell not in ("", NOTHING) for cell in cells)]


NOTHING = "—"


def _why(trial: Trial) -> str:
    from physai_inverse.inverse import KINDS

    kind = str(trial.note.get("kind", trial.origin))
    text = "waits in the queue" if trial.origin == "queued" else KINDS.get(kind, kind)
    if "exploit" in trial.note and trial.note.get("intent") is not None and kind in ("model", "explore"):
        share = _number(trial.note["exploit"])
        way = "exploits what is known" if trial.note["intent"] == "exploit" else "explores what is uncertain"
        text += f"; {way} ({percent(share)} of its promise is the mean's)"
    return text


def _predicted(trial: Trial, name: str) -> str:
    ends = _mapping(trial.note.get("predicted")).get(name)
    if not isinstance(ends, list) or len(ends) != 3:
        return NOTHING
    low, middle, high = (_number(end) for end in ends)
    return f"{number(middle)} ({interval(low, high)})"


def _gain(trial: Trial, name: str) -> str:
    gain = _mapping(trial.note.get("expected_gain")).get(name)
    return NOTHING if gain is None else number(_number(gain), 2)


def _given(trial: Trial) -> str:
    if trial.fidelity is None:
        return NOTHING
    return number(trial.fidelity) + ("" if trial.continues is None else f", goes on from trial {trial.continues}")


def _failing(trial: Trial) -> str:
    if "success" not in trial.note:
        return NOTHING
    failing = 1.0 - _number(trial.note["success"])
    if failing < 0.005:
        return NOTHING
    kinds = sorted(_mapping(trial.note.get("failing")).items(), key=lambda item: -_number(item[1]))
    return percent(failing) + (f", most likely {kinds[0][0].replace('_', ' ')}" if kinds else "")


def _nearest(trial: Trial) -> str:
    nearest = _mapping(trial.note.get("nearest"))
    if not nearest:
        return NOTHING
    return f"trial {nearest['number']}, {number(_number(nearest['distance']), 2)} lengthscales away"


def _held_back(trial: Trial) -> str:
    active = trial.note.get("active")
    return ", ".join(map(str, active)) if isinstance(active, list) and active else NOTHING


def _price(trial: Trial) -> str:
    price = trial.note.get("price")
    return NOTHING if price is None else f"{number(_number(price), 2)} times an ordinary training"


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}


def _number(value: object) -> float:
    return float(cast("float", value))
