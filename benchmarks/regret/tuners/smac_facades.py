"""SMAC3: its facades for hyperparameters (a forest) and for black boxes (a Gaussian process), with its own pick.

Noisy problems are told to be so (`deterministic=False`), so that it repeats configurations with further seeds.
SMAC3 learns from crashed trials by their cost; its default `crash_cost` is infinite, on which its log-scaled model
sees no number and raises, so that a user has to choose a finite one. Here a crash costs the worst value seen so
far, and crashes before the first success are told together with it.
"""

import logging
import math
import tempfile
import warnings
from pathlib import Path
from typing import Any

from benchmarks.regret.problems import Config, Problem
from benchmarks.regret.tuners.contract import AbstractTuner
from benchmarks.regret.tuners.translation import allowed_by, from_flat, options
from physai_inverse.space import Float, Integer, Ordinal, Space


class Smac(AbstractTuner):
    """The facade for hyperparameters."""

    facade = "HyperparameterOptimizationFacade"

    def __init__(self, problem: Problem, seed: int, budget: int) -> None:
        super().__init__(problem, seed, budget)
        import smac

        logging.disable(logging.WARNING)
        self.folder = tempfile.TemporaryDirectory()
        scenario = smac.Scenario(
            _as_configuration_space(self.space, seed),
            n_trials=budget,
            seed=seed,
            deterministic=not problem.noisy,
            output_directory=Path(self.folder.name),
        )
        facade = getattr(smac, self.facade)
        self.smac: Any = facade(scenario, lambda config, seed: 0.0, overwrite=True, logging_level=False)  # noqa: ARG005 (never called)
        self.trial: Any = None
        self.crashed: list[Any] = []
        self.worst = -math.inf

    def ask(self) -> Config:
        """Ask for a trial: a configuration, and the seed to run it with, which is SMAC3's own affair."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.trial = self.smac.ask()
        return from_flat(self.space, dict(self.trial.config))

    def tell(self, config: Config, value: float) -> None:  # noqa: ARG002 (one signature)
        """Tell the cost, or a crash at the worst cost so far."""
        from smac.runhistory.dataclasses import TrialValue
        from smac.runhistory.enumerations import StatusType

        if math.isfinite(value):
            self.worst = max(self.worst, self.cost(value))
            self.smac.tell(self.trial, TrialValue(cost=self.cost(value)))
        else:
            self.crashed.append(self.trial)
        if math.isfinite(self.worst):
            for trial in self.crashed:
                self.smac.tell(trial, TrialValue(cost=self.worst, status=StatusType.CRASHED))
            self.crashed = []

    def recommend(self) -> Config | None:
        """Give the incumbent; None before there is one."""
        best = self.smac.intensifier.get_incumbents()
        return from_flat(self.space, dict(best[0])) if best else None

    def modelled(self) -> bool:
        """Read it from the origin of the configuration: neither of the start design nor drawn at random."""
        origin = str(self.trial.config.origin)
        return (
            not any(word in origin for word in ("Initial", "Random Search (max retries"))
            and origin != "Random Search"
        )


class SmacGP(Smac):
    """The facade for black boxes."""

    facade = "BlackBoxFacade"


def _as_configuration_space(space: Space, seed: int) -> Any:
    from ConfigSpace import Categorical, ConfigurationSpace, InCondition
    from ConfigSpace import Float as RealParameter
    from ConfigSpace import Integer as WholeParameter

    made: dict[str, Any] = {}
    for name, parameter in space.parameters.items():
        if isinstance(parameter, Float):
            made[name] = RealParameter(name, (parameter.low, parameter.high), log=parameter.log)
        elif isinstance(parameter, Integer):
            made[name] = WholeParameter(name, (parameter.low, parameter.high), log=parameter.log)
        elif isinstance(parameter, Ordinal):
            made[name] = WholeParameter(name, (0, len(parameter.options) - 1))
        else:
            made[name] = Categorical(name, options(parameter))
    configs = ConfigurationSpace(seed=seed)
    configs.add(*made.values())
    for name, parameter in space.parameters.items():
        for parent, allowed in allowed_by(parameter):
            configs.add(InCondition(made[name], made[parent], list(allowed)))
    return configs
