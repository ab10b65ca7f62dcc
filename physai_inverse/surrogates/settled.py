"""What a metric's first rows settled: warp and hyper-parameters, found once and then only touched up.

A fit is a function of the rows in their order alone, so that a cold process proposes what a warm one does. To be
quick all the same, the dear part (which warp; hyper-parameters from far away) looks at a *head* of the rows, which
stays the same over several new ones, and what it found is remembered by the content of that head. A late result
that belongs among them changes the head, and it is found anew.

Symbols: n rows in order of their trial numbers.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import blake2b
from threading import Lock

import numpy as np

from physai_inverse.seeds import generator
from physai_inverse.surrogates.fit import climb
from physai_inverse.surrogates.likelihood import Posterior
from physai_inverse.surrogates.outliers import PASSES, doubted, doubts
from physai_inverse.surrogates.selection import Choice, Table, candidates, choose, priors_of

MAX_CLIMB_ROWS = 256
"""Rows from which hyper-parameters are found; more rows hardly move them."""
MAX_SCREENING_ROWS = 128
"""Rows from which the warp is chosen."""
SHARE = 10
"""The head is renewed before the rows have grown by one part in so many."""
CHEAP_ROWS = 64
"""Rows up to which everything is found anew from all of them.

Not for the sake of the fit, which is as good with nine tenths of the rows, but of the search: a model that is
chosen anew at every row tries one warp and then another, and stalls less. On 17 tables and pools (six seeds) the
mean normalised regret after 50 trainings was 0.34 so, and 0.40 with a head of nine tenths from 20 rows on."""
MAX_REMEMBERED = 64

_remembered: "OrderedDict[bytes, Settled]" = OrderedDict()
_lock = Lock()


@dataclass(frozen=True)
class Settled:
    """What the head of a table says.

    Args:
        choice: warp and hyper-parameters.
        rows: ``[k]`` the rows of the table that they were found from.
        doubt: ``[k]`` extra variance of those that the others speak against; not looked for in a head of less than
            `MAX_CLIMB_ROWS`, since every row is asked then.
    """

    choice: Choice
    rows: np.ndarray
    doubt: np.ndarray


def num_settled(values: np.ndarray) -> int:
    """Give how many of the first rows settle warp and hyper-parameters for values ``[n]``.

    All up to `CHEAP_ROWS`, all or all but one up to twice as many, then the largest multiple of a power of two
    that leaves out less than a tenth of the rows; and every row up to the last one that was lower or higher than
    all before it, since warps hang on the extremes.
    """
    if len(values) <= CHEAP_ROWS:
        return len(values)
    step = 2 if len(values) <= 2 * CHEAP_ROWS else 1 << max(0, (len(values) // SHARE).bit_length() - 1)
    records = max(int(np.argmin(values)), int(np.argmax(values))) + 1
    return max(len(values) - len(values) % step, records)


def settle(table: Table, *, seed: int) -> Settled:
    """Choose warp and hyper-parameters by the head of a table.

    Args:
        table: every row with a finite value, in order.
        seed: of the rows that are left out where there are very many.

    Raises:
        np.linalg.LinAlgError: no covariance could be factored.
    """
    num = num_settled(table.column.values)
    values = table.column.values[:num]
    order = generator(seed, "climb").permutation(num)
    rows = np.sort(order[:MAX_CLIMB_ROWS])
    judged = table.take(rows)

    def found() -> Settled:
        screened = judged if num <= MAX_SCREENING_ROWS else table.take(np.sort(order[:MAX_SCREENING_ROWS]))
        choice, doubt = choose(screened, candidates(values)), np.zeros(len(rows))
        if screened is not judged:
            choice = touched_up(judged, choice)
        if num >= MAX_CLIMB_ROWS:
            choice, doubt = robust(judged, choice)
        return Settled(choice, rows, doubt)

    return _once(_content(judged, values), found)


def touched_up(table: Table, chosen: Choice) -> Choice:
    """Climb on to the maximum for the rows of a table, with the warp kept."""
    rows = replace(table.warped(chosen.warp), pairs=table.pairs)
    near = chosen.fitted
    fitted = climb(rows, priors_of(table, rows), near.covariance.logs, curvature=near.curvature)
    return replace(chosen, fitted=fitted)


def robust(table: Table, chosen: Choice) -> tuple[Choice, np.ndarray]:
    """Doubt the values of a table that the others speak against; give the choice, and extra variance ``[n]``."""
    rows, fitted = replace(table.warped(chosen.warp), pairs=table.pairs), chosen.fitted
    doubt = np.zeros(len(rows))
    for _ in range(PASSES):
        found = doubts(rows, Posterior.given(doubted(rows, doubt), fitted.covariance, fitted.sites))
        if not found.any():
            break
        doubt += found
        fitted = climb(
            doubted(rows, doubt), priors_of(table, rows), fitted.covariance.logs, curvature=fitted.curvature
        )
    return replace(chosen, fitted=fitted), doubt


def _content(judged: Table, values: np.ndarray) -> bytes:
    digest = blake2b(repr((judged.features.shape, len(values))).encode())
    column = judged.column
    for part in (
        judged.units,
        judged.features,
        judged.groups,
        column.errors,
        column.censored,
        column.values,
        values,
    ):
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.digest()


def _once(key: bytes, found: Callable[[], Settled]) -> Settled:
    with _lock:
        if key in _remembered:
            _remembered.move_to_end(key)
            return _remembered[key]
    settled = found()
    with _lock:
        _remembered[key] = settled
        while len(_remembered) > MAX_REMEMBERED:
            _remembered.popitem(last=False)
    return settled
