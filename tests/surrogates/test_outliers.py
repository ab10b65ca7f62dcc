from dataclasses import replace

import numpy as np
import pytest

from physai_inverse.surrogates import GaussianProcess
from physai_inverse.surrogates.kernel import Covariance
from physai_inverse.surrogates.likelihood import Posterior, Rows
from physai_inverse.surrogates.outliers import doubts, doubts_against
from tests.surrogates.problems import cube, dataset, smooth

AT = Covariance(np.full(2, 0.5), 1.0, 0.01)


def rows(num: int) -> Rows:
    """Draw a smooth function with a little noise, and one value that is far off: the last."""
    random = np.random.default_rng(0)
    features = random.random((num, 2)) - 0.5
    values = np.sin(4.0 * features[:, 0]) + features[:, 1] + 0.05 * random.normal(size=num)
    values[-1] += 3.0
    return Rows(features, np.arange(2), values, np.zeros(num), np.zeros(num, dtype=int))


def test_a_part_of_the_rows_doubts_what_is_far_off_and_nothing_else() -> None:
    table = rows(120)
    by_all = doubts(table, Posterior.given(table, AT))
    by_few = doubts_against(table, Posterior.given(table.take(np.arange(60)), AT))
    assert list(np.flatnonzero(by_few)) == [119]
    assert by_few[-1] == pytest.approx(by_all[-1], rel=0.2)


def test_nothing_is_doubted_where_rows_are_censored() -> None:
    table = rows(40)
    censored = replace(table, side=np.where(np.arange(40) == 0, 1, 0))
    assert not doubts_against(censored, Posterior.given(table.take(np.arange(20)), AT)).any()


def test_an_outlier_among_many_rows_moves_nothing() -> None:
    space = cube(2)
    units = space.snap(np.random.default_rng(0).random((400, 2)))
    values = smooth(units)
    spoilt = values.copy()
    spoilt[np.arange(10, 400, 97)] += 100.0
    points = space.snap(np.random.default_rng(1).random((50, 2)))
    model = GaussianProcess().fit(dataset(space, units, spoilt), seed=0).model("y")
    median = model.predict(points).quantiles[0.5]
    assert np.sqrt(np.mean((median - smooth(points)) ** 2)) < 0.05 * values.std()
