"""What the tasks of toy language share: when they log, and what is told of a model at its end."""

import math
from collections.abc import Mapping

from physai_inverse.observations import Metric, as_metrics
from physai_inverse.trainers.batched import Finished, last_values

DIVERGED = "diverged_step"

TOLD: Mapping[str, str] = {
    "parameters": "number of trained parameters",
    "seconds": "wall time of the training, in seconds",
}
"""Metrics of every one of these tasks, with their meanings."""


def told(finished: Finished) -> dict[str, Metric]:
    """Give what was measured, as curves and last values, with the number of parameters.

    A training that diverged has last values that are NaN, and `diverged_step` besides.
    """
    parameters = sum(parameter.numel() for parameter in finished.module.parameters())
    return as_metrics({**last_values(finished), "parameters": float(parameters)})


def entropy(shares: "tuple[float, ...] | list[float]") -> float:
    """Give the entropy of a distribution, in nats."""
    return -math.fsum(share * math.log(share) for share in shares if share > 0)
