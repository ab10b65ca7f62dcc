"""Fidelities: their rungs, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from physai_inverse.errors import InvalidInput
from physai_inverse.fidelity import Fidelity


def test_rungs_rise_by_the_ratio_and_end_at_the_highest() -> None:
    assert Fidelity("epochs", 1, 81).rungs == (1.0, 3.0, 9.0, 27.0, 81.0)
    assert Fidelity("epochs", 1, 52).rungs == (1.0, 3.0, 9.0, 27.0, 52.0)
    assert Fidelity("share", 0.05, 1.0, eta=4).rungs == (0.05, 0.2, 1.0)
    assert Fidelity("width", 10, 40, log=False, eta=2).rungs == (10.0, 25.0, 40.0)


@given(
    low=st.integers(1, 20),
    factor=st.floats(1.1, 1000.0),
    eta=st.floats(1.1, 10.0),
    log=st.booleans(),
)
def test_rungs_are_few_increasing_and_within_the_range(low: int, factor: float, eta: float, log: bool) -> None:
    fidelity = Fidelity("epochs", low, int(low * factor) + 1, log=log, eta=eta)
    rungs = fidelity.rungs
    assert rungs[0] == low
    assert rungs[-1] == fidelity.high
    assert list(rungs) == sorted(set(rungs))
    assert [fidelity.rung(rung) for rung in rungs] == list(range(len(rungs)))
    assert all(fidelity.check(rung) == rung for rung in rungs)


def test_a_training_counts_at_the_rung_that_it_has_reached() -> None:
    fidelity = Fidelity("epochs", 1, 81)
    assert [fidelity.rung(value) for value in (0.5, 1, 2.9, 3, 80, 81, None)] == [-1, 0, 0, 1, 3, 4, 4]


def test_a_fidelity_survives_its_plain_form() -> None:
    fidelity = Fidelity("share", 0.1, 1, eta=2.5, log=False, resume=False)
    assert Fidelity.from_plain(fidelity.as_plain()) == fidelity


def test_trainers_get_whole_numbers_where_the_fidelity_is_one() -> None:
    assert [type(Fidelity("epochs", 1, 9).plain(value)) for value in (3.0, None)] == [int, int]
    assert Fidelity("share", 0.1, 1.0).plain(None) == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"low": 3, "high": 3}, "needs 0 < low < high"),
        ({"low": 0, "high": 3}, "needs 0 < low < high"),
        ({"low": 1, "high": 9, "eta": 1.0}, "`eta` must be above 1"),
        ({"low": 0.5, "high": 9, "integer": True}, "must be whole numbers"),
        ({"low": "1", "high": 9}, "`low` of a fidelity must be a finite number"),
        ({"low": 1, "high": 9, "resume": 1}, "`resume` of a fidelity must be true or false"),
    ],
)
def test_a_fidelity_that_cannot_be_meant_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Fidelity("epochs", **arguments)


def test_a_value_outside_of_the_range_is_refused() -> None:
    for value in (0.5, 82, True, "3", 2.5):
        with pytest.raises(InvalidInput, match=r"`fidelity` \(epochs\)"):
            Fidelity("epochs", 1, 81).check(value)
