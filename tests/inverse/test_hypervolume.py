"""The boxes, the volume and the improvement of the hypervolume, against sampling and by identities."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from physai_inverse.forward import AbstractMetricModel, AbstractWarp, ForwardMap, Scores
from physai_inverse.inverse.boxes import front_of, open_boxes, volume
from physai_inverse.inverse.hypervolume import HypervolumeImprovement, inferred_reference
from physai_inverse.inverse.improvement import log_expected_improvement
from physai_inverse.objective import Maximize, Minimize, Objective, Target, Wish
from physai_inverse.space import Float, Space

SPACE = Space(x=Float(0, 1), y=Float(0, 1))


@dataclass(frozen=True)
class Identity(AbstractWarp):
    def forward(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(values, dtype=float)

    def inverse(self, latent: NDArray[np.float64]) -> NDArray[np.float64]:
        return latent

    def log_slope(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.zeros_like(values)


@dataclass(frozen=True)
class Plane(AbstractMetricModel):
    """Mean `slopes @ u`, one standard deviation everywhere."""

    slopes: tuple[float, float]
    deviation: float = 0.3

    @property
    def warp(self) -> AbstractWarp:
        return Identity()

    @property
    def noise(self) -> float:
        return 0.1

    def latent(self, units: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return units @ np.array(self.slopes), np.full(len(units), self.deviation)

    def conditioned(self, units: NDArray[np.float64]) -> "Plane":  # noqa: ARG002  # nothing is learned
        return self

    def held_out(self) -> Scores:
        raise NotImplementedError


def improvement(
    wishes: Sequence[Wish], deviation: float = 0.3, reference: dict[str, float] | None = None
) -> HypervolumeImprovement:
    slopes = {"a": (1.0, 0.2), "b": (-1.0, 0.5), "c": (0.1, -1.0), "d": (0.4, 0.7)}
    models: dict[str, AbstractMetricModel] = {name: Plane(slope, deviation) for name, slope in slopes.items()}
    evaluated = np.random.default_rng(0).random((12, 2))
    objective = Objective(tuple(wishes), reference=reference or {})
    return HypervolumeImprovement.over(ForwardMap(SPACE, models), objective, objective.wishes, evaluated)


@pytest.mark.parametrize("wishes", [2, 3, 4])
def test_boxes_are_disjoint_and_fill_what_the_front_leaves(wishes: int) -> None:
    rng = np.random.default_rng(wishes)
    points = rng.normal(size=(12, wishes))
    front, reference = points[front_of(points)], np.full(wishes, -1.0)
    low, high = open_boxes(front, reference)
    probes = rng.uniform(-1.0, 3.0, size=(2000, wishes))
    inside = ((probes[:, None] > low) & (probes[:, None] <= high)).all(axis=2).sum(axis=1)
    beaten = (probes[:, None] <= front).all(axis=2).any(axis=1)
    assert (inside == np.where(beaten, 0, 1)).all()


@pytest.mark.parametrize("wishes", [1, 2, 3, 4])
def test_the_volume_is_what_the_boxes_leave_of_the_whole(wishes: int) -> None:
    points = np.random.default_rng(wishes).random((9, wishes))
    points[3] = points[2]  # a repeat adds nothing
    reference, top = np.full(wishes, 0.1), np.full(wishes, 1.5)
    low, high = open_boxes(points[front_of(points)], reference)
    left = np.prod(np.minimum(high, top) - low, axis=1).sum()
    assert volume(points, reference) == pytest.approx(np.prod(top - reference) - left)


def test_the_volume_of_steps_is_counted_by_hand() -> None:
    assert volume(np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0], [1.0, 1.0]]), np.zeros(2)) == 6.0
    assert volume(np.array([[-1.0, 3.0]]), np.zeros(2)) == 0.0


@pytest.mark.parametrize(
    "wishes",
    [
        (Minimize("a"), Minimize("b")),
        (Maximize("a"), Minimize("c"), Target("b", 0.1, 0.1)),
        (Minimize("a"), Maximize("b"), Minimize("c"), Minimize("d")),
    ],
)
def test_the_improvement_agrees_with_sampling(wishes: tuple[Wish, ...]) -> None:
    found = improvement(wishes)
    units = np.array([[0.2, 0.9], [0.7, 0.4]])
    rng = np.random.default_rng(1)
    before = volume(found.front, found.reference)
    for unit, log_value in zip(units, found(units), strict=True):
        gains = []
        for gain in found.gains:
            mean, deviation = gain.model.latent(unit[None])
            gains.append(gain.of(mean + deviation * rng.normal(size=1500)))
        sampled = [volume(np.vstack([found.front, each]), found.reference) - before for each in np.stack(gains, 1)]
        error = 4 * np.std(sampled) / np.sqrt(len(sampled))
        assert abs(np.exp(log_value) - np.mean(sampled)) < error


def test_the_improvement_is_finite_and_has_a_slope_where_it_underflows() -> None:
    found = improvement((Minimize("a"), Minimize("b")), deviation=1e-4)
    values = found(np.stack([np.linspace(0.0, 1.0, 7), np.full(7, 1.0)], axis=1))
    assert np.isfinite(values).all()
    assert values.min() < -1000
    assert len(set(values.tolist())) == 7


def test_a_set_reference_is_the_worst_that_counts() -> None:
    found = improvement((Minimize("a"), Minimize("b")), reference={"a": 0.25, "b": 9.0})
    assert found.reference.tolist() == [-0.25, -9.0]
    assert (found.front[:, 0] > -0.25).all()


def test_an_extreme_that_gains_hardly_anything_does_not_move_the_reference() -> None:
    steps = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    outlier = np.array([[1.001, -9.0]])
    assert np.allclose(
        inferred_reference(np.vstack([steps, outlier]), steps), inferred_reference(steps, steps), atol=0.01
    )


def test_one_wish_alone_would_be_the_expected_improvement() -> None:
    found = improvement((Minimize("a"),))
    units = np.array([[0.1, 0.1], [0.9, 0.5]])
    mean, deviation = found.gains[0].model.latent(units)
    assert np.allclose(found(units), log_expected_improvement(-mean, deviation, found.front.max()))
