"""Beliefs count less with every result, and nothing where the results contradict them."""

import numpy as np
import pytest

from physai_inverse.forward import Dataset
from physai_inverse.inverse import conviction
from physai_inverse.inverse.conviction import STRENGTH
from physai_inverse.objective import Minimize, as_objective
from physai_inverse.observations import Observation, TrialState
from physai_inverse.space import Float, Space

SPACE = Space(x=Float(0.0, 1.0))
LOSS = as_objective(Minimize("loss"))


def data(losses: list[float]) -> Dataset:
    listed = [Observation({"x": place / 100}, {"loss": loss}, number=place) for place, loss in enumerate(losses)]
    return Dataset.from_observations(SPACE, listed)


def test_the_weight_is_whole_at_first_and_decays_with_the_square_of_the_number_of_results() -> None:
    assert conviction(np.empty(0), data([]), LOSS) == (1.0, 1.0)
    assert conviction(np.arange(4.0), data([1.0, 0.5, 2.0, 0.1]), LOSS) == (1.0, 1.0)
    losses = np.linspace(1.0, 0.0, 28).tolist()
    weight, trust = conviction(np.arange(28.0), data(losses), LOSS)
    assert (weight, trust) == ((STRENGTH / 28) ** 2, 1.0)


def test_results_that_rank_as_believed_leave_the_trust_whole_and_contrary_ones_take_it() -> None:
    losses = np.linspace(1.0, 2.0, 20)
    believed = -losses
    assert conviction(believed, data(losses.tolist()), LOSS)[1] == 1.0
    assert conviction(-believed, data(losses.tolist()), LOSS)[1] < 1e-6


def test_results_that_say_nothing_of_it_cost_no_trust() -> None:
    assert conviction(np.zeros(20), data(np.linspace(1, 2, 20).tolist()), LOSS)[1] == 1.0


def test_the_trust_is_twice_the_chance_that_the_correlation_is_positive() -> None:
    believed = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
    losses = [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]
    rank = -np.corrcoef(believed, losses)[0, 1]
    score = np.arctanh(rank) * np.sqrt(5 / 1.06)
    from scipy.stats import norm

    assert conviction(believed, data(losses), LOSS)[1] == pytest.approx(2 * norm.cdf(score), rel=1e-6)


def test_failed_trainings_are_no_results() -> None:
    listed = [
        Observation({"x": 0.1}, {}, TrialState.FAILED, number=0),
        Observation({"x": 0.2}, {"loss": 1.0}, number=1),
    ]
    found = Dataset.from_observations(SPACE, listed)
    assert conviction(np.array([1.0, 2.0]), found, LOSS)[0] == 1.0
