"""What trainings cost before the first has run, alone and in company."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from physai_inverse.forward import AbstractCostModel, Dataset, ForwardMap
from physai_inverse.inverse import ForeseenCost, propose
from physai_inverse.inverse.cost import AROUND, PAYS, SAVES, USUAL_COMPANY
from physai_inverse.objective import as_objective
from physai_inverse.space import Float, Space
from tests.fakes import Known

PLANE = Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0))
NOTHING = Dataset(PLANE, np.empty((0, 2)), {}, np.zeros(0, dtype=bool))


def growing(seconds: float) -> Known:
    """Give a log cost that grows tenfold along x."""
    return Known(lambda u: np.log(seconds) + np.log(10.0) * u[:, 0], 0.0)


def foreseen(alone: float = 1.0, own: float = 0.1, shared: float = 0.8) -> ForeseenCost:
    return ForeseenCost(growing(alone), growing(own), growing(shared))


def at(*x: float) -> np.ndarray:
    return np.array([[value, 0.5] for value in x])


def test_beside_others_a_training_pays_its_own_part_and_what_it_lasts_longer() -> None:
    beside = foreseen().beside(at(0.0, 0.5))
    longest = 0.8 * 10**0.5
    prices = np.exp(beside.log_price(at(0.0, 0.5, 1.0))) - AROUND
    assert prices == pytest.approx([0.1, 0.1 * 10**0.5, 1.0 + 8.0 - longest])
    assert np.exp(foreseen().log_price(at(0.0, 1.0))) - AROUND == pytest.approx([1.0, 10.0])


def test_company_never_costs_more_than_being_alone_and_large_ones_give_none() -> None:
    wide = foreseen(own=2.0)
    beside = replace(wide, longest=0.1)
    assert beside.log_price(at(0.3)) == pytest.approx(wide.log_price(at(0.3)))
    assert wide.beside(at(0.3)) is wide


def test_where_time_does_not_count_only_what_company_saves_has_a_price() -> None:
    saving = replace(foreseen(), saving=True)
    assert saving.log_price(at(0.0, 0.7)) == pytest.approx([0.0, 0.0])
    assert saving.beside(at(0.7)).log_price(at(0.0))[0] < -1.0


def test_a_batch_pays_where_it_makes_a_training_cheap_enough_not_to_wait() -> None:
    def at_share(share: float) -> ForeseenCost:
        wanted = share * (AROUND + 1.0) - AROUND  # of a training that takes a second alone
        return foreseen(own=wanted / 2, shared=USUAL_COMPANY * wanted / 2)

    assert at_share(PAYS - 0.01).pays(at(0.0))[0]
    assert not at_share(PAYS + 0.01).pays(at(0.0))[0]
    assert replace(at_share(SAVES - 0.01), saving=True).pays(at(0.0))[0]
    assert not replace(at_share(SAVES + 0.01), saving=True).pays(at(0.0))[0]


def starts(cost: AbstractCostModel | None, count: int = 6, *, fewer: bool = False) -> np.ndarray:
    forward = ForwardMap(PLANE, {}, cost=cost)
    found = propose(
        forward, NOTHING, as_objective("minimize y"), np.empty((0, 2)), numbers=range(count), seed=0, fewer=fewer
    )
    assert {item.kind for item in found} == {"start"}
    return np.array([item.unit for item in found])


def test_the_first_trainings_are_cheap_and_yet_apart() -> None:
    cheap, usual = starts(foreseen(shared=1e-9)), starts(None)
    assert (cheap[0] == usual[0]).all()  # the middle comes first
    assert cheap[1:, 0].mean() < usual[1:, 0].mean() - 0.1
    assert min(np.abs(one - other).max() for place, one in enumerate(cheap) for other in cheap[:place]) > 0.05


@dataclass(frozen=True)
class Joining(AbstractCostModel):
    """A price by which trainings left of a border join others.

    Args:
        border: in x.
    """

    border: float

    def log_price(self, units: np.ndarray) -> np.ndarray:
        return np.zeros(len(units))

    def pays(self, units: np.ndarray) -> np.ndarray:
        return np.asarray(units[:, 0] <= self.border)


def test_a_batch_ends_before_the_first_proposal_that_should_wait() -> None:
    whole = starts(Joining(1.0))
    assert (starts(Joining(1.0), fewer=True) == whole).all()
    assert (starts(Joining(-1.0), fewer=True) == whole[:1]).all()
    border = float(np.sort(whole[:, 0])[-2])  # only the rightmost waits, and all that would come after it
    place = int(whole[:, 0].argmax())
    assert place > 0
    assert (starts(Joining(border), fewer=True) == whole[:place]).all()
    assert len(starts(Joining(-1.0))) == 6  # a number that was asked for is given
