"""One question to the engine: given the trials of somebody else's loop, what should be trained next?

The foreign loop owns the trials, so that nothing is kept here, and whatever was changed, deleted or loaded over
there is seen.
"""

from collections.abc import Sequence
from dataclasses import replace

from physai_inverse.objective import ObjectiveLike
from physai_inverse.observations import Config, Observation, Scalar
from physai_inverse.seeds import child
from physai_inverse.space import Space
from physai_inverse.study.entries import as_observations, wanted
from physai_inverse.study.fitted import Fitted
from physai_inverse.study.proposing import new_proposals


def ask(
    space: Space,
    objective: ObjectiveLike,
    told: Sequence[Observation],
    waiting: Sequence[Config],
    *,
    num: int = 1,
    seed: int,
) -> list[dict[str, Scalar]]:
    """Propose configurations.

    Args:
        space: the space; its constraints bind the proposals, not what was told.
        objective: what is wanted.
        told: trials that ended, each with a configuration that fits the space.
        waiting: configurations that were handed out and have not ended; those that break a constraint of the space
            are left out, since they lie where nothing is proposed.
        num: how many, judged together.
        seed: of the whole loop; the numbers of the trials name the streams under it.

    Returns:
        ``num`` configurations.

    Raises:
        InvalidInput: a configuration or the objective does not fit the space, or no configuration fulfils its
            constraints.
        FitFailed: the numbers defeat the engine.
    """
    goals = wanted(objective, space, None)
    rows = [replace(row, number=number) for number, row in enumerate(as_observations(told, space, goals))]
    pending = _allowed(space, [space.check(config, constraints=False) for config in waiting])
    first = len(rows) + len(pending)
    proposals = new_proposals(
        space,
        goals,
        Fitted(space, rows, surrogate=None, seed=child(seed, "fit")),
        pending,
        numbers=range(first, first + num),
        seed=seed,
    )
    return [dict(proposal.config) for proposal in proposals]


def fitted_config(space: Space, values: Config) -> dict[str, Scalar] | None:
    """Give a configuration as the space keeps it; None where it does not fit."""
    from physai_inverse.errors import InvalidInput

    try:
        return space.check(values, constraints=False)
    except InvalidInput:
        return None


def _allowed(space: Space, configs: Sequence[Config]) -> list[Config]:
    if not configs or not space.constraints:
        return list(configs)
    inside = space.feasible(space.encode(configs))
    return [config for config, allowed in zip(configs, inside, strict=True) if allowed]
