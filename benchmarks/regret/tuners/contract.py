"""What every tuner offers the benchmark: three verbs, its own pick, and whether a model made the last proposal."""

from abc import ABC, abstractmethod

from benchmarks.regret.problems import Config, Problem


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
        """Propose a configuration: active parameters only, in the values of the space."""

    @abstractmethod
    def tell(self, config: Config, value: float) -> None:
        """Take the value of the last proposal, NaN where it failed."""

    def recommend(self) -> Config | None:
        """Name the configuration to use; None for the best one measured."""
        return None

    def modelled(self) -> bool:
        """Say whether the last proposal came from a model; asked between `ask` and `tell`."""
        return True

    def cost(self, value: float) -> float:
        """Give what is to be minimised."""
        return -value if self.problem.maximize else value
