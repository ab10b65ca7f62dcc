"""Laws as the mean of a Gaussian process: a recipe that extrapolates over sizes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from physai_inverse.errors import FitFailed
from physai_inverse.forward import AbstractMetricModel, AbstractSurrogate, Dataset, ForwardMap
from physai_inverse.seeds import child
from physai_inverse.space.features import Features


@dataclass(frozen=True)
class LawProcess(AbstractSurrogate):
    """Gaussian processes around power laws in the inputs that are like sizes; plain ones where no law helps.

    Each model is a `laws.model.LawModel`: its `law` is the leading law, or `declined` says why there is none.

    Example:
        >>> from physai_inverse.forward import Dataset
        >>> from physai_inverse.observations import Observation
        >>> from physai_inverse.space import Float, Space
        >>> space = Space(tokens=Float(1e6, 1e12, log=True))
        >>> seen = [Observation({"tokens": d}, {"loss": 2.0 + 400.0 * d**-0.3}) for d in (1e6, 3e6, 1e7, 3e7, 1e8)]
        >>> model = LawProcess().fit(Dataset.from_observations(space, seen), seed=0).model("loss")
        >>> round(float(model.predict(space.encode([{"tokens": 1e12}])).quantiles[0.5][0]), 1)
        2.1
    """

    def fit(self, data: Dataset, *, seed: int, metrics: Sequence[str] | None = None) -> ForwardMap:
        """Fit a map.

        Args:
            data: the observations.
            seed: the stream for what is drawn.
            metrics: which metrics to fit; None for every one with a finite value.

        Raises:
            FitFailed: the covariance of a metric could not be factored.
        """
        from numpy.linalg import LinAlgError

        from physai_inverse.surrogates.gp import GaussianProcess
        from physai_inverse.surrogates.laws.fitting import fit_law_model

        features = Features(data.space)
        wanted = list(data.columns) if metrics is None else [name for name in metrics if name in data.columns]
        models: dict[str, AbstractMetricModel] = {}
        for name in wanted:
            column = data.columns[name]
            if not len(column.rows):
                continue
            try:
                models[name] = fit_law_model(features, data.units, column, seed=child(seed, "metric", name))
            except LinAlgError as error:
                raise FitFailed(f"The metric `{name}` could not be fitted: {error}") from error
        rest = GaussianProcess().fit(data, seed=seed, metrics=[])
        return replace(rest, models=models)
