"""Results of trainings, from arguments or JSON lines, to `Study.observe` and `Study.fail`."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from physai_inverse.cli.json_lines import read_lines, read_object
from physai_inverse.errors import InvalidInput, PhysaiInverseError
from physai_inverse.importers.forms import read_metrics, read_number
from physai_inverse.observations import Metric

if TYPE_CHECKING:
    from physai_inverse.store import Trial
    from physai_inverse.study import Study

KEYS = ("number", "token", "metrics", "seconds", "failed", "kind", "stopped_early", "reason")
PASSED_ON = ("config", "seed", "note", "fidelity", "continues")
"""What `suggest` prints beside; a script may hand it back, and it is not read."""


@dataclass(frozen=True)
class Report:
    """What is said of one training.

    Args:
        number: of the trial.
        token: of its lease; None for a person's statement.
        metrics: what was measured.
        seconds: what it cost.
        failed: why it failed; None where it did not.
        kind: class of failure.
        stopped_early: it was stopped before its end.
        reason: why it stopped early.
    """

    number: int | None
    token: str | None
    metrics: dict[str, Metric]
    seconds: float | None = None
    failed: str | None = None
    kind: str | None = None
    stopped_early: bool = False
    reason: str | None = None


def record(study: "Study", report: Report) -> "Trial":
    """Record a report.

    Raises:
        InvalidInput, NotFound, Conflict: see `Study.observe`.
    """
    assert report.number is not None
    trial: Trial | int = report.number
    if report.token is not None:
        trial = replace(study.trial(report.number), token=report.token)
    if report.failed is not None or report.kind is not None:
        return study.fail(
            trial,
            report.failed or report.kind or "",
            kind=report.kind,
            metrics=report.metrics,
            seconds=report.seconds,
        )
    return study.observe(
        trial,
        report.metrics,
        seconds=report.seconds,
        stopped_early=report.stopped_early,
        reason=report.reason,
    )


def read_arguments(arguments: list[str]) -> dict[str, Metric]:
    """Read `name=value` with a number or JSON as value.

    Raises:
        InvalidInput: an argument has another form.
    """
    metrics: dict[str, Metric] = {}
    for argument in arguments:
        name, sign, text = argument.partition("=")
        if not sign or not name:
            raise InvalidInput(f"expected metric=value such as val_loss=0.31, got {argument!r}.")
        if name in metrics:
            raise InvalidInput(f"the metric `{name}` stands twice; give it once.")
        metrics.update(read_metrics({name: _value(name, text)}))
    return metrics


def refuse_both(report: Report, source: str | None) -> None:
    """Check that results come from one place.

    Raises:
        InvalidInput: from both, or from none.
    """
    given = report.metrics or report.failed is not None or report.kind is not None or report.stopped_early
    if source is not None and (report.number is not None or given or report.token or report.seconds is not None):
        raise InvalidInput("give either a trial with its metrics, or --json-lines; not both.")
    if source is None and report.number is None:
        raise InvalidInput("expected a trial's number and its metrics, or --json-lines FILE; got neither.")
    if source is None and not given:
        raise InvalidInput(
            f"expected what trial {report.number} gave, such as val_loss=0.31, or --failed REASON; got nothing."
        )
    if report.stopped_early and (report.failed is not None or report.kind is not None):
        raise InvalidInput("a training either failed (--failed, --kind) or was stopped early; not both.")


def read_reports(source: str) -> Iterator[tuple[str, Report | PhysaiInverseError]]:
    """Give the place of every line, and its report or what is wrong with it, as the lines come."""
    shown = "line" if source == "-" else f"{source}:"
    for number, line in read_lines(source):
        place = f"{shown} {number}" if source == "-" else f"{shown}{number}"
        try:
            yield place, _read_report(line)
        except InvalidInput as error:
            yield place, error


def _read_report(line: str) -> Report:
    row = read_object(line)
    for key in row:
        if key not in KEYS and key not in PASSED_ON:
            close = get_close_matches(key, KEYS, n=1)
            hint = f" Did you mean `{close[0]}`?" if close else ""
            raise InvalidInput(f"no such key `{key}`; expected {', '.join(KEYS)}.{hint}")
    number = row.get("number")
    if isinstance(number, bool) or not isinstance(number, int):
        raise InvalidInput(f"`number` must be a trial's number, not {number!r}.")
    if "metrics" not in row and "failed" not in row and "kind" not in row:
        raise InvalidInput('`metrics` is missing; give {"val_loss": 0.31}, or "failed": "why".')
    stopped = row.get("stopped_early", False)
    if not isinstance(stopped, bool):
        raise InvalidInput(f"`stopped_early` must be true or false, not {stopped!r}.")
    seconds = row.get("seconds")
    return Report(
        number=number,
        token=_text(row, "token"),
        metrics=read_metrics(row.get("metrics", {})),
        seconds=None if seconds is None else read_number(seconds, "seconds"),
        failed=_text(row, "failed"),
        kind=_text(row, "kind"),
        stopped_early=stopped,
        reason=_text(row, "reason"),
    )


def _text(row: dict[str, object], key: str) -> str | None:
    value = row.get(key)
    if value is not None and not isinstance(value, str):
        raise InvalidInput(f"`{key}` must be a text, not {value!r}.")
    return value


def _value(name: str, text: str) -> object:
    if text.lstrip().startswith("{"):
        return read_object(text)
    try:
        if "_" in text:
            raise ValueError
        return float(text)
    except ValueError as error:
        raise InvalidInput(f"`{name}` must be a number, not {text[:60]!r}.") from error
