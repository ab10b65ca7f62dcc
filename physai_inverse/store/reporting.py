"""Results: what finishes a trial, what is kept as late, and what is refused."""

import json
from dataclasses import dataclass, field

from physai_inverse.errors import Conflict, InvalidInput, LeaseLost
from physai_inverse.observations import TrialState
from physai_inverse.store import rows
from physai_inverse.store.encoding import fingerprint
from physai_inverse.store.handing import Offer, answer_of, repeated
from physai_inverse.store.tables import LeaseRow, ObservationRow, TrialRow
from physai_inverse.store.trial import Trial
from physai_inverse.store.writing import Writing


@dataclass(frozen=True)
class Report:
    """A result as it was told, checked and as texts; see `Store.observe`."""

    number: int
    token: str | None = field(repr=False)
    metrics: str
    curves: dict[str, str]
    state: str
    seconds: float | None
    reason: str | None
    kind: str | None
    request: str | None


def record(writing: Writing, report: Report) -> Trial:
    """Write a result down; see `Store.observe`."""
    trial = rows.trial_row(writing.connection, writing.head, report.number)
    body = fingerprint([*vars(report).values()])
    if report.request is not None:
        known = rows.answer_of(writing.connection, writing.head, report.request, "observe", body)
        if known is not None:
            late = bool(json.loads(known.answer))
            found = rows.observation_rows(writing.connection, writing.head, trial.number)
            return _answer(writing, trial, found[0], late=late)
    lease = _lease(writing, trial, report)
    finished = TrialState(trial.state).finished
    earlier = rows.observation_rows(writing.connection, writing.head, trial.number) if finished else []
    if finished:
        _refuse_second(writing, trial, lease, earlier)
    live = trial.state == "running" and lease is not None and lease.attempt == trial.attempt
    late = lease is not None and not live
    result = ObservationRow(
        study=trial.study,
        number=trial.number,
        ordinal=len(earlier),
        attempt=trial.attempt if lease is None else lease.attempt,
        source="person" if lease is None else "worker",
        late=int(late),
        metrics=report.metrics,
        state=report.state,
        seconds=report.seconds,
        reason=report.reason,
        kind=report.kind,
        crc=0,
    )
    if not finished:
        trial = writing.change(trial, state=report.state)
    result = writing.observe([result], [report.curves])[0]
    if report.request is not None:
        writing.answer(report.request, "observe", body, late)
    writing.finish("late" if finished else "observed", number=trial.number, late=late)
    return _answer(writing, trial, earlier[0] if earlier else result, late=late)


def record_imported(
    writing: Writing,
    offer: Offer,
    drafts: list[TrialRow],
    results: list[ObservationRow],
    curves: list[dict[str, str]],
    space_version: int | None,
) -> list[int]:
    """Add finished trials; see `Store.import_observations`."""
    known = repeated(writing, offer)
    if known is not None:
        return [trial.number for trial in known]
    space = writing.head.num_spaces if space_version is None else space_version
    if not 1 <= space <= writing.head.num_spaces:
        raise InvalidInput(
            f"`space_version` must lie between 1 and {writing.head.num_spaces}, not {space}: "
            f"study `{writing.head.name}` has no other."
        )
    if not drafts:
        return []
    trials = writing.add(drafts, space)
    placed = [
        result._replace(study=trial.study, number=trial.number)
        for trial, result in zip(trials, results, strict=True)
    ]
    writing.observe(placed, curves)
    answer_of(writing, offer, trials, [])
    writing.finish("imported")
    return [trial.number for trial in trials]


def _answer(writing: Writing, trial: TrialRow, final: ObservationRow, *, late: bool) -> Trial:
    curves = rows.curve_texts(writing.connection, writing.head, trial.number) if '"curve"' in final.metrics else {}
    return rows.trial_of(trial, final, curves=curves, late=late)


def _lease(writing: Writing, trial: TrialRow, report: Report) -> LeaseRow | None:
    if report.token is None:
        return None
    for lease in rows.lease_rows(writing.connection, writing.head, trial.number):
        if lease.token == report.token:
            return lease
    raise LeaseLost(
        f"`token` was never given for trial {trial.number} of study `{writing.head.name}`. "
        "Pass the token of `claim` or `propose`, or none to state the result explicitly."
    )


def _refuse_second(
    writing: Writing, trial: TrialRow, lease: LeaseRow | None, earlier: list[ObservationRow]
) -> None:
    """Refuse a result of a finished trial that is not the first word of an attempt that was overtaken."""
    reported = lease is not None and any(
        row.source == "worker" and row.attempt == lease.attempt for row in earlier
    )
    stated = earlier[0].source in ("person", "import") and (lease is None or lease.attempt == trial.attempt)
    if lease is None or reported or stated:
        raise Conflict(
            f"Trial {trial.number} of study `{writing.head.name}` is already {trial.state} "
            f"(observed {earlier[0].metrics:.120}); a finished trial never changes."
        )
