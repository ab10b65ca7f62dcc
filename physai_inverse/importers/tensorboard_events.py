"""TensorBoard event folders: scalars and hyperparameters, by TensorBoard's own messages."""

import math
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from physai_inverse.errors import InvalidInput, MissingPackage
from physai_inverse.importers.folders import read_settings, walk
from physai_inverse.importers.points import metric_of
from physai_inverse.importers.runs import Decision, Run, Source, Wanted
from physai_inverse.importers.values import flattened
from physai_inverse.observations import Metric, TrialState

if TYPE_CHECKING:
    from tensorboard.compat.proto.summary_pb2 import Summary

EVENTS = "events.out.tfevents"
HPARAMS = "hparams"
PAIR = re.compile(r"([A-Za-z_]\w*)=([^,;/\s]+)")
"""A setting in the name of a folder, for writers that record none."""
FAILURE = 2
"""`STATUS_FAILURE` of TensorBoard's hparams plugin (api.proto)."""
HEADER = struct.Struct("<QI")
FOOTER = 4
LARGEST_RECORD = 2**30
CASTAGNOLI = 0x82F63B78
MASK = 0xA282EAD8
"""TFRecord masks its checksums: rotated by 15 bits, plus this."""


@dataclass
class _Folder:
    path: Path
    points: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    params: dict[str, object] = field(default_factory=dict)
    failed: bool = False
    times: list[float] = field(default_factory=list)


def event_folders(folder: Path) -> dict[Path, list[Path]]:
    """Find the folders that hold event files."""
    found = {}
    for place, _, files in walk(folder):
        events = [place / name for name in files if EVENTS in name]
        if events:
            found[place] = events
    return found


def read_tensorboard_folder(folder: Path, _wanted: Wanted) -> Source:
    """Read every run below a folder.

    Raises:
        MissingPackage: TensorBoard is not installed.
        InvalidInput: no run says what was configured, or no event can be read.
    """
    _tensorboard()
    problems: list[str] = []
    found = {}
    for place, files in event_folders(folder).items():
        found[place] = _read_folder(place, files, problems)
    runs: list[Run] = []
    left_out = list(problems)
    decisions: dict[str, Decision] = {}
    for place, log in _joined(found).items():
        if not log.params:
            log.params = dict(PAIR.findall(place.relative_to(folder.parent).as_posix()))
        metrics = {
            tag: metric_of(points) for tag, points in log.points.items() if not _is_placeholder(tag, points)
        }
        for tag in log.points.keys() - metrics.keys():
            decisions[tag] = Decision(tag, "left out", "", "Lightning writes it where nothing was measured")
        if not log.params:
            left_out.append(
                f"{place}: no hyperparameters were recorded, so nothing is known of its configuration."
            )
        elif not metrics and not log.failed:
            left_out.append(f"{place}: it holds no scalar.")
        else:
            runs.append(_run(place, log, metrics))
    if not runs:
        raise InvalidInput(
            f"`{folder}`: expected runs with hyperparameters, got {len(found)} folders of events and none in "
            "them. Record them with SummaryWriter.add_hparams(), put an hparams.yaml beside the events, or name "
            f"the folders such as lr=0.1,width=64. The first: {left_out[0] if left_out else 'no scalar'}"
        )
    if any(run.seconds is not None for run in runs):
        decisions["wall_time"] = Decision(
            "wall_time", "seconds", "its cost", "from the first event to the last", "seconds"
        )
    decisions["step"] = Decision("step", "step", "of the curves", "TensorBoard counts steps", "")
    return Source(
        "TensorBoard", f"TensorBoard events `{folder}`", tuple(runs), tuple(left_out), tuple(decisions.values())
    )


def _tensorboard() -> None:
    try:
        import tensorboard
    except ImportError as error:
        raise MissingPackage(
            "Reading event files needs `tensorboard`, which is not installed: "
            "pip install 'physai-inverse[tensorboard]'."
        ) from error
    assert tensorboard


def _read_folder(place: Path, files: Sequence[Path], problems: list[str]) -> _Folder:
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto.event_pb2 import Event

    log = _Folder(place)
    for path in files:
        try:
            for record in _records(path):
                event = Event.FromString(record)
                log.times.append(float(event.wall_time))
                for value in event.summary.value:
                    _take(log, float(event.step), value)
        except (InvalidInput, DecodeError) as error:
            said = error if isinstance(error, InvalidInput) else "an event cannot be read."
            problems.append(f"{path}: {said} What stands before it is used.")
    settings = place / "hparams.yaml"
    if not log.params and settings.is_file():
        try:
            log.params = flattened(read_settings(settings))
        except InvalidInput as error:
            problems.append(str(error))
    return log


def _records(path: Path) -> Iterator[bytes]:
    """Give the records of a TFRecord file: length, its checksum, content, its checksum."""
    try:
        with path.open("rb") as stream:
            number = 0
            while head := stream.read(HEADER.size):
                number += 1
                if len(head) < HEADER.size:
                    raise InvalidInput(f"the file is cut in record {number}.")
                length, checksum = HEADER.unpack(head)
                if length > LARGEST_RECORD or _masked(head[:8]) != checksum:
                    raise InvalidInput(f"record {number} is damaged: its length does not match its checksum.")
                content = stream.read(length + FOOTER)
                if len(content) < length + FOOTER:
                    raise InvalidInput(f"the file is cut in record {number}.")
                yield content[:length]
    except OSError as error:
        raise InvalidInput(f"it cannot be read: {error.strerror}.") from error


def _masked(content: bytes) -> int:
    """Give the masked CRC-32C of a few bytes."""
    value = 0xFFFFFFFF
    for byte in content:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (CASTAGNOLI if value & 1 else 0)
    value ^= 0xFFFFFFFF
    return ((value >> 15 | value << 17) + MASK) & 0xFFFFFFFF


def _take(log: _Folder, step: float, value: "Summary.Value") -> None:
    from google.protobuf.message import DecodeError

    plugin = value.metadata.plugin_data
    if plugin.plugin_name == HPARAMS:
        from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

        try:
            data = HParamsPluginData.FromString(plugin.content)
        except DecodeError as error:
            raise InvalidInput("its hyperparameters cannot be read.") from error
        for name, item in sorted(data.session_start_info.hparams.items()):  # a map has no order of its own
            kind = item.WhichOneof("kind")
            if kind in ("number_value", "string_value", "bool_value"):
                log.params[str(name)] = _plain(getattr(item, kind))
        log.failed = log.failed or data.session_end_info.status == FAILURE
        return
    kind = value.WhichOneof("value")
    if kind == "simple_value":
        log.points.setdefault(str(value.tag), []).append((step, float(value.simple_value)))
    elif kind == "tensor" and plugin.plugin_name in ("", "scalars"):
        number = _scalar(value.tensor)
        if number is not None:
            log.points.setdefault(str(value.tag), []).append((step, number))


def _scalar(tensor: Any) -> float | None:
    from tensorboard.util.tensor_util import make_ndarray

    try:
        array = make_ndarray(tensor)
    except (TypeError, ValueError):
        return None
    return float(array.reshape(())) if array.size == 1 and array.dtype.kind in "fiu" else None


def _plain(value: object) -> object:
    """Give a whole number as one: the messages hold every number as a float."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def _joined(found: dict[Path, _Folder]) -> dict[Path, _Folder]:
    """Join folders that are one run.

    `add_hparams` writes into a folder below that of the curves; writers of several scalars at once, and Keras, put
    curves into folders below that of the hyperparameters.
    """
    runs = dict(found)
    for place, log in found.items():
        below = [other for other in found if other.parent == place and found[other].params]
        if not log.params and log.points and len(below) == 1:
            child = runs.pop(below[0])
            runs[place] = _Folder(
                place, {**log.points, **child.points}, child.params, child.failed, [*log.times, *child.times]
            )
    for place, log in list(runs.items()):
        above = next((parent for parent in place.parents if parent in runs and runs[parent].params), None)
        if above is None or log.params:
            continue
        target = runs[above]
        name = place.relative_to(above).as_posix()
        points = {
            (name if name.startswith(tag.replace("/", "_")) else f"{name}/{tag}"): values
            for tag, values in log.points.items()
        }
        target.points = {**target.points, **points}
        target.times = [*target.times, *log.times]
        del runs[place]
    return runs


def _run(place: Path, log: _Folder, metrics: dict[str, Metric]) -> Run:
    span = max(log.times) - min(log.times) if log.times else 0.0
    state = TrialState.FAILED if log.failed else TrialState.DONE
    reason = "TensorBoard says that it failed" if log.failed else None
    if log.failed and any(math.isnan(float(metric)) for metric in metrics.values()):
        state = TrialState.DIVERGED
    kind = {TrialState.FAILED: "unknown", TrialState.DIVERGED: "diverged"}.get(state)
    return Run(str(place), log.params, metrics, state, None, span if span > 0 else None, reason, kind)


def _is_placeholder(tag: str, points: Sequence[tuple[float, float]]) -> bool:
    return tag == "hp_metric" and all(value == -1 for _, value in points)
