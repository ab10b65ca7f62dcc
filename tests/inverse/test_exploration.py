import numpy as np
import pytest

from physai_inverse.forward import Dataset
from physai_inverse.inverse import propose
from physai_inverse.inverse.exploration import (
    PATIENCE,
    even_share,
    looks_elsewhere,
    trainings_without_progress,
    widened,
)
from physai_inverse.objective import as_objective
from physai_inverse.observations import Observation, TrialState
from physai_inverse.space import Float, Space
from physai_inverse.surrogates import GaussianProcess
from tests.fakes import Known, KnownSurrogate

LINE = Space(x=Float(0.0, 1.0))


def data_of(rows: list[dict[str, float] | None]) -> Dataset:
    return Dataset.from_observations(
        LINE,
        [
            Observation({"x": place / 100}, row, number=place)
            if row is not None
            else Observation({"x": place / 100}, state=TrialState.DIVERGED, number=place)
            for place, row in enumerate(rows)
        ],
    )


@pytest.mark.parametrize(
    ("objective", "rows", "expected"),
    [
        ("minimize a", [{"a": 3.0}, {"a": 2.0}, {"a": 1.0}], 0),
        ("minimize a", [{"a": 3.0}, {"a": 1.0}, {"a": 2.0}, {"a": 1.0}], 2),
        ("minimize a", [{"a": 3.0}, {"a": 1.0}, None, None], 2),
        ("maximize a", [{"a": 3.0}, {"a": 1.0}, {"a": 2.0}], 2),
        ("a = 2 +- 0.1", [{"a": 3.0}, {"a": 1.5}, {"a": 2.6}], 1),
        (["minimize a", "minimize b"], [{"a": 1.0, "b": 5.0}, {"a": 5.0, "b": 1.0}, {"a": 3.0, "b": 3.0}], 0),
        (["minimize a", "minimize b"], [{"a": 1.0, "b": 5.0}, {"a": 5.0, "b": 1.0}, {"a": 6.0, "b": 3.0}], 1),
        (["minimize a", "b <= 0"], [{"a": 1.0, "b": 5.0}, {"a": 9.0, "b": 1.0}, {"a": 0.5, "b": 3.0}], 1),
        (["minimize a", "b <= 0"], [{"a": 1.0, "b": 5.0}, {"a": 9.0, "b": -1.0}, {"a": 10.0, "b": -2.0}], 1),
        ("minimize a", [], 0),
        ("minimize unseen", [{"a": 1.0}], 0),
    ],
)
def test_progress_is_counted_as_it_is_wanted(
    objective: object, rows: list[dict[str, float] | None], expected: int
) -> None:
    assert trainings_without_progress(data_of(rows), as_objective(objective)) == expected


def test_the_longer_it_stalls_the_more_look_elsewhere() -> None:
    shares = [
        np.mean([looks_elsewhere(stalled, number) for number in range(60)])
        for stalled in (0, PATIENCE - 1, PATIENCE, 2 * PATIENCE)
    ]
    assert shares == pytest.approx([0, 0, 1 / 3, 1 / 2])


def test_a_search_that_stalls_leaves_its_basin() -> None:
    # The map is sure of a small gain near 0.2 and knows little beyond 0.6; nothing was gained for a while.
    model = Known(lambda u: (u[:, 0] - 0.2) ** 2, lambda u: np.where(u[:, 0] > 0.6, 0.1, 0.02))
    forward = KnownSurrogate({"a": model}).fit(data_of([{"a": 1.0}]), seed=0)
    objective = as_objective("minimize a")
    stalled = data_of([{"a": 0.04 + (place / 100 - 0.2) ** 2} for place in range(15, 35)])
    moving = data_of([{"a": 1.0 / (1.0 + place)} for place in range(20)])
    number = 24  # of those that look elsewhere
    kinds, places = [], []
    for data in (stalled, moving):
        [proposal] = propose(forward, data, objective, data.units[:0], numbers=[number], seed=0)
        kinds.append(proposal.kind)
        places.append(float(proposal.unit[0]))
    assert kinds == ["explore", "model"]
    assert places[0] > 0.6 > 0.4 > places[1]


def test_a_widened_map_keeps_its_means() -> None:
    forward = KnownSurrogate({"a": Known(lambda u: u[:, 0], 0.2)}).fit(data_of([{"a": 1.0}]), seed=0)
    points = np.linspace(0, 1, 5)[:, None]
    wide = widened(forward).model("a")
    np.testing.assert_allclose(wide.latent(points)[0], points[:, 0])
    np.testing.assert_allclose(wide.latent(points)[1], 0.6)
    np.testing.assert_allclose(np.diag(wide.joint(points)[1]), 0.36)


def test_even_points_come_only_where_the_map_explains_nothing() -> None:
    random = np.random.default_rng(0)
    objective = as_objective("minimize a")
    places = random.permutation(40) / 40

    def share(values: np.ndarray) -> float:
        rows = [Observation({"x": x}, {"a": y}) for x, y in zip(places.tolist(), values.tolist(), strict=True)]
        return even_share(GaussianProcess().fit(Dataset.from_observations(LINE, rows), seed=0), objective)

    assert share(np.sin(6 * places)) == 0.0
    assert share(random.standard_normal(40)) > 0.0
