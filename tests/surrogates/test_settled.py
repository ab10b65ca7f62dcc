from collections import OrderedDict

import numpy as np
import pytest

from physai_inverse.forward import Column
from physai_inverse.space import Float, Space
from physai_inverse.space.features import Features
from physai_inverse.surrogates import settled
from physai_inverse.surrogates.metric import MetricProcess, fit_metric
from physai_inverse.surrogates.settled import num_settled

FEATURES = Features(Space({name: Float(0.0, 1.0) for name in "ab"}))


def table(num: int, *, censored: bool = False) -> tuple[np.ndarray, Column]:
    """Draw rows whose extremes come first."""
    random = np.random.default_rng(0)
    units = FEATURES.space.snap(random.random((num, 2)))
    values = np.exp(np.sin(5.0 * units[:, 0]) + units[:, 1] + 0.1 * random.normal(size=num))
    values[:2] = 0.1, 20.0
    bounds = np.zeros(num, dtype=int)
    bounds[5:9] = int(censored)
    return units, Column(values, np.zeros(num), bounds)


def fitted(num: int, *, censored: bool = False) -> MetricProcess:
    """Fit the first rows."""
    units, column = table(180, censored=censored)
    part = Column(column.values[:num], column.errors[:num], column.censored[:num])
    return fit_metric(FEATURES, units[:num], part, seed=0)


def test_less_than_a_tenth_of_the_rows_is_left_out() -> None:
    for num in range(1, 3000, 7):
        values = np.zeros(num)
        assert 0.9 * num < num_settled(values) <= num
    assert [num_settled(np.zeros(num)) for num in (19, 63, 65, 128, 129, 143, 144, 330)] == [
        19,
        63,
        64,
        128,
        128,
        136,
        144,
        320,
    ]


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_new_extreme_renews_what_is_settled(sign: float) -> None:
    values = np.arange(143.0) % 5
    values[140] = sign * 9.0
    assert num_settled(values) == 141


@pytest.mark.parametrize("censored", [False, True])
def test_a_warm_process_fits_what_a_cold_one_does(monkeypatch: pytest.MonkeyPatch, censored: bool) -> None:
    points = np.random.default_rng(1).random((20, 2))
    monkeypatch.setattr(settled, "_remembered", OrderedDict())
    for num in (128, 133, 140, 143):
        warm = fitted(num, censored=censored)
    monkeypatch.setattr(settled, "_remembered", OrderedDict())
    cold = fitted(143, censored=censored)
    np.testing.assert_array_equal(warm.latent(points), cold.latent(points))
    np.testing.assert_array_equal(warm.posterior.lower, cold.posterior.lower)


def test_a_warm_process_settles_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settled, "_remembered", OrderedDict())
    fitted(144)
    monkeypatch.setattr(settled, "choose", None)  # calling it would raise
    fitted(151)
    with pytest.raises(TypeError, match="not callable"):
        fitted(152)


def test_a_late_result_among_the_first_rows_settles_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    units, column = table(150)
    others = np.delete(np.arange(150), 40)
    monkeypatch.setattr(settled, "_remembered", OrderedDict())
    early = Column(column.values[others], column.errors[others], column.censored[others])
    fit_metric(FEATURES, units[others], early, seed=0)
    late = fit_metric(FEATURES, units, column, seed=0)
    assert len(settled._remembered) == 2
    monkeypatch.setattr(settled, "_remembered", OrderedDict())
    in_time = fit_metric(FEATURES, units, column, seed=0)
    np.testing.assert_array_equal(late.posterior.weights, in_time.posterior.weights)


def test_no_more_is_remembered_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settled, "_remembered", OrderedDict())
    monkeypatch.setattr(settled, "MAX_REMEMBERED", 2)
    for num in (5, 6, 7, 8):
        fitted(num)
    assert len(settled._remembered) == 2
