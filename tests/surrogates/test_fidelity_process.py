"""A metric over rungs: what one rung tells of the next, in closed form."""

from collections.abc import Callable

import numpy as np
import pytest

from physai_inverse.forward import Dataset
from physai_inverse.observations import Observation
from physai_inverse.space import Float, Space
from physai_inverse.surrogates import GaussianProcess
from physai_inverse.surrogates.fidelity_process import RungProcess, fit_rungs
from physai_inverse.surrogates.fidelity_scale import Level
from physai_inverse.surrogates.fidelity_step import OFFSET, SLOPE, fit_step

SPACE = Space(x=Float(0.0, 1.0), y=Float(0.0, 1.0))


def data(curve: Callable[[np.ndarray, int], np.ndarray], counts: tuple[int, ...]) -> tuple[Dataset, np.ndarray]:
    """The first so many of some configurations at each rung."""
    points = np.random.default_rng(0).random((max(counts), 2))
    rows, rungs = [], []
    for rung, count in enumerate(counts):
        for point, value in zip(points[:count], curve(points[:count], rung), strict=True):
            rows.append(Observation({"x": float(point[0]), "y": float(point[1])}, {"loss": float(value)}))
            rungs.append(rung)
    return Dataset.from_observations(SPACE, rows), np.array(rungs)


def model(curve: Callable[[np.ndarray, int], np.ndarray], counts: tuple[int, ...]) -> RungProcess:
    table, rungs = data(curve, counts)
    made = fit_rungs(GaussianProcess(), table, rungs, "loss", rungs_used=range(len(counts)), seed=0)
    assert isinstance(made, RungProcess)
    return made


def parallel(points: np.ndarray, rung: int) -> np.ndarray:
    return np.asarray(np.sin(3 * points[:, 0]) + points[:, 1] ** 2 - 5.0 * rung)


def crossing(points: np.ndarray, rung: int) -> np.ndarray:
    return parallel(points, 0) if rung == 0 else -0.2 * parallel(points, 0) + 10.0


def test_an_offset_between_rungs_costs_nothing() -> None:
    made = model(parallel, (24, 5))
    fresh = np.random.default_rng(1).random((50, 2))
    mean, deviation = made.latent(fresh)
    found = made.warp.inverse(mean)
    assert np.abs(found - parallel(fresh, 1)).max() < 0.3
    assert made.correlation(-1.0) > 0.9
    assert (deviation > 0).all()


def test_a_paused_configuration_enters_with_what_it_measured() -> None:
    made = model(parallel, (24, 5))
    paused, near = made.units[5:], made.units[5:] + 1e-4
    value = made.warp.inverse(made.latent(paused)[0])
    assert np.abs(value - parallel(paused, 1)).max() < 0.2
    assert (made.latent(paused)[1] <= made.latent(near)[1] + 1e-9).all()


def test_rungs_that_rank_the_wrong_way_round_are_noticed() -> None:
    made = model(crossing, (24, 10))
    assert made.correlation(-1.0) < 0
    fresh = np.random.default_rng(2).random((50, 2))
    found = made.warp.inverse(made.latent(fresh)[0])
    assert np.corrcoef(found, crossing(fresh, 1))[0, 1] > 0.9


def test_curves_that_cross_by_a_rule_are_learned_from_the_configuration() -> None:
    def by_rule(points: np.ndarray, rung: int) -> np.ndarray:
        return np.asarray(parallel(points, 0) + 1.5 * rung * np.cos(4 * points[:, 0]))

    made = model(by_rule, (40, 20))
    fresh = np.random.default_rng(3).random((50, 2))
    found = made.warp.inverse(made.latent(fresh)[0])
    assert np.corrcoef(found, by_rule(fresh, 1))[0, 1] > 0.95


def test_a_step_is_the_gaussian_conditional_of_its_covariance() -> None:
    rng = np.random.default_rng(4)
    points, before = rng.random((6, 2)), rng.normal(size=6)
    after = before + 0.3 * rng.normal(size=6)
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    step = fit_step(distances, points, before, np.zeros(6), after)
    there, z = rng.random((3, 2)), rng.normal(size=3)
    across = np.linalg.norm(there[:, None] - points, axis=2)
    mean, variance = step.climb(across, np.zeros((3, 6), dtype=bool), z, np.zeros(3))

    def matern(d: np.ndarray) -> np.ndarray:
        s = np.sqrt(5.0) * d
        return np.asarray((1 + s + s**2 / 3) * np.exp(-s))

    prior = np.diag([(step.size * OFFSET) ** 2, (step.size * SLOPE) ** 2])
    H, G = (np.stack([np.ones(len(v)), v - step.centre], axis=1) for v in (before, z))
    first, second = np.zeros(3), np.zeros(3)
    for member in step.members:
        s2, w = member.deviation**2, member.smooth
        C = s2 * (w * matern(distances) + (1 - w) * np.eye(6)) + H @ prior @ H.T + 1e-8 * np.eye(6)
        k = s2 * w * matern(across) + G @ prior @ H.T
        m = z + k @ np.linalg.solve(C, after - before)
        v = s2 * (w + 0.5 * (1 - w)) + np.diag(G @ prior @ G.T) - np.diag(k @ np.linalg.solve(C, k.T))
        first += member.weight * m
        second += member.weight * (v + m**2)
    assert mean == pytest.approx(first, abs=1e-6)
    assert variance == pytest.approx(second - first**2, abs=1e-6)


def test_without_a_training_on_the_upper_rung_the_lower_one_ranks() -> None:
    made = model(parallel, (24, 0))
    assert made.steps == ()
    assert made.correlation(-1.0) == 1.0


def test_held_out_scores_are_of_the_highest_rung() -> None:
    made = model(parallel, (24, 12))
    scores = made.held_out()
    assert scores.rows == 12
    assert scores.rank_correlation > 0.9


def test_pending_points_shrink_the_variance_around_them() -> None:
    made = model(parallel, (24, 5))
    point = np.array([[0.5, 0.5]])
    known = made.conditioned(point)
    assert known.latent(point)[0] == pytest.approx(made.latent(point)[0])
    assert known.latent(point)[1][0] < 0.1 * made.latent(point)[1][0]


@pytest.mark.parametrize("log", [True, False])
def test_the_scale_of_a_rung_is_a_warp(log: bool) -> None:
    level = Level(log, 2.5, -1.0)
    values = np.array([0.1, 1.0, 7.0])
    assert level.inverse(level.forward(values)) == pytest.approx(values)
    slope = (level.forward(values * (1 + 1e-6)) - level.forward(values)) / (values * 1e-6)
    assert np.exp(level.log_slope(values)) == pytest.approx(slope, rel=1e-4)
