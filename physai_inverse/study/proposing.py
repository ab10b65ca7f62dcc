"""From what is known to new trials: configurations with their training seeds and the reasons for them."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from physai_inverse.forward import ForwardMap
from physai_inverse.objective import Objective
from physai_inverse.observations import Config, Scalar
from physai_inverse.seeds import child
from physai_inverse.space import Space
from physai_inverse.space.beliefs import Beliefs
from physai_inverse.store import Proposal, Trial
from physai_inverse.study.fitted import Fitted
from physai_inverse.study.knowledge import PriorKnowledge
from physai_inverse.study.prices import Foreseen
from physai_inverse.study.rungs import Climbed

if TYPE_CHECKING:
    import numpy as np

    from physai_inverse.inverse import Proposed


MOST_JUDGED = 500
"""Rows up to which a suggestion says whether its map is to be trusted; at 1,000 that would take a third of it."""


def training_seed(seed: int, number: int) -> int:
    """Give the seed of a trial's training: different for every trial of a study, below 2**31."""
    return child(seed, "training", number) % 2**31


def queued(
    configs: Sequence[dict[str, Scalar]], first: int, *, seed: int, fidelity: float | None
) -> list[Proposal]:
    """Give trials to be of configurations that somebody asks for, numbered from `first`."""
    return [
        Proposal(config, training_seed(seed, first + place), origin="queued", fidelity=fidelity)
        for place, config in enumerate(configs)
    ]


def by_model(trials: Iterable[Trial]) -> set[int]:
    """Give the numbers of the trials that a model proposed, by their notes."""
    from physai_inverse.inverse import MODELLED

    return {trial.number for trial in trials if trial.note.get("kind") in MODELLED}


def new_proposals(
    space: Space,
    objective: Objective,
    fitted: Fitted | Climbed | None,
    waiting: Sequence[Config],
    *,
    numbers: Sequence[int],
    seed: int,
    modelled: Collection[int] | None = None,
    repeats: bool = True,
    knowledge: PriorKnowledge | None = None,
    foreseen: Foreseen | None = None,
    fewer: bool = False,
) -> list[Proposal]:
    """Propose one configuration for each trial number.

    Args:
        space: the space.
        objective: what is wanted.
        fitted: the data and what was fitted to it; None for random search.
        waiting: configurations of trials that have not ended.
        numbers: the numbers that the trials will get; they name the random streams.
        seed: the study's seed.
        modelled: numbers of the trials that a model proposed; None for all.
        repeats: whether a configuration may be trained again to learn how much of its result was luck.
        knowledge: what the study knows besides its own data; None for nothing.
        foreseen: what is known of what trainings take before they begin; None for nothing.
        fewer: propose fewer where trainings should rather wait for the results of those before them.
    """
    import numpy as np

    from physai_inverse.inverse import Proposed, propose
    from physai_inverse.space.sampling import sample_units

    forward: ForwardMap | None = None
    judged: ForwardMap | None = None
    convinced: dict[str, float] = {}
    if fitted is None:
        drawn = [sample_units(space, 1, seed=child(seed, "random", number))[0] for number in numbers]
        proposed = [Proposed(unit, "random") for unit in drawn]
    else:
        forward = fitted.shown(objective)
        judged = fitted.judged(objective)
        if foreseen is not None and isinstance(fitted, Fitted):
            judged = replace(judged, cost=fitted.foreseen(objective, foreseen))
        pending = space.snap(space.encode([space.complete(config) for config in waiting]))
        knowledge = knowledge or PriorKnowledge(beliefs=Beliefs(space))
        proposed = knowledge.first(fitted.data, objective, pending, len(numbers), seed=seed)
        beliefs = knowledge.beliefs
        if beliefs:
            weight, trust = knowledge.trust(fitted.data, objective)
            convinced = {"weight": weight, "trust": trust}
        proposed += propose(
            judged,
            fitted.data,
            objective,
            np.concatenate([pending, *(item.unit[None] for item in proposed)]),
            numbers=numbers[len(proposed) :],
            seed=seed,
            wait_for=knowledge.wait_for(fitted.data, objective),
            leaning=(lambda units: weight * beliefs.log_density(units)) if beliefs else None,
            modelled=modelled,
            repeats=repeats,
            fewer=fewer and not proposed,
        )
    if judged is not None and objective.cost is None:  # what company saves is no price that anybody asked for
        judged = replace(judged, cost=None)
    units = np.stack([item.unit for item in proposed])
    notes = _notes(forward, judged, fitted, objective, proposed, units, convinced)
    return [
        Proposal(config, seed=training_seed(seed, number), origin="suggested", note=note)
        for number, config, note in zip(numbers, space.decode(units), notes, strict=False)  # of fewer
    ]


def _notes(
    forward: ForwardMap | None,
    judged: ForwardMap | None,
    fitted: Fitted | Climbed | None,
    objective: Objective,
    proposed: "Sequence[Proposed]",
    units: "np.ndarray",
    convinced: dict[str, float],
) -> list[dict[str, Any]]:
    """Say why: the kind of each proposal, what speaks for and against it (see `Reason`), and what it leans on."""
    from physai_inverse.inverse import reasons
    from physai_inverse.understanding import cautions

    notes: list[dict[str, Any]] = [{"kind": item.kind} for item in proposed]
    if convinced:
        for note in notes:
            note["beliefs"] = convinced
    if forward is None or fitted is None or not forward.models:
        return notes
    leaning = {name: dict(model.leaning) for name, model in forward.models.items() if model.leaning}
    if leaning:
        for note in notes:
            note["earlier"] = leaning
    warned = cautions(forward.models, objective.metrics, most_rows=MOST_JUDGED)
    if warned:
        for note in notes:
            note["cautions"] = list(warned)
    found = reasons(forward, fitted.data, objective, units, judged=judged)
    return [{**note, **reason.as_plain()} for note, reason in zip(notes, found, strict=True)]
