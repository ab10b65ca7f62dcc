"""HEBO at its defaults. It drops values that are not finite by itself and knows no conditions.

It gets every parameter, ordered levels by index, and draws from numpy's and torch's global streams, which are
seeded here and so belong to the process of the run.
"""

import warnings
from typing import Any

import numpy as np

from benchmarks.regret.problems import Config, Problem
from benchmarks.regret.tuners.contract import AbstractTuner
from benchmarks.regret.tuners.translation import from_flat, options
from physai_inverse.space import Choice, Float, Integer, Ordinal

KINDS = {(True, True): "pow", (True, False): "num", (False, True): "pow_int", (False, False): "int"}
"""HEBO's word for a range by whether it is real and whether it is logarithmic."""


class Hebo(AbstractTuner):
    """HEBO."""

    def __init__(self, problem: Problem, seed: int, budget: int) -> None:
        super().__init__(problem, seed, budget)
        import torch
        from hebo.design_space.design_space import DesignSpace
        from hebo.optimizers.hebo import HEBO
        from pymoo.config import Config as PymooConfig

        PymooConfig.warnings["not_compiled"] = False
        np.random.seed(seed)  # noqa: NPY002 - HEBO draws from the global stream
        torch.manual_seed(seed)
        parts: list[dict[str, Any]] = []
        for name, parameter in self.space.parameters.items():
            if isinstance(parameter, Float | Integer):
                kind = KINDS[isinstance(parameter, Float), parameter.log]
                parts.append({"name": name, "type": kind, "lb": parameter.low, "ub": parameter.high})
            elif isinstance(parameter, Ordinal):
                parts.append({"name": name, "type": "int", "lb": 0, "ub": len(parameter.options) - 1})
            elif isinstance(parameter, Choice):
                parts.append({"name": name, "type": "cat", "categories": options(parameter)})
            else:
                parts.append({"name": name, "type": "bool"})
        self.hebo: Any = HEBO(DesignSpace().parse(parts), scramble_seed=seed)
        self.row: Any = None

    def ask(self) -> Config:
        """Get one suggestion."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.row = self.hebo.suggest(1)
        return from_flat(self.space, {name: self.row[name].iloc[0] for name in self.row.columns})

    def tell(self, config: Config, value: float) -> None:  # noqa: ARG002 (one signature)
        """Observe what came, whether finite or not."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.hebo.observe(self.row, np.array([[self.cost(value)]]))

    def modelled(self) -> bool:
        """Say whether enough trainings had succeeded for its model."""
        return bool(len(self.hebo.X) >= self.hebo.rand_sample)
