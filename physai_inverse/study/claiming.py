"""Trainings handed out: what waits comes first, new ones are proposed for the rest."""

from collections.abc import Callable, Sequence

from physai_inverse.store import Proposal, Stale, Store, Trial

MAX_RACES = 4
"""How often a proposal is computed anew because others suggested in the meantime."""


def handed_out(
    store: Store,
    name: str,
    num: int,
    propose: Callable[[int], tuple[Sequence[Proposal], int]],
    *,
    worker: str,
    lease_seconds: float,
) -> list[Trial]:
    """Lease trials to a worker.

    Args:
        store: of the study.
        name: of the study.
        num: how many trials.
        propose: gives so many proposals, and the number of trials that they know of.
        worker: who asks.
        lease_seconds: how long the trials belong to it.
    """
    trials = store.claim(name, num, worker=worker, lease_seconds=lease_seconds)
    for race in range(MAX_RACES + 1):
        missing = num - len(trials)
        if not missing:
            break
        proposals, known = propose(missing)
        seen = known if race < MAX_RACES else None
        try:
            trials += store.propose(name, proposals, worker=worker, lease_seconds=lease_seconds, seen=seen)
            break
        except Stale:
            continue
    return trials
