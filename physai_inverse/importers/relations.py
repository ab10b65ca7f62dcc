"""What columns are to each other: shares of a whole, and products of powers of others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

TOTALS = (1.0, 100.0)
TOLERANCE = 0.01
"""Of a total of rounded shares, relative to it."""
EXACT = 1e-6
"""The same for two columns, which add up by chance more easily."""
LEAST_ROWS = 8
RELATIVE = 1e-3
"""How exactly a product must meet a rounded column."""
POWERS = 2
"""Exponents are multiples of one over this."""


@dataclass(frozen=True)
class ShareGroup:
    """Columns that are parts of a whole.

    Args:
        names: of the columns, in order.
        total: to which they add up in every row, up to rounding.
    """

    names: tuple[str, ...]
    total: float

    @property
    def label(self) -> str:
        """A name for the group: what its columns begin with, where that is a word."""
        starts = {name.partition("_")[0] for name in self.names if "_" in name}
        return f"{starts.pop()}_shares" if len(starts) == 1 else "shares"


def shares(columns: Mapping[str, Sequence[float]]) -> list[ShareGroup]:
    """Find groups of neighbouring columns that add up to one (or to a hundred) in every row.

    Args:
        columns: name to one number a row, in the order of the table; only columns without gaps.

    Returns:
        Groups that do not overlap, the longest first where several could be.
    """
    import numpy as np

    names = list(columns)
    if len(names) < 2:
        return []
    values = np.array([columns[name] for name in names], dtype=float)
    found: list[ShareGroup] = []
    for total in TOTALS:
        fits = np.all((values >= 0) & (values <= total * (1 + TOLERANCE)), axis=1)
        start = 0
        while start < len(names):
            end = start
            while end < len(names) and fits[end]:
                end += 1
            best = _longest(values, start, end, total)
            if best is None:
                start += 1
                continue
            found.append(ShareGroup(tuple(names[best[0] : best[1]]), total))
            start = best[1]
    taken: set[str] = set()
    kept = []
    for group in sorted(found, key=lambda item: -len(item.names)):
        if not taken & set(group.names):
            kept.append(group)
            taken |= set(group.names)
    return kept


def _longest(values: "np.ndarray", start: int, end: int, total: float) -> tuple[int, int] | None:
    import numpy as np

    for stop in range(end, start + 1, -1):
        block = values[start:stop]
        width = TOLERANCE if stop - start > 2 else EXACT
        if np.all(np.abs(block.sum(axis=0) - total) <= width * total) and np.all(block.std(axis=1) > 0):
            return start, stop
    return None


def derived(columns: Mapping[str, Sequence[float]]) -> dict[str, str]:
    """Find columns that are a product of powers of earlier ones: no parameters of their own.

    Args:
        columns: name to one positive number a row, in the order of the table; only columns without gaps that vary.

    Returns:
        Name to the product, such as `6 * params * train_tokens`.
    """
    import numpy as np

    names = list(columns)
    if not names or len(columns[names[0]]) < LEAST_ROWS:
        return {}
    logs = {name: np.log(np.asarray(columns[name], dtype=float)) for name in names}
    base: list[str] = []
    found: dict[str, str] = {}
    for name in names:
        target = logs[name]
        distinct = len(np.unique(target))
        if base and distinct >= LEAST_ROWS:
            matrix = np.column_stack([*(logs[other] for other in base), np.ones(len(target))])
            weights, _, rank, _ = np.linalg.lstsq(matrix, target, rcond=1e-10)
            exponents = np.round(weights[:-1] * POWERS) / POWERS
            used = np.flatnonzero(exponents)
            residual = target - matrix[:, :-1] @ exponents
            if len(used) and rank == matrix.shape[1] and np.ptp(residual) <= 2 * RELATIVE:
                found[name] = _product(
                    float(np.exp(np.median(residual))), [(base[i], float(exponents[i])) for i in used]
                )
                continue
        base.append(name)
    return found


def _product(factor: float, powers: Sequence[tuple[str, float]]) -> str:
    text = "" if abs(factor - 1) < RELATIVE else f"{factor:.4g}"
    for name, power in sorted(powers, key=lambda item: item[1] < 0):
        sign = " / " if power < 0 else " * " if text else ""
        size = "" if abs(power) == 1 else f"**{abs(power):g}"
        text = f"{text or ('1' if power < 0 else '')}{sign}{name}{size}"
    return text
