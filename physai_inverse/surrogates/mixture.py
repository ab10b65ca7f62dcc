"""A mix of surrogates as a recipe for a forward map: each metric believes its members as far as they were right.

For every metric the process is fitted first; its warp is the scale on which all members speak. Each member
predicts rows that it had not seen, and the weights are found from that (`stacking`). Importing this module imports
no numerical library.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from physai_inverse.forward import AbstractMetricModel, AbstractSurrogate, Column, Dataset, ForwardMap
from physai_inverse.seeds import child
from physai_inverse.surrogates.gp import GaussianProcess

if TYPE_CHECKING:
    from physai_inverse.surrogates.member import AbstractMember

LEAST_ROWS = 10
"""Values below which the process stands alone: too few to judge anything by."""
MAX_JUDGED = 1000
"""Rows that are judged at most."""


@dataclass(frozen=True)
class Mixture(AbstractSurrogate):
    """Processes, trees and networks, weighed by the log density of what they had not seen.

    Args:
        process: the recipe of the process that gives each metric its latent scale.

    Example:
        >>> from physai_inverse.forward import Dataset
        >>> from physai_inverse.observations import Observation
        >>> from physai_inverse.space import Float, Space
        >>> space = Space(lr=Float(1e-5, 1e-1, log=True))
        >>> seen = [Observation({"lr": 10 ** -(1 + k / 8)}, {"loss": abs(k / 8 - 2.0)}) for k in range(32)]
        >>> model = Mixture().fit(Dataset.from_observations(space, seen), seed=0).model("loss")
        >>> round(sum(model.members.values()), 6)
        1.0
    """

    process: AbstractSurrogate = field(default_factory=GaussianProcess)

    def fit(self, data: Dataset, *, seed: int, metrics: Sequence[str] | None = None) -> ForwardMap:
        """Fit a map.

        A metric with less than `LEAST_ROWS` values, or one that never changed, has the process alone.

        Args:
            data: the observations.
            seed: the stream for what is drawn: rows left out where there are very many, trees, networks.
            metrics: which metrics to fit; None for every one with a finite value. Others are left out of the map.

        Raises:
            FitFailed: the covariance of a metric could not be factored.
        """
        from physai_inverse.surrogates.related import richer

        wanted = list(data.columns) if metrics is None else [name for name in metrics if name in data.columns]
        rows = {name: len(column.rows) for name, column in data.columns.items()}
        asked = {name: richer(rows, name) for name in wanted if rows[name] >= LEAST_ROWS}
        helping = [name for name in data.columns if any(name in others for others in asked.values())]
        forward = self.process.fit(data, seed=seed, metrics=list(dict.fromkeys([*wanted, *helping])))
        models = {
            name: _mixed(
                forward.models[name],
                data,
                data.columns[name],
                {other: forward.models[other] for other in asked.get(name, ())},
                seed=child(seed, "mixture", name),
            )
            for name in wanted
            if name in forward.models
        }
        return replace(forward, models=models)


def members() -> "tuple[AbstractMember, ...]":
    """Give the members that every metric tries by itself, the process first."""
    from physai_inverse.surrogates.ensemble import Ensemble
    from physai_inverse.surrogates.laws.member import LawMember
    from physai_inverse.surrogates.local import LocalProcess
    from physai_inverse.surrogates.prior_fitted.member import Transformer
    from physai_inverse.surrogates.processes import Marginal, Process, RoughProcess
    from physai_inverse.surrogates.threshold import Threshold
    from physai_inverse.surrogates.trees import Trees

    return (
        Process(),
        LocalProcess(),
        RoughProcess(),
        Transformer(),
        Threshold(),
        LawMember(),
        Trees(),
        Ensemble(),
        Marginal(),
    )


def _mixed(
    model: AbstractMetricModel,
    data: Dataset,
    column: Column,
    others: Mapping[str, AbstractMetricModel],
    *,
    seed: int,
) -> AbstractMetricModel:
    import numpy as np

    from physai_inverse.seeds import generator
    from physai_inverse.surrogates.member import Task
    from physai_inverse.surrogates.metric import MetricProcess
    from physai_inverse.surrogates.mixed import Candidate, MixedModel
    from physai_inverse.surrogates.related import Related

    rows = column.rows
    valued = np.flatnonzero(column.censored[rows] == 0)
    values = column.values[rows]
    if not isinstance(model, MetricProcess) or len(valued) < LEAST_ROWS or np.ptp(values[valued]) == 0.0:
        return model
    judged = np.sort(generator(seed, "judged").permutation(len(rows))[:MAX_JUDGED])
    task = Task.of(model, data.units[rows], column, judged)
    candidates = []
    for member in (*members(), Related(others)):
        fitted = member.fit(task, seed=child(seed, "member", member.name))
        if fitted is not None:
            candidates += [
                Candidate(member.name, fitted, stretch, counted) for stretch, counted in member.stretches.items()
            ]
    return MixedModel.stacked(task, values[judged], candidates, seed=seed)
