"""The search on mixtures: it reaches corners, edges and the inside, and never leaves the simplex."""

import numpy as np
import pytest

from physai_inverse.inverse.search import maximise, vary
from physai_inverse.seeds import generator
from physai_inverse.space import Float, Shares, Space

NONE = np.empty((0, 18))


def many() -> Space:
    return Space(mixture=Shares([f"part_{place}" for place in range(17)]), lr=Float(0.0, 1.0))


@pytest.mark.parametrize(
    "shares",
    [{3: 1.0}, {3: 0.9, 7: 0.07, 11: 0.03}, {0: 0.4, 1: 0.3, 2: 0.2, 16: 0.1}, dict.fromkeys(range(17), 1 / 17)],
    ids=["corner", "edge", "face", "middle"],
)
def test_the_best_mixture_is_found_wherever_it_lies(shares: dict[int, float]) -> None:
    space, wanted = many(), np.zeros(18)
    wanted[list(shares)] = list(shares.values())
    wanted[17] = 0.3
    points, values = maximise(lambda units: -((units - wanted) ** 2).sum(axis=1), space, NONE, seed=0)
    assert np.abs(points[0] - wanted).max() < 0.02
    assert values[0] == pytest.approx(-((points[0] - wanted) ** 2).sum())


def test_variations_of_a_mixture_are_mixtures_and_lose_whole_parts() -> None:
    space = many()
    points = space.encode(space.sample(64, seed=0))
    moved = vary(space, np.repeat(points, 8, axis=0), 0.1, generator(0, "search"))
    assert np.array_equal(space.snap(moved), moved)
    assert moved[:, :17].sum(axis=1) == pytest.approx(np.ones(512))
    assert (moved[:, :17] == 0).sum() > 8 * (points[:, :17] == 0).sum()


def test_variations_keep_the_constraints_on_shares() -> None:
    space = Space(mixture=Shares(["a", "b", "c"], least=0.05), constraints=["a <= 0.3"])
    points = space.encode(space.sample(64, seed=0))
    assert space.feasible(vary(space, points, 0.2, generator(0, "search"))).all()
