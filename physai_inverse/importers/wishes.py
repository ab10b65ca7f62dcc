"""A first guess at what is wanted, from the names of the metrics; said to be a guess."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from physai_inverse.importers.naming import direction, is_duration, preference


@dataclass(frozen=True)
class Wish:
    """What is wanted, as a study file says it.

    Args:
        minimize: metrics.
        maximize: metrics.
        where: limits.
        why: the evidence.
        guessed: whether the source itself does not say so.
    """

    minimize: tuple[str, ...]
    maximize: tuple[str, ...]
    where: tuple[str, ...]
    why: str
    guessed: bool

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that are minimized or maximized."""
        return (*self.minimize, *self.maximize)

    @property
    def goals(self) -> list[str]:
        """One text a goal, as an objective takes them."""
        return [
            *(f"minimize {name}" for name in self.minimize),
            *(f"maximize {name}" for name in self.maximize),
            *self.where,
        ]


def wish_for(counts: Mapping[str, int], declared: Mapping[str, str], limits: Sequence[str]) -> Wish:
    """Choose what is wanted.

    Args:
        counts: metric to the number of trainings that have it, in the order of the source.
        declared: metric to `minimize` or `maximize`, where the source says so.
        limits: limits that the source declares.
    """
    said = {name: way for name, way in declared.items() if name in counts}
    if said:
        low = tuple(name for name, way in said.items() if way == "minimize")
        high = tuple(name for name, way in said.items() if way == "maximize")
        return Wish(low, high, tuple(limits), "the source says so", guessed=False)
    most = max(counts.values())
    candidates = [name for name in counts if not is_duration(name) and counts[name] >= 0.5 * most] or list(counts)
    best = min(candidates, key=lambda name: (preference(name), candidates.index(name)))
    way = direction(best)
    if way is None:
        why = f"a guess: nothing says whether a small or a large `{best}` is better"
    else:
        why = f"a guess from the name `{best}`"
    if way == "maximize":
        return Wish((), (best,), tuple(limits), why, guessed=True)
    return Wish((best,), (), tuple(limits), why, guessed=True)
