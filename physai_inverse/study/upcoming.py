"""What a study would hand out next, without handing it out."""

from typing import TYPE_CHECKING, cast

from physai_inverse.observations import TrialState
from physai_inverse.store import Trial
from physai_inverse.study.climbing import next_proposals
from physai_inverse.study.entries import check_count

if TYPE_CHECKING:
    from physai_inverse.store.encoding import JSON
    from physai_inverse.study.study import Study


def upcoming(study: "Study", num: int = 1) -> list[Trial]:
    """Give the trials that `Study.suggest` would hand out now: those that wait, then what it would propose.

    Nothing is recorded and nothing is leased; the same call gives the same trials until the study changes.

    Args:
        study: the study.
        num: how many.

    Returns:
        Trials in the state proposed, each with its configuration and the note that says why. Proposals get the
        numbers that they would have.

    Raises:
        InvalidInput: `num` is no whole number of at least 1.
    """
    check_count("num", num)
    trials = study.trials
    waiting = [trial for trial in trials if trial.state is TrialState.PROPOSED][:num]
    numbers = range(len(trials), len(trials) + num - len(waiting))
    if not numbers:
        return waiting
    fitted = study._fitted() if study.method == "model" else None
    by_number = {trial.number: trial for trial in trials}
    return waiting + [
        Trial(
            number,
            dict(proposal.config),
            TrialState.PROPOSED,
            seed=proposal.seed,
            origin=proposal.origin,
            note=cast("dict[str, JSON]", dict(proposal.note)),
            fidelity=proposal.fidelity,
            continues=proposal.continues,
        )
        for number, proposal in zip(
            numbers, next_proposals(study, fitted, by_number, numbers, resume=None), strict=True
        )
    ]
