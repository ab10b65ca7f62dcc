"""The next configurations to train.

The first few fill the space: the user's defaults or the middle, then an even sequence. From the first
handful of finite results on, every proposal maximises the acquisition; within a batch, each is conditioned on
those before it and on what is still running.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from physai_inverse.forward import Dataset, ForwardMap
from physai_inverse.inverse.acquisition import Acquisition
from physai_inverse.inverse.search import maximise
from physai_inverse.objective import Objective
from physai_inverse.seeds import child
from physai_inverse.space import Space
from physai_inverse.space.sampling import sample_units

if TYPE_CHECKING:
    import numpy as np

NUM_LATEST, MOST_CAUTION = 10, 8.0
"""How many of the latest trainings set the caution, and what it grows by when all of them failed."""

MAX_LEADING = 256
"""How many of the best evaluated points stand for all where the incumbent is looked for."""

DEAR_ROWS = 500
"""Observations from which a prediction is dear (its cost grows with their square): the search spends fewer."""

NUM_STARTS = 8
"""Best known points from which the search starts as well."""


@dataclass(frozen=True)
class Proposed:
    """One proposal.

    Args:
        unit: ``[d]`` snapped point.
        kind: `"start"` (space-filling) or `"model"`.
        log_gain: log of the acquisition, on the latent scale; None for a start.
    """

    unit: "np.ndarray"
    kind: str
    log_gain: float | None = None


def num_initial(space: Space) -> int:
    """How many finite results the model waits for: a handful, growing slowly with the dimension."""
    return max(4, space.dimension // 2 + 2)


def start_point(space: Space, index: int, *, seed: int) -> "np.ndarray":
    """Give the `index`-th point ``[d]`` of the starting sequence: the resting point, then an even one.

    The resting point (the defaults, or the middle of every range) is taken only where constraints allow it.
    """
    import numpy as np

    rest = space.snap(space.rest[None])
    points = sample_units(space, index + 1, seed=child(seed, "start"), method="additive")
    if space.feasible(rest)[0]:
        return np.asarray(rest[0] if index == 0 else points[index - 1])
    return np.asarray(points[index])


def propose(
    forward: ForwardMap | None,
    data: Dataset,
    objective: Objective,
    pending: "np.ndarray",
    *,
    numbers: Sequence[int],
    seed: int,
    wait_for: int | None = None,
    leaning: "Callable[[np.ndarray], np.ndarray] | None" = None,
) -> list[Proposed]:
    """Propose one configuration for each trial number.

    Args:
        forward: the forward map of the objective's metrics and of failing; None while there is none.
        data: the observations that it was fitted to.
        objective: what is wanted.
        pending: ``[p, d]`` points of trials that are proposed or running.
        numbers: numbers of the trials that the proposals will become; they name the random streams, so that the
            same study gives the same proposals.
        seed: the study's seed.
        wait_for: how many finite results the map waits for; `num_initial` where it is None.
        leaning: points ``[n, d]`` to what is added to the logarithm of the acquisition ``[n]``, such as the
            weighted log density of beliefs.

    Returns:
        One proposal a number. None repeats an evaluated, failed or pending point while the space has others.
    """
    import numpy as np

    space = data.space
    known = np.concatenate([data.units, pending])
    finite = _finite_rows(data, objective)
    leading = data.units[_leading_rows(data, objective, finite)]
    chosen: list[Proposed] = []
    for number in numbers:
        stream = child(seed, "proposals", number)
        taken = np.concatenate([known, *(item.unit[None] for item in chosen)])
        if forward is None or len(finite) < (num_initial(space) if wait_for is None else wait_for):
            unit = _unseen(space, start_point(space, number, seed=seed), taken, stream)
            chosen.append(Proposed(unit, "start"))
            continue
        running = np.concatenate([pending, *(item.unit[None] for item in chosen)])
        acquisition = Acquisition(
            forward.conditioned(running),
            objective,
            np.concatenate([leading, running]),
            stream,
            caution=_caution(data),
        )

        def value(
            units: "np.ndarray", acquisition: Acquisition = acquisition, taken: "np.ndarray" = taken
        ) -> "np.ndarray":
            gain = acquisition(units) if leaning is None else acquisition(units) + leaning(units)
            return np.where(_seen(units, taken), -np.inf, gain)

        starts = _best_known(forward, objective, leading)
        effort = min(1.0, DEAR_ROWS / max(len(data), 1))
        points, values = maximise(value, space, starts, seed=stream, effort=effort)
        if np.isfinite(values[0]):
            chosen.append(Proposed(points[0], "model", float(values[0])))
        else:
            chosen.append(Proposed(_unseen(space, points[0], taken, stream), "start"))
    return chosen


def _caution(data: Dataset) -> float:
    latest = data.failed[-NUM_LATEST:]
    return 1.0 + MOST_CAUTION * float(latest.mean()) if len(latest) else 1.0


def _finite_rows(data: Dataset, objective: Objective) -> "np.ndarray":
    """Rows that did not fail and have a finite value of every metric of the objective that was ever recorded."""
    import numpy as np

    good = ~data.failed
    for name in objective.metrics:
        good &= np.isfinite(data.columns[name].values) if name in data.columns else False
    return np.flatnonzero(good)


def _leading_rows(data: Dataset, objective: Objective, finite: "np.ndarray") -> "np.ndarray":
    """The rows of best measured value: among them is the best predicted one, whose search they keep cheap.

    Rows that meet the limits come first, in order of their ranks in all wishes, then those that nearly do.
    """
    import numpy as np

    if len(finite) <= MAX_LEADING:
        return finite
    values = {name: data.columns[name].values[finite] for name in objective.metrics}
    slack = objective.slack(values)[:, : len(objective.limits)]
    scale = np.maximum(np.abs(slack).max(axis=0), 1e-300)
    missed = np.maximum(-slack / scale, 0.0).sum(axis=1)
    ranks = (
        np.argsort(np.argsort(-objective.utility(values), axis=0), axis=0).sum(axis=1)
        if objective.wishes
        else missed
    )
    return np.asarray(finite[np.lexsort((ranks, missed))[:MAX_LEADING]])


def _best_known(forward: ForwardMap, objective: Objective, leading: "np.ndarray") -> "np.ndarray":
    """The evaluated points ``[k, d]`` of highest predicted utility, averaged over the ranks of the wishes."""
    import numpy as np

    if not objective.wishes or not len(leading):
        return leading[:NUM_STARTS]
    points = np.unique(leading, axis=0)
    values = {}
    for wish in objective.wishes:
        model = forward.model(wish.metric)
        values[wish.metric] = model.warp.inverse(model.latent(points)[0])
    ranks = np.argsort(np.argsort(-objective.utility(values), axis=0), axis=0).sum(axis=1)
    return np.asarray(points[np.argsort(ranks, kind="stable")[:NUM_STARTS]])


def _seen(units: "np.ndarray", taken: "np.ndarray") -> "np.ndarray":
    """Say which points ``[n, d]`` are the same configuration as one of ``[k, d]``."""
    import numpy as np

    rows = {row.tobytes() for row in np.ascontiguousarray(np.round(taken, 12))}
    return np.array([row.tobytes() in rows for row in np.ascontiguousarray(np.round(units, 12))], dtype=bool)


def _unseen(space: Space, unit: "np.ndarray", taken: "np.ndarray", seed: int) -> "np.ndarray":
    """Give the point itself, or a random one where it was seen; a repeat only when a small space is used up."""
    import numpy as np

    if not _seen(unit[None], taken)[0]:
        return unit
    points = sample_units(space, 256, seed=child(seed, "unseen"))
    fresh = points[~_seen(points, taken)]
    return np.asarray(fresh[0] if len(fresh) else points[0])
