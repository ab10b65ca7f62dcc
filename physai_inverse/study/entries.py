"""What comes into a study, checked at the door: its objective, trials, counts, costs, fidelities, results."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from physai_inverse.errors import InvalidInput
from physai_inverse.fidelity import Fidelity
from physai_inverse.objective import Objective, ObjectiveLike, as_objective
from physai_inverse.observations import FAILURES, Metric, Observation, TrialState, as_metrics, diverging
from physai_inverse.space import Space
from physai_inverse.store import Store, Trial

SHOWN = 5
"""How many rows that do not fit are named in the error."""


def as_observations(items: Iterable[object], space: Space, objective: Objective) -> list[Observation]:
    """Take pairs (config, metrics) and observations as observations that fit the space.

    A finite number is not asked for: where a metric of the objective is not finite, the training counts as
    diverged. Constraints are not asked for either: what was trained was trained.

    Raises:
        InvalidInput: names the rows that do not fit, and why.
    """
    rows: list[Observation] = []
    problems: list[str] = []
    for row, item in enumerate(items):
        try:
            rows.append(_as_observation(item, space, objective))
        except InvalidInput as error:
            problems.append(f"row {row}: {error}")
    if problems:
        more = f" And {len(problems) - SHOWN} more." if len(problems) > SHOWN else ""
        raise InvalidInput(f"Nothing was imported. {' '.join(problems[:SHOWN])}{more}")
    return rows


def check_seed(seed: object) -> None:
    """Check the seed of a study; None stands for none given.

    Raises:
        InvalidInput: it is no whole number from 0 to 2**63 - 1.
    """
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63):
        raise InvalidInput(f"`seed` must be a whole number from 0 to 2**63 - 1, not {seed!r}.")


def check_count(name: str, count: object) -> None:
    """Check a number of configurations.

    Raises:
        InvalidInput: it is no whole number of at least 1.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise InvalidInput(f"`{name}` must be a whole number of at least 1, not {count!r}.")


def _as_observation(item: object, space: Space, objective: Objective) -> Observation:
    if isinstance(item, Observation):
        given = item
    elif isinstance(item, Sequence) and not isinstance(item, str) and len(item) == 2:
        given = Observation(item[0], as_metrics(item[1]))
    else:
        raise InvalidInput(f"expected a pair (config, metrics) or an Observation, not {type(item).__name__}.")
    metrics = as_metrics(given.metrics)
    if not metrics and not given.state.bad:
        raise InvalidInput("no metrics were given; import a failed training as an Observation with its state.")
    bad = None if given.state.bad else diverging(metrics, objective.metrics)
    return Observation(
        config=space.check(given.config, constraints=False),
        metrics=metrics,
        state=TrialState.DIVERGED if bad else given.state,
        seed=given.seed,
        seconds=given.seconds,
        reason=bad or given.reason,
        kind="diverged" if bad else given.kind,
        fidelity=given.fidelity,
        record=given.record,
    )


@dataclass(frozen=True)
class Outcome:
    """How a training ended.

    Args:
        state: of its trial.
        reason: for people.
        kind: the class of failure; None where it did not fail.
    """

    state: TrialState
    reason: str | None
    kind: str | None = None


def outcome(
    metrics: Mapping[str, Metric], objective: Objective, stopped_early: bool, reason: str | None
) -> Outcome:
    """Say how a training ended that gave metrics; see `Study.observe`.

    Raises:
        InvalidInput: a metric of the objective is missing.
    """
    missing = [name for name in objective.metrics if name not in metrics]
    if missing and not stopped_early:
        raise InvalidInput(
            f"`metrics` lacks {missing}, which the objective ({objective}) speaks of; "
            f"got {sorted(metrics)}. Observe all of them, or call `fail` where the training gave none."
        )
    bad = diverging(metrics, objective.metrics)
    if bad:
        return Outcome(TrialState.DIVERGED, bad, "diverged")
    return Outcome(TrialState.STOPPED_EARLY if stopped_early else TrialState.DONE, reason)


def failure(reason: str, kind: str | None) -> Outcome:
    """Say how a training failed; see `Study.fail`.

    Raises:
        InvalidInput: an unknown class of failure.
    """
    kind = kind or (reason if reason in FAILURES else "unknown")
    if kind not in FAILURES:
        raise InvalidInput(f"`kind` must be one of {list(FAILURES)}, not {kind!r}.")
    return Outcome(TrialState.DIVERGED if kind == "diverged" else TrialState.FAILED, reason, kind)


def finished(
    store: Store,
    name: str,
    trial: object,
    metrics: Mapping[str, Metric],
    ended: Outcome,
    *,
    seconds: float | None,
) -> Trial:
    """Record how a training ended.

    Raises:
        InvalidInput: `trial` is neither a trial nor a number, or `seconds` no number of at least 0.
        NotFound, Conflict: see `Store.observe`.
    """
    number, token = lease_of(trial)
    check_seconds(seconds)
    return store.observe(
        name,
        number,
        metrics,
        token=token,
        state=ended.state,
        seconds=seconds,
        reason=ended.reason,
        kind=ended.kind,
    )


def wanted(objective: ObjectiveLike, space: Space, cost: str | None) -> Objective:
    """Take an objective over a space; see `Study`."""
    taken = as_objective(objective)
    taken = (taken if cost is None else replace(taken, cost=cost)).over(space.parameters)
    taken.require_metric()
    if taken.robust:
        from physai_inverse.inverse import check_robust

        check_robust(space, taken.robust)
    return taken


def lease_of(trial: object) -> tuple[int, str | None]:
    """Give number and token of a trial, or of its number alone.

    Raises:
        InvalidInput: it is neither.
    """
    if isinstance(trial, Trial):
        return trial.number, trial.token
    if isinstance(trial, bool) or not isinstance(trial, int):
        raise InvalidInput(
            f"`trial` must be a trial or its number, not {type(trial).__name__} {trial!r}. A training that was "
            "not suggested is recorded by `import_observations([(config, metrics)])`."
        )
    return trial, None


def check_seconds(seconds: object) -> None:
    """Check a cost.

    Raises:
        InvalidInput: it is neither None nor a number of at least 0.
    """
    if seconds is not None and (
        isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0
    ):
        raise InvalidInput(f"`seconds` must be a number of at least 0, not {seconds!r}.")


def level_of(fidelity: Fidelity | None, value: float | None) -> float | None:
    """Give the fidelity of a training that somebody asks for: the highest where none is said.

    Raises:
        InvalidInput: it is out of range, or the study has none.
    """
    if fidelity is not None:
        return fidelity.high if value is None else fidelity.check(value)
    if value is not None:
        raise InvalidInput("`fidelity` was given, and the study has none; make it with `Fidelity(...)`.")
    return None
