"""From what is known to new trials: configurations with their training seeds and the reasons for them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from physai_inverse.forward import ForwardMap
from physai_inverse.objective import Objective
from physai_inverse.observations import Config
from physai_inverse.seeds import child
from physai_inverse.space import Space
from physai_inverse.space.beliefs import Beliefs
from physai_inverse.store import Proposal
from physai_inverse.study.fitted import Fitted
from physai_inverse.study.knowledge import PriorKnowledge

if TYPE_CHECKING:
    import numpy as np

    from physai_inverse.inverse import Proposed


def training_seed(seed: int, number: int) -> int:
    """Give the seed of a trial's training: different for every trial of a study, below 2**31."""
    return child(seed, "training", number) % 2**31


def new_proposals(
    space: Space,
    objective: Objective,
    fitted: Fitted | None,
    waiting: Sequence[Config],
    *,
    numbers: Sequence[int],
    seed: int,
    knowledge: PriorKnowledge | None = None,
) -> list[Proposal]:
    """Propose one configuration for each trial number.

    Args:
        space: the space.
        objective: what is wanted.
        fitted: the data and what was fitted to it; None for random search.
        waiting: configurations of trials that have not ended.
        numbers: the numbers that the trials will get; they name the random streams.
        seed: the study's seed.
        knowledge: what the study knows besides its own data; None for nothing.
    """
    import numpy as np

    from physai_inverse.inverse import Proposed, conviction, propose
    from physai_inverse.space.sampling import sample_units

    forward: ForwardMap | None = None
    convinced: dict[str, float] = {}
    if fitted is None:
        drawn = [sample_units(space, 1, seed=child(seed, "random", number))[0] for number in numbers]
        proposed = [Proposed(unit, "random") for unit in drawn]
    else:
        forward = fitted.map(objective.metrics)
        pending = space.snap(space.encode([space.complete(config) for config in waiting]))
        knowledge = knowledge or PriorKnowledge(beliefs=Beliefs(space))
        proposed = knowledge.first(fitted.data, objective, pending, len(numbers), seed=seed)
        beliefs = knowledge.beliefs
        if beliefs:
            weight, trust = conviction(beliefs.log_density(fitted.data.units), fitted.data, objective)
            convinced = {"weight": weight, "trust": trust}
        proposed += propose(
            forward,
            fitted.data,
            objective,
            np.concatenate([pending, *(item.unit[None] for item in proposed)]),
            numbers=numbers[len(proposed) :],
            seed=seed,
            wait_for=knowledge.wait_for(fitted.data, objective),
            leaning=(lambda units: weight * beliefs.log_density(units)) if beliefs else None,
        )
    units = np.stack([item.unit for item in proposed])
    return [
        Proposal(config, seed=training_seed(seed, number), origin="suggested", note=note)
        for number, config, note in zip(
            numbers, space.decode(units), _notes(forward, proposed, units, convinced), strict=True
        )
    ]


def _notes(
    forward: ForwardMap | None, proposed: "Sequence[Proposed]", units: "np.ndarray", convinced: dict[str, float]
) -> list[dict[str, Any]]:
    """Say why: the kind of each proposal, what the map expects of one training of it, what it leans on."""
    notes: list[dict[str, Any]] = [{"kind": item.kind} for item in proposed]
    if convinced:
        for note in notes:
            note["beliefs"] = convinced
    if forward is None or not forward.models:
        return notes
    for name, prediction in forward.predict(units).items():
        for row, note in enumerate(notes):
            interval = [float(prediction.quantiles[level][row]) for level in (0.05, 0.5, 0.95)]
            note.setdefault("predicted", {})[name] = interval
            if leaning := dict(forward.models[name].leaning):
                note.setdefault("earlier", {})[name] = leaning
    for note, success in zip(notes, forward.success_probability(units), strict=True):
        note["success"] = float(success)
    return notes
