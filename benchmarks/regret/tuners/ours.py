"""physai-inverse, and the designs that learn nothing."""

import math

from benchmarks.regret.problems import Config, Problem
from benchmarks.regret.tuners.contract import AbstractTuner
from physai_inverse import Study
from physai_inverse.errors import NotFound
from physai_inverse.space.sampling import sample_units


class Ours(AbstractTuner):
    """physai-inverse, as a user calls it."""

    def __init__(self, problem: Problem, seed: int, budget: int) -> None:
        super().__init__(problem, seed, budget)
        self.study = Study(self.space, f"{'maximize' if problem.maximize else 'minimize'} y", seed=seed)

    def ask(self) -> Config:
        """Ask the study."""
        self.trial = self.study.suggest()[0]
        return dict(self.trial.config)

    def tell(self, config: Config, value: float) -> None:  # noqa: ARG002 (one signature)
        """Observe, or record a divergence."""
        if math.isfinite(value):
            self.study.observe(self.trial, {"y": value})
        else:
            self.study.fail(self.trial, "diverged")

    def recommend(self) -> Config | None:
        """Give the study's recommendation; None before the first success."""
        try:
            return dict(self.study.recommend().config)
        except NotFound:
            return None

    def modelled(self) -> bool:
        """Read it from the note of the proposal."""
        return self.trial.note.get("kind") in ("model", "explore", "repeat")


class Random(AbstractTuner):
    """Uniform draws."""

    method = "uniform"

    def __init__(self, problem: Problem, seed: int, budget: int) -> None:
        super().__init__(problem, seed, budget)
        units = sample_units(self.space, budget, seed=seed, method=self.method)
        self.left: list[Config] = self.space.decode(units)

    def ask(self) -> Config:
        """Give the next draw."""
        return self.left.pop(0)

    def tell(self, config: Config, value: float) -> None:
        """Learn nothing."""

    def modelled(self) -> bool:
        """Say no."""
        return False


class Sobol(Random):
    """A scrambled Sobol sequence."""

    method = "sobol"
