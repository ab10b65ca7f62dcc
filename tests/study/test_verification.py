"""A promise put to the test: what is trained, what is recorded, and the verdict."""

from collections.abc import Callable

import numpy as np
import pytest

from physai_inverse.errors import Conflict, InvalidInput
from physai_inverse.objective import as_objective
from physai_inverse.observations import Config
from physai_inverse.space import Float, Space
from physai_inverse.study import Answer, Study
from physai_inverse.study.verification import ORIGIN, binomial_interval, meets, surprise

SPACE = Space(a=Float(0.0, 1.0), b=Float(0.0, 1.0))
Train = Callable[[Config, int], dict[str, float]]


def bowl(config: Config, seed: int) -> dict[str, float]:
    noise = 0.02 * np.random.default_rng(seed).normal()
    return {"loss": (float(config["a"]) - 0.5) ** 2 + (float(config["b"]) - 0.5) ** 2 + noise}


@pytest.fixture(scope="module")
def taught() -> list[tuple[Config, dict[str, float]]]:
    return [(config, bowl(config, seed)) for seed, config in enumerate(SPACE.sample(20, seed=0))]


@pytest.fixture
def study(taught: list[tuple[Config, dict[str, float]]]) -> Study:
    opened = Study(SPACE, "minimize loss")
    opened.import_observations(taught)
    return opened


@pytest.fixture
def answer(study: Study) -> Answer:
    return study.invert("loss <= 0.1", n=4)


def test_trainings_of_an_answer_become_trials_with_what_was_promised(study: Study, answer: Answer) -> None:
    found = study.verify(answer, bowl, 3)
    trials = study.trials[20:]
    assert [trial.origin for trial in trials] == [ORIGIN] * 3
    assert [trial.note["promised"] for trial in trials] == list(answer.probabilities[:3])
    assert [trial.note["query"] for trial in trials] == ["loss <= 0.1"] * 3
    assert [training.config for training in found.trainings] == [dict(config) for config in answer.configs[:3]]
    assert [training.met for training in found.trainings] == [
        float(trial.metrics["loss"]) <= 0.1 for trial in trials
    ]
    assert len({trial.seed for trial in trials}) == 3
    assert found.held
    assert found.statement.startswith(f"The promise held: {found.met} of 3 trainings met loss <= 0.1")


def test_more_trainings_than_configurations_train_some_again_with_other_seeds(
    study: Study, answer: Answer
) -> None:
    found = study.verify(answer, bowl, 6)
    assert [training.config for training in found.trainings[4:]] == [dict(config) for config in answer.configs[:2]]
    assert len({trial.seed for trial in study.trials[20:]}) == 6


def test_a_broken_promise_is_called_so(study: Study, answer: Answer) -> None:
    found = study.verify(answer, lambda config: {"loss": 5.0}, 4)
    assert found.met == 0
    assert not found.held
    assert found.statement.startswith("The promise was too bright: 0 of 4 trainings met loss <= 0.1")


def test_a_failed_training_does_not_meet_the_query(study: Study, answer: Answer) -> None:
    found = study.verify(answer, lambda config: {"loss": float("nan")}, 2)
    assert [training.met for training in found.trainings] == [False, False]
    assert [trial.status for trial in study.trials[20:]] == ["diverged", "diverged"]


def test_an_interrupted_verification_is_finished_with_the_promises_it_began_with(
    study: Study, answer: Answer
) -> None:
    calls: list[Config] = []

    def interrupted(config: Config, seed: int) -> dict[str, float]:
        calls.append(config)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return bowl(config, seed)

    with pytest.raises(KeyboardInterrupt):
        study.verify(answer, interrupted, 3)
    assert [trial.state.finished for trial in study.trials[20:]] == [True, False, False]
    later = study.invert("loss <= 0.1", n=2)
    found = study.verify(later, bowl, 1)
    assert [training.promised for training in found.trainings] == list(answer.probabilities[:3])
    assert len(study.trials) == 23


def test_what_others_queued_is_left_to_them(study: Study, answer: Answer) -> None:
    [queued] = study.enqueue([{"a": 0.1, "b": 0.1}])
    study.verify(answer, bowl, 2)
    assert study.trial(queued.number).status == "proposed"
    study.run(bowl, 1)  # a verification does not count towards a budget
    assert study.trial(queued.number).status == "done"


def test_a_training_that_somebody_else_has_is_not_waited_for(study: Study, answer: Answer) -> None:
    other = Study.load(study.store)

    def slow(config: Config, seed: int) -> dict[str, float]:
        if len(other.trials) == 22 and not any(trial.status == "running" for trial in other.trials[21:]):
            other.suggest(1)
        return bowl(config, seed)

    with pytest.raises(Conflict, match="Trial 21 of this verification is being trained by somebody else"):
        study.verify(answer, slow, 2)


def test_nothing_is_trained_where_nothing_was_promised(study: Study) -> None:
    with pytest.raises(InvalidInput, match="There is nothing to verify: None in this space is likely"):
        study.verify(study.invert("loss <= -3"), bowl, 2)
    with pytest.raises(InvalidInput, match="`k` must be a whole number of at least 1, not 0"):
        study.verify(study.invert("loss <= 0.1"), bowl, 0)
    assert len(study.trials) == 20


def test_a_query_is_met_by_its_limits_targets_and_bars() -> None:
    query = as_objective("loss = 1 +- 0.1") & as_objective("minimize cost") & as_objective("size <= 3")
    good = {"loss": 1.05, "cost": 2.0, "size": 3.0}
    assert meets(query, good, {"cost": 2.0})
    for name, value in (("loss", 1.2), ("cost", 2.1), ("size", 3.1), ("size", float("nan"))):
        assert not meets(query, {**good, name: value}, {"cost": 2.0})
    assert not meets(query, {"loss": 1.0, "cost": 1.0}, {"cost": 2.0})


def test_the_interval_is_exact() -> None:
    assert binomial_interval(0, 10) == pytest.approx((0.0, 1 - 0.025**0.1))
    assert binomial_interval(10, 10) == pytest.approx((0.025**0.1, 1.0))
    assert binomial_interval(4, 10) == pytest.approx((0.1216, 0.7376), abs=1e-4)  # Clopper & Pearson's table


def test_the_surprise_of_a_count_is_twice_its_smaller_tail() -> None:
    assert surprise(0, [0.5, 0.5]) == pytest.approx(0.5)
    assert surprise(1, [0.5, 0.5]) == 1.0
    assert surprise(0, [0.9, 0.8, 0.7]) == pytest.approx(2 * 0.1 * 0.2 * 0.3)
