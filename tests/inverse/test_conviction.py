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
    weight, trust = conviction(np.arange(28.0) - 14.0, data(losses), LOSS)
    assert (weight, trust) == ((STRENGTH / 28) ** 2, 1.0)


def test_a_believed_region_that_did_better_keeps_the_trust_whole_and_one_that_did_worse_loses_it() -> None:
    density = np.repeat([50.0, -50.0], [2, 5])
    better, worse = np.arange(7.0), -np.arange(7.0)
    assert conviction(density, data(better.tolist()), LOSS)[1] == 1.0
    assert conviction(density, data(worse.tolist()), LOSS) == (0.0, 0.0)


def test_the_centre_alone_loses_the_trust_where_both_others_did_better() -> None:
    density = np.array([50.0, -50.0, -50.0])
    assert conviction(density, data([3.0, 2.0, 1.0]), LOSS)[1] == 0.0
    assert conviction(density, data([2.0, 3.0, 1.0]), LOSS)[1] == 1.0


def test_results_that_say_nothing_of_it_cost_no_trust() -> None:
    assert conviction(np.zeros(20), data(np.linspace(1, 2, 20).tolist()), LOSS)[1] == 1.0


def test_the_trust_grows_from_a_quarter_of_the_pairs_won_to_one_half() -> None:
    density = np.repeat([50.0, -50.0], [1, 9])
    losses = [6.5, *np.arange(9.0)]  # two of nine pairs are won, and a half of one more
    assert conviction(density, data(losses), LOSS)[1] == pytest.approx(0.0)
    losses = [5.5, *np.arange(9.0)]
    assert conviction(density, data(losses), LOSS)[1] == pytest.approx((3.5 / 10 - 0.25) / 0.25)


def test_failed_trainings_are_no_results_but_speak_against_the_region() -> None:
    listed = [
        Observation({"x": 0.1}, {}, TrialState.FAILED, number=0),
        Observation({"x": 0.2}, {"loss": 1.0}, number=1),
        Observation({"x": 0.3}, {"loss": 2.0}, number=2),
    ]
    found = Dataset.from_observations(SPACE, listed)
    assert conviction(np.array([1.0, 2.0]), Dataset.from_observations(SPACE, listed[:2]), LOSS)[0] == 1.0
    assert conviction(np.array([50.0, -50.0, -50.0]), found, LOSS) == (0.0, 0.0)
    assert conviction(np.array([-50.0, 50.0, 50.0]), found, LOSS) == (1.0, 1.0)
