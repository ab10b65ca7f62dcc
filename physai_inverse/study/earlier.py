"""Earlier studies, read where they are kept and brought to the space of this one."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from physai_inverse.errors import InvalidInput, NotFound
from physai_inverse.forward import Column, Dataset
from physai_inverse.objective import Objective
from physai_inverse.observations import Observation
from physai_inverse.space import Space
from physai_inverse.space.alignment import aligned
from physai_inverse.store import Store
from physai_inverse.study.censoring import observed
from physai_inverse.study.opening import fidelity_of

if TYPE_CHECKING:
    import numpy as np

    from physai_inverse.surrogates.transfer import Earlier


class StudyOfStore(Protocol):
    """A study as far as its observations are concerned; a `Study` is one."""

    @property
    def store(self) -> Store:
        """Where it is kept."""

    @property
    def name(self) -> str:
        """Its name there."""


EarlierLike: TypeAlias = "StudyOfStore | str | Path | tuple[str | Path, str | None]"
"""A study, a store that holds one study, or a store and the name of a study in it."""


def earlier_studies(given: Iterable[EarlierLike], space: Space, own: tuple[Store, str]) -> "tuple[Earlier, ...]":
    """Read earlier studies as they stand now.

    Args:
        given: the studies, or where they are kept.
        space: of this study; parameters are matched by name, see `space.alignment`.
        own: store and name of this study.

    Raises:
        InvalidInput: something that names no study, this study itself, or one that shares no parameter with it.
        NotFound: no such store or study.
        StoreDamaged, StoreUnavailable: a store cannot be read.
    """
    from physai_inverse.surrogates.transfer import Earlier

    if isinstance(given, str | Path) or not isinstance(given, Iterable):
        raise InvalidInput("`earlier` must be a list of studies, such as [study] or ['other.db'].")
    found: list[Earlier] = []
    for item in given:
        store, name = _opened(item)
        try:
            if name == own[1] and (store is own[0] or (store.path is not None and store.path == own[0].path)):
                raise InvalidInput(
                    f"The study `{name}` cannot be its own earlier study; leave it out of `earlier`."
                )
            record = store.study(name)
            old = Space.from_plain(record.spaces[-1])
            finished = [trial for trial in store.trials(name) if trial.state.finished]
            observations = observed(finished, Objective.from_plain(record.objective), fidelity_of(record))
        finally:
            if isinstance(item, str | Path | tuple):
                store.close()
        if not set(old.parameters) & set(space.names):
            raise InvalidInput(
                f"The earlier study `{name}` shares no parameter with this space: it has {list(old.parameters)}, "
                f"this one {list(space.names)}. Leave it out of `earlier`."
            )
        taken = {earlier.name for earlier in found}
        unique = next(
            text
            for count in range(1, len(found) + 2)
            if (text := name if count == 1 else f"{name} ({count})") not in taken
        )
        found.append(Earlier(unique, brought(space, old, observations)))
    return tuple(found)


def _opened(item: EarlierLike) -> tuple[Store, str]:
    if isinstance(item, str | Path | tuple):
        place, name = item if isinstance(item, tuple) else (item, None)
        if isinstance(place, str | Path) and "://" not in str(place) and not Path(place).exists():
            raise NotFound(f"There is no database `{place}`, which `earlier` names.")
        store = Store(place, read_only=True)
        if name is None:
            names = store.studies()
            if len(names) != 1:
                store.close()
                raise NotFound(
                    f"The store `{place}` holds the studies {list(names)}; say which one: (store, name)."
                )
            name = names[0]
        return store, name
    known, called = getattr(item, "store", None), getattr(item, "name", None)
    if not isinstance(known, Store) or not isinstance(called, str):
        raise InvalidInput(
            f"`earlier` takes studies, stores, or pairs (store, name), not {type(item).__name__} {item!r}."
        )
    return known, called


def brought(space: Space, old: Space, observations: Sequence[Observation]) -> Dataset:
    """Bring observations of another space to this one; those without a place in it are left out."""
    import numpy as np

    kept = [observation for observation in observations if observation.kind != "preempted"]
    data = Dataset.from_observations(old, kept)
    units, placed = aligned(space, [old.complete(observation.config) for observation in kept])
    return _rows(replace(data, space=space, units=units), np.flatnonzero(placed))


def _rows(data: Dataset, rows: "np.ndarray") -> Dataset:
    return Dataset(
        space=data.space,
        units=data.units[rows],
        columns={
            name: Column(column.values[rows], column.errors[rows], column.censored[rows])
            for name, column in data.columns.items()
        },
        failed=data.failed[rows],
        numbers=tuple(data.numbers[row] for row in rows),
        kinds=tuple(data.kinds[row] for row in rows),
    )
