"""Who goes on: successive halving, the lowest rung's best, the one that promises most."""

import numpy as np

from physai_inverse.inverse.promotion import (
    Choice,
    Paused,
    expected_cost,
    halving,
    lowest,
    merits,
    open_rung,
    worthiest,
)
from physai_inverse.objective import AtMost, Minimize

RUNGS = (1.0, 3.0, 9.0, 27.0)


def step(below: int, rung: int) -> float:
    return RUNGS[rung] - (RUNGS[below] if below >= 0 else 0.0)


def anew(below: int, rung: int) -> float:  # noqa: ARG001
    return RUNGS[rung]


def test_halving_promotes_one_of_three_and_prefers_the_higher_rung() -> None:
    paused = [Paused(0, 0, 0.5), Paused(1, 0, 0.9), Paused(2, 0, 0.1)]
    assert halving([[0.5, 0.9], [], []], paused[:2], 3.0) == Choice(None, 0, "new")
    assert halving([[0.5, 0.9, 0.1], [], []], paused, 3.0) == Choice(1, 1, "promoted")
    higher = [*paused, Paused(3, 1, 0.2)]
    assert halving([[0.5, 0.9, 0.1], [0.2, 0.1, 0.15], []], higher, 3.0) == Choice(3, 2, "promoted")


def test_halving_waits_for_the_best_ones_rather_than_promote_others() -> None:
    merits_of_rung = [0.5, 0.9, 0.1]  # the best has gone on, the second is not among the best third
    assert halving([merits_of_rung, [0.9], []], [Paused(0, 0, 0.5)], 3.0).place is None


def test_lowest_trains_the_best_tenth_in_full() -> None:
    paused = [Paused(place, 0, float(place)) for place in range(10)]
    rung = [float(place) for place in range(10)]
    assert lowest([rung[:9], [], []], paused[:9]).place is None
    assert lowest([rung, [], []], paused) == Choice(9, 2, "promoted")
    assert lowest([rung, [], [9.0]], paused).place is None


def test_a_place_is_open_where_less_than_one_of_eta_has_gone_on() -> None:
    paused = [Paused(place, 0, 0.0) for place in range(3)]
    assert open_rung([[0.0] * 2, [], []], paused[:2], 3.0, 0) is None
    assert open_rung([[0.0] * 3, [], []], paused, 3.0, 0) == 0
    assert open_rung([[0.0] * 3, [0.0], []], paused[1:], 3.0, 0) is None
    assert open_rung([[0.0] * 3, [], []], paused, 3.0, 1) is None  # the lowest is not used any more


def test_the_place_goes_to_what_promises_most_and_one_of_ten_to_another() -> None:
    paused = [Paused(0, 0, 0.9, -5.0), Paused(1, 0, 0.1, -1.0), Paused(2, 1, 0.0, 9.0)]
    chosen = [worthiest(paused, 0, top=3, eta=3.0, cost=step, seed=seed) for seed in range(300)]
    audits = [item for item in chosen if item.why == "audit"]
    assert {item.place for item in chosen if item.why == "promoted"} == {1}
    assert {item.place for item in audits} == {0}
    assert 15 <= len(audits) <= 50


def test_a_training_goes_straight_up_where_steps_would_cost_more() -> None:
    paused = [Paused(0, 1, 0.0)]
    assert worthiest(paused, 1, top=3, eta=3.0, cost=step, seed=0).rung == 2
    assert expected_cost(1, 3, 1.2, anew) > anew(1, 3)
    assert worthiest(paused, 1, top=3, eta=1.2, cost=anew, seed=0).rung == 3


def test_what_meets_the_limits_comes_first() -> None:
    values = {"loss": np.array([0.1, 0.5, 0.9, 0.2]), "size": np.array([3.0, 0.5, 0.5, 2.0])}
    order = np.argsort(-merits(Minimize("loss") & AtMost("size", 1.0), values))
    assert order.tolist() == [1, 2, 3, 0]
    assert np.argmax(merits(Minimize("loss") & Minimize("size"), {**values, "loss": np.array([9, 0, 8, 7])})) == 1
