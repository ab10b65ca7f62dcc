"""Handing out: which trials a worker gets, and the same ones again when it repeats its request."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from physai_inverse.errors import Conflict, LeaseLost
from physai_inverse.observations import TrialState
from physai_inverse.store import rows
from physai_inverse.store.door import max_attempts
from physai_inverse.store.encoding import metrics_text
from physai_inverse.store.lease_clock import Moment
from physai_inverse.store.tables import LeaseRow, ObservationRow, TrialRow
from physai_inverse.store.trial import Stale, Trial
from physai_inverse.store.writing import Writing


@dataclass(frozen=True)
class Offer:
    """A request for trials.

    Args:
        verb: what was asked.
        key: the key of the request, None when it cannot be repeated.
        body: the same text for the same request.
    """

    verb: str
    key: str | None
    body: str


def repeated(writing: Writing, offer: Offer) -> list[Trial] | None:
    """Give the answer that this request got before, or None.

    Raises:
        Conflict: the key was used for another request.
    """
    if offer.key is None:
        return None
    known = rows.answer_of(writing.connection, writing.head, offer.key, offer.verb, offer.body)
    if known is None:
        return None
    trials = []
    for number, attempt, state, token in json.loads(known.answer):
        trial = rows.trial_row(writing.connection, writing.head, number)
        trials.append(rows.trial_of(trial._replace(attempt=attempt, state=state), token=token))
    return trials


def answer_of(writing: Writing, offer: Offer, trials: Sequence[TrialRow], leases: Sequence[LeaseRow]) -> None:
    """Keep the answer to a request that can be repeated."""
    if offer.key is not None:
        tokens: list[str | None] = [lease.token for lease in leases]
        tokens = tokens or [None] * len(trials)
        answer = [
            [trial.number, trial.attempt, trial.state, token] for trial, token in zip(trials, tokens, strict=True)
        ]
        writing.answer(offer.key, offer.verb, offer.body, answer)


def take_in(
    writing: Writing,
    offer: Offer,
    drafts: Sequence[TrialRow],
    *,
    seen: int | None = None,
    lease: tuple[str, float, Moment] | None = None,
) -> list[Trial]:
    """Make drafts trials; see `Store.propose` and `Store.enqueue`.

    Args:
        writing: to the study.
        offer: the request.
        drafts: proposals checked at the door.
        seen: how many trials they were computed from.
        lease: worker, seconds and now, where they are leased at once.

    Raises:
        Stale: there are more trials than `seen`.
        Conflict: the key was used for another request.
    """
    known = repeated(writing, offer)
    if known is not None:
        return known
    if seen is not None and seen != writing.head.num_trials:
        raise Stale(
            f"The proposals were computed from {seen} trials of study `{writing.head.name}`, there are "
            f"{writing.head.num_trials} by now. Compute them again."
        )
    if not drafts:
        return []
    if lease is not None:
        drafts = [draft._replace(state="running", attempt=1) for draft in drafts]
    trials = writing.add(drafts)
    leases = [] if lease is None else writing.grant(trials, *lease)
    answer_of(writing, offer, trials, leases)
    writing.finish("queued" if offer.verb == "enqueue" else "proposed", worker=lease[0] if lease else None)
    tokens = {row.number: row.token for row in leases}
    return [rows.trial_of(trial, token=tokens.get(trial.number)) for trial in trials]


def keep(writing: Writing, number: object, token: str, lease_seconds: float, now: Moment) -> float:
    """Extend a lease; see `Store.heartbeat`."""
    _, lease = _held(writing, number, token)
    writing.extend(lease, lease_seconds, now)
    return lease_seconds


def keep_points(writing: Writing, number: object, token: str, points: str) -> bool:
    """Keep what the curves of a trial have come to, and tell whether it is still held; see `Store.note`."""
    try:
        trial, _ = _held(writing, number, token)
    except (Conflict, LeaseLost):
        return False
    writing.note(trial, points)
    return True


def _held(writing: Writing, number: object, token: str) -> tuple[TrialRow, LeaseRow]:
    """Give a running trial and the live lease that a token proves.

    Raises:
        Conflict: the trial is finished.
        LeaseLost: the token is of another lease.
    """
    trial = rows.trial_row(writing.connection, writing.head, number)
    if TrialState(trial.state).finished:
        raise Conflict(
            f"Trial {number} of study `{writing.head.name}` is already {trial.state}; it needs no heartbeat."
        )
    for lease in rows.lease_rows(writing.connection, writing.head, trial.number):
        if trial.state == "running" and lease.attempt == trial.attempt and lease.token == token:
            return trial, lease
    raise LeaseLost(
        f"The lease of trial {number} of study `{writing.head.name}` is lost; the trial is {trial.state}, "
        f"attempt {trial.attempt}. Stop the run, or report its result with `observe`: it is kept as a late one."
    )


def hand_out(
    writing: Writing,
    offer: Offer,
    count: int,
    worker: str,
    lease_seconds: float,
    now: Moment,
    only: frozenset[int] | None = None,
) -> list[Trial]:
    """Lease trials that wait to a worker; see `Store.claim`."""
    known = repeated(writing, offer)
    if known is not None:
        return known
    limit = max_attempts(writing.head.settings)
    given: list[TrialRow] = []
    failed = 0
    expired = [
        (trial, f"worker {lease.worker} did not report")
        for trial, lease in rows.running_rows(writing.connection, writing.head)
        if now.left(lease) <= 0 and (only is None or trial.number in only)
    ]
    # A waiting trial that has no attempt left takes no place, so more than `count` may have to be read.
    while len(given) < count:
        if not expired:
            if only is None:
                waiting = rows.waiting_rows(writing.connection, writing.head, count - len(given))
            else:
                waiting = _waiting_among(writing, only, count - len(given))
            if not waiting:
                break
            expired = [(trial, "its worker was lost") for trial in waiting]
        while expired and len(given) < count:
            trial, why = expired.pop(0)
            if trial.attempt >= limit:
                _give_up(writing, trial, f"given up after {trial.attempt} attempts: {why}")
                failed += 1
            else:
                given.append(writing.change(trial, state="running", attempt=trial.attempt + 1))
    if not given and not failed:
        return []
    leases = writing.grant(given, worker, lease_seconds, now)
    answer_of(writing, offer, given, leases)
    writing.finish("claimed", worker=worker, failed=failed)
    return [rows.trial_of(trial, token=lease.token) for trial, lease in zip(given, leases, strict=True)]


def _waiting_among(writing: Writing, only: frozenset[int], count: int) -> list[TrialRow]:
    found = (rows.trial_row(writing.connection, writing.head, number) for number in sorted(only))
    return [trial for trial in found if trial.state == "proposed" and trial.waiting][:count]


def _give_up(writing: Writing, trial: TrialRow, reason: str) -> None:
    """Fail a trial, with the curves that its last attempt has told."""
    told = rows.noted_curves(writing.connection, writing.head, trial.number)
    metrics, curves = metrics_text({f"{name}_curve": curve for name, curve in told.items()})
    writing.change(trial, state="failed")
    result = ObservationRow(
        study=trial.study,
        number=trial.number,
        ordinal=0,
        attempt=trial.attempt,
        source="store",
        late=0,
        metrics=metrics,
        state="failed",
        seconds=None,
        reason=reason,
        kind="unknown",
        crc=0,
    )
    writing.observe([result], [curves])
