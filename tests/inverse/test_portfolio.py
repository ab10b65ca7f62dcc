"""Where to start from earlier studies: the best of all first, then what the others add."""

import numpy as np

from physai_inverse.forward import ForwardMap
from physai_inverse.inverse import portfolio
from physai_inverse.objective import AtMost, Maximize, Minimize, as_objective
from physai_inverse.space import Float, Space
from tests.fakes import Known

SPACE = Space(x=Float(0.0, 1.0))
UNITS = np.linspace(0.0, 1.0, 21)[:, None]


def peak(place: float) -> ForwardMap:
    return ForwardMap(SPACE, {"y": Known(lambda u: (u[:, 0] - place) ** 2)})


def test_the_first_is_good_everywhere_and_the_next_are_best_somewhere() -> None:
    picked = portfolio([peak(0.2), peak(0.2), peak(0.8)], as_objective(Minimize("y")), UNITS, 3)[:, 0]
    assert np.round(picked[:2], 2).tolist() == [0.2, 0.8]
    assert len(set(picked.tolist())) == 3


def test_one_study_gives_its_best_in_order() -> None:
    picked = portfolio([peak(0.5)], as_objective(Maximize("y")), UNITS, 2)[:, 0]
    assert sorted(picked.tolist()) == [0.0, 1.0]


def test_what_meets_the_limits_comes_first() -> None:
    forward = ForwardMap(SPACE, {"y": Known(lambda u: u[:, 0]), "size": Known(lambda u: 1.0 - u[:, 0])})
    objective = as_objective([Minimize("y"), AtMost("size", 0.5)])
    assert portfolio([forward], objective, UNITS, 1)[0, 0] == 0.5


def test_no_more_is_given_than_there_is() -> None:
    assert len(portfolio([peak(0.5)], as_objective(Minimize("y")), UNITS[:2], 5)) == 2
    assert len(portfolio([peak(0.5)], as_objective(Minimize("y")), UNITS[:0], 5)) == 0
