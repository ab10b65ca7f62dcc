"""What the store accepts: arguments checked before a transaction begins."""

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import FAILURES, Curve, Observation, TrialState, as_metrics, check_name
from physai_inverse.store.encoding import config_text, json_text, metrics_text, read_json
from physai_inverse.store.tables import ObservationRow, TrialRow
from physai_inverse.store.trial import MAX_ATTEMPTS, Proposal

MAX_REASON = 10_000
MAX_COUNT = 1_000_000
"""How often a trial is handed out where a study's settings do not say."""

Wanted: TypeAlias = int | Sequence[int]
"""How many trials at most, or the numbers of the only ones that are wanted."""


def draft(proposal: object) -> TrialRow:
    """Give the row of a proposal, without study, number and version.

    Raises:
        InvalidInput: it is no `Proposal`, or one with a config, seed, origin or note that cannot be stored.
    """
    if not isinstance(proposal, Proposal):
        raise InvalidInput(f"A proposal must be a `Proposal`, not {type(proposal).__name__}.")
    return TrialRow(
        study=0,
        number=0,
        config=config_text(proposal.config),
        seed=None if proposal.seed is None else integer("seed", proposal.seed),
        origin=check_name(proposal.origin, "origin"),
        note=json_text(mapping("note", proposal.note), "note"),
        space_version=0,
        state="proposed",
        waiting=0,
        attempt=0,
        version=0,
        fidelity=fidelity(proposal.fidelity),
        continues=None if proposal.continues is None else count("continues", proposal.continues),
        crc=0,
    )


def imported(observations: object) -> tuple[list[TrialRow], list[ObservationRow], list[dict[str, str]]]:
    """Give the rows of finished trials, and the texts of their curves.

    Raises:
        InvalidInput: one is no finished `Observation`, or cannot be stored; names its place in the list.
    """
    drafts, results, curves = [], [], []
    for index, given in enumerate(sequence("observations", observations)):
        if not isinstance(given, Observation):
            raise InvalidInput(f"`observations[{index}]` must be an `Observation`, not {type(given).__name__}.")
        try:
            state = str(final_state(given.state))
            note = {} if given.record is None else {"record": check_name(given.record, "record")}
            proposal = draft(Proposal(given.config, given.seed, "imported", note, given.fidelity))
            text, texts = metrics_text(as_metrics(given.metrics))
            result = ObservationRow(
                study=0,
                number=0,
                ordinal=0,
                attempt=0,
                source="import",
                late=0,
                metrics=text,
                state=state,
                seconds=cost("seconds", given.seconds),
                reason=reason_text(given.reason),
                kind=failure_kind(given.kind),
                crc=0,
            )
        except InvalidInput as error:
            raise InvalidInput(f"`observations[{index}]`: {error}") from error
        drafts.append(proposal._replace(state=state))
        results.append(result)
        curves.append(texts)
    return drafts, results, curves


def curves_text(curves: Mapping[str, Curve]) -> str:
    """Write curves that are kept while a trial runs, each name with the text of its points.

    Raises:
        InvalidInput: something is no curve.
    """
    _, points = metrics_text(as_metrics(curves, where="curves"))
    if len(points) < len(curves):
        raise InvalidInput("`curves` must map names to curves.")
    return json_text(dict(points), "curves")


def max_attempts(settings: str) -> int:
    """Read from a study's settings how often a trial is handed out at most.

    Raises:
        InvalidInput: it is not an integer of at least 1.
    """
    limit = read_json(settings).get("max_attempts", MAX_ATTEMPTS)
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise InvalidInput(f"`max_attempts` in `settings` must be an integer of at least 1, not {limit!r:.60}.")
    return limit


def mapping(name: str, value: object) -> dict[str, object]:
    """Give a mapping as a dict.

    Raises:
        InvalidInput: it is none.
    """
    if not hasattr(value, "keys") or not hasattr(value, "__getitem__"):
        raise InvalidInput(f"`{name}` must be a mapping, not {type(value).__name__}.")
    return dict(value)


def integer(name: str, value: object) -> int:
    """Give a 64-bit integer.

    Raises:
        InvalidInput: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise InvalidInput(
            f"`{name}` must be an integer of at most 64 bits, not {type(value).__name__} {value!r:.60}."
        )
    return int(value)


def count(name: str, value: object) -> int:
    """Give a number of trials.

    Raises:
        InvalidInput: it is not an integer from 0 to a million.
    """
    number = integer(name, value)
    if not 0 <= number <= MAX_COUNT:
        raise InvalidInput(f"`{name}` must lie between 0 and {MAX_COUNT}, not {number}.")
    return number


def duration(name: str, value: object) -> float:
    """Give a positive number of seconds.

    Raises:
        InvalidInput: it is none.
    """
    seconds = cost(name, value)
    if seconds is None or seconds <= 0:
        raise InvalidInput(f"`{name}` must be a finite number of seconds above 0, not {value!r}.")
    return seconds


def cost(name: str, value: object) -> float | None:
    """Give a number of seconds of at least 0, or None.

    Raises:
        InvalidInput: it is neither.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise InvalidInput(f"`{name}` must be a finite number of seconds of at least 0, not {value!r:.60}.")
    return abs(float(value))  # -0.0 is 0.0: no database keeps its sign


def fidelity(value: object) -> float | None:
    """Give a finite number above 0, or None.

    Raises:
        InvalidInput: it is neither.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise InvalidInput(f"`fidelity` must be a finite number above 0 or None, not {value!r:.60}.")
    return float(value)


def final_state(state: object) -> TrialState:
    """Give a state that ends a trial.

    Raises:
        InvalidInput: it is none.
    """
    finals = [str(known) for known in TrialState if known.finished]
    if not isinstance(state, str) or state not in finals:
        raise InvalidInput(f"`state` must be one of {', '.join(finals)}, not {state!r:.60}.")
    return TrialState(state)


def failure_kind(kind: object) -> str | None:
    """Give a class of failure, or None.

    Raises:
        InvalidInput: it is neither.
    """
    if kind is None or (isinstance(kind, str) and kind in FAILURES):
        return kind if kind is None else str(kind)
    raise InvalidInput(f"`kind` must be one of {', '.join(FAILURES)} or None, not {kind!r:.60}.")


def reason_text(reason: object) -> str | None:
    """Give a reason that every database can hold: at most 10,000 characters, NUL and half characters escaped.

    Raises:
        InvalidInput: it is no text.
    """
    if reason is None:
        return None
    if not isinstance(reason, str):
        raise InvalidInput(f"`reason` must be a text or None, not {type(reason).__name__}.")
    text = reason.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
    return text if len(text) <= MAX_REASON else text[: MAX_REASON - 4] + " ..."


def request_key(request: object) -> str | None:
    """Give the key of a request, or None.

    Raises:
        InvalidInput: it is no name.
    """
    return None if request is None else check_name(request, "request")


def wanted(name: str, value: object) -> tuple[int, frozenset[int] | None]:
    """Give how many trials are wanted, and the only ones that are, where they are listed.

    Raises:
        InvalidInput: neither a number of trials, see `count`, nor different trial numbers.
    """
    if isinstance(value, int):
        return count(name, value), None
    numbers = frozenset(item for item in sequence(name, value) if isinstance(item, int))
    if len(numbers) < len(sequence(name, value)):
        raise InvalidInput(f"`{name}` must be a whole number or different trial numbers, not {value!r}.")
    return len(numbers), numbers


def sequence(name: str, values: object) -> Sequence[object]:
    """Give a sequence.

    Raises:
        InvalidInput: it is none.
    """
    if isinstance(values, str | bytes | dict) or not hasattr(values, "__iter__"):
        raise InvalidInput(f"`{name}` must be a list, not {type(values).__name__}.")
    return list(values)
