"""One row of a table, whatever its format, to an observation that fits a space."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from physai_inverse.errors import InvalidInput
from physai_inverse.importers.forms import read_number
from physai_inverse.observations import FAILURES, Metric, Observation, Scalar, TrialState
from physai_inverse.space import Space

FIELDS = ("number", "state", "seed", "seconds", "reason", "kind", "origin", "fidelity")
"""What is known of a training beside configuration and metrics, in the order of the columns."""

ALIASES = {"status": "state"}
STATES = {
    "complete": TrialState.DONE,
    "completed": TrialState.DONE,
    "finished": TrialState.DONE,
    "ok": TrialState.DONE,
    "success": TrialState.DONE,
    "stopped": TrialState.STOPPED_EARLY,
    "pruned": TrialState.STOPPED_EARLY,
    "error": TrialState.FAILED,
    "crashed": TrialState.FAILED,
    "fail": TrialState.FAILED,
}
"""Words of other tools for how a training ended."""


@dataclass
class Records:
    """Rows that fit, and notes on what was left out or added.

    Args:
        space: what the configurations must fit.
        notes: what was changed, and in how many rows.
    """

    space: Space
    notes: Counter[str] = field(default_factory=Counter)

    def observation(
        self, config: Mapping[str, Scalar], metrics: Mapping[str, Metric], fields: Mapping[str, object]
    ) -> Observation:
        """Make an observation of a row.

        Raises:
            InvalidInput: the row does not fit; says why.
        """
        unknown = [name for name in config if name not in self.space.parameters]
        if unknown:
            known = ", ".join(self.space.parameters)
            raise InvalidInput(f"`{unknown[0]}` is no parameter; the space has {known}.")
        given: dict[str, Scalar] = {}
        for name, value in config.items():
            try:
                given[name] = self.space.check_value(name, value)
            except InvalidInput as error:
                raise InvalidInput(f"`{name}`: {error}.") from error
        fitted = self.space.complete(given)
        state = _state(fields.get("state"))
        if not metrics and not state.bad:
            raise InvalidInput("the row has no metrics, and does not say that the training failed.")
        for name in given.keys() - fitted.keys():
            self.notes[f"`{name}` was left out where it is not active"] += 1
        for name in fitted.keys() - given.keys():
            self.notes[f"`{name}` is not in the file; {fitted[name]!r} was taken for it"] += 1
        return Observation(
            config=fitted,
            metrics=dict(metrics),
            state=state,
            seed=_seed(fields.get("seed")),
            seconds=_seconds(fields.get("seconds")),
            reason=None if fields.get("reason") in (None, "") else str(fields["reason"]),
            kind=_kind(fields.get("kind"), state),
            fidelity=_fidelity(fields.get("fidelity")),
        )


def _state(value: object) -> TrialState:
    if value in (None, ""):
        return TrialState.DONE
    word = str(value).strip().lower().replace(" ", "_")
    state = STATES.get(word) or next((known for known in TrialState if known.value == word), None)
    if state is None:
        ends = ", ".join(known for known in TrialState if known.finished)
        raise InvalidInput(f"`state` must be one of {ends}, not {value!r}.")
    if not state.finished:
        raise InvalidInput(f"the training is {state}; only trainings that have ended can be imported.")
    return state


def _seed(value: object) -> int | None:
    if value in (None, ""):
        return None
    try:
        number = int(str(value))
    except ValueError as error:
        raise InvalidInput(f"`seed` must be a whole number, not {value!r}.") from error
    if not 0 <= number < 2**63:
        raise InvalidInput(f"`seed` must be from 0 to 2**63 - 1, not {number}.")
    return number


def _seconds(value: object) -> float | None:
    if value in (None, ""):
        return None
    try:
        number = read_number(float(value) if isinstance(value, str) else value, "seconds")
    except ValueError as error:
        raise InvalidInput(f"`seconds` must be a number of at least 0, not {value!r}.") from error
    if not 0 <= number < float("inf"):
        raise InvalidInput(f"`seconds` must be a finite number of at least 0, not {value!r}.")
    return number


def _fidelity(value: object) -> float | None:
    if value in (None, ""):
        return None
    try:
        number = read_number(float(value) if isinstance(value, str) else value, "fidelity")
    except ValueError as error:
        raise InvalidInput(f"`fidelity` must be a number above 0, not {value!r}.") from error
    if not 0 < number < float("inf"):
        raise InvalidInput(f"`fidelity` must be a finite number above 0, not {value!r}.")
    return number


def _kind(value: object, state: TrialState) -> str | None:
    if value in (None, ""):
        return {TrialState.DIVERGED: "diverged", TrialState.FAILED: "unknown"}.get(state)
    if value not in FAILURES:
        raise InvalidInput(f"`kind` must be one of {', '.join(FAILURES)}, not {value!r}.")
    return str(value)
