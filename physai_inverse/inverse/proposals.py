"""The next configurations to train.

The first few fill the space: the user's defaults or the middle, then an even sequence. From the first
handful of finite results on, proposals maximise the acquisition; within a batch, each is conditioned on those
before it and on what is still running. Three things keep that from going wrong: where the search stalls, some look
elsewhere; where noise hides which of the leading configurations is good, one of them is trained again; where the
map predicts nothing, some fill the space.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from physai_inverse.forward import Dataset, ForwardMap
from physai_inverse.inverse.acquisition import Acquisition
from physai_inverse.inverse.derived import measured_values
from physai_inverse.inverse.exploration import even_share, looks_elsewhere, trainings_without_progress, widened
from physai_inverse.inverse.order import finite_rows
from physai_inverse.inverse.replication import worth_repeating
from physai_inverse.inverse.search import maximise
from physai_inverse.objective import Objective
from physai_inverse.seeds import child, generator
from physai_inverse.space import Space
from physai_inverse.space.sampling import sample_units

if TYPE_CHECKING:
    import numpy as np

FIRST_CAUTION, NUM_LATEST, MOST_CAUTION = 6.0, 10, 8.0
"""The least caution, how many of the latest trainings add to it, and what it grows by when all of them failed.

On two failing formulas, eight seeds, a least caution of 1, 3 and 6 let 10, 7 and 5 % of the model's proposals fail
(the mean regret after 50 trainings was 0.02, 0.01 and 0.02)."""

NUM_SAFE = 512
"""Random points among which a start is looked for once something failed."""

MAX_LEADING = 256
"""How many of the best evaluated points stand for all where the incumbent is looked for."""

DEAR_ROWS = 500
"""Observations from which a prediction is dear (its cost grows with their square): the search spends fewer."""

NUM_STARTS = 8
"""Best known points from which the search starts as well."""


LEAST_FINITE = 3
"""Finite results from which the model may propose while other starting points are still running."""

MODELLED = ("model", "explore", "repeat")
"""Kinds of proposals that come from a model."""


@dataclass(frozen=True)
class Proposed:
    """One proposal.

    Args:
        unit: ``[d]`` snapped point.
        kind: `"start"` (space-filling), `"model"` (best by the acquisition), `"explore"` (best by a map that is
            less sure of itself) or `"repeat"` (another training of a leading configuration).
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
    modelled: Collection[int] | None = None,
    repeats: bool = True,
    wait_for: int | None = None,
    leaning: "Callable[[np.ndarray], np.ndarray] | None" = None,
    fewer: bool = False,
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
        modelled: numbers of the trials that a model proposed, by which a stall is noticed; None for all.
        repeats: whether a configuration may be trained again.
        wait_for: how many finite results the map waits for; `num_initial` where it is None.
        leaning: points ``[n, d]`` to what is added to the logarithm of the acquisition ``[n]``, such as the
            weighted log density of beliefs.
        fewer: leave off at the first proposal that should rather wait for the results of those before it, by what
            the map's cost says of company.

    Returns:
        One proposal a number, or with `fewer` at least one. None takes a failed or pending point while the space
        has others, and an evaluated one only to learn how much of its result was luck.
    """
    import numpy as np

    space = data.space
    known = np.concatenate([data.units, pending])
    finite = finite_rows(data, objective)
    leading = data.units[leading_rows(data, objective, finite)]
    wait_for = num_initial(space) if wait_for is None else wait_for
    enough = len(finite) >= min(LEAST_FINITE, wait_for) and len(finite) + len(pending) >= wait_for
    starting = forward is None or not enough
    stalled = 0 if starting else trainings_without_progress(data, objective, modelled)
    even = 0.0 if starting or forward is None else even_share(forward, objective)
    chosen: list[Proposed] = []
    for number in numbers:
        if fewer and forward is not None and not _company_pays(forward, chosen):
            return chosen if _joins(forward, chosen) else chosen[:-1]
        stream = child(seed, "proposals", number)
        taken = np.concatenate([known, *(item.unit[None] for item in chosen)])
        if forward is None or starting or generator(stream, "even").random() < even:
            first = start_point(space, number, seed=seed)
            if forward is not None:
                first = _worthy_start(_in_company(forward, chosen), first, taken, stream)
            chosen.append(Proposed(_unseen(space, first, taken, stream), "start"))
            continue
        running = np.concatenate([pending, *(item.unit[None] for item in chosen)])
        elsewhere = looks_elsewhere(stalled, number)
        conditioned = _in_company(forward, chosen).conditioned(running)
        acquisition = Acquisition(
            widened(conditioned) if elsewhere else conditioned,
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
        if not np.isfinite(values[0]):
            chosen.append(Proposed(_unseen(space, points[0], taken, stream), "start"))
            continue
        again = None
        if repeats and not elsewhere:
            barred = np.concatenate([data.units[data.failed], running])
            again = _repeated(conditioned, objective, leading, taken, barred, points[0])
        if again is not None:
            chosen.append(Proposed(again, "repeat", float(acquisition(again[None])[0])))
        else:
            chosen.append(Proposed(points[0], "explore" if elsewhere else "model", float(values[0])))
    return chosen if not fewer or forward is None or _joins(forward, chosen) else chosen[:-1]


def _repeated(
    forward: ForwardMap,
    objective: Objective,
    leading: "np.ndarray",
    taken: "np.ndarray",
    barred: "np.ndarray",
    new: "np.ndarray",
) -> "np.ndarray | None":
    """Give the leading point to train again instead of the new one; none that failed once or is running."""
    import numpy as np

    trained = np.unique(leading, axis=0)
    trained = trained[~_seen(trained, barred)]
    often = Counter(row.tobytes() for row in np.ascontiguousarray(np.round(taken, 12)))
    counts = np.array([often[row.tobytes()] for row in np.ascontiguousarray(np.round(trained, 12))])
    return worth_repeating(forward, objective, trained, counts, new)


def _in_company(forward: ForwardMap, chosen: Sequence[Proposed]) -> ForwardMap:
    """Give the map with what a training costs beside those that were chosen before it."""
    import numpy as np

    if forward.cost is None or not chosen:
        return forward
    return replace(forward, cost=forward.cost.beside(np.stack([item.unit for item in chosen])))


def _company_pays(forward: ForwardMap, chosen: Sequence[Proposed]) -> bool:
    """Say whether to propose more beside those that were chosen: the first gains by it, and the last joined."""
    if forward.cost is None or not chosen:
        return True
    return bool(forward.cost.pays(chosen[0].unit[None])[0]) and _joins(forward, chosen)


def _joins(forward: ForwardMap, chosen: Sequence[Proposed]) -> bool:
    """Say whether the last proposal should be trained beside those before it; the first always is."""
    if forward.cost is None or len(chosen) < 2:
        return True
    return bool(_in_company(forward, chosen[:-1]).cost.pays(chosen[-1].unit[None])[0])  # type: ignore[union-attr]


def _worthy_start(forward: ForwardMap, first: "np.ndarray", taken: "np.ndarray", seed: int) -> "np.ndarray":
    """Fill the space where trainings end well and are not dear; else give the point itself.

    Likely to succeed, far from all that was tried, and cheap: what is worth its price is the volume that a point
    stands for, the distance to the nearest other to the power of the dimension.
    """
    import numpy as np

    space, success, cost = forward.space, forward.success, forward.cost
    if cost is not None and not (cost.foreseen and len(taken)):  # the very first point needs no reason
        cost = None
    if success is None and cost is None:
        return first
    points = np.concatenate([first[None], sample_units(space, NUM_SAFE, seed=child(seed, "safe"))])
    # By one product: thousands of rows that failed would fill the memory as differences.
    squares = (points**2).sum(axis=1)[:, None] + (taken**2).sum(axis=1) - 2.0 * points @ taken.T
    worth = 0.5 * np.log(np.maximum(squares.min(axis=1), 1e-12))
    if success is not None:
        worth += FIRST_CAUTION * np.log(np.maximum(success.probability(points), 1e-300))
    if cost is not None:
        worth -= cost.log_price(points) / space.dimension
    return np.asarray(points[int(np.argmax(worth))])


def _caution(data: Dataset) -> float:
    latest = data.failed[-NUM_LATEST:]
    return FIRST_CAUTION + MOST_CAUTION * float(latest.mean()) if len(latest) else FIRST_CAUTION


def leading_rows(data: Dataset, objective: Objective, finite: "np.ndarray") -> "np.ndarray":
    """Give the rows of best measured value: among them is the best predicted one, whose search they keep cheap.

    Rows that meet the limits come first, in order of their ranks in all wishes, then those that nearly do.
    """
    import numpy as np

    if len(finite) <= MAX_LEADING:
        return finite
    values = measured_values(data, objective, finite)
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
