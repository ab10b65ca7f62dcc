import numpy as np
import pytest

from physai_inverse.surrogates.prior_fitted.density import Mixture


@pytest.fixture
def mixture() -> Mixture:
    """Two mixtures of three normals, some narrow and some far away."""
    weights = np.array([[0.5, 0.3, 0.2], [0.05, 0.05, 0.9]])
    return Mixture(
        np.log(weights),
        np.array([[0.0, 1.0, -4.0], [2.0, 2.1, 0.0]]),
        np.array([[1.0, 0.01, 0.5], [1e-3, 0.1, 3.0]]),
    )


def test_the_density_integrates_to_one(mixture: Mixture) -> None:
    for row in range(2):
        one = mixture.take(np.array([row]))
        values = np.sort(np.concatenate([np.linspace(-25, 25, 20_001), np.linspace(0.9, 2.2, 40_001)]))
        wide = Mixture(*(np.repeat(getattr(one, name), len(values), 0) for name in one.__dataclass_fields__))
        assert np.trapezoid(np.exp(wide.log_density(values)), values) == pytest.approx(1.0, abs=1e-5)


def test_quantiles_invert_the_distribution(mixture: Mixture) -> None:
    levels = (1e-4, 0.05, 0.3, 0.5, 0.77, 0.95, 1 - 1e-4)
    quantiles = mixture.quantiles(levels)
    for place, level in enumerate(levels):
        np.testing.assert_allclose(mixture.below(quantiles[:, place]), level, atol=1e-6)
    assert (np.diff(quantiles, axis=1) > 0).all()


def test_moments_are_those_of_the_quantiles(mixture: Mixture) -> None:
    mean, deviation = mixture.moments()
    levels = (np.arange(4000) + 0.5) / 4000
    drawn = mixture.quantiles(levels.tolist())
    np.testing.assert_allclose(drawn.mean(axis=1), mean, atol=0.01)
    np.testing.assert_allclose(drawn.std(axis=1), deviation, rtol=0.01)


def test_a_moved_mixture_has_moved_moments(mixture: Mixture) -> None:
    mean, deviation = mixture.moments()
    factor, offset = np.array([2.0, 0.5]), np.array([1.0, -3.0])
    moved_mean, moved_deviation = mixture.moved(factor, offset).moments()
    np.testing.assert_allclose(moved_mean, factor * mean + offset, atol=1e-12)
    np.testing.assert_allclose(moved_deviation, factor * deviation)


def test_without_noise_a_normal_is_narrower_by_it_and_never_gone() -> None:
    one = Mixture(np.zeros((1, 1)), np.zeros((1, 1)), np.full((1, 1), 5.0))
    assert one.without(3.0).deviations[0, 0] == pytest.approx(4.0)
    assert one.without(9.0).deviations[0, 0] == pytest.approx(0.5)
