"""Which parameter appears when: conditions read off the trials of a loop whose space is only known by running it.

In a define-by-run loop a parameter exists in a trial or does not. Where the values of the other parameters tell
the two apart without exception, that is taken as the condition: `momentum` while `optimizer` was `sgd`, `units_3`
from `layers` = 3 on. A parameter that came (or went) with a change of the program belongs to an *era*, a stretch
of trials between two such changes. What neither explains is left out. Every guess is read off anew for each trial:
a wrong one costs one value that the model did not choose, and is gone with the trial that contradicts it.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from physai_inverse.observations import Scalar
from physai_inverse.space import Choice, Float, Integer, Space
from physai_inverse.space.parameters import FreeParameter

ERA = "era"
MAX_ERAS = 8
"""Eras that are told apart; trials of older ones are left out."""
MAX_RULES = 3
"""Parents that one condition may name."""
FEW = 16
"""Whole numbers with at most this many values decide as categories do; others only by a threshold."""
LEAST_SIDES = 2
"""Different values on either side that a threshold on a fine scale must separate; one may be chance."""

Row = Mapping[str, Scalar]


@dataclass(frozen=True)
class Presence:
    """A space that has every parameter where it appears.

    Args:
        space: the space; its constraints keep the proposals to the latest era.
        eras: the number of the first trial (as listed) of each era but the first; empty where there is one era.
    """

    space: Space
    eras: tuple[int, ...]

    def with_era(self, values: Row, place: int) -> dict[str, Scalar]:
        """Add the era of a trial to its values.

        Args:
            values: the parameters of the trial.
            place: its place in the list of trials from which the presence was read; beyond it for a later one.
        """
        if not self.eras:
            return dict(values)
        return {ERA: sum(place >= first for first in self.eras), **values}


def read_presence(
    rows: Sequence[Row], parameters: Mapping[str, FreeParameter], constraints: Iterable[str] = ()
) -> Presence | None:
    """Read the conditions off trials.

    Args:
        rows: name to value, one mapping a trial, in the order of the trials.
        parameters: name to parameter; names are those of expressions, such as `x1`.
        constraints: of the space, on the named parameters.

    Returns:
        The space and its eras; None where no parameter is left.
    """
    found: dict[str, _Found] = {}
    for name in parameters:
        explained = _explain(name, rows, parameters)
        if explained is not None:
            found[name] = explained
    while True:  # a parameter whose parent was left out cannot stay
        orphans = [name for name, item in found.items() if not {rule.parent for rule in item.rules} <= set(found)]
        if not orphans:
            break
        for name in orphans:
            del found[name]
    if not found:
        return None
    eras = _eras(found.values(), len(rows))
    space: dict[str, FreeParameter] = {}
    limits = list(constraints)
    if eras:
        space[ERA] = Choice(range(len(eras) + 1))
        limits.append(f"{ERA} == {len(eras)}")
    for name, item in found.items():
        space[name] = replace(parameters[name], when=_when(item.rules, _live(item, eras)))
    limits = [text for text in limits if text.split()[0] in space]
    if not set(space) - {ERA}:
        return None
    return Presence(Space(space, constraints=limits), eras)


@dataclass(frozen=True)
class _Rule:
    """What a parent's value must be: one of a set, or on one side of a bound."""

    parent: str
    allowed: frozenset[Scalar] = frozenset()
    sign: str = ""
    bound: Scalar = 0
    fine: bool = False

    def holds(self, value: Scalar) -> bool:
        if self.sign == ">=":
            return value >= self.bound  # type: ignore[operator]  # numbers, both of them
        if self.sign == "<=":
            return value <= self.bound  # type: ignore[operator]  # numbers, both of them
        return value in self.allowed

    @property
    def text(self) -> str:
        if self.sign:
            return f"{self.parent} {self.sign} {self.bound!r}"
        return "(" + " or ".join(f"{self.parent} == {value!r}" for value in sorted(self.allowed)) + ")"


@dataclass(frozen=True)
class _Found:
    """The explanation of one parameter: rules, and the stretch of trials in which they hold."""

    rules: tuple[_Rule, ...]
    first: int = 0
    last: int | None = None


def _explain(name: str, rows: Sequence[Row], parameters: Mapping[str, FreeParameter]) -> _Found | None:
    places = [place for place, row in enumerate(rows) if name in row]
    if not places:
        return None
    first, last = places[0], places[-1]
    # Categories explain first, then a change of the program, then thresholds on fine scales; that a parameter went
    # for good comes last, since the branch that has it may only have been out of luck.
    for fine, start, stop in (
        (False, 0, None),
        (False, first, None),
        (True, 0, None),
        (True, first, None),
        (False, first, last),
        (True, first, last),
    ):
        stretch = rows[start : None if stop is None else stop + 1]
        rules = _rules(name, stretch, parameters, fine=fine)
        if rules is not None:
            return _Found(rules, start, stop)
    return None


def _rules(
    name: str, rows: Sequence[Row], parameters: Mapping[str, FreeParameter], *, fine: bool
) -> tuple[_Rule, ...] | None:
    """Find rules that hold in every row with the parameter, and not all in any row without it."""
    present = [row for row in rows if name in row]
    absent = [row for row in rows if name not in row]
    if not absent:
        return ()
    rules: list[_Rule] = []
    for parent, parameter in parameters.items():
        if parent == name or not all(parent in row for row in present):
            continue
        if any(parent in row for row in absent):  # else it comes and goes with the parameter itself
            rules += _candidates(parent, parameter, present, absent, fine=fine)
    chosen: list[_Rule] = []
    for _ in range(MAX_RULES):
        ranked = [
            (sum(_excludes(rule, row) for row in absent), -rule.fine, -place) for place, rule in enumerate(rules)
        ]
        if not ranked or max(ranked)[0] == 0:
            return None
        most, _, place = max(ranked)
        chosen.append(rules[-place])
        if most == len(absent):
            return tuple(chosen)
        absent = [row for row in absent if not _excludes(chosen[-1], row)]
    return None


def _excludes(rule: _Rule, row: Row) -> bool:
    return rule.parent not in row or not rule.holds(row[rule.parent])


def _candidates(
    parent: str, parameter: FreeParameter, present: Sequence[Row], absent: Sequence[Row], *, fine: bool
) -> list[_Rule]:
    inside = {row[parent] for row in present}
    outside = {row[parent] for row in absent if parent in row}
    if not isinstance(parameter, Integer | Float):
        return [_Rule(parent, frozenset(inside))]
    low, high = min(inside), max(inside)
    few = isinstance(parameter, Integer) and parameter.high - parameter.low < FEW
    bounds = [
        _Rule(parent, sign=">=", bound=low, fine=not few),
        _Rule(parent, sign="<=", bound=high, fine=not few),
    ]
    if few:
        return [*bounds, _Rule(parent, frozenset(inside))]
    if not fine:
        return []
    return [
        rule
        for rule in bounds
        if len(inside) >= LEAST_SIDES and sum(not rule.holds(value) for value in outside) >= LEAST_SIDES
    ]


def _eras(found: Iterable[_Found], num_rows: int) -> tuple[int, ...]:
    changes = {item.first for item in found} | {item.last + 1 for item in found if item.last is not None}
    return tuple(sorted(change for change in changes if 0 < change < num_rows)[-(MAX_ERAS - 1) :])


def _live(item: _Found, eras: Sequence[int]) -> list[Scalar] | None:
    """The eras in which a parameter is there; None for all of them."""
    starts = (0, *eras)
    ends: tuple[float, ...] = (*eras, math.inf)
    last = math.inf if item.last is None else item.last
    live: list[Scalar] = [
        era
        for era, (start, end) in enumerate(zip(starts, ends, strict=True))
        if start <= last and end > item.first
    ]
    return None if len(live) == len(starts) else live


def _when(rules: Sequence[_Rule], live: list[Scalar] | None) -> dict[str, list[Scalar]] | str | None:
    if any(rule.sign for rule in rules):
        era = [] if live is None else ["(" + " or ".join(f"{ERA} == {value}" for value in live) + ")"]
        return " and ".join([*era, *(rule.text for rule in rules)])
    allowed = {} if live is None else {ERA: live}
    for rule in rules:
        allowed[rule.parent] = sorted(rule.allowed)
    return allowed or None
