"""Our engine through the adapters: the loops of Ax and Optuna as they are, our node and our sampler in them."""

from typing import Any

from benchmarks.regret.problems import Problem
from benchmarks.regret.tuners.ax_client import Ax
from benchmarks.regret.tuners.optuna_samplers import OptunaTPE


class AxNode(Ax):
    """Ax's Client with our node in place of its own strategy."""

    def __init__(self, problem: Problem, seed: int, budget: int) -> None:
        super().__init__(problem, seed, budget)
        from physai_inverse.adapters import use_engine

        use_engine(self.client, seed=seed)


class OptunaSampler(OptunaTPE):
    """Optuna's study with our sampler."""

    sampler = "PhysaiSampler"

    def made(self, seed: int) -> Any:
        """Give our sampler."""
        from physai_inverse.adapters import PhysaiSampler

        return PhysaiSampler(seed=seed)
