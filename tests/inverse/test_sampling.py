"""The weighted sample against brute force: the normalised density over spaces of every kind."""

from collections.abc import Callable

import numpy as np
import pytest

from physai_inverse.inverse.posterior import ConfigPosterior
from physai_inverse.inverse.sampling import LEAST_LOG, Sample, effective_number, sample_density
from physai_inverse.space import Choice, Float, Integer, Ordinal, Shares, Space
from physai_inverse.space.sampling import sample_cube, sample_units

LINE = Space(a=Float(0.0, 1.0))
SQUARE = Space(a=Float(0.0, 1.0), b=Float(0.0, 1.0))
MIXED = Space(
    width=Integer(1, 64, log=True),
    kind=Choice(["x", "y", "z"]),
    boost=Float(0.0, 1.0, when={"kind": "y"}),
    depth=Ordinal([1, 2, 4, 8]),
    constraints=["width <= 40"],
)
Density = Callable[[np.ndarray], np.ndarray]


def two_peaks(u: np.ndarray) -> np.ndarray:
    first, second = (-0.5 * ((u[:, 0] - place) / 0.01) ** 2 for place in (0.2, 0.9))
    return np.asarray(np.logaddexp(first, np.log(0.5) + second))


def valley(u: np.ndarray) -> np.ndarray:
    return np.asarray(-0.5 * ((u[:, 0] - u[:, 1]) / 0.01) ** 2 - 0.5 * ((u[:, 0] - 0.7) / 0.1) ** 2)


def mixed(u: np.ndarray) -> np.ndarray:
    kind = MIXED.free[1].places(u[:, 1])  # type: ignore[union-attr]  # a choice
    value = np.array([0.0, 1.0, 4.0])[kind] - 6.0 * (kind == 1) * u[:, 2]
    return np.asarray(3.0 * (value - 8.0 * np.abs(u[:, 0] - 0.6) - 5.0 * np.abs(u[:, 3] - 0.3)))


def brute_force(space: Space, density: Density, num: int = 200_000) -> tuple[np.ndarray, np.ndarray, float]:
    """Points of the prior, their normalised weights, and the log of the mean density."""
    points = sample_units(space, num, seed=99, method="additive")
    weights = np.exp(density(points))
    return points, weights / weights.sum(), float(np.log(weights.mean()))


@pytest.mark.parametrize(
    ("space", "density"),
    [(LINE, two_peaks), (SQUARE, valley), (MIXED, mixed)],
    ids=["a line with two peaks", "a narrow valley", "conditional, discrete and constrained"],
)
def test_a_sample_has_the_moments_and_the_normaliser_of_its_density(space: Space, density: Density) -> None:
    found = sample_density(density, space, seed=0)
    points, weights, log_mean = brute_force(space, density)
    mean, spread = weights @ points, np.sqrt(weights @ (points - weights @ points) ** 2)
    own = found.weights @ found.units
    own_spread = np.sqrt(found.weights @ (found.units - own) ** 2)
    assert (np.abs(own - mean) < 0.1 * spread + 1e-3).all()
    assert own_spread == pytest.approx(spread, rel=0.15, abs=2e-3)
    assert found.log_mean == pytest.approx(log_mean, abs=0.2)


def test_every_configuration_of_a_small_space_gets_its_share() -> None:
    space = Space(a=Choice(["x", "y", "z"]), n=Integer(1, 3, log=True))

    def density(u: np.ndarray) -> np.ndarray:
        return np.asarray(-4.0 * u[:, 0] - 3.0 * u[:, 1])

    found = sample_density(density, space, seed=1)
    points, weights, _ = brute_force(space, density)
    for unit, weight in zip(found.units, found.weights, strict=True):
        assert weight == pytest.approx(weights[(points == unit).all(axis=1)].sum(), abs=0.01)
    assert found.weights.sum() == pytest.approx(1.0)


def test_a_ridge_is_sampled_along_its_length() -> None:
    found = sample_density(lambda u: -0.5 * ((u[:, 0] + u[:, 1] - 1.0) / 0.002) ** 2, SQUARE, seed=0)
    low, high = np.interp((0.05, 0.95), np.cumsum(found.weights), np.sort(found.units[:, 0]))
    assert low < 0.1
    assert high > 0.9
    assert np.sqrt(found.weights @ (found.units.sum(axis=1) - 1.0) ** 2) == pytest.approx(0.002, rel=0.15)


def test_a_sample_for_less_effort_is_smaller_and_of_the_same_density() -> None:
    full, cheap = (sample_density(valley, SQUARE, seed=0, effort=effort) for effort in (1.0, 0.1))
    assert len(cheap.units) < 0.4 * len(full.units)
    assert cheap.log_mean == pytest.approx(full.log_mean, abs=0.4)
    assert cheap.weights @ cheap.units == pytest.approx(full.weights @ full.units, abs=0.03)


def test_a_density_that_is_nowhere_gives_the_prior_and_no_mass() -> None:
    found = sample_density(lambda u: np.full(len(u), -np.inf), SQUARE, seed=0)
    assert found.log_mean == pytest.approx(LEAST_LOG)
    assert found.weights @ found.units == pytest.approx([0.5, 0.5], abs=0.02)


def test_the_same_seed_gives_the_same_sample() -> None:
    first, second, other = (sample_density(valley, SQUARE, seed=seed) for seed in (3, 3, 4))

    def same(one: Sample, two: Sample) -> bool:
        return np.array_equal(one.units, two.units) and np.array_equal(one.weights, two.weights)

    assert same(first, second)
    assert not same(first, other)


def test_the_effective_number_of_equal_weights_is_their_count_and_of_one_weight_one() -> None:
    assert effective_number(np.full(7, -3.0)) == pytest.approx(7.0)
    assert effective_number(np.array([0.0, -1e3])) == pytest.approx(1.0)


def test_points_of_the_cube_snap_to_the_units_of_the_same_seed() -> None:
    for method in ("uniform", "additive"):
        raw = sample_cube(MIXED, 50, seed=5, method=method)
        assert np.array_equal(MIXED.snap(raw), sample_units(MIXED, 50, seed=5, method=method))
        assert len(np.unique(raw[:, 1])) == 50  # a category is not in the middle of its cell yet


def test_a_power_of_a_share_gives_the_moments_of_the_dirichlet_distribution() -> None:
    space = Space(mixture=Shares(["a", "b", "c", "d"]))
    sample = sample_density(lambda u: 20.0 * np.log(np.maximum(u[:, 0], 1e-300)), space, seed=0)
    assert sample.units.sum(axis=1) == pytest.approx(np.ones(len(sample.units)))
    mean = sample.weights @ sample.units
    assert mean == pytest.approx([21 / 24, 1 / 24, 1 / 24, 1 / 24], abs=0.01)
    variance = sample.weights @ (sample.units - mean) ** 2
    assert variance[0] == pytest.approx(21 * 3 / (24**2 * 25), rel=0.25)
    # The mean of a**20 under Dirichlet(1, 1, 1, 1): 20! 3! / 23!.
    assert sample.log_mean == pytest.approx(np.log(6 / (23 * 22 * 21)), abs=0.25)


def test_a_query_that_says_nothing_leaves_all_of_a_mixture_and_tells_no_correlation() -> None:
    for count in (3, 17):
        space = Space(mixture=Shares([f"part_{place}" for place in range(count)]))
        posterior = ConfigPosterior.from_sample(space, sample_density(lambda u: np.zeros(len(u)), space, seed=0))
        assert min(marginal.remaining for marginal in posterior.marginals) > 0.9
        assert posterior.correlations == ()
