"""The tuners side by side, each at its documented defaults behind the same three verbs.

A tuner that knows no ordered levels gets their index; one that knows no conditions gets every parameter. Failed
trainings are told the way each wants it. What a peer recommends is its own best trial; ours names its own.
"""

import logging
import warnings
from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from benchmarks.regret.problems import Config, Problem
from physai_inverse.space import Boolean, Choice, Float, Integer, Ordinal, Space
from physai_inverse.space.parameters import Parameter
from physai_inverse.space.sampling import sample_units


class AbstractTuner(ABC):
    """Asks and tells.

    Args:
        problem: the task.
        seed: of everything that the tuner draws.
        budget: how many evaluations it will get.
    """

    def __init__(self, problem: Problem, seed: int, budget: int) -> None:
        self.problem, self.space, self.seed, self.budget = problem, problem.space, seed, budget

    @abstractmethod
    def ask(self) -> Config:
        """Propose a configuration."""

    @abstractmethod
    def tell(self, config: Config, value: float) -> None:
        """Take the value of the last proposal, NaN where it failed."""

    def recommend(self) -> Config | None:
        """Name the configuration to use; None for the best one measured."""
        return None

    def modelled(self) -> bool:
        """Say whether the last proposal came from a model."""
        return True


class Ours(AbstractTuner):
    """physai-inverse, as a user calls it."""

    def __init__(self, problem: Problem, seed: int, budget: int) -> None:
        super().__init__(problem, seed, budget)
        from physai_inverse.study import Study

        self.study = Study(self.space, f"{'maximize' if problem.maximize else 'minimize'} y", seed=seed)

    def ask(self) -> Config:
        self.trial = self.study.suggest()[0]
        return dict(self.trial.config)

    def tell(self, config: Config, value: float) -> None:
        if np.isfinite(value):
            self.study.observe(self.trial, {"y": value})
        else:
            self.study.fail(self.trial, "diverged")

    def recommend(self) -> Config | None:
        from physai_inverse.errors import NotFound

        try:
            return dict(self.study.recommend().config)
        except NotFound:
            return None

    def modelled(self) -> bool:
        return self.trial.note.get("kind") in ("model", "explore", "repeat")


class Random(AbstractTuner):
    """Uniform draws."""

    method = "uniform"

    def __init__(self, problem: Problem, seed: int, budget: int) -> None:
        super().__init__(problem, seed, budget)
        self.left = self.space.decode(sample_units(self.space, budget, seed=seed, method=self.method))

    def ask(self) -> Config:
        return self.left.pop(0)

    def tell(self, config: Config, value: float) -> None:
        """Learn nothing."""

    def modelled(self) -> bool:
        return False


class Sobol(Random):
    """A scrambled Sobol sequence."""

    method = "sobol"


class OptunaTPE(AbstractTuner):
    """Optuna's default sampler."""

    def __init__(self, problem: Problem, seed: int, budget: int) -> None:
        super().__init__(problem, seed, budget)
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        direction = "maximize" if problem.maximize else "minimize"
        self.study = optuna.create_study(direction=direction, sampler=self.sampler())

    def sampler(self) -> Any:
        import optuna

        return optuna.samplers.TPESampler(seed=self.seed)

    def ask(self) -> Config:
        self.trial = self.study.ask()
        config: Config = {}
        for name, parameter in self.space.parameters.items():
            if parameter.when is None or active(parameter, config):
                config[name] = self.one(name, parameter)
        return config

    def one(self, name: str, parameter: Parameter) -> Any:
        if isinstance(parameter, Float):
            return self.trial.suggest_float(name, parameter.low, parameter.high, log=parameter.log)
        if isinstance(parameter, Integer):
            return self.trial.suggest_int(name, parameter.low, parameter.high, log=parameter.log)
        if isinstance(parameter, Ordinal):
            return parameter.options[self.trial.suggest_int(name, 0, len(parameter.options) - 1)]
        options = parameter.options if isinstance(parameter, Choice) else (False, True)
        return self.trial.suggest_categorical(name, options)

    def tell(self, config: Config, value: float) -> None:
        from optuna.trial import TrialState

        if np.isfinite(value):
            self.study.tell(self.trial, value)
        else:
            self.study.tell(self.trial, state=TrialState.FAIL)

    def modelled(self) -> bool:
        return self.trial.number >= 10


class OptunaGP(OptunaTPE):
    """Optuna's Gaussian process."""

    def sampler(self) -> Any:
        import optuna

        return optuna.samplers.GPSampler(seed=self.seed)


class OptunaOurs(OptunaTPE):
    """Our engine as Optuna's sampler."""

    def sampler(self) -> Any:
        from physai_inverse.adapters.optuna_sampler import PhysaiSampler

        return PhysaiSampler(seed=self.seed)


class Ax(AbstractTuner):
    """Ax's Client."""

    def __init__(self, problem: Problem, seed: int, budget: int) -> None:
        super().__init__(problem, seed, budget)
        logging.disable(logging.WARNING)
        from ax.api.client import Client
        from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

        self.client = Client(random_seed=seed)
        parameters: list[Any] = []
        for name, parameter in self.space.parameters.items():
            if isinstance(parameter, Float | Integer):
                kind = "float" if isinstance(parameter, Float) else "int"
                scaling = "log" if parameter.log else "linear"
                bounds = (parameter.low, parameter.high)
                parameters.append(RangeParameterConfig(name, bounds, kind, scaling=scaling))
            elif isinstance(parameter, Ordinal):
                parameters.append(RangeParameterConfig(name, (0, len(parameter.options) - 1), "int"))
            elif isinstance(parameter, Boolean):
                parameters.append(ChoiceParameterConfig(name, [False, True], "bool"))
            else:
                parameters.append(ChoiceParameterConfig(name, list(parameter.options), "str", is_ordered=False))
        self.client.configure_experiment(parameters)
        self.client.configure_optimization("y" if problem.maximize else "-y")
        self.prepare()

    def prepare(self) -> None:
        """Leave Ax's own generation strategy in place."""

    def ask(self) -> Config:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.number, config = next(iter(self.client.get_next_trials(1).items()))
        return from_flat(self.space, dict(config))

    def tell(self, config: Config, value: float) -> None:
        if np.isfinite(value):
            self.client.complete_trial(self.number, {"y": float(value)})
        else:
            self.client.mark_trial_failed(self.number)

    def modelled(self) -> bool:
        return self.number >= 5


class AxOurs(Ax):
    """Our node in Ax's Client."""

    def prepare(self) -> None:
        from physai_inverse.adapters.ax_node import use_engine

        use_engine(self.client, seed=self.seed)


class Smac(AbstractTuner):
    """SMAC3's facade for hyper-parameters."""

    facade = "HyperparameterOptimizationFacade"

    def __init__(self, problem: Problem, seed: int, budget: int) -> None:
        super().__init__(problem, seed, budget)
        import tempfile
        from pathlib import Path

        import smac
        from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, InCondition
        from ConfigSpace import Float as CSFloat
        from ConfigSpace import Integer as CSInteger

        configs = ConfigurationSpace(seed=seed)
        made: dict[str, Any] = {}
        for name, parameter in self.space.parameters.items():
            if isinstance(parameter, Float):
                made[name] = CSFloat(name, (parameter.low, parameter.high), log=parameter.log)
            elif isinstance(parameter, Integer):
                made[name] = CSInteger(name, (parameter.low, parameter.high), log=parameter.log)
            elif isinstance(parameter, Ordinal):
                made[name] = CSInteger(name, (0, len(parameter.options) - 1))
            else:
                options = parameter.options if isinstance(parameter, Choice) else (False, True)
                made[name] = Categorical(name, list(options))
        configs.add(*made.values())
        for name, parameter in self.space.parameters.items():
            for parent, allowed in allowed_by(parameter):
                condition = InCondition(made[name], made[parent], list(allowed))
                single = EqualsCondition(made[name], made[parent], allowed[0])
                configs.add(single if len(allowed) == 1 else condition)
        self.folder = tempfile.TemporaryDirectory()
        logging.disable(logging.WARNING)
        scenario = smac.Scenario(
            configs,
            n_trials=budget,
            seed=seed,
            deterministic=not problem.noisy,
            output_directory=Path(self.folder.name),
        )
        facade = getattr(smac, self.facade)
        self.smac = facade(scenario, lambda config, seed: 0.0, overwrite=True, logging_level=False)
        self.asked = 0

    def ask(self) -> Config:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.trial = self.smac.ask()
        self.asked += 1
        return from_flat(self.space, dict(self.trial.config))

    def tell(self, config: Config, value: float) -> None:
        from smac.runhistory.dataclasses import TrialValue
        from smac.runhistory.enumerations import StatusType

        if np.isfinite(value):
            cost = -value if self.problem.maximize else value
            self.smac.tell(self.trial, TrialValue(cost=float(cost)))
        else:
            self.smac.tell(self.trial, TrialValue(cost=float("inf"), status=StatusType.CRASHED))

    def recommend(self) -> Config | None:
        best = self.smac.intensifier.get_incumbents()
        return from_flat(self.space, dict(best[0])) if best else None

    def modelled(self) -> bool:
        return self.asked > self.budget // 4


class SmacGP(Smac):
    """SMAC3's black-box facade."""

    facade = "BlackBoxFacade"


class Hebo(AbstractTuner):
    """HEBO."""

    def __init__(self, problem: Problem, seed: int, budget: int) -> None:
        super().__init__(problem, seed, budget)
        import torch
        from hebo.design_space.design_space import DesignSpace
        from hebo.optimizers.hebo import HEBO

        np.random.seed(seed)  # noqa: NPY002 - HEBO draws from the global stream
        torch.manual_seed(seed)
        parts: list[dict[str, Any]] = []
        for name, parameter in self.space.parameters.items():
            if isinstance(parameter, Float | Integer):
                kind = {
                    (True, True): "pow",
                    (True, False): "num",
                    (False, True): "pow_int",
                    (False, False): "int",
                }[isinstance(parameter, Float), parameter.log]
                parts.append({"name": name, "type": kind, "lb": parameter.low, "ub": parameter.high})
            elif isinstance(parameter, Ordinal):
                parts.append({"name": name, "type": "int", "lb": 0, "ub": len(parameter.options) - 1})
            elif isinstance(parameter, Boolean):
                parts.append({"name": name, "type": "bool"})
            else:
                parts.append({"name": name, "type": "cat", "categories": list(parameter.options)})
        self.hebo = HEBO(DesignSpace().parse(parts), scramble_seed=seed)
        self.asked = 0

    def ask(self) -> Config:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.row = self.hebo.suggest(1)
        self.asked += 1
        flat = {
            name: getattr(value, "item", lambda value=value: value)() for name, value in self.row.iloc[0].items()
        }
        return from_flat(self.space, flat)

    def tell(self, config: Config, value: float) -> None:
        cost = -value if self.problem.maximize else value
        self.hebo.observe(self.row, np.array([[cost]]))

    def modelled(self) -> bool:
        return self.asked > 1 + self.space.dimension


def active(parameter: Parameter, config: Config) -> bool:
    """Say whether a parameter is active, given those before it."""
    return all(config.get(parent) in allowed for parent, allowed in allowed_by(parameter))


def allowed_by(parameter: Parameter) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    """Give the parents of a parameter with the values that allow it."""
    from physai_inverse.space.conditions import Condition

    when = parameter.when
    return when.allowed if isinstance(when, Condition) else ()


def from_flat(space: Space, flat: Config) -> Config:
    """Turn level indices to values and leave out what is not active."""
    config: Config = {}
    for name, parameter in space.parameters.items():
        if name not in flat or not active(parameter, config):
            continue
        value = flat[name]
        if isinstance(parameter, Ordinal):
            config[name] = parameter.options[int(value)]
        elif isinstance(parameter, Integer):
            config[name] = int(value)
        elif isinstance(parameter, Float):
            config[name] = min(max(float(value), parameter.low), parameter.high)
        else:
            config[name] = str(value) if isinstance(parameter, Choice) else bool(value)
    return config


TUNERS: dict[str, type[AbstractTuner]] = {
    "physai-inverse": Ours,
    "random": Random,
    "Sobol": Sobol,
    "Optuna TPE": OptunaTPE,
    "Optuna GP": OptunaGP,
    "Ax": Ax,
    "SMAC3": Smac,
    "SMAC3 GP": SmacGP,
    "HEBO": Hebo,
    "physai-inverse in Optuna": OptunaOurs,
    "physai-inverse in Ax": AxOurs,
}
