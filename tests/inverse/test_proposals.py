"""Proposals: inside the space whatever it looks like, new, and the same for the same seed."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from physai_inverse.forward import Dataset
from physai_inverse.inverse import answer, propose, recommend
from physai_inverse.inverse.search import maximise
from physai_inverse.objective import AtMost, Minimize, Target, as_objective
from physai_inverse.observations import Observation, TrialState
from physai_inverse.space import Choice, Float, Integer, Space
from tests.fakes import Known, KnownSuccess, KnownSurrogate
from tests.strategies import spaces

quick = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])


def dataset(space: Space, num: int, seed: int = 0) -> Dataset:
    configs = space.sample(num, seed=seed)
    units = space.encode(configs)
    return Dataset.from_observations(
        space,
        [
            Observation(config, {"loss": float(unit.sum()), "size": float(unit[0])}, number=number)
            for number, (config, unit) in enumerate(zip(configs, units, strict=True))
        ],
    )


RECIPE = KnownSurrogate({"loss": Known(lambda u: u.sum(axis=1)), "size": Known(lambda u: u[:, 0])})
LOSS = as_objective(Minimize("loss"))


@quick
@given(spaces(), st.integers(0, 2**32), st.integers(0, 12))
def test_proposals_never_leave_the_space(space: Space, seed: int, num: int) -> None:
    data = dataset(space, num, seed)
    forward = RECIPE.fit(data, seed=0)
    pending = space.encode(space.sample(2, seed=seed + 1))
    proposed = propose(forward, data, LOSS, pending, numbers=range(num, num + 3), seed=seed)
    for config in space.decode(np.stack([item.unit for item in proposed])):
        assert space.check(config) == config


@quick
@given(spaces(), st.integers(0, 2**32))
def test_the_same_seed_and_data_give_the_same_proposals(space: Space, seed: int) -> None:
    data = dataset(space, 8, seed)
    forward = RECIPE.fit(data, seed=0)
    first, second = (propose(forward, data, LOSS, data.units[:0], numbers=[8, 9], seed=seed) for _ in range(2))
    assert [item.unit.tolist() for item in first] == [item.unit.tolist() for item in second]


def test_a_small_space_without_noise_is_used_up_before_anything_is_repeated() -> None:
    space = Space(a=Choice(["x", "y", "z"]), n=Integer(1, 4))
    recipe = KnownSurrogate({"loss": Known(lambda u: u.sum(axis=1), 0.1)})
    data = dataset(space, 0)
    seen: list[str] = []
    for number in range(12):
        forward = recipe.fit(data, seed=0) if len(data) else None
        [proposal] = propose(forward, data, LOSS, np.empty((0, 2)), numbers=[number], seed=1)
        config = space.decode(proposal.unit)
        seen.append(space.key(config))
        data = Dataset.from_observations(
            space,
            [
                Observation(c, {"loss": float(space.encode(c).sum())}, number=i)
                for i, c in enumerate([*space.decode(data.units), config])
            ],
        )
    assert len(set(seen)) == 12


def test_failed_and_pending_configurations_are_not_proposed_again() -> None:
    space = Space(a=Choice(["x", "y"]), n=Integer(1, 3))
    configs = [{"a": a, "n": n} for a in "xy" for n in (1, 2, 3)]
    data = Dataset.from_observations(
        space, [Observation(config, state=TrialState.FAILED, kind="bug") for config in configs[:4]]
    )
    proposed = propose(None, data, LOSS, space.encode(configs[4:5]), numbers=[5], seed=0)
    assert space.decode(proposed[0].unit) == configs[5]


def test_starts_keep_away_from_where_trainings_fail() -> None:
    space = Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0))
    data = Dataset.from_observations(
        space, [Observation({"x": 0.9, "y": 0.5}, state=TrialState.DIVERGED, number=number) for number in range(3)]
    )
    recipe = KnownSurrogate({}, KnownSuccess(lambda u: np.where(u[:, 0] < 0.2, 0.9, 0.05)))
    proposed = propose(recipe.fit(data, seed=0), data, LOSS, data.units[:0], numbers=range(3, 7), seed=0)
    points = np.stack([item.unit for item in proposed])
    assert (points[:, 0] < 0.2).all()
    assert np.ptp(points[:, 1]) > 0.5  # and still fill what is left


def test_a_batch_spreads_instead_of_herding() -> None:
    space = Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0))
    recipe = KnownSurrogate({"loss": Known(lambda u: ((u - 0.5) ** 2).sum(axis=1), 0.2)})
    data = dataset(space, 8)
    proposed = propose(recipe.fit(data, seed=0), data, LOSS, np.empty((0, 2)), numbers=range(8, 12), seed=0)
    points = np.stack([item.unit for item in proposed])
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)[np.triu_indices(4, 1)]
    assert distances.min() > 0.05


def test_the_search_finds_the_top_of_a_mixed_function() -> None:
    space = Space(
        x=Float(1e-4, 1.0, log=True), n=Integer(1, 200, log=True), kind=Choice(list("abcde")), y=Float(-1.0, 1.0)
    )
    best = space.encode({"x": 3e-3, "n": 17, "kind": "d", "y": 0.4})

    def function(units: np.ndarray) -> np.ndarray:
        return -np.asarray(((units - best) ** 2 * [1, 1, 4, 1]).sum(axis=1))

    points, values = maximise(function, space, np.empty((0, 4)), seed=0)
    config = space.decode(points[0])
    assert (config["n"], config["kind"]) == (17, "d")
    assert values[0] > -1e-4


def test_the_recommendation_is_the_best_by_the_map_not_the_luckiest_run() -> None:
    space = Space(x=Float(0.0, 1.0))
    points = [0.1, 0.3, 0.5, 0.9]
    measured = [0.12, 0.31, 0.52, 0.01]  # the last was lucky
    data = Dataset.from_observations(
        space,
        [
            Observation({"x": x}, {"loss": y}, number=i)
            for i, (x, y) in enumerate(zip(points, measured, strict=True))
        ],
    )
    forward = KnownSurrogate({"loss": Known(lambda u: u[:, 0], 0.05)}).fit(data, seed=0)
    chosen = recommend(forward, data, LOSS, seed=0)
    assert chosen.row == 0
    assert chosen.probability > 0.9


def test_the_recommendation_meets_the_limits_where_any_does() -> None:
    space = Space(x=Float(0.0, 1.0))
    data = Dataset.from_observations(
        space, [Observation({"x": x}, {"loss": x, "size": 1 - x}, number=i) for i, x in enumerate([0.1, 0.5, 0.9])]
    )
    recipe = KnownSurrogate({"loss": Known(lambda u: u[:, 0], 0.01), "size": Known(lambda u: 1 - u[:, 0], 0.01)})
    chosen = recommend(
        recipe.fit(data, seed=0), data, as_objective([Minimize("loss"), AtMost("size", 0.6)]), seed=0
    )
    assert chosen.row == 1
    assert chosen.probability > 0.99
    assert "size <= 0.6" in chosen.meaning


def inverse_case() -> tuple[Dataset, KnownSurrogate]:
    space = Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0))
    recipe = KnownSurrogate(
        {
            "loss": Known(lambda u: u.sum(axis=1), 0.02, noise_deviation=0.02),
            "size": Known(lambda u: u[:, 0], 0.01),
        }
    )
    return dataset(space, 12), recipe


def test_an_answer_promises_what_the_map_says() -> None:
    data, recipe = inverse_case()
    query = as_objective([Target("loss", 0.8, 0.1)])
    found = answer(recipe.fit(data, seed=0), data, query, 8, seed=0)
    assert found.reachable
    assert len(found.units) == 8
    sums = found.units.sum(axis=1)
    assert (np.abs(sums - 0.8) < 0.1).all()
    assert (found.probabilities > 0.5).all()
    assert (np.diff(found.probabilities) <= 0).all()


def test_an_answer_is_diverse_along_the_directions_that_do_not_matter() -> None:
    data, recipe = inverse_case()
    found = answer(recipe.fit(data, seed=0), data, as_objective([Target("loss", 0.8, 0.1)]), 8, seed=0)
    assert np.ptp(found.units[:, 0]) > 0.5


def test_what_cannot_be_reached_is_said_to_be_so() -> None:
    data, recipe = inverse_case()
    found = answer(recipe.fit(data, seed=0), data, as_objective([Target("loss", 5.0, 0.1)]), 3, seed=0)
    assert not found.reachable
    assert found.probabilities.max() < 0.01
    assert found.units.sum(axis=1) == pytest.approx(2.0, abs=0.2)  # as near as it goes
