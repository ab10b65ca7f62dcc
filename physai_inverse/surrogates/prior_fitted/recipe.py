"""The prior-data fitted network as a recipe for a forward map: what it is asked for needs no fitting.

Importing this module imports no numerical library.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from physai_inverse.errors import FitFailed
from physai_inverse.forward import AbstractSurrogate, Dataset, ForwardMap
from physai_inverse.seeds import child
from physai_inverse.space.features import Features


@dataclass(frozen=True)
class PriorFitted(AbstractSurrogate):
    """A transformer that was trained on synthetic landscapes, with the weights that the package ships.

    It reads at most 256 rows (of more, a random part that the seed draws) and 32 encoded columns, needs six values
    that are not all equal, and knows nothing of standard errors.

    Example:
        >>> from physai_inverse.forward import Dataset
        >>> from physai_inverse.observations import Observation
        >>> from physai_inverse.space import Float, Space
        >>> space = Space(lr=Float(1e-5, 1e-1, log=True))
        >>> seen = [Observation({"lr": 10 ** (-1 - step / 3)}, {"loss": abs(step - 6.0)}) for step in range(12)]
        >>> forward = PriorFitted().fit(Dataset.from_observations(space, seen), seed=0)
        >>> forward.model("loss").quantiles(space.encode([{"lr": 1e-3}]), (0.1, 0.9)).shape
        (1, 2)
    """

    def fit(self, data: Dataset, *, seed: int, metrics: Sequence[str] | None = None) -> ForwardMap:
        """Show the network the observations.

        Args:
            data: the observations.
            seed: the stream for what is drawn: the rows that are left out where there are too many.
            metrics: which metrics to show; None for every one with a finite value. Others are left out of the
                map.

        Raises:
            FitFailed: the network declines a metric, or a covariance could not be factored.
        """
        from numpy.linalg import LinAlgError

        from physai_inverse.surrogates.prior_fitted.context import reason_against
        from physai_inverse.surrogates.prior_fitted.metric import show
        from physai_inverse.surrogates.prior_fitted.network import shipped

        features = Features(data.space)
        wanted = list(data.columns) if metrics is None else [name for name in metrics if name in data.columns]
        models = {}
        for name in wanted:
            column = data.columns[name]
            if not len(column.rows):
                continue
            against = reason_against(features, column)
            if against is not None:
                raise FitFailed(
                    f"The metric `{name}` is not one for the prior-data fitted network: {against}. "
                    "Use GaussianProcess, which has no such limit."
                )
            try:
                models[name] = show(shipped(), features, data.units, column, seed=child(seed, "metric", name))
            except LinAlgError as error:
                raise FitFailed(f"The metric `{name}` could not be shown to the network: {error}") from error
        success = None
        if data.failed.any():
            from physai_inverse.surrogates.failure import fit_success

            try:
                success = fit_success(features, data.units, data.failed, data.kinds, seed=child(seed, "success"))
            except LinAlgError as error:
                raise FitFailed(f"The model of failing could not be fitted: {error}") from error
        return ForwardMap(space=data.space, models=models, success=success)
