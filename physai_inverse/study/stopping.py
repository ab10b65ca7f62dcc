"""Trainings that are stopped early: by what rule."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from physai_inverse.errors import InvalidInput
from physai_inverse.fidelity import Fidelity
from physai_inverse.inverse.stopping import HalvingRule, Rule, StoppingRule, Verdict
from physai_inverse.objective import Maximize, Objective
from physai_inverse.observations import Curve, TrialState, as_metrics
from physai_inverse.seeds import child
from physai_inverse.store import Store, Trial
from physai_inverse.study.censoring import plain_wish
from physai_inverse.study.entries import lease_of
from physai_inverse.study.mediators import curve_of, informed, whole

RULES = ("probability", "halving", "none")
"""What stops hopeless trainings: the probability that they matter, successive halving as a baseline, nothing."""

AUDITED = 10
"""One training of so many is never stopped, so that it shows whether stopping is right."""


def rules_of(
    objective: Objective,
    fidelity: Fidelity | None,
    trials: Iterable[Trial],
    *,
    numbers: Sequence[int],
    seed: int,
    stopping: str = "probability",
) -> dict[int, Rule | None]:
    """Make the rule for each of some trainings.

    Args:
        objective: whose first wish is judged.
        fidelity: of the study; full trainings are compared with full ones, shorter ones are not stopped.
        trials: with their curves.
        numbers: of the trainings' trials.
        seed: of the study.
        stopping: one of `RULES`.

    Returns:
        Number to rule; None where a training is not to be stopped: nobody wants it, the objective wishes for more
        than one metric, for a target or for an expression, or the trial is not a full training.
    """
    wish = plain_wish(objective)
    found: dict[int, Rule | None] = dict.fromkeys(numbers)
    if wish is None or stopping == "none":
        return found
    maximize = isinstance(wish, Maximize)
    kept = [trial for trial in trials if fidelity is None or fidelity.rung(trial.fidelity) == fidelity.top]
    full = {trial.number for trial in kept}
    runs = [trial for trial in kept if comparable_run(trial, wish.metric, fidelity)]
    curves = tuple(curve for trial in runs if (curve := curve_of(trial, wish.metric)) is not None)
    if stopping == "halving":
        cut = [trial for trial in kept if trial.state is TrialState.STOPPED_EARLY]
        stopped = [curve for trial in cut if (curve := curve_of(trial, wish.metric)) is not None]
        end = max((curve.steps[-1] for curve in curves), default=None)
        rule: Rule = HalvingRule(wish.metric, maximize, (*curves, *stopped), end)
        return {number: rule if number in full else None for number in numbers}
    base = StoppingRule(wish.metric, maximize, curves, tuple(float(trial.metrics[wish.metric]) for trial in runs))
    for number in full & set(numbers):
        audited = child(seed, "finished all the same", number) % AUDITED == 0
        found[number] = replace(base, audited=audited)
    return found


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
    stopping: str


def rules_for(study: Stopping, numbers: Sequence[int]) -> dict[int, Rule | None]:
    """Make the rule for each of some trainings of a study, with all that the study knows; see `rules_of`."""
    trials = study.store.trials(study.name, curves=True)
    rules = rules_of(
        study.objective, study.fidelity, trials, numbers=numbers, seed=study.seed, stopping=study.stopping
    )
    by_number = {trial.number: trial for trial in trials}
    for number, rule in rules.items():
        if isinstance(rule, StoppingRule):
            runs = [trial for trial in trials if comparable_run(trial, rule.metric, study.fidelity)]
            rules[number] = informed(rule, study, runs, by_number.get(number))
    return rules


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
    return judge(rules_for(study, [number := lease_of(trial)[0]])[number], curve, others)


def judge(
    rule: Rule | None,
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
            False, None, "if any, only full trainings with one wish to minimize or maximize a metric are stopped"
        )
    found = as_metrics({rule.metric: curve})[rule.metric]
    if not isinstance(found, Curve):
        raise InvalidInput(f"`curve` must be a Curve, or map steps to values, not {type(curve).__name__}.")
    besides = as_metrics(others or {}, where="others")
    for name, value in besides.items():
        if not isinstance(value, Curve):
            raise InvalidInput(f"`others` must map names to curves; `{name}` is a {type(value).__name__}.")
    return rule.judge(found, {name: value for name, value in besides.items() if isinstance(value, Curve)})
