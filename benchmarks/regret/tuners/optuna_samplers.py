"""Optuna: its default sampler (TPE) and its Gaussian process, asked and told; conditions by define-by-run.

A failed trial is told as `TrialState.FAIL`, as its documentation says. Ordered levels are asked for by index,
as an integer.
"""

import math
from typing import Any

from benchmarks.regret.problems import Config, Problem
from benchmarks.regret.tuners.contract import AbstractTuner
from benchmarks.regret.tuners.translation import active, options
from physai_inverse.space import Float, Integer, Ordinal
from physai_inverse.space.parameters import Parameter

NUM_STARTS = 10
"""Trials that must have succeeded before either sampler asks its model (`n_startup_trials`)."""


class OptunaTPE(AbstractTuner):
    """The default sampler."""

    sampler = "TPESampler"

    def __init__(self, problem: Problem, seed: int, budget: int) -> None:
        super().__init__(problem, seed, budget)
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.study: Any = optuna.create_study(
            direction="maximize" if problem.maximize else "minimize", sampler=self.made(seed)
        )
        self.trial: Any = None
        self.num_successes = 0

    def made(self, seed: int) -> Any:
        """Give the sampler, at its defaults."""
        import optuna

        return getattr(optuna.samplers, self.sampler)(seed=seed)

    def ask(self) -> Config:
        """Ask for every parameter that is active."""
        self.trial = self.study.ask()
        config: Config = {}
        for name, parameter in self.space.parameters.items():
            if active(parameter, config):
                config[name] = self._value(name, parameter)
        return config

    def _value(self, name: str, parameter: Parameter) -> Any:
        if isinstance(parameter, Float):
            return self.trial.suggest_float(name, parameter.low, parameter.high, log=parameter.log)
        if isinstance(parameter, Integer):
            return self.trial.suggest_int(name, parameter.low, parameter.high, log=parameter.log)
        if isinstance(parameter, Ordinal):
            return parameter.options[self.trial.suggest_int(name, 0, len(parameter.options) - 1)]
        return self.trial.suggest_categorical(name, options(parameter))

    def tell(self, config: Config, value: float) -> None:  # noqa: ARG002 (one signature)
        """Tell the value, or the state of a failed trial."""
        from optuna.trial import TrialState

        if math.isfinite(value):
            self.study.tell(self.trial, value)
            self.num_successes += 1
        else:
            self.study.tell(self.trial, state=TrialState.FAIL)

    def modelled(self) -> bool:
        """Say whether enough trials had succeeded."""
        return self.num_successes >= NUM_STARTS


class OptunaGP(OptunaTPE):
    """The Gaussian process."""

    sampler = "GPSampler"
