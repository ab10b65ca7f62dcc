"""Result folders of Ray Tune, read without Ray: `params.json`, `result.json` or `progress.csv`, `error.txt`."""

import csv
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from physai_inverse.errors import InvalidInput
from physai_inverse.importers.endings import failure_kind
from physai_inverse.importers.folders import read_settings, walk
from physai_inverse.importers.naming import vocabulary
from physai_inverse.importers.points import chosen, metric_of
from physai_inverse.importers.runs import Decision, Run, Source, Wanted, identity
from physai_inverse.importers.texts import lines_of, read_text
from physai_inverse.importers.values import flattened, read_number_value
from physai_inverse.observations import Metric, TrialState

STEP = "training_iteration"
SECONDS = "time_total_s"
BOOKKEEPING = vocabulary(
    "training_iteration time_this_iter_s time_total_s pid hostname node_ip trial_id timestamp date done "
    "experiment_id experiment_tag iterations_since_restore time_since_restore timesteps_since_restore "
    "timesteps_total episodes_total should_checkpoint checkpoint_dir_name warmup_time config trial_name "
    "logdir"
)


def trial_folders(folder: Path) -> list[Path]:
    """Find the folders of trials."""
    return [
        place
        for place, _, files in walk(folder)
        if ("result.json" in files or "progress.csv" in files or "error.txt" in files) and "params.json" in files
    ]


def read_ray_folder(folder: Path, wanted: Wanted) -> Source:
    """Read the results of an experiment.

    Raises:
        NotFound, InvalidInput: see `chosen`; or its files cannot be read.
    """
    places = trial_folders(folder)
    counts: dict[str, int] = {}
    for place in places:
        counts[place.parent.name] = counts.get(place.parent.name, 0) + 1
    title = f"Ray Tune results `{folder}`"
    name = chosen("experiment", title, counts, wanted.experiment)
    runs: list[Run] = []
    left_out: list[str] = []
    ended: list[bool] = []
    for place in places:
        if place.parent.name != name:
            continue
        try:
            run, done = _trial(place)
        except InvalidInput as error:
            left_out.append(f"{place}: {error}")
            continue
        runs.append(run)
        ended.append(done)
    lengths = [_length(run) for run in runs]
    longest = max(lengths, default=0)
    runs = [
        run
        if done or run.state.bad or length >= longest
        else replace(run, state=TrialState.STOPPED_EARLY, reason=f"stopped after {length} of {longest} iterations")
        for run, done, length in zip(runs, ended, lengths, strict=True)
    ]
    decisions = [Decision(STEP, "step", "of the curves", "Ray Tune counts iterations", "")]
    if any(run.seconds is not None for run in runs):
        decisions.append(Decision(SECONDS, "seconds", "its cost", "Ray Tune measures it", "seconds"))
    hints = ["pickled files of Ray Tune are never opened."] if any(_pickles(place) for place in places) else []
    return Source(
        "Ray Tune",
        f"{title}, experiment `{name}`",
        tuple(runs),
        tuple(left_out),
        tuple(decisions),
        hints=tuple(hints),
    )


def _trial(folder: Path) -> tuple[Run, bool]:
    params = flattened(read_settings(folder / "params.json"), depth=0)
    results = _results(folder)
    error = _error(folder)
    points: dict[str, list[tuple[float, float]]] = {}
    for number, result in enumerate(results, start=1):
        step = float(read_number_value(result.get(STEP)) or number)
        for key, value in flattened({k: v for k, v in result.items() if k not in BOOKKEEPING}).items():
            number_seen = read_number_value(value)
            if number_seen is not None and not key.startswith(("config/", "config.", "perf.")):
                points.setdefault(key.replace("/", "."), []).append((step, float(number_seen)))
    metrics: dict[str, Metric] = {key: metric_of(found) for key, found in points.items()}
    last = results[-1] if results else {}
    seconds = read_number_value(last.get(SECONDS))
    state = TrialState.FAILED if error else TrialState.DONE
    if not error and not results:
        raise InvalidInput("it has no result and no error; it was stopped before the first.")
    done = str(last.get("done")).lower() == "true"
    kind = failure_kind(error) if error else None
    if kind == "diverged":
        state = TrialState.DIVERGED
    first = results[0] if results else {}
    record = identity("ray", first["trial_id"], first.get("timestamp")) if first.get("trial_id") else None
    run = Run(
        str(folder), params, metrics, state, None, None if seconds is None else float(seconds), error or None,
        kind, record,
    )  # fmt: skip
    return run, done


def _results(folder: Path) -> list[Mapping[str, object]]:
    path = folder / "result.json"
    if path.is_file() and path.stat().st_size:
        found: list[Mapping[str, object]] = []
        lines = read_text(path).splitlines()
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                item = json.loads(line)
            except (ValueError, RecursionError) as error:
                if number == len(lines) and found:  # cut while it was written
                    break
                raise InvalidInput(f"result.json:{number}: this is no JSON: {error}.") from error
            if isinstance(item, dict):
                found.append(item)
        return found
    path = folder / "progress.csv"
    if path.is_file() and path.stat().st_size:
        try:
            return [dict(row) for row in csv.DictReader(lines_of(read_text(path)), strict=True)]
        except csv.Error as error:
            raise InvalidInput(f"progress.csv: this is no CSV: {error}.") from error
    return []


def _error(folder: Path) -> str:
    """Give the last line of what Ray wrote about an error; the pickled error beside it is not opened."""
    path = folder / "error.txt"
    if not path.is_file():
        return ""
    try:
        lines = [line.strip() for line in path.read_text(errors="replace").splitlines() if line.strip()]
    except OSError:
        return "it failed"
    return lines[-1][:300] if lines else "it failed"


def _length(run: Run) -> int:
    return max((len(metric) if hasattr(metric, "__len__") else 1 for metric in run.metrics.values()), default=0)


def _pickles(folder: Path) -> bool:
    return any(folder.glob("*.pkl"))
