"""What to train next where there are rungs: a new configuration at the lowest, or a paused one further up.

Three rules, all asynchronous: none waits for a rung to fill.

    model     a place on the next rung opens for one of `eta` configurations of a rung, as in successive halving;
              it goes to the one that a forward map of the highest rung promises most of, whatever its rank on its
              own
    asha      a configuration among the best 1 / eta of its rung goes one rung up, else a new one begins
              (asynchronous successive halving, Li et al. 2020, "A system for massively parallel hyperparameter
              tuning")
    lowest    the best tenth after the lowest rung is trained in full, else a new one begins ("one epoch, keep the
              best k", arXiv 2307.15422)

Places by count keep the cost of all rungs about equal, which expected improvement per cost does not: at a
fiftieth of the price another glance at the lowest rung always looks like the better bargain, and nothing is ever
finished (measured: after four full trainings' worth of epochs nothing had got beyond the second of five rungs).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from physai_inverse.forward import Dataset, ForwardMap
from physai_inverse.inverse.acquisition import Acquisition
from physai_inverse.objective import Objective
from physai_inverse.seeds import generator

if TYPE_CHECKING:
    import numpy as np

KEPT_SHARE = 0.1
"""Share of the lowest rung that `lowest` trains in full."""

AUDIT_SHARE = 0.1
"""Share of the promotions of `model` that are drawn from what would have stayed paused."""


@dataclass(frozen=True)
class Paused:
    """A configuration that may go on.

    Args:
        place: which one it is, in the caller's order.
        rung: the highest rung on which it was trained.
        merit: how good it is there, larger is better.
        log_gain: log of the acquisition at the highest rung; only the rule `model` asks for it.
    """

    place: int
    rung: int
    merit: float
    log_gain: float = 0.0


@dataclass(frozen=True)
class Choice:
    """What comes next.

    Args:
        place: of the paused configuration; None begins a new one.
        rung: up to which it is trained.
        why: `"new"`, `"promoted"` or `"audit"`.
    """

    place: int | None
    rung: int
    why: str


StepCost: TypeAlias = Callable[[int, int], float]
"""What a training costs from the end of one rung (-1 for none) to the end of another."""


def merits(objective: Objective, values: "dict[str, np.ndarray]") -> "np.ndarray":
    """Order trainings of one rung: larger is better ``[n]``.

    Those that meet the limits come first, then those that miss them by less; several wishes count by their ranks.
    """
    import numpy as np

    num = len(next(iter(values.values())))
    slack = objective.slack(values)[:, : len(objective.limits)]
    missed = np.maximum(-slack / np.maximum(np.abs(slack).max(axis=0, initial=0.0), 1e-300), 0.0).sum(axis=1)
    if not objective.wishes:
        return np.asarray(-missed)
    utility = objective.utility(values)
    if utility.shape[1] == 1 and not slack.shape[1]:
        return np.asarray(utility[:, 0])
    ranks = np.argsort(np.argsort(utility, axis=0, kind="stable"), axis=0, kind="stable").sum(axis=1)
    return np.asarray(np.where(missed > 0, -missed, 1.0 + ranks / max(num, 1)))


def halving(rungs: "Sequence[Sequence[float]]", paused: Sequence[Paused], eta: float) -> Choice:
    """Choose by asynchronous successive halving.

    Args:
        rungs: the merits of everything that was ever trained on each rung.
        paused: what may go on.
        eta: one of so many goes on.
    """
    for rung in range(len(rungs) - 2, -1, -1):
        count = int(len(rungs[rung]) / eta)
        if not count:
            continue
        bar = sorted(rungs[rung], reverse=True)[count - 1]
        ready = [item for item in paused if item.rung == rung and item.merit >= bar]
        if ready:
            best = max(ready, key=lambda item: (item.merit, -item.place))
            return Choice(best.place, rung + 1, "promoted")
    return Choice(None, 0, "new")


def lowest(rungs: "Sequence[Sequence[float]]", paused: Sequence[Paused]) -> Choice:
    """Choose by "lowest fidelity, keep the best k", k growing with what was looked at.

    Args:
        rungs: the merits of everything that was ever trained on each rung.
        paused: what may go on.
    """
    waiting = [item for item in paused if item.rung == 0]
    if waiting and len(rungs[-1]) < int(KEPT_SHARE * len(rungs[0])):
        best = max(waiting, key=lambda item: (item.merit, -item.place))
        return Choice(best.place, len(rungs) - 1, "promoted")
    return Choice(None, 0, "new")


def open_rung(rungs: "Sequence[Sequence[float]]", paused: Sequence[Paused], eta: float, start: int) -> int | None:
    """Give the highest rung from which one more configuration may go on; None where a new one has to begin.

    Args:
        rungs: the merits of everything that was ever trained on each rung; their number counts.
        paused: what may go on.
        eta: one of so many goes on.
        start: the lowest rung that is used.
    """
    reached = [len(merits) for merits in rungs]
    for rung in range(len(rungs) - 2, start - 1, -1):
        waiting = sum(item.rung == rung for item in paused)
        if waiting and sum(reached[rung + 1 :]) < int(reached[rung] / eta):
            return rung
    return None


def worthiest(paused: Sequence[Paused], rung: int, *, top: int, eta: float, cost: StepCost, seed: int) -> Choice:
    """Choose which configuration of a rung goes on: the one of the largest gain; now and then, another.

    Args:
        paused: what may go on, with its `log_gain`; at least one of that rung.
        rung: the rung.
        top: the highest rung.
        eta: one of so many goes on after each step.
        cost: of steps.
        seed: of the audit.
    """
    rng = generator(seed, "audit")
    ready = [item for item in paused if item.rung == rung]
    best = max(ready, key=lambda item: (item.log_gain, item.merit, -item.place))
    others = [item for item in ready if item is not best]
    if others and rng.random() < AUDIT_SHARE:
        return Choice(others[int(rng.integers(len(others)))].place, rung + 1, "audit")
    # Straight to the highest where steps would cost more than they save.
    straight = cost(rung, top) <= expected_cost(rung, top, eta, cost)
    return Choice(best.place, top if straight else rung + 1, "promoted")


def expected_cost(rung: int, top: int, eta: float, cost: StepCost) -> float:
    """Give what it costs to take a configuration from a rung up, if one of `eta` goes on after each step."""
    total, share = 0.0, 1.0
    for following in range(rung + 1, top + 1):
        total += share * cost(following - 1, following)
        share /= eta
    return total


def log_gains(
    forward: ForwardMap,
    data: Dataset,
    objective: Objective,
    units: "np.ndarray",
    *,
    reached: "np.ndarray",
    pending: "np.ndarray",
    seed: int,
) -> "np.ndarray":
    """Give the log of the acquisition at the highest rung ``[n]`` for points ``[n, d]``.

    Args:
        forward: the forward map of the highest rung.
        data: one row a configuration.
        objective: what is wanted.
        units: the points.
        reached: ``[k, d]`` what was trained on the highest rung; what is to be improved on. All rows of `data`
            that ended well while there is none.
        pending: ``[p, d]`` what is being trained.
        seed: the stream of weights, for several wishes.
    """
    import numpy as np

    incumbents = reached if len(reached) else data.units[~data.failed]
    acquisition = Acquisition(forward.conditioned(pending), objective, np.concatenate([incumbents, pending]), seed)
    return acquisition(units)
