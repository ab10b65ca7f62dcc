"""The Gaussian process as a recipe for a forward map: one process a metric, one for failing.

Importing this module imports no numerical library; fitting imports numpy and the linear algebra of scipy.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from physai_inverse.errors import FitFailed
from physai_inverse.forward import AbstractSurrogate, Dataset, ForwardMap
from physai_inverse.seeds import child
from physai_inverse.space.features import Features


@dataclass(frozen=True)
class GaussianProcess(AbstractSurrogate):
    """Closed-form Gaussian processes with evidence-chosen warps; the default surrogate.

    Example:
        >>> from physai_inverse.forward import Dataset
        >>> from physai_inverse.observations import Observation
        >>> from physai_inverse.space import Float, Space
        >>> space = Space(lr=Float(1e-5, 1e-1, log=True))
        >>> seen = [Observation({"lr": 10.0**-power}, {"loss": abs(power - 3.0)}) for power in (1, 2, 3, 4, 5)]
        >>> forward = GaussianProcess().fit(Dataset.from_observations(space, seen), seed=0)
        >>> mean, deviation = forward.model("loss").latent(space.encode([{"lr": 1e-3}]))
        >>> mean.shape
        (1,)
    """

    def fit(self, data: Dataset, *, seed: int, metrics: Sequence[str] | None = None) -> ForwardMap:
        """Fit a map.

        Args:
            data: the observations.
            seed: the stream for what is drawn: the rows that are left out where there are very many.
            metrics: which metrics to fit; None for every one with a finite value. Others are left out of
                the map.

        Raises:
            FitFailed: the covariance of a metric could not be factored.
        """
        from numpy.linalg import LinAlgError

        from physai_inverse.surrogates.metric import fit_metric

        features = Features(data.space)
        wanted = list(data.columns) if metrics is None else [name for name in metrics if name in data.columns]
        models = {}
        for name in wanted:
            column = data.columns[name]
            if not len(column.rows):
                continue
            try:
                models[name] = fit_metric(features, data.units, column, seed=child(seed, "metric", name))
            except LinAlgError as error:
                raise FitFailed(f"The metric `{name}` could not be fitted: {error}") from error
        success = None
        if data.failed.any():
            from physai_inverse.surrogates.failure import fit_success

            try:
                success = fit_success(features, data.units, data.failed, data.kinds, seed=child(seed, "success"))
            except LinAlgError as error:
                raise FitFailed(f"The model of failing could not be fitted: {error}") from error
        return ForwardMap(space=data.space, models=models, success=success)
