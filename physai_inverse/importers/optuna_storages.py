"""Optuna's storages by Optuna itself, on a copy of the file so that nothing in it can change."""

import math
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from physai_inverse.errors import InvalidInput, MissingPackage
from physai_inverse.importers.points import chosen
from physai_inverse.importers.runs import Decision, Run, Source, Wanted, identity
from physai_inverse.importers.sqlite_file import copy_to
from physai_inverse.observations import Curve, Metric, TrialState
from physai_inverse.space import Boolean, Choice, Constant, Float, Integer, Parameter

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

VALUE = "value"
"""What Optuna calls the objective where the user gives it no name."""
TABLES = frozenset({"studies", "trials", "trial_params", "version_info"})
CONSTRAINTS = "constraints"
"""Key of a trial's system attributes under which samplers keep constraints; feasible at zero or below."""


def read_optuna_database(path: Path, wanted: Wanted) -> Source:
    """Read an SQLite file.

    Raises:
        MissingPackage: Optuna is not installed.
        NotFound, InvalidInput: see `chosen`; or Optuna cannot read it.
    """
    _optuna()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.db"
        copy_to(path, copy)
        return _read_url(f"sqlite:///{copy}", f"Optuna database `{path}`", str(path), wanted)


def read_optuna_url(url: str, wanted: Wanted) -> Source:
    """Read the tables of a server.

    Raises:
        MissingPackage: Optuna or the driver of the server is not installed.
        NotFound, InvalidInput: see `chosen`; or Optuna cannot read it.
    """
    _optuna()
    shown = f"{url.partition('://')[0]}://{url.rpartition('@')[2].rpartition('://')[2]}"  # without a password
    return _read_url(url, f"Optuna storage `{shown}`", shown, wanted)


def read_optuna_journal(path: Path, wanted: Wanted) -> Source:
    """Read a journal file.

    Raises:
        MissingPackage: Optuna is not installed.
        NotFound, InvalidInput: see `chosen`; or Optuna cannot read it.
    """
    _optuna()
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "journal.log"
        shutil.copyfile(path, copy)
        title = f"Optuna journal `{path}`"
        try:
            return _read(JournalStorage(JournalFileBackend(str(copy))), title, str(path), wanted)
        except (ValueError, KeyError, TypeError, AssertionError) as error:
            if isinstance(error, InvalidInput):
                raise
            said = " ".join(str(error).split())[:160]
            raise InvalidInput(f"{title} is damaged: {type(error).__name__}: {said}.") from error


def _optuna() -> None:
    try:
        import optuna
    except ImportError as error:
        raise MissingPackage(
            "Reading Optuna's storages needs `optuna`, which is not installed: "
            "pip install 'physai-inverse[optuna]'."
        ) from error
    assert optuna


def _read_url(url: str, title: str, place: str, wanted: Wanted) -> Source:
    from optuna.exceptions import OptunaError
    from optuna.storages import RDBStorage

    try:
        storage = RDBStorage(url)
    except ImportError as error:
        raise MissingPackage(f"{title} needs a driver that is not installed: {error}.") from error
    except Exception as error:  # the errors of SQLAlchemy and its drivers have no class of their own here
        said = " ".join(str(error).split())[:200]
        raise InvalidInput(
            f"{title} cannot be read by the installed Optuna: {said} Where an older Optuna wrote it: "
            "optuna storage upgrade --storage URL."
        ) from error
    try:
        return _read(storage, title, place, wanted)
    except (OptunaError, KeyError, AssertionError) as error:
        said = " ".join(str(error).split())[:200]
        raise InvalidInput(f"{title} is damaged: {type(error).__name__}: {said}.") from error
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _read(storage: "BaseStorage", title: str, place: str, wanted: Wanted) -> Source:
    from optuna.study import StudyDirection

    counts = {study.study_name: storage.get_n_trials(study._study_id) for study in storage.get_all_studies()}
    name = chosen("study", title, counts, wanted.experiment)
    number = storage.get_study_id_from_name(name)
    trials = storage.get_all_trials(number)
    directions = storage.get_study_directions(number)
    attributes = storage.get_study_system_attrs(number)
    called = attributes.get("study:metric_names")
    names = (
        list(called)
        if called
        else [VALUE]
        if len(directions) == 1
        else [f"{VALUE}_{i}" for i in range(len(directions))]
    )
    wishes = {
        metric: "maximize" if way == StudyDirection.MAXIMIZE else "minimize"
        for metric, way in zip(names, directions, strict=False)
    }
    runs: list[Run] = []
    left_out: list[str] = []
    notes: dict[str, str] = {}
    limits: dict[str, None] = {}
    for trial in trials:
        run = _run(trial, names, f"{place}: study `{name}`: trial {trial.number}", notes, limits)
        if isinstance(run, str):
            left_out.append(run)
        else:
            runs.append(run)
    decisions = [Decision(key, "left out", "", why) for key, why in notes.items()]
    if any(run.seconds is not None for run in runs):
        decisions.append(Decision("duration", "seconds", "its cost", "Optuna keeps start and end", "seconds"))
    why = dict.fromkeys(names, "the value that Optuna optimised")
    return Source(
        "Optuna", f"{title}, study `{name}`", tuple(runs), tuple(left_out), tuple(decisions),
        declared=_declared(trials), wishes=wishes, limits=tuple(limits), why=why,
    )  # fmt: skip


def _run(
    trial: "FrozenTrial", names: Sequence[str], place: str, notes: dict[str, str], limits: dict[str, None]
) -> Run | str:
    state = trial.state.name
    if state in ("RUNNING", "WAITING"):
        return f"{place}: it has not ended ({state.lower()})."
    values = list(trial.values or ())
    metrics: dict[str, Metric] = {}
    points = {float(step): float(value) for step, value in sorted(trial.intermediate_values.items()) if step >= 0}
    for metric, value in zip(names, values, strict=False):
        metrics[metric] = float(value)
    if points and len(names) == 1:
        curve = Curve(tuple(points), tuple(points.values()))
        if not values or values[0] == curve.values[-1]:
            metrics[names[0]] = curve
        else:
            metrics["intermediate"] = curve
    for key, item in trial.user_attrs.items():
        if isinstance(item, int | float) and not isinstance(item, bool):
            metrics.setdefault(key, float(item))
        else:
            notes[key] = "a note of the user that is no number"
    for place_of, bound in enumerate(trial.system_attrs.get(CONSTRAINTS) or ()):
        metrics[f"constraint_{place_of}"] = float(bound)
        limits[f"constraint_{place_of} <= 0"] = None
    seconds = trial.duration.total_seconds() if trial.duration is not None else None
    reason = trial.system_attrs.get("fail_reason")
    found, kind = TrialState.DONE, None
    if state == "PRUNED":
        found, reason = TrialState.STOPPED_EARLY, "pruned by Optuna"
        if not metrics:
            return f"{place}: it was pruned before it reported a value."
    elif state == "FAIL":
        diverged = any(math.isnan(value) for value in points.values()) or "nan" in str(reason).lower()
        found = TrialState.DIVERGED if diverged else TrialState.FAILED
        kind = "diverged" if diverged else "unknown"
        reason = reason or "failed in Optuna"
    params = {key: "None" if value is None else value for key, value in trial.params.items()}
    begun = None if trial.datetime_start is None else trial.datetime_start.isoformat()
    record = None if begun is None else identity("optuna", trial.number, begun)
    said = None if reason is None else str(reason)
    return Run(place, params, metrics, found, None, seconds, said, kind, record)


def _declared(trials: "Sequence[FrozenTrial]") -> dict[str, Parameter]:
    """Give the parameters as Optuna's distributions declare them; ranges that changed are joined."""
    found: dict[str, Parameter] = {}
    for trial in trials:
        for name, distribution in trial.distributions.items():
            parameter = _parameter(distribution)
            if parameter is not None:
                found[name] = _joined(found[name], parameter) if name in found else parameter
    return found


def _parameter(distribution: "BaseDistribution") -> Parameter | None:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(distribution, CategoricalDistribution):
        options: list[Any] = [
            "None" if option is None else option if isinstance(option, bool | int | float | str) else str(option)
            for option in distribution.choices
        ]
        if set(map(repr, options)) == {"True", "False"}:
            return Boolean()
        return Choice(options) if len(options) > 1 else Constant(options[0])
    if isinstance(distribution, FloatDistribution | IntDistribution):
        if distribution.low == distribution.high:
            return Constant(distribution.low)
        if isinstance(distribution, IntDistribution):
            return Integer(distribution.low, distribution.high, distribution.log)
        return Float(distribution.low, distribution.high, distribution.log)
    return None


def _joined(first: Parameter, second: Parameter) -> Parameter:
    if isinstance(first, Float) and isinstance(second, Float):
        low, high = min(first.low, second.low), max(first.high, second.high)
        return Float(low, high, (first.log or second.log) and low > 0)
    if isinstance(first, Integer) and isinstance(second, Integer):
        bottom, top = min(first.low, second.low), max(first.high, second.high)
        return Integer(bottom, top, (first.log or second.log) and bottom > 0)
    if isinstance(first, Choice) and isinstance(second, Choice):
        return Choice(list(dict.fromkeys([*first.options, *second.options])))
    return second if isinstance(first, Constant) else first
