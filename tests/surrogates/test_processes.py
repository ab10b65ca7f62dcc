"""Rows left out of a process, those of which only a bound is known among them."""

import numpy as np
import pytest

from physai_inverse.surrogates.kernel import Covariance
from physai_inverse.surrogates.likelihood import Posterior, Rows
from physai_inverse.surrogates.processes import left_out
from tests.surrogates.problems import random_rows


def noisy(rows: Rows, covariance: Covariance) -> np.ndarray:
    return covariance.prior_variance + covariance.noise + rows.extra


@pytest.mark.parametrize("rough", [False, True])
@pytest.mark.parametrize("censored", [False, True])
def test_a_row_left_out_is_predicted_as_by_a_process_without_it(rough: bool, censored: bool) -> None:
    rows = random_rows(3, censored=censored)
    covariance = Covariance(np.full(3, 1.5), 1.2, 0.05, rough)
    mean, variance = left_out(Posterior.given(rows, covariance), noisy(rows, covariance), rows.values, rows.side)
    for row in range(len(rows)):
        others = Posterior.given(rows.take(np.delete(np.arange(len(rows)), row)), covariance)
        expected, free = others.moments(rows.features[row : row + 1])
        spread = free[0] + covariance.noise + rows.extra[row]
        # exact where all are values; the stand-ins of the other bounds move a little without the row
        tolerance = 0.2 * np.sqrt(spread) if censored else 1e-6
        assert mean[row] == pytest.approx(expected[0], abs=tolerance)
        assert variance[row] == pytest.approx(spread, rel=0.2 if censored else 1e-6)
