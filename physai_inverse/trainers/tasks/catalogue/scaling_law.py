"""A scaling law in place of trainings: the loss of a language model by its size and its data, with noise.

A test bench for surrogates and inverse queries: what is true is known, and costs nothing.
"""

import math
import time
from dataclasses import dataclass

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Config, Metric
from physai_inverse.seeds import generator
from physai_inverse.trainers.tasks.knobs import Knob, Setting, Values, complete
from physai_inverse.trainers.tasks.task import Task

DESCRIPTION = (
    "No training, but the formula that fits many: loss = E + A / N^alpha + B / D^beta for a model of N "
    "parameters on D tokens, times noise. The constants are settings. What is true is told beside what is "
    "measured, so that forward maps, recommendations and inverse queries can be judged. Takes no time."
)
PHENOMENON = (
    "Compute-optimal training: at a given `compute` the `loss` is least at one ratio of tokens to parameters, "
    "and `excess_loss` says how far a configuration is from it. A good map finds the valley from a few dozen "
    "rows."
)
SOURCE = (
    "form: Hoffmann et al. 2022, https://arxiv.org/abs/2203.15556; default constants: the fit of Besiroglu et "
    "al. 2024, https://arxiv.org/abs/2404.10102"
)
KNOBS: dict[str, Knob] = {
    "model_size": {"type": "float", "low": 1e7, "high": 1e11, "log": True, "default": 1e9},
    "data_size": {"type": "float", "low": 1e8, "high": 1e13, "log": True, "default": 2e10},
}
OBJECTIVE: dict[str, Setting] = {"minimize": "loss", "where": "compute <= 1e21"}
SETTINGS: dict[str, Setting] = {
    "E": 1.8172,
    "A": 482.01,
    "B": 2085.43,
    "alpha": 0.3478,
    "beta": 0.3658,
    "noise": 0.01,
}
METRICS: dict[str, str] = {
    "loss": "expected_loss times exp(noise times a standard normal number of the seed), in nats a token",
    "expected_loss": "the formula's loss, in nats a token",
    "excess_loss": "expected_loss minus the least that any model and data reach with the same compute",
    "compute": "6 N D, in floating-point operations",
    "tokens_per_parameter": "D / N",
    "seconds": "wall time of the formula, in seconds",
}
FLOPS_PER_PARAMETER_AND_TOKEN = 6


@dataclass(frozen=True)
class ScalingLaw:
    """Gives the metrics of a configuration.

    Args:
        E: loss that no model goes below.
        A: factor of the parameters' term.
        B: factor of the tokens' term.
        alpha: exponent of the parameters.
        beta: exponent of the tokens.
        noise: standard deviation of the logarithm of the loss.

    Raises:
        InvalidInput: a factor or an exponent of 0, by which there is no valley.
    """

    E: float
    A: float
    B: float
    alpha: float
    beta: float
    noise: float

    def __post_init__(self) -> None:
        for name in ("A", "B", "alpha", "beta"):
            if getattr(self, name) <= 0:
                raise InvalidInput(f"`{name}` must be above 0, not {getattr(self, name)!r}.")

    def __call__(self, config: Config, seed: int) -> dict[str, Metric]:
        """Give the metrics; the noise is one of configuration and seed."""
        start = time.perf_counter()
        values = complete(config, KNOBS)
        N, D = values.number("model_size"), values.number("data_size")
        expected, compute = self.loss(N, D), FLOPS_PER_PARAMETER_AND_TOKEN * N * D
        deviation = float(generator(seed, "scaling_law", repr((N, D))).standard_normal())
        return {
            "loss": expected * math.exp(self.noise * deviation),
            "expected_loss": expected,
            "excess_loss": max(expected - self.loss(*self.optimum(compute)), 0.0),
            "compute": compute,
            "tokens_per_parameter": D / N,
            "seconds": time.perf_counter() - start,
        }

    def loss(self, N: float, D: float) -> float:
        """Give the loss of `N` parameters on `D` tokens."""
        return self.E + self.A * math.pow(N, -self.alpha) + self.B * math.pow(D, -self.beta)

    def optimum(self, compute: float) -> tuple[float, float]:
        """Give the parameters and tokens of least loss at a compute.

        Source: Hoffmann et al. 2022, https://arxiv.org/abs/2203.15556, equation 4.

        Args:
            compute: in floating-point operations.
        """
        G = (self.alpha * self.A / (self.beta * self.B)) ** (1 / (self.alpha + self.beta))
        product = compute / FLOPS_PER_PARAMETER_AND_TOKEN
        N = G * product ** (self.beta / (self.alpha + self.beta))
        return N, product / N


def _trainer(settings: Values) -> ScalingLaw:
    return ScalingLaw(*(settings.number(name) for name in SETTINGS))


TASK = Task("scaling_law", DESCRIPTION, SOURCE, KNOBS, SETTINGS, METRICS, _trainer, PHENOMENON, OBJECTIVE)
