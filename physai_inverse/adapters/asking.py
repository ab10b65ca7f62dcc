"""One question to the engine: given the trials of somebody else's loop, what should be trained next?

The foreign loop owns the trials, so that nothing is kept here: a study in memory is made of them, asked, and
thrown away. That costs about a fifth of a suggestion, and whatever was changed, deleted or loaded over there is
seen.
"""

from collections.abc import Sequence

from physai_inverse.objective import ObjectiveLike
from physai_inverse.observations import Config, Observation, Scalar
from physai_inverse.space import Space
from physai_inverse.study import Study


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
        InvalidInput: a configuration does not fit the space, or no configuration fulfils its constraints.
        FitFailed: the numbers defeat the engine.
    """
    study = Study(space, objective, seed=seed)
    try:
        if told:
            study.import_observations(told)
        pending = _allowed(space, waiting)
        if pending:
            study.enqueue(pending)
            study.suggest(len(pending))  # hands out what was queued, so that it counts as running
        return [dict(trial.config) for trial in study.suggest(num)]
    finally:
        study.close()


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
