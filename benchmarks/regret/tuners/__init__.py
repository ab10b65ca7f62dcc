"""The tuners side by side, each at its documented defaults behind the same three verbs.

A tuner that knows no ordered levels gets their index; one that knows no conditions gets every parameter. A failed
training is told the way each documents. What a tuner recommends is its own pick: ours and Ax's by their models,
SMAC3's incumbent, and the best trial measured where a tuner names none.
"""

import importlib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from benchmarks.regret.problems import Problem
from benchmarks.regret.tuners.contract import AbstractTuner

HEBO_LINE = (
    "pip install GPy catboost disjoint-set && pip install --no-deps HEBO==0.3.6 pymoo==0.6.0"
    " (it asks for numpy below 1.25, and runs with ours)"
)


@dataclass(frozen=True)
class Entry:
    """Where a tuner is found.

    Args:
        module: of the tuner, below this package.
        name: of its class.
        package: the distribution that it needs, and whose version is noted.
        needs: the module of that distribution.
        seeds: how many seeds it gets, by how slow it is.
        install: how to get it.
    """

    module: str
    name: str
    package: str = "physai-inverse"
    needs: str = "physai_inverse"
    seeds: int = 20
    install: str = ""

    def missing(self) -> bool:
        """Say whether what it needs is not installed here."""
        return find_spec(self.needs) is None

    def version(self) -> str:
        """Name the distribution and its version."""
        try:
            return f"{self.package} {version(self.package)}"
        except PackageNotFoundError:
            return self.package

    def make(self, problem: Problem, seed: int, budget: int) -> AbstractTuner:
        """Make the tuner for a run."""
        module = importlib.import_module(f"{__name__}.{self.module}")
        found: type[AbstractTuner] = getattr(module, self.name)
        return found(problem, seed, budget)


EXTRA = "pip install -c constraints.txt '.[peers]'"
TUNERS: dict[str, Entry] = {
    "physai-inverse": Entry("ours", "Ours"),
    "random": Entry("ours", "Random"),
    "Sobol": Entry("ours", "Sobol"),
    "Optuna TPE": Entry("optuna_samplers", "OptunaTPE", "optuna", "optuna", install=EXTRA),
    "Optuna GP": Entry("optuna_samplers", "OptunaGP", "optuna", "optuna", install=EXTRA),
    "SMAC3": Entry("smac_facades", "Smac", "smac", "smac", 5, EXTRA),
    "Ax": Entry("ax_client", "Ax", "ax-platform", "ax", 3, EXTRA),
    "SMAC3 GP": Entry("smac_facades", "SmacGP", "smac", "smac", 3, EXTRA),
    "HEBO": Entry("hebo_optimizer", "Hebo", "HEBO", "hebo", 2, HEBO_LINE),
    "Ax with ours": Entry("adapted", "AxNode", "ax-platform", "ax", 3, EXTRA),
    "Optuna with ours": Entry("adapted", "OptunaSampler", "optuna", "optuna", install=EXTRA),
}
ADAPTED = ("Ax with ours", "Optuna with ours")
"""Those that `benchmarks.adapted` runs, beside the loops that they stand in; they are no peers."""
