"""Trainings that are stopped early: by what rule, and what a model learns from them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from physai_inverse.errors import InvalidInput
from physai_inverse.fidelity import Fidelity
from physai_inverse.inverse.stopping import KTH, StoppingRule, Verdict
from physai_inverse.objective import Maximize, Minimize, Objective
from physai_inverse.observations import Curve, Measurement, Observation, TrialState, as_metrics
from physai_inverse.seeds import child
from physai_inverse.store import Store, Trial

CURVE_SUFFIX = "_curve"
AUDITED = 10
"""One training of so many is never stopped, so that it shows whether stopping is right."""


def rule_of(
    objective: Objective, fidelity: Fidelity | None, trials: Iterable[Trial], *, number: int, seed: int
) -> StoppingRule | None:
    """Make the rule for one training.

    Args:
        objective: whose first wish is judged.
        fidelity: of the study; full trainings are compared with full ones, shorter ones are not stopped.
        trials: with their curves.
        number: of the training's trial.
        seed: of the study.

    Returns:
        None where no training is to be stopped: the objective wishes for more than one metric, for a target or for
        an expression, or the trial is not a full training.
    """
    wish = objective.wishes[0] if len(objective.wishes) == 1 else None
    if not isinstance(wish, Minimize | Maximize) or wish.metric not in objective.metrics:
        return None
    curves, finals = [], []
    for trial in trials:
        full = fidelity is None or fidelity.rung(trial.fidelity) == fidelity.top
        if trial.number == number and not full:
            return None
        final = trial.metrics.get(wish.metric)
        curve = final if isinstance(final, Curve) else trial.metrics.get(f"{wish.metric}{CURVE_SUFFIX}")
        if full and trial.state is TrialState.DONE and final is not None and isinstance(curve, Curve):
            curves.append(curve)
            finals.append(float(final))
    return StoppingRule(
        wish.metric,
        isinstance(wish, Maximize),
        tuple(curves),
        tuple(finals),
        audited=child(seed, "finished all the same", number) % AUDITED == 0,
    )


class Stopping(Protocol):
    """What a study is to the rule."""

    name: str
    store: Store
    objective: Objective
    fidelity: Fidelity | None
    seed: int


def rule_for(study: Stopping, number: int) -> StoppingRule | None:
    """Make the rule for one training of a study; see `rule_of`."""
    trials = study.store.trials(study.name, curves=True)
    return rule_of(study.objective, study.fidelity, trials, number=number, seed=study.seed)


def judge(rule: StoppingRule | None, curve: Curve | Mapping[float, float]) -> Verdict:
    """Apply a rule to a curve.

    Raises:
        InvalidInput: it is no curve.
    """
    if rule is None:
        return Verdict(
            False, None, "only full trainings with one wish to minimize or maximize a metric are stopped"
        )
    found = as_metrics({rule.metric: curve})[rule.metric]
    if not isinstance(found, Curve):
        raise InvalidInput(f"`curve` must be a Curve, or map steps to values, not {type(curve).__name__}.")
    return rule.judge(found)


def observed(trials: Sequence[Trial], objective: Objective) -> list[Observation]:
    """Give finished trials as what a model learns from: those that were stopped early are censored.

    Where the last value was worse than what the best few have in the end, all that is known is that the end would
    have been, too; where it was not, somebody had another reason to stop, and the value stands.
    """
    wish = objective.wishes[0] if len(objective.wishes) == 1 else None
    if not isinstance(wish, Minimize | Maximize) or wish.metric not in objective.metrics:
        return [trial.observation() for trial in trials]
    maximize = isinstance(wish, Maximize)
    finals = sorted(
        (
            float(trial.metrics[wish.metric])
            for trial in trials
            if trial.state is TrialState.DONE and wish.metric in trial.metrics
        ),
        reverse=maximize,
    )
    found = []
    for trial in trials:
        seen, value = trial.observation(), trial.metrics.get(wish.metric)
        if trial.state is TrialState.STOPPED_EARLY and value is not None and len(finals) >= KTH:
            bar = finals[KTH - 1]
            known = isinstance(value, Measurement) and value.censored is not None
            if not known and (float(value) < bar if maximize else float(value) > bar):
                bound = Measurement(bar, censored="below" if maximize else "above")
                seen = replace(seen, metrics={**seen.metrics, wish.metric: bound})
        found.append(seen)
    return found
