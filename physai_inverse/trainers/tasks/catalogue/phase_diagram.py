"""Four phases of learning in place of trainings: when a network knows and when it generalises, by two knobs.

A test bench for maps with sharp borders and censored times: what is true is known, and costs nothing.
"""

import math
import time
from dataclasses import dataclass

from physai_inverse.errors import InvalidInput
from physai_inverse.observations import Config, Measurement, Metric
from physai_inverse.seeds import generator
from physai_inverse.trainers.tasks.knobs import Knob, Setting, Values, complete
from physai_inverse.trainers.tasks.task import Task

DESCRIPTION = (
    "No training, but formulas with the four phases of a network that groks: it knows its training data after "
    "a time that falls with the learning rate, and never under too strong a decay; it generalises later by a "
    "delay that falls with rate and decay, and never at too high a rate. Times beyond the budget are censored. "
    "Takes no time."
)
PHENOMENON = (
    "Phases with sharp borders over `lr` and `weight_decay`, given by `phase`: confusion (0), memorisation "
    "(1), grokking (2) and comprehension (3), grokking between comprehension and memorisation; the delay falls "
    "as one over the decay (`grokking_delay`)."
)
SOURCE = (
    "phases: Liu et al. 2022, https://arxiv.org/abs/2205.10343; delay over decay: Liu, Michaud and Tegmark "
    "2023, https://arxiv.org/abs/2210.01117; the formulas are ours"
)
KNOBS: dict[str, Knob] = {
    "lr": {"type": "float", "low": 1e-4, "high": 0.1, "log": True, "default": 3e-3},
    "weight_decay": {"type": "float", "low": 0.03, "high": 20.0, "log": True, "default": 1.0},
}
OBJECTIVE: dict[str, Setting] = {"minimize": "steps_to_test"}
SETTINGS: dict[str, Setting] = {
    "steps": 20000,
    "fit": 0.3,
    "delay": 3.0,
    "highest_lr": 0.02,
    "highest_decay": 6.0,
    "late": 1000.0,
    "noise": 0.1,
}
METRICS: dict[str, str] = {
    "steps_to_train": "step at which the training data are known, with noise; censored at the budget",
    "steps_to_test": "step at which the test data are known, with noise; censored at the budget",
    "grokking_delay": "steps_to_test - steps_to_train; censored with the latter, absent without the former",
    "phase": "0 confusion, 1 memorisation, 2 grokking, 3 comprehension; of the times without noise",
    "seconds": "wall time of the formulas, in seconds",
}
CONFUSION, MEMORISATION, GROKKING, COMPREHENSION = range(4)


@dataclass(frozen=True)
class PhaseDiagram:
    """Gives the metrics of a configuration.

    Args:
        steps: budget, at which times are censored.
        fit: time to know the training data, times the rate.
        delay: from there to generalising, times rate and decay.
        highest_lr: at which the representation still forms.
        highest_decay: at which the training data can still be fitted.
        late: a delay from which generalising counts as grokking, in steps.
        noise: standard deviation of the logarithms of both times.

    Raises:
        InvalidInput: `fit` or `delay` of 0.
    """

    steps: int
    fit: float
    delay: float
    highest_lr: float
    highest_decay: float
    late: float
    noise: float

    def __post_init__(self) -> None:
        for name in ("fit", "delay"):
            if getattr(self, name) <= 0:
                raise InvalidInput(f"`{name}` must be above 0, not {getattr(self, name)!r}.")

    def __call__(self, config: Config, seed: int) -> dict[str, Metric]:
        """Give the metrics; the noise is one of configuration and seed."""
        start = time.perf_counter()
        values = complete(config, KNOBS)
        lr, decay = values.number("lr"), values.number("weight_decay")
        early, delay = self.times(lr, decay)
        source = generator(seed, "phase_diagram", repr((lr, decay)))
        first, second = (math.exp(self.noise * float(source.standard_normal())) for _ in range(2))
        train, test = self._within(early * first), self._within(early * first + delay * second)
        metrics: dict[str, Metric] = {
            "steps_to_train": train,
            "steps_to_test": test,
            "phase": float(self.phase(lr, decay)),
        }
        if train.censored is None:
            metrics["grokking_delay"] = Measurement(test.value - train.value, censored=test.censored)
        return {**metrics, "seconds": time.perf_counter() - start}

    def times(self, lr: float, decay: float) -> tuple[float, float]:
        """Give the steps to the training data, and from there to the test data; infinite for never."""
        early = self.fit / lr if decay <= self.highest_decay else math.inf
        return early, self.delay / (lr * decay) if lr <= self.highest_lr else math.inf

    def phase(self, lr: float, decay: float) -> int:
        """Give the phase, in the order of the metric."""
        early, delay = self.times(lr, decay)
        if early > self.steps:
            return CONFUSION
        if early + delay > self.steps:
            return MEMORISATION
        return GROKKING if delay >= self.late else COMPREHENSION

    def _within(self, steps: float) -> Measurement:
        return Measurement(steps) if steps <= self.steps else Measurement(float(self.steps), censored="above")


def _trainer(settings: Values) -> PhaseDiagram:
    names = ("fit", "delay", "highest_lr", "highest_decay", "late", "noise")
    return PhaseDiagram(settings.whole("steps"), *(settings.number(name) for name in names))


TASK = Task("phase_diagram", DESCRIPTION, SOURCE, KNOBS, SETTINGS, METRICS, _trainer, PHENOMENON, OBJECTIVE)
