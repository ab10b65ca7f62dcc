import numpy as np
import pytest
from scipy import special

from physai_inverse.normal import erfcx, log_ndtr, ndtr, ndtri

FAR = np.concatenate([np.linspace(0.0, 12.0, 4001), np.logspace(1.0, 300.0, 600)])


def test_erfcx_is_that_of_scipy() -> None:
    np.testing.assert_allclose(erfcx(FAR), special.erfcx(FAR), rtol=5e-15)
    assert erfcx(np.array([np.inf]))[0] == 0.0


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_probabilities_and_their_logarithms_are_those_of_scipy(sign: float) -> None:
    near = sign * FAR[FAR < 37.0]
    np.testing.assert_allclose(ndtr(near), special.ndtr(near), rtol=2e-13, atol=1e-300)
    far = sign * FAR[FAR < 1e150]
    np.testing.assert_allclose(log_ndtr(far), special.log_ndtr(far), rtol=2e-13, atol=1e-300)


def test_infinities_are_certain_or_impossible() -> None:
    ends = np.array([-np.inf, np.inf])
    assert list(ndtr(ends)) == [0.0, 1.0]
    assert list(log_ndtr(ends)) == [-np.inf, 0.0]


def test_nan_stays() -> None:
    for function in (erfcx, ndtr, log_ndtr):
        assert np.isnan(function(np.array([np.nan]))[0])


def test_quantiles_undo_probabilities() -> None:
    probability = np.linspace(0.001, 0.999, 97)
    np.testing.assert_allclose(ndtr(ndtri(probability)), probability, rtol=1e-13)
