"""A second metric as a further input: a process that also sees what the map of another metric expects.

Where a metric was recorded for few trainings (a dear observable, a column that only later logs have) and another
one for many, what is known of the second helps with the first where the two go together. The other metric's
process gives one more column: for rows that it was fitted to, what it expects of each without having seen it, so
that the column means the same there as at a new point. The mix weighs this member by held-out density like any
other; where both metrics were recorded for the same trainings there is nothing to gain, and it does not take part.

Source: Perdikaris et al. 2017, "Nonlinear information fusion algorithms for data-efficient multi-fidelity
modelling", https://doi.org/10.1098/rspa.2016.0751, equation 2.12, with the mean of the other process for its draw.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from physai_inverse.forward import AbstractMetricModel
from physai_inverse.surrogates.fit import Priors, climb, starts, widened
from physai_inverse.surrogates.likelihood import Posterior, Rows
from physai_inverse.surrogates.member import AbstractMember, Task
from physai_inverse.surrogates.metric import CENTRE
from physai_inverse.surrogates.processes import FittedOwnProcess, FittedProcess
from physai_inverse.surrogates.settled import MAX_CLIMB_ROWS
from physai_inverse.surrogates.threads import one_thread

LEAST_RATIO = 1.5
"""How many times the rows of a metric another must have to be asked."""
MOST_ASKED = 6
"""Metrics that are asked for one, those with the most rows."""
LEAST_CORRELATION = 0.1
"""Between what the process of the metric gets wrong and what the other expects; below it nothing is fitted."""


def richer(rows: Mapping[str, int], metric: str) -> list[str]:
    """List the metrics that a metric with few rows may be helped by.

    Args:
        rows: number of values of each metric.
        metric: which one.
    """
    many = [name for name, count in rows.items() if count >= max(LEAST_RATIO * rows[metric], 1)]
    return sorted(many, key=lambda name: (-rows[name], name))[:MOST_ASKED]


@dataclass(frozen=True)
class Related(AbstractMember):
    """A process with what the map of another metric expects as one more column.

    Args:
        others: models of metrics that have more rows, by name; see `richer`.
    """

    others: Mapping[str, AbstractMetricModel]

    @property
    def name(self) -> str:
        """`related metric`."""
        return "related metric"

    @property
    def stretches(self) -> Mapping[float, float]:
        """Narrower, and as it is: the process already speaks for the tails."""
        return {0.5: 0.5, 1.0: 1.0}

    def fit(self, task: Task, *, seed: int) -> "FittedRelated | None":  # noqa: ARG002 - nothing is drawn
        """Fit it with the metric that goes best with what the process gets wrong; None where there is none."""
        if len(task) > MAX_CLIMB_ROWS:  # many rows of its own need no help, and cost
            return None
        if not self.others:
            return None
        missed = task.targets[task.judged] - FittedProcess(task).held_out.moments()[0]
        found: tuple[float, AbstractMetricModel, np.ndarray] | None = None
        for model in self.others.values():
            expected = _expected(model, task)
            strength = abs(_correlation(missed, expected[task.judged]))
            if strength >= LEAST_CORRELATION and (found is None or strength > found[0]):
                found = strength, model, expected
        if found is None:
            return None
        _, other, expected = found
        low, high = float(expected.min()), float(expected.max())
        rows = Rows(
            np.column_stack([task.columns, (expected - low) / (high - low)]) - CENTRE,
            np.array([*task.features.groups, max(task.features.groups) + 1], dtype=int),
            task.values,
            task.extra,
            task.side,
        )
        priors = Priors(rows.num_groups, None)
        with one_thread():
            best = max((climb(rows, priors, place) for place in starts(priors)), key=lambda one: one.value)
            best = widened(best, len(task))
            posterior = Posterior.given(rows, best.covariance, best.sites)
        return FittedRelated(task, posterior, other, (low, high))


def _expected(model: AbstractMetricModel, task: Task) -> np.ndarray:
    """Give what a model expects at the rows of a task ``[n]``, each unseen, on its latent scale."""
    expected, _ = model.latent(task.units)
    scores = model.held_out()
    held_out = dict(zip(scores.places.tolist(), model.warp.forward(scores.predicted).tolist(), strict=True))
    own = np.array([held_out.get(int(place), np.nan) for place in task.places])
    return np.where(np.isfinite(own), own, expected)


def _correlation(left: np.ndarray, right: np.ndarray) -> float:
    if np.ptp(left) == 0.0 or np.ptp(right) == 0.0:
        return 0.0
    return float(np.corrcoef(left, right)[0, 1])


@dataclass(frozen=True)
class FittedRelated(FittedOwnProcess):
    """A process over configurations and one other metric.

    Args:
        task: what it was fitted to.
        posterior: the process given the data.
        other: the other metric's model.
        ends: what of the other's latent scale is 0 and 1 in the column.
    """

    other: AbstractMetricModel
    ends: tuple[float, float]

    def columns(self, units: np.ndarray) -> np.ndarray:
        """Give the encoded points, and what the other metric's model expects there."""
        expected, _ = self.other.latent(units)
        low, high = self.ends
        return np.column_stack([super().columns(units), (expected - low) / (high - low)])
