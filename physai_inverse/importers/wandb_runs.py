"""Offline runs of Weights & Biases, read without its package: a log of records, each a protocol-buffer message.

The log is that of LevelDB: blocks of 32 KiB, records whole or in parts. Of the messages (wandb_internal.proto)
only run, configuration, history, summary and exit are looked at; values in them are JSON.
"""

import json
import struct
from collections.abc import Iterator
from pathlib import Path

from physai_inverse.errors import InvalidInput
from physai_inverse.importers.folders import walk
from physai_inverse.importers.points import chosen, metric_of
from physai_inverse.importers.runs import Decision, Run, Source, Wanted, identity
from physai_inverse.importers.values import flattened
from physai_inverse.importers.wire import fields, inner, integer, texts
from physai_inverse.observations import Metric, TrialState

MAGIC = b":W&B"
FILE_HEADER = 7
BLOCK = 32768
HEADER = struct.Struct("<IHB")
WHOLE, FIRST, MIDDLE, LAST = 1, 2, 3, 4
HISTORY, SUMMARY, CONFIG, RUN, EXIT = 2, 3, 5, 17, 18
"""Numbers of `Record`."""
KEY, NESTED, JSON = 1, 2, 16
"""Numbers of an item."""


def run_files(folder: Path) -> list[Path]:
    """Find the logs below a folder."""
    return [place / name for place, _, files in walk(folder) for name in files if name.endswith(".wandb")]


def read_wandb(source: Path, wanted: Wanted) -> Source:
    """Read one log, or every log below a folder.

    Raises:
        NotFound, InvalidInput: see `chosen`; or no log can be read.
    """
    paths = [source] if source.is_file() else run_files(source)
    found: list[tuple[str, Run]] = []
    left_out: list[str] = []
    for path in paths:
        try:
            project, run, problem = _read(path)
        except InvalidInput as error:
            left_out.append(f"{path}: {error}")
            continue
        if problem:
            left_out.append(f"{path}: {problem}")
        if run is not None:
            found.append((project, run))
    title = f"W&B offline runs `{source}`"
    if not found:
        first = f" The first: {left_out[0]}" if left_out else ""
        raise InvalidInput(f"{title}: expected runs with a configuration, got none.{first}")
    counts: dict[str, int] = {}
    for project, _ in found:
        counts[project] = counts.get(project, 0) + 1
    name = chosen("project", title, counts, wanted.experiment)
    runs = tuple(run for project, run in found if project == name)
    decisions = [Decision("_step", "step", "of the curves", "W&B counts steps", "")]
    if any(run.seconds is not None for run in runs):
        decisions.append(Decision("_runtime", "seconds", "its cost", "W&B measures it", "seconds"))
    return Source("W&B", f"{title}, project `{name}`", runs, tuple(left_out), tuple(decisions))


def _read(path: Path) -> tuple[str, Run | None, str]:
    config: dict[str, object] = {}
    points: dict[str, list[tuple[float, float]]] = {}
    summary: dict[str, object] = {}
    project, code, seconds, problem = "", None, None, ""
    record = None
    rows = 0
    try:
        for message in _records(path):
            for number, content in fields(message):
                if not isinstance(content, bytes):
                    continue
                if number == RUN:
                    project = (texts(content, 3) or [project])[-1]
                    own = (texts(content, 1) or [""])[-1]
                    # A run that was resumed has one identity and several logs, each in a folder of its own.
                    record = identity("wandb", own, path.absolute().parent.name) if own else None
                    for part in inner(content, 4):
                        config |= _items(part, 1)
                elif number == CONFIG:
                    config |= _items(content, 1)
                elif number == SUMMARY:
                    summary |= _items(content, 1)
                elif number == HISTORY:
                    row = _items(content, 1)
                    step = row.get("_step")
                    at = float(step) if isinstance(step, int | float) else float(rows)
                    rows += 1
                    for key, value in flattened(row).items():
                        number_seen = _number(value)
                        if not key.startswith("_") and number_seen is not None:
                            points.setdefault(key, []).append((at, number_seen))
                    if isinstance(row.get("_runtime"), int | float):
                        seconds = float(str(row["_runtime"]))
                elif number == EXIT:
                    code = integer(content, 1)
    except InvalidInput as error:
        problem = f"{error} What stands before it is used."
    metrics: dict[str, Metric] = {key: metric_of(found) for key, found in points.items()}
    for key, value in flattened(summary).items():
        number_seen = _number(value)
        if not key.startswith("_") and key not in metrics and number_seen is not None:
            metrics[key] = number_seen
        if key == "_runtime" and seconds is None:
            seconds = number_seen
    params = flattened({key: value for key, value in config.items() if not key.startswith("_")})
    if not params:
        return project, None, problem or "no configuration was recorded."
    state, kind, reason = TrialState.DONE, None, None
    if code is None:
        state, reason = TrialState.STOPPED_EARLY, "the log has no end: it was killed, or runs on"
        if not metrics:
            return project, None, "it was killed before it measured anything, or runs on."
    elif code != 0:
        state, kind, reason = TrialState.FAILED, "unknown", f"exit code {code}"
    run = Run(str(path), params, metrics, state, None, seconds, reason, kind, record)
    return project or "unnamed", run, problem


def _items(message: bytes, number: int) -> dict[str, object]:
    found: dict[str, object] = {}
    for item in inner(message, number):
        keys = texts(item, NESTED) or texts(item, KEY)
        written = texts(item, JSON)
        if not keys or not written:
            continue
        try:
            found[".".join(keys)] = json.loads(written[-1])
        except (ValueError, RecursionError) as error:
            raise InvalidInput(f"`{'.'.join(keys)}` holds no JSON.") from error
    return found


def _number(value: object) -> float | None:
    if isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _records(path: Path) -> Iterator[bytes]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"it cannot be read: {error.strerror}.") from error
    if content[:4] != MAGIC:
        raise InvalidInput(f"expected a log of W&B, which begins with {MAGIC.decode()}, got {content[:8]!r}.")
    place = FILE_HEADER
    parts: list[bytes] = []
    while place < len(content):
        rest = BLOCK - place % BLOCK
        if rest < HEADER.size:
            place += rest
            continue
        if place + HEADER.size > len(content):
            raise InvalidInput("the log is cut in a record.")
        _, length, kind = HEADER.unpack_from(content, place)
        if kind == 0 and length == 0:  # the padding of a block that was allocated and not used
            place += rest
            continue
        place += HEADER.size
        if kind not in (WHOLE, FIRST, MIDDLE, LAST):
            raise InvalidInput(f"the log is damaged at byte {place}.")
        if place + length > len(content):
            raise InvalidInput("the log is cut in a record.")
        parts = [] if kind in (WHOLE, FIRST) else parts
        parts.append(content[place : place + length])
        place += length
        if kind in (WHOLE, LAST):
            yield b"".join(parts)
            parts = []
