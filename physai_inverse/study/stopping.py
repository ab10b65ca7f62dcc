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
from physai_inverse.study.entries import lease_of
from physai_inverse.study.mediators import curve_of, informed, whole

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
    runs = []
    for trial in trials:
        full = fidelity is None or fidelity.rung(trial.fidelity) == fidelity.top
        if trial.number == number and not full:
            return None
        if comparable_run(trial, wish.metric, fidelity):
            runs.append(trial)
    curves = [curve_of(trial, wish.metric) for trial in runs]
    return StoppingRule(
        wish.metric,
        isinstance(wish, Maximize),
        tuple(curve for curve in curves if curve is not None),
        tuple(float(trial.metrics[wish.metric]) for trial in runs),
        audited=child(seed, "finished all the same", number) % AUDITED == 0,
    )


def comparable_run(trial: Trial, metric: str, fidelity: Fidelity | None) -> bool:
    """Say whether a training was finished in full, and has the metric with its curve."""
    return whole(trial, fidelity) and metric in trial.metrics and curve_of(trial, metric) is not None


class Stopping(Protocol):
    """What a study is to the rule."""

    name: str
    store: Store
    objective: Objective
    fidelity: Fidelity | None
    seed: int


def rule_for(study: Stopping, number: int) -> StoppingRule | None:
    """Make the rule for one training of a study, with all that the study knows; see `rule_of`."""
    trials = study.store.trials(study.name, curves=True)
    rule = rule_of(study.objective, study.fidelity, trials, number=number, seed=study.seed)
    if rule is None:
        return None
    runs = [trial for trial in trials if comparable_run(trial, rule.metric, study.fidelity)]
    this = next((trial for trial in trials if trial.number == number), None)
    return informed(rule, study, runs, this)


def should_stop(
    study: Stopping,
    trial: Trial | int,
    curve: Curve | Mapping[float, float],
    others: Mapping[str, Curve | Mapping[float, float]] | None = None,
) -> Verdict:
    """Say whether a training is still worth its time, by its curves so far and the runs that have finished.

    Stop it, and `observe` what it has with `stopped_early=True`. One training of ten is never stopped.

    Args:
        study: the study.
        trial: the trial, or its number.
        curve: of the metric that the objective wishes for; or a mapping of step to value.
        others: other observables to their curves, in the same steps; those that tell of the end are looked at, see
            `Study.mediators`.

    Returns:
        True or false, with `probability` and `reason`. False while fewer than five finished runs recorded that
        curve, as `NAME_curve`.
    """
    return judge(rule_for(study, lease_of(trial)[0]), curve, others)


def judge(
    rule: StoppingRule | None,
    curve: Curve | Mapping[float, float],
    others: Mapping[str, Curve | Mapping[float, float]] | None = None,
) -> Verdict:
    """Apply a rule to a curve.

    Args:
        rule: the rule; None stops nothing.
        curve: of the rule's metric.
        others: other observables to their curves.

    Raises:
        InvalidInput: one is no curve.
    """
    if rule is None:
        return Verdict(
            False, None, "only full trainings with one wish to minimize or maximize a metric are stopped"
        )
    found = as_metrics({rule.metric: curve})[rule.metric]
    if not isinstance(found, Curve):
        raise InvalidInput(f"`curve` must be a Curve, or map steps to values, not {type(curve).__name__}.")
    besides = as_metrics(others or {}, where="others")
    for name, value in besides.items():
        if not isinstance(value, Curve):
            raise InvalidInput(f"`others` must map names to curves; `{name}` is a {type(value).__name__}.")
    return rule.judge(found, {name: value for name, value in besides.items() if isinstance(value, Curve)})


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
