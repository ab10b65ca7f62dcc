"""Trainings that are stopped early: by what rule, and what a model learns from them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from physai_inverse.errors import InvalidInput
from physai_inverse.fidelity import Fidelity
from physai_inverse.inverse.stopping import KTH, HalvingRule, Rule, StoppingRule, Verdict
from physai_inverse.objective import Maximize, Minimize, Objective
from physai_inverse.observations import Curve, Measurement, Observation, TrialState, as_metrics
from physai_inverse.seeds import child
from physai_inverse.store import Store, Trial

RULES = ("probability", "halving", "none")
"""What stops hopeless trainings: the probability that they matter, successive halving as a baseline, nothing."""

CURVE_SUFFIX = "_curve"
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
    finished: list[tuple[Curve, float]] = []
    stopped: list[Curve] = []
    full: set[int] = set()
    for trial in trials:
        if fidelity is not None and fidelity.rung(trial.fidelity) != fidelity.top:
            continue
        full.add(trial.number)
        final = trial.metrics.get(wish.metric)
        curve = final if isinstance(final, Curve) else trial.metrics.get(f"{wish.metric}{CURVE_SUFFIX}")
        if not isinstance(curve, Curve):
            continue
        if trial.state is TrialState.DONE and final is not None:
            finished.append((curve, float(final)))
        elif trial.state is TrialState.STOPPED_EARLY:
            stopped.append(curve)
    curves = tuple(curve for curve, _ in finished)
    if stopping == "halving":
        end = max((curve.steps[-1] for curve in curves), default=None)
        rule: Rule = HalvingRule(wish.metric, maximize, (*curves, *stopped), end)
        return {number: rule if number in full else None for number in numbers}
    base = StoppingRule(wish.metric, maximize, curves, tuple(final for _, final in finished))
    for number in full & set(numbers):
        audited = child(seed, "finished all the same", number) % AUDITED == 0
        found[number] = replace(base, audited=audited)
    return found


class Stopping(Protocol):
    """What a study is to the rule."""

    name: str
    store: Store
    objective: Objective
    fidelity: Fidelity | None
    seed: int
    stopping: str


def rules_for(study: Stopping, numbers: Sequence[int]) -> dict[int, Rule | None]:
    """Make the rule for each of some trainings of a study; see `rules_of`."""
    trials = study.store.trials(study.name, curves=True)
    return rules_of(
        study.objective, study.fidelity, trials, numbers=numbers, seed=study.seed, stopping=study.stopping
    )


def plain_wish(objective: Objective) -> Minimize | Maximize | None:
    """Give the only wish of an objective, where it is to minimize or maximize a metric."""
    wish = objective.wishes[0] if len(objective.wishes) == 1 else None
    return wish if isinstance(wish, Minimize | Maximize) and wish.metric in objective.metrics else None


def judge(rule: Rule | None, curve: Curve | Mapping[float, float]) -> Verdict:
    """Apply a rule to a curve.

    Raises:
        InvalidInput: it is no curve.
    """
    if rule is None:
        return Verdict(
            False, None, "if any, only full trainings with one wish to minimize or maximize a metric are stopped"
        )
    found = as_metrics({rule.metric: curve})[rule.metric]
    if not isinstance(found, Curve):
        raise InvalidInput(f"`curve` must be a Curve, or map steps to values, not {type(curve).__name__}.")
    return rule.judge(found)


def observed(trials: Sequence[Trial], objective: Objective, fidelity: Fidelity | None = None) -> list[Observation]:
    """Give finished trials as what a model learns from: those that were stopped early are censored.

    What a stopped training measured in its last moment is no end value. It stands in the ledger, and a model gets

    - of the metric that is wished for: where the last value was worse than what the best few have in the end, that
      the end would have been, too; where it was not, somebody had another reason to stop, and the value stands;
    - of all other metrics: what was given as a `Measurement`, which says what is known of the end (a bound, an
      extrapolation with its error, or without error what does not depend on how far a training got).

    Args:
        trials: finished.
        objective: of the study.
        fidelity: of the study; trainings of one rung are compared.
    """
    wish = plain_wish(objective)
    maximize = isinstance(wish, Maximize)
    finals: dict[int, list[float]] = {}
    for trial in trials if wish is not None else ():
        assert wish is not None
        if trial.state is TrialState.DONE and wish.metric in trial.metrics:
            finals.setdefault(_rung(fidelity, trial), []).append(float(trial.metrics[wish.metric]))
    found = []
    for trial in trials:
        seen = trial.observation()
        if trial.state is TrialState.STOPPED_EARLY:
            known = {name: value for name, value in trial.metrics.items() if isinstance(value, Measurement)}
            if wish is not None and wish.metric in trial.metrics and wish.metric not in known:
                value = float(trial.metrics[wish.metric])
                best = sorted(finals.get(_rung(fidelity, trial), []), reverse=maximize)[:KTH]
                worse = bool(best) and (value < best[-1] if maximize else value > best[-1])
                bound = Measurement(best[-1], censored="below" if maximize else "above") if worse else None
                known[wish.metric] = bound or Measurement(value)
            seen = replace(seen, metrics=known)
        found.append(seen)
    return found


def _rung(fidelity: Fidelity | None, trial: Trial) -> int:
    return 0 if fidelity is None else fidelity.rung(trial.fidelity)
