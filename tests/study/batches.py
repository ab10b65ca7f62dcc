"""A trainer of many for worker processes, which load this module and little else."""

import math
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from physai_inverse.errors import TrialFailed

Config = Mapping[str, Any]


def loss(config: Config, epochs: float = 27.0) -> float:
    return float((config["x"] - 0.3) ** 2 + (config["y"] - 0.6) ** 2 + 0.5 / (1 + epochs))


@dataclass(frozen=True)
class Troubled:
    """A trainer of many in which some fail each in their way, and some take the whole job with them."""

    kill: float = -1.0
    sleep: float = -1.0
    trains_together: ClassVar[bool] = True

    def __call__(self, configs: Any, seeds: Any) -> Any:
        if isinstance(configs, Mapping):
            [found] = self([configs], [seeds])
            if isinstance(found, TrialFailed):
                raise found
            return found
        for config in configs:
            if config["x"] == self.kill:
                os.kill(os.getpid(), signal.SIGKILL)
            if config["x"] == self.sleep:
                time.sleep(60)
        return [self.one(config) for config in configs]

    def one(self, config: Config) -> Any:
        if config["y"] < 0.2:
            return TrialFailed("no room for it", "out_of_memory")
        if config["y"] < 0.4:
            return {"loss": math.nan, "diverged_step": 7.0}
        return {"loss": loss(config)}


def _at_once(kill: float) -> "Telling":
    """Make one in a worker, which then sends points at once: its stream begins before the trainer is called."""
    from physai_inverse.trainers import streaming

    streaming.SECONDS = 0.0
    return Telling(kill)


@dataclass(frozen=True)
class Telling:
    """A trainer of many that reports curves at once, and dies in the middle with some configurations."""

    kill: float = 2.0
    trains_together: ClassVar[bool] = True
    takes: ClassVar[frozenset[str]] = frozenset({"report"})

    def __reduce__(self) -> Any:
        return _at_once, (self.kill,)

    def __call__(self, configs: Any, seeds: Any, report: Any) -> Any:
        if isinstance(configs, Mapping):
            return self([configs], [seeds], lambda _, step, metrics: report(step, metrics))[0]
        for step in (1, 2, 3):
            for place, config in enumerate(configs):
                report(place, step, {"loss": config["x"] + 1.0 / step})
                if config["x"] > self.kill and step == 2:
                    os.kill(os.getpid(), signal.SIGKILL)
        return [{"loss": config["x"]} for config in configs]
