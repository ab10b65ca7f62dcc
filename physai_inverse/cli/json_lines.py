"""JSON on standard output and in: strict, one object a line; what JSON has no number for is a string."""

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from physai_inverse.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from physai_inverse.importers.reading import Reading
    from physai_inverse.observations import Curve
    from physai_inverse.space import Space
    from physai_inverse.store import Trial
    from physai_inverse.study import ParetoSet, PredictionTable, Recommendation


def print_json(value: object) -> None:
    """Print one line."""
    typer.echo(json.dumps(_strict(value), ensure_ascii=False, allow_nan=False))


def proposal_json(trial: "Trial") -> dict[str, object]:
    """Give what a program needs to train a proposal and report it."""
    return {
        "number": trial.number,
        "config": trial.config,
        "seed": trial.seed,
        "token": trial.token,
        "note": trial.note,
        **_climbing(trial),
    }


def trial_json(trial: "Trial", so_far: "Mapping[str, Curve] | None" = None) -> dict[str, object]:
    """Give a trial with its metrics.

    Args:
        trial: the trial.
        so_far: what its curves have come to, where it has no result yet.
    """
    from physai_inverse.importers import plain_metric

    return {
        "number": trial.number,
        "state": trial.status,
        "config": trial.config,
        "metrics": {name: plain_metric(metric) for name, metric in trial.metrics.items()},
        "seed": trial.seed,
        "seconds": trial.seconds,
        "reason": trial.reason,
        "kind": trial.kind,
        "origin": trial.origin,
        "attempt": trial.attempt,
        "note": trial.note,
        **_climbing(trial),
        **({"so_far": {name: plain_metric(curve) for name, curve in so_far.items()}} if so_far else {}),
    }


def _climbing(trial: "Trial") -> dict[str, object]:
    """Give how much a training is given and what it continues, in a study with a fidelity."""
    return {} if trial.fidelity is None else {"fidelity": trial.fidelity, "continues": trial.continues}


def prediction_json(table: "PredictionTable", row: int, metrics: Sequence[str]) -> dict[str, object]:
    """Give the predictions at one configuration."""
    estimates = table.estimates(row)
    return {
        "config": table.configs[row],
        "success": float(table.success[row]),
        "predictions": {name: estimates[name].as_plain() for name in metrics},
    }


def recommendation_json(found: "Recommendation") -> dict[str, object]:
    """Give a recommendation."""
    from physai_inverse.importers import plain_metric

    return {
        "number": found.number,
        "config": found.config,
        "probability": found.probability,
        "meaning": found.meaning,
        "trainings": found.trainings,
        "cautions": list(found.cautions),
        **({} if found.fidelity is None else {"fidelity": found.fidelity}),
        "predictions": {name: estimate.as_plain() for name, estimate in found.predictions.items()},
        "measured": {name: plain_metric(metric) for name, metric in found.measured.items()},
    }


def pareto_json(found: "ParetoSet") -> dict[str, object]:
    """Give a trade-off."""
    from physai_inverse.importers import plain_metric

    return {
        "objective": found.objective,
        "reference": dict(found.reference),
        "hypervolume": found.hypervolume,
        "interval": None if found.interval is None else list(found.interval),
        "points": [
            {
                "number": point.number,
                "config": point.config,
                "probability": point.probability,
                "predictions": {name: estimate.as_plain() for name, estimate in point.predictions.items()},
                "measured": {name: plain_metric(metric) for name, metric in point.measured.items()},
            }
            for point in found
        ],
    }


def read_lines(source: str) -> Iterator[tuple[int, str]]:
    """Give number and text of every line that is not blank, as they come.

    Args:
        source: a path, or `-` for standard input.

    Raises:
        NotFound: there is no such file.
        InvalidInput: it cannot be read, or is no text.
    """
    try:
        stream = sys.stdin if source == "-" else Path(source).open(encoding="utf-8-sig")  # noqa: SIM115
        try:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    yield number, line
        finally:
            if source != "-":
                stream.close()
    except FileNotFoundError as error:
        raise NotFound(f"There is no file `{source}`.") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"`{source}` is no text in UTF-8; expected JSON lines.") from error
    except OSError as error:
        raise InvalidInput(f"`{source}` cannot be read: {error.strerror}.") from error


def read_object(line: str) -> dict[str, object]:
    """Read one JSON object.

    Raises:
        InvalidInput: it is none, or has a key twice.
    """

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(items)
        if len(found) < len(items):
            names = [name for name, _ in items]
            twice = next(name for name in names if names.count(name) > 1)
            raise InvalidInput(f"the key `{twice}` stands twice.")
        return found

    try:
        value = json.loads(line, object_pairs_hook=pairs)
    except InvalidInput:
        raise
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"expected a JSON object, got {line.strip()[:60]!r} ({error}).") from error
    if not isinstance(value, dict):
        raise InvalidInput(f"expected a JSON object, got {line.strip()[:60]!r}.")
    return value


def read_configs(arguments: Sequence[str], space: "Space") -> list[dict[str, object]]:
    """Read configurations: `lr=0.1 width=32`, or a file of JSON lines (`-` for standard input).

    Raises:
        InvalidInput: neither, or a value that its parameter does not have.
        NotFound: there is no such file.
    """
    if not arguments:
        raise InvalidInput(
            f"expected a configuration such as `{' '.join(f'{name}=..' for name in space.names)}`, or a file of "
            "JSON lines; got nothing."
        )
    if len(arguments) == 1 and "=" not in arguments[0]:
        found = []
        for number, line in read_lines(arguments[0]):
            try:
                row = read_object(line)
            except InvalidInput as error:
                raise InvalidInput(f"{arguments[0]}:{number}: {error}") from error
            inner = row.get("config")
            found.append(dict(inner) if isinstance(inner, Mapping) else row)
        if not found:
            raise InvalidInput(f"`{arguments[0]}` has no lines; expected a JSON object in each.")
        return found
    return [_read_config(arguments, space)]


def _read_config(arguments: Sequence[str], space: "Space") -> dict[str, object]:
    from physai_inverse.importers.forms import read_value

    config: dict[str, object] = {}
    for argument in arguments:
        name, sign, text = argument.partition("=")
        if not sign or name not in space.parameters:
            known = ", ".join(space.parameters)
            raise InvalidInput(f"expected name=value with a parameter out of {known}, got {argument!r}.")
        if name in config:
            raise InvalidInput(f"`{name}` stands twice; give it once.")
        try:
            config[name] = read_value(space, name, text)
        except InvalidInput as error:
            raise InvalidInput(f"`{name}`: {error}.") from error
    return config


def _strict(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {str(key): _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    return value


def reading_json(reading: "Reading") -> dict[str, object]:
    """Give what was made of a source."""
    return {
        "kind": reading.kind,
        "source": reading.title,
        "rows": len(reading.observations),
        "space": reading.space.as_plain(),
        "objective": reading.wish.goals,
        "objective_guessed": reading.wish.guessed,
        "columns": [
            {"column": item.column, "role": item.role, "name": item.name, "detail": item.detail, "why": item.why}
            for item in reading.decisions
        ],
        "shares": [{"names": list(group.names), "total": group.total} for group in reading.shares],
        "left_out": list(reading.left_out),
        "notes": list(reading.hints),
    }
