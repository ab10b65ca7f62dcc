"""What a model learns from trainings that were stopped early: bounds and what is known of their end."""

from collections.abc import Sequence
from dataclasses import replace

from physai_inverse.fidelity import Fidelity
from physai_inverse.inverse.stopping import KTH
from physai_inverse.objective import Maximize, Minimize, Objective
from physai_inverse.observations import Measurement, Observation, TrialState
from physai_inverse.store import Trial


def plain_wish(objective: Objective) -> Minimize | Maximize | None:
    """Give the only wish of an objective, where it is to minimize or maximize a metric."""
    wish = objective.wishes[0] if len(objective.wishes) == 1 else None
    return wish if isinstance(wish, Minimize | Maximize) and wish.metric in objective.metrics else None


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
