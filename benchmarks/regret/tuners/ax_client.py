"""Ax: its Client with its own generation strategy and its own pick.

A failed trial is marked so (`mark_trial_failed`). Ax's hierarchical spaces are trees in which a parameter hangs on
one value of one parent; the conditions here name several values, so that Ax gets every parameter. Ordered levels
go by index, as an integer.
"""

import logging
import math
import warnings
from typing import Any

from benchmarks.regret.problems import Config, Problem
from benchmarks.regret.tuners.contract import AbstractTuner
from benchmarks.regret.tuners.translation import from_flat, options
from physai_inverse.space import Choice, Float, Integer, Ordinal


class Ax(AbstractTuner):
    """Ax's Client."""

    def __init__(self, problem: Problem, seed: int, budget: int) -> None:
        super().__init__(problem, seed, budget)
        logging.disable(logging.WARNING)
        from ax.api.client import Client
        from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

        self.client: Any = Client(random_seed=seed)
        parameters: list[Any] = []
        for name, parameter in self.space.parameters.items():
            ranged: dict[str, Any] = {"name": name, "parameter_type": "int"}
            if isinstance(parameter, Float | Integer):
                ranged["bounds"] = (parameter.low, parameter.high)
                ranged["scaling"] = "log" if parameter.log else "linear"
                if isinstance(parameter, Float):
                    ranged["parameter_type"] = "float"
                parameters.append(RangeParameterConfig(**ranged))
            elif isinstance(parameter, Ordinal):
                parameters.append(RangeParameterConfig(bounds=(0, len(parameter.options) - 1), **ranged))
            else:
                ranged["parameter_type"] = "str" if isinstance(parameter, Choice) else "bool"
                parameters.append(ChoiceParameterConfig(values=options(parameter), is_ordered=False, **ranged))
        self.client.configure_experiment(parameters)
        self.client.configure_optimization("y" if problem.maximize else "-y")
        self.number = 0

    def ask(self) -> Config:
        """Get the next trial."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.number, config = next(iter(self.client.get_next_trials(1).items()))
        return from_flat(self.space, config)

    def tell(self, config: Config, value: float) -> None:  # noqa: ARG002 (one signature)
        """Complete the trial, or mark it failed."""
        if math.isfinite(value):
            self.client.complete_trial(self.number, {"y": float(value)})
        else:
            self.client.mark_trial_failed(self.number)

    def recommend(self) -> Config | None:
        """Give Ax's own best parameterization: by its model where there is one; None before the first success."""
        from ax.core.trial_status import TrialStatus

        if not self.client._experiment.trial_indices_by_status[TrialStatus.COMPLETED]:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return from_flat(self.space, self.client.get_best_parameterization()[0])

    def modelled(self) -> bool:
        """Ask the trial which node of the strategy made it."""
        run = self.client._experiment.trials[self.number].generator_run
        return run._generation_node_name not in ("CenterOfSearchSpace", "Sobol")
