"""Ax's optimization config and trials in our words.

A weighted sum of metrics, as objective or outcome constraint, is taken as one metric. A constraint relative to the
baseline binds once the baseline was measured. FAILED and ABANDONED trials both teach the model of failing (Ax may
suggest a failed arm again, we do not unless there is nothing else); what is neither ended nor stale is pending.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ax.core.data import Data
from ax.core.experiment import Experiment
from ax.core.objective import Objective as AxObjective
from ax.core.outcome_constraint import OutcomeConstraint
from ax.core.trial_status import TrialStatus
from ax.core.types import ComparisonOp, TParameterization
from ax.exceptions.core import UnsupportedError

from physai_inverse.adapters.ax_space import AxSpace
from physai_inverse.objective import AtLeast, AtMost, Goal, Maximize, Minimize, Objective
from physai_inverse.observations import MAX_NAME, Measurement, Metric, Observation, Scalar, TrialState

Weights = Sequence[tuple[str, float]]
Measured = Mapping[str, Measurement]

ENDED = {
    TrialStatus.COMPLETED: TrialState.DONE,
    TrialStatus.EARLY_STOPPED: TrialState.STOPPED_EARLY,
    TrialStatus.FAILED: TrialState.FAILED,
    TrialStatus.ABANDONED: TrialState.FAILED,
}


@dataclass(frozen=True)
class AxPicture:
    """An experiment as it stands.

    Args:
        experiment: the experiment.
        data: what was measured.
    """

    experiment: Experiment
    data: Data

    @cached_property
    def space(self) -> AxSpace:
        """The search space."""
        return AxSpace(self.experiment.search_space)

    @cached_property
    def objective(self) -> Objective:
        """Objective and outcome constraints; a composed metric is named by its expression.

        Raises:
            UnsupportedError: the experiment has no objective.
        """
        config = self.experiment.optimization_config
        if config is None:
            raise UnsupportedError("The experiment has no objective; call configure_optimization first.")
        goals: list[Goal] = []
        for weights in _terms(config.objective):
            better = Maximize if len(weights) > 1 or weights[0][1] > 0 else Minimize
            goals.append(better(_name(weights)))
        for constraint in config.all_constraints:
            bound = self._bound(constraint)
            if bound is not None:
                limit = AtMost if constraint.op == ComparisonOp.LEQ else AtLeast
                name, scale = _scaled(constraint.metric_weights)
                if scale < 0:
                    limit = AtLeast if limit is AtMost else AtMost
                goals.append(limit(name, bound / scale))
        return Objective(tuple(goals))

    def _bound(self, constraint: OutcomeConstraint) -> float | None:
        """The bound in the metric's units; one that is relative is in percent of the baseline's value."""
        if not constraint.relative:
            return float(constraint.bound)
        baseline = self.experiment.status_quo
        found = [measured for (_, arm), measured in self._measured.items() if baseline and arm == baseline.name]
        value = _joined(found[0], constraint.metric_weights) if found else None
        return None if value is None else float(value) + abs(float(value)) * float(constraint.bound) / 100.0

    @cached_property
    def _measured(self) -> dict[tuple[int, str], dict[str, Measurement]]:
        """Trial and arm to what was measured, at the last step of each."""
        measured: dict[tuple[int, str], dict[str, Measurement]] = {}
        frame = self.data.df
        columns = [frame[name].tolist() for name in ("trial_index", "arm_name", "metric_signature", "mean", "sem")]
        for index, arm, metric, mean, error in zip(*columns, strict=True):
            known = error is not None and math.isfinite(error) and error >= 0
            measurement = Measurement(float(mean), float(error) if known else None)
            measured.setdefault((int(index), str(arm)), {})[str(metric)] = measurement
        return measured

    @cached_property
    def told(self) -> list[Observation]:
        """The arms of trials that ended, each an observation; without those that do not fit the space."""
        rows = []
        for trial in self.experiment.trials.values():
            state = ENDED.get(trial.status)
            if state is None:
                continue
            for arm in trial.arms:
                config = self.space.read(arm.parameters)
                metrics = self._metrics(self._measured.get((trial.index, arm.name), {}))
                if config is not None and (metrics or state.bad):
                    kind = "unknown" if state.bad else None
                    rows.append(Observation(config, metrics, state=state, kind=kind))
        return rows

    def waiting(self, pending: Sequence[TParameterization]) -> list[dict[str, Scalar]]:
        """Give what has not ended, and what Ax calls pending, each once."""
        running = [
            arm.parameters
            for trial in self.experiment.trials.values()
            if not trial.status.is_terminal and trial.status != TrialStatus.STALE
            for arm in trial.arms
        ]
        configs = [self.space.read(parameters) for parameters in (*running, *pending)]
        ended = {self.space.space.key(row.config) for row in self.told}
        unique = {self.space.space.key(config): config for config in configs if config is not None}
        return [config for key, config in unique.items() if key not in ended]

    def _metrics(self, measured: Measured) -> dict[str, Metric]:
        config = self.experiment.optimization_config
        assert config is not None
        metrics: dict[str, Metric] = dict(measured)
        composed = (*_terms(config.objective), *(limit.metric_weights for limit in config.all_constraints))
        for weights in composed:
            if len(weights) > 1:
                value = _joined(measured, weights)
                if value is not None:
                    metrics[_name(weights)] = value
        return metrics


def _terms(objective: AxObjective) -> list[Weights]:
    """The wishes, each a weighted sum of metrics of which more is better."""
    if not objective.is_multi_objective:
        return [objective.metric_weights]
    if objective.expression.count(",") + 1 != len(objective.metric_weights):
        raise UnsupportedError(
            f"The objective {objective.expression!r} mixes several objectives with weighted sums; report each sum "
            "as a metric of its own."
        )
    return [[pair] for pair in objective.metric_weights]


def _name(weights: Weights) -> str:
    if len(weights) == 1:
        return weights[0][0]
    terms = " and ".join(f"{weight:g} {metric}" for metric, weight in sorted(weights))  # a name, not an expression
    return f"sum of {terms}"[:MAX_NAME].strip()


def _scaled(weights: Weights) -> tuple[str, float]:
    """The metric of a constraint, and what its weight multiplies it by."""
    return _name(weights), float(weights[0][1]) if len(weights) == 1 else 1.0


def _joined(measured: Measured, weights: Weights) -> Measurement | None:
    """A weighted sum with its standard error; None where a part is missing."""
    if not all(metric in measured for metric, _ in weights):
        return None
    value = sum(weight * measured[metric].value for metric, weight in weights)
    errors = [measured[metric].standard_error for metric, _ in weights]
    if any(error is None for error in errors):
        return Measurement(value)
    squares = sum((weight * (error or 0.0)) ** 2 for (_, weight), error in zip(weights, errors, strict=True))
    return Measurement(value, math.sqrt(squares))
