"""The trade-off among what was trained: which configurations none beats in every wish, with how much certainty.

Values are those of the forward map, noise taken off; the metrics of all candidates are drawn together, so that the
probability of being in the set and the interval of the hypervolume know how candidates hang together.

Symbols: n candidates, w wishes, s draws.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from physai_inverse.errors import InvalidInput, NotFound
from physai_inverse.forward import AbstractMetricModel, Dataset, ForwardMap
from physai_inverse.inverse.boxes import front_of, volume
from physai_inverse.inverse.derived import Composite, Line
from physai_inverse.inverse.goals import limits_log_probability
from physai_inverse.inverse.hypervolume import MOST_WISHES, inferred_reference
from physai_inverse.objective import Maximize, Objective
from physai_inverse.seeds import generator

if TYPE_CHECKING:
    import numpy as np

NUM_DRAWS = 256
MAX_CANDIDATES = 400
"""Configurations that are drawn together, those nearest to the front; the cost grows with their cube."""
JITTER = 1e-9


@dataclass(frozen=True)
class ParetoFront:
    """The set, best in the first wish first.

    Args:
        rows: ``[k]`` rows of the dataset.
        probabilities: ``[k]`` that no other candidate beats it in every wish.
        reference: wish to the worst value that counts, in the metric's units (for a target: its distance).
        hypervolume: of the predicted values; None for more than four wishes.
        interval: ends of the 90 % interval of the hypervolume over draws; None for more than four wishes.
    """

    rows: "np.ndarray"
    probabilities: "np.ndarray"
    reference: dict[str, float]
    hypervolume: float | None
    interval: tuple[float, float] | None


def pareto(forward: ForwardMap, data: Dataset, objective: Objective, *, seed: int) -> ParetoFront:
    """Find the set among the configurations that were trained and meet the limits, rather than not.

    Where none meets them, all take part.

    Args:
        forward: the judged map of the objective's metrics.
        data: the observations behind it.
        objective: at least two wishes.
        seed: the stream.

    Raises:
        InvalidInput: fewer than two wishes.
        NotFound: no training has given every metric of the objective yet.
    """
    import numpy as np

    if len(objective.wishes) < 2:
        raise InvalidInput(
            f"A trade-off needs at least two wishes, such as 'minimize val_loss' and 'minimize params'; the "
            f"objective is '{objective}'. See `recommend` for the best configuration."
        )
    rows = _candidates(forward, data, objective)
    units = data.units[rows]
    expected = {wish.metric: _units(forward.model(wish.metric), units) for wish in objective.wishes}
    gains = objective.utility(expected)
    reference = _reference(objective, gains)
    near = _nearest(gains, MAX_CANDIDATES)
    drawn = draws(forward, objective, units[near], seed=seed)  # [s, n, w]
    members = np.stack([front_of(each) for each in drawn]).mean(axis=0)
    kept = np.flatnonzero(front_of(gains[near]))
    kept = kept[np.argsort(-gains[near][kept, 0], kind="stable")]
    whole, interval = None, None
    if gains.shape[1] <= MOST_WISHES:
        whole = volume(gains[near][kept], reference)
        volumes = [volume(each[front_of(each)], reference) for each in drawn]
        interval = (float(np.quantile(volumes, 0.05)), float(np.quantile(volumes, 0.95)))
    worst = {
        wish.metric: float(value if isinstance(wish, Maximize) else -value)
        for wish, value in zip(objective.wishes, reference, strict=True)
    }
    return ParetoFront(rows[near][kept], members[kept], worst, whole, interval)


def draws(forward: ForwardMap, objective: Objective, units: "np.ndarray", *, seed: int) -> "np.ndarray":
    """Draw the wishes, larger is better, of points ``[n, d]`` together: ``[s, n, w]`` in the metrics' units."""
    import numpy as np

    rng = generator(seed, "pareto")
    taken: dict[int, np.ndarray] = {}
    values = {
        wish.metric: _drawn(forward.model(wish.metric), units, rng, taken).ravel() for wish in objective.wishes
    }
    return objective.utility(values).reshape(NUM_DRAWS, len(units), len(objective.wishes))


def _drawn(
    model: AbstractMetricModel, units: "np.ndarray", rng: "np.random.Generator", taken: "dict[int, np.ndarray]"
) -> "np.ndarray":
    """Draw ``[s, n]`` noise-free values of a model; a metric that several wishes speak of is drawn once."""
    import numpy as np

    if id(model) in taken:
        return taken[id(model)]
    if isinstance(model, Line):
        return np.asarray(model.slope * _drawn(model.part, units, rng, taken) + model.offset)
    if isinstance(model, Composite):
        parts: Mapping[str, np.ndarray] = {
            name: _drawn(part, units, rng, taken).T for name, part in model.parts.items()
        }
        return model.evaluated(parts, units, NUM_DRAWS).T
    mean, covariance = model.joint(units)
    size = max(float(np.trace(covariance)) / max(len(mean), 1), 1e-300)
    values, vectors = np.linalg.eigh(covariance + JITTER * size * np.eye(len(mean)))
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    found = model.warp.inverse(mean + rng.normal(size=(NUM_DRAWS, len(mean))) @ root.T)
    taken[id(model)] = np.asarray(found)
    return taken[id(model)]


def _candidates(forward: ForwardMap, data: Dataset, objective: Objective) -> "np.ndarray":
    """One row for each configuration that gave every metric, those that meet the limits where any does."""
    import numpy as np

    good = ~data.failed
    for name in objective.metrics:
        good &= np.isfinite(data.columns[name].values) if name in data.columns else False
    if any(wish.metric not in forward.models for wish in objective.wishes):
        good[:] = False
    rows = np.flatnonzero(good)
    if not len(rows):
        raise NotFound(f"No trade-off yet: no training has given finite {list(objective.metrics)}. Observe one.")
    rows = rows[np.unique(data.units[rows], axis=0, return_index=True)[1]]
    met = limits_log_probability(forward, objective, data.units[rows])
    feasible = met >= np.log(0.5) * max(len(objective.limits), 1)
    return np.asarray(rows[feasible] if feasible.any() else rows)


def _units(model: AbstractMetricModel, units: "np.ndarray") -> "np.ndarray":
    return model.warp.inverse(model.latent(units)[0])


def _reference(objective: Objective, gains: "np.ndarray") -> "np.ndarray":
    reference = inferred_reference(gains[front_of(gains)], gains)
    for column, wish in enumerate(objective.wishes):
        given = objective.reference.get(wish.metric)
        if given is not None:
            reference[column] = given if isinstance(wish, Maximize) else -given
    return reference


def _nearest(gains: "np.ndarray", most: int) -> "np.ndarray":
    """Keep the rows that come nearest to the front: by how much of each range every member beats them."""
    import numpy as np

    if len(gains) <= most:
        return np.arange(len(gains))
    scaled = (gains - gains.min(axis=0)) / np.maximum(np.ptp(gains, axis=0), 1e-300)
    front = scaled[front_of(gains)]
    behind = np.array([(front - row).min(axis=1).max() for row in scaled])
    return np.sort(np.argsort(behind, kind="stable")[:most])
