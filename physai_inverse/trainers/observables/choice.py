"""Which observables are measured and when: by name, by group, or by a function of one's own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from physai_inverse.errors import InvalidInput
from physai_inverse.trainers.function import load_function
from physai_inverse.trainers.observables.ending import curve_needs
from physai_inverse.trainers.observables.registry import (
    FROM_VIEWS,
    GROUPS,
    LAYERS,
    NEEDS,
    STANDARD,
    Observable,
    observables,
)

if TYPE_CHECKING:
    from physai_inverse.trainers.observables.view import View

Wanted: TypeAlias = "str | Callable[[View], object]"

COST_METRICS: Mapping[str, str] = {
    "observe_seconds": "wall time of the observables, in seconds; part of `seconds`",
    "observe_share": "time of the observables over that of the training without them",
    "observe_missing": "number of observables that are missing at the end: too dear, not finite, or failed",
}
OWN_COST = 2
"""What a user's own observable counts as, which nobody has classed."""


@dataclass(frozen=True)
class Observe:
    """What is observed, and when.

    Args:
        what: names, groups (see `GROUPS`; also `all` and `standard`), names that end in `/layers`, functions of a
            view, and their names such as `my_file.py:squared`.
        at: `end`; or on the way, too: every so many steps, or at `powers` of two.
        share: of the time of training that observing may take; None for any. Points on the way are thinned then,
            and at the end what is dear is left out.

    Raises:
        InvalidInput: a name that is not there, or values that cannot be meant.
    """

    what: "tuple[Wanted, ...]" = ()
    at: str | int = "end"
    share: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "what", check_wanted(self.what))
        at = self.at
        if isinstance(at, bool) or not (at in ("end", "powers") or (isinstance(at, int) and at >= 1)):
            raise InvalidInput(
                f"`observe_at` must be `end`, `powers` or a whole number of steps of at least 1, not {at!r}."
            )
        share = self.share
        if share is not None and (
            isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < float("inf")
        ):
            raise InvalidInput(
                f"`observe_share` must be a number above 0, or nothing for no limit, not {share!r}."
            )

    def steps(self, last: int) -> tuple[int, ...]:
        """List the steps on the way at which to observe, without the last."""
        if self.at == "end":
            return ()
        if self.at == "powers":
            return tuple(2**power for power in range(max(last - 1, 0).bit_length()) if 2**power < last)
        assert isinstance(self.at, int)
        return tuple(range(self.at, last, self.at))


@dataclass(frozen=True)
class Named:
    """A user's observable by where it stands; it is loaded when it first measures.

    Args:
        target: as in `load_function`, such as `my_file.py:squared`.
    """

    target: str

    def __call__(self, view: "View") -> object:
        """Load the function, once a process, and call it."""
        return _loaded(self.target)(view)


@lru_cache(maxsize=64)
def _loaded(target: str) -> Callable[..., object]:
    return load_function(target)


@dataclass(frozen=True)
class Chosen:
    """What is observed of one model.

    Args:
        observables: in the order in which they were asked for, each once.
        names: under which each of them is chosen again.
        layers: names of those wanted for every layer.
        left_out: name to the reason, of those that a group holds and the model has not.
    """

    observables: tuple[Observable, ...] = ()
    names: "tuple[Wanted, ...]" = ()
    layers: frozenset[str] = frozenset()
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def needs(self) -> frozenset[str]:
        """What they need, all together."""
        return frozenset(need for item in self.observables for need in item.needs)

    def metrics(self, at: str | int) -> dict[str, str]:
        """Give the metrics that will be there, each with its meaning and unit."""
        found: dict[str, str] = {}
        for item in self.observables:
            text = item.meaning if item.unit in ("", "1") else f"{item.meaning}; unit: {item.unit}"
            found[item.name] = text
            if at != "end" and not item.of_ending:
                found[f"{item.name}_curve"] = f"{item.name} over steps"
        return {**found, **COST_METRICS} if found else found


def check_wanted(what: object) -> "tuple[Wanted, ...]":
    """Check what is asked for: true, false, one name or function, or a list of them.

    Raises:
        InvalidInput: it is none of these, or a name is not there.
    """
    if what in (True, "true"):
        return ("standard",)
    if what in (False, "none", "false", None):
        return ()
    items = [what] if isinstance(what, str) or callable(what) else what
    if not isinstance(items, list | tuple) or not all(isinstance(item, str) or callable(item) for item in items):
        raise InvalidInput(
            f"`observables` must be true, false, a name, or a list of names, groups and functions, not {what!r}."
        )
    for item in items:
        place, _, function = item.rpartition(":") if isinstance(item, str) else ("", "", "")
        if place.endswith(".py") and not Path(place).is_file():
            raise InvalidInput(
                f"`observables` has {item!r}, and there is no file `{Path(place).resolve()}` with `{function}`."
            )
        if isinstance(item, str) and not _known(item):
            listed = ", ".join(f"`{name}`" for name in ("standard", "all", *GROUPS))
            raise InvalidInput(
                f"`observables` has {item!r}, which is neither an observable (`physai-inverse observables` lists "
                f"them), nor a group ({listed}), nor a function such as `my_file.py:squared`."
            )
    return tuple(items)


def _known(name: str) -> bool:
    plain = name.removesuffix(LAYERS)
    found = observables().get(plain)
    if found is not None:
        return plain == name or bool(found.summary)
    return name in ("all", "standard") or name in GROUPS or ":" in name


def met_by(views: object, curves: "frozenset[str] | None") -> frozenset[str]:
    """Say which needs a model meets.

    Args:
        views: `Views`, or None.
        curves: the names of its curves; None where they are not known yet.
    """
    met = set(NEEDS) - set(FROM_VIEWS) - {"hidden", "representation"}
    if curves is not None:
        met -= {"train_loss", "test_loss", "train_accuracy", "test_accuracy", "gap"}
        met |= curve_needs(curves)
    met |= {need for need in FROM_VIEWS if getattr(views, need, None) is not None}
    if getattr(views, "hidden", True):
        met.add("hidden")
    if {"hidden", "embedding"} & met:
        met.add("representation")
    return frozenset(met)


def choose(what: "tuple[Wanted, ...]", met: frozenset[str], own: frozenset[str] = frozenset()) -> Chosen:
    """Choose what is observed.

    Args:
        what: as in `Observe`.
        met: needs that the model meets.
        own: metrics that the task gives itself, whose names then mean those.

    Raises:
        InvalidInput: one that is named cannot be had; and what `load_function` refuses.
    """
    found: dict[str, Observable] = {}
    names: dict[str, Wanted] = {}
    layers: set[str] = set()
    left_out: dict[str, str] = {}
    for item in what:
        if not isinstance(item, str) or ":" in item:
            own_one = own_observable(Named(item) if isinstance(item, str) else item)
            found[own_one.name], names[own_one.name] = own_one, item
            if own_one.name in own:
                raise InvalidInput(
                    f"`{own_one.name}` is a metric of the task itself; call your function otherwise."
                )
        elif item.removesuffix(LAYERS) in observables():
            name = item.removesuffix(LAYERS)
            reason = lack(observables()[name], met)
            if reason:
                raise InvalidInput(f"`observables` has `{item}`, which needs {reason}; this model has none.")
            if name in own:
                continue
            found[name] = observables()[name]
            if name != item:
                layers.add(name)
                names[name] = item
        else:
            for member in members_of(item):
                reason = lack(member, met)
                if reason:
                    left_out[member.name] = f"needs {reason}"
                elif member.name not in own:
                    found[member.name] = member
    again = tuple(names.get(name, name) for name in found)
    return Chosen(tuple(found.values()), again, frozenset(layers), left_out)


def members_of(group: str) -> list[Observable]:
    """List the observables of a group."""
    known = observables()
    if group == "standard":
        return [known[name] for name in STANDARD]
    return [item for item in known.values() if group in ("all", item.group)]


def lack(item: Observable, met: frozenset[str]) -> str:
    """Say what a model that meets these needs lacks for an observable; empty where it lacks nothing."""
    return " and ".join(NEEDS[need] for need in item.needs if need not in met)


def name_of(function: "Callable[[View], object]") -> str:
    """Give the name under which a user's own observable is a metric."""
    if isinstance(function, Named):
        return function.target.rpartition(":")[2].rpartition(".")[2]
    name = getattr(function, "__name__", type(function).__name__)
    return "own_observable" if name == "<lambda>" else name


def own_observable(function: "Callable[[View], object]") -> Observable:
    """Make an observable of a user's function of a view.

    Raises:
        InvalidInput: its name is that of a built-in one.
    """
    name = name_of(function)
    if name in observables():
        raise InvalidInput(f"`{name}` is a built-in observable; call your function otherwise.")
    return Observable(name, "own", "", OWN_COST, (), function)  # type: ignore[arg-type]  # checked when it measures


def resolved(what: object, folder: Path) -> object:
    """Give names of functions in files with their whole paths, so that they are found from anywhere.

    Args:
        what: as a user writes it, checked or not.
        folder: from which the paths go out.
    """

    def whole(item: object) -> object:
        place, _, name = item.rpartition(":") if isinstance(item, str) else ("", "", "")
        return f"{(folder / place).resolve()}:{name}" if place.endswith(".py") else item

    return [whole(item) for item in what] if isinstance(what, list | tuple) else whole(what)
