"""What the trials of an Optuna study say, in our words.

- A completed trial is an observation of its values and its constraints. An infinite value counts as diverged.
- A failed trial teaches the model of failing; Optuna's own samplers forget it.
- A pruned trial has the last value it reported, where that is no worse than half of the completed ones. A worse
  one is censored at their median: the pruner stopped it since it would not do better, and by how much it would
  have fallen short nobody knows. One that reported nothing is a failure.
- A running trial is pending with what it was given.
"""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from physai_inverse import observations
from physai_inverse.adapters.asking import fitted_config
from physai_inverse.adapters.optuna_axes import Axis, axis_of
from physai_inverse.adapters.presence import Presence, read_presence
from physai_inverse.objective import AtMost, Goal, Maximize, Minimize, Objective
from physai_inverse.observations import Measurement, Metric, Observation, Scalar

CONSTRAINTS = "constraints"
"""Where Optuna before 5.0 keeps the values of constraints among a trial's system attributes."""


@dataclass(frozen=True)
class Picture:
    """A study as it stands.

    Args:
        trials: all of them but those that wait, in the order of their numbers.
        directions: of the study.
        handed: number of a trial to the parameters that it was given and has not asked for yet.
    """

    trials: Sequence[FrozenTrial]
    directions: Sequence[StudyDirection]
    handed: Mapping[int, Mapping[str, Any]]

    @cached_property
    def teachers(self) -> list[FrozenTrial]:
        """The trials from which the space is read: those that ran to their end; while there are none, all."""
        whole = (TrialState.COMPLETE, TrialState.PRUNED)
        return [trial for trial in self.trials if trial.params and trial.state in whole] or [
            trial for trial in self.trials if trial.params
        ]

    @cached_property
    def latest(self) -> dict[str, BaseDistribution]:
        """The latest distribution of every parameter that still varies."""
        found: dict[str, BaseDistribution] = {}
        for trial in self.trials:
            found.update(trial.distributions)
        return {name: distribution for name, distribution in found.items() if not distribution.single()}

    @cached_property
    def axes(self) -> dict[str, Axis]:
        """Optuna's name of a parameter to its axis; our name is `ids` of it."""
        axes = {}
        for name, distribution in self.latest.items():
            axis = axis_of(distribution, [trial.params[name] for trial in self.trials if name in trial.params])
            if axis is not None:
                axes[name] = axis
        return axes

    @cached_property
    def ids(self) -> dict[str, str]:
        """Optuna's names, which may be any text, to names that expressions can hold."""
        return {name: f"x{place}" for place, name in enumerate(self.axes)}

    @cached_property
    def presence(self) -> Presence | None:
        """The space, with the condition of every parameter; None while nothing is known."""
        rows = [self._readings[trial.number] for trial in self.teachers]
        parameters = {self.ids[name]: axis.parameter for name, axis in self.axes.items()}
        limits = [text for name, axis in self.axes.items() for text in axis.constraints(self.ids[name])]
        return read_presence(rows, parameters, limits) if parameters else None

    @cached_property
    def _readings(self) -> dict[int, dict[str, Scalar]]:
        return {trial.number: self._values(trial.params) for trial in self.trials}

    def _values(self, params: Mapping[str, Any]) -> dict[str, Scalar]:
        values = {}
        for name, value in params.items():
            if name in self.axes:
                read = self.axes[name].read(value)
                if read is not None:
                    values[self.ids[name]] = read
        return values

    def _config(self, trial: FrozenTrial, handed: Mapping[str, Any] | None = None) -> dict[str, Scalar] | None:
        """Give the configuration of a trial, where it fits: what it has, joined to what it was handed."""
        assert self.presence is not None
        place = bisect_left(self.teachers, trial.number, key=lambda teacher: teacher.number)
        space = self.presence.space
        values = {**self._values(handed or {}), **self._readings[trial.number]}
        known = {name: value for name, value in values.items() if name in space.parameters}
        return fitted_config(space, self.presence.with_era(known, place))

    def written(self, config: Mapping[str, Scalar]) -> dict[str, Any]:
        """Give one of our configurations as Optuna's parameters."""
        return {
            name: axis.write(config[self.ids[name]])
            for name, axis in self.axes.items()
            if self.ids[name] in config
        }

    # -- what was observed ----------------------------------------------------------------------------------

    @cached_property
    def objective(self) -> Objective:
        """The directions as wishes, the constraints as limits."""
        goals: list[Goal] = [
            (Maximize if direction == StudyDirection.MAXIMIZE else Minimize)(f"value {place}")
            for place, direction in enumerate(self.directions)
        ]
        names = dict.fromkeys(name for trial in self.trials for name in constraints_of(trial))
        return Objective((*goals, *(AtMost(f"constraint {name}", 0.0) for name in names)))

    def told(self) -> list[Observation]:
        """Give the trials that ended, without those that do not fit the space."""
        rows = []
        for trial in self.trials:
            if trial.state.is_finished() and trial.params:
                config = self._config(trial)
                if config is not None:
                    rows.append(self._observation(trial, config))
        return rows

    def waiting(self) -> list[dict[str, Scalar]]:
        """Give the configurations of trials that run."""
        configs = []
        for trial in self.trials:
            if trial.state == TrialState.RUNNING:
                config = self._config(trial)
                if config is None and trial.number in self.handed:  # it has not asked for everything yet
                    config = self._config(trial, self.handed[trial.number])
                if config is not None:
                    configs.append(config)
        return configs

    def _observation(self, trial: FrozenTrial, config: Mapping[str, Scalar]) -> Observation:
        metrics: dict[str, Metric] = {
            f"constraint {name}": value for name, value in constraints_of(trial).items() if not math.isnan(value)
        }
        if trial.state == TrialState.COMPLETE:
            metrics |= {f"value {place}": value for place, value in enumerate(trial.values)}
            return Observation(config, metrics)
        reported = self._reported(trial) if trial.state == TrialState.PRUNED else None
        if reported is not None:
            metrics["value 0"] = reported
            return Observation(config, metrics, state=observations.TrialState.STOPPED_EARLY)
        return Observation(config, metrics, state=observations.TrialState.FAILED, kind="unknown")

    def _reported(self, trial: FrozenTrial) -> Metric | None:
        if not trial.intermediate_values:
            return None
        value = trial.intermediate_values[max(trial.intermediate_values)]
        if not math.isfinite(value):
            return None
        sign = -1.0 if self.directions[0] == StudyDirection.MAXIMIZE else 1.0
        if self._median is not None and sign * value > sign * self._median:
            return Measurement(self._median, censored="above" if sign > 0 else "below")
        return value

    @cached_property
    def _median(self) -> float | None:
        values = [trial.values[0] for trial in self.trials if trial.state == TrialState.COMPLETE]
        finite = [value for value in values if math.isfinite(value)]
        return median(finite) if finite else None


def constraints_of(trial: FrozenTrial) -> dict[str, float]:
    """Give the values of a trial's constraints by name; at most zero is feasible."""
    named = getattr(trial, "constraints", None)  # since Optuna 5.0
    if named is not None:
        return dict(named)
    return {str(place): value for place, value in enumerate(trial.system_attrs.get(CONSTRAINTS) or ())}
