"""Gaussian processes that lean on earlier studies, as far as the data of this one agree with them.

Each earlier study gets a map of its own, fitted once. For each metric that it shares, its map may enter the mean
of this study's process with a weight (`stack`), and its lengthscales move the priors. The process without any of
it stays in the race, and is taken where its evidence is better. An earlier study whose map does not even predict
its own trainings (`predicts_itself`) says nothing.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from physai_inverse.errors import FitFailed
from physai_inverse.forward import AbstractMetricModel, AbstractSurrogate, Dataset, ForwardMap
from physai_inverse.seeds import child
from physai_inverse.surrogates.gp import GaussianProcess

if TYPE_CHECKING:
    import numpy as np

    from physai_inverse.surrogates.metric import MetricProcess

MOST_ROWS = 256
"""Rows of an earlier study that are used, and rows of this one from which it needs no other."""

LEAST_ROWS = 5
"""Finite values of a metric below which an earlier study says nothing of it."""

PLAIN_STEPS = 10
"""Of the climb without earlier studies, which begins where the plain model's ended."""

FOLDS, LEAST_SCORE, JUDGED_ROWS = 3, 2.0, 15
"""Parts of an earlier study, each predicted from the others; how many standard deviations the rank correlations
must lie above none; and values from which that is asked.

The hyper-parameters have to be found without the part: leaving single rows out of a fit of all gave studies of 50
random trainings with shuffled results up to 4.7 deviations, and this -2.2 to 2.2; the studies themselves had 2.3
or more, with two exceptions of 36."""

MOST_BURDEN = 2.0
BURDEN_ROWS = (5, 15)
"""Nats by which earlier studies must explain this one better than it does itself, and the rows between which that
grows from nothing: with a handful of results they are trusted in advance. Results that say nothing, as those of a
plateau, would otherwise keep a misleading study's weight alive, and the search where it misleads."""


@dataclass(frozen=True)
class Earlier:
    """An earlier study, in the space of this one.

    Args:
        name: what to call it.
        data: its observations; points may lie beyond the unit cube (`space.alignment`).
    """

    name: str
    data: Dataset = field(repr=False)


@dataclass(frozen=True)
class Transferred(AbstractSurrogate):
    """Gaussian processes with the maps of earlier studies in their mean.

    Args:
        earlier: the earlier studies.
        base: the recipe without them.
    """

    earlier: tuple[Earlier, ...]
    base: AbstractSurrogate = field(default_factory=GaussianProcess)
    _fits: "dict[tuple[int, str], AbstractMetricModel | None]" = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def fit(self, data: Dataset, *, seed: int, metrics: Sequence[str] | None = None) -> ForwardMap:
        """Fit a map.

        Args:
            data: the observations of this study.
            seed: the stream for what is drawn.
            metrics: which metrics to fit; None for every one with a finite value.

        Raises:
            FitFailed: see `base`; where earlier studies defeat the numbers, the map does without them.
        """
        from numpy.linalg import LinAlgError

        from physai_inverse.surrogates.metric import MetricProcess

        plain = self.base.fit(data, seed=seed, metrics=metrics)
        models = dict(plain.models)
        for name, model in plain.models.items():
            shared = [
                (earlier.name, fitted)
                for place, earlier in enumerate(self.earlier)
                if isinstance(fitted := self._fitted(place, name), MetricProcess)
            ]
            if not shared or not isinstance(model, MetricProcess) or len(model.column.rows) > MOST_ROWS:
                continue
            with suppress(LinAlgError):  # the map without earlier studies stands
                models[name] = leaning(model, data, name, shared)
        return replace(plain, models=models)

    def maps(self, metrics: Sequence[str]) -> list[tuple[Dataset, ForwardMap]]:
        """Give data and map of each earlier study that knows every one of these metrics."""
        found = []
        for place, earlier in enumerate(self.earlier):
            models = {name: self._fitted(place, name) for name in metrics}
            known = {name: model for name, model in models.items() if model is not None}
            if len(known) == len(metrics):
                found.append((earlier.data, ForwardMap(earlier.data.space, known)))
        return found

    def _fitted(self, place: int, metric: str) -> AbstractMetricModel | None:
        """The map of one earlier study, fitted when first asked for; None where there is none."""
        key = (place, metric)
        if key not in self._fits:
            name, data = self.earlier[place].name, self.earlier[place].data
            column = data.columns.get(metric)
            if column is None or len(column.rows) < LEAST_ROWS:
                self._fits[key] = None
            else:
                stream = child(0, "earlier", name, metric)
                kept = _part(data, _drawn(column.rows, seed=stream))
                self._fits[key] = None
                with suppress(FitFailed):  # what cannot be fitted cannot help; this study goes on without it
                    if predicts_itself(self.base, kept, metric, seed=stream):
                        self._fits[key] = self.base.fit(kept, seed=0, metrics=[metric]).models.get(metric)
        return self._fits[key]


def predicts_itself(recipe: AbstractSurrogate, data: Dataset, metric: str, *, seed: int) -> bool:
    """Say whether a map of some trainings ranks the others better than chance does; see `LEAST_SCORE`.

    Args:
        recipe: of the map.
        data: trainings with finite values of the metric.
        metric: its name.
        seed: of the folds.

    Raises:
        FitFailed: the numbers defeat the recipe.
    """
    import numpy as np

    from physai_inverse.surrogates.scoring import rank_correlation

    values = data.columns[metric].values
    if len(values) < JUDGED_ROWS:
        return True
    order, scores = np.random.default_rng(seed).permutation(len(values)), []
    for fold in range(FOLDS):
        left = np.sort(order[fold::FOLDS])
        taken = np.setdiff1d(order, left)
        model = recipe.fit(_part(data, taken), seed=0, metrics=[metric]).models[metric]
        found = np.nan_to_num(rank_correlation(model.latent(data.units[left])[0], values[left]))
        # The normal approximation of Spearman's correlation, by Fieller, Hartley & Pearson (1957).
        scores.append(np.arctanh(np.clip(found, -0.999, 0.999)) * np.sqrt((len(left) - 3) / 1.06))
    return float(np.sum(scores) / np.sqrt(FOLDS)) >= LEAST_SCORE


def _drawn(rows: "np.ndarray", *, seed: int) -> "np.ndarray":
    """Keep at most `MOST_ROWS` of some rows."""
    import numpy as np

    if len(rows) <= MOST_ROWS:
        return rows
    return np.sort(np.random.default_rng(seed).permutation(rows)[:MOST_ROWS])


def _part(data: Dataset, rows: "np.ndarray") -> Dataset:
    """Keep some rows, and nothing of failing."""
    import numpy as np

    from physai_inverse.forward import Column

    columns = {
        name: Column(column.values[rows], column.errors[rows], column.censored[rows])
        for name, column in data.columns.items()
    }
    return Dataset(data.space, data.units[rows], columns, np.zeros(len(rows), dtype=bool))


def leaning(
    plain: "MetricProcess", data: Dataset, metric: str, shared: "Sequence[tuple[str, MetricProcess]]"
) -> "MetricProcess":
    """Give a metric's model with the maps of earlier studies in its mean.

    Args:
        plain: the model without them.
        data: the observations of this study.
        metric: its name.
        shared: earlier studies by name, with their models of the metric.

    Raises:
        np.linalg.LinAlgError: a covariance could not be factored.
    """
    import numpy as np

    from physai_inverse.surrogates.fit import Fitted, climb, widened
    from physai_inverse.surrogates.likelihood import Posterior
    from physai_inverse.surrogates.metric import CENTRE
    from physai_inverse.surrogates.outliers import doubted
    from physai_inverse.surrogates.selection import Table, priors_of
    from physai_inverse.surrogates.stack import WEIGHT_SUM, climb_stack, shifts
    from physai_inverse.surrogates.threads import one_thread
    from physai_inverse.surrogates.trend import Trend

    column = data.columns[metric]
    units = data.units[column.rows]
    features = plain.features
    table = Table(units, features.encode(units) - CENTRE, np.array(features.groups, dtype=int), plain.column)
    rows = table.warped(plain.latent_warp)
    priors = priors_of(table, rows)
    names = tuple(name for name, _ in shared)
    processes = [process for _, process in shared]
    means = [_Mean(process) for process in processes]
    lengths = np.log([process.posterior.covariance.lengthscales for process in processes])
    alike = [process.features.exponent == features.exponent for process in processes]  # lengths on one scale
    skills = np.array(
        [min(max(process.held_out().r2, 0.0), 1.0) * same for process, same in zip(processes, alike, strict=True)]
    )
    with one_thread():
        expected = np.stack([mean(units) for mean in means])
        trusted = doubted(rows, plain.doubt)
        start = plain.posterior.covariance.logs
        shift = shifts(lengths, skills, priors.centre)
        climbs = [
            climb_stack(trusted, priors, shift, expected, start, np.full(len(means), weight))
            for weight in (0.0, WEIGHT_SUM / len(means))
        ]
        best = max(climbs, key=lambda found: found.value)
        alone = climb(trusted, priors, start, max_steps=PLAIN_STEPS).value
        if alone + burden(len(rows)) >= best.value:
            return replace(plain, trend=Trend(names, tuple(means), (0.0,) * len(means)))
        trend = Trend(names, tuple(means), tuple(best.weights.tolist()))
        residual = replace(trusted, values=trusted.values - best.weights @ expected)
        fitted = widened(Fitted(best.covariance, best.value, best.sites), len(rows))
        posterior = Posterior.given(residual, fitted.covariance, fitted.sites)
    return replace(plain, posterior=posterior, trend=trend)


def burden(num_rows: int) -> float:
    """Say by how many nats earlier studies must explain this many rows better; see `MOST_BURDEN`."""
    first, last = BURDEN_ROWS
    return MOST_BURDEN * min(max((num_rows - first) / (last - first), 0.0), 1.0)


@dataclass(frozen=True)
class _Mean:
    """The latent mean of a process, without the price of its variance."""

    process: "MetricProcess"

    def __call__(self, units: "np.ndarray") -> "np.ndarray":
        import numpy as np

        from physai_inverse.surrogates.metric import CENTRE

        posterior = self.process.posterior
        scaled = (self.process.features.encode(units) - CENTRE) / posterior.covariance.lengthscales[
            posterior.groups
        ]
        return np.asarray(posterior.weights @ posterior.covariance.between(posterior.scaled, scaled))
