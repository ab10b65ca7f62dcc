"""A run beside an honest baseline: the same number of trainings by random search, and a fresh test of both picks.

Random search picks what it measured as best, as its users do; the study picks by its forward map. Both picks are
then trained anew with fresh seeds, so that neither is judged by the run that made it look good.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from physai_inverse.objective import Quantity, measured
from physai_inverse.observations import Scalar, Trainer
from physai_inverse.seeds import child
from physai_inverse.store import Proposal, Trial
from physai_inverse.study.proposing import training_seed
from physai_inverse.study.results import Recommendation
from physai_inverse.study.run import OnProgress, best_measured, make_executor, run
from physai_inverse.study.study import Study

BASELINE_SUFFIX = "-random"
FRESH_SUFFIX = "-fresh"

Pick: TypeAlias = tuple[int, Mapping[str, Scalar], float]
"""Number of the trial, its configuration, and the value of the first wish that it was picked on."""


@dataclass(frozen=True)
class Confirmation:
    """One configuration, trained again with fresh seeds.

    Args:
        config: the configuration.
        number: the trial that it comes from.
        chosen_on: the value of the first wish that it was chosen on: predicted, or measured.
        values: the value of the first wish in each fresh training.
    """

    config: dict[str, Scalar]
    number: int
    chosen_on: float
    values: tuple[float, ...]


@dataclass(frozen=True)
class Campaign:
    """What a campaign found.

    Args:
        recommendation: of the study.
        ours: the recommended configuration, trained again; None where no confirmation was asked for.
        baseline: random search's pick, trained again; None where there is no baseline.
        metric: the metric of `chosen_on` and `values`.
    """

    recommendation: Recommendation
    ours: Confirmation | None
    baseline: Confirmation | None
    metric: str


def baseline_study(study: Study) -> Study:
    """Open the random-search twin of a study, in the same store."""
    return _twin(study, BASELINE_SUFFIX, study.stopping)


def _twin(study: Study, suffix: str, stopping: str) -> Study:
    return Study(
        study.space,
        study.objective,
        store=study.store,
        name=study.name + suffix,
        seed=study.seed,
        fidelity=study.fidelity,
        method="random",
        stopping=stopping,
        read_only=study.store.read_only,
    )


def run_campaign(
    study: Study,
    trainer: Trainer,
    budget: int,
    *,
    baseline: bool = False,
    confirm: int = 0,
    workers: int = 1,
    timeout: float | None = None,
    together: int = 1,
    on_progress: Callable[[str], OnProgress] | None = None,
) -> Campaign:
    """Run a study, its baseline, and the fresh trainings that compare their picks.

    Every part goes on where an earlier, interrupted campaign stopped.

    Args:
        study: the study.
        trainer: see `run`.
        budget: trainings of the study, and of the baseline.
        baseline: whether random search gets the same number of trainings.
        confirm: fresh trainings of each pick.
        workers: see `run`.
        timeout: see `run`.
        together: see `run`.
        on_progress: given the name of a part (`"study"`, `"random search"`, `"fresh seeds"`), gives what to call
            with its progress.

    Raises:
        NotFound: no training of the study ended well.
        TrialFailed: see `run`.
    """

    def progress(part: str) -> OnProgress | None:
        return None if on_progress is None else on_progress(part)

    with make_executor(workers, timeout) as executor:

        def train(part: Study, trainings: int, name: str) -> None:
            run(
                part,
                trainer,
                trainings,
                workers=workers,
                timeout=timeout,
                together=together,
                on_progress=progress(name),
                executor=executor,
            )

        train(study, budget, "study")
        recommendation = study.recommend()
        metric = study.objective.quantities[0]
        picks = {"ours": _own_pick(recommendation, metric)}
        if baseline:
            twin = baseline_study(study)
            train(twin, budget, "random search")
            found = best_measured(twin, twin.trials)
            if found is not None:
                picks["baseline"] = (found[0].number, found[0].config, found[1])
        fresh: dict[str, Confirmation] = {}
        if confirm:
            queue = _queue_fresh(study, picks, confirm)
            train(queue, len(queue.trials), "fresh seeds")
            fresh = _confirmations(queue, picks, metric)
    return Campaign(recommendation, fresh.get("ours"), fresh.get("baseline"), metric)


def past_campaign(study: Study) -> Campaign | None:
    """Give what an earlier campaign of this study found, without any training; None where nothing was confirmed.

    Raises:
        NotFound: no training of the study ended well.
    """
    names = study.store.studies()
    if study.name + FRESH_SUFFIX not in names:
        return None
    fresh = _twin(study, FRESH_SUFFIX, "none")
    picks = {"ours": _own_pick(study.recommend(), study.objective.quantities[0])}
    if study.name + BASELINE_SUFFIX in names:
        twin = baseline_study(study)
        found = best_measured(twin, twin.trials)
        if found is not None:
            picks["baseline"] = (found[0].number, found[0].config, found[1])
    metric = study.objective.quantities[0]
    confirmed = {name: found for name, found in _confirmations(fresh, picks, metric).items() if found.values}
    if not confirmed:
        return None
    return Campaign(study.recommend(), confirmed.get("ours"), confirmed.get("baseline"), metric)


def _own_pick(recommendation: Recommendation, metric: str) -> Pick:
    return recommendation.number, recommendation.config, recommendation.predictions[metric].median


def _queue_fresh(study: Study, picks: Mapping[str, Pick], repeats: int) -> Study:
    """Queue fresh trainings of each pick in a study of their own, so that none flows back into the choice."""
    fresh = _twin(study, FRESH_SUFFIX, "none")
    # The same seeds for every pick; one pick after the other, so that two equal picks share their trainings.
    for _, config, _ in picks.values():
        there = {trial.seed for trial in _trainings(fresh, config)}
        seeds = [training_seed(child(study.seed, "fresh"), repeat) for repeat in range(repeats)]
        waiting = [Proposal(config, seed=seed, origin="queued") for seed in seeds if seed not in there]
        fresh.store.enqueue(fresh.name, waiting)
    return fresh


def _confirmations(fresh: Study, picks: Mapping[str, Pick], metric: str) -> dict[str, Confirmation]:
    return {
        name: Confirmation(
            config=dict(config),
            number=number,
            chosen_on=chosen_on,
            values=tuple(
                measured(metric, trial.metrics, trial.config)
                for trial in _trainings(fresh, config)
                if set(Quantity(metric).names) <= {*trial.metrics, *trial.config}
            ),
        )
        for name, (number, config, chosen_on) in picks.items()
    }


def _trainings(fresh: Study, config: Mapping[str, Scalar]) -> list[Trial]:
    return [trial for trial in fresh.trials if fresh.space.same(trial.config, config)]
