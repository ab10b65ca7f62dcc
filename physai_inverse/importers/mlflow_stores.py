"""MLflow's local stores, read without MLflow: folders of small files, and its tables in SQLite."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from physai_inverse.errors import InvalidInput
from physai_inverse.importers.endings import read_ending
from physai_inverse.importers.folders import read_settings, walk
from physai_inverse.importers.points import chosen, metric_of
from physai_inverse.importers.runs import Decision, Run, Source, Wanted, identity
from physai_inverse.importers.sqlite_file import open_foreign
from physai_inverse.observations import Metric

STATUS = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
"""Of `RunStatus` in MLflow's service.proto."""
LARGEST = 1.7976931348623157e308
"""How MLflow's tables write infinity."""
TABLES = frozenset({"experiments", "runs", "params", "metrics"})
SYSTEM = "system/"


@dataclass
class _Logged:
    place: str
    record: str
    status: str
    seconds: float | None
    start: object = 0
    params: dict[str, object] = field(default_factory=dict)
    points: dict[str, list[tuple[float, float, float]]] = field(default_factory=dict)


def read_mlflow_folder(folder: Path, wanted: Wanted) -> Source:
    """Read a file store: `mlruns`, the folder that holds it, or one experiment in it.

    Raises:
        NotFound, InvalidInput: see `chosen`; or its files cannot be read.
    """
    experiments = list(experiment_folders(folder))
    settings = [_experiment(place) for place in experiments]
    names = {str(found.get("name", place.name)): place for place, found in zip(experiments, settings, strict=True)}
    counts = {name: len(_run_folders(place)) for name, place in names.items()}
    title = f"MLflow file store `{folder}`"
    asked = next((name for name, place in names.items() if place.name == wanted.experiment), wanted.experiment)
    name = chosen("experiment", title, counts, asked)
    logged: list[_Logged] = []
    left_out: list[str] = []
    for place in _run_folders(names[name]):
        try:
            found = _run_of(place)
        except InvalidInput as error:
            left_out.append(f"{place}: {error}")
            continue
        if found is None:
            left_out.append(f"{place}: it was deleted in MLflow.")
        else:
            logged.append(found)
    logged.sort(key=lambda run: run.start if isinstance(run.start, int) else 0)
    return _source(f"{title}, experiment `{name}`", logged, left_out)


def experiment_folders(folder: Path) -> Iterable[Path]:
    """Find the experiments of a file store."""
    places = [folder] if _is_experiment(folder) else []
    for top in (folder, folder / "mlruns"):
        if top.is_dir():
            places += [place for place in sorted(top.iterdir()) if place.is_dir() and _is_experiment(place)]
    return dict.fromkeys(places)


def read_mlflow_database(path: Path, wanted: Wanted) -> Source:
    """Read the tables of an SQLite store.

    Raises:
        NotFound, InvalidInput: see `chosen` and `open_foreign`.
    """
    title = f"MLflow database `{path}`"
    with open_foreign(path) as connection:
        experiments = dict(connection.execute("SELECT experiment_id, name FROM experiments").fetchall())
        rows = connection.execute(
            "SELECT run_uuid, status, start_time, end_time, lifecycle_stage, experiment_id FROM runs "
            "ORDER BY start_time, run_uuid"
        ).fetchall()
        counts = {str(name): sum(row[5] == key for row in rows) for key, name in experiments.items()}
        asked = next(
            (str(name) for key, name in experiments.items() if str(key) == wanted.experiment), wanted.experiment
        )
        name = chosen("experiment", title, counts, asked)
        number = next(key for key, value in experiments.items() if str(value) == name)
        logged: dict[str, _Logged] = {}
        left_out: list[str] = []
        for key, status, start, end, stage, experiment in rows:
            if experiment != number:
                continue
            if stage == "deleted":
                left_out.append(f"{path}: run {key}: it was deleted in MLflow.")
                continue
            logged[key] = _Logged(f"{path}: run {key}", identity("mlflow", key), str(status), _seconds(start, end))
        for key, value, run in connection.execute("SELECT key, value, run_uuid FROM params"):
            if run in logged:
                logged[run].params[str(key)] = value
        for key, value, stamp, run, step, is_nan in connection.execute(
            "SELECT key, value, timestamp, run_uuid, step, is_nan FROM metrics ORDER BY timestamp, step"
        ):
            if run in logged:
                try:
                    point = (float(stamp), float(step or 0), math.nan if is_nan else float(value))
                except (TypeError, ValueError):
                    left_out.append(
                        f"{path}: run {run}: `{key}`: expected numbers, got {value!r} at step {step!r}."
                    )
                    continue
                if abs(point[2]) >= LARGEST:
                    point = (*point[:2], math.copysign(math.inf, point[2]))
                logged[run].points.setdefault(str(key), []).append(point)
    return _source(f"{title}, experiment `{name}`", list(logged.values()), left_out)


def _is_experiment(folder: Path) -> bool:
    try:
        return (folder / "meta.yaml").is_file() and "experiment_id" in (folder / "meta.yaml").read_text(
            errors="replace"
        )
    except OSError:
        return False


def _experiment(folder: Path) -> Mapping[str, object]:
    return read_settings(folder / "meta.yaml")


def _run_folders(experiment: Path) -> list[Path]:
    return [
        place
        for place in sorted(experiment.iterdir())
        if place.is_dir() and ((place / "params").is_dir() or (place / "metrics").is_dir())
    ]


def _run_of(folder: Path) -> _Logged | None:
    meta = read_settings(folder / "meta.yaml")
    if meta.get("lifecycle_stage") == "deleted":
        return None
    status = meta.get("status")
    run = _Logged(
        str(folder),
        identity("mlflow", folder.absolute().name),
        STATUS.get(status, str(status)) if isinstance(status, int) else str(status),
        _seconds(meta.get("start_time"), meta.get("end_time")),
        meta.get("start_time"),
    )
    for key, path in _files(folder / "params"):
        run.params[key] = _text(path).rstrip("\n")
    for key, path in _files(folder / "metrics"):
        for line in _text(path).splitlines():
            parts = line.split()
            if not parts:
                continue
            try:
                point = (float(parts[0]), float(parts[2]) if len(parts) > 2 else 0.0, float(parts[1]))
            except (ValueError, IndexError) as error:
                raise InvalidInput(f"metric `{key}`: expected `time value step`, got {line[:60]!r}.") from error
            run.points.setdefault(key, []).append(point)
    return run


def _files(folder: Path) -> list[tuple[str, Path]]:
    if not folder.is_dir():
        return []
    return [
        ((place / name).relative_to(folder).as_posix(), place / name)
        for place, _, files in walk(folder)
        for name in files
    ]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"`{path}` cannot be read: {' '.join(str(error).split())}.") from error


def _seconds(start: object, end: object) -> float | None:
    """Give the seconds between two times in milliseconds."""
    if isinstance(start, int) and isinstance(end, int) and end >= start > 0:
        return (end - start) / 1000
    return None


def _source(title: str, logged: Sequence[_Logged], left_out: list[str]) -> Source:
    runs = []
    system: dict[str, None] = {}
    for found in logged:
        metrics: dict[str, Metric] = {}
        for key, points in found.points.items():
            if key.startswith(SYSTEM):
                system[key] = None
            else:
                metrics[key] = metric_of(
                    [(step, value) for _, step, value in sorted(points, key=lambda p: (p[0], p[1]))]
                )
        ending = read_ending(found.status, measured=bool(metrics))
        if ending.state is None:
            left_out.append(f"{found.place}: {ending.reason}.")
            continue
        reason = f"MLflow says {found.status}" if ending.reason else None
        runs.append(
            Run(
                found.place,
                found.params,
                metrics,
                ending.state,
                seconds=found.seconds,
                reason=reason,
                kind=ending.kind,
                record=found.record,
            )
        )
    decisions = [Decision(key, "left out", "", "a measurement of the machine") for key in system]
    if any(run.seconds is not None for run in runs):
        decisions.append(Decision("end_time - start_time", "seconds", "its cost", "MLflow keeps both", "seconds"))
    return Source("MLflow", title, tuple(runs), tuple(left_out), tuple(decisions))
