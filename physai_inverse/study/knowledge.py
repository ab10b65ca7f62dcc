"""What is trained before the map has anything to say: the user's own, the defaults, earlier studies, beliefs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from physai_inverse.errors import InvalidInput
from physai_inverse.forward import AbstractSurrogate, Dataset, ForwardMap
from physai_inverse.objective import Objective
from physai_inverse.observations import Config
from physai_inverse.seeds import child
from physai_inverse.space import Space
from physai_inverse.space.beliefs import Belief, Beliefs
from physai_inverse.store import Store
from physai_inverse.study.earlier import EarlierLike, earlier_studies

if TYPE_CHECKING:
    import numpy as np

    from physai_inverse.inverse import Proposed
    from physai_inverse.surrogates import Transferred

NUM_FROM_EARLIER = 3
"""How many configurations of earlier studies are tried."""

WAIT_FOR = 5
"""Finite results after which the map proposes where earlier studies lend it their shape."""

YOUNG = 64
"""Trials from which nobody asks any more what a young study would try."""

LEAST_AGREEMENT = 0.2
"""Rank correlation between what earlier studies expect and what came, above which they are trusted at once."""

BELIEVED_SHARE = 0.5
"""Share of the first trainings that is drawn from beliefs; the even sequence keeps the rest."""

LEAST_TRUST = 0.5
"""Trust in beliefs (`conviction`) from which more of those first trainings are drawn from them than the centre."""


@dataclass(frozen=True)
class PriorKnowledge:
    """What a study knows besides its own data.

    Args:
        beliefs: of the user; may be none.
        start: configurations to be trained before any other.
        transferred: the recipe that knows earlier studies; None without any.
    """

    beliefs: Beliefs
    start: tuple[Config, ...] = ()
    transferred: "Transferred | None" = None

    def trust(self, data: Dataset, objective: Objective) -> tuple[float, float]:
        """Give the weight of the beliefs in the acquisition, and the trust in them (`conviction`)."""
        from physai_inverse.inverse import conviction

        return conviction(self.beliefs.log_density(data.units), data, objective)

    def wait_for(self, data: Dataset, objective: Objective) -> int:
        """Say how many finite results the map waits for before it proposes."""
        from physai_inverse.inverse import num_initial

        usual = num_initial(data.space)
        maps = self._maps(objective) if len(data) < YOUNG else []
        if not maps:
            return usual
        return min(WAIT_FOR, usual) if _agree(maps, data, objective) else usual + 1

    def first(
        self, data: Dataset, objective: Objective, pending: "np.ndarray", num: int, *, seed: int
    ) -> "list[Proposed]":
        """Give the next points that come before the map's, at most `num`.

        The user's own come first whenever they were not trained yet; the others only while a study is young: the
        defaults where every parameter has one, the best of earlier studies and the centre of the beliefs, the two
        points that a study without any knowledge begins with, by which those are judged, and more of what stood
        the comparison.

        Args:
            data: the observations.
            objective: what is wanted.
            pending: ``[p, d]`` points of trials that have not ended.
            num: how many.
            seed: the study's seed.
        """
        import numpy as np

        from physai_inverse.inverse import Proposed

        space = data.space
        tried = np.concatenate([data.units, pending])
        given = space.snap(space.encode([space.complete(config) for config in self.start]))
        listed = [("given", unit) for unit in given]
        if len(tried) < len(given) + YOUNG:
            others = self._others(data, objective, seed)
            points = np.array([unit for _, unit in others]).reshape(-1, space.dimension)
            allowed = space.feasible(points)
            if len(tried) < len(given) + len(others):
                listed += [item for item, fits in zip(others, allowed, strict=True) if fits]
        seen = {row.tobytes() for row in np.round(tried, 12)}
        fresh: list[Proposed] = []
        for kind, unit in listed:
            key = np.round(unit, 12).tobytes()
            if key not in seen and len(fresh) < num:
                fresh.append(Proposed(unit, kind))
            seen.add(key)
        return fresh

    def _others(self, data: Dataset, objective: Objective, seed: int) -> "list[tuple[str, np.ndarray]]":
        """What a young study tries, in order, with the kind of each."""
        import numpy as np

        from physai_inverse.inverse import num_initial, portfolio, start_point
        from physai_inverse.space.sampling import sample_units

        space, maps = data.space, self._maps(objective)
        if not maps and not self.beliefs:
            return []
        best: list[tuple[str, np.ndarray]] = []
        if self.transferred is not None and maps:
            units = np.concatenate([item.data.units[~item.data.failed] for item in self.transferred.earlier])
            units = np.unique(space.snap(np.clip(units, 0.0, 1.0)), axis=0)
            picked = portfolio(maps, objective, units[space.feasible(units)], NUM_FROM_EARLIER)
            best = [("earlier", unit) for unit in picked]
        believed: list[tuple[str, np.ndarray]] = []
        if self.beliefs:
            num = max(1, round(BELIEVED_SHARE * num_initial(space)))
            stream = child(seed, "beliefs")
            drawn = self.beliefs.drawn(sample_units(space, num, seed=stream, method="additive", sparse=False))
            drawn[0] = space.snap(self.beliefs.centre[None])[0]
            believed = [("belief", unit) for unit in drawn]
        rest = []
        if all(parameter.default is not None for parameter in space.free):
            rest = [("start", space.snap(space.rest[None])[0])]
        even = [("start", start_point(space, index, seed=seed)) for index in (0, 1)]
        convinced = bool(believed) and self.trust(data, objective)[1] >= LEAST_TRUST
        later = best[1:] if maps and _agree(maps, data, objective) else []
        return [*rest, *best[:1], *believed[:1], *even, *(believed[1:] if convinced else []), *later]

    def _maps(self, objective: Objective) -> list[ForwardMap]:
        from physai_inverse.inverse import with_derived

        if self.transferred is None:
            return []
        known = self.transferred.maps(objective.metrics)
        return [with_derived(forward, objective, data) for data, forward in known]


def _agree(maps: Sequence[ForwardMap], data: Dataset, objective: Objective) -> bool:
    """Say whether the results rank as the earlier studies expect, or are too few to tell."""
    from physai_inverse.inverse import agreement

    found = agreement(maps, data, objective)
    return found is None or found > LEAST_AGREEMENT


def prior_knowledge(
    space: Space,
    start: Sequence[Config],
    beliefs: Sequence[Belief],
    earlier: Sequence[EarlierLike],
    base: AbstractSurrogate | None,
    own: tuple[Store, str],
) -> PriorKnowledge:
    """Check and read what a user knows.

    Args:
        space: the space.
        start: configurations to be trained before any other.
        beliefs: of good configurations.
        earlier: earlier studies, or where they are kept.
        base: the recipe that earlier studies are added to; a Gaussian process for each metric where it is None.
        own: store and name of this study, which cannot be its own earlier one.

    Raises:
        InvalidInput: something that does not fit the space, or names no study.
        NotFound: no such store or study.
        StoreDamaged, StoreUnavailable: a store cannot be read.
    """
    found = earlier_studies(earlier, space, own)
    recipe = None
    if found:
        from physai_inverse.surrogates import GaussianProcess, Transferred

        recipe = Transferred(found, base or GaussianProcess())
    return PriorKnowledge(Beliefs(space, tuple(beliefs)), _checked(start, space), recipe)


def _checked(start: Sequence[Config], space: Space) -> tuple[Config, ...]:
    """Check the user's own configurations.

    Raises:
        InvalidInput: one does not fit the space; says which.
    """
    if isinstance(start, Mapping):
        raise InvalidInput("`start` must be a list of configurations, not one; put it in [ ].")
    found: list[Config] = []
    for place, config in enumerate(start):
        try:
            found.append(space.check(config))
        except InvalidInput as error:
            raise InvalidInput(f"`start[{place}]`: {error}") from error
    return tuple(found)
