import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from physai_inverse.surrogates.warp import AbstractShape, Linear, Log, Logit, Tail, Tails, Warp, resolution, shapes

INSIDE = np.array([0.01, 0.2, 0.45, 0.5, 0.51, 0.7, 0.93])
SHAPES = [Linear(), Log(), Log(0.05), Logit(), Tail(0.3, 0.05), Tail(0.6, 0.2, -1), Tails(0.4, 0.1)]
samples = st.lists(st.floats(-1e6, 1e6).map(lambda value: round(value, 6)), min_size=8, max_size=30, unique=True)


def fitted(shape: AbstractShape) -> Warp:
    warp = Warp.fitted(shape, INSIDE)
    assert warp is not None
    return warp


@pytest.mark.parametrize("shape", SHAPES)
def test_inverse_undoes_forward(shape: AbstractShape) -> None:
    warp = fitted(shape)
    np.testing.assert_allclose(warp.inverse(warp.forward(INSIDE)), INSIDE, rtol=1e-10)


@pytest.mark.parametrize("shape", SHAPES)
def test_latent_values_are_standardised(shape: AbstractShape) -> None:
    latent = fitted(shape).forward(INSIDE)
    assert latent.mean() == pytest.approx(0.0, abs=1e-10)
    assert latent.std() == pytest.approx(1.0)


@pytest.mark.parametrize("shape", SHAPES)
def test_log_slope_is_that_of_finite_differences(shape: AbstractShape) -> None:
    warp, step = fitted(shape), 1e-7
    slope = (warp.forward(INSIDE + step) - warp.forward(INSIDE - step)) / (2 * step)
    np.testing.assert_allclose(warp.log_slope(INSIDE), np.log(slope), atol=1e-5)


@given(samples)
def test_every_candidate_increases_and_comes_back(values: list[float]) -> None:
    ordered = np.sort(np.array(values))
    for shape in shapes(ordered):
        warp = Warp.fitted(shape, ordered)
        if warp is None:
            continue
        latent = warp.forward(ordered)
        assert (np.diff(latent) >= 0).all()
        width = ordered[-1] - ordered[0]
        np.testing.assert_allclose(warp.inverse(latent), ordered, rtol=1e-7, atol=1e-7 * width)


@given(samples, st.floats(-1e308, 1e308))
def test_inverse_is_finite_everywhere(values: list[float], latent: float) -> None:
    array = np.array(values)
    for shape in shapes(array):
        warp = Warp.fitted(shape, array)
        assert warp is None or np.isfinite(warp.inverse(np.array([latent, -latent]))).all()


@pytest.mark.parametrize(
    "values",
    [
        [1e-300, 1.0, 1e300],
        [-1e308, 0.0, 1e308],
        [1e-310, 2e-310, 3e-310],
        [5.0, 5.0],
        [0.0, 0.0],
        [-1e-300, 1e-300],
    ],
)
def test_extreme_values_have_a_linear_warp(values: list[float]) -> None:
    array = np.array(values)
    warp = Warp.fitted(Linear(), array)
    assert warp is not None
    assert np.isfinite(warp.forward(array)).all()
    np.testing.assert_allclose(
        warp.inverse(warp.forward(array)) / 4, array / 4, atol=1e-9 * np.max(np.abs(array / 4)) + 1e-300
    )


def test_a_value_where_the_metric_cannot_go_is_infinite() -> None:
    assert fitted(Log()).forward(np.array([-1.0, 0.0])).tolist() == [-np.inf, -np.inf]
    assert fitted(Logit()).forward(np.array([0.0, 1.0])).tolist() == [-np.inf, np.inf]


@pytest.mark.parametrize("zero", [0.0, 6e-17])
def test_zeros_but_for_rounding_lie_one_octave_below_the_least_value_that_says_something(zero: float) -> None:
    values = np.array([zero, 0.01, zero, 0.3, 0.5, 0.8, 1.0])
    assert resolution(values) == 0.01
    (log,) = (shape for shape in shapes(values) if isinstance(shape, Log))
    assert log.forward(values)[1] - log.forward(values)[0] == pytest.approx(np.log(2.0))


def test_next_to_zeros_less_than_a_thousandth_of_the_larger_values_says_little() -> None:
    assert resolution(np.array([0.0, 1e-9, 0.5, 1.0, 1.0, 1.0])) == pytest.approx(1e-3)


@pytest.mark.parametrize(
    "values",
    [10.0 ** np.linspace(-20.0, 1.0, 30), np.array([1e-6, 2.0, 3.0]), np.array([-1.0, 0.0, 1.0]), np.zeros(4)],
)
def test_values_over_many_decades_and_of_both_signs_hold_no_rounded_zeros(values: np.ndarray) -> None:
    assert resolution(values) == 0.0


@given(samples.map(np.abs))
def test_without_zeros_the_logarithm_is_the_plain_one(values: np.ndarray) -> None:
    assert all(shape == Log() for shape in shapes(values + 1e-6) if isinstance(shape, Log))
